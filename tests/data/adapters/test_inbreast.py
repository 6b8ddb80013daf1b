# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import plistlib
from pathlib import Path
from types import ModuleType

import pytest

from mammozoo.data.adapters import inbreast
from mammozoo.data.masks import record_mask


def test_masses_by_key_and_the_table_by_name(trees: ModuleType, tmp_path: Path) -> None:
    first, second, third = inbreast.index(trees.inbreast(tmp_path))
    assert [finding.kind for finding in first.findings] == ["mass"]
    assert record_mask(first).sum() == 100
    assert record_mask(first)[20:30, 10:20].all()
    assert (first.view_position, first.class_name, first.strata["density"]) == ("MLO", "malignant", "4")
    assert second.strata == {
        "birads": "4c",
        "density": "",
        "acquisition_date": "201001",
        "findings": "spiculated",
    }
    assert (third.class_name, third.findings) == ("benign", ())
    assert first.patient_id == second.patient_id == "6c613a14b80a8591"


def test_spiculated_regions_by_option_and_clipped(trees: ModuleType, tmp_path: Path) -> None:
    second = inbreast.index(trees.inbreast(tmp_path), spiculated=True)[1]
    mask = record_mask(second)
    assert mask.sum() == 6 * 10
    assert mask[50:, :6].all()


def test_a_dot_of_calcification_is_one_pixel(trees: ModuleType, tmp_path: Path) -> None:
    first = inbreast.index(trees.inbreast(tmp_path), kinds=("calcification",))[0]
    assert record_mask(first).sum() == 1
    assert record_mask(first)[5, 5]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Mass", "mass"),
        ("Calcification", "calcification"),
        ("Calcifications", "calcification"),
        ("Cluster", "cluster"),
        ("Distortion", "distortion"),
        ("Asymmetry", "asymmetry"),
        ("Assymetry", "asymmetry"),
        ("Spiculated Region", "spiculated"),
        ("Spiculated region", "spiculated"),
        ("Espiculated Region", "spiculated"),
        ("Unnamed", "other"),
        ("Point 1", "other"),
        ("Point 3", "other"),
    ],
)
def test_names_of_regions(name: str, kind: str) -> None:
    assert inbreast.roi_kind(name) == kind


def test_points_are_parsed_and_never_evaluated() -> None:
    assert inbreast.parse_points(["(1e2, -2.5)"]) == ((100.0, -2.5),)
    with pytest.raises(ValueError, match="not enough values"):
        inbreast.parse_points(["__import__('os')"])


@pytest.mark.parametrize("content", [b"", b"<plist>", plistlib.dumps({"Pictures": []})])
def test_a_broken_list_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1.xml").write_bytes(content)
    with pytest.raises(ValueError, match=r"1\.xml is no INbreast property list"):
        inbreast.read_rois(tmp_path / "1.xml")


def test_a_strange_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no INbreast file name"):
        inbreast.parse_name("scan.dcm")
