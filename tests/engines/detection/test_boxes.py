# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ignite.engine import Engine

from mammozoo.engines.detection.boxes import DetectionMetric, MultiScaleBatch, detect_batch, training_sizes
from mammozoo.networks import create_network

ANCHORS = [[8.0, 8.0], [10, 10], [12, 12], [16, 16], [20, 20], [24, 24], [32, 32], [48, 48], [64, 64]]


def test_sizes_are_those_of_the_paper() -> None:
    sizes = training_sizes()
    assert sizes[0] == (160, 320)
    assert sizes[-1] == (480, 960)
    assert all(height == 2 * width and width % 32 == 0 for width, height in sizes)
    with pytest.raises(ValueError, match="multiples of 32"):
        training_sizes([100])


def test_the_size_stays_for_ten_batches_and_is_drawn_from_the_seed_alone() -> None:
    prepare = MultiScaleBatch(training_sizes(), seed=3)
    drawn = [prepare.size_at(iteration) for iteration in range(1, 401)]
    assert all(len(set(drawn[start : start + 10])) == 1 for start in range(0, 400, 10))
    assert len(set(drawn)) == 11
    assert drawn == [MultiScaleBatch(training_sizes(), seed=3).size_at(i) for i in range(1, 401)]
    assert drawn != [MultiScaleBatch(training_sizes(), seed=4).size_at(i) for i in range(1, 401)]


def test_the_trainer_tells_the_iteration() -> None:
    prepare = MultiScaleBatch([(32, 64), (64, 128)], interval=2, seed=1)
    used: list[tuple[int, int]] = []
    engine = Engine(lambda _, __: used.append(prepare.size))
    prepare.attach(engine)
    engine.run(range(6), max_epochs=2)
    assert used == [prepare.size_at(iteration) for iteration in range(1, 13)]


def test_image_and_boxes_are_resized_alike() -> None:
    image = torch.zeros(2, 1, 64, 128)
    image[0, 0, 16:32, 64:96] = 1
    batch = {"image": image, "box": [torch.tensor([[16.0, 64, 32, 96]]), torch.zeros(0, 4)]}
    resized, boxes = MultiScaleBatch([(32, 64)])(batch, torch.device("cpu"))
    assert resized.shape == (2, 3, 32, 64)
    x1, y1, x2, y2 = boxes[0][0].int().tolist()
    assert resized[0, :, x1:x2, y1:y2].min() == 1
    assert resized[0].sum() == 3 * (x2 - x1) * (y2 - y1)
    assert boxes[1].shape == (0, 4)


def _perfect(box: list[float], *, size: tuple[int, int] = (64, 128)) -> list[torch.Tensor]:
    """Raw outputs that say one box, of an anchor's size, at stride 8 with certainty."""
    outputs = [torch.full((1, 3, size[0] // n, size[1] // n, 6), -20.0) for n in (32, 16, 8)]
    centre = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
    cell = [int(value // 8) for value in centre]
    offset = [value / 8 - index for value, index in zip(centre, cell, strict=True)]
    raw = [math.log(value / (1 - value)) for value in offset]
    outputs[2][0, 2, cell[0], cell[1]] = torch.tensor([*raw, 0.0, 0.0, 9.0, 9.0])  # the third smallest anchor, 12 x 12
    return outputs


def test_the_metric_scores_the_boxes_of_raw_outputs() -> None:
    box = [21.0, 45.0, 33.0, 57.0]
    outputs = _perfect(box)
    (found,) = detect_batch(outputs, ANCHORS)
    np.testing.assert_allclose(found.boxes[0], box, atol=1e-4)
    for statistic in ("average_precision", "froc"):
        metric = DetectionMetric(ANCHORS, statistic=statistic)
        metric.update((outputs, [torch.tensor([box])]))
        assert metric.compute() == pytest.approx(1.0)
        metric.update((outputs, [torch.tensor([[0.0, 0, 12, 12]])]))
        assert 0 < metric.compute() < 1
        metric.reset()
        assert metric.compute() == 0.0
    with pytest.raises(ValueError, match="statistic"):
        DetectionMetric(ANCHORS, statistic="map")


def test_a_detector_learns_one_image() -> None:
    torch.manual_seed(0)
    from mammozoo.losses.yolo import YOLOv3Loss

    network, loss = create_network("yolov3", width=2), YOLOv3Loss(ANCHORS)
    image = 0.1 * torch.rand(2, 3, 64, 64)
    boxes = [torch.tensor([[20.0, 40, 36, 56]]), torch.tensor([[40.0, 4, 56, 24]])]
    for part, (x1, y1, x2, y2) in zip(image, (box[0].int().tolist() for box in boxes), strict=True):
        part[:, x1:x2, y1:y2] += 0.8
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        value = loss(network(image), boxes)
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    assert losses[-1] < 0.5 * losses[0]
