# SPDX-License-Identifier: Apache-2.0
"""What is no screening view: named by a flag, whatever wraps it."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from mammozoo.io.dicom import read_mammogram
from mammozoo.io.dicom.kinds import DEFAULT_KINDS, KINDS, file_kind, image_kind, kind_refusal
from mammozoo.io.errors import MammogramError
from mammozoo.io.inspect import inspect_file

CT, ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"
CAPTURE, CAPTURES = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.3"
TOMOSYNTHESIS, PROJECTION = "1.2.840.10008.5.1.4.1.1.13.1.3", "1.2.840.10008.5.1.4.1.1.13.1.4"


def code(value: str = "x", meaning: str = "", modifiers: tuple[tuple[str, str], ...] = ()) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = value, meaning
    item.ViewModifierCodeSequence = [code(*modifier) for modifier in modifiers]
    return item


def types(*values: str) -> dict[str, Any]:
    return {"ImageType": ["DERIVED", "PRIMARY", *values]}


MG = [
    ("screening", {}),
    ("screening", types("")),
    ("screening", types("", "", "", "", "", "150000")),
    ("screening", {"ImageType": None}),
    ("screening", {"SeriesDescription": "MAMMO SCREENING BILATERAL W TOMO"}),
    ("screening", {"SeriesDescription": "L CC 2D + TOMO"}),
    ("screening", {"SeriesDescription": "L CC VIEW"}),
    ("screening", {"QualityControlImage": "NO"}),
    ("screening", {"PatientName": "TEST^CASE", "PatientID": "QC-1234567"}),
    ("stereotactic", types("STEREO", "LEFT")),
    ("stereotactic", types("STEREO_SCOUT")),
    ("stereotactic", types("STEREO_MINUS")),
    ("stereotactic", types("PREFIRE_PLUS")),
    ("stereotactic", types("POSTBIOPSY")),
    ("stereotactic", types("POSTMARKER_MINUS")),
    ("stereotactic", types("TOMO_SCOUT")),
    ("stereotactic", {"SeriesDescription": "Stereotactic pair"}),
    ("specimen", {"ViewCodeSequence": [code("127457009")]}),
    ("specimen", {"ViewCodeSequence": [code("G-8310")]}),
    ("specimen", {"ViewCodeSequence": [code(meaning="Tissue specimen from breast")]}),
    ("specimen", {"AnatomicRegionSequence": [code(meaning="Breast specimen")]}),
    ("specimen", {"SeriesDescription": "Specimen radiograph"}),
    ("specimen", {"ViewPosition": "SPECIMEN"}),
    ("specimen", {"SpecimenDescriptionSequence": [Dataset()]}),
    ("specimen", types("SPECIMEN")),
    ("quality_control", {"QualityControlImage": "YES"}),
    ("quality_control", {"QualityControlImage": "BOTH"}),
    ("quality_control", {"PatientName": "PHANTOM^ACR"}),
    ("quality_control", {"PatientID": "FLAT_FIELD_03"}),
    ("quality_control", {"BodyPartExamined": "PHANTOM"}),
    ("quality_control", {"SeriesDescription": "Weekly QC"}),
    ("quality_control", {"SeriesDescription": "Phantom image"}),
    ("quality_control", {"ContentQualification": "SERVICE"}),
    ("quality_control", types("QC_FLATFIELD")),
    ("synthetic", types("TOMOSYNTHESIS", "GENERATED_2D")),
    ("synthetic", types("", "TOMO_2D")),
    ("synthetic", types("C-VIEW")),
    ("synthetic", {"SeriesDescription": "L CC C-View"}),
    ("synthetic", {"SeriesDescription": "R MLO S-View"}),
    ("synthetic", {"SeriesDescription": "LCC V-Preview"}),
    ("synthetic", {"SeriesDescription": "Insight 2D"}),
    ("synthetic", {"SeriesDescription": "Intelligent 2D"}),
    ("synthetic", {"SeriesDescription": "synthesized mammogram"}),
    ("recombined", types("POST_CONTRAST", "SUBTRACTION")),
    ("recombined", types("", "RECOMBINED")),
    ("recombined", {"SeriesDescription": "L CC recombined"}),
    ("recombined", {"SeriesDescription": "CESM subtracted", "ContrastBolusAgent": "Iohexol"}),
    ("low_energy", types("POST_CONTRAST", "", "LOW_ENERGY")),
    ("low_energy", types("PRE_CONTRAST", "GENERATED_2D", "LOW_ENERGY")),
    ("low_energy", {"SeriesDescription": "LCC low-energy"}),
    ("high_energy", types("POST_CONTRAST", "", "HIGH_ENERGY")),
    ("recombined", {"SeriesDescription": "R CC SUB", "ContrastBolusAgent": "Iohexol"}),
    ("low_energy", {"SeriesDescription": "CESM LE R CC"}),
    ("", {"ContrastBolusAgent": "Iohexol"}),
    ("quality_control", {"PatientName": "QC^DAILY"}),
    ("synthetic", {"AcquisitionDeviceProcessingDescription": "C-View"}),
    ("", types("POST_CONTRAST")),
    ("tomosynthesis", types("TOMO_PROJ")),
    ("tomosynthesis", types("TOMOSYNTHESIS", "NONE")),
    ("tomosynthesis", {"SeriesDescription": "L CC Tomosynthesis Reconstruction"}),
    ("magnified", {"ViewCodeSequence": [code("399162004", modifiers=(("399163009", "vergroessert"),))]}),
    ("magnified", {"ViewCodeSequence": [code("399162004", modifiers=(("x", "Magnification"), ("y", "Spot")))]}),
    ("magnified", {"EstimatedRadiographicMagnificationFactor": "1.8"}),
    ("spot", {"ViewCodeSequence": [code("399162004", modifiers=(("R-102D7", ""),))]}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "tags"), MG)
def test_kinds_of_mammography_objects(dicom: Any, breast: Any, kind: str, tags: dict[str, Any]) -> None:
    file = dicom(breast(), **tags)
    found = read_mammogram(file)
    assert (found.kind, file_kind(file)) == (kind, kind)
    assert (kind in found.flags) == (kind not in ("", "screening", "spot"))
    report = inspect_file(file)
    assert "error" in report if kind == "tomosynthesis" else report["kind"] == (kind or None)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [({"SOPClassUID": CT, "PresentationIntentType": None}, r"a tomosynthesis slice \(CT Image Storage\)"),
     ({"SOPClassUID": CAPTURE, "SeriesDescription": "R MLO TOMO"}, "a tomosynthesis image"),
     ({"SOPClassUID": CAPTURE, **types("TOMOSYNTHESIS")}, "a tomosynthesis image")],
)  # fmt: skip
def test_a_slice_a_file(dicom: Any, breast: Any, tags: dict[str, Any], reason: str) -> None:
    """Reported as no mammogram; read all the same, for those who include tomosynthesis."""
    file = dicom(breast(), **tags)
    assert file_kind(file) == "tomosynthesis"
    assert re.search(f"image.dcm is {reason}; 2-D mammograms are read here", inspect_file(file)["error"])
    found = read_mammogram(file)
    assert found.flags[0] == "tomosynthesis"
    np.testing.assert_array_equal(found.pixels, breast())


@pytest.mark.parametrize(
    ("sop_class", "reason"),
    [(TOMOSYNTHESIS, "a breast tomosynthesis object"), (PROJECTION, "a breast projection object"),
     (ENHANCED_CT, r"a tomosynthesis volume \(Enhanced CT"), (CAPTURES, "has 2 frames"),
     ("1.2.840.10008.5.1.4.1.1.1.2", "has 2 frames")],
)  # fmt: skip
def test_volumes_need_a_frame(dicom: Any, breast: Any, sop_class: str, reason: str) -> None:
    frames = np.concatenate([breast(), breast()[::-1]])
    file = dicom(frames, SOPClassUID=sop_class, NumberOfFrames=2, Rows=96)
    assert file_kind(file) == "tomosynthesis"
    with pytest.raises(MammogramError, match=reason):
        read_mammogram(file)
    assert "error" in inspect_file(file)
    np.testing.assert_array_equal(read_mammogram(file, frame=1).pixels, breast()[::-1])


@pytest.mark.parametrize("with_pixels", [False, True])
def test_hologics_secondary_capture_object(dicom: Any, breast: Any, with_pixels: bool) -> None:
    """The volume stands in a private group; the pixels, where there are any, are a stand-in."""
    file = dicom(breast(), SOPClassUID=CAPTURE)
    dataset = pydicom.dcmread(file)
    block = dataset.private_block(0x7E01, "HOLOGIC, Inc.", create=True)
    block.add_new(0x01, "LO", "WAVELET")
    block.add_new(0x12, "OB", bytes(100_000))
    if not with_pixels:
        del dataset.PixelData
    dataset.save_as(file)
    assert file_kind(file) == "tomosynthesis"
    with pytest.raises(MammogramError, match="a tomosynthesis volume in Hologic's secondary capture object"):
        read_mammogram(file)


def test_a_generated_image_in_a_tomosynthesis_object_is_one_2d_image(dicom: Any, breast: Any) -> None:
    found = read_mammogram(dicom(breast(), SOPClassUID=TOMOSYNTHESIS, **types("TOMOSYNTHESIS", "GENERATED_2D")))
    assert (found.kind, found.flags) == ("synthetic", ("synthetic",))


def test_other_objects_and_files_have_no_kind(dicom: Any, breast: Any, tmp_path: Path) -> None:
    assert file_kind(dicom(breast(), Modality="CT", SOPClassUID=CT)) == ""
    for name, content in (
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("a.dcm", b"text"),
        ("b.dcm", struct.pack("<HH", 8, 5) * 99),
    ):
        (tmp_path / name).write_bytes(content)
        assert file_kind(tmp_path / name) == ""
    assert file_kind(tmp_path / "absent") == ""
    assert image_kind(Dataset()) == "screening"


@pytest.mark.parametrize(
    ("kind", "accepts", "include", "refused"),
    [("screening", DEFAULT_KINDS, (), False), ("", ("recombined",), (), False),
     ("stereotactic", DEFAULT_KINDS, (), True), ("stereotactic", DEFAULT_KINDS, ("stereotactic",), False),
     ("screening", ("recombined",), (), True)],
)  # fmt: skip
def test_what_is_left_out(kind: str, accepts: tuple[str, ...], include: tuple[str, ...], refused: bool) -> None:
    reason = kind_refusal(kind, accepts, include)
    assert bool(reason) == refused
    if refused:
        assert reason.startswith(KINDS[kind])
        assert f"--include {kind}" in reason
        assert ("this network reads recombined" in reason) == (accepts == ("recombined",))


@pytest.mark.parametrize("orientation", [["R", "P"], ["L", "A"], ["H", "R"], ["FA", "L"], ["RP", "F"]])
@pytest.mark.parametrize("side", ["L", "R"])
def test_rows_that_run_along_the_chest_wall_say_nothing_of_the_side(
    dicom: Any, breast: Any, orientation: list[str], side: str
) -> None:
    for pixels in (breast(), breast()[:, ::-1]):
        assert not read_mammogram(dicom(pixels, PatientOrientation=orientation, ImageLaterality=side)).warnings


def test_no_remark_on_the_side_of_what_is_no_screening_view(dicom: Any, breast: Any) -> None:
    turned = breast()[:, ::-1]
    assert any("touches the other side" in remark for remark in read_mammogram(dicom(turned)).warnings)
    assert not read_mammogram(dicom(turned, **types("STEREO", "LEFT"))).warnings
