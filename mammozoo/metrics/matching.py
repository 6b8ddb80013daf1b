# SPDX-License-Identifier: Apache-2.0
"""Which box found which lesion: greedy matching by score, one truth one box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from .._typing import Array
from ..functional.boxes.geometry import as_boxes, box_iou_matrix

__all__ = ["BoxMatch", "HitRule", "match_boxes"]

HitRule: TypeAlias = Literal["iou50", "iou20", "iou10", "centre", "centre_in_mask"]

# The least IoU of a hit; 0.5 is the rule of Yan et al., arXiv 2002.12079, for AP. Their FROC names none.
_LEAST_IOU = {"iou50": 0.5, "iou20": 0.2, "iou10": 0.1}


@dataclass(frozen=True, eq=False)
class BoxMatch:
    """One image's boxes after matching: the case that `average_precision` and `froc` read.

    Attributes
    ----------
    scores : numpy.ndarray, shape (n,)
        As given, float64.
    truth_of_box : numpy.ndarray, shape (n,)
        Index of the truth a box found, -1 for a false positive. Under ``"centre_in_mask"`` the index counts the
        labels in ascending order.
    truths : int
        Lesions of the image; 0 for a normal image.
    """

    scores: Array
    truth_of_box: Array
    truths: int

    @property
    def hits(self) -> Array:
        """Whether each box found a lesion, shape (n,), bool."""
        return np.asarray(self.truth_of_box >= 0)

    @property
    def true_positives(self) -> int:
        """Boxes that found a lesion, which is also the number of lesions found."""
        return int(np.count_nonzero(self.hits))

    @property
    def false_positives(self) -> int:
        """Boxes without a lesion."""
        return len(self.scores) - self.true_positives

    @property
    def false_negatives(self) -> int:
        """Lesions that no box found."""
        return self.truths - self.true_positives


def match_boxes(
    boxes: Sequence[Sequence[float]] | Array,
    scores: Sequence[float] | Array,
    truths: Sequence[Sequence[float]] | Array,
    *,
    hit: HitRule = "iou50",
) -> BoxMatch:
    """Match the boxes of one image to its lesions.

    Parameters
    ----------
    boxes : array_like, shape (n, 4)
        x1, y1, x2, y2 in pixels, half-open.
    scores : array_like, shape (n,)
        Any scale on which more means more suspicious.
    truths : array_like
        Boxes of shape (m, 4) as `boxes`; under ``"centre_in_mask"`` a labelled mask of shape (H, W), 0 outside and
        one positive integer a lesion.
    hit : {"iou50", "iou20", "iou10", "centre", "centre_in_mask"}
        ``"iouNN"``: IoU at least 0.NN. ``"centre"``: the centre of the box lies in the true box.
        ``"centre_in_mask"``: it lies on a pixel of the lesion.

    Returns
    -------
    BoxMatch

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, a box has a negative side, or `hit` is unknown.

    Notes
    -----
    The best-scored box chooses first (equal scores: the earlier box) and takes, of the truths still free that it hits,
    the one of largest IoU. Every other box is a false positive, a second box on one lesion too. A box without area has
    IoU 0. No boxes or no truths: nothing is matched.

    Examples
    --------
    >>> match_boxes([[0, 0, 4, 4], [0, 0, 4, 5]], [0.7, 0.9], [[0, 0, 4, 4]]).truth_of_box
    array([-1,  0])
    """
    found, confidences = as_boxes(boxes, name="boxes"), np.asarray(scores, dtype=np.float64)
    if confidences.shape != (len(found),) or not np.isfinite(confidences).all():
        msg = f"{len(found)} boxes need as many finite scores, got an array of shape {confidences.shape}"
        raise ValueError(msg)
    benefit = _benefit(found, truths, hit)
    truth_of_box = np.full(len(found), -1)
    if benefit.shape[1]:
        for box in np.argsort(-confidences, kind="stable"):
            best = int(benefit[box].argmax())
            if benefit[box, best] >= 0:
                truth_of_box[box] = best
                benefit[:, best] = -1
    return BoxMatch(confidences, truth_of_box, benefit.shape[1])


def _benefit(boxes: Array, truths: Sequence[Sequence[float]] | Array, hit: str) -> Array:
    """IoU (n, m) where the rule calls it a hit, -1 elsewhere."""
    if hit == "centre_in_mask":
        return _labels_at_centres(boxes, np.asarray(truths))
    true = as_boxes(truths, name="truths")
    iou = box_iou_matrix(boxes, true)
    if hit == "centre":
        centres = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
        inside = ((centres >= true[:, :2]) & (centres < true[:, 2:])).all(-1)
    elif hit in _LEAST_IOU:
        inside = iou >= _LEAST_IOU[hit]
    else:
        msg = f"no hit rule {hit!r}; choose one of {[*_LEAST_IOU, 'centre', 'centre_in_mask']}"
        raise ValueError(msg)
    return np.where(inside, iou, -1.0)


def _labels_at_centres(boxes: Array, labels: Array) -> Array:
    if labels.ndim != 2 or labels.dtype.kind not in "iub":
        msg = f"centre_in_mask needs a labelled mask (H, W) of integers, got {labels.dtype} of shape {labels.shape}"
        raise ValueError(msg)
    names = np.unique(labels)
    names = names[names > 0]
    benefit = np.full((len(boxes), len(names)), -1.0)
    # Pixel i covers [i, i + 1) in the boxes' coordinates.
    columns, rows = np.floor((boxes[:, :2] + boxes[:, 2:]) / 2).astype(int).T
    inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
    benefit[inside] = np.where(labels[rows[inside], columns[inside]][:, None] == names, 0.0, -1.0)
    return benefit
