# SPDX-License-Identifier: Apache-2.0
"""``report.md`` of a segmentation, from a per-case table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mammozoo.report.tables import (
    case_report,
    detected_table,
    detection_table,
    markdown_report,
    markdown_table,
    overall_table,
)
from mammozoo.stats.summary import summarise_segmentation


def _cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def _row(at: int, size: str, **values: Any) -> dict[str, Any]:
    row = {"id": f"{size}{at}", "patient_id": f"{size}{at}", "size": size, "detected": True if size else None}
    return {**row, "area_224": 9, "dice": 0.5 + 0.01 * at, "iou": 0.4, "accuracy": 0.99, "hausdorff": 10.0, **values}


def _paper_rows() -> list[dict[str, Any]]:
    """The paper's counts: 37 small (27 detected), 13 medium (11), 5 large (5)."""
    counts = {"small": (37, 27), "medium": (13, 11), "large": (5, 5)}
    return [_row(at, name, detected=at < hits) for name, (total, hits) in counts.items() for at in range(total)]


def _summary(rows: list[dict[str, Any]], **values: Any) -> dict[str, Any]:
    return {**summarise_segmentation(rows, resamples=9), "resolution": "224 x 224", **values}


def test_overall_table() -> None:
    rows = [_row(0, "small", dice=0.5, hausdorff=math.nan, iou=None), _row(1, "small", dice=0.75, hausdorff=100.345)]
    table = _cells(overall_table(_summary(rows)))
    assert table[0] == ["Metric", "n", "Excluded", "Mean", "Median", "SD", "95 % CI of the mean"]
    assert table[2] == ["Dice", "2", "0", "0.6250", "0.6250", "0.1768", "0.5000 to 0.7500"]
    assert table[3][:4] == ["IoU", "1", "1", "0.4000"]
    assert table[5][:6] == ["Hausdorff (px)", "1", "1", "100.34", "100.34", "-"]


def test_detection_table_of_the_papers_counts() -> None:
    summary = _summary(_paper_rows())
    for name, interval in {"small": [0.57, 0.85], "medium": [None, None], "all": [0.65, 0.87]}.items():
        summary["detection"][name]["interval"] = interval
    table = _cells(detection_table(summary))
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
    table = _cells(detected_table(_summary(rows)))
    spread = f"{np.mean(small):.3f} ± {np.std(small, ddof=1):.3f}"
    assert table[2] == ["Small (< 500 px)", "27", spread, "0.400 ± 0.000"]


def test_strata_without_lesions_and_normal_images() -> None:
    summary = _summary([_row(0, ""), _row(1, "large")])
    table = _cells(detection_table(summary))
    assert table[2][1:5] == ["0", "0", "0", "-"]
    assert table[5][1] == "1"
    assert _cells(detected_table(summary))[4] == ["Large (> 1500 px)", "1", "0.510", "0.400"]


def test_markdown_escapes_and_aligns() -> None:
    lines = markdown_table(["a", "b"], [["x|y\nz", "1"], ["c", "100"]]).splitlines()
    assert lines[2] == r"| x\|y z |   1 |"
    assert len({len(line) for line in lines}) == 1


def test_report_says_what_was_scored() -> None:
    reason = "patient P1 in two parts"
    summary = _summary([*_paper_rows(), _row(0, "")], headline_reason=reason, notes=["H = 14.09, n = 55"])
    text = case_report(summary, title="Demo")
    assert text.startswith("# Demo\n")
    assert "Images: 56, with a lesion: 55. Scored at 224 x 224." in text
    assert text.index(reason) < text.index("Table 1")
    assert "Research use only" in text
    assert text.endswith("- H = 14.09, n = 55\n")


def test_report_of_nothing_has_its_tables() -> None:
    assert case_report(_summary([]), title="Demo").count("## Table") == 3


def test_a_section_without_content_is_left_out() -> None:
    text = markdown_report("t", "lead", {"A": "", "B": "b"})
    assert text == "# t\n\nResearch use only; not for diagnosis.\n\nlead\n\n## B\n\nb\n"
