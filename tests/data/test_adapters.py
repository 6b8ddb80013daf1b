# SPDX-License-Identifier: Apache-2.0
"""What every adapter promises, over all data sets and mirrors."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mammozoo._errors import UserError
from mammozoo.data.lists import datalist
from mammozoo.data.masks import read_pixels, record_mask
from mammozoo.data.record import Record
from mammozoo.transforms.load import LoadMammogramd

#: tree of trees.py -> adapter, images, patients, images with a lesion mask
CASES = {
    "mias": ("mias", 4, 3, 0),
    "inbreast": ("inbreast", 3, 2, 1),
    "cbis_tcia": ("cbis_ddsm", 3, 3, 3),
    "cbis_nbia": ("cbis_ddsm", 3, 3, 3),
    "cbis_kaggle": ("cbis_ddsm", 3, 3, 3),
    "cdd_cesm": ("cdd_cesm", 4, 1, 3),
    "dmid": ("dmid", 3, 3, 2),
}


def _snapshot(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}


@pytest.mark.parametrize("tree", CASES)
def test_contract(trees: ModuleType, tmp_path: Path, tree: str) -> None:
    adapter, images, patients, masks = CASES[tree]
    root = getattr(trees, tree)(tmp_path)
    before = _snapshot(root)
    records: list[Record] = importlib.import_module(f"mammozoo.data.adapters.{adapter}").index(root)
    assert len(records) == images
    assert len({record.id for record in records}) == images
    assert len({record.patient_id for record in records}) == patients
    assert sum(record.has_mask for record in records) == masks
    assert records == importlib.import_module(f"mammozoo.data.adapters.{adapter}").index(root)
    for record in records:
        assert Path(record.image).is_file()
        assert record.laterality in {"L", "R"}
        assert record.view_position in {"CC", "MLO"}
        assert record.class_name in {"normal", "benign", "malignant"}
        assert all(isinstance(value, str) for value in record.strata.values())
        mask = record_mask(record)
        assert mask.shape == read_pixels(record.image).shape
        assert mask.any() == record.has_mask
    assert _snapshot(root) == before


@pytest.mark.parametrize("tree", [tree for tree in CASES if tree != "mias"])
def test_datalists_have_masks(trees: ModuleType, tmp_path: Path, tree: str) -> None:
    root, cache = getattr(trees, tree)(tmp_path / "data"), tmp_path / "cache"
    items = datalist(part="all", dataset=CASES[tree][0], dataset_dir=root, with_lesion_only=True, cache_dir=cache)
    assert len(items) == CASES[tree][3]
    for item in items:
        loaded = LoadMammogramd(["image", "label"])(item)
        assert set(np.unique(loaded["label"])) == {0, 1}
        assert loaded["label"].shape == loaded["image"].shape
    assert all(path.is_relative_to(cache) or path.is_relative_to(root) for path in tmp_path.rglob("*.png"))


@pytest.mark.parametrize("tree", ["inbreast", "cbis_tcia", "cbis_kaggle", "cdd_cesm"])
def test_composed_masks_need_no_folder_of_the_user(trees: ModuleType, tmp_path: Path, tree: str) -> None:
    root = getattr(trees, tree)(tmp_path / "data")
    before = _snapshot(root)
    items = datalist(part="all", dataset=CASES[tree][0], dataset_dir=root)
    assert len(items) == CASES[tree][1]
    assert all(Path(item["label"]).is_file() for item in items)
    assert _snapshot(root) == before


@pytest.mark.parametrize("adapter", sorted({adapter for adapter, *_ in CASES.values()}))
def test_an_empty_folder_is_explained(tmp_path: Path, adapter: str) -> None:
    with pytest.raises(UserError, match=str(tmp_path)):
        importlib.import_module(f"mammozoo.data.adapters.{adapter}").index(tmp_path)
