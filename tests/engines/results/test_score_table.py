# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import roc_auc_score

from mammozoo.engines.experiments.crossvalidation import average_scores
from mammozoo.engines.results.classification import check_validation, higher_or_undefined, saved_threshold
from mammozoo.engines.results.score_table import score_units, score_with_thresholds


def _row(name: int, *, part: str, label: int, score: float, patient: str = "", side: str = "L") -> dict[str, Any]:
    return {
        "id": f"{part}{name}", "part": part, "patient_id": patient or f"{part}{name}", "laterality": side,
        "label": label, "probability": score,
    }  # fmt: skip


VALIDATION = [_row(n, part="validation", label=n % 2, score=(0.2, 0.35, 0.25, 0.3)[n]) for n in range(4)]
TEST = [_row(n, part="test", label=int(n > 2), score=(0.1, 0.6, 0.3, 0.4, 0.9, 0.45)[n]) for n in range(6)]


def test_units_are_images_breasts_and_patients() -> None:
    rows = [
        _row(n, part="test", label=int(n == 3), score=n / 10, patient="p" if n < 4 else "q", side="LLRRL"[n])
        for n in range(5)
    ]
    units = score_units(rows)
    assert units["breast"].scores == pytest.approx([0.1, 0.3, 0.4])
    assert list(units["breast"].labels) == [0, 1, 0]
    assert units["breast"].patients == ["p", "p", "q"]
    assert units["patient"].scores == pytest.approx([0.3, 0.4])
    assert score_units(rows, aggregation="mean")["patient"].scores == pytest.approx([0.15, 0.4])


def test_an_image_without_a_patient_stands_for_itself() -> None:
    rows = [{**_row(n, part="test", label=n, score=0.5), "patient_id": ""} for n in range(2)]
    assert score_units(rows)["patient"].patients == ["test0", "test1"]


def test_the_test_part_never_moves_the_threshold() -> None:
    found = score_with_thresholds([*VALIDATION, *TEST], resamples=5)
    inverted = score_with_thresholds([*VALIDATION, *({**row, "label": 1 - row["label"]} for row in TEST)], resamples=5)
    assert found["thresholds"] == inverted["thresholds"]
    assert found["thresholds"]["image"] == pytest.approx(0.3)
    figures = found["units"]["patient"]["figures"]
    assert figures["half"]["auroc"]["estimate"] == pytest.approx(
        roc_auc_score([row["label"] for row in TEST], [row["probability"] for row in TEST])
    )
    assert figures["validation"]["sensitivity"]["estimate"] == 1
    assert figures["half"]["sensitivity"]["estimate"] == pytest.approx(1 / 3)


def test_one_class_in_validation_gives_one_half() -> None:
    found = score_with_thresholds([VALIDATION[0], *TEST], resamples=5)
    assert set(found["thresholds"].values()) == {0.5}
    assert "one class" in found["threshold_method"]
    assert math.isnan(found["validation_auroc"]["image"])


def test_without_a_test_row_nothing_is_scored() -> None:
    with pytest.raises(ValueError, match="the test part holds no image"):
        score_with_thresholds(VALIDATION)


def test_an_ensemble_is_a_mean_over_the_same_images() -> None:
    first, second = TEST, [{**row, "probability": 1.0} for row in reversed(TEST)]
    found = average_scores([first, second])
    assert [row["id"] for row in found] == [row["id"] for row in TEST]
    assert found[0]["probability"] == pytest.approx(0.55)
    with pytest.raises(ValueError, match="different images"):
        average_scores([first, second[1:]])


@pytest.mark.parametrize(
    ("current", "best", "kept"),
    [(0.8, 0.7, True), (0.7, 0.7, False), (math.nan, math.nan, True), (math.nan, 0.7, False), (0.1, math.nan, True)],
)
def test_which_network_is_kept(current: float, best: float, kept: bool) -> None:
    assert higher_or_undefined(current, best) is kept
    assert higher_or_undefined(current, best, keep="last") is True


def test_an_empty_validation_part_is_refused_and_one_class_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="holds no image"):
        check_validation(validation=[])
    check_validation(validation=[{"label": 1}])
    assert "0 benign and 1 malignant" in caplog.text


def test_a_saved_threshold_is_read(tmp_path: Path) -> None:
    file = tmp_path / "threshold.json"
    file.write_text(json.dumps({"threshold": 0.37}))
    assert saved_threshold(file) == 0.37
    assert saved_threshold(tmp_path / "absent.json") == 0.5
