# SPDX-License-Identifier: Apache-2.0
"""Breast mask, crop and side as transforms: there, and back."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from monai.data.meta_tensor import MetaTensor
from monai.transforms import Compose, Invertd

from mammozoo.functional.breast.segment import segment_breast
from mammozoo.phantom.exam import make_exam
from mammozoo.transforms.breast_crop import CropToBreast, CropToBreastd
from mammozoo.transforms.breast_mask import BreastMask, BreastMaskd
from mammozoo.transforms.laterality import ChestWallLeftd
from mammozoo.transforms.resize import AreaResized

RIGHT_MLO = make_exam(0, seed=4, size=(320, 260))[3]


def _data(*, meta: bool = True) -> dict[str, Any]:
    image = torch.from_numpy(RIGHT_MLO.pixels.T.astype(np.float32))[None]
    label = torch.from_numpy(RIGHT_MLO.lesion_mask.T.astype(np.uint8))[None]
    return {"image": MetaTensor(image) if meta else image, "label": MetaTensor(label) if meta else label}


def test_mask_lies_as_the_tensor_lies() -> None:
    mask = BreastMask()(_data()["image"])
    assert mask.shape == (1, 260, 320)
    assert mask.dtype == torch.uint8
    assert np.array_equal(mask[0].numpy().T > 0, segment_breast(RIGHT_MLO.pixels).mask)


def test_dictionary_agrees_with_array_and_darkens_only_if_asked() -> None:
    data = _data()
    plain = BreastMaskd("image")(data)
    assert torch.equal(plain["breast_mask"], BreastMask()(data["image"]))
    assert torch.equal(plain["image"], data["image"])
    dark = BreastMaskd("image", apply=True)(data)
    outside = dark["breast_mask"] == 0
    assert (dark["image"][outside] == data["image"].min()).all()
    assert torch.equal(dark["image"][~outside], data["image"][~outside])
    assert isinstance(dark["image"], MetaTensor)


def test_pectoral_muscle_only_in_mlo_views() -> None:
    remove = BreastMaskd("image", pectoral=True)
    data = _data()
    without = remove({**data, "view_position": "MLO"})["breast_mask"]
    assert without.sum() < remove({**data, "view_position": "CC"})["breast_mask"].sum()
    assert torch.equal(without, remove(data)["breast_mask"])  # unknown: the line decides


def test_crop_and_side_come_back_exactly() -> None:
    steps = Compose(
        [
            ChestWallLeftd(["image", "label"]),
            CropToBreastd(["image", "label"]),
            AreaResized(["image", "label"], mode=["area", "nearest"], spatial_size=(128, 160)),
        ]
    )
    data = _data()
    ready = steps(dict(data))
    assert ready["image"].shape == (1, 128, 160)
    truth = RIGHT_MLO.lesion_mask.T
    back = Invertd("pred", transform=steps, orig_keys="label", nearest_interp=True)({**ready, "pred": ready["label"]})
    restored = np.asarray(back["pred"][0]) > 0
    assert restored.shape == truth.shape
    assert 2 * (restored & truth).sum() / (restored.sum() + truth.sum()) > 0.9


def test_crop_keeps_every_pixel_of_the_breast_and_the_label_with_the_image() -> None:
    data = _data()
    marked = {**data, "label": data["image"].clone()}
    cropped = CropToBreastd(["image", "label"], margin=0.0)(marked)
    x1, y1, x2, y2 = segment_breast(RIGHT_MLO.pixels).box_xyxy
    assert torch.equal(cropped["image"], data["image"][:, x1:x2, y1:y2])
    assert torch.equal(cropped["label"], cropped["image"])


def test_left_breasts_stay_and_right_breasts_turn() -> None:
    turn = ChestWallLeftd(["image", "label"])
    data = _data()
    turned = turn(dict(data))
    assert torch.equal(turned["image"], data["image"].flip(1))
    assert torch.equal(turned["label"], data["label"].flip(1))
    again = turn(dict(turned))
    assert torch.equal(again["image"], turned["image"])
    assert torch.equal(turn.inverse(dict(turned))["image"], data["image"])


def test_plain_tensors_and_images_without_breast() -> None:
    black = {"image": torch.zeros(1, 40, 60)}
    assert CropToBreastd("image")(black)["image"].shape == (1, 40, 60)
    assert BreastMaskd("image")(black)["breast_mask"].all()
    assert CropToBreastd(["image"])(_data(meta=False))["image"].shape[1] < 260


def _film(*, meta: bool = True) -> dict[str, Any]:
    """A film with a tag and noise in the air, as the scanner leaves it, and its label."""
    pixels = RIGHT_MLO.pixels.astype(np.float32) + np.random.default_rng(0).integers(0, 9, RIGHT_MLO.pixels.shape)
    pixels[4:24, 4:40] = pixels.max()
    kind = MetaTensor if meta else torch.Tensor
    label = torch.from_numpy(RIGHT_MLO.lesion_mask.astype(np.uint8)).T[None]
    return {"image": kind(torch.from_numpy(pixels.astype(np.float32)).T[None]), "label": MetaTensor(label)}


@pytest.mark.parametrize("meta", [True, False])
@pytest.mark.parametrize("margin", [0.0, 0.02, 0.05])
def test_clean_crop_is_the_crop_of_the_image_without_what_lies_beyond_the_margin(meta: bool, margin: float) -> None:
    data = _film(meta=meta)
    rows = data["image"][0].numpy().T
    side = 2 * round(margin * max(rows.shape)) + 1
    near = cv2.dilate(segment_breast(rows).mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    dark = torch.from_numpy(np.where(near, rows, 0)).T[None]
    plain = CropToBreastd(["image", "label"], margin=margin)(dict(data))
    clean = CropToBreastd(["image", "label"], margin=margin, clean=True)(dict(data))
    window, _ = CropToBreast(margin=margin).window(data["image"])
    assert torch.equal(torch.as_tensor(clean["image"]), dark[:, window[0], window[1]])
    assert torch.equal(torch.as_tensor(clean["label"]), torch.as_tensor(plain["label"]))
    assert (clean["image"] == 0).sum() > (plain["image"] == 0).sum()
    assert torch.equal(CropToBreast(margin=margin, clean=True)(data["image"]), clean["image"])
    assert (data["image"] != 0).float().mean() > 0.8  # the input stays as it was


def test_clean_crop_comes_back_to_native_size() -> None:
    data = _film()
    steps = Compose([CropToBreastd(["image", "label"], clean=True)])
    ready = steps(dict(data))
    back = Invertd("pred", transform=steps, orig_keys="image")({**ready, "pred": ready["image"].clone()})["pred"]
    assert back.shape == data["image"].shape
    kept = back != 0
    assert torch.equal(back[kept], data["image"][kept])
    assert kept.sum() == (ready["image"] != 0).sum()


def test_clean_crop_segments_once_and_keeps_wide_types(monkeypatch: pytest.MonkeyPatch) -> None:
    crop, found = CropToBreastd("image", clean=True), []
    monkeypatch.setattr(crop.cropper, "find", lambda img, find=crop.cropper.find: found.append(1) or find(img))
    image = torch.from_numpy(RIGHT_MLO.pixels.T.copy())[None]
    assert crop({"image": image})["image"].dtype == image.dtype == torch.uint16
    assert len(found) == 1


def test_an_image_without_breast_is_neither_cropped_nor_cleaned() -> None:
    flat = torch.full((1, 40, 60), 7.0)
    assert torch.equal(CropToBreast(clean=True)(flat).as_tensor(), flat)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: BreastMaskd("image", apply="true"), TypeError),  # type: ignore[arg-type]
        (lambda: BreastMaskd("image", pectoral="false"), TypeError),  # type: ignore[arg-type]
        (lambda: BreastMaskd(["image", "label"]), ValueError),
        (lambda: CropToBreastd("image", margin=-0.1), ValueError),
        (lambda: CropToBreastd("image", clean="true"), TypeError),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_a_crop_that_is_switched_off_leaves_everything_whole() -> None:
    data = {"image": torch.zeros(1, 60, 80), "label": torch.zeros(1, 60, 80)}
    data["image"][:, :40, 10:70] = 900
    for enabled, shape in ((True, (1, 40, 60)), (False, (1, 60, 80))):
        crop = CropToBreastd(["image", "label"], margin=0.0, enabled=enabled)
        cropped = crop(data)
        assert cropped["image"].shape == cropped["label"].shape == shape
        assert crop.inverse(cropped)["image"].shape == (1, 60, 80)
