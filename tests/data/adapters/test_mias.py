# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from mammozoo.data.adapters import mias
from mammozoo.data.lists import datalist


def test_y_counts_from_the_bottom_and_lesions_from_lines(trees: ModuleType, tmp_path: Path) -> None:
    records = {record.id: record for record in mias.index(trees.mias(tmp_path))}
    assert records["mdb005"].boxes == ((447, 861, 507, 921), (474, 830, 526, 882))
    assert records["mdb005"].class_name == "benign"
    assert records["mdb003"].class_name == "normal"


def test_a_remark_for_coordinates_leaves_a_finding_without_box(trees: ModuleType, tmp_path: Path) -> None:
    record = mias.index(trees.mias(tmp_path))[-1]
    assert (record.id, record.class_name, record.boxes) == ("mdb216", "malignant", ())
    assert record.findings[0].kind == "calcification"


@pytest.mark.parametrize(
    ("name", "expected"), [("mdb001", ("pair001", "R")), ("mdb002", ("pair001", "L")), ("mdb322", ("pair161", "L"))]
)
def test_odd_is_right_and_pairs_are_one_woman(name: str, expected: tuple[str, str]) -> None:
    assert mias.patient_and_side(name) == expected


@pytest.mark.parametrize("words", [["G", "CIRC", "B"], ["G", "CIRC", "B", "*NOTE", "3*"], ["G", "CIRC", "B", "1", "2"]])
def test_incomplete_circles(words: list[str]) -> None:
    found = mias.finding(words)
    assert found is not None
    assert found.box is None


def test_circles_are_no_masks(trees: ModuleType, tmp_path: Path) -> None:
    root = trees.mias(tmp_path)
    items = datalist(part="all", dataset="mias", dataset_dir=root, task="detection", with_lesion_only=True)
    assert [len(item["box"]) for item in items] == [2]
    with pytest.raises(ValueError, match="has a mask, which segmentation needs"):
        datalist(part="all", dataset="mias", dataset_dir=root)
