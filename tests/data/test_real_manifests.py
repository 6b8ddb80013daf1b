# SPDX-License-Identifier: Apache-2.0
"""The public data sets as manifests; found through MAMMOZOO_REAL_DATA."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

from mammozoo.data import manifest
from mammozoo.data.auditing.leaks import audit
from mammozoo.data.indexing.report import index_report
from mammozoo.data.split_file import read_split
from mammozoo.data.splits import PARTS

ROOT = Path(__file__).resolve().parents[2]
DATA = os.environ.get("MAMMOZOO_REAL_DATA", "")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not DATA, reason="MAMMOZOO_REAL_DATA is not set")]

#: manifest -> split file, images, patients
MANIFESTS = {
    "cbis_ddsm_mass/manifest_256.csv": ("cbis_ddsm", 1231, 691),
    "cbis_ddsm_mass/manifest_film_800.csv": ("cbis_ddsm", 1231, 691),
    "cdd_cesm/manifest_subtracted_512.csv": ("cdd_cesm", 811, 260),
    "cdd_cesm/manifest_lesions_512.csv": ("cdd_cesm", 512, 142),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_fit_their_splits_and_are_clean(name: str) -> None:
    split_name, images, patients = MANIFESTS[name]
    records = manifest.index(Path(DATA) / name)
    file = read_split(ROOT / "configs" / "splits" / f"{split_name}.json")
    file.check(records)
    split = file.split(fold=None)
    report = audit({part: split.select(records, part) for part in PARTS}, check_pixels=True)
    assert report.clean, report.text()
    index = index_report(records, check_pixels=True)
    assert (index.images, index.patients) == (images, patients)
    assert not [item for item in index.issues if item.kind == "unreadable"]


@pytest.mark.parametrize("name", ["cbis_ddsm", "cdd_cesm"])
def test_released_splits_can_be_drawn_again(name: str) -> None:
    draw = runpy.run_path(str(ROOT / "scripts" / "make_splits.py"))[name]
    assert draw(Path(DATA), seed=0).sha256 == read_split(ROOT / "configs" / "splits" / f"{name}.json").sha256
