# SPDX-License-Identifier: Apache-2.0
"""Tables of the report from a per-case table."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mammozoo.report.tables import (
    case_report,
    detected_table,
    detection_table,
    markdown_table,
    overall_table,
    summarise,
)


def _cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def _paper_rows() -> list[dict[str, object]]:
    """The paper's counts: 37 small (27 detected), 13 medium (11), 5 large (5)."""
    counts = {"small": (37, 27), "medium": (13, 11), "large": (5, 5)}
    return [
        {
            "size": name,
            "detected": at < hits,
            "dice": 0.5 + 0.01 * at,
            "iou": 0.4,
            "accuracy": 0.99,
            "hausdorff": 10.0,
        }
        for name, (total, hits) in counts.items()
        for at in range(total)
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.2, 0.4, 0.9], (3, 0, 0.5, 0.4)),
        (["0.5", "", None, "nan", math.inf], (1, 4, 0.5, 0.5)),
    ],
)
def test_summary(values: list[object], expected: tuple[float, ...]) -> None:
    result = summarise(values)
    assert (result.n, result.excluded, result.mean, result.median) == pytest.approx(expected)


def test_summary_agrees_with_numpy_and_of_nothing_is_nan() -> None:
    values = np.random.default_rng(0).random(31)
    assert summarise(values).sd == pytest.approx(values.std(ddof=1))
    assert summarise(values).mean == pytest.approx(values.mean())
    assert math.isnan(summarise([]).mean)
    assert math.isnan(summarise([1.0]).sd)


def test_overall_table() -> None:
    rows = [{"dice": 0.5, "hausdorff": math.nan}, {"dice": 0.75, "hausdorff": 100.345}]
    table = _cells(
        overall_table(
            rows,
            metrics={"dice": "Dice", "hausdorff": "Hausdorff (px)", "iou": "IoU"},
            intervals={"dice": (0.5, 0.75)},
            published={"dice": 0.5793},
        )
    )
    assert table[0] == [
        "Metric",
        "n",
        "Excluded",
        "Mean",
        "Median",
        "SD",
        "95 % CI of the mean",
        "Paper",
        "Difference",
    ]
    assert table[2] == [
        "Dice",
        "2",
        "0",
        "0.6250",
        "0.6250",
        "0.1768",
        "0.5000 to 0.7500",
        "0.5793",
        "+0.0457",
    ]
    assert table[3] == ["Hausdorff (px)", "1", "1", "100.34", "100.34", "-", "-", "-", "-"]
    assert table[4][:4] == ["IoU", "0", "2", "-"]


def test_detection_table_of_the_papers_counts() -> None:
    table = _cells(detection_table(_paper_rows(), intervals={"small": (0.57, 0.85), "all": (0.65, 0.87)}))
    assert [row[1:5] for row in table[2:]] == [
        ["37", "27", "10", "73.0"],
        ["13", "11", "2", "84.6"],
        ["5", "5", "0", "100.0"],
        ["55", "43", "12", "78.2"],  # the paper prints 77.8 %; 43/55 is 78.2 %
    ]
    assert table[2][5] == "57.0 to 85.0"
    assert table[3][5] == "-"
    assert table[5][5] == "65.0 to 87.0"


def test_detected_table_counts_detected_lesions_only() -> None:
    rows = _paper_rows()
    small = [row["dice"] for row in rows if row["size"] == "small" and row["detected"]]
    table = _cells(detected_table(rows))
    assert table[2] == [
        "Small (< 500 px)",
        "27",
        f"{np.mean(small):.3f} ± {np.std(small, ddof=1):.3f}",
        "0.400 ± 0.000",
    ]


def test_strata_without_lesions_unknown_strata_and_normal_images() -> None:
    rows = [
        {"size": "", "detected": ""},
        {"size": None},
        {"size": "giant", "detected": "True", "dice": 0.5, "iou": 0.4},
    ]
    table = _cells(detection_table(rows))
    assert table[2][1:5] == ["0", "0", "0", "-"]
    assert table[5][:5] == ["giant", "1", "1", "0", "100.0"]
    assert table[6][1] == "1"


def test_detected_must_be_a_truth_value() -> None:
    with pytest.raises(ValueError, match="'maybe'"):
        detection_table([{"size": "small", "detected": "maybe"}])


def test_markdown_escapes_and_aligns() -> None:
    lines = markdown_table(["a", "b"], [["x|y\nz", "1"], ["c", "100"]]).splitlines()
    assert lines[2] == r"| x\|y z |   1 |"
    assert len({len(line) for line in lines}) == 1


def test_report_says_what_was_scored() -> None:
    rows = [*_paper_rows(), {"size": "", "dice": 1.0}]
    text = case_report(
        rows,
        title="Demo",
        resolution="224 x 224",
        headline_reason="patient P1 in two parts",
        notes=["H = 14.09, n = 55"],
    )
    assert "Images: 56, with a lesion: 55. Scored at 224 x 224." in text
    assert text.index("patient P1 in two parts") < text.index("Table 1")
    assert "Research use only" in text
    assert text.endswith("- H = 14.09, n = 55\n")


def test_report_of_nothing_has_its_tables() -> None:
    assert case_report([], title="Demo", resolution="224 x 224").count("## Table") == 3
