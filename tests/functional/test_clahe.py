# SPDX-License-Identifier: Apache-2.0
"""CLAHE against OpenCV, bit by bit, on both routes."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from mammozoo.functional.clahe import clahe
from mammozoo.functional.clahe_torch import clahe_tensor

SIZES = [
    (64, 64),
    (63, 65),
    (64, 65),
    (65, 64),
    (224, 224),
    (257, 131),
    (8, 8),
    (5, 7),
    (9, 3),
    (1, 40),
    (1, 1),
    (333, 500),
]


def picture(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """Smooth structure with noise: bins from empty to full."""
    noise = np.random.RandomState(seed).rand(height, width).astype(np.float32)
    return (cv2.GaussianBlur(noise, (0, 0), 5) * 765 % 256 + 4 * noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("tiles", "clip_limit"), [((8, 8), 2.0), ((4, 6), 3.7), ((3, 8), 0.0), ((8, 8), 40.0), ((5, 2), 0.01)]
)
def test_8_bit_equals_opencv(size: tuple[int, int], tiles: tuple[int, int], clip_limit: float) -> None:
    image = picture(*size)
    expected = cv2.createCLAHE(clip_limit, tiles).apply(image)
    by_cv2 = clahe(image, clip_limit=clip_limit, tiles=tiles, route="cv2")
    by_torch = clahe(torch.from_numpy(image), clip_limit=clip_limit, tiles=tiles, route="torch")
    assert np.count_nonzero(by_cv2 != expected) == 0
    assert np.count_nonzero(by_torch.numpy() != expected) == 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float16", "float32", "float64"])
@pytest.mark.parametrize("value_range", [None, (3.0, 180.0)])
def test_routes_agree_for_every_type(dtype: str, value_range: tuple[float, float] | None) -> None:
    image = picture(70, 91)
    image = (image / 255).astype(dtype) if "float" in dtype else image.astype(dtype) * (1 if dtype == "uint8" else 9)
    by_cv2 = clahe(image, value_range=value_range, route="cv2")
    by_torch = clahe(image, value_range=value_range, route="torch")
    assert by_cv2.dtype == by_torch.dtype == image.dtype
    np.testing.assert_array_equal(by_cv2, by_torch)


@pytest.mark.parametrize("route", ["cv2", "torch"])
def test_float_is_8_bit_copy(route: str) -> None:
    image = np.random.RandomState(1).rand(100, 80).astype(np.float32)
    expected = cv2.createCLAHE(2.0, (8, 8)).apply(np.rint(image * 255).astype(np.uint8)) / 255
    np.testing.assert_allclose(clahe(image, route=route), expected, atol=1e-7)


@pytest.mark.parametrize("route", ["cv2", "torch"])
def test_batch_equals_loop(route: str) -> None:
    batch = np.stack([picture(61, 45, seed=n) for n in range(6)]).reshape(2, 3, 61, 45).astype(np.uint16) * 13
    result = clahe(batch, route=route)
    for index in np.ndindex(2, 3):
        np.testing.assert_array_equal(result[index], clahe(batch[index], route=route))


def test_12_bit_in_16_bits_is_equalised_like_8_bit() -> None:
    # cv2 itself leaves such data almost alone: its 16-bit clip limit counts 65,536 bins
    image8 = picture(256, 256)
    image12 = image8.astype(np.uint16) * 16
    ours = clahe(image12, value_range=(0, 255 * 16)) / 16
    cv2_16 = cv2.createCLAHE(2.0, (8, 8)).apply(image12) / 16
    expected = cv2.createCLAHE(2.0, (8, 8)).apply(image8)
    assert np.abs(ours - expected).max() <= 0.5
    assert np.abs(cv2_16 - expected).mean() > 5


def test_more_bins_keep_more_levels() -> None:
    # Tiles of 8,000 pixels: the clip limit is a whole count, 15 of them at 1,024 bins.
    image = picture(800, 640).astype(np.uint16) * 16 + np.random.RandomState(1).randint(0, 16, (800, 640)).astype(
        np.uint16
    )
    coarse, fine = clahe(image, bins=256), clahe(image, bins=1024)
    assert len(np.unique(coarse)) <= 256 < len(np.unique(fine)) <= 1024
    assert np.abs(coarse.astype(float) - fine).mean() < 0.01 * np.ptp(image)


def test_constant_16_bit_image_is_unchanged() -> None:
    image = np.full((40, 30), 700, np.uint16)
    np.testing.assert_array_equal(clahe(image), image)
    np.testing.assert_array_equal(clahe(image, route="torch"), image)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"clip_limit": -1.0}, ValueError),
        ({"tiles": (0, 8)}, ValueError),
        ({"bins": 1}, ValueError),
        ({"value_range": (5.0, 5.0)}, ValueError),
        ({"route": "kornia"}, ValueError),
        ({"route": "cv2", "bins": 4096}, ValueError),
    ],
)
def test_bad_arguments(arguments: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        clahe(picture(16, 16), **arguments)


@pytest.mark.parametrize("image", [np.zeros((0, 4)), np.zeros(4), np.full((16, 16), np.nan, np.float32)])
def test_bad_images(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"NaN|non-empty"):
        clahe(image)
    if image.ndim == 2 and image.size:
        with pytest.raises(ValueError, match="NaN"):
            clahe_tensor(torch.from_numpy(image))


def test_boolean_image_is_refused() -> None:
    with pytest.raises(TypeError, match="convert"):
        clahe(np.zeros((16, 16), bool))


def test_numpy_users_do_not_import_torch() -> None:
    code = (
        "import sys, numpy as np; from mammozoo.functional.clahe import clahe; clahe(np.zeros((9, 9), np.uint8));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.gpu
@pytest.mark.parametrize("size", SIZES)
def test_cuda_equals_cpu(size: tuple[int, int]) -> None:
    image = torch.from_numpy(np.stack([picture(*size, seed=n) for n in range(3)]))
    assert torch.equal(clahe(image.cuda()).cpu(), clahe(image))
    wide = image.to(torch.int32) * 16
    assert torch.equal(clahe(wide.cuda(), bins=4096).cpu(), clahe(wide, bins=4096))
