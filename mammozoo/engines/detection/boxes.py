# SPDX-License-Identifier: Apache-2.0
"""Training of a detector: batches at sizes that change, and validation by average precision and FROC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from ignite.metrics import Metric
from torch import Tensor

from ...functional.boxes.yolo_decode import Detections, decode, non_maximum_suppression
from ...functional.resize import resize
from ...metrics.detection import average_precision
from ...metrics.froc import froc
from ...metrics.matching import BoxMatch, HitRule, match_boxes

__all__ = ["DetectionMetric", "MultiScaleBatch", "detect_batch", "training_sizes"]

WIDTHS = tuple(range(160, 481, 32))  # multiples of 32, as in Section 3.2 of Yan et al.; heights are twice as much


def training_sizes(widths: Sequence[int] = WIDTHS) -> list[tuple[int, int]]:
    """Width and height of the input at every size of the multi-scale training."""
    wrong = [width for width in widths if width < 1 or width % 32]
    if wrong or not widths:
        msg = f"training widths must be positive multiples of 32, got {list(widths)}"
        raise ValueError(msg)
    return [(int(width), 2 * int(width)) for width in widths]


class MultiScaleBatch:
    """Bring a batch to the device and to the size that is drawn anew every ten batches; its boxes too.

    It is the ``prepare_batch`` of a trainer, and one of its handlers, which tells it the iteration.

    Parameters
    ----------
    sizes : sequence of (int, int)
        Widths and heights to draw from; one alone is a fixed size, as in validation.
    interval : int
        Batches between two draws: 10.
    seed : int
    channels : int
        Copies of the gray channel.

    Notes
    -----
    The draw depends on the seed and on the iteration's place alone, so that a resumed run goes on with the sizes that
    an uninterrupted one would have had, and every process of a distributed run draws alike.

    References
    ----------
    Redmon and Farhadi, YOLO9000, CVPR 2017, arXiv:1612.08242, Section 2 "Multi-scale training"; Yan et al., 2020,
    arXiv:2002.12079, Section 3.2.

    Examples
    --------
    >>> prepare = MultiScaleBatch([(32, 64)])
    >>> image, boxes = prepare({"image": torch.zeros(1, 1, 64, 128), "box": [torch.tensor([[0.0, 0, 8, 8]])]})
    >>> image.shape, boxes[0].tolist()
    (torch.Size([1, 3, 32, 64]), [[0.0, 0.0, 4.0, 4.0]])
    """

    def __init__(self, sizes: Sequence[Sequence[int]], *, interval: int = 10, seed: int = 0, channels: int = 3) -> None:
        self.sizes = [(int(width), int(height)) for width, height in sizes]
        self.interval = interval
        self.seed = seed
        self.channels = channels
        self.size = self.size_at(1)

    def size_at(self, iteration: int) -> tuple[int, int]:
        """Width and height at an iteration, counted from 1."""
        block = (iteration - 1) // self.interval
        return self.sizes[int(np.random.default_rng((self.seed, block)).integers(len(self.sizes)))]

    def attach(self, engine: Engine) -> None:
        """Register the handler on a trainer."""
        engine.add_event_handler(Events.ITERATION_STARTED, self._choose)

    def _choose(self, engine: Engine) -> None:
        self.size = self.size_at(engine.state.iteration)

    def __call__(
        self, batchdata: dict[str, Any], device: Any = None, non_blocking: bool = False, **kwargs: Any
    ) -> tuple[Tensor, list[Tensor]]:
        """Give images (B, channels, W, H) and their boxes, all on the device."""
        images = torch.as_tensor(batchdata["image"]).to(device=device, non_blocking=non_blocking, **kwargs)
        factors = torch.tensor(self.size, dtype=torch.float32) / torch.tensor(images.shape[2:])
        if tuple(images.shape[2:]) != self.size:
            images = resize(images, size=(self.size[1], self.size[0]))  # rows of the function are our first axis
        boxes = [torch.as_tensor(part).float() * factors.repeat(2) for part in batchdata["box"]]
        return images.expand(-1, self.channels, -1, -1), [part.to(device) for part in boxes]


def detect_batch(
    outputs: Sequence[Tensor],
    anchors: Sequence[Sequence[float]],
    *,
    score_threshold: float = 0.1,
    iou_threshold: float = 0.5,
    max_detections: int = 20,
) -> list[Detections]:
    """Boxes of every image of a batch, from the raw outputs of `mammozoo.networks.detection.yolov3.YOLOv3`."""
    first = outputs[0].shape
    size = (int(first[2]) * 32, int(first[3]) * 32)
    return [
        non_maximum_suppression(
            found[:, :4],
            found[:, 5:],
            iou_threshold=iou_threshold,
            score_threshold=score_threshold,
            max_detections=max_detections,
            spatial_size=size,
        )
        for found in decode(outputs, anchors)
    ]


class DetectionMetric(Metric):
    """Average precision, or mean sensitivity of the FROC curve, over the images of a validation run.

    Parameters
    ----------
    anchors : sequence of pairs
    statistic : {"average_precision", "froc"}
        The area under precision and recall without interpolation, or the mean sensitivity at 1/8 to 8 false positives
        an image.
    hit : str
        When a box finds a lesion, as in `mammozoo.metrics.matching.match_boxes`.
    score_threshold : float
        Boxes below it do not count; low, so that the curves are long.
    max_detections : int
        An image.

    Notes
    -----
    Takes (raw outputs, list of true boxes), what ``monai.handlers.from_engine(["pred", "label"])`` gives of an
    undecollated output.

    Examples
    --------
    >>> metric = DetectionMetric([[8, 8]] * 9)
    >>> empty = [torch.full((1, 3, n, 2 * n, 6), -9.0) for n in (1, 2, 4)]
    >>> metric.update((empty, [torch.tensor([[0.0, 0, 8, 8]])]))
    >>> metric.compute()
    0.0
    """

    def __init__(
        self,
        anchors: Sequence[Sequence[float]],
        *,
        statistic: str = "average_precision",
        hit: HitRule = "iou50",
        score_threshold: float = 0.01,
        max_detections: int = 100,
        output_transform: Callable[..., Any] = lambda output: (output["pred"], output["label"]),
    ) -> None:
        if statistic not in ("average_precision", "froc"):
            msg = f"statistic is 'average_precision' or 'froc', got {statistic!r}"
            raise ValueError(msg)
        self.anchors = anchors
        self.statistic = statistic
        self.hit: HitRule = hit
        self.limits: dict[str, Any] = {"score_threshold": score_threshold, "max_detections": max_detections}
        self._cases: list[BoxMatch] = []
        super().__init__(output_transform=output_transform, skip_unrolling=True)  # outputs are of three strides

    def reset(self) -> None:
        """Forget every image."""
        self._cases = []

    def update(self, output: tuple[Sequence[Tensor], Sequence[Tensor]]) -> None:
        """Match the boxes of a batch."""
        outputs, truths = output
        for found, truth in zip(detect_batch(outputs, self.anchors, **self.limits), truths, strict=True):
            boxes, scores, lesions = (part.cpu().numpy() for part in (found.boxes, found.scores, truth))
            self._cases.append(match_boxes(boxes, scores, lesions, hit=self.hit))

    def compute(self) -> float:
        """The statistic over all images so far; 0 without any lesion, so that a best epoch exists."""
        cases = _of_all_processes(self._cases)
        value = average_precision(cases) if self.statistic == "average_precision" else froc(cases).mean_sensitivity
        return float(np.nan_to_num(value))


def _of_all_processes(cases: list[BoxMatch]) -> list[BoxMatch]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return cases
    parts: list[list[BoxMatch]] = [[] for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(parts, cases)
    return [case for part in parts for case in part]
