# SPDX-License-Identifier: Apache-2.0
"""Overlap of a predicted and a true mask, per image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from monai.metrics import CumulativeIterationMetric

from .._errors import check_flag
from .._typing import Array

__all__ = ["DiceMetric", "FalsePositiveRateMetric", "IoUMetric", "Overlap", "compute_overlap", "dice_and_iou"]


@dataclass(frozen=True)
class Overlap:
    """Overlap of two masks; all but `area_difference` lie in 0-1."""

    dice: float
    iou: float
    accuracy: float
    sensitivity: float
    specificity: float
    precision: float
    area_difference: float


def compute_overlap(prediction: Array, truth: Array) -> Overlap:
    """Compare two masks pixel by pixel.

    Parameters
    ----------
    prediction, truth : numpy.ndarray
        Masks of one shape, non-zero is lesion.

    Returns
    -------
    Overlap

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Both empty: Dice and IoU are 1. Only the truth empty: 0, and the area difference is NaN.

    References
    ----------
    Huang et al., Cureus 18(3) e105360, 2026, Methods; Sun et al., Phys Med Biol 65 055005, 2020, eq. 10-12.

    Examples
    --------
    >>> compute_overlap(np.array([[1, 1, 0]]), np.array([[0, 1, 1]])).dice
    0.5
    """
    if prediction.shape != truth.shape:
        msg = f"the prediction has shape {prediction.shape}, the truth {truth.shape}: compare them on one grid"
        raise ValueError(msg)
    predicted, true = prediction.astype(bool), truth.astype(bool)
    tp = int(np.count_nonzero(predicted & true))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(true)) - tp
    tn = true.size - tp - fp - fn
    return Overlap(
        dice=_ratio(2 * tp, 2 * tp + fp + fn, empty=1.0),
        iou=_ratio(tp, tp + fp + fn, empty=1.0),
        accuracy=_ratio(tp + tn, true.size),
        sensitivity=_ratio(tp, tp + fn),
        specificity=_ratio(tn, tn + fp),
        precision=_ratio(tp, tp + fp),
        area_difference=_ratio(abs(fp - fn), tp + fn),
    )


def _ratio(numerator: int, denominator: int, *, empty: float = math.nan) -> float:
    return numerator / denominator if denominator else empty


def dice_and_iou(prediction: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Dice and IoU (B, 1) of each image of a batch, lesion where above 0.5; 1 where both masks are empty."""
    predicted, true = (mask.flatten(1) > 0.5 for mask in (prediction, truth))
    both = (predicted & true).sum(1, keepdim=True).float()
    total = predicted.sum(1, keepdim=True) + true.sum(1, keepdim=True)
    one = torch.ones_like(both)
    dice = torch.where(total > 0, 2 * both / total.clamp(min=1), one)
    return dice, torch.where(total > 0, both / (total - both).clamp(min=1), one)


class DiceMetric(CumulativeIterationMetric):  # type: ignore[misc]
    """Mean Dice over images, cumulative and synchronised between processes.

    Parameters
    ----------
    lesion_only : bool
        Leave out images whose truth is empty. Without it an empty prediction of an empty truth counts 1, so that a
        network that predicts nothing scores the share of lesion-free images.

    Notes
    -----
    Called with `y_pred` and `y`, both (B, 1, ...), lesion where above 0.5. :meth:`aggregate` is NaN without an image.

    Examples
    --------
    >>> truth = torch.zeros(2, 1, 4, 4)
    >>> truth[0, 0, :2] = 1
    >>> for lesion_only in (False, True):
    ...     metric = DiceMetric(lesion_only=lesion_only)
    ...     _ = metric(y_pred=torch.zeros(2, 1, 4, 4), y=truth)
    ...     print(float(metric.aggregate()))
    0.5
    0.0
    """

    def __init__(self, *, lesion_only: bool = False) -> None:
        super().__init__()
        check_flag("lesion_only", lesion_only)
        self.lesion_only = lesion_only

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **_: Any) -> torch.Tensor:
        """Value of each image (B, 1); NaN where it does not count."""
        assert y is not None
        values = self._values(y_pred, y)
        return torch.where(_has_lesion(y), values, torch.nan) if self.lesion_only else values

    @staticmethod
    def _values(y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Dice of each image (B, 1)."""
        return dice_and_iou(y_pred, y)[0]

    def aggregate(self) -> torch.Tensor:
        """Mean over all images so far that count."""
        values: torch.Tensor = self.get_buffer()
        return values.nanmean()


class IoUMetric(DiceMetric):
    """Mean IoU over images; as `DiceMetric`."""

    @staticmethod
    def _values(y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """IoU of each image (B, 1)."""
        return dice_and_iou(y_pred, y)[1]


class FalsePositiveRateMetric(CumulativeIterationMetric):  # type: ignore[misc]
    """Share of lesion-free images in which anything is marked, cumulative and synchronised between processes.

    Parameters
    ----------
    per : {"image", "pixel"}
        ``pixel`` is the mean share of the area that is marked.

    Raises
    ------
    ValueError
        For another `per`.

    Notes
    -----
    The second figure beside ``DiceMetric(lesion_only=True)``. Called alike; images with lesion do not count.
    :meth:`aggregate` is NaN without a lesion-free image.

    Examples
    --------
    >>> marked = torch.zeros(2, 1, 4, 4)
    >>> marked[0, 0, 0] = 1
    >>> for per in ("image", "pixel"):
    ...     metric = FalsePositiveRateMetric(per=per)
    ...     _ = metric(y_pred=marked, y=torch.zeros(2, 1, 4, 4))
    ...     print(float(metric.aggregate()))
    0.5
    0.125
    """

    def __init__(self, *, per: str = "image") -> None:
        super().__init__()
        if per not in ("image", "pixel"):
            raise ValueError(f"per must be 'image' or 'pixel', got {per!r}")
        self.per = per

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **_: Any) -> torch.Tensor:
        """Value of each image (B, 1); NaN where it does not count."""
        assert y is not None
        marked = (y_pred.flatten(1) > 0.5).float()
        share = marked.amax(1, keepdim=True) if self.per == "image" else marked.mean(1, keepdim=True)
        return torch.where(_has_lesion(y), torch.nan, share)

    def aggregate(self) -> torch.Tensor:
        """Mean over all lesion-free images so far."""
        values: torch.Tensor = self.get_buffer()
        return values.nanmean()


def _has_lesion(truth: torch.Tensor) -> torch.Tensor:
    """Whether each truth (B, 1, ...) holds lesion, (B, 1)."""
    return (truth.flatten(1) > 0.5).any(1, keepdim=True)
