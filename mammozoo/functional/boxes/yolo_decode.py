# SPDX-License-Identifier: Apache-2.0
"""From the raw outputs of YOLOv3 to boxes in pixels, and from many boxes to few.

References
----------
.. [1] Redmon and Farhadi, YOLOv3: an incremental improvement, 2018, arXiv:1804.02767, Section 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from monai.data.box_utils import batched_nms, clip_boxes_to_image
from torch import Tensor

__all__ = ["Detections", "decode", "decode_boxes", "non_maximum_suppression", "split_anchors"]

# exp(10) times the anchor is beyond any image: keeps the boxes of an untrained network finite.
MAX_LOG_SIZE = 10.0


@dataclass(frozen=True)
class Detections:
    """What is left of one image's predictions, by falling score."""

    boxes: Tensor  # (K, 4) xyxy in pixels, half-open
    scores: Tensor  # objectness times class probability
    labels: Tensor


def split_anchors(anchors: Sequence[Sequence[float]] | Tensor, strides: Sequence[int]) -> list[Tensor]:
    """Share anchors (K, 2) out among the strides, the largest to the largest stride; within one by rising area."""
    sizes = torch.as_tensor(anchors, dtype=torch.float32)
    if sizes.ndim != 2 or sizes.shape[1] != 2 or len(sizes) == 0 or not bool((sizes > 0).all()):
        msg = f"anchors must be pairs of positive width and height, shape (K, 2), got shape {tuple(sizes.shape)}"
        raise ValueError(msg)
    if len(strides) == 0 or len(set(strides)) < len(strides) or len(sizes) % len(strides):
        msg = f"{len(sizes)} anchors cannot be shared out evenly among the strides {tuple(strides)}"
        raise ValueError(msg)
    by_area = sizes[torch.argsort(sizes.prod(dim=1), stable=True)]
    parts = by_area.chunk(len(strides))
    ranks = {stride: rank for rank, stride in enumerate(sorted(strides))}
    return [parts[ranks[stride]] for stride in strides]


def decode_boxes(output: Tensor, anchors: Tensor, *, stride: int) -> Tensor:
    """Boxes (B, A, W, H, 4) of one output in pixels, not clipped: sigmoid in the cell, exp of the anchor."""
    raw = output[..., :4].as_subclass(Tensor).float()
    columns, rows = (torch.arange(n, device=raw.device, dtype=raw.dtype) for n in raw.shape[2:4])
    cells = torch.stack(torch.meshgrid(columns, rows, indexing="ij"), dim=-1)
    centres = (raw[..., :2].sigmoid() + cells) * stride
    half_sizes = raw[..., 2:].clamp(max=MAX_LOG_SIZE).exp() * anchors.to(raw)[:, None, None] / 2
    return torch.cat([centres - half_sizes, centres + half_sizes], dim=-1)


def decode(
    outputs: Sequence[Tensor], anchors: Sequence[Sequence[float]] | Tensor, *, strides: Sequence[int] = (32, 16, 8)
) -> Tensor:
    """All predictions of a batch, as boxes in pixels with their probabilities."""
    levels = split_anchors(anchors, strides)
    shapes = [tuple(output.shape) for output in outputs]
    if len(outputs) != len(levels) or any(len(s) != 5 or s[1] != len(a) for s, a in zip(shapes, levels, strict=True)):
        msg = f"{len(levels)} outputs of shape (B, {len(levels[0])}, W, H, 5 + classes) are needed, got {shapes}"
        raise ValueError(msg)
    parts = []
    for output, sizes, stride in zip(outputs, levels, strides, strict=True):
        boxes = decode_boxes(output, sizes, stride=stride)
        probabilities = output[..., 4:].as_subclass(Tensor).float().sigmoid()
        objectness, classes = probabilities[..., :1], probabilities[..., 1:]
        parts.append(torch.cat([boxes, objectness, objectness * classes], dim=-1).flatten(1, 3))
    return torch.cat(parts, dim=1)


def non_maximum_suppression(
    boxes: Tensor,
    scores: Tensor,
    *,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.1,
    max_detections: int = 20,
    max_candidates: int = 1000,
    spatial_size: Sequence[int] | None = None,
) -> Detections:
    """Keep the best boxes of one image, class by class.

    Parameters
    ----------
    boxes : torch.Tensor of shape (N, 4)
        (x1, y1, x2, y2) in pixels.
    scores : torch.Tensor of shape (N, classes) or (N,)
        In [0, 1]; of shape (N,) for one class.
    iou_threshold : float
        A box that overlaps a better one of its class by more is dropped.
    score_threshold : float
        A box that scores less is dropped.
    max_detections : int
        The most boxes that are kept, over all classes; at least 1.
    max_candidates : int
        The most boxes that are compared, those of the highest scores; at least 1.
    spatial_size : (int, int), optional
        Width and height of the image that boxes are clipped to first; None clips none. Boxes outside are dropped.

    Returns
    -------
    Detections
        On the device of `boxes`.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a limit is below 1.

    Notes
    -----
    No box, or none above the threshold, gives empty tensors. Equal scores keep the order of the input. The thresholds
    and limits are choices, see docs/explanation/choices.md.

    Examples
    --------
    >>> boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]])
    >>> non_maximum_suppression(boxes, torch.tensor([0.5, 0.75, 0.25])).scores.tolist()
    [0.75, 0.25]
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.ndim not in (1, 2) or len(scores) != len(boxes):
        msg = (
            "boxes of shape (N, 4) and scores of shape (N, classes) are needed, "
            f"got {tuple(boxes.shape)} and {tuple(scores.shape)}"
        )
        raise ValueError(msg)
    if min(max_detections, max_candidates) < 1:
        msg = f"at least 1 detection and 1 candidate must be allowed, got {max_detections} and {max_candidates}"
        raise ValueError(msg)
    boxes = boxes.detach().as_subclass(Tensor).float()
    per_class = scores.detach().as_subclass(Tensor).float()
    per_class = per_class if per_class.ndim == 2 else per_class[:, None]
    index, labels = torch.nonzero(per_class >= score_threshold, as_tuple=True)
    order = torch.argsort(per_class[index, labels], descending=True, stable=True)[:max_candidates]
    index, labels = index[order], labels[order]
    chosen, chosen_scores = boxes[index], per_class[index, labels]
    if spatial_size is not None and len(chosen):
        clipped, inside = clip_boxes_to_image(chosen, spatial_size, remove_empty=True)
        chosen = torch.as_tensor(clipped)
        labels, chosen_scores = labels[inside], chosen_scores[inside]
    keep = batched_nms(chosen, chosen_scores, labels, iou_threshold, max_proposals=max_detections)
    return Detections(boxes=chosen[keep], scores=chosen_scores[keep], labels=labels[keep])
