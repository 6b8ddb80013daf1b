# SPDX-License-Identifier: Apache-2.0
"""What the training of a two-class network needs beside the handlers that all trainers share."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events
from monai.engines import Evaluator
from numpy.typing import ArrayLike

from ..._errors import UserError
from ..._typing import PathLike
from ...io.write import write_json
from ...metrics.classification import AUROCMetric, youden_threshold

__all__ = ["SaveThreshold", "check_validation", "higher_or_undefined", "image_threshold", "saved_threshold"]

logger = logging.getLogger(__name__)


def higher_or_undefined(current: float, best: float, *, keep: str = "best") -> bool:
    """Whether a network is to be kept: its AUROC is higher, or the best one so far is undefined.

    Without both classes in the validation part no epoch is better than another, and the last one is kept.

    Parameters
    ----------
    current, best : float
        AUROC of this epoch and the best so far.
    keep : {"best", "last"}
        "last" keeps every epoch's network in turn: a validation part of thirty patients chooses among epochs by chance.

    Raises
    ------
    ValueError
        If `keep` is neither.

    Examples
    --------
    >>> higher_or_undefined(0.8, 0.7), higher_or_undefined(float("nan"), float("nan"))
    (True, True)
    >>> higher_or_undefined(0.6, 0.7, keep="last")
    True
    """
    if keep not in ("best", "last"):
        msg = f"keep is {keep!r}; expected 'best' or 'last'"
        raise ValueError(msg)
    return keep == "last" or math.isnan(best) or current > best


def check_validation(*, validation: Sequence[Mapping[str, Any]]) -> None:
    """Refuse an empty validation part; say in the log where it cannot choose a network.

    Parameters
    ----------
    validation : sequence of mapping
        ``label`` is 0 or 1.

    Raises
    ------
    ValueError
        If there is no image.
    """
    labels = [int(item["label"]) for item in validation]
    if not labels:
        raise UserError("the validation part holds no image: give more patients, or another --split_file or --seed")
    if len(set(labels)) < 2:
        logger.warning(
            "the validation part holds %d benign and %d malignant images: its AUROC is undefined and the last "
            "epoch's network is kept", labels.count(0), labels.count(1),
        )  # fmt: skip


class SaveThreshold:
    """Write Youden's threshold of the validation part whenever validation reaches a new best AUROC.

    Parameters
    ----------
    path : path
        JSON, beside the network.
    evaluator : monai.engines.Evaluator
    metric : AUROCMetric
        The evaluator's, called with probabilities; it holds the scores of all processes.
    """

    def __init__(self, path: PathLike, *, evaluator: Evaluator, metric: AUROCMetric) -> None:
        self.path = Path(path)
        self.evaluator = evaluator
        self.metric = metric

    def attach(self, engine: Engine) -> None:
        """Register the handler on a trainer, after its validation handler."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._save)

    def _save(self, engine: Engine) -> None:
        if self.evaluator.state.best_metric_epoch != engine.state.epoch:
            return
        scores, labels = self.metric.get_buffer().cpu().numpy().T
        write_json(self.path, image_threshold(scores, labels, part="validation"))


def image_threshold(scores: ArrayLike, labels: ArrayLike, *, part: str) -> dict[str, Any]:
    """Find Youden's threshold of a part's images, and say what it is."""
    scores = np.asarray(scores, dtype=float)
    threshold = youden_threshold(scores, np.asarray(labels))
    found = math.isfinite(threshold)
    method = f"Youden, {part} images" if found else f"0.5: one class in the {part} part"
    return {"threshold": threshold if found else 0.5, "method": method, "n": len(scores)}


def saved_threshold(path: PathLike) -> float:
    """Threshold that a training wrote (`SaveThreshold`); 0.5 where it wrote none."""
    if not Path(path).is_file():
        return 0.5
    return float(json.loads(Path(path).read_text(encoding="utf-8"))["threshold"])
