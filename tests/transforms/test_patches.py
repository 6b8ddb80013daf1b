# SPDX-License-Identifier: Apache-2.0
"""Lesion patches (stage 1), lesion patch replacement (stage 2) and hybrid sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset, MetaTensor, list_data_collate

from mammozoo.transforms.patches.hybrid import HybridPatchBatchd, HybridPatchSample, HybridPatchSampled
from mammozoo.transforms.patches.lesion import LesionPatches, LesionPatchesd
from mammozoo.transforms.patches.meta import patch_size, to_rows
from mammozoo.transforms.patches.replacement import RandLesionPatchReplace, RandLesionPatchReplaced

KINDS = [np.asarray, torch.from_numpy, MetaTensor]


def sample(*, width: int = 96, height: int = 128, radius: float = 6, seed: int = 0) -> dict[str, Any]:
    """A half disc of tissue at the left edge with one lesion (none if the radius is 0), width first."""
    rng = np.random.RandomState(seed)
    x, y = np.meshgrid(np.arange(width), np.arange(height), indexing="ij")
    breast = (x / (0.8 * width)) ** 2 + ((y - height / 2) / (0.45 * height)) ** 2 < 1
    centre = rng.uniform(0.1, 0.5) * width, rng.uniform(0.3, 0.7) * height
    lesion = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
    pixels = breast * (0.4 + 0.2 * rng.rand(width, height)) + 0.3 * lesion
    return {
        "image": pixels[None].astype(np.float32),
        "label": lesion[None].astype(np.uint8),
        "breast_mask": breast[None].astype(np.uint8),
        "id": f"case{seed}",
    }


def as_kind(data: dict[str, Any], kind: Any) -> dict[str, Any]:
    return {key: kind(value) if isinstance(value, np.ndarray) else value for key, value in data.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("patch_scale", ["fit", "native"])
def test_lesion_patches_promise(kind: Any, patch_scale: str) -> None:
    transform = LesionPatchesd(size=32, positives=2, patch_scale=patch_scale).set_random_state(seed=0)
    for seed in range(12):
        patches = transform(as_kind(sample(seed=seed, radius=1 + seed), kind))
        shares = [float((p["label"] > 0).sum()) / 32**2 for p in patches]
        assert len(patches) == 6
        assert all(share > 0 for share in shares[:2])
        assert all(share < 0.05 for share in shares[2:])
        assert all(p["image"].shape == p["label"].shape == (1, 32, 32) for p in patches)
        assert all(type(p["image"]) is type(kind(np.zeros(1, np.float32))) for p in patches)
        assert {p["id"] for p in patches} == {f"case{seed}"}
        assert all("breast_mask" not in p for p in patches)


def test_image_without_lesion_gives_negatives_only() -> None:
    patches = LesionPatchesd(size=32)(sample(radius=0))
    assert len(patches) == 2
    assert not any(p["label"].any() for p in patches)


def test_negatives_lie_in_the_breast_without_a_given_mask() -> None:
    data = sample()
    transform = LesionPatches(size=16, negatives_per_positive=20).set_random_state(seed=0)
    transform(data["image"], data["label"])
    centres = (transform.negative[:, :2] + transform.negative[:, 2:]) // 2 - 1
    assert data["breast_mask"][0, centres[:, 0], centres[:, 1]].mean() > 0.9


def test_lesion_patches_are_seeded_and_forms_agree() -> None:
    data = sample()
    array, dictionary = LesionPatches(size=24), LesionPatchesd(size=24)
    results = []
    for _ in range(2):
        array.set_random_state(seed=5)
        dictionary.set_random_state(seed=5)
        results.append([[p for p, _ in array(data["image"], data["label"], data["breast_mask"])] for _ in range(3)])
        results.append([[p["image"] for p in dictionary(data)] for _ in range(3)])
    np.testing.assert_equal(results[0], results[1])
    np.testing.assert_equal(results[0], results[2])
    assert not np.array_equal(results[0][0][0], results[0][1][0])


def test_patch_is_the_place_it_says() -> None:
    data = as_kind(sample(), MetaTensor)
    transform = LesionPatches(size=40, patch_scale="native").set_random_state(seed=1)
    patch, mask = transform(data["image"], data["label"])[0]
    x1, y1, x2, y2 = patch.meta["patch_box"]
    assert torch.equal(patch.as_tensor(), data["image"].as_tensor()[:, x1:x2, y1:y2])
    assert torch.equal(mask.as_tensor(), data["label"].as_tensor()[:, x1:x2, y1:y2])
    assert patch.affine[:2, -1].tolist() == [x1, y1]
    assert mask.dtype == torch.uint8


def test_lesion_patches_in_a_loader_from_json() -> None:
    config = {
        "t": {
            "_target_": "Compose",
            "transforms": [
                {
                    "_target_": "mammozoo.transforms.patches.lesion.LesionPatchesd",
                    "keys": ["image", "label"],
                    "size": [32, 32],
                },
                {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0},
            ],
        }
    }
    data = [as_kind(sample(seed=n), MetaTensor) for n in range(4)]
    dataset = Dataset(data, ConfigParser(config).get_parsed_content("t"))
    batch = next(iter(DataLoader(dataset, batch_size=4, collate_fn=list_data_collate)))
    assert batch["image"].shape == batch["label"].shape == (12, 1, 32, 32)


def test_share_of_replaced_samples() -> None:
    with_lesion, without = sample(width=24, height=32, radius=3), sample(width=24, height=32, radius=0)
    transform = RandLesionPatchReplaced().set_random_state(seed=0)
    replaced = 0
    for _ in range(10_000):
        result = transform(with_lesion)
        if result["image"] is not with_lesion["image"]:
            replaced += 1
            assert result["label"].any()
    assert abs(replaced / 10_000 - 0.35) < 4 * np.sqrt(0.35 * 0.65 / 10_000)
    assert all(transform(without)["image"] is without["image"] for _ in range(100))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [None, (48, 40)])
def test_replacement_is_seeded_and_forms_agree(kind: Any, size: tuple[int, int] | None) -> None:
    data = as_kind(sample(), kind)
    array, dictionary = RandLesionPatchReplace(0.5, size=size), RandLesionPatchReplaced(prob=0.5, size=size)
    array.set_random_state(seed=3)
    dictionary.set_random_state(seed=3)
    for _ in range(10):
        image, label = array(data["image"], data["label"])
        result = dictionary(data)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(result["image"]))
        np.testing.assert_array_equal(np.asarray(label), np.asarray(result["label"]))
        assert type(image) is type(data["image"])
        assert label.dtype == data["label"].dtype
        assert tuple(image.shape) in {(1, 96, 128), (1, *(size or (96, 128)))}


@pytest.mark.parametrize("kind", [torch.from_numpy, MetaTensor])
def test_replacement_of_a_batch_equals_a_loop(kind: Any) -> None:
    data = [sample(seed=n, radius=5 if n % 3 else 0) for n in range(8)]
    batch = {key: kind(np.stack([one[key] for one in data])) for key in ("image", "label")}
    before = batch["image"].clone()
    result = RandLesionPatchReplaced(prob=0.5).set_random_state(seed=1)(batch)
    loop = RandLesionPatchReplace(0.5).set_random_state(seed=1)
    for index, one in enumerate(data):
        image, label = loop(one["image"], one["label"])
        np.testing.assert_array_equal(result["image"][index].numpy(), image)
        np.testing.assert_array_equal(result["label"][index].numpy(), label)
    assert torch.equal(batch["image"], before)
    assert not torch.equal(result["image"], before)


def test_replacement_refuses_another_size_in_a_batch() -> None:
    with pytest.raises(ValueError, match="batch"):
        RandLesionPatchReplace(1.0, size=32)(torch.zeros(2, 1, 64, 64), torch.zeros(2, 1, 64, 64))


@pytest.mark.parametrize("kind", KINDS)
def test_hybrid_forms_agree_and_are_seeded(kind: Any) -> None:
    data = as_kind(sample(), kind)
    array, dictionary = HybridPatchSample(24, patches=6), HybridPatchSampled(size=24, patches=6)
    runs = []
    for _ in range(2):
        array.set_random_state(seed=2)
        dictionary.set_random_state(seed=2)
        images, labels, strata = array(data["image"], data["label"], data["breast_mask"])
        samples = dictionary(data)
        runs.append(np.stack([np.asarray(image) for image in images]))
        for image, label, name, one in zip(images, labels, strata, samples, strict=True):
            np.testing.assert_array_equal(np.asarray(image), np.asarray(one["image"]))
            np.testing.assert_array_equal(np.asarray(label), np.asarray(one["label"]))
            assert one["stratum"] == name
            assert name != "lesion" or label.any()
    np.testing.assert_array_equal(*runs)


def test_hybrid_extent_in_millimetres() -> None:
    data = as_kind(sample(width=200, height=200), MetaTensor)
    data["image"].affine = torch.diag(torch.tensor([0.5, 0.25, 1.0, 1.0], dtype=torch.float64))
    transform = HybridPatchSample(32, extent=20, unit="mm")
    transform(data["image"], data["label"])
    assert ((transform.boxes[:, 2:] - transform.boxes[:, :2]) == (40, 80)).all()
    with pytest.raises(ValueError, match="pixel spacing"):
        transform(data["image"].as_tensor(), data["label"])


def test_hybrid_batch_equals_loop() -> None:
    data = [sample(seed=n) for n in range(3)]
    batch = {key: torch.from_numpy(np.stack([one[key] for one in data])) for key in ("image", "label")}
    result = HybridPatchBatchd(size=16, patches=4).set_random_state(seed=0)(batch)
    loop = HybridPatchSample(16, patches=4).set_random_state(seed=0)
    expected = [patch for one in data for patch in loop(one["image"], one["label"])[0]]
    np.testing.assert_array_equal(result["image"].numpy(), np.stack(expected))
    assert result["label"].shape == (12, 1, 16, 16)


@pytest.mark.parametrize(
    "build",
    [
        lambda: LesionPatches(positives=0),
        lambda: LesionPatches(patch_scale="half"),
        lambda: LesionPatchesd(keys=["image"]),
        lambda: RandLesionPatchReplaced(keys=["image"]),
        lambda: HybridPatchSample(unit="cm"),
        lambda: HybridPatchSample(unit="mm"),
        lambda: HybridPatchSample(shares={"skin": 1.0}),
        lambda: HybridPatchSampled(keys="image"),
        lambda: HybridPatchBatchd(keys="image"),
        lambda: patch_size((3, 0)),
    ],
)
def test_bad_arguments(build: Any) -> None:
    with pytest.raises(ValueError, match=r"got|needs"):
        build()


def test_image_and_label_must_have_one_size() -> None:
    for transform in (LesionPatches(), HybridPatchSample()):
        with pytest.raises(ValueError, match="differ"):
            transform(torch.zeros(1, 8, 8), torch.zeros(1, 8, 9))


def test_read_only_and_16_bit_arrays_are_accepted() -> None:
    array = np.arange(6, dtype=np.uint16).reshape(1, 2, 3)
    array.flags.writeable = False
    assert to_rows(array).tolist() == [[[0, 3], [1, 4], [2, 5]]]
    data = sample()
    data["image"] = (data["image"] * 4095).astype(np.uint16)
    patches = LesionPatchesd(size=32)(data)
    assert patches[0]["image"].dtype == np.uint16
    assert patches[0]["image"].max() > 1000


@pytest.mark.gpu
def test_patches_on_cuda_equal_cpu() -> None:
    results = []
    for device in ("cpu", "cuda"):
        data = {k: v.to(device) if k != "id" else v for k, v in as_kind(sample(), MetaTensor).items()}
        patches = LesionPatchesd(size=32).set_random_state(seed=0)(data)
        patches += HybridPatchSampled(size=32).set_random_state(seed=0)(data)
        results.append(torch.stack([p["image"].as_tensor().cpu() for p in patches]))
    torch.testing.assert_close(*results, atol=1e-6, rtol=0)
