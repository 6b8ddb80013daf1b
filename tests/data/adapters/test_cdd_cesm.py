# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from mammozoo.data.adapters import cdd_cesm
from mammozoo.data.masks import record_mask


def test_names_densities_and_joined_findings(trees: ModuleType, tmp_path: Path) -> None:
    records = {record.id: record for record in cdd_cesm.index(trees.cdd_cesm(tmp_path))}
    assert sorted(records) == ["P1_L_CM_CC", "P1_L_CM_MLO", "P1_L_DM_CC", "P1_L_DM_MLO"]
    assert {record.strata["density"] for record in records.values()} == {"C"}
    assert records["P1_L_DM_CC"].strata["birads"] == "5|2"
    assert records["P1_L_DM_CC"].strata["findings"] == "Mass|IMLN"
    assert {record.class_name for record in records.values()} == {"malignant"}
    assert records["P1_L_CM_MLO"].modality == "subtracted"
    assert records["P1_L_CM_MLO"].image.endswith("P1_L_CM_MLO .jpg")


def test_every_shape_is_drawn(trees: ModuleType, tmp_path: Path) -> None:
    records = {record.id: record for record in cdd_cesm.index(trees.cdd_cesm(tmp_path))}
    circle = record_mask(records["P1_L_DM_CC"])
    assert circle[4, 3]
    assert circle.sum() - 1 == pytest.approx(3.14159 * 5.5**2, rel=0.1)
    ellipse = record_mask(records["P1_L_CM_CC"])
    rows, columns = ellipse.nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 40, 16, 24)
    assert record_mask(records["P1_L_CM_MLO"]).sum() == 15
    assert not records["P1_L_DM_MLO"].has_mask


def test_one_kind_of_image(trees: ModuleType, tmp_path: Path) -> None:
    root = trees.cdd_cesm(tmp_path)
    assert len(cdd_cesm.index(root, images=("subtracted",))) == 2
    with pytest.raises(ValueError, match=r"images \['CM'\] are none of"):
        cdd_cesm.index(root, images=("CM",))


def test_the_other_name_of_the_workbook(trees: ModuleType, tmp_path: Path) -> None:
    root = trees.cdd_cesm(tmp_path)
    book = next(root.rglob("*.xlsx"))
    book.rename(book.with_name("Radiology manual annotations.xlsx"))
    assert len(cdd_cesm.index(root)) == 4


def test_a_density_that_nobody_knows() -> None:
    rows = {"P1_L_CM_CC": {"breast_density_acr": "_"}, "P1_L_DM_CC": {"breast_density_acr": "_"}}
    assert cdd_cesm.fill_density(rows)["P1_L_CM_CC"] == {"breast_density_acr": ""}


def test_a_strange_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no CDD-CESM image name"):
        cdd_cesm.parse_name("P1_L_XX_CC")
