# SPDX-License-Identifier: Apache-2.0
"""Stage 1: patches of a mammogram, of a sample and of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import CacheDataset, DataLoader, Dataset, MetaTensor, list_data_collate
from monai.data.utils import no_collation
from monai.engines import SupervisedTrainer

from mammozoo.transforms.patches.batch import sample_generator
from mammozoo.transforms.patches.hybrid import HybridPatchBatchd, HybridPatches, HybridPatchesd

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


def sizes(count: int = 4) -> list[dict[str, Any]]:
    """Mammograms of different sizes."""
    return [as_kind(sample(width=80 + 16 * n, height=128 - 8 * n, seed=n), torch.from_numpy) for n in range(count)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("patch_scale", ["fit", "native"])
def test_patches_promise(kind: Any, patch_scale: str) -> None:
    transform = HybridPatchesd(size=32, patches=6, patch_scale=patch_scale)
    for seed in range(12):
        patches = transform(as_kind(sample(seed=seed, radius=1 + seed), kind))
        assert [p["stratum"] for p in patches] == [s for s in ("lesion", "hard_negative", "breast") for _ in "ab"]
        shares = [float(patch["label"].float().mean()) for patch in patches]
        assert all(share > 0 for share in shares[:2])
        assert all(share == 0 for share in shares[2:4])
        assert all(share < 0.05 for share in shares[4:])
        assert all(p["image"].shape == p["label"].shape == (1, 32, 32) for p in patches)
        assert all(type(p["image"]) is torch.Tensor and p["label"].dtype == torch.uint8 for p in patches)
        assert {(p["id"], "breast_mask" in p) for p in patches} == {(f"case{seed}", False)}


@pytest.mark.parametrize("radius", [1, 8, 20])
@pytest.mark.parametrize("side", [20, 32, 70])
def test_no_negative_shows_lesion_where_none_is_allowed(radius: int, side: int) -> None:
    """After jitter and resampling, and for boxes larger and smaller than the patch."""
    for seed in range(20):
        data = sample(seed=seed, radius=radius, width=160, height=200)
        cut = HybridPatches(size=side, patches=9, max_negative_coverage=0.0, jitter=0.4)
        found = cut(data["image"], data["label"], rng=np.random.default_rng(seed))
        shown = found.labels.flatten(1).any(dim=1).tolist()
        assert shown == [name == "lesion" for name in found.strata]
        assert len(shown) == 9


def test_hard_negatives_hold_no_lesion_where_others_may() -> None:
    data = sample(radius=20, width=160, height=200)
    shares = {"hard_negative": 1, "breast": 1}
    cut, held = HybridPatches(size=32, patches=40, shares=shares, max_negative_coverage=0.9), {"breast": 0}
    found = cut(data["image"], data["label"], rng=np.random.default_rng(0))
    for name, label in zip(found.strata, found.labels, strict=True):
        held[name] = held.get(name, 0) + int(label.sum())
    assert held["hard_negative"] == 0
    assert held["breast"] > 0


def test_image_without_lesion_gives_negatives_only() -> None:
    patches = HybridPatchesd(size=32)(sample(radius=0))
    assert len(patches) == 3
    assert not any(p["label"].any() for p in patches)


def test_negatives_lie_in_the_breast_without_a_given_mask() -> None:
    data = sample()
    cut = HybridPatches(size=16, patches=40, shares={"breast": 1}, jitter=0.0)
    boxes = cut(data["image"], data["label"], rng=np.random.default_rng(0)).boxes
    centres = (boxes[:, :2] + boxes[:, 2:]) // 2 - 1
    assert data["breast_mask"][0, centres[:, 0], centres[:, 1]].mean() > 0.9


def test_patch_is_the_place_its_box_says() -> None:
    data = sample()
    found = HybridPatches(size=40, patch_scale="native")(data["image"], data["label"], rng=np.random.default_rng(1))
    for image, label, (x1, y1, x2, y2) in zip(found.images, found.labels, found.boxes, strict=True):
        assert np.array_equal(image, data["image"][:, x1:x2, y1:y2])
        assert np.array_equal(label, data["label"][:, x1:x2, y1:y2])


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_integer_images_become_floats_of_their_types_range(dtype: Any, top: int) -> None:
    data, rng = sample(), np.random.default_rng
    exact = np.rint(data["image"].clip(0, 1) * top)
    whole = HybridPatches(size=24)(exact.astype(dtype), data["label"], rng=rng(0))
    floats = HybridPatches(size=24)((exact / top).astype(np.float32), data["label"], rng=rng(0))
    assert whole.images.dtype == torch.float32
    torch.testing.assert_close(whole.images, floats.images, atol=1e-6, rtol=0)


def test_validation_draws_alike_at_every_pass_and_its_patches_are_cached() -> None:
    cut, data = HybridPatchesd(size=24), [as_kind(sample(seed=n), MetaTensor) for n in range(2)]
    first, again = (torch.stack([p["image"] for p in cut(data[0])]) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, torch.stack([p["image"] for p in cut({**data[0], "id": "other"})]))
    assert not torch.equal(first, torch.stack([p["image"] for p in HybridPatchesd(size=24, seed=1)(data[0])]))
    cached = CacheDataset(data, transform=cut, progress=False)
    assert torch.equal(torch.stack([p["image"] for p in cached._cache[0]]), first)
    batch = next(iter(DataLoader(cached, batch_size=2, collate_fn=list_data_collate)))
    assert batch["image"].shape == (6, 1, 24, 24)


def test_batch_of_several_sizes_equals_a_loop() -> None:
    data, shares = sizes(), {"lesion": 1, "hard_negative": 1, "breast": 1, "border": 1, "background": 1}
    result = HybridPatchBatchd(size=24, patches=5, shares=shares, seed=3)(data, epoch=2, iteration=9)
    cut = HybridPatches(size=24, patches=5, shares=shares)
    loop = [
        cut(
            one["image"],
            one["label"],
            rng=sample_generator(one["id"], seed=3, epoch=2, iteration=9),
            breast=one["breast_mask"],
        )
        for one in data
    ]
    assert torch.equal(result["image"], torch.cat([found.images for found in loop]))
    assert torch.equal(result["label"], torch.cat([found.labels for found in loop]))


def test_collated_batch_equals_a_list() -> None:
    data = [as_kind(sample(seed=n), MetaTensor) for n in range(3)]
    listed, collated = (HybridPatchBatchd(size=16)(batch) for batch in (data, list_data_collate(data)))
    assert all(torch.equal(listed[key], collated[key]) for key in ("image", "label"))
    assert type(listed["image"]) is torch.Tensor


def test_main_memory_and_device_draw_alike() -> None:
    here, there = (HybridPatchBatchd(size=16, sampling_device=place)(sizes(), device="cpu") for place in ("cpu", None))
    assert all(torch.equal(here[key], there[key]) for key in ("image", "label"))


def test_draws_depend_on_seed_epoch_iteration_and_sample_alone() -> None:
    data = sizes()
    draw = HybridPatchBatchd(size=16)
    first = draw(data, epoch=1, iteration=4)["image"].unflatten(0, (4, 3))
    assert torch.equal(first, HybridPatchBatchd(size=16)(data, epoch=1, iteration=4)["image"].unflatten(0, (4, 3)))
    turned = draw(data[::-1], epoch=1, iteration=4)["image"].unflatten(0, (4, 3))
    assert torch.equal(first, turned.flip(0))
    for other in ({"epoch": 2, "iteration": 4}, {"epoch": 1, "iteration": 5}):
        assert not torch.equal(first, draw(data, **other)["image"].unflatten(0, (4, 3)))
    twice = draw([data[0], data[0]])["image"].unflatten(0, (2, 3))
    assert not torch.equal(*twice)


def test_samples_without_an_id_draw_by_their_file() -> None:
    one, other = ({k: v for k, v in as_kind(sample(), MetaTensor).items() if k != "id"} for _ in range(2))
    one["image"].meta["filename_or_obj"], other["image"].meta["filename_or_obj"] = "a.png", "b.png"
    draw = HybridPatchBatchd(size=16)
    assert torch.equal(draw([one])["image"], draw([one])["image"])
    assert not torch.equal(draw([one])["image"], draw([other])["image"])


def _engine(sampler: HybridPatchBatchd, seen: list[Any], data: list[Any]) -> SupervisedTrainer:
    network = torch.nn.Conv2d(1, 1, 1)
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=2,
        train_data_loader=DataLoader(Dataset(data), batch_size=2, collate_fn=no_collation),
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.0),
        loss_function=lambda pred, label: (pred - label).square().mean(),
        train_handlers=[sampler],
        postprocessing=lambda item: {**item, "pred": item["pred"] * 0 + 7},
    )
    trainer.add_event_handler("ITERATION_COMPLETED", lambda engine: seen.append(engine.state.output))
    return trainer


CONFIG = {
    "spatial_size": [16, 16],
    "patches": {
        "_target_": "mammozoo.transforms.HybridPatchBatchd",
        "keys": ["image", "label"],
        "size": "@spatial_size",
        "patches": 3,
        "shares": {"lesion": 1, "hard_negative": 1, "breast": 1},
        "seed": 5,
        "augmentation": [
            {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0},
            {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 1},
        ],
    },
}


def test_handler_in_a_trainer_from_json_and_a_resumed_run() -> None:
    """Every patch reaches the network and the post-processing, and epoch 2 draws alike after a restart."""
    seen: list[Any] = []
    _engine(ConfigParser(CONFIG).get_parsed_content("patches"), seen, sizes()).run()
    assert [len(output) for output in seen] == [6, 6, 6, 6]
    assert all(item["pred"].eq(7).all() for output in seen for item in output)
    resumed: list[Any] = []
    trainer = _engine(ConfigParser(CONFIG).get_parsed_content("patches"), resumed, sizes())
    trainer.load_state_dict({"epoch_length": 2, "max_epochs": 2, "iteration": 2})
    trainer.run()
    assert len(resumed) == 2
    for before, after in zip(seen[2:], resumed, strict=True):
        assert all(torch.equal(a["image"], b["image"]) for a, b in zip(before, after, strict=True))
    assert not torch.equal(seen[0][0]["image"], seen[2][0]["image"])


@pytest.mark.parametrize(
    "build",
    [
        lambda: HybridPatches(patches=0),
        lambda: HybridPatches(patch_scale="half"),
        lambda: HybridPatches(max_negative_coverage=5),
        lambda: HybridPatches(shares={"skin": 1.0}),
        lambda: HybridPatches(shares={"lesion": -1.0, "breast": 2.0}),
        lambda: HybridPatches(shares={"lesion": 0.0}),
        lambda: HybridPatchesd(keys=["image"]),
        lambda: HybridPatchBatchd(keys="image"),
        lambda: HybridPatches((3, 0)),
    ],
)
def test_bad_arguments(build: Any) -> None:
    with pytest.raises(ValueError, match=r"got"):
        build()


def test_misfits_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        HybridPatches()(torch.zeros(1, 8, 8), torch.zeros(1, 8, 9), rng=np.random.default_rng(0))
    whole = {"image": torch.zeros(1, 32, 32), "label": torch.ones(1, 32, 32)}
    with pytest.raises(ValueError, match="any of the 2 images"):
        HybridPatchBatchd(size=16, shares={"breast": 1})([whole, whole])


@pytest.mark.gpu
@pytest.mark.parametrize("sampling_device", [None, "cpu"])
def test_patches_on_cuda_equal_cpu(sampling_device: str | None) -> None:
    draw = HybridPatchBatchd(size=32, patches=10, seed=1, sampling_device=sampling_device)
    here, there = (draw(sizes(), epoch=1, iteration=2, device=device) for device in ("cpu", "cuda"))
    assert there["image"].is_cuda
    torch.testing.assert_close(here["image"], there["image"].cpu(), atol=1e-6, rtol=0)
    assert torch.equal(here["label"], there["label"].cpu())
    cut = HybridPatches(size=32, patches=10)
    boxes = [
        cut(one["image"].to(device), one["label"].to(device), rng=np.random.default_rng(0)).boxes
        for one in sizes()
        for device in ("cpu", "cuda")
    ]
    assert all(np.array_equal(a, b) for a, b in zip(boxes[::2], boxes[1::2], strict=True))
