# SPDX-License-Identifier: Apache-2.0
"""SEG, measurement report, CAD report and secondary capture, read back by pydicom and highdicom."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.coding import Code

from mammozoo.io.clinical import codes
from mammozoo.io.clinical.cad_sr import write_cad_report
from mammozoo.io.clinical.secondary_capture import write_secondary_capture
from mammozoo.io.clinical.seg import KINDS, Tracking, read_segmentation, write_segmentation
from mammozoo.io.clinical.sr import write_measurement_report
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.errors import BadHeaderError, MammogramError, NotAnImageError, UnsupportedError

SHAPE = (65, 47)
HEADER = MammogramHeader(
    patient_id="CANARY-ID-7",
    patient_name="CANARY^NAME",
    laterality="R",
    view_position="MLO",
    pixel_spacing=(0.07, 0.08),
    uid_key="a 1",
    study_key="a",
    patient_age="055Y",
)
ALGORITHM = {"algorithm_name": "AUNet", "algorithm_version": "0.1.0"}
FINDINGS = [
    {"box_xyxy": (12, 10, 26, 31), "score": 0.91, "area_px": 260, "area_mm2": None},
    {"box_xyxy": (5, 50, 9, 55), "score": 0.5},
]


def _labels() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[10:30, 12:25] = 1
    labels[30, 25] = 1
    labels[50:55, 5:9] = 2
    return labels


def _mg(folder: Path, **changes: Any) -> Path:
    """A mammogram, with elements set, or removed by None."""
    path = folder / "source.dcm"
    path.write_bytes(mammogram_bytes(np.full(SHAPE, 7, np.uint16), HEADER))
    if changes:
        dataset = pydicom.dcmread(path)
        for keyword, value in changes.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)
        dataset.save_as(path)
    return path


def _plain(folder: Path) -> Path:
    """A mammogram with ImagerPixelSpacing only."""
    return _mg(folder)


def _spaced(folder: Path) -> Path:
    """The trap of segmentation readers: PixelSpacing without SliceThickness."""
    return _mg(folder, PixelSpacing=[0.07, 0.08], PixelSpacingCalibrationType="GEOMETRY")


def _capture(folder: Path) -> Path:
    """A secondary capture that says Modality MG and little else, as of CBIS-DDSM."""
    absent = (
        "ImagerPixelSpacing", "ImageLaterality", "ViewPosition", "ViewCodeSequence", "PatientOrientation",
        "StudyTime", "AccessionNumber", "ReferringPhysicianName", "SeriesDescription", "PatientBirthDate",
    )  # fmt: skip
    capture = "1.2.840.10008.5.1.4.1.1.7"
    return _mg(folder, SOPClassUID=capture, PatientSex="FEMALE", **dict.fromkeys(absent))


SOURCES = [_plain, _spaced, _capture]
Source = Callable[[Path], Path]


def _write_all(folder: Path, source: Path, *, prefix: str = "") -> dict[str, Path]:
    labels = _labels()
    mask = labels != 0
    out = {kind: folder / f"{prefix}{kind}.dcm" for kind in (*KINDS, "sr", "cad", "overlay")}
    write_segmentation(out["binary"], labels, source, **ALGORITHM)
    write_segmentation(out["fractional"], mask * np.float32(0.5), source, kind="fractional", **ALGORITHM)
    write_segmentation(out["labelmap"], labels, source, kind="labelmap", **ALGORITHM)
    write_measurement_report(out["sr"], FINDINGS, source, mask=mask, **ALGORITHM)
    write_cad_report(out["cad"], FINDINGS, source, mask=mask, **ALGORITHM)
    write_secondary_capture(out["overlay"], np.zeros((*SHAPE, 3), np.uint8), source, **ALGORITHM)
    return out


def _walk(item: Dataset) -> Iterator[Dataset]:
    yield item
    for child in item.get("ContentSequence", []):
        yield from _walk(child)


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning) if "ConceptNameCodeSequence" in item else ""


def _value(item: Dataset) -> str:
    return str(item.ConceptCodeSequence[0].CodeMeaning)


@pytest.mark.parametrize("make", SOURCES)
def test_every_object_belongs_to_the_study_of_its_source(make: Source, tmp_path: Path) -> None:
    path = make(tmp_path)
    source = pydicom.dcmread(path)
    uids = {str(source.SOPInstanceUID)}
    for kind, file in _write_all(tmp_path, path).items():
        assert file.read_bytes()[:132] == bytes(128) + b"DICM", kind
        written = pydicom.dcmread(file)
        assert written.StudyInstanceUID == source.StudyInstanceUID
        assert written.SeriesInstanceUID != source.SeriesInstanceUID
        assert written.file_meta.MediaStorageSOPInstanceUID == written.SOPInstanceUID
        assert (written.PatientID, str(written.PatientName)) == ("CANARY-ID-7", "CANARY^NAME")
        assert written.PatientSex == ("F" if source.PatientSex == "F" else "")
        assert "RESEARCH USE ONLY" in written.SeriesDescription
        references = {str(e.value) for e in written.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        assert references == {str(source.SOPInstanceUID)}, kind
        assert not any(e.tag.is_private for e in written.iterall())
        uids.add(str(written.SOPInstanceUID))
    assert len(uids) == 7


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("kind", KINDS)
def test_segmentation_reads_back(kind: str, make: Source, tmp_path: Path) -> None:
    source = make(tmp_path)
    labels = _labels()
    array = np.linspace(0, 1, labels.size, dtype=np.float32).reshape(SHAPE) if kind == "fractional" else labels
    tracking = [Tracking.new(f"lesion {k}") for k in range(1 if kind == "fractional" else 2)]
    file = write_segmentation(tmp_path / "seg.dcm", array, source, kind=kind, tracking=tracking, **ALGORITHM)
    read = read_segmentation(file)
    np.testing.assert_allclose(read.mask, array, atol=0.5 / 255 + 1e-6 if kind == "fractional" else 0)
    assert read.mask.dtype == (np.float32 if kind == "fractional" else np.uint8)
    assert read.kind == kind
    assert read.tracking == tuple(tracking)
    assert read.algorithm == ("AUNet", "0.1.0")
    assert len(read.labels) == len(tracking)
    assert read.source_sop_instance_uid == pydicom.dcmread(source).SOPInstanceUID
    assert read_segmentation(file, source_sop_instance_uid=read.source_sop_instance_uid).labels == read.labels


@pytest.mark.parametrize("kind", KINDS)
def test_empty_mask_is_a_result(kind: str, tmp_path: Path) -> None:
    empty = np.zeros(SHAPE, np.float32 if kind == "fractional" else np.uint8)
    file = write_segmentation(tmp_path / "seg.dcm", empty, _plain(tmp_path), kind=kind, **ALGORITHM)
    read = read_segmentation(file)
    assert read.labels == ("Lesion",)
    assert not read.mask.any()


def test_masks_of_bool_and_255_are_one_segment(tmp_path: Path) -> None:
    source = _plain(tmp_path)
    mask = _labels() != 0
    for array in (mask, mask.astype(np.uint8) * 255):
        read = read_segmentation(write_segmentation(tmp_path / "seg.dcm", array, source, **ALGORITHM))
        np.testing.assert_array_equal(read.mask, mask)


def test_segment_says_where_and_by_what(tmp_path: Path) -> None:
    file = write_segmentation(tmp_path / "seg.dcm", _labels(), _spaced(tmp_path), **ALGORITHM)
    dataset = pydicom.dcmread(file)
    segment = dataset.SegmentSequence[1]
    region = segment.AnatomicRegionSequence[0]
    assert (region.CodeValue, region.AnatomicRegionModifierSequence[0].CodeMeaning) == ("76752008", "Right")
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Lesion"
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(value) for value in measures.PixelSpacing] == [0.07, 0.08]
    assert dataset.PatientOrientation == ["P", "FL"]


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((4, 4), np.uint8), {}, "native size"),
        (np.zeros(SHAPE, np.float32), {}, "threshold the probabilities"),
        (np.full(SHAPE, 3, np.uint8), {}, "without gaps"),
        (np.full(SHAPE, -1, np.int16), {}, "without gaps"),
        (np.full(SHAPE, 1.5, np.float32), {"kind": "fractional"}, "from 0 to 1"),
        (np.full(SHAPE, np.nan, np.float32), {"kind": "fractional"}, "from 0 to 1"),
        (np.zeros(SHAPE, np.uint8), {"kind": "fractional"}, "from 0 to 1"),
        (np.zeros(SHAPE, np.uint8), {"kind": "surface"}, "none of binary"),
        (np.zeros(SHAPE, np.uint8), {"tracking": []}, "tracking"),
        (np.zeros(SHAPE, np.uint8), {"algorithm_name": ""}, "algorithm_name"),
        (np.zeros(SHAPE, np.uint8), {"algorithm_version": "1" * 65}, "algorithm_version"),
    ],
)
def test_segmentation_refuses(array: np.ndarray, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        write_segmentation(tmp_path / "seg.dcm", array, _plain(tmp_path), **{**ALGORITHM, **options})
    assert not (tmp_path / "seg.dcm").exists()


def test_reading_refuses_other_files(tmp_path: Path) -> None:
    source = _plain(tmp_path)
    with pytest.raises(NotAnImageError, match="no DICOM segmentation"):
        read_segmentation(source)
    file = write_segmentation(tmp_path / "seg.dcm", _labels(), source, **ALGORITHM)
    with pytest.raises(BadHeaderError, match="other image"):
        read_segmentation(file, source_sop_instance_uid="1.2.3")
    (tmp_path / "text.dcm").write_text("no DICOM")
    with pytest.raises(MammogramError):
        read_segmentation(tmp_path / "text.dcm")
    dataset = pydicom.dcmread(file)
    dataset.Rows = 60000
    dataset.save_as(tmp_path / "huge.dcm")
    with pytest.raises(BadHeaderError, match="over the limit"):
        read_segmentation(tmp_path / "huge.dcm")


def test_damaged_segmentations_raise_our_errors_only(tmp_path: Path) -> None:
    data = write_segmentation(tmp_path / "seg.dcm", _labels(), _plain(tmp_path), **ALGORITHM).read_bytes()
    rng = np.random.default_rng(0)
    damaged = tmp_path / "damaged.dcm"
    outcomes = set()
    for _ in range(40):
        copy = bytearray(data)
        for position in rng.integers(132, len(data), 8):
            copy[position] = rng.integers(256)
        damaged.write_bytes(bytes(copy[: rng.integers(200, len(data))]))
        try:
            outcomes.add(read_segmentation(damaged).kind)
        except MammogramError:
            outcomes.add("refused")
    assert "refused" in outcomes


@pytest.mark.parametrize("make", SOURCES)
def test_measurement_report_reads_back(make: Source, tmp_path: Path) -> None:
    highdicom = pytest.importorskip("highdicom")
    source = make(tmp_path)
    known = make is not _capture
    tracking = [Tracking.new("lesion 1"), Tracking.new("lesion 2")]
    file = write_measurement_report(
        tmp_path / "sr.dcm", FINDINGS, source, mask=_labels() != 0, tracking=tracking, **ALGORITHM
    )
    groups = highdicom.sr.srread(file).content.get_planar_roi_measurement_groups()
    assert [group.tracking_uid for group in groups] == [item.uid for item in tracking]
    first = groups[0]
    assert first.finding_type == codes.MAMMOGRAPHIC_MASS
    assert first.finding_sites[0].topographical_modifier is None
    assert first.finding_sites[0].laterality == (codes.LATERALITIES["R"] if known else None)
    (area,) = first.get_measurements(codes.AREA)
    assert area.value == pytest.approx(260 * 0.07 * 0.08 if known else 260)
    assert area.unit == (codes.SQUARE_MILLIMETER if known else codes.PIXELS)
    (certainty,) = first.get_measurements(codes.CERTAINTY_OF_FINDING)
    assert (certainty.value, certainty.unit) == (91.0, codes.PERCENT)
    views = first.get_qualitative_evaluations(codes.IMAGE_VIEW)
    assert [view.value for view in views] == ([codes.VIEWS["MLO"]] if known else [])
    outline = first.roi.value
    assert (outline.min(0).tolist(), outline.max(0).tolist()) == ([12, 10], [26, 31])
    second = groups[1].roi.value
    assert second.tolist() == [[5, 50], [9, 50], [9, 55], [5, 55], [5, 50]]


@pytest.mark.parametrize(("findings", "summary"), [([], "111241"), (FINDINGS, "111242")])
def test_reports_say_whether_anything_was_found(findings: list[Any], summary: str, tmp_path: Path) -> None:
    source = _plain(tmp_path)
    for write in (write_measurement_report, write_cad_report):
        file = write(tmp_path / "report.dcm", findings, source, **ALGORITHM)
        items = [item for item in _walk(pydicom.dcmread(file)) if _name(item) == codes.CAD_SUMMARY.meaning]
        assert [item.ConceptCodeSequence[0].CodeValue for item in items] == [summary]


def test_cad_report_follows_the_template(tmp_path: Path) -> None:
    source = _plain(tmp_path)
    root = pydicom.dcmread(write_cad_report(tmp_path / "cad.dcm", FINDINGS, source, mask=_labels(), **ALGORITHM))
    assert root.SOPClassUID == pydicom.uid.MammographyCADSRStorage
    assert (root.Modality, root.ContentTemplateSequence[0].TemplateIdentifier) == ("SR", "4000")
    assert [_name(item) for item in root.ContentSequence] == [
        "Language of Content Item and Descendants", "Image Library", "CAD Processing and Findings Summary",
        "Summary of Detections", "Summary of Analyses",
    ]  # fmt: skip
    assert [_value(root.ContentSequence[k]) for k in (3, 4)] == ["Succeeded", "Not Attempted"]
    impressions = root.ContentSequence[2].ContentSequence
    assert [(_name(item), item.RelationshipType) for item in impressions] == [
        ("Individual Impression/Recommendation", "INFERRED FROM")
    ] * 2
    intent, finding = impressions[0].ContentSequence
    assert _name(intent) == "Rendering Intent"
    assert (_name(finding), _value(finding)) == ("Single Image Finding", "Mammography breast density")
    properties = {_name(item): item for item in finding.ContentSequence}
    assert list(properties) == [
        "Rendering Intent", "Algorithm Name", "Algorithm Version", "Algorithm Parameters", "Certainty of Finding",
        "Center", "Outline",
    ]  # fmt: skip
    assert (properties["Algorithm Name"].TextValue, properties["Algorithm Version"].TextValue) == ("AUNet", "0.1.0")
    certainty = properties["Certainty of Finding"].MeasuredValueSequence[0]
    assert float(certainty.NumericValue) == 91
    assert certainty.MeasurementUnitsCodeSequence[0].CodeValue == "%"
    assert properties["Center"].GraphicType == "POINT"
    outline = np.reshape(properties["Outline"].GraphicData, (-1, 2))
    assert properties["Outline"].GraphicType == "POLYLINE"
    np.testing.assert_array_equal(outline[0], outline[-1])
    assert (outline.min(0).tolist(), outline.max(0).tolist()) == ([12, 10], [26, 31])
    entry = root.ContentSequence[1].ContentSequence[0]
    assert entry.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == pydicom.dcmread(source).SOPInstanceUID


def test_cad_references_lead_to_the_image_in_the_library(tmp_path: Path) -> None:
    root = pydicom.dcmread(write_cad_report(tmp_path / "cad.dcm", FINDINGS, _plain(tmp_path), **ALGORITHM))
    references = [item for item in _walk(root) if "ReferencedContentItemIdentifier" in item]
    assert [item.RelationshipType for item in references] == ["SELECTED FROM"] * 4 + ["HAS PROPERTIES"]
    for item in references:
        first, *rest = item.ReferencedContentItemIdentifier
        assert first == 1
        target = root
        for position in rest:
            target = target.ContentSequence[position - 1]
        assert target.ValueType == "IMAGE"


def test_library_says_what_the_header_says(tmp_path: Path) -> None:
    def entry(source: Path) -> dict[str, Dataset]:
        root = pydicom.dcmread(write_cad_report(tmp_path / "cad.dcm", [], source, **ALGORITHM))
        return {_name(item): item for item in root.ContentSequence[1].ContentSequence[0].ContentSequence}

    known = entry(_plain(tmp_path))
    assert (_value(known["Image Laterality"]), _value(known["Image View"])) == ("Right breast", "medio-lateral oblique")
    assert known["Patient Orientation Column"].TextValue == "FL"
    spacing = known["Horizontal Pixel Spacing"].MeasuredValueSequence[0]
    assert (float(spacing.NumericValue), spacing.MeasurementUnitsCodeSequence[0].CodeValue) == (80.0, "um")
    assert set(entry(_capture(tmp_path))) == {"Study Date", "Content Date", "Content Time"}


@pytest.mark.parametrize("value", ["CC", ["A", "X"], ["A"], ["A", "R", "H"]])
def test_an_orientation_that_is_none_is_not_passed_on(value: Any, tmp_path: Path) -> None:
    """CBIS-DDSM writes the view where the directions of row and column belong."""
    with pydicom.config.disable_value_validation():
        for kind, path in _write_all(tmp_path, _mg(tmp_path, PatientOrientation=value)).items():
            assert not pydicom.dcmread(path).get("PatientOrientation"), kind
    source = _mg(tmp_path, PatientOrientation=["A", "FR"])
    written = _write_all(tmp_path, source)
    for kind in ("binary", "overlay"):
        assert list(pydicom.dcmread(written[kind]).PatientOrientation) == ["A", "FR"]


def test_secondary_capture_holds_the_picture(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    source = _plain(tmp_path)
    same = pydicom.dcmread(write_secondary_capture(tmp_path / "same.dcm", picture, source, **ALGORITHM))
    np.testing.assert_array_equal(same.pixel_array, picture)
    assert [float(value) for value in same.PixelSpacing] == [0.07, 0.08]
    assert (same.Laterality, list(same.PatientOrientation)) == ("R", ["P", "FL"])
    origin = same.SourceImageSequence[0]
    assert origin.ReferencedSOPInstanceUID == pydicom.dcmread(source).SOPInstanceUID
    assert origin.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    small = pydicom.dcmread(write_secondary_capture(tmp_path / "small.dcm", picture[:3, :3], source, **ALGORITHM))
    np.testing.assert_array_equal(small.pixel_array, picture[:3, :3])
    assert "PixelSpacing" not in small
    assert not small.PatientOrientation


@pytest.mark.parametrize(
    "overlay",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 4), "u1")],
)
def test_secondary_capture_refuses(overlay: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="RGB picture"):
        write_secondary_capture(tmp_path / "overlay.dcm", overlay, _plain(tmp_path), **ALGORITHM)


@pytest.mark.parametrize("prefix", ["CANARY-ID-7_", "canary "])
def test_file_names_without_identity(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="repeats a value of the patient module") as caught:
        _write_all(tmp_path, _plain(tmp_path), prefix=prefix)
    assert not re.search("canary", str(caught.value), re.IGNORECASE)
    assert {path.name for path in tmp_path.iterdir()} == {"source.dcm"}


def test_names_in_other_character_sets_survive(tmp_path: Path) -> None:
    name = "Yamada^Tarou=山田^太郎"
    source = _mg(tmp_path, SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=name)
    for kind, file in _write_all(tmp_path, source).items():
        written = pydicom.dcmread(file)
        assert (str(written.PatientName), written.SpecificCharacterSet) == (name, "ISO_IR 192"), kind


def test_nothing_of_the_patient_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = _mg(tmp_path)
    data = source.read_bytes()
    for old, new in ((b"CANARY^NAME ", b"CANARY NAME "), (b"055Y", b"CNRY"), (b"CANARY-ID-7 ", b"CANARY\\ID-7 ")):
        assert old in data
        data = data.replace(old, new)
    source.write_bytes(data)
    caplog.set_level("DEBUG")
    for file in _write_all(tmp_path, source).values():
        assert str(pydicom.dcmread(file).PatientName) == "CANARY NAME"
    assert not re.search("CANARY|CNRY", caplog.text)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"SeriesInstanceUID": None}, BadHeaderError, "no SeriesInstanceUID"),
        ({"NumberOfFrames": 3}, UnsupportedError, "3 frames"),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, NotAnImageError, "CT"),
    ],
)
def test_sources_that_cannot_be_referred_to(
    changes: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    source = _mg(tmp_path, **changes)
    with pytest.raises(error, match=message):
        write_cad_report(tmp_path / "cad.dcm", [], source, **ALGORITHM)


def test_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    source = _plain(tmp_path)
    for call in (
        lambda: write_segmentation(tmp_path / "o.dcm", _labels(), source, **ALGORITHM),
        lambda: write_measurement_report(tmp_path / "o.dcm", [], source, **ALGORITHM),
        lambda: read_segmentation(source),
    ):
        with pytest.raises(ImportError, match=r"mammozoo\[clinic\]"):
            call()
    assert write_cad_report(tmp_path / "cad.dcm", [], source, **ALGORITHM).exists()


def _all_codes() -> dict[str, Code]:
    found = {name: value for name, value in vars(codes).items() if isinstance(value, Code)}
    for table in ("LATERALITIES", "BREAST_SIDES", "VIEWS"):
        found |= {f"{table} {key}": value for key, value in getattr(codes, table).items()}
    return found


# Not in pydicom's dictionary: an open unit of UCUM, a language tag, and a procedure of SNOMED CT.
_ELSEWHERE = {"PIXELS", "ENGLISH", "MAMMOGRAPHY"}


@pytest.mark.parametrize("name", sorted(set(_all_codes()) - _ELSEWHERE))
def test_codes_agree_with_the_standard(name: str) -> None:
    code = _all_codes()[name]
    assert len(code.value) <= 16
    assert len(code.meaning) <= 64
    known = {
        entry[code.value][0].replace("\u200b", "").casefold()
        for entry in concepts[code.scheme_designator].values()
        if code.value in entry
    }
    assert known
    assert code.meaning.split(" (")[0].casefold() in known or name in ("VIEWS ML", "VIEWS FB")
