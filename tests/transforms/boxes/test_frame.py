# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from mammozoo.functional.boxes.frame import FRAMINGS
from mammozoo.functional.components import lesion_boxes
from mammozoo.losses.yolo import YOLOv3Loss
from mammozoo.transforms.boxes.augment import RandBoxFlipd, RandBoxShiftd
from mammozoo.transforms.boxes.frame import LabelToBoxesd, ToDetectorFramed, collate_boxes, keep_visible


def _square(x: int, y: int, side: int = 8, size: tuple[int, int] = (64, 128)) -> torch.Tensor:
    image = torch.zeros(1, *size)
    image[0, x : x + side, y : y + side] = 1
    return image


def _found(image: torch.Tensor) -> np.ndarray:
    """Box of what is brighter than half, in an image (1, W, H)."""
    return lesion_boxes(image[0].numpy().T > 0.5)


def test_boxes_of_the_labels_parts() -> None:
    label = _square(4, 10) + _square(40, 100)
    boxes = LabelToBoxesd()({"label": label})["box"]
    assert boxes.tolist() == [[4, 10, 12, 18], [40, 100, 48, 108]]
    assert boxes.dtype == torch.float32
    assert LabelToBoxesd()({"label": torch.zeros(1, 8, 8)})["box"].shape == (0, 4)
    assert len(LabelToBoxesd(min_area=65)({"label": label})["box"]) == 0


def test_boxes_of_the_data_set_stand_before_the_label() -> None:
    data = {"label": _square(4, 10), "box": [[1.5, 2, 3, 4]]}
    assert LabelToBoxesd()(data)["box"].tolist() == [[1.5, 2, 3, 4]]
    assert LabelToBoxesd()({"box": []})["box"].shape == (0, 4)
    with pytest.raises(KeyError, match="neither 'box' nor 'label'"):
        LabelToBoxesd()({"image": 0})


def test_image_and_box_go_to_the_frame_together() -> None:
    image = torch.zeros(1, 100, 90)
    image[0, 50:, 10:80] = 500
    image[0, 70:80, 30:50] = 1000
    data = {"image": image, "box": torch.tensor([[70.0, 30, 80, 50]])}
    for framing in FRAMINGS:
        framed = ToDetectorFramed("image", [64, 128], framing=framing)(data)
        assert framed["image"].shape == (1, 64, 128)
        found = lesion_boxes(framed["image"][0].numpy().T > 990)[0]
        np.testing.assert_allclose(found, framed["box"][0].numpy(), atol=1.5)
        assert framed["box"][0, 0] < 32, "the chest wall is at the left"


@pytest.mark.parametrize("axis", [0, 1])
def test_flips_take_the_box_along(axis: int) -> None:
    data = {"image": _square(4, 10), "box": torch.tensor([[4.0, 10, 12, 18]])}
    flipped = RandBoxFlipd(prob=1.0, spatial_axis=axis)(data)
    np.testing.assert_array_equal(_found(flipped["image"]), flipped["box"].numpy())
    back = RandBoxFlipd(prob=1.0, spatial_axis=axis)(flipped)
    assert torch.equal(back["image"], data["image"])
    assert torch.equal(back["box"], data["box"])
    assert torch.equal(data["box"], torch.tensor([[4.0, 10, 12, 18]])), "the input is left alone"


def test_scale_and_shift_take_the_box_along_and_are_seeded() -> None:
    data = {"image": _square(24, 60, side=16), "box": torch.tensor([[24.0, 60, 40, 76]])}
    move = RandBoxShiftd(prob=1.0)
    drawn = set()
    for seed in range(8):
        moved = move.set_random_state(seed=seed)(data)
        np.testing.assert_allclose(_found(moved["image"]), moved["box"].numpy(), atol=1)
        again = move.set_random_state(seed=seed)(data)
        assert torch.equal(moved["image"], again["image"])
        drawn.add(move.drawn)
    assert len(drawn) == 8


def test_boxes_that_leave_are_dropped_and_others_clipped() -> None:
    boxes = torch.tensor([[-4.0, 0, 8, 8], [-9, 0, 8, 8], [60, 120, 80, 130], [10, 10, 10.5, 20], [63.9, 0, 64.0, 9]])
    kept = keep_visible(boxes, spatial_size=(64, 128))
    assert kept.tolist() == [[0, 0, 8, 8]]
    everything = RandBoxShiftd(prob=1.0, scale=(3.0, 3.0), shift=0.0)({"image": _square(0, 0), "box": boxes[:1]})
    assert everything["box"].shape == (0, 4)
    outputs = [torch.zeros(1, 3, n, 2 * n, 6) for n in (2, 4, 8)]
    assert torch.isfinite(YOLOv3Loss([[8, 8]] * 9)(outputs, [kept]))


def test_a_batch_of_differing_numbers_of_boxes() -> None:
    samples = [{"image": torch.zeros(1, 4, 8), "box": torch.zeros(n, 4), "id": str(n)} for n in (2, 0, 1)]
    batch = collate_boxes(samples)
    assert batch["image"].shape == (3, 1, 4, 8)
    assert [len(boxes) for boxes in batch["box"]] == [2, 0, 1]
    assert batch["id"] == ["2", "0", "1"]


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="scale"):
        RandBoxShiftd(scale=(2.0, 1.0))
    with pytest.raises(ValueError, match="image and its boxes"):
        RandBoxFlipd("image")
    with pytest.raises(ValueError, match="one image"):
        ToDetectorFramed(["image", "label"], [32, 64])
