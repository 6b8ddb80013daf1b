# SPDX-License-Identifier: Apache-2.0
"""All folds of a classification bundle, then the ensemble of their networks on the hold-out test part."""

from __future__ import annotations

import csv
import logging
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from ...io.write import write_csv, write_json
from ..results.classification import image_threshold
from ..results.score_table import score_with_thresholds
from ..training.command import current_command
from .ensemble import save_ensemble
from .grid import cell_result, evaluate_run, run_cell

__all__ = ["average_scores", "cross_validate", "read_scores", "shared_options"]

logger = logging.getLogger(__name__)

Row = dict[str, Any]
#: What each run of an experiment sets for itself.
_OWN = {
    "fold", "members", "bundle_root", "run_dir", "output_dir", "weights", "resume", "run", "folds", "trials",
    "search_space",
}  # fmt: skip


def shared_options() -> dict[str, Any]:
    """Keys of the running command that every run of an experiment gets; those that a run sets itself are left out."""
    command = current_command()
    return {} if command is None else {key: value for key, value in command.overrides.items() if key not in _OWN}


def read_scores(path: PathLike, *, part: str) -> list[Row]:
    """Rows of one part of a ``per_case.csv``, with ``label`` and ``probability`` as numbers."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows: list[Row] = [dict(row) for row in csv.DictReader(file) if row["part"] == part]
    return [{**row, "label": int(row["label"]), "probability": float(row["probability"])} for row in rows]


def average_scores(members: Sequence[Sequence[Mapping[str, Any]]]) -> list[Row]:
    """Mean probability of several networks for the same images."""
    tables = [{row["id"]: float(row["probability"]) for row in rows} for rows in members]
    if any(table.keys() != tables[0].keys() for table in tables):
        msg = f"the {len(tables)} networks were scored on different images; score them on the same part"
        raise ValueError(msg)
    return [{**row, "probability": statistics.fmean(table[row["id"]] for table in tables)} for row in members[0]]


def cross_validate(
    *, bundle: PathLike, folder: PathLike, folds: Sequence[int], seed: int = 0, resamples: int = 2000
) -> dict[str, Any]:
    """Train and score every fold; score the ensemble on the test part, with the threshold of the out-of-fold scores.

    Parameters
    ----------
    bundle : path
        Bundle folder; the keys given to the running workflow hold for every fold.
    folder : path
        The run folder. Receives ``folds/fold_<k>`` (a run each), ``per_case.csv``, ``metrics.json`` and the folds'
        networks as one, ``models/model.pt``, with ``models/threshold.json``. A stopped run continues where it was.
    folds : sequence of int
    seed, resamples : int
        Of the bootstrap.

    Returns
    -------
    dict
        The content of ``metrics.json``: as of `score_with_thresholds` for the ensemble on the hold-out test part, with
        ``headline`` (null where an audit found a leak) and ``cross_validation`` (the folds' AUROC per patient, mean and
        sample deviation, and the pooled out-of-fold figures).

    Raises
    ------
    ValueError
        If there is no fold, or a finished fold was run with other keys.

    Notes
    -----
    Rows with part ``validation`` are out-of-fold: each by the network whose fold held that patient out. No threshold
    and no network is chosen on the test part.
    """
    if not folds:
        msg = "folds is empty; expected a list such as [0, 1, 2, 3, 4]"
        raise ValueError(msg)
    folder, options = Path(folder), shared_options()
    cells, members, outside = {}, [], []
    for fold in folds:
        cell = folder / "folds" / f"fold_{fold}"
        cells[fold] = run_cell(bundle, folder=cell, overrides={**options, "fold": fold, "members": 1})
        outside += [{**row, "part": "validation"} for row in read_scores(cell / "per_case.csv", part="test")]
        members.append(_score_holdout(cell))
    rows = [*outside, *average_scores(members)]
    ensemble = score_with_thresholds(rows, seed=seed, resamples=resamples)
    reasons = {cell["headline_reason"] for cell in cells.values() if cell["headline_reason"]}
    result = {
        "headline": None if reasons else _auroc(ensemble)["estimate"],
        "headline_reason": "; ".join(sorted(reasons)) or None,
        "headline_is": "AUROC per patient of the ensemble, hold-out test part",
        "resolution": cells[folds[0]]["resolution"],
        "options": options,
        "cross_validation": _folds(cells, outside, seed=seed, resamples=resamples),
        **ensemble,
        "threshold_method": "Youden on the out-of-fold scores, per unit, frozen for the test part",
    }
    save_ensemble([folder / "folds" / f"fold_{fold}" / "models" / "model.pt" for fold in folds], folder / "models")
    scores, labels = [row["probability"] for row in outside], [row["label"] for row in outside]
    write_json(folder / "models" / "threshold.json", image_threshold(scores, labels, part="out-of-fold"))
    write_csv(folder / "per_case.csv", rows)
    write_json(folder / "metrics.json", result)
    return result


def _folds(cells: Mapping[int, dict[str, Any]], outside: Sequence[Row], *, seed: int, resamples: int) -> dict[str, Any]:
    values = [_auroc(cell)["estimate"] for cell in cells.values()]
    known = [value for value in values if value is not None and value == value]
    as_test = [{**row, "part": "test"} for row in outside]
    pooled = score_with_thresholds(as_test, seed=seed, resamples=resamples)["units"]
    return {
        "auroc_per_patient": dict(zip(map(str, cells), values, strict=True)),
        "mean": statistics.fmean(known) if known else None,
        "sd": statistics.stdev(known) if len(known) > 1 else None,
        "out_of_fold": {name: {**unit, "figures": {"half": unit["figures"]["half"]}} for name, unit in pooled.items()},
    }


def _auroc(result: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["units"]["patient"]["figures"]["half"]["auroc"]
    return found


def _score_holdout(cell: Path) -> list[Row]:
    """Rows of the hold-out test part by one fold's network; a finished table is only read."""
    folder = cell / "holdout"
    if cell_result(folder) is None:
        evaluate_run(cell, {"output_dir": str(folder), "fold": None, "scored_parts": ["test"], "resamples": 0})
    return read_scores(folder / "per_case.csv", part="test")
