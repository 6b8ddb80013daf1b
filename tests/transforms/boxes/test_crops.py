# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from mammozoo.functional.boxes.geometry import square_crop_box
from mammozoo.transforms.boxes.crops import LesionCropsd, RandLesionCropsd, crop_input, lesion_windows


def _sample(boxes: list[list[int]]) -> dict[str, object]:
    label = torch.zeros(1, 80, 120)
    for x1, y1, x2, y2 in boxes:
        label[0, x1:x2, y1:y2] = 1
    image = torch.from_numpy(np.random.default_rng(0).uniform(size=(1, 80, 120)).astype(np.float32))
    return {"image": image + label, "label": label, "box": torch.tensor(boxes, dtype=torch.float32), "id": "a"}


def test_one_crop_a_lesion_with_the_rule_of_inference() -> None:
    boxes = [[10, 20, 26, 30], [50, 90, 60, 110]]
    crops = LesionCropsd(spatial_size=[32, 32], margin=1.25)(_sample(boxes))
    assert len(crops) == 2
    for crop, box in zip(crops, boxes, strict=True):
        assert crop["image"].shape == (3, 32, 32)
        assert crop["label"].shape == (1, 32, 32)
        assert tuple(crop["window"].tolist()) == square_crop_box(box, shape=(120, 80), margin=1.25)
        area = (box[2] - box[0]) * (box[3] - box[1]) / (crop["window"][2:] - crop["window"][:2]).prod()
        assert crop["label"].float().mean() == pytest.approx(float(area), abs=0.06)
        assert crop["id"] == "a"
        assert "box" not in crop


def test_the_lesion_keeps_its_place_in_the_crop() -> None:
    (crop,) = LesionCropsd(spatial_size=[64, 64], margin=2.0)(_sample([[30, 40, 50, 50]]))
    inside = crop["label"][0].nonzero().float().mean(dim=0)
    assert inside.tolist() == pytest.approx([31.5, 31.5], abs=1)
    assert crop["image"][0][crop["label"][0] > 0].mean() > crop["image"][0][crop["label"][0] == 0].mean()


def test_whole_image_and_no_lesion() -> None:
    (crop,) = LesionCropsd(spatial_size=[16, 32], whole_image=True)(_sample([[10, 20, 26, 30]]))
    assert crop["window"].tolist() == [0, 0, 80, 120]
    (crop,) = LesionCropsd(spatial_size=[16, 16])(_sample([]) | {"box": []})
    assert not crop["label"].any()
    assert lesion_windows([], shape=(1, 1), margin=1) == [(0, 0, 1, 1)]


def test_crops_are_equalised_after_the_resize() -> None:
    image = np.random.default_rng(0).normal(size=(64, 64))
    crop = crop_input(image, (0, 0, 64, 64), size=(64, 64), channels=1)
    levels = np.histogram(crop.numpy(), bins=8, range=(0, 1))[0]
    assert levels.max() < 3 * levels.mean()
    assert torch.equal(crop_input(5 * image, (0, 0, 64, 64), size=(64, 64), channels=1), crop)


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="whole_image"):
        LesionCropsd(whole_image="True")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="image and the label"):
        LesionCropsd("image")


def test_random_crops_stay_around_their_lesions_and_are_drawn_anew() -> None:
    boxes = [[10, 20, 26, 30], [0, 100, 20, 120]]
    crops = RandLesionCropsd(spatial_size=[32, 32], scale=(0.7, 1.6), shift=0.2).set_random_state(3)
    windows = set()
    for _ in range(20):
        first, second = crops(_sample(boxes))
        assert first["label"].any()
        assert second["label"].any()
        windows |= {tuple(first["window"].tolist()), tuple(second["window"].tolist())}
    assert len(windows) > 20
    again = RandLesionCropsd(spatial_size=[32, 32], scale=(0.7, 1.6), shift=0.2).set_random_state(3)
    assert tuple(again(_sample(boxes))[0]["window"].tolist()) in windows


def test_random_crops_without_movement_are_the_plain_ones() -> None:
    boxes = [[10, 20, 26, 30], [50, 90, 60, 110]]
    still = RandLesionCropsd(spatial_size=[32, 32], margin=1.5, scale=(1.0, 1.0), shift=0.0)(_sample(boxes))
    plain = LesionCropsd(spatial_size=[32, 32], margin=1.5)(_sample(boxes))
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(still, plain, strict=True))
    assert len(RandLesionCropsd(spatial_size=[32, 32])(_sample([]))) == 1
    for wrong in ({"scale": (2.0, 1.0)}, {"shift": 1.0}):
        with pytest.raises(ValueError, match="scale must be a rising pair"):
            RandLesionCropsd(**wrong)
