# SPDX-License-Identifier: Apache-2.0
"""One cell of the two-stage tables: a segmenter on one split, beside the detector that all segmenters of it share."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from .grid import cell_result, evaluate_run, open_cell, run_workflow, training_keys
from .run_record import recorded_run

logger = logging.getLogger(__name__)

#: What tells the cells of one split apart; the detector does not depend on it.
CELL_KEYS = ("segmenter", "adversary")


def detector_folder(cell: PathLike, *, seed: int = 0) -> Path:
    """Where the detector of a cell's split is trained: beside the cell."""
    return Path(cell).parent / (f"detector_seed{seed}" if seed else "detector")


def run_two_stage_cell(bundle: PathLike, *, folder: PathLike, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Train the split's detector (once), the segmenter on crops and on whole images, and evaluate them together."""
    folder = Path(folder).absolute()
    options = open_cell(folder, overrides)
    done = cell_result(folder)
    if done is not None:
        logger.info("%s is finished", folder.name)
        return done
    train = Path(bundle) / "configs" / "train.json"
    detector = detector_folder(folder, seed=int(options.get("seed", 0)))
    shared = open_cell(detector, {key: value for key, value in options.items() if key not in CELL_KEYS})
    with recorded_run(detector / "run.json"):
        run_workflow([train], "training_detector", training_keys(bundle, detector, shared))
    with recorded_run(folder / "run.json"):
        keys = training_keys(bundle, folder, options)
        run_workflow([train], "training_segmenter", {**keys, "one_stage": False, "stage": "model"})
        run_workflow([train], "training_segmenter", {**keys, "one_stage": True, "stage": "one_stage"})
    given = {key: value for key, value in options.items() if key not in keys}
    weights = {"detector_weights": str(detector / "models" / "detector.pt")}
    evaluate_run(folder, {"output_dir": str(folder), **given, **weights})
    result = cell_result(folder)
    assert result is not None
    return result
