# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mammozoo.data.adapters import dmid
from mammozoo.data.auditing.leaks import audit
from mammozoo.data.lists import datalist
from mammozoo.data.masks import record_mask


def test_nested_folders_rgba_masks_and_several_rows(trees: ModuleType, tmp_path: Path) -> None:
    first, second, third = dmid.index(trees.dmid(tmp_path))
    assert np.array_equal(record_mask(first), trees.disk() // 255)
    assert [finding.kind for finding in first.findings] == ["circumscribed mass", "calcification", "asymmetry"]
    assert (first.class_name, first.laterality, first.view_position) == ("malignant", "L", "CC")
    assert first.findings[0].attributes == {"x": "20", "y": "30", "radius": "6"}
    assert first.findings[2].attributes == {}
    assert (first.strata["birads"], first.strata["density"]) == ("2|4A", "C")
    assert (second.class_name, second.laterality) == ("benign", "R")
    assert (third.class_name, third.has_lesion, third.view_position) == ("normal", False, "MLO")


def test_a_smaller_mask_is_resized(trees: ModuleType, tmp_path: Path) -> None:
    second = dmid.index(trees.dmid(tmp_path))[1]
    assert second.strata["mask_trouble"] == "resized"
    assert record_mask(second).shape == trees.SHAPE


def test_a_mask_of_another_picture_is_left_out(trees: ModuleType, tmp_path: Path) -> None:
    root = trees.dmid(tmp_path)
    trees.tiff(root / "ROI Masks" / "ROI Masks" / "IMG002.tif", trees.disk((30, 40)))
    second = dmid.index(root)[1]
    assert not second.has_mask
    assert second.strata["mask_trouble"] == "mask does not fit"
    with pytest.raises(ValueError, match=r"1 images have findings but no mask, for example \['IMG002'\]"):
        datalist(part="all", dataset="dmid", dataset_dir=root)


def test_the_text_table_and_folders_that_are_not_nested(trees: ModuleType, tmp_path: Path) -> None:
    trees.tiff(tmp_path / "TIFF Images" / "IMG007.tif", trees.film(0))
    (tmp_path / "Info.txt").write_text("IMG007 CCRT F ARCH B 1 2 3\n")
    (record,) = dmid.index(tmp_path)
    assert (record.id, record.laterality, record.strata["abnormality"]) == ("IMG007", "R", "distortion")


def test_unknown_patients_reach_the_audit(trees: ModuleType, tmp_path: Path) -> None:
    report = audit({"all": dmid.index(trees.dmid(tmp_path))})
    assert [item.kind for item in report.warnings] == ["patient_unknown"]


@pytest.mark.parametrize(
    ("text", "categories"),
    [("BIRADS: 2", ["2"]), ("BI-RADS - 4A and 5", ["4A", "5"]), ("BIRADS: 0.", ["0"]), ("no category", [])],
)
def test_categories_of_reports(text: str, categories: list[str]) -> None:
    assert dmid.report_birads(text) == categories


@pytest.mark.parametrize(
    ("text", "letter"), [("ACR B", "B"), ("(ACR type - c)", "C"), ("ACR category D breast", "D"), ("dense", "")]
)
def test_density_of_reports(text: str, letter: str) -> None:
    assert dmid.report_density(text) == letter
