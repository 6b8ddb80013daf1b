# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from mammozoo.stats.strata import OTHER, automatic_columns, divide, summarise_strata
from mammozoo.stats.summary import summarise_segmentation


def _rows(count: int = 60, values: int = 20) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    rows = []
    for index in range(count):
        dice = float(rng.random())
        shape = f"S{min(index % 31, values - 1):02d}"
        rows.append(
            {"id": f"i{index}", "patient_id": f"p{index // 2}", "dice": dice, "detected": dice > 0.3, "shapes": shape,
             "scanner": shape, "density": str(index % 4 + 1), "site": "one"}
        )  # fmt: skip
    return rows


def test_named_columns_are_strata_with_any_number_of_values() -> None:
    rows = _rows()
    assert automatic_columns(rows, own={"id", "patient_id", "dice", "detected"}) == ["shapes", "density"]


def test_rare_values_fall_together_and_all_are_listed_when_asked() -> None:
    rows = _rows()
    folded = divide(rows, "shapes")
    assert len(folded) == 12
    assert list(folded)[-1] == OTHER
    assert sum(map(len, folded.values())) == len(rows)
    assert min(len(group) for name, group in folded.items() if name != OTHER) >= 1
    assert len(divide(rows, "shapes", most=None)) == 20


def test_numbers_are_in_the_order_of_numbers() -> None:
    rows = [{"n": value} for value in ("10", "9", "", None, 2)]
    assert {name: len(group) for name, group in divide(rows, "n").items()} == {"2": 1, "9": 1, "10": 1}
    assert list(divide(rows, "n")) == ["2", "9", "10"]


def test_a_stratum_has_its_interval_by_patient_and_a_test() -> None:
    rows = _rows()
    strata, tests = summarise_strata(rows, ["density", "shapes"], resamples=200)
    found = strata["density"]["1"]
    own = [row for row in rows if row["density"] == "1"]
    assert found["n"] == len(own)
    assert found["dice_mean"] == pytest.approx(np.mean([row["dice"] for row in own]))
    assert found["dice_interval"][0] < found["dice_mean"] < found["dice_interval"][1]
    assert found["detected"] == sum(row["detected"] for row in own)
    assert found["dice_detected_mean"] > found["dice_mean"]
    groups = [[row["dice"] for row in rows if row["density"] == value] for value in "1234"]
    assert tests["density"]["p"] == pytest.approx(stats.kruskal(*groups).pvalue)
    assert tests["density"]["p_holm"] >= tests["density"]["p"]


def test_summary_takes_columns_by_name() -> None:
    metrics = dict.fromkeys(
        ("accuracy", "sensitivity", "specificity", "precision", "area_difference", "hausdorff", "hd95", "assd", "nsd",
         "row_hausdorff", "iou"), 0.5,
    )  # fmt: skip
    rows = [{**row, **metrics, "area_224": 300.0, "size": "small", "hd95_mm": 2.0} for row in _rows()]
    found = summarise_segmentation(rows, strata=["shapes", "scanner", "site"], resamples=50)
    assert {name: len(groups) for name, groups in found["strata"].items()} == {"shapes": 20, "scanner": 20, "site": 1}
    assert found["overall"]["hd95_mm"]["mean"] == 2.0
    with pytest.raises(ValueError, match=r"no column \['shape'\].*shapes"):
        summarise_segmentation(rows, strata=["shape"], resamples=50)
