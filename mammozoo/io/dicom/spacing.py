# SPDX-License-Identifier: Apache-2.0
"""Size of a pixel in the breast, and how much the view is magnified (PS3.3, 10.7.1.1 and C.8.11.7)."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from .header import number, text

_POSSIBLE = (0.004, 2.0)  # mm: from magnified specimens to small previews of films
_FACTORS = (0.9, 5.0)  # a breast lies between source and detector
_MAGNIFIED = 1.2
_SAME = 1e-3  # relative, two spacings that were rounded in different ways


@dataclass(frozen=True)
class Spacing:
    """Row and column spacing in mm, None where unknown; the attribute that says it; remarks."""

    value: tuple[float, float] | None
    source: str = ""
    remarks: tuple[str, ...] = ()


def pixel_spacing(dataset: Dataset) -> tuple[tuple[float, float] | None, str]:
    """Spacing of the pixels in the breast (row, column, in mm), or None, and where it was found."""
    found = spacing_of(dataset)
    return found.value, found.source


def spacing_of(dataset: Dataset) -> Spacing:
    """Spacing of the pixels in the breast, with remarks on values that cannot be."""
    remarks: list[str] = []
    own, imager = (_pair(dataset, keyword, remarks) for keyword in ("PixelSpacing", "ImagerPixelSpacing"))
    factor = magnification(dataset, remarks)
    calibration = text(dataset, "PixelSpacingCalibrationType")
    if own and calibration:
        return Spacing(own, f"PixelSpacing ({calibration})", tuple(remarks))
    if own and imager and any(abs(a / b - 1) > _SAME for a, b in zip(own, imager, strict=True)):
        return Spacing(own, "PixelSpacing (corrected)", tuple(remarks))
    if imager and factor:
        return Spacing((imager[0] / factor, imager[1] / factor), "ImagerPixelSpacing / magnification", tuple(remarks))
    if imager:
        return Spacing(imager, "ImagerPixelSpacing", tuple(remarks))
    return Spacing(own, "PixelSpacing (uncalibrated)" if own else "", tuple(remarks))


def magnification(dataset: Dataset, remarks: list[str] | None = None) -> float | None:
    """EstimatedRadiographicMagnificationFactor, else the ratio of the source's distances to detector and patient."""
    remarks = [] if remarks is None else remarks
    factor = number(dataset, "EstimatedRadiographicMagnificationFactor")
    if factor and _FACTORS[0] <= factor <= _FACTORS[1]:
        return factor
    if factor:
        remarks.append(
            f"EstimatedRadiographicMagnificationFactor (0018,1114) {factor:g} is impossible and not followed"
        )
    detector, patient = number(dataset, "DistanceSourceToDetector"), number(dataset, "DistanceSourceToPatient")
    ratio = detector / patient if detector and patient else 0.0
    return ratio if 1 <= ratio <= _FACTORS[1] else None


def is_magnified(dataset: Dataset) -> bool:
    """Whether the factor or the distances say that the view is magnified."""
    return (magnification(dataset) or 1.0) > _MAGNIFIED


def _pair(dataset: Dataset, keyword: str, remarks: list[str]) -> tuple[float, float] | None:
    row, column = number(dataset, keyword), number(dataset, keyword, index=1)
    if row is None or column is None:
        return None
    if all(_POSSIBLE[0] <= value <= _POSSIBLE[1] for value in (row, column)):
        return row, column
    remarks.append(f"{keyword} {row:g} x {column:g} mm is impossible and not followed")
    return None
