# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mammozoo.stats.summary import summarise_segmentation


def _row(index: int, **changes: Any) -> dict[str, Any]:
    metrics = dict.fromkeys(("accuracy", "sensitivity", "specificity", "precision", "area_difference"), 0.9)
    surface = dict.fromkeys(("hausdorff", "hd95", "assd", "nsd", "row_hausdorff"), 3.0)
    row = {"id": f"i{index}", "patient_id": f"p{index // 2}", "density": "AB"[index % 2], "dice": 0.5, "iou": 0.4}
    return {**row, **metrics, **surface, "detected": True, "area_224": 300.0, "size": "small", **changes}


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    rows = []
    for index, size in enumerate(["small"] * 8 + ["medium"] * 6 + ["large"] * 4):
        dice = float(rng.random())
        area = {"small": 300.0, "medium": 900.0, "large": 2000.0}[size] + index
        rows.append(_row(index, dice=dice, iou=dice / (2 - dice), detected=dice > 0.3, size=size, area_224=area))
    missed = {"dice": 0.0, "iou": 0.0, "detected": False, "hausdorff": math.nan}
    normal = {"size": "", "detected": None, "area_224": 0.0, "hausdorff": math.nan, "sensitivity": math.nan}
    return [*rows, _row(18, **missed), _row(19, **normal, dice=1.0, iou=1.0), _row(20, **normal, dice=0.0, iou=0.0)]


def test_means_are_over_images_with_a_lesion(rows: list[dict[str, Any]]) -> None:
    summary = summarise_segmentation(rows, resamples=200)
    lesions = [row for row in rows if row["size"]]
    assert (summary["n_images"], summary["n_patients"], summary["n_with_lesion"]) == (21, 11, 19)
    dice = summary["overall"]["dice"]
    assert dice["mean"] == pytest.approx(np.mean([row["dice"] for row in lesions]))
    assert dice["sd"] == pytest.approx(np.std([row["dice"] for row in lesions], ddof=1))
    assert dice["interval"][0] <= dice["mean"] <= dice["interval"][1]
    assert summary["all_images"]["dice"]["n"] == 21
    assert summary["overall"]["hausdorff"]["excluded"] == 1
    assert summary["false_positive_images"] == {"count": 1, "n": 2}


def test_detection_by_size(rows: list[dict[str, Any]]) -> None:
    summary = summarise_segmentation(rows, resamples=200)
    for size in ("small", "medium", "large"):
        own = [row for row in rows if row["size"] == size]
        found = summary["detection"][size]
        assert (found["detected"], found["n"]) == (sum(row["detected"] for row in own), len(own))
    assert summary["detection"]["all"]["n"] == 19
    assert sum(group["n"] for group in summary["detected_by_size"].values()) == summary["detection"]["all"]["detected"]


def test_tests_and_notes_carry_their_n(rows: list[dict[str, Any]]) -> None:
    summary = summarise_segmentation(rows, resamples=200)
    test = summary["tests"]["kruskal_wallis_dice"]
    assert test["n"] == {"small": 9, "medium": 6, "large": 4}
    assert test["p"] == pytest.approx(math.exp(-test["statistic"] / 2))
    assert summary["tests"]["pearson_size_dice_detected"]["n"]["pairs"] == summary["detection"]["all"]["detected"]
    assert any("left out, in 1 images" in note for note in summary["notes"])


def test_strata_are_the_further_columns(rows: list[dict[str, Any]]) -> None:
    strata = summarise_segmentation(rows, resamples=200)["strata"]
    assert set(strata) == {"density"}
    assert {value: group["n"] for value, group in strata["density"].items()} == {"A": 10, "B": 9}


@pytest.mark.parametrize("count", [0, 1])
def test_few_cases_do_not_break_it(count: int) -> None:
    summary = summarise_segmentation([_row(0)][:count], resamples=50)
    assert summary["detection"]["all"]["n"] == count
