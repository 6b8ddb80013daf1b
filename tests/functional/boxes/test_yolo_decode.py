# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from monai.data import MetaTensor
from monai.data.box_utils import box_iou

from mammozoo.functional.boxes.yolo_decode import decode, decode_boxes, non_maximum_suppression, split_anchors

NINE = [(10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (373, 326)]
STRIDES = (32, 16, 8)


def _outputs(width: int, height: int, *, batch: int = 1, classes: int = 1, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(batch, 3, width // s, height // s, 5 + classes) for s in STRIDES]
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize(
    ("width", "height", "count"),
    [(160, 320, 3150), (256, 512, 8064), (320, 640, 12600), (416, 832, 21294), (480, 960, 28350)],
)
def test_predictions_per_image(width: int, height: int, count: int) -> None:
    outputs = [torch.empty(2, 3, width // s, height // s, 6, device="meta") for s in STRIDES]
    assert decode(outputs, NINE).shape == (2, count, 6)


@pytest.mark.parametrize("strides", [(32, 16, 8), (8, 16, 32)])
def test_the_largest_anchors_go_to_the_largest_stride(strides: tuple[int, ...]) -> None:
    parts = dict(zip(strides, split_anchors(list(reversed(NINE)), strides), strict=True))
    assert {stride: part.tolist() for stride, part in parts.items()} == {
        8: [list(map(float, a)) for a in NINE[:3]],
        16: [list(map(float, a)) for a in NINE[3:6]],
        32: [list(map(float, a)) for a in NINE[6:]],
    }


def test_decode_by_hand() -> None:
    outputs = [torch.zeros(1, 3, 64 // s, 96 // s, 7) for s in STRIDES]
    raw = [math.log(0.25 / 0.75), math.log(0.75 / 0.25), math.log(1.5), math.log(0.5), math.log(4), 0, -math.log(3)]
    outputs[1][0, 2, 1, 4] = torch.tensor(raw)  # stride 16, anchor (59, 119), column 1 and row 4
    index = 3 * 2 * 3 + (2 * 4 + 1) * 6 + 4
    x, y, w, h = (1 + 0.25) * 16, (4 + 0.75) * 16, 59 * 1.5, 119 * 0.5
    expected = [x - w / 2, y - h / 2, x + w / 2, y + h / 2, 0.8, 0.8 * 0.5, 0.8 * 0.25]
    assert decode(outputs, NINE)[0, index].tolist() == pytest.approx(expected, abs=1e-4)


def test_the_first_axis_is_x() -> None:
    boxes = decode_boxes(torch.zeros(1, 1, 2, 3, 4), torch.tensor([[4.0, 8.0]]), stride=8)
    assert boxes[0, 0, 1, 2].tolist() == [10.0, 16.0, 14.0, 24.0]


def test_batch_equals_loop_and_half_precision_is_lifted() -> None:
    outputs = _outputs(64, 96, batch=3, classes=2)
    together = decode(outputs, NINE)
    for image in range(3):
        torch.testing.assert_close(together[image : image + 1], decode([o[image : image + 1] for o in outputs], NINE))
    halves = decode([MetaTensor(output.half()) for output in outputs], NINE)
    assert type(halves) is torch.Tensor
    torch.testing.assert_close(halves, together, atol=2.0, rtol=1e-2)


def test_an_untrained_network_gives_finite_boxes() -> None:
    assert decode_boxes(torch.full((1, 1, 1, 1, 4), 1e4), torch.tensor([[300.0, 300.0]]), stride=32).isfinite().all()


BOXES = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 6], [0, 0, 10, 5], [20, 20, 30, 30]])
SCORES = torch.tensor([0.3, 0.9, 0.5, 0.2])


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, [1, 3]),  # IoU of 1 and 0 is 0.6, of 1 and 2 is 5/6
        ({"iou_threshold": 0.7}, [1, 0, 3]),
        ({"iou_threshold": 0.9}, [1, 2, 0, 3]),
        ({"score_threshold": 0.25}, [1]),
        ({"score_threshold": 0.95}, []),
        ({"max_detections": 1}, [1]),
        ({"iou_threshold": 0.9, "max_candidates": 2}, [1, 2]),
    ],
)
def test_suppression_by_hand(options: dict[str, float], kept: list[int]) -> None:
    found = non_maximum_suppression(BOXES, SCORES, **options)
    assert torch.equal(found.boxes, BOXES[kept])
    assert torch.equal(found.scores, SCORES[kept])
    assert found.labels.tolist() == [0] * len(kept)


def test_classes_do_not_suppress_each_other() -> None:
    scores = torch.stack([SCORES, SCORES.flip(0)], dim=1)
    found = non_maximum_suppression(BOXES, scores)
    assert found.labels.tolist() == [0, 1, 1, 1, 0]
    assert torch.equal(found.boxes, BOXES[[1, 2, 3, 0, 3]])  # IoU of 2 and 0 is exactly 0.5: not more
    assert torch.equal(found.scores, torch.tensor([0.9, 0.9, 0.3, 0.2, 0.2]))


def test_boxes_are_clipped_before_they_are_compared() -> None:
    boxes = torch.tensor([[-10.0, 0, 10, 10], [0, 0, 10, 10], [-9, -9, -1, -1], [25, 20, 40, 99]])
    found = non_maximum_suppression(boxes, torch.tensor([0.9, 0.8, 0.7, 0.6]), spatial_size=(30, 40))
    assert found.boxes.tolist() == [[0, 0, 10, 10], [25, 20, 30, 40]]


def test_what_is_kept_overlaps_little_and_what_is_dropped_much() -> None:
    prediction = decode(_outputs(96, 64), NINE)[0]
    boxes, scores = prediction[:, :4], prediction[:, 5]
    found = non_maximum_suppression(boxes, scores, score_threshold=0.3, max_detections=10_000, max_candidates=10_000)
    iou = box_iou(found.boxes, found.boxes).fill_diagonal_(0)
    assert iou.max() <= 0.5
    assert (found.scores.diff() <= 0).all()
    candidates = scores >= 0.3
    better = found.scores >= scores[candidates, None]
    assert ((box_iou(boxes[candidates], found.boxes) > 0.5) & better).any(dim=1).all()


def test_no_boxes() -> None:
    for scores in (torch.zeros(0), torch.zeros(0, 2)):
        found = non_maximum_suppression(torch.zeros(0, 4), scores, spatial_size=(8, 8))
        assert (found.boxes.shape, found.scores.shape, found.labels.dtype) == ((0, 4), (0,), torch.int64)


def test_helpful_errors() -> None:
    with pytest.raises(ValueError, match=r"8 anchors cannot be shared out evenly among the strides \(32, 16, 8\)"):
        split_anchors(NINE[:8], STRIDES)
    with pytest.raises(ValueError, match="cannot be shared out evenly"):
        split_anchors(NINE, (8, 8, 16))
    with pytest.raises(ValueError, match="pairs of positive width and height"):
        split_anchors([(1, 0)], (8,))
    with pytest.raises(ValueError, match=r"3 outputs of shape \(B, 3, W, H, 5 \+ classes\) are needed"):
        decode(_outputs(32, 32)[:2], NINE)
    with pytest.raises(ValueError, match=r"got \(4, 4\) and \(3,\)"):
        non_maximum_suppression(BOXES, SCORES[:3])
    with pytest.raises(ValueError, match="at least 1 detection and 1 candidate"):
        non_maximum_suppression(BOXES, SCORES, max_detections=0)
