# SPDX-License-Identifier: Apache-2.0
"""Breast mask, crop and side as transforms: there, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.data.meta_tensor import MetaTensor
from monai.transforms import Compose, Invertd

from mammozoo.functional.breast.segment import segment_breast
from mammozoo.phantom.exam import make_exam
from mammozoo.transforms.breast_crop import CropToBreastd
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


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: BreastMaskd("image", apply="true"), TypeError),  # type: ignore[arg-type]
        (lambda: BreastMaskd("image", pectoral="false"), TypeError),  # type: ignore[arg-type]
        (lambda: BreastMaskd(["image", "label"]), ValueError),
        (lambda: CropToBreastd("image", margin=-0.1), ValueError),
    ],
)
def test_wrong_arguments(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()
