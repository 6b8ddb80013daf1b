# SPDX-License-Identifier: Apache-2.0
"""Resumable experiments: each cell trains a bundle with some keys changed, evaluates it, and is done once."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigWorkflow

from ..._errors import UserError
from ..._paths import config_text
from ..._typing import PathLike
from ...io.config_json import read_json
from ...io.write import write_text
from ..training.command import Command, running
from .run_record import recorded_run

logger = logging.getLogger(__name__)


def cell_result(folder: PathLike) -> dict[str, Any] | None:
    """Metrics of a finished cell, or None."""
    file = Path(folder) / "metrics.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def open_cell(folder: PathLike, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Make a cell's folder with ``options.json``, or see that it was made with the same options."""
    options: dict[str, Any] = json.loads(json.dumps(dict(overrides)))
    record = Path(folder) / "options.json"
    if not record.is_file():
        write_text(record, json.dumps(options, indent=2) + "\n")
    elif json.loads(record.read_text(encoding="utf-8")) != options:
        raise UserError(f"{folder} holds a run with other options: {record.read_text(encoding='utf-8').strip()}")
    return options


def run_cell(
    bundle: PathLike, *, folder: PathLike, overrides: Mapping[str, Any], run_id: str = "training"
) -> dict[str, Any]:
    """Train a bundle into a run folder and evaluate it there; a finished cell is only read."""
    folder = Path(folder).absolute()
    options = open_cell(folder, overrides)
    done = cell_result(folder)
    if done is not None:
        logger.info("%s is finished", folder.name)
        return done
    with recorded_run(folder / "run.json"):
        run_workflow([Path(bundle) / "configs" / "train.json"], run_id, training_keys(bundle, folder, options))
    evaluate_run(folder, {"output_dir": str(folder)})
    result = cell_result(folder)
    assert result is not None
    return result


def training_keys(bundle: PathLike, folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a training that continues in a folder of its own; those that only evaluate.json has are left out."""
    known = read_json(Path(bundle) / "configs" / "train.json")
    mine = {key: value for key, value in options.items() if re.split("::|#", key)[0].lstrip("+") in known}
    return {**mine, "bundle_root": str(bundle), "run_dir": str(folder), "resume": True}


def evaluate_run(run: Path, overrides: Mapping[str, Any]) -> None:
    """Evaluate a run folder with its own configuration."""
    run_workflow([run / "configs" / name for name in ("train.json", "evaluate.json")], "evaluating", overrides)


def run_workflow(files: Sequence[Path], run_id: str, overrides: Mapping[str, Any]) -> None:
    """Run one run id of a bundle's training workflow in this process."""
    given = {key.replace("#", "::"): value for key, value in overrides.items()}
    keys = {key: config_text(value) if isinstance(value, str) else value for key, value in given.items()}
    with running(Command(run_id, tuple(Path(file).absolute() for file in files), given)):
        workflow = ConfigWorkflow(
            [str(file) for file in files], workflow_type="train", run_id=run_id, logging_file=False, **keys
        )
        workflow.initialize()
        workflow.run()
        workflow.finalize()
