# SPDX-License-Identifier: Apache-2.0
"""Stage 2: whole mammograms, some of them replaced by a patch about their lesion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor

from mammozoo.functional.patches.draw import LesionMap
from mammozoo.transforms.patches.replacement import LesionPatchReplacementd
from mammozoo.transforms.resize import AreaResized


def sample(*, width: int = 90, height: int = 120, side: int = 6, name: str = "a") -> dict[str, Any]:
    rng = np.random.RandomState(width)
    label = torch.zeros(1, width, height, dtype=torch.uint8)
    label[:, 20 : 20 + side, 30 : 30 + side] = 1
    image = torch.from_numpy(rng.rand(1, width, height).astype(np.float32))
    return {"image": MetaTensor(image), "label": MetaTensor(label), "id": name}


def replaced(result: dict[Any, torch.Tensor], data: list[dict[str, Any]], size: tuple[int, int]) -> list[bool]:
    whole = AreaResized(["image", "label"], size, mode=["area", "nearest"])
    return [not torch.equal(one, whole(d)["image"].as_tensor()) for one, d in zip(result["image"], data, strict=True)]


def test_share_is_over_the_samples_with_lesion() -> None:
    data = [sample(width=40, height=50, side=4 if n % 2 else 0, name=str(n)) for n in range(100)]
    draw, count = LesionPatchReplacementd(size=24), np.zeros(100)
    for iteration in range(20):
        count += replaced(draw(data, iteration=iteration), data, (24, 24))
    assert not count[::2].any()
    assert count[1::2].mean() / 20 == pytest.approx(0.35, abs=4 * np.sqrt(0.35 * 0.65 / 1000))


def test_whole_images_are_those_of_the_validation_and_patches_show_lesion() -> None:
    data = [sample(width=60 + 20 * n, name=str(n)) for n in range(6)]
    size = (48, 64)
    none = LesionPatchReplacementd(size=size, prob=0.0)(data)
    whole = AreaResized(["image", "label"], size, mode=["area", "nearest"])
    for index, one in enumerate(data):
        ready = whole(one)
        assert torch.equal(none["image"][index], ready["image"].as_tensor())
        assert torch.equal(none["label"][index], ready["label"].as_tensor())
    every = LesionPatchReplacementd(size=size, prob=1.0)(data)
    assert every["image"].shape == (6, 1, 48, 64)
    assert (every["label"].flatten(1).float().mean(1) > none["label"].flatten(1).float().mean(1)).all()
    assert all(len(LesionMap(label[0].T).boxes) == 1 for label in every["label"])


def test_bytes_equal_floats_and_the_aspect_may_be_kept() -> None:
    data = [sample(width=300, name=str(n)) for n in range(4)]
    levels = [torch.round(one["image"].as_tensor() * 255).to(torch.uint8) for one in data]
    draw = LesionPatchReplacementd(size=48, prob=0.5, keep_aspect=True)
    whole = draw([{**one, "image": level} for one, level in zip(data, levels, strict=True)])
    floats = draw([{**one, "image": level / 255} for one, level in zip(data, levels, strict=True)])
    torch.testing.assert_close(whole["image"], floats["image"], atol=1e-6, rtol=0)
    padded = floats["image"][:, :, :, :2].flatten(1).eq(0).all(dim=1)
    assert padded.any()


def test_batch_equals_single_samples_and_leaves_its_input() -> None:
    data = [sample(width=60 + 20 * n, name=str(n)) for n in range(5)]
    before = [one["image"].clone() for one in data]
    draw = LesionPatchReplacementd(size=32, prob=0.5, seed=2)
    together = draw(data, epoch=1, iteration=1)
    assert 0 < sum(replaced(together, data, (32, 32))) < 5
    for index, one in enumerate(data):
        assert torch.equal(draw([one], epoch=1, iteration=1)["image"][0], together["image"][index])
    assert all(torch.equal(one["image"], old) for one, old in zip(data, before, strict=True))


def test_augmentation_from_json_is_seeded_by_the_draw() -> None:
    config = {
        "replacement": {
            "_target_": "mammozoo.transforms.LesionPatchReplacementd",
            "size": [32, 40],
            "prob": 0.35,
            "augmentation": [
                {"_target_": "mammozoo.transforms.RandBackgroundPreservingCropd", "prob": 0.5},
                {"_target_": "RandRotated", "keys": ["image", "label"], "prob": 1.0, "range_x": 0.17},
                {"_target_": "RandZoomd", "keys": ["image", "label"], "prob": 1.0, "min_zoom": 1, "max_zoom": 1.12},
                {"_target_": "mammozoo.transforms.RandCLAHEd", "keys": "image", "prob": 0.5},
                {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0},
            ],
        }
    }
    data = [sample(name=str(n)) for n in range(4)]
    draws = [ConfigParser(config).get_parsed_content("replacement") for _ in range(2)]
    draws[0](data, iteration=1)
    first, again = (draw(data, epoch=3, iteration=2) for draw in draws)
    assert torch.equal(first["image"], again["image"])
    assert type(first["image"]) is torch.Tensor
    assert not torch.equal(first["image"][0], first["image"][1])
    assert not torch.equal(first["image"], draws[0](data, epoch=3, iteration=3)["image"])


@pytest.mark.parametrize("prob", [-0.1, 1.5])
def test_bad_probability(prob: float) -> None:
    with pytest.raises(ValueError, match="prob"):
        LesionPatchReplacementd(prob=prob)


@pytest.mark.gpu
def test_replacement_on_cuda_equals_cpu() -> None:
    data = [sample(width=300 + 20 * n, name=str(n)) for n in range(8)]
    draw = LesionPatchReplacementd(size=64, prob=0.5)
    here, there = (draw(data, device=device) for device in ("cpu", "cuda"))
    torch.testing.assert_close(here["image"], there["image"].cpu(), atol=1e-5, rtol=0)
    assert torch.equal(here["label"], there["label"].cpu())
