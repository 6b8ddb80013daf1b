# SPDX-License-Identifier: Apache-2.0
"""Shapes from files to networks and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, Zoom

from mammozoo.transforms.squeeze import LabelToMask, LabelToMaskd, RestoreShape, RestoreShaped, Squeeze2D, Squeeze2Dd

KINDS = [np.asarray, torch.from_numpy, MetaTensor]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 1), (7, 5, 3), (7, 5, 4)])
def test_squeeze(kind: Any, shape: tuple[int, ...]) -> None:
    array = np.random.RandomState(0).randint(0, 255, shape).astype(np.uint8)
    expected = array if array.ndim == 2 else array[..., 0] if shape[-1] == 1 else np.rint(array[..., :3].mean(-1))
    given = kind(array)
    result = Squeeze2D()(given)
    np.testing.assert_array_equal(np.asarray(result), expected)
    assert type(result) is type(given)
    assert result.dtype == given.dtype
    np.testing.assert_array_equal(np.asarray(Squeeze2Dd("x")({"x": given})["x"]), expected)


@pytest.mark.parametrize("shape", [(7,), (7, 5, 2), (7, 5, 9), (1, 7, 5, 1)])
def test_squeeze_refuses_volumes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2-D image"):
        Squeeze2D()(np.zeros(shape))


@pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader:UserWarning")  # MONAI tries every reader it has
@pytest.mark.parametrize("colours", [1, 3])
def test_file_to_network_and_back(tmp_path: Path, colours: int) -> None:
    pixels = np.random.RandomState(0).randint(0, 255, (30, 20)).astype(np.uint8)  # rows, columns
    cv2.imwrite(str(tmp_path / "a.png"), pixels if colours == 1 else np.repeat(pixels[..., None], 3, axis=-1))
    chain = Compose(
        [
            LoadImaged("image", reader="PILReader"),
            Squeeze2Dd("image"),
            EnsureChannelFirstd("image", channel_dim="no_channel"),
        ]
    )
    data = chain({"image": str(tmp_path / "a.png")})
    np.testing.assert_array_equal(data["image"].numpy(), pixels.T[None])
    assert data["image"].spatial_ndim == 2
    assert Zoom(1.2)(data["image"]).shape == (1, 20, 30)
    data["pred"] = torch.zeros(1, 20, 30)
    assert RestoreShaped("pred")(data)["pred"].shape == (20, 30)


@pytest.mark.parametrize("kind", KINDS)
def test_label_to_mask(kind: Any) -> None:
    for values in ([0, 1, 1, 1], [0, 255, 255, 255], [0, 65535, 65535, 65535], [0, 1, 2, 3], [3, 140, 230, 255]):
        mask = LabelToMask()(kind(np.array([[values]], np.float32)))
        assert np.asarray(mask).tolist() == [[[0, 1, 1, 1]]], values
    given = kind(np.array([[[0.0, 1.0, 255.0, 65535.0]]], np.float32))
    assert str(mask.dtype).endswith("uint8")
    assert type(mask) is type(given)
    assert np.asarray(LabelToMaskd(threshold=200)({"label": given})["label"]).tolist() == [[[0, 0, 1, 1]]]


@pytest.mark.parametrize(
    ("file_shape", "expected"), [((20, 30), (20, 30)), ((20, 30, 1), (1, 20, 30, 1)), ((20, 30, 3), (20, 30))]
)
@pytest.mark.parametrize("as_dict", [False, True])
def test_restore_shape(file_shape: tuple[int, ...], expected: tuple[int, ...], as_dict: bool) -> None:
    pred, meta = torch.zeros(1, 20, 30), {"spatial_shape": np.array(file_shape)}
    assert RestoreShape()(pred, file_shape).shape == expected
    data: dict[str, Any] = {"pred": pred}
    if as_dict:
        data["image_meta_dict"] = meta
    else:
        data["image"] = MetaTensor(torch.zeros(1, 20, 30), meta=meta)
    assert RestoreShaped("pred")(data)["pred"].shape == expected


def test_restore_shape_refuses_what_it_cannot_place() -> None:
    with pytest.raises(ValueError, match="last"):
        RestoreShape()(torch.zeros(20, 30), (20, 30))
    with pytest.raises(KeyError, match="spatial_shape"):
        RestoreShaped("pred")({"pred": torch.zeros(1, 20, 30), "image": torch.zeros(1, 20, 30)})
