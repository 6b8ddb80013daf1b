# SPDX-License-Identifier: Apache-2.0
"""Write the result files of a classifier's inference run."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events

from ..._errors import check_flag
from ..._typing import PathLike
from ...functional.contours import add_caption, display_window
from ...functional.heatmap import heat_overlay
from ...io.dicom.read import read_mammogram
from ...io.errors import MammogramError
from ...io.write import write_csv, write_png
from .predictions import checked_threshold, write_summary
from .readable import ReadableImages, without_path

__all__ = ["SaveClassPredictions"]

logger = logging.getLogger(__name__)
_COLUMNS = ("id", "probability", "threshold", "prediction")
_NOTICE = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"


class SaveClassPredictions:
    """Write ``predictions.csv``, an overlay an image and the summary of all inputs.

    Parameters
    ----------
    output_dir : path
    dataset : ReadableImages
        Knows which inputs could not be read.
    threshold : float
        Probability from which an image is called malignant (prediction 1).
    strict : bool
        Raise at the end when an input failed, so that the command exits non-zero.

    Raises
    ------
    TypeError
        If ``strict`` is not a boolean.
    ValueError
        If the threshold is not a number from 0 to 1.
    """

    def __init__(
        self, output_dir: PathLike, *, dataset: ReadableImages, threshold: float = 0.5, strict: bool = False
    ) -> None:
        check_flag("strict", strict)
        self.output_dir = Path(output_dir)
        self.dataset = dataset
        self.threshold = checked_threshold(threshold)
        self.strict = strict
        self._rows: list[dict[str, Any]] = []
        self._failed: dict[str, str] = {}

    def attach(self, engine: Engine) -> None:
        """Register the handler on an evaluator."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self, engine: Engine) -> None:
        self._rows.clear()
        self._failed.clear()

    def _write(self, engine: Engine) -> None:
        state: Any = engine.state
        for given, result in zip(state.batch, state.output, strict=True):
            name, path = given["id"], Path(given["image"].meta["filename_or_obj"])
            probability = float(result["pred"])
            try:
                pixels = read_mammogram(path).pixels
                heat = np.asarray(result["attribution"].detach().cpu().float().numpy()[0].T)
                drawn = heat_overlay(display_window(pixels), heat)
                called = "malignant" if probability >= self.threshold else "benign"
                drawn = add_caption(add_caption(drawn, _NOTICE), f"{called}, probability {probability:.2f}")
                write_png(self.output_dir / name / "overlay.png", drawn)
            except (MammogramError, OSError, ValueError) as error:
                self._failed[name] = without_path(error, path, name=name)
                logger.warning("%s: %s", name, self._failed[name])
                continue
            prediction = int(probability >= self.threshold)
            cells = (name, f"{probability:.6f}", f"{self.threshold:.6f}", prediction)
            self._rows.append(dict(zip(_COLUMNS, cells, strict=True)))

    def _finish(self, engine: Engine) -> None:
        write_csv(self.output_dir / "predictions.csv", self._rows, columns=_COLUMNS)
        write_summary(self.output_dir, dataset=self.dataset, failed=self._failed, strict=self.strict)
