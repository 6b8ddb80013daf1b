# SPDX-License-Identifier: Apache-2.0
"""Resumable experiments: each cell trains a bundle with some keys changed, evaluates it, and is done once."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigWorkflow

from ..._typing import PathLike
from ...io.write import write_text
from .run_record import recorded_run

__all__ = ["cell_result", "open_cell", "run_cell", "run_workflow"]

logger = logging.getLogger(__name__)


def cell_result(folder: PathLike) -> dict[str, Any] | None:
    """Metrics of a finished cell, or None.

    Parameters
    ----------
    folder : path
        The cell's folder, with ``metrics.json`` when it is finished.

    Examples
    --------
    >>> cell_result("absent") is None
    True
    """
    file = Path(folder) / "metrics.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def open_cell(folder: PathLike, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Make a cell's folder with ``options.json``, or see that it was made with the same options.

    Parameters
    ----------
    folder : path
    overrides : mapping
        Keys and their values.

    Returns
    -------
    dict
        The overrides as they come back from JSON.

    Raises
    ------
    ValueError
        If the cell was begun with other overrides.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     open_cell(place, {"size": (8, 8)})
    {'size': [8, 8]}
    """
    options: dict[str, Any] = json.loads(json.dumps(dict(overrides)))
    record = Path(folder) / "options.json"
    if not record.is_file():
        write_text(record, json.dumps(options, indent=2) + "\n")
    elif json.loads(record.read_text(encoding="utf-8")) != options:
        msg = f"{folder} holds a run with other options: {record.read_text(encoding='utf-8').strip()}"
        raise ValueError(msg)
    return options


def run_cell(
    bundle: PathLike,
    *,
    folder: PathLike,
    overrides: Mapping[str, Any],
    run_id: str = "training",
    weights: str = "model.pt",
) -> dict[str, Any]:
    """Train and evaluate a bundle in a folder of its own; a finished cell is only read.

    Parameters
    ----------
    bundle : path
        Bundle folder.
    folder : path
        Receives checkpoints, history, table, metrics and ``run.json`` (minutes, hardware, versions). A run that was
        stopped goes on where it was.
    overrides : mapping
        Keys of ``train.json`` and their values.
    run_id : str
        Of ``train.json``: what trains.
    weights : str
        What that leaves in the folder, to be evaluated.

    Returns
    -------
    dict
        The content of ``metrics.json``.

    Raises
    ------
    ValueError
        If the cell was finished with other overrides.
    """
    folder, configs = Path(folder), Path(bundle) / "configs"
    options = open_cell(folder, overrides)
    done = cell_result(folder)
    if done is not None:
        logger.info("%s is finished", folder.name)
        return done
    places = {"bundle_root": str(bundle), "ckpt_dir": str(folder), "output_dir": str(folder)}
    with recorded_run(folder / "run.json"):
        run_workflow([configs / "train.json"], run_id, {**options, **places, "resume": True})
    trained = {"weights": str(folder / weights)}
    run_workflow([configs / "train.json", configs / "evaluate.json"], "evaluating", {**options, **places, **trained})
    result = cell_result(folder)
    assert result is not None
    return result


def run_workflow(files: Sequence[Path], run_id: str, overrides: Mapping[str, Any]) -> None:
    """Run one run id of a bundle's training workflow in this process.

    Parameters
    ----------
    files : sequence of Path
        Configuration and overlays.
    run_id : str
        For example ``"training"``.
    overrides : mapping
        Keys and their values.
    """
    workflow = ConfigWorkflow(
        [str(file) for file in files], workflow_type="train", run_id=run_id, logging_file=False, **overrides
    )
    workflow.initialize()
    workflow.run()
    workflow.finalize()
