# SPDX-License-Identifier: Apache-2.0
"""CLAHE transforms: row order, metadata, seeds, array and dictionary form."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor

from mammozoo.transforms.clahe import CLAHE, CLAHEd, RandCLAHE, RandCLAHEd


def image(width: int = 61, height: int = 90) -> np.ndarray:
    rng = np.random.RandomState(0)
    return (cv2.GaussianBlur(rng.rand(height, width), (0, 0), 4).T[None] * 255).astype(np.uint8)


@pytest.mark.parametrize("route", ["auto", "cv2", "torch"])
@pytest.mark.parametrize("tiles", [(8, 8), (4, 7)])
def test_width_first_image_equals_opencv_on_rows(route: str, tiles: tuple[int, int]) -> None:
    expected = cv2.createCLAHE(2.0, tiles).apply(np.ascontiguousarray(image()[0].T)).T
    np.testing.assert_array_equal(CLAHE(route=route, tiles=tiles)(image())[0], expected)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, lambda a: MetaTensor(a, meta={"id": "x"})])
def test_kind_type_and_metadata_are_kept(kind: object) -> None:
    given = kind((image() / 255).astype(np.float32))  # type: ignore[operator]
    result = CLAHE()(given)
    assert type(result) is type(given)
    assert result.dtype == given.dtype
    assert result.shape == given.shape
    if isinstance(result, MetaTensor):
        assert result.meta["id"] == "x"
        assert isinstance(given, MetaTensor)
        assert result.applied_operations == given.applied_operations


def test_dictionary_form_agrees() -> None:
    given = torch.from_numpy(image())
    result = CLAHEd(["image", "other"], clip_limit=3.0, allow_missing_keys=True)({"image": given, "id": 1})
    assert torch.equal(result["image"], CLAHE(clip_limit=3.0)(given))
    assert result["id"] == 1


def test_batch_equals_loop() -> None:
    batch = torch.rand(3, 2, 40, 50, generator=torch.Generator().manual_seed(0))
    result = CLAHE(route="torch")(batch)
    for index in range(3):
        assert torch.equal(result[index], CLAHE()(batch[index]))


def test_random_form_is_seeded_and_dictionary_agrees() -> None:
    given = torch.from_numpy(image())
    array, dictionary = RandCLAHE(0.5), RandCLAHEd(["image", "same"], 0.5)
    for transform in (array, dictionary):
        transform.set_random_state(seed=11)
    first = [array(given) for _ in range(20)]
    second = [dictionary({"image": given, "same": given}) for _ in range(20)]
    array.set_random_state(seed=11)
    third = [array(given) for _ in range(20)]
    for one, two, three in zip(first, second, third, strict=True):
        assert torch.equal(one, two["image"])
        assert torch.equal(one, two["same"])
        assert torch.equal(one, three)
    untouched = sum(torch.equal(one, given) for one in first)
    assert 4 <= untouched <= 16


def test_probability_bounds() -> None:
    given = torch.from_numpy(image())
    assert RandCLAHE(0.0)(given) is given
    assert not torch.equal(RandCLAHE(1.0)(given), given)


def test_clip_limit_must_rise() -> None:
    with pytest.raises(ValueError, match="clip_limit"):
        RandCLAHE(clip_limit=(3.0, 1.0))


def test_from_json() -> None:
    parser = ConfigParser(
        {
            "t": {
                "_target_": "Compose",
                "transforms": [
                    {
                        "_target_": "mammozoo.transforms.clahe.CLAHEd",
                        "keys": "image",
                        "clip_limit": 2.0,
                        "tiles": [8, 8],
                    },
                    {
                        "_target_": "mammozoo.transforms.clahe.RandCLAHEd",
                        "keys": "image",
                        "prob": 0.3,
                        "clip_limit": [1, 3],
                    },
                ],
            }
        }
    )
    result = parser.get_parsed_content("t")({"image": MetaTensor(torch.rand(1, 32, 48))})
    assert result["image"].shape == (1, 32, 48)
