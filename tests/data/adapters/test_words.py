# SPDX-License-Identifier: Apache-2.0
"""The small conversions of the adapters, each by its name, an input and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammozoo.data.adapters import cbis_ddsm, cdd_cesm, dmid, inbreast, mias
from mammozoo.data.adapters.matching import is_binary
from mammozoo.data.adapters.spreadsheet import column_name
from mammozoo.data.adapters.via import outline
from mammozoo.data.record import is_unknown, laterality_code, view_code

_ROW = {
    "kind": "mass", "official_split": "test", "patient_id": "P_00016", "left_or_right_breast": "LEFT",
    "image_view": "CC",
}  # fmt: skip
CASES: list[tuple[Callable[..., Any], tuple[Any, ...], Any]] = [
    (laterality_code, ("left",), "L"),
    (laterality_code, (" RT ",), "R"),
    (laterality_code, ("",), ""),
    (view_code, (" mlo ",), "MLO"),
    (is_unknown, (" NaN ",), True),
    (is_unknown, ("P_00001",), False),
    (column_name, (" Breast density (ACR)",), "breast_density_acr"),
    (cbis_ddsm.case_name, (_ROW,), "Mass-Test_P_00016_LEFT_CC"),
    (cbis_ddsm.series_uid, ("Mass-Training_P_00001_LEFT_CC/1.3.6/1.3.7/000000.dcm",), "1.3.7"),
    (cbis_ddsm.series_uid, ("000000.dcm",), ""),
    (cbis_ddsm.pathology_class, ("BENIGN_WITHOUT_CALLBACK",), "benign"),
    (cbis_ddsm.pathology_class, ("MALIGNANT",), "malignant"),
    (cbis_ddsm.cases_folder, ("/nowhere",), None),
    (is_binary, (np.array([[0, 255], [254, 3]]),), True),
    (is_binary, (np.arange(100).reshape(10, 10),), False),
    (cdd_cesm.parse_name, ("P3_L_CM_CC ",), ("P3", "L", "CM", "CC")),
    (cdd_cesm.joined, ("5$2",), ["5", "2"]),
    (cdd_cesm.joined, (" ",), []),
    (dmid.read_metadata, ("/nowhere",), {}),
    (dmid.abnormalities, ("CIRC+CLAC",), ["circumscribed mass", "calcification"]),
    (dmid.abnormalities, ("NORM",), []),
    (dmid.view_and_side, ("MLOLT",), ("MLO", "L")),
    (dmid.view_and_side, ("?",), ("", "")),
    (dmid.report_birads, ("Impression\nBIRADS: 2, 4A and 5",), ["2", "4A", "5"]),
    (dmid.report_density, ("Both breasts show ACR type B parenchyma",), "B"),
    (
        inbreast.parse_name,
        ("20586908_6c613a14b80a8591_MG_R_ML_ANON.dcm",),
        ("20586908", "6c613a14b80a8591", "R", "MLO"),
    ),
    (inbreast.roi_kind, ("Espiculated Region",), "spiculated"),
    (inbreast.roi_kind, ("Assymetry",), "asymmetry"),
    (inbreast.roi_kind, ("Point 1",), "other"),
    (inbreast.parse_points, (["(1.5, 2)", "(-3, 4.25)"],), ((1.5, 2.0), (-3.0, 4.25))),
    (inbreast.birads_class, ("3",), "benign"),
    (inbreast.birads_class, ("4a",), "malignant"),
    (inbreast.birads_class, (" ",), ""),
    (mias.patient_and_side, ("mdb003",), ("pair002", "R")),
    (mias.patient_and_side, ("mdb004",), ("pair002", "L")),
    (mias.finding, (["D", "NORM"],), None),
    (outline, ({"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},), ((1, 2), (4, 2), (4, 6), (1, 6))),
    (outline, ({},), ()),
]


@pytest.mark.parametrize(("function", "given", "wanted"), CASES)
def test_words(function: Callable[..., Any], given: tuple[Any, ...], wanted: Any) -> None:
    assert function(*given) == wanted


def test_densities_of_subtracted_images_are_those_of_their_twins() -> None:
    rows = {"P1_L_CM_CC": {"breast_density_acr": "_"}, "P1_L_DM_CC": {"breast_density_acr": "C"}}
    assert cdd_cesm.fill_density(rows)["P1_L_CM_CC"] == {"breast_density_acr": "C"}


def test_circles_are_counted_from_the_bottom_edge() -> None:
    assert mias.read_info("mdb005 F CIRC B 477 133 30\nmdb005 F CIRC B 500 168 26\nprose")["mdb005"][1][3:] == [
        "500", "168", "26",
    ]  # fmt: skip
    found = mias.finding(["F", "CIRC", "B", "477", "133", "30"])
    assert found is not None
    assert found.box == (447, 861, 507, 921)


def test_the_series_names_the_image() -> None:
    files = [Path("c/1.2/1.3.99999/1.dcm"), Path("c/1.2/1.3.77777/1.dcm")]
    assert cbis_ddsm.full_image(files, uid="1.3.77777") == files[1]
