# SPDX-License-Identifier: Apache-2.0
"""The CAD report of an examination, against its template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from mammozoo.io.clinical import codes
from mammozoo.io.clinical.cad_sr import CadImage, write_cad_report
from mammozoo.io.clinical.common import CERTAINTY
from mammozoo.io.clinical.sr import write_measurement_report

VIEWS = (("L", "CC"), ("R", "CC"), ("L", "MLO"), ("R", "MLO"))


@pytest.mark.parametrize(("findings", "summary"), [(False, "111241"), (True, "111242")])
def test_reports_say_whether_anything_was_found(findings: bool, summary: str, examples: Any, tmp_path: Path) -> None:
    source, found = examples.plain(), examples.findings if findings else ()
    sr = write_measurement_report(tmp_path / "sr.dcm", found, source, **examples.algorithm)
    for file in (sr, examples.cad(tmp_path / "cad.dcm", source, findings=found)):
        items = [i for i in examples.walk(pydicom.dcmread(file)) if examples.name(i) == codes.CAD_SUMMARY.meaning]
        assert [item.ConceptCodeSequence[0].CodeValue for item in items] == [summary]


def test_cad_report_follows_the_template(examples: Any, tmp_path: Path) -> None:
    source = examples.plain()
    root = pydicom.dcmread(examples.cad(tmp_path / "cad.dcm", source, mask=examples.labels))
    name, value = examples.name, examples.value
    assert root.SOPClassUID == pydicom.uid.MammographyCADSRStorage
    assert (root.Modality, root.ContentTemplateSequence[0].TemplateIdentifier) == ("SR", "4000")
    assert [name(item) for item in root.ContentSequence] == [
        "Language of Content Item and Descendants", "Image Library", "CAD Processing and Findings Summary",
        "Summary of Detections", "Summary of Analyses",
    ]  # fmt: skip
    assert [value(root.ContentSequence[k]) for k in (3, 4)] == ["Succeeded", "Not Attempted"]
    impressions = root.ContentSequence[2].ContentSequence
    assert [(name(item), item.RelationshipType) for item in impressions] == [
        ("Individual Impression/Recommendation", "INFERRED FROM")
    ] * 2
    intent, finding = impressions[0].ContentSequence
    assert name(intent) == "Rendering Intent"
    assert (name(finding), value(finding)) == ("Single Image Finding", "Mammography breast density")
    assert [name(item) for item in finding.ContentSequence] == [
        "Rendering Intent", "Algorithm Name", "Algorithm Version", "Algorithm Parameters", "Algorithm Parameters",
        "Certainty of Finding", "Center", "Outline",
    ]  # fmt: skip
    said = [item.TextValue for item in finding.ContentSequence[1:5]]
    assert said == ["AUNet", "0.1.0", CERTAINTY, "research use only"]
    properties = {name(item): item for item in finding.ContentSequence}
    certainty = properties["Certainty of Finding"].MeasuredValueSequence[0]
    assert (str(certainty.NumericValue), certainty.MeasurementUnitsCodeSequence[0].CodeValue) == ("91", "%")
    assert properties["Center"].GraphicType == "POINT"
    outline = np.reshape(properties["Outline"].GraphicData, (-1, 2))
    assert properties["Outline"].GraphicType == "POLYLINE"
    np.testing.assert_array_equal(outline[0], outline[-1])
    assert (outline.min(0).tolist(), outline.max(0).tolist()) == ([12, 10], [26, 31])
    entry = root.ContentSequence[1].ContentSequence[0]
    assert entry.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == pydicom.dcmread(source).SOPInstanceUID


def _examination(examples: Any, *, failed: tuple[int, ...] = (), found: tuple[int, ...] = (0, 2)) -> list[CadImage]:
    return [
        CadImage(
            examples.mammogram(f"view{index}", laterality=side, view=view),
            examples.findings if index in found else (),
            failed=index in failed,
        )
        for index, (side, view) in enumerate(VIEWS)
    ]


def test_one_report_holds_all_views(examples: Any, tmp_path: Path) -> None:
    views = _examination(examples)
    root = pydicom.dcmread(write_cad_report(tmp_path / "cad.dcm", views, **examples.algorithm))
    library = root.ContentSequence[1].ContentSequence
    said = [[examples.value(item) for item in entry.ContentSequence[:2]] for entry in library]
    assert said[0] == ["Left breast", "cranio-caudal"]
    assert said[3] == ["Right breast", "medio-lateral oblique"]
    sources = [pydicom.dcmread(view.source_path) for view in views]
    assert [entry.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for entry in library] == [
        source.SOPInstanceUID for source in sources
    ]
    evidence = root.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    listed = [item.ReferencedSOPInstanceUID for series in evidence for item in series.ReferencedSOPSequence]
    assert sorted(listed) == sorted(source.SOPInstanceUID for source in sources)
    assert len(root.ContentSequence[2].ContentSequence) == 4
    places = [item.ReferencedContentItemIdentifier for item in examples.walk(root) if _refers(item)]
    assert [place[2] for place in places] == [1] * 4 + [3] * 4 + [1, 2, 3, 4]
    for _, *rest in places:
        target = root
        for position in rest:
            target = target.ContentSequence[position - 1]
        assert target.ValueType == "IMAGE"


def _refers(item: Dataset) -> bool:
    return "ReferencedContentItemIdentifier" in item


@pytest.mark.parametrize(
    ("failed", "found", "codes_"),
    [
        ((1,), (0,), ("111244", "111223")),
        ((1,), (), ("111243", "111223")),
        ((0, 1, 2, 3), (0,), ("111245", "111224")),
    ],
)
def test_views_that_failed_are_listed_as_such(
    failed: tuple[int, ...], found: tuple[int, ...], codes_: tuple[str, str], examples: Any, tmp_path: Path
) -> None:
    views = _examination(examples, failed=failed, found=found)
    root = pydicom.dcmread(write_cad_report(tmp_path / "cad.dcm", views, **examples.algorithm))
    summaries = [root.ContentSequence[k].ConceptCodeSequence[0].CodeValue for k in (2, 3)]
    assert tuple(summaries) == codes_
    (part,) = [i for i in root.ContentSequence[3].ContentSequence if examples.name(i) == "Failed Detections"]
    listed = [item.ReferencedContentItemIdentifier[2] - 1 for item in examples.walk(part) if _refers(item)]
    assert listed == list(failed)


def test_images_of_several_studies_or_none_are_refused(examples: Any, tmp_path: Path) -> None:
    other = examples.mammogram("other", StudyInstanceUID="1.2.3")
    for images in ([], [CadImage(examples.plain()), CadImage(other)]):
        with pytest.raises(ValueError, match="one study"):
            write_cad_report(tmp_path / "cad.dcm", images, **examples.algorithm)


def test_library_says_what_the_header_says(examples: Any, tmp_path: Path) -> None:
    def entry(source: Path) -> dict[str, Dataset]:
        root = pydicom.dcmread(examples.cad(tmp_path / "cad.dcm", source, findings=()))
        return {examples.name(item): item for item in root.ContentSequence[1].ContentSequence[0].ContentSequence}

    known, value = entry(examples.plain()), examples.value
    assert (value(known["Image Laterality"]), value(known["Image View"])) == ("Right breast", "medio-lateral oblique")
    assert known["Patient Orientation Column"].TextValue == "FL"
    spacing = known["Horizontal Pixel Spacing"].MeasuredValueSequence[0]
    assert (str(spacing.NumericValue), spacing.MeasurementUnitsCodeSequence[0].CodeValue) == ("80", "um")
    assert set(entry(examples.capture())) == {"Study Date", "Content Date", "Content Time"}
