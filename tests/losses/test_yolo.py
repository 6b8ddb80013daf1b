# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from monai.data import MetaTensor
from monai.data.box_utils import box_iou

from mammozoo.functional.boxes.anchors import shape_iou
from mammozoo.functional.boxes.yolo_decode import decode, decode_boxes, non_maximum_suppression, split_anchors
from mammozoo.losses.yolo import YOLOLossTerms, YOLOv3Loss

ANCHORS = [(4, 4), (6, 6), (8, 8), (12, 12), (16, 16), (20, 40), (40, 40), (50, 50), (60, 60)]
STRIDES = (32, 16, 8)
WIDTH, HEIGHT = 64, 96
BOX = torch.tensor([[10.0, 20, 34, 52]])  # 24 x 32 around (22, 36): anchor (20, 40), third of stride 16, cell (1, 2)
LOG2 = math.log(2)
CELLS = 3 * (2 * 3 + 4 * 6 + 8 * 12)


def _zeros(batch: int = 1, classes: int = 1) -> list[torch.Tensor]:
    return [torch.zeros(batch, 3, WIDTH // s, HEIGHT // s, 5 + classes) for s in STRIDES]


def _random(batch: int, classes: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(output.shape, generator=generator) for output in _zeros(batch, classes)]


def _values(terms: YOLOLossTerms) -> dict[str, float]:
    return {name: value.item() for name, value in vars(terms).items()}


def test_every_term_of_one_truth_by_hand() -> None:
    terms = YOLOv3Loss(ANCHORS).terms(_zeros(), [BOX])
    weight = 2 - 24 * 32 / (WIDTH * HEIGHT)
    assert _values(terms) == pytest.approx(
        {
            "centre": weight * 2 * LOG2,
            "size": weight * 0.5 * (math.log(24 / 20) ** 2 + math.log(32 / 40) ** 2),
            "objectness": LOG2,
            "background": (CELLS - 1) * LOG2,
            "classification": LOG2,
        },
        rel=1e-5,
    )
    assert terms.total.item() == pytest.approx(sum(_values(terms).values()))
    assert YOLOv3Loss(ANCHORS)(_zeros(), [BOX]).item() == terms.total.item()


def test_terms_of_the_answering_prediction_by_hand() -> None:
    outputs = _zeros()
    outputs[1][0, 2, 1, 2] = torch.tensor([0.4, -0.3, 0.2, 0.1, 2.0, -1.0])
    terms = YOLOv3Loss(ANCHORS).terms(outputs, [BOX])
    x, y = 22 / 16 - 1, 36 / 16 - 2
    centre = math.log1p(math.exp(0.4)) - 0.4 * x + math.log1p(math.exp(-0.3)) + 0.3 * y
    size = 0.5 * ((0.2 - math.log(1.2)) ** 2 + (0.1 - math.log(0.8)) ** 2)
    assert _values(terms) == pytest.approx(
        {
            "centre": 1.875 * centre,
            "size": 1.875 * size,
            "objectness": math.log1p(math.exp(-2)),
            "background": (CELLS - 1) * LOG2,
            "classification": math.log1p(math.exp(1)),
        },
        rel=1e-5,
    )


@pytest.mark.parametrize(("scale", "ignored"), [(1.0, 1), (0.51, 1), (0.49, 0)])
def test_what_overlaps_a_truth_is_not_background(scale: float, ignored: int) -> None:
    outputs = _zeros()
    raw = [math.log(0.375 / 0.625), math.log(0.25 / 0.75), math.log(24 / 16 * scale), math.log(32 / 16), 0, 0]
    outputs[1][0, 1, 1, 2] = torch.tensor(raw)  # the middle anchor of the cell, IoU = scale
    terms = YOLOv3Loss(ANCHORS, ignore_threshold=0.5).terms(outputs, [BOX])
    assert terms.background.item() == pytest.approx((CELLS - 1 - ignored) * LOG2, rel=1e-5)


def test_no_truth_leaves_the_background() -> None:
    terms = YOLOv3Loss(ANCHORS).terms(_zeros(2), [torch.zeros(0, 4), torch.zeros(0)])
    assert terms.total.item() == terms.background.item() == pytest.approx(CELLS * LOG2, rel=1e-5)


def test_the_sum_is_divided_by_the_batch() -> None:
    loss = YOLOv3Loss(ANCHORS)
    outputs, boxes = _random(3, 1), [BOX, torch.zeros(0, 4), torch.cat([BOX, BOX + 25])]
    single = [loss([o[i : i + 1] for o in outputs], boxes[i : i + 1]).item() for i in range(3)]
    assert loss(outputs, boxes).item() == pytest.approx(sum(single) / 3, rel=1e-5)


def _loop(outputs: list[torch.Tensor], boxes: list[torch.Tensor], labels: list[torch.Tensor]) -> dict[str, float]:
    """The same terms, one prediction at a time."""
    sums = dict.fromkeys(("centre", "size", "objectness", "background", "classification"), 0.0)

    def entropy(logit: float, target: float) -> float:
        return math.log1p(math.exp(-abs(logit))) + max(logit, 0) - logit * target

    levels = split_anchors(ANCHORS, STRIDES)
    for image in range(len(boxes)):
        answering = {}
        for box, label in zip(boxes[image].tolist(), labels[image].tolist(), strict=True):
            size = (box[2] - box[0], box[3] - box[1])
            best = int(shape_iou([size], torch.cat(levels).numpy()).argmax())
            level, anchor = divmod(best, 3)
            x, y = (box[0] + box[2]) / 2 / STRIDES[level], (box[1] + box[3]) / 2 / STRIDES[level]
            answering[level, anchor, int(x), int(y)] = (x % 1, y % 1, size, label)
        for level, output in enumerate(outputs):
            predicted = decode_boxes(output, levels[level], stride=STRIDES[level])[image]
            for index in torch.cartesian_prod(*(torch.arange(n) for n in output.shape[1:4])).tolist():
                raw = output[(image, *index)].tolist()
                if (level, *index) in answering:
                    x, y, size, label = answering[(level, *index)]
                    weight = 2 - size[0] * size[1] / (WIDTH * HEIGHT)
                    logs = [math.log(s / a) for s, a in zip(size, levels[level][index[0]].tolist(), strict=True)]
                    sums["centre"] += weight * (entropy(raw[0], x) + entropy(raw[1], y))
                    sums["size"] += weight * 0.5 * ((raw[2] - logs[0]) ** 2 + (raw[3] - logs[1]) ** 2)
                    sums["objectness"] += entropy(raw[4], 1)
                    sums["classification"] += sum(entropy(r, float(c == label)) for c, r in enumerate(raw[5:]))
                elif not len(boxes[image]) or box_iou(predicted[tuple(index)][None], boxes[image]).max() < 0.5:
                    sums["background"] += entropy(raw[4], 0)
    return {name: value / len(boxes) for name, value in sums.items()}


def test_agrees_with_a_loop_over_predictions() -> None:
    generator = torch.Generator().manual_seed(3)
    corners = [torch.rand(n, 2, generator=generator) * torch.tensor([40.0, 60.0]) for n in (4, 0, 7)]
    boxes = [torch.cat([c, c + 3 + 20 * torch.rand(c.shape, generator=generator)], dim=1) for c in corners]
    labels = [torch.randint(0, 2, (len(c),), generator=generator) for c in corners]
    outputs = _random(3, 2)
    terms = YOLOv3Loss(ANCHORS).terms(outputs, boxes, labels)
    assert _values(terms) == pytest.approx(_loop(outputs, boxes, labels), rel=1e-4)


def test_two_truths_of_one_prediction_the_last_counts() -> None:
    moved = BOX + torch.tensor([1.0, 0, 1, 0])
    outputs, loss = _random(1, 1), YOLOv3Loss(ANCHORS, ignore_threshold=1.1)
    assert loss(outputs, [torch.cat([moved, BOX])]).item() == loss(outputs, [BOX]).item()


def test_the_order_of_outputs_and_anchors_is_free() -> None:
    outputs = _random(1, 1)
    reverse = YOLOv3Loss(list(reversed(ANCHORS)), strides=(8, 16, 32))
    assert reverse(outputs[::-1], [BOX]).item() == pytest.approx(YOLOv3Loss(ANCHORS)(outputs, [BOX]).item())


def test_a_box_at_the_far_corner_and_one_beyond_the_border() -> None:
    corner = torch.tensor([[WIDTH - 1e-6, HEIGHT - 1e-6, WIDTH, HEIGHT], [-8, -8, 12, 12]])
    corner[0, :2] -= 1e-5
    assert YOLOv3Loss(ANCHORS)(_zeros(), [corner]).isfinite()


def test_types_of_the_pipeline() -> None:
    outputs = _random(1, 1)
    loss = YOLOv3Loss(ANCHORS)
    plain = loss(outputs, [BOX])
    again = loss([MetaTensor(output).half() for output in outputs], [MetaTensor(BOX.int())])
    assert type(again) is torch.Tensor
    assert again.dtype == torch.float32
    assert again.item() == pytest.approx(plain.item(), rel=1e-3)


def test_descending_the_loss_finds_the_boxes() -> None:
    boxes = [torch.cat([BOX, torch.tensor([[40.0, 70, 47, 78]])]), torch.tensor([[2.0, 30, 60, 92]])]
    outputs = [output.requires_grad_() for output in _random(2, 1)]
    optimiser = torch.optim.Adam(outputs, lr=0.3)
    loss = YOLOv3Loss(ANCHORS)
    for _ in range(80):
        optimiser.zero_grad()
        loss(outputs, boxes).backward()
        optimiser.step()
    for prediction, truth in zip(decode(outputs, ANCHORS), boxes, strict=True):
        found = non_maximum_suppression(prediction[:, :4], prediction[:, 5], score_threshold=0.5)
        best = box_iou(truth, found.boxes)
        assert len(found.boxes) == len(truth)
        assert (best.amax(dim=1) > 0.9).all()


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[10.0, 20, 10, 52]], r"must not be empty, .* 64 x 96 image, got \[10.0, 20.0, 10.0, 52.0\]"),
        ([[60.0, 20, 80, 52]], "its centre in the 64 x 96 image"),
        ([[float("nan"), 20, 30, 52]], "must not be empty"),
    ],
)
def test_bad_boxes(boxes: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        YOLOv3Loss(ANCHORS)(_zeros(2), [BOX, torch.tensor(boxes)])


def test_helpful_errors() -> None:
    loss = YOLOv3Loss(ANCHORS)
    with pytest.raises(ValueError, match="labels are needed with 2 classes"):
        loss(_zeros(1, 2), [BOX])
    with pytest.raises(ValueError, match=r"labels must be 0 to 1, got \[2\]"):
        loss(_zeros(1, 2), [BOX], [torch.tensor([2])])
    with pytest.raises(ValueError, match=r"for 2 images are needed, got boxes of \[1\] truths, no labels"):
        loss(_zeros(2), [BOX])
    with pytest.raises(ValueError, match=r"at the strides \(32, 16, 8\), are needed"):
        loss(_zeros()[::-1], [BOX])
    with pytest.raises(ValueError, match="cannot be shared out evenly"):
        YOLOv3Loss(ANCHORS[:8])
