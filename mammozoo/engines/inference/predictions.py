# SPDX-License-Identifier: Apache-2.0
"""Write the result files of an inference run."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ignite.engine import Engine, Events

from ..._errors import UserError, check_flag
from ..._typing import Array, PathLike
from ...io.dicom.read import read_mammogram
from ...io.errors import MammogramError
from ...io.write import write_json
from .prediction_files import Region, dropped_note, write_prediction
from .readable import InputStatus, ReadableImages, without_path

__all__ = ["SavePredictions", "checked_threshold", "write_summary"]

logger = logging.getLogger(__name__)


#: Findings below 2 mm by 2 mm are specks of the threshold rather than lesions that a reader could look at.
MIN_AREA_MM2 = 4.0


class _Detections(Protocol):
    regions: list[list[Region]]


class SavePredictions:
    """Write mask, probability, overlay and findings of every image, and the summary of all inputs.

    A handler rather than a last transform, so that MONAI Label, which runs the post-processing by itself,
    writes nothing here.

    Parameters
    ----------
    output_dir : path
    dataset : ReadableImages
        Knows which inputs could not be read.
    threshold : float
        Probability from which a pixel belongs to a lesion.
    min_area_mm2 : float
        Smaller findings are left out and counted in ``summary.json``; in pixels where the spacing is unknown.
    strict : bool
        Raise at the end when an input failed, so that the command exits non-zero.
    detections : TwoStageInferer, optional
        Its ``regions`` become the findings, in place of the mask's components.

    Raises
    ------
    TypeError
        If ``strict`` is not a boolean.
    ValueError
        If the threshold is not a number from 0 to 1.
    """

    def __init__(
        self,
        output_dir: PathLike,
        *,
        dataset: ReadableImages,
        threshold: float = 0.5,
        min_area_mm2: float = MIN_AREA_MM2,
        strict: bool = False,
        detections: _Detections | None = None,
    ) -> None:
        check_flag("strict", strict)
        self.output_dir = Path(output_dir)
        self.dataset = dataset
        self.threshold = checked_threshold(threshold)
        self.min_area_mm2 = min_area_mm2
        self.strict = strict
        self.detections = detections
        self._failed: dict[str, str] = {}
        self._dropped: dict[str, tuple[int, str]] = {}

    def attach(self, engine: Engine) -> None:
        """Register the handler on an evaluator."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)
        engine.add_event_handler(Events.COMPLETED, self._summarise)

    def _start(self, engine: Engine) -> None:
        self._failed.clear()
        self._dropped.clear()

    def _write(self, engine: Engine) -> None:
        state: Any = engine.state
        for index, (given, result) in enumerate(zip(state.batch, state.output, strict=True)):
            name, path = given["id"], Path(given["image"].meta["filename_or_obj"])
            try:
                mammogram = read_mammogram(path)
                found = write_prediction(
                    self.output_dir / name,
                    probability=_row_order(result["probability"]),
                    threshold=self.threshold,
                    min_area_mm2=self.min_area_mm2,
                    image=mammogram.pixels,
                    pixel_spacing=mammogram.pixel_spacing,
                    regions=None if self.detections is None else self.detections.regions[index],
                )
                note = dropped_note(
                    found.dropped, min_area_mm2=self.min_area_mm2, pixel_spacing=mammogram.pixel_spacing
                )
                self._dropped[name] = (found.dropped, note)
            except (MammogramError, OSError, ValueError) as error:
                self._failed[name] = without_path(error, path, name=name)
                logger.warning("%s: %s", name, self._failed[name])

    def _summarise(self, engine: Engine) -> None:
        write_summary(
            self.output_dir, dataset=self.dataset, failed=self._failed, dropped=self._dropped, strict=self.strict
        )


def checked_threshold(threshold: Any) -> float:
    """The threshold if it is a number from 0 to 1; else a ValueError."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        msg = f"threshold is {threshold!r}; expected a number from 0 to 1"
        raise ValueError(msg)
    return float(threshold)


def write_summary(
    output_dir: PathLike,
    *,
    dataset: ReadableImages,
    failed: Mapping[str, str],
    strict: bool,
    dropped: Mapping[str, tuple[int, str]] | None = None,
) -> None:
    """Write ``summary.json``: what became of every input of an inference run."""
    statuses = [
        InputStatus(item.id, item.input, "failed", failed[item.id])
        if item.id in failed
        else InputStatus(item.id, item.input, item.status, item.reason, *(dropped or {}).get(item.id, ()))
        for item in dataset.statuses
    ]
    write_json(Path(output_dir) / "summary.json", [dataclasses.asdict(item) for item in statuses])
    bad = [item for item in statuses if item.status not in ("ok", "skipped")]
    written = sum(item.status == "ok" for item in statuses)
    logger.info("%d of %d inputs written to %s", written, len(statuses), output_dir)
    if not statuses:
        msg = f"no image found in {dataset.data}"
        raise UserError(msg)
    if bad and strict:
        names = "; ".join(f"{item.input}: {item.reason}" for item in bad)
        msg = f"{len(bad)} of {len(statuses)} inputs failed: {names}"
        raise UserError(msg)


def _row_order(probability: Any) -> Array:
    """(1, W, H) tensor of MONAI -> (H, W) array."""
    return np.asarray(probability.detach().cpu().float().numpy()[0].T)
