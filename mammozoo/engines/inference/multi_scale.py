# SPDX-License-Identifier: Apache-2.0
"""One detector at several input sizes, and what their boxes agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..._typing import Array
from ...functional.boxes.frame import DetectorFrame, find_frame, frame_image
from ...functional.boxes.fusion import fuse_detections
from ...functional.resize import resize
from ..detection.boxes import detect_batch

__all__ = ["FusionRule", "ImageDetections", "MultiScaleDetector", "ScaleBoxes"]

SCALES = ((160, 320), (256, 512), (320, 640), (416, 832), (480, 960))  # Section 3.2 of Yan et al.


@dataclass(frozen=True)
class FusionRule:
    """How boxes of several scales become regions; see `mammozoo.functional.boxes.fusion.fuse_detections`.

    Parameters
    ----------
    threshold : float
        The paper's lambda.
    canvas : (int, int)
        Width and height of the grid on which boxes are laid.
    within_scale : {"sum", "max"}
    fused_score : {"confidence", "ms"}
    connectivity : {8, 4}
    score_threshold : float
        Boxes below it take no part.
    max_detections : int
        The most boxes of a scale that take part, best first.

    Examples
    --------
    >>> FusionRule().threshold
    0.6
    """

    threshold: float = 0.6
    canvas: tuple[int, int] = (1024, 2048)
    within_scale: Literal["sum", "max"] = "sum"
    fused_score: Literal["confidence", "ms"] = "confidence"
    connectivity: int = 8
    score_threshold: float = 0.1
    max_detections: int = 20


@dataclass(frozen=True, eq=False)
class ScaleBoxes:
    """Boxes and scores of one scale or of their fusion."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ImageDetections:
    """What a detector found in one image at each scale, in the coordinates of its frame."""

    frame: DetectorFrame
    sizes: Sequence[tuple[int, int]]
    scales: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=tuple)

    def at(self, size: tuple[int, int], rule: FusionRule | None = None) -> ScaleBoxes:
        """The boxes of one scale, in pixels of the image; with a rule those that would take part in a fusion."""
        if size not in self.sizes:
            msg = f"single_scale {size} is none of the scales that ran, {list(self.sizes)}: give --scales with it"
            raise ValueError(msg)
        boxes, scores = self.scales[list(self.sizes).index(size)]
        kept = np.arange(len(scores)) if rule is None else _participants(scores, rule)
        return self._in_image(boxes[kept], scores[kept], size)

    def fused(self, rule: FusionRule) -> ScaleBoxes:
        """The regions on which scales agree, in pixels of the image."""
        laid = []
        for (boxes, scores), size in zip(self.scales, self.sizes, strict=True):
            kept = _participants(scores, rule)
            laid.append((boxes[kept] * np.tile(np.divide(rule.canvas, size), 2), scores[kept]))
        found = fuse_detections(
            laid,
            canvas=rule.canvas,
            threshold=rule.threshold,
            within_scale=rule.within_scale,
            fused_score=rule.fused_score,
            connectivity=rule.connectivity,
        )
        return self._in_image(found.boxes.astype(np.float64), found.scores, rule.canvas)

    def _in_image(self, boxes: Array, scores: Array, size: tuple[int, int]) -> ScaleBoxes:
        height, width = self.frame.shape
        native = self.frame.to_image(boxes, size=size).clip(0, [width, height, width, height])
        visible = (native[:, 2:] > native[:, :2]).all(axis=1)  # a box may lie in the frame's padding alone
        return ScaleBoxes(native[visible], np.asarray(scores, np.float64)[visible])


def _participants(scores: Array, rule: FusionRule) -> NDArray[np.int64]:
    """Index of the boxes that take part."""
    return np.flatnonzero(scores >= rule.score_threshold)[: rule.max_detections]


class MultiScaleDetector:
    """Detect masses in a native image with one network at several input sizes.

    Parameters
    ----------
    network : torch.nn.Module
        A YOLOv3; used in evaluation mode.
    anchors : sequence of pairs
        Widths and heights in pixels of the network's input.
    scales : sequence of (int, int)
        Widths and heights of the input.
    frame_size : (int, int)
        Size at which training images were stored before they were resized; the same two steps are taken here.
    framing, flip_to_left
        As in `mammozoo.functional.boxes.frame.find_frame`.
    iou_threshold, score_threshold, max_detections
        Of the non-maximum suppression at each scale.
    channels : int
        Copies of the gray channel.
    amp : bool
        bfloat16.

    Examples
    --------
    >>> from ..networks.yolov3 import YOLOv3
    >>> find = MultiScaleDetector(YOLOv3(width=1), anchors=[[8, 8]] * 9, scales=[(32, 64)], frame_size=(32, 64))
    >>> len(find(np.zeros((80, 50), np.float32)).scales)
    1
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        anchors: Sequence[Sequence[float]],
        scales: Sequence[Sequence[int]] = SCALES,
        frame_size: Sequence[int] = (480, 960),
        framing: str = "padded",
        flip_to_left: bool = True,
        iou_threshold: float = 0.5,
        score_threshold: float = 0.1,
        max_detections: int = 20,
        channels: int = 3,
        amp: bool = False,
    ) -> None:
        self.network = network
        self.anchors = anchors
        self.scales = [(int(width), int(height)) for width, height in scales]
        self.frame_size = (int(frame_size[0]), int(frame_size[1]))
        self.frame_options: dict[str, Any] = {"framing": framing, "flip_to_left": flip_to_left}
        self.limits: dict[str, Any] = {
            "iou_threshold": iou_threshold,
            "score_threshold": score_threshold,
            "max_detections": max_detections,
        }
        self.channels = channels
        self.amp = amp

    def __call__(self, image: Array) -> ImageDetections:
        """Detect in an image (H, W) of grey levels from 0 to 1."""
        return self.detect([image])[0]

    @torch.inference_mode()
    def detect(self, images: Sequence[Array]) -> list[ImageDetections]:
        """Detect in images (H, W) of any sizes: at every scale all of them are one batch."""
        frames = [find_frame(image, **self.frame_options) for image in images]
        framed = [
            frame_image(image.astype(np.float32, copy=False), frame, size=self.frame_size)
            for image, frame in zip(images, frames, strict=True)
        ]
        self.network.eval()
        by_scale = [self._detect_at(size, framed) for size in self.scales]
        return [
            ImageDetections(frame, self.scales, scales)
            for frame, scales in zip(frames, zip(*by_scale, strict=True), strict=True)
        ]

    def _detect_at(self, size: tuple[int, int], framed: Sequence[Array]) -> list[tuple[Array, Array]]:
        """Boxes and scores of every framed image at one scale."""
        device = next(self.network.parameters()).device
        rows = np.stack([image if size == self.frame_size else resize(image, size=size) for image in framed])
        batch = torch.from_numpy(np.ascontiguousarray(rows.transpose(0, 2, 1))).to(device)[:, None]
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.amp):
            outputs = self.network(batch.expand(-1, self.channels, -1, -1))
        found = detect_batch(outputs, self.anchors, **self.limits)
        return [(one.boxes.double().cpu().numpy(), one.scores.double().cpu().numpy()) for one in found]
