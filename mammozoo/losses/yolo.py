# SPDX-License-Identifier: Apache-2.0
"""The loss of YOLOv3 as of 2018, and which prediction answers for which truth.

References
----------
.. [1] Redmon and Farhadi, YOLOv3: an incremental improvement, 2018, arXiv:1804.02767, Sections 2.1 and 2.2.
.. [2] Yan et al., Two-stage breast mass detection and segmentation, 2020, arXiv:2002.12079. The terms and their
   weights are not printed there: see docs/explanation/choices.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..functional.boxes.yolo_decode import decode_boxes, split_anchors

__all__ = ["Assignment", "YOLOLossTerms", "YOLOv3Loss", "assign_targets"]


@dataclass(frozen=True)
class Assignment:
    """The P predictions of a batch that answer for a truth, and what each should be."""

    level: Tensor
    image: Tensor
    anchor: Tensor
    cell: Tensor  # (P, 2) column and row
    offset: Tensor  # (P, 2) of the centre within the cell, 0 to 1
    log_size: Tensor  # (P, 2) of width and height over the anchor's
    weight: Tensor  # 2 minus the box's share of the image: small lesions weigh more
    label: Tensor


@dataclass(frozen=True)
class YOLOLossTerms:
    """The terms of the loss, each summed over the predictions and divided by the batch size.

    Parameters
    ----------
    centre : torch.Tensor
        Scalar: cross-entropy of x and y.
    size : torch.Tensor
        Scalar: half the squared error of log width and log height.
    objectness : torch.Tensor
        Scalar: cross-entropy of the predictions that answer for a truth.
    background : torch.Tensor
        Scalar: cross-entropy of those that answer for none and overlap none.
    classification : torch.Tensor
        Scalar: cross-entropy of the classes.

    Examples
    --------
    >>> YOLOLossTerms(*torch.ones(5)).total.item()
    5.0
    """

    centre: Tensor
    size: Tensor
    objectness: Tensor
    background: Tensor
    classification: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum: the loss."""
        return self.centre + self.size + self.objectness + self.background + self.classification


def assign_targets(
    boxes: Tensor,
    image: Tensor,
    label: Tensor,
    *,
    anchors: Sequence[Tensor],
    strides: Sequence[int],
    spatial_size: Sequence[int],
) -> Assignment:
    """Give each truth (T, 4) to the one anchor of the most similar shape, in the cell of its centre."""
    shapes = torch.cat(list(anchors)).to(boxes)
    per_level = len(anchors[0])
    sizes = boxes[:, 2:] - boxes[:, :2]
    best = _iou(F.pad(sizes, (2, 0)), F.pad(shapes, (2, 0))).argmax(dim=1)  # boxes on a common corner
    level, anchor = best // per_level, best % per_level
    stride = torch.as_tensor(strides, device=boxes.device)[level, None]
    limit = torch.as_tensor(spatial_size, device=boxes.device)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / stride
    cell = torch.minimum(centre.long(), limit // stride - 1)
    keep = _last_of_each(torch.cat([torch.stack([level, image, anchor], dim=1), cell], dim=1))
    everything = Assignment(
        level=level,
        image=image,
        anchor=anchor,
        cell=cell,
        offset=(centre - cell).clamp(0, 1),
        log_size=(sizes / shapes[best]).log(),
        weight=2 - (sizes / limit).prod(dim=1),
        label=label,
    )
    return _select(everything, keep)


class YOLOv3Loss(nn.Module):
    """Loss of YOLOv3 with the terms of 2018 [1]_, [2]_.

    Parameters
    ----------
    anchors : sequence of pairs, or torch.Tensor of shape (K, 2)
        Widths and heights in pixels of the network's input, in any order; the largest go to the largest stride.
    strides : sequence of int
        Of the outputs, in their order.
    ignore_threshold : float
        A prediction that answers for no truth, but overlaps one by this IoU or more, is not taught to be background.

    Raises
    ------
    ValueError
        If the anchors cannot be shared out evenly among the strides.

    Notes
    -----
    x and y: cross-entropy; width and height: half the squared error of the logarithms; both weigh 2 minus the truth's
    share of the image. Objectness: cross-entropy. Classes: cross-entropy of each. Everything is summed, and divided by
    the batch size. A batch without any truth has the background term only. The ignore threshold counts for predictions
    at every stride, against all truths of the image.

    Examples
    --------
    >>> loss = YOLOv3Loss([[16, 16], [32, 32], [64, 64]])
    >>> outputs = [torch.zeros(1, 1, n, n, 6) for n in (2, 4, 8)]
    >>> round(loss(outputs, [torch.tensor([[8.0, 8, 40, 40]])]).item(), 4)
    61.3435
    """

    def __init__(
        self,
        anchors: Sequence[Sequence[float]] | Tensor,
        *,
        strides: Sequence[int] = (32, 16, 8),
        ignore_threshold: float = 0.5,
    ) -> None:
        super().__init__()
        self.anchors = split_anchors(anchors, strides)
        self.strides = tuple(strides)
        self.ignore_threshold = ignore_threshold

    def forward(
        self, outputs: Sequence[Tensor], boxes: Sequence[Tensor], labels: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Compute the loss, a scalar; the arguments are those of `terms`."""
        return self.terms(outputs, boxes, labels).total

    def terms(
        self, outputs: Sequence[Tensor], boxes: Sequence[Tensor], labels: Sequence[Tensor] | None = None
    ) -> YOLOLossTerms:
        """Compute the terms of the loss.

        Parameters
        ----------
        outputs : sequence of torch.Tensor of shape (B, A, W / stride, H / stride, 5 + classes)
            Raw, as `mammozoo.networks.detection.yolov3.YOLOv3` returns them, any floating type.
        boxes : sequence of B torch.Tensor of shape (n, 4)
            (x1, y1, x2, y2) in pixels; n may be 0.
        labels : sequence of B torch.Tensor of shape (n,), optional
            Class indices; needed with more than one class.

        Returns
        -------
        YOLOLossTerms
            Of float32 scalars.

        Raises
        ------
        ValueError
            If shapes do not fit together, a box is empty, or its centre lies outside the image.
        """
        outputs = [output.as_subclass(Tensor).float() for output in outputs]
        size = self._spatial_size(outputs)
        truths, image, label = _collect(boxes, labels, outputs[0], size)
        levels = self.anchors
        assigned = assign_targets(truths, image, label, anchors=levels, strides=self.strides, spatial_size=size)
        padded = _pad(truths, image, len(outputs[0]))
        sums = outputs[0].new_zeros(5)
        for level, output in enumerate(outputs):
            overlaps = self._overlaps(output, padded, level=level)
            sums = sums + _level_terms(output, _select(assigned, assigned.level == level), overlaps)
        return YOLOLossTerms(*(sums / len(outputs[0])))

    @torch.no_grad()
    def _overlaps(self, output: Tensor, truths: Tensor, *, level: int) -> Tensor:
        """Which predictions overlap a truth of their image (B, T, 4) too much to be background: (B, A, W, H)."""
        predicted = decode_boxes(output, self.anchors[level], stride=self.strides[level])
        best = _iou(predicted.flatten(1, 3), truths).amax(dim=-1)
        return best.view(output.shape[:4]) >= self.ignore_threshold

    def _spatial_size(self, outputs: Sequence[Tensor]) -> tuple[int, int]:
        """Width and height of the images, from outputs that agree on them."""
        shapes = [tuple(output.shape) for output in outputs]
        fit = len(shapes) == len(self.strides) and all(
            len(shape) == 5 and shape[1] == len(sizes) for shape, sizes in zip(shapes, self.anchors, strict=True)
        )
        images = {(s[0], s[2] * n, s[3] * n, s[4]) for s, n in zip(shapes, self.strides, strict=True)} if fit else set()
        if len(images) != 1:
            msg = (
                f"outputs of one batch, (B, {len(self.anchors[0])}, W, H, 5 + classes) at the strides {self.strides}, "
                f"are needed, got {shapes}"
            )
            raise ValueError(msg)
        ((_, width, height, _),) = images
        return width, height


def _level_terms(output: Tensor, truth: Assignment, overlaps: Tensor) -> Tensor:
    """The five sums of one output, in the order of `YOLOLossTerms`."""
    where = (truth.image, truth.anchor, truth.cell[:, 0], truth.cell[:, 1])
    predicted = output[where]  # (P, 5 + classes)
    background = ~overlaps
    background[where] = False
    classes = F.one_hot(truth.label, output.shape[-1] - 5).to(output)
    entropy = F.binary_cross_entropy_with_logits
    weight = truth.weight[:, None]
    return torch.stack(
        [
            (weight * entropy(predicted[:, :2], truth.offset, reduction="none")).sum(),
            (weight * 0.5 * (predicted[:, 2:4] - truth.log_size) ** 2).sum(),
            F.softplus(-predicted[:, 4]).sum(),
            (F.softplus(output[..., 4]) * background).sum(),
            entropy(predicted[:, 5:], classes, reduction="sum"),
        ]
    )


def _collect(
    boxes: Sequence[Tensor], labels: Sequence[Tensor] | None, output: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """All truths of a batch, judged: boxes (T, 4), image (T,), label (T,), on the device of the output."""
    batch, classes, device = len(output), output.shape[-1] - 5, output.device
    if labels is None and classes > 1:
        msg = f"labels are needed with {classes} classes"
        raise ValueError(msg)
    counts = [len(part) for part in boxes]
    if len(boxes) != batch or (labels is not None and [len(part) for part in labels] != counts):
        named = "no labels" if labels is None else f"labels of {[len(part) for part in labels]}"
        msg = f"boxes (and labels) for {batch} images are needed, got boxes of {counts} truths, {named}"
        raise ValueError(msg)
    parts = [torch.as_tensor(part).as_subclass(Tensor).to(device, torch.float32).reshape(-1, 4) for part in boxes]
    truths = torch.cat(parts) if parts else output.new_zeros(0, 4)
    centre = (truths[:, :2] + truths[:, 2:]) / 2
    limit = torch.as_tensor(size, device=device)
    good = (truths[:, 2:] > truths[:, :2]) & (centre >= 0) & (centre <= limit) & truths.isfinite().view(-1, 2, 2).all(1)
    if not bool(good.all()):
        first = truths[~good.all(dim=1)][0].tolist()
        msg = f"a box (x1, y1, x2, y2) must not be empty, its centre in the {size[0]} x {size[1]} image, got {first}"
        raise ValueError(msg)
    image = torch.repeat_interleave(torch.arange(batch, device=device), torch.tensor(counts, device=device))
    if labels is None:
        return truths, image, torch.zeros_like(image)
    label = torch.cat([torch.as_tensor(part).as_subclass(Tensor).to(device, torch.int64) for part in labels])
    if bool(((label < 0) | (label >= classes)).any()):
        msg = f"labels must be 0 to {classes - 1}, got {sorted(set(label.tolist()))}"
        raise ValueError(msg)
    return truths, image, label


def _pad(truths: Tensor, image: Tensor, batch: int) -> Tensor:
    """Truths by image, (B, max(1, most truths), 4); the rest are empty boxes, which overlap nothing."""
    counts = torch.bincount(image, minlength=batch)
    most = max(1, int(counts.max()))
    rank = torch.arange(len(image), device=image.device) - (counts.cumsum(0) - counts)[image]
    padded = truths.new_zeros(batch, most, 4)
    padded[image, rank] = truths
    return padded


def _iou(first: Tensor, second: Tensor) -> Tensor:
    """IoU of boxes (..., N, 4) and (..., M, 4): (..., N, M); 0 for empty boxes."""
    a, b = first.unsqueeze(-2), second.unsqueeze(-3)
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (a, b)]
    iou: Tensor = shared / (areas[0] + areas[1] - shared).clamp(min=torch.finfo(shared.dtype).tiny)
    return iou


def _last_of_each(keys: Tensor) -> Tensor:
    """Index of the last of every distinct row of keys (T, D), the same on every device."""
    distinct, inverse = torch.unique(keys, dim=0, return_inverse=True)
    order = torch.arange(len(keys), device=keys.device)
    last: Tensor = inverse.new_zeros(len(distinct)).scatter_reduce(0, inverse, order, "amax")
    return last


def _select(assigned: Assignment, index: Tensor) -> Assignment:
    """Some of the assigned predictions."""
    return Assignment(**{name: value[index] for name, value in vars(assigned).items()})
