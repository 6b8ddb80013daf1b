# SPDX-License-Identifier: Apache-2.0
"""Pixel spacing: corrected, magnified, and impossible ones."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from mammozoo.io.dicom import read_mammogram
from mammozoo.io.dicom.spacing import is_magnified, pixel_spacing, spacing_of
from mammozoo.io.inspect import inspect_file

IMAGER = {"ImagerPixelSpacing": [0.1, 0.1]}
FACTOR = {"EstimatedRadiographicMagnificationFactor": 1.8}
DISTANCES = {"DistanceSourceToDetector": 660, "DistanceSourceToPatient": 660 / 1.8}


def _dataset(**tags: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("tags", "spacing", "source"),
    [
        ({**IMAGER, "PixelSpacing": [0.0556, 0.0556]}, 0.0556, "PixelSpacing (corrected)"),
        ({**IMAGER, "PixelSpacing": [0.0556, 0.0556], **FACTOR}, 0.0556, "PixelSpacing (corrected)"),
        ({**IMAGER, "PixelSpacing": [0.0556, 0.0556], "PixelSpacingCalibrationType": "GEOMETRY"}, 0.0556,
         "PixelSpacing (GEOMETRY)"),
        ({**IMAGER, "PixelSpacing": [0.1, 0.1]}, 0.1, "ImagerPixelSpacing"),
        ({**IMAGER, "PixelSpacing": [0.1, 0.1], **FACTOR}, 0.1 / 1.8, "ImagerPixelSpacing / magnification"),
        ({**IMAGER, "PixelSpacing": [0.10001, 0.1]}, 0.1, "ImagerPixelSpacing"),
        ({**IMAGER, **DISTANCES}, 0.1 / 1.8, "ImagerPixelSpacing / magnification"),
        ({**IMAGER, **DISTANCES, "EstimatedRadiographicMagnificationFactor": 1.5}, 0.1 / 1.5,
         "ImagerPixelSpacing / magnification"),
        ({**IMAGER, "DistanceSourceToDetector": 660}, 0.1, "ImagerPixelSpacing"),
        ({**IMAGER, "DistanceSourceToDetector": 600, "DistanceSourceToPatient": 660}, 0.1, "ImagerPixelSpacing"),
        ({**IMAGER, "DistanceSourceToDetector": 660, "DistanceSourceToPatient": 0}, 0.1, "ImagerPixelSpacing"),
        ({"PixelSpacing": [0.05, 0.05], **DISTANCES}, 0.05, "PixelSpacing (uncalibrated)"),
    ],
)  # fmt: skip
def test_the_spacing_in_the_breast(tags: dict[str, Any], spacing: float, source: str) -> None:
    found = spacing_of(_dataset(**tags))
    assert found.value == pytest.approx((spacing, spacing), rel=2e-4)
    assert (found.source, found.remarks) == (source, ())
    assert pixel_spacing(_dataset(**tags)) == (found.value, source)


@pytest.mark.parametrize("value", [[70, 70], [0.00007, 0.00007], [0.07, 70], [7, 7], [0.0007, 0.07], [-0.1, 0.1]])
@pytest.mark.parametrize("keyword", ["ImagerPixelSpacing", "PixelSpacing"])
def test_impossible_spacings_are_null(dicom: Any, breast: Any, keyword: str, value: list[float]) -> None:
    tags = {"ImagerPixelSpacing": None, keyword: value}
    found = read_mammogram(dicom(breast(), **tags))
    assert (found.pixel_spacing, found.spacing_source) == (None, "")
    assert found.warnings == (f"{keyword} {value[0]:g} x {value[1]:g} mm is impossible and not followed",)
    assert inspect_file(dicom(breast(), **tags))["pixel_spacing"] is None


def test_a_possible_spacing_beside_an_impossible_one() -> None:
    found = spacing_of(_dataset(**IMAGER, PixelSpacing=[70, 70], PixelSpacingCalibrationType="GEOMETRY"))
    assert (found.value, found.source, len(found.remarks)) == ((0.1, 0.1), "ImagerPixelSpacing", 1)
    found = spacing_of(_dataset(ImagerPixelSpacing=[70, 70], PixelSpacing=[0.07, 0.07]))
    assert (found.value, found.source, len(found.remarks)) == ((0.07, 0.07), "PixelSpacing (uncalibrated)", 1)


@pytest.mark.parametrize("factor", [0.1, 18, 180, -2])
@pytest.mark.parametrize("distances", [{}, DISTANCES])
def test_an_impossible_factor_is_not_followed(factor: float, distances: dict[str, float]) -> None:
    dataset = _dataset(**IMAGER, EstimatedRadiographicMagnificationFactor=factor, **distances)
    found = spacing_of(dataset)
    assert found.value == pytest.approx((0.1 / 1.8, 0.1 / 1.8) if distances else (0.1, 0.1))
    assert f"(0018,1114) {factor:g} is impossible" in found.remarks[0]
    assert is_magnified(dataset) == bool(distances)


@pytest.mark.parametrize(
    ("tags", "magnified"),
    [(FACTOR, True), (DISTANCES, True), ({"EstimatedRadiographicMagnificationFactor": 1.03}, False),
     ({"DistanceSourceToDetector": 660, "DistanceSourceToPatient": 640}, False),
     ({**DISTANCES, "EstimatedRadiographicMagnificationFactor": 1.0}, False), ({}, False)],
)  # fmt: skip
def test_a_magnified_view(dicom: Any, breast: Any, tags: dict[str, float], magnified: bool) -> None:
    found = read_mammogram(dicom(breast(), **{name: f"{value:.6g}" for name, value in tags.items()}))
    assert ("magnified" in found.flags, found.kind) == (magnified, "magnified" if magnified else "screening")


@pytest.mark.parametrize("tags", [FACTOR, DISTANCES])
def test_reduction_and_magnification_together(dicom: Any, breast: Any, tags: dict[str, float]) -> None:
    found = read_mammogram(dicom(breast(), **{name: f"{value:.8g}" for name, value in tags.items()}), reduce=2)
    assert found.pixel_spacing == pytest.approx((0.4 / 1.8, 0.4 / 1.8))
