# SPDX-License-Identifier: Apache-2.0
"""Spacing, side, view and flags, with their fallbacks; unknown stays unknown."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mammozoo.io.dicom.geometry import acquisition_flags, chest_edge, laterality, view_position
from mammozoo.io.dicom.spacing import pixel_spacing


def _dataset(**tags: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def _view(code: str = "", meaning: str = "", modifiers: tuple[str, ...] = (), **tags: Any) -> Dataset:
    items = [_dataset(CodeValue="x", CodeMeaning=text) for text in modifiers]
    item = _dataset(CodeValue=code, CodeMeaning=meaning, ViewModifierCodeSequence=Sequence(items))
    return _dataset(ViewCodeSequence=Sequence([item]), **tags)


@pytest.mark.parametrize(
    ("tags", "spacing", "source"),
    [
        ({"PixelSpacing": [0.07, 0.08], "PixelSpacingCalibrationType": "GEOMETRY", "ImagerPixelSpacing": [1, 1]},
         (0.07, 0.08), "PixelSpacing (GEOMETRY)"),
        ({"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 2, "PixelSpacing": [9, 9]},
         (0.05, 0.05), "ImagerPixelSpacing / magnification"),
        ({"ImagerPixelSpacing": [0.1, 0.2]}, (0.1, 0.2), "ImagerPixelSpacing"),
        ({"PixelSpacing": [0.07, 0.07]}, (0.07, 0.07), "PixelSpacing (uncalibrated)"),
        ({"ImagerPixelSpacing": [0, 0.1]}, None, ""),
        ({}, None, ""),
    ],
)  # fmt: skip
def test_spacing_and_its_source(tags: dict[str, Any], spacing: Any, source: str) -> None:
    found, where = pixel_spacing(_dataset(**tags))
    assert found == (pytest.approx(spacing) if spacing else None)
    assert where == source


def test_laterality_and_its_fallbacks() -> None:
    anatomy = Sequence([_dataset(FrameLaterality="R")])
    functional = Sequence([_dataset(FrameAnatomySequence=anatomy)])
    assert laterality(_dataset(ImageLaterality="L", Laterality="R")) == "L"
    assert laterality(_dataset(Laterality="R")) == "R"
    assert laterality(_dataset(SharedFunctionalGroupsSequence=functional)) == "R"
    assert laterality(_dataset(ImageLaterality="B")) == ""
    assert laterality(_dataset()) == ""


def test_laterality_of_a_frame() -> None:
    functional = Sequence([_dataset(FrameAnatomySequence=Sequence([_dataset(FrameLaterality="L")]))])
    assert laterality(_dataset(PerFrameFunctionalGroupsSequence=functional)) == "L"


@pytest.mark.parametrize(
    ("value", "meaning", "side"),
    [("7771000", "", "L"), ("24028007", "Right", "R"), ("G-A100", "", "R"), ("G-A101", "", "L"), ("x", "Left", "L"),
     ("x", "right side", "R"), ("x", "left and right", ""), ("51440002", "Right and left", ""), ("x", "bright", "")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("codes", "modifiers"),
    [("AnatomicRegionSequence", "AnatomicRegionModifierSequence"), ("ViewCodeSequence", "ViewModifierCodeSequence")],
)
def test_laterality_by_codes(codes: str, modifiers: str, value: str, meaning: str, side: str) -> None:
    modifier = _dataset(CodeValue=value, CodeMeaning=meaning)
    region = _dataset(CodeValue="76752008", CodeMeaning="Breast", **{modifiers: Sequence([modifier])})
    assert laterality(_dataset(**{codes: Sequence([region])})) == side
    assert laterality(_dataset(ImageLaterality="R", **{codes: Sequence([region])})) == "R"


def test_laterality_by_the_region_itself() -> None:
    region = _dataset(CodeValue="80248007", CodeMeaning="Left breast")
    assert laterality(_dataset(AnatomicRegionSequence=Sequence([region]))) == "L"


@pytest.mark.parametrize(
    ("tags", "side", "edge"),
    [
        ({}, "L", "left"), ({}, "R", "right"), ({}, "", ""),
        ({"PatientOrientation": ["A", "F"]}, "R", "left"), ({"PatientOrientation": ["P", "FL"]}, "R", "right"),
        ({"PatientOrientation": ["P", "L"]}, "L", "right"), ({"PatientOrientation": ["AR", "F"]}, "L", "left"),
        ({"PatientOrientation": "CC"}, "L", "left"), ({"PatientOrientation": ["MLO", ""]}, "R", "right"),
        ({"PatientOrientation": None}, "R", "right"), ({"FieldOfViewHorizontalFlip": "YES"}, "L", ""),
        ({"FieldOfViewHorizontalFlip": "YES", "PatientOrientation": ["P", "F"]}, "L", "right"),
        ({"FieldOfViewHorizontalFlip": "NO"}, "L", "left"),
    ],
)  # fmt: skip
def test_edge_of_the_chest_wall(tags: dict[str, Any], side: str, edge: str) -> None:
    assert chest_edge(_dataset(**tags), side) == edge


@pytest.mark.parametrize(
    ("dataset", "view"),
    [
        (_view("399162004", "cranio-caudal", ViewPosition="MLO"), "CC"),
        (_view("R-10226"), "MLO"),
        (_view("other", "medio-lateral"), "ML"),
        (_view("other", "latero-medial oblique"), "LMO"),
        (_view("other", "exaggerated cranio-caudal laterally"), "XCCL"),
        (_view("other", "unheard of", ViewPosition="LM"), "LM"),
        (_dataset(ViewPosition="ML"), "ML"),
        (_dataset(ViewPosition="ANYTHING"), ""),
        (_dataset(PatientOrientation="MLO"), "MLO"),
        (_dataset(PatientOrientation=["A", "F"]), ""),
        (_dataset(SeriesDescription="L-MLO screening"), "MLO"),
        (_dataset(SeriesDescription="RCC"), "CC"),
        (_dataset(SeriesDescription="ACCURATE"), ""),
        (_dataset(), ""),
    ],
)
def test_view_and_its_fallbacks(dataset: Dataset, view: str) -> None:
    assert view_position(dataset)[0] == view


@pytest.mark.parametrize(
    ("codes", "meaning", "view"),
    [
        (("399162004", "R-10242"), "cranio-caudal", "CC"),
        (("399368009", "R-10226"), "medio-lateral oblique", "MLO"),
        (("399260004", "R-10224"), "medio-lateral", "ML"),
        (("399352003", "R-10228"), "latero-medial", "LM"),
        (("399099002", "R-10230"), "latero-medial oblique", "LMO"),
        (("399192008", "R-1024A"), "cranio-caudal exaggerated laterally", "XCCL"),
        (("399101009", "R-1024B"), "cranio-caudal exaggerated medially", "XCCM"),
        (("399196006", "R-10244"), "", "FB"),
        (("399188001", "R-102D0"), "", "SIO"),
        (("127457009", "G-8310"), "tissue specimen from breast", ""),
    ],
)
def test_every_view_of_the_context_group(codes: tuple[str, ...], meaning: str, view: str) -> None:
    """PS3.16 CID 4014, by SNOMED CT code, by the code before it, and by the meaning of a private code."""
    assert [view_position(_view(code))[0] for code in codes] == [view, view]
    if meaning:
        assert view_position(_view("private", meaning.upper()))[0] == view


def test_the_order_of_what_says_the_view() -> None:
    dataset = _view("399162004", ViewPosition="MLO", PatientOrientation="LM", SeriesDescription="R SIO")
    dataset.add_new((0x0018, 0x1400), "LO", "MAMMOGRAPHY,ML")
    found = []
    for keyword in ("ViewCodeSequence", "ViewPosition", "PatientOrientation", (0x0018, 0x1400), "SeriesDescription"):
        found.append(view_position(dataset)[0])
        del dataset[keyword]
    assert [*found, view_position(dataset)[0]] == ["CC", "MLO", "LM", "ML", "SIO", ""]


def test_vendor_tag() -> None:
    dataset = _dataset()
    dataset.add_new((0x0018, 0x1400), "LO", "MAMMOGRAPHY,MLO")
    assert view_position(dataset)[0] == "MLO"


def test_modifiers_become_flags() -> None:
    dataset = _view("399162004", modifiers=("Magnification", "Spot Compression", "Implant Displaced", "Rolled Lateral"))
    _, modifiers = view_position(dataset)
    assert modifiers == ("magnified", "spot_compression", "implant_displaced", "rolled")


@pytest.mark.parametrize(
    ("meaning", "flag"),
    [("Tangential", "tangential"), ("Cleavage", "cleavage"), ("Axillary Tail", "axillary_tail"),
     ("Rolled Superior", "rolled")],
)  # fmt: skip
def test_further_modifiers(meaning: str, flag: str) -> None:
    assert view_position(_view("399162004", modifiers=(meaning,))) == ("CC", (flag,))
    assert acquisition_flags(_dataset(), modifiers=(flag,)) == (flag,)


@pytest.mark.parametrize(
    ("tags", "flag"),
    [
        ({"BreastImplantPresent": "YES"}, "implant"),
        ({"PartialView": "YES"}, "partial_view"),
        ({"BurnedInAnnotation": "YES"}, "burned_in_annotation"),
        ({"FieldOfViewHorizontalFlip": "YES"}, "horizontal_flip"),
        ({"LossyImageCompression": "01"}, "lossy_compression"),
        ({"EstimatedRadiographicMagnificationFactor": 1.8}, "magnified"),
    ],
)
def test_flags(tags: dict[str, Any], flag: str) -> None:
    assert acquisition_flags(_dataset(**tags), modifiers=()) == (flag,)
    if flag != "magnified":
        assert acquisition_flags(_dataset(**dict.fromkeys(tags, "NO")), modifiers=()) == ()
