# SPDX-License-Identifier: Apache-2.0
"""Measurement reports, read back by highdicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom
import pytest

from mammozoo.io.clinical import codes
from mammozoo.io.clinical.common import CERTAINTY, Tracking
from mammozoo.io.clinical.seg import read_segmentation, write_segmentation
from mammozoo.io.clinical.sr import write_measurement_report

highdicom = pytest.importorskip("highdicom")


@pytest.mark.parametrize("make", ["plain", "spaced", "capture"])
def test_measurement_report_reads_back(make: str, examples: Any, tmp_path: Path) -> None:
    source, known = getattr(examples, make)(), make != "capture"
    tracking = [Tracking.new("lesion 1"), Tracking.new("lesion 2")]
    file = write_measurement_report(
        tmp_path / "sr.dcm", examples.findings, source, mask=examples.labels != 0, tracking=tracking,
        **examples.algorithm,
    )  # fmt: skip
    groups = highdicom.sr.srread(file).content.get_planar_roi_measurement_groups()
    assert [group.tracking_uid for group in groups] == [item.uid for item in tracking]
    first = groups[0]
    assert first.finding_type == codes.MAMMOGRAPHIC_MASS
    assert first.finding_sites[0].topographical_modifier is None
    assert first.finding_sites[0].laterality == (codes.LATERALITIES["R"] if known else None)
    (area,) = first.get_measurements(codes.AREA)
    assert area.value == (1.46 if known else 260)  # three digits of 260 x 0.07 x 0.08
    assert area.unit == (codes.SQUARE_MILLIMETER if known else codes.PIXELS)
    (certainty,) = first.get_measurements(codes.CERTAINTY_OF_FINDING)
    assert (certainty.value, certainty.unit) == (91.0, codes.PERCENT)
    views = first.get_qualitative_evaluations(codes.IMAGE_VIEW)
    assert [view.value for view in views] == ([codes.VIEWS["MLO"]] if known else [])
    outline = first.roi.value
    assert (outline.min(0).tolist(), outline.max(0).tolist()) == ([12, 10], [26, 31])
    assert groups[1].roi.value.tolist() == [[5, 50], [9, 50], [9, 55], [5, 55], [5, 50]]


def test_numbers_have_the_digits_that_are_known_and_a_meaning(examples: Any, tmp_path: Path) -> None:
    file = write_measurement_report(tmp_path / "sr.dcm", examples.findings, examples.plain(), **examples.algorithm)
    report = pydicom.dcmread(file)
    numbers = [str(element.value) for element in report.iterall() if element.keyword == "NumericValue"]
    assert numbers == ["1.46", "91", "0.112", "50"]
    said = [str(item.TextValue) for item in examples.walk(report) if examples.name(item) == "Algorithm Parameters"]
    assert set(said) == {"research use only", CERTAINTY}
    assert "no probability of cancer" in CERTAINTY


def test_a_lesion_is_tracked_through_both_objects_and_all_runs(examples: Any, tmp_path: Path) -> None:
    source = examples.plain()
    seg = read_segmentation(write_segmentation(tmp_path / "seg.dcm", examples.labels, source, **examples.algorithm))
    for _ in range(2):
        file = write_measurement_report(tmp_path / "sr.dcm", examples.findings, source, **examples.algorithm)
        groups = highdicom.sr.srread(file).content.get_planar_roi_measurement_groups()
        assert [group.tracking_uid for group in groups] == [item.uid for item in seg.tracking if item]
