# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch
from monai.data import CacheDataset

from mammozoo.transforms.patches.fixed_draw import FixedDrawd
from mammozoo.transforms.patches.lesion import LesionPatchesd


def _samples() -> list[dict[str, object]]:
    image = torch.rand(1, 96, 80, generator=torch.Generator().manual_seed(0)) + 0.2
    label = torch.zeros(1, 96, 80)
    label[:, 30:50, 20:40] = 1
    return [{"id": f"i{index}", "image": image, "label": label} for index in range(8)]


def _patches(sample: dict[str, object], transform: FixedDrawd) -> torch.Tensor:
    return torch.stack([torch.as_tensor(item["image"]) for item in transform(sample)])


def test_every_pass_draws_alike_and_samples_differ() -> None:
    transform = FixedDrawd(LesionPatchesd(size=32))
    first, second = (_patches(sample, transform) for sample in _samples()[:2])
    assert torch.equal(first, _patches(_samples()[0], transform))
    assert not torch.equal(first, second)


def test_threads_do_not_disturb_each_other() -> None:
    transform = FixedDrawd(LesionPatchesd(size=32))
    alone = [_patches(sample, transform) for sample in _samples()]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            together = list(pool.map(lambda sample: _patches(sample, transform), _samples()))
            assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_the_seed_changes_the_draw_and_caches_take_it_as_deterministic() -> None:
    one, other = (FixedDrawd(LesionPatchesd(size=32), seed=seed) for seed in (0, 1))
    assert not torch.equal(_patches(_samples()[0], one), _patches(_samples()[0], other))
    cached = CacheDataset(_samples()[:1], transform=one, progress=False)
    assert torch.equal(
        torch.stack([torch.as_tensor(item["image"]) for item in cached[0]]), _patches(_samples()[0], one)
    )
