# SPDX-License-Identifier: Apache-2.0
"""Write the result files of an inference run."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events

from .._typing import Array, PathLike
from ..io.dicom import read_mammogram
from ..io.errors import MammogramError
from ..io.write import write_json
from .failures import fail
from .prediction_files import write_prediction
from .readable import InputStatus, ReadableImages

__all__ = ["SavePredictions"]

logger = logging.getLogger(__name__)


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
    min_area : int
        Components of fewer pixels (native) are left out.
    strict : bool
        Raise at the end when an input failed, so that the command exits non-zero.

    Raises
    ------
    TypeError
        If ``strict`` is no boolean.
    """

    def __init__(
        self,
        output_dir: PathLike,
        *,
        dataset: ReadableImages,
        threshold: float = 0.5,
        min_area: int = 1,
        strict: bool = False,
    ) -> None:
        if not isinstance(strict, bool):
            msg = f"strict is {strict!r}; wanted True or False (on the command line: --strict True)"
            raise TypeError(msg)
        self.output_dir = Path(output_dir)
        self.dataset = dataset
        self.threshold = threshold
        self.min_area = min_area
        self.strict = strict
        self._failed: dict[str, str] = {}

    def attach(self, engine: Engine) -> None:
        """Register the handler on an evaluator."""
        engine.add_event_handler(Events.STARTED, lambda _: self._failed.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)
        engine.add_event_handler(Events.COMPLETED, self._summarise)

    def _write(self, engine: Engine) -> None:
        state: Any = engine.state
        for given, result in zip(state.batch, state.output, strict=True):
            name = given["id"]
            try:
                mammogram = read_mammogram(given["image"].meta["filename_or_obj"])
                write_prediction(
                    self.output_dir / name,
                    probability=_row_order(result["probability"]),
                    threshold=self.threshold,
                    min_area=self.min_area,
                    image=mammogram.pixels,
                    pixel_spacing=mammogram.pixel_spacing,
                )
            except (MammogramError, OSError, ValueError) as error:
                logger.warning("%s: %s", name, error)
                self._failed[name] = str(error)

    def _summarise(self, engine: Engine) -> None:
        statuses = [
            InputStatus(item.id, item.input, "failed", self._failed[item.id]) if item.id in self._failed else item
            for item in self.dataset.statuses
        ]
        write_json(self.output_dir / "summary.json", [dataclasses.asdict(item) for item in statuses])
        failed = [item for item in statuses if item.status != "ok"]
        logger.info("%d of %d inputs written to %s", len(statuses) - len(failed), len(statuses), self.output_dir)
        if not statuses:
            msg = f"no image found in {self.dataset.data}"
            fail(FileNotFoundError(msg))
        if failed and self.strict:
            names = "; ".join(f"{item.input}: {item.reason}" for item in failed)
            msg = f"{len(failed)} of {len(statuses)} inputs failed: {names}"
            fail(RuntimeError(msg))


def _row_order(probability: Any) -> Array:
    """(1, W, H) tensor of MONAI -> (H, W) array."""
    return np.asarray(probability.detach().cpu().float().numpy()[0].T)
