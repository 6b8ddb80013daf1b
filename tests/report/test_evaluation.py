# SPDX-License-Identifier: Apache-2.0
"""The report of a bundle's evaluation, from a table filled by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mammozoo.engines.detection.lesion_detection import match_lesions, predicted_boxes, summarise_detection
from mammozoo.engines.results.per_case import Case, score_case
from mammozoo.report.evaluation import write_segmentation_report
from mammozoo.stats.summary import summarise_segmentation


@pytest.fixture
def table() -> SimpleNamespace:
    """Three images with a lesion, found ever better, and one without."""
    rows, cases, matches = [], [], []
    for index in range(4):
        truth, probability = np.zeros((48, 40), bool), np.zeros((48, 40), np.float16)
        truth[10:20, 10:20] = index < 3
        probability[10 + 5 * index : 20, 10:20] = 0.6 + 0.1 * index
        case = Case(f"i{index}", np.full((48, 40), 99, np.uint8), truth, probability)
        rows.append({"id": case.id, "patient_id": f"p{index}", **score_case(probability >= 0.5, truth)})
        matches.append(match_lesions(*predicted_boxes(probability >= 0.5, probability), mask=truth))
        cases.append(case)
    detection = summarise_detection(matches, [row["id"] for row in rows], hit="iou50", resamples=20)
    summary = {
        "headline": 0.5, "headline_reason": None, "resolution": "48 x 40 (height x width)",
        **summarise_segmentation(rows, resamples=20), "lesion_detection": detection,
    }  # fmt: skip
    return SimpleNamespace(rows=rows, cases=cases, matches=matches, summary=summary, threshold=0.5)


def test_the_page_stands_beside_the_text(
    table: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_segmentation_report(table, output_dir=tmp_path, title="model <1>", pictures=1)
    assert (tmp_path / "report.md").read_text() in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text()
    assert "<h1>model &lt;1&gt;</h1>" in page
    for heading in ("Summary", "Segmentation", "Lesion detection", "Worst cases", "Notes"):
        assert f">{heading}</h2>" in page
    assert page.index("<strong>i2") < page.index("<strong>i1") < page.index("<strong>i0")  # the worst first
    assert "<strong>i3" not in page
