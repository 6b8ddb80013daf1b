# SPDX-License-Identifier: Apache-2.0
"""The two-stage inferer on images whose answer is known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from mammozoo.engines.inference.multi_scale import FusionRule, ImageDetections, MultiScaleDetector
from mammozoo.engines.inference.prediction_files import Region, write_prediction
from mammozoo.engines.inference.two_stage import TwoStageInferer, segment_windows
from mammozoo.functional.boxes.frame import DetectorFrame
from mammozoo.functional.boxes.geometry import box_iou_matrix
from mammozoo.networks.detection.yolov3 import YOLOv3

SCALES = [(32, 64), (64, 128)]
ANCHORS = [[8.0, 8.0]] * 9


class BrightDetector(nn.Module):
    """Answers with the box of what is brighter than 0.9, in the raw form of a YOLOv3."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        width, height = image.shape[2:]
        outputs = [torch.full((len(image), 3, width // n, height // n, 6), -20.0) for n in (32, 16, 8)]
        for index, picture in enumerate(image[:, 0] > 0.9):
            where = picture.nonzero()
            if len(where):
                low, high = where.min(dim=0).values.float(), where.max(dim=0).values.float() + 1
                centre, size = (low + high) / 2 / 8, high - low
                cell = centre.long()
                raw = [*torch.logit(centre - cell, eps=1e-4), *(size / 8).log(), torch.tensor(9.0), torch.tensor(9.0)]
                outputs[2][index, 0, cell[0], cell[1]] = torch.stack(list(raw))
        return outputs


class Bright(nn.Module):
    """Calls bright pixels lesion."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, crop: torch.Tensor) -> torch.Tensor:
        return 40 * (crop[:, :1] - 0.6)


def _image(*, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A film of 256 x 200 with a breast at one side and a lesion; and the lesion's mask."""
    image = np.zeros((256, 200), np.float32)
    image[30:220, :130] = 0.4 + 0.05 * np.random.default_rng(0).uniform(size=(190, 130)).astype(np.float32)
    mask = np.zeros(image.shape, bool)
    mask[100:140, 50:82] = True
    image[mask] = 1.0
    return (image[:, ::-1].copy(), mask[:, ::-1].copy()) if mirrored else (image, mask)


def _inferer(**options: Any) -> TwoStageInferer:
    detector = MultiScaleDetector(BrightDetector(), anchors=ANCHORS, scales=SCALES, frame_size=(64, 128))
    return TwoStageInferer(detector, spatial_size=(64, 64), single_scale=(64, 128), **options)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("fusion", [True, False])
def test_a_bright_lesion_is_found_and_outlined_at_native_size(mirrored: bool, fusion: bool) -> None:
    image, mask = _image(mirrored=mirrored)
    inferer = _inferer(fusion=fusion)
    tensor = MetaTensor(torch.from_numpy(image.T.copy())[None, None], meta={"filename_or_obj": ["a"]})
    probability = inferer(tensor, Bright())
    assert isinstance(probability, MetaTensor)
    assert probability.shape == (1, 1, 200, 256)
    (region,) = inferer.regions[0]
    rows, columns = np.nonzero(mask)
    truth = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert box_iou_matrix([region.box], [truth])[0, 0] > 0.75
    assert region.score > 0.99
    found = probability[0, 0].numpy().T >= 0.5
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.9
    x1, y1, x2, y2 = region.window
    outside = found.copy()
    outside[y1:y2, x1:x2] = False
    assert not outside.any()


def test_a_batch_is_detected_as_its_images_are() -> None:
    images = [_image()[0], _image(mirrored=True)[0], _image()[0][:200, :160]]
    detector = _inferer().detector
    for image, found in zip(images, detector.detect(images), strict=True):
        alone = detector(image)
        assert found.frame == alone.frame
        for (boxes, scores), (lone_boxes, lone_scores) in zip(found.scales, alone.scales, strict=True):
            assert len(boxes) == 1
            np.testing.assert_allclose(boxes, lone_boxes, atol=1e-4)
            np.testing.assert_allclose(scores, lone_scores, atol=1e-6)


def test_nothing_found_gives_an_empty_map() -> None:
    image, mask = _image()
    image[mask] = 0.4
    inferer = _inferer()
    probability = inferer(torch.from_numpy(image.T.copy())[None, None], Bright())
    assert probability.sum() == 0
    assert inferer.regions == [[]]


def test_scales_that_disagree_are_dropped_by_lambda() -> None:
    frame = DetectorFrame(shape=(128, 64), content=(0, 0, 64, 128), window=(64, 128), mirrored=False)
    boxes = [(np.array([[0.0, 0, 16, 16]]), np.array([0.8])), (np.array([[40.0, 40, 60, 60]]), np.array([0.8]))]
    found = ImageDetections(frame, [(32, 64), (64, 128)], boxes)
    rule = FusionRule(threshold=0.6, canvas=(64, 128))
    assert len(found.fused(rule).boxes) == 0
    both = found.fused(dataclasses.replace(rule, threshold=0.5))
    assert sorted(both.boxes.tolist()) == [[0, 0, 32, 32], [40, 40, 60, 60]]
    assert found.at((32, 64)).boxes.tolist() == [[0, 0, 32, 32]]


def test_only_boxes_above_the_rules_score_take_part() -> None:
    frame = DetectorFrame(shape=(128, 64), content=(0, 0, 64, 128), window=(64, 128), mirrored=False)
    boxes = np.array([[0.0, 0, 16, 16], [40, 40, 60, 60], [0, 80, 20, 90]])
    found = ImageDetections(frame, [(64, 128)], [(boxes, np.array([0.9, 0.5, 0.05]))])
    rule = FusionRule(threshold=0.0, canvas=(64, 128))
    assert len(found.at((64, 128)).boxes) == 3
    assert len(found.at((64, 128), rule).boxes) == 2
    assert len(found.fused(rule).boxes) == 2
    assert len(found.fused(dataclasses.replace(rule, max_detections=1)).boxes) == 1


def test_a_box_in_the_padding_alone_is_dropped() -> None:
    frame = DetectorFrame(shape=(64, 64), content=(0, 0, 64, 64), window=(64, 128), mirrored=False)
    found = ImageDetections(frame, [(64, 128)], [(np.array([[0.0, 100, 10, 120]]), np.array([0.9]))])
    assert len(found.at((64, 128)).boxes) == 0


def test_overlapping_windows_keep_the_larger_probability() -> None:
    image, _ = _image()
    windows = [(40, 90, 92, 150), (60, 90, 92, 150)]
    both = segment_windows(Bright(), image, windows, size=(32, 32), batch_size=1)
    parts = [segment_windows(Bright(), image, [window], size=(32, 32)) for window in windows]
    np.testing.assert_array_equal(both, np.maximum(*parts))
    assert segment_windows(Bright(), image, [], size=(32, 32)).sum() == 0


def test_findings_are_the_regions(tmp_path: Path) -> None:
    probability = np.zeros((64, 48))
    probability[10:20, 10:20] = 0.9
    regions = [Region((30, 30, 40, 40), 0.3, (28, 28, 42, 42)), Region((8, 8, 22, 22), 0.8, (6, 6, 24, 24))]
    write_prediction(tmp_path, probability=probability, image=np.zeros((64, 48), np.uint8), regions=regions)
    findings = json.loads((tmp_path / "findings.json").read_text())
    assert [item["score"] for item in findings] == [0.8, 0.3]
    assert [item["area_px"] for item in findings] == [100, 0]
    assert findings[0]["box_xyxy"] == [8, 8, 22, 22]


def test_wrong_options() -> None:
    with pytest.raises(TypeError, match="fusion"):
        _inferer(fusion="false")
    detector = MultiScaleDetector(YOLOv3(width=1), anchors=ANCHORS, scales=SCALES, frame_size=(64, 128))
    with pytest.raises(ValueError, match="single_scale"):
        TwoStageInferer(detector, fusion=False)
