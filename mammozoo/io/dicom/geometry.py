# SPDX-License-Identifier: Apache-2.0
"""Which breast, which view, how large a pixel: what a mammogram's header says, and what it does not.

Unknown stays unknown: there is no default side and no default view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

from .header import number, text

__all__ = ["acquisition_flags", "chest_edge", "laterality", "pixel_spacing", "view_position"]

# CID 4014, View for Mammography: SNOMED CT and the SRT codes that older files carry.
_VIEW_CODES = {
    "399162004": "CC", "R-10242": "CC", "399368009": "MLO", "R-10226": "MLO",
    "399260004": "ML", "R-10224": "ML", "399352003": "LM", "R-10228": "LM",
    "399099002": "LMO", "R-10230": "LMO", "399196006": "FB", "R-10244": "FB",
    "399188001": "SIO", "R-102D0": "SIO", "399192008": "XCCL", "R-1024A": "XCCL",
    "399101009": "XCCM", "R-1024B": "XCCM",
}  # fmt: skip
_VIEW_NAMES = ("MLO", "LMO", "SIO", "XCCL", "XCCM", "CC", "ML", "LM", "FB", "CV", "AT")
_MEANINGS = (
    ("cranio-caudal exaggerated laterally", "XCCL"), ("cranio-caudal exaggerated medially", "XCCM"),
    ("exaggerated cranio-caudal laterally", "XCCL"), ("exaggerated cranio-caudal medially", "XCCM"),
    ("medio-lateral oblique", "MLO"), ("latero-medial oblique", "LMO"), ("cranio-caudal", "CC"),
    ("medio-lateral", "ML"), ("latero-medial", "LM"),
)  # fmt: skip
_MODIFIERS = (
    ("magnif", "magnified"), ("spot", "spot_compression"), ("implant displaced", "implant_displaced"),
    ("rolled", "rolled"), ("tangential", "tangential"), ("cleavage", "cleavage"), ("axillary", "axillary_tail"),
)  # fmt: skip
# CID 244, Laterality: SNOMED CT and SRT; codes of the whole breast say it in their meaning.
_SIDE_CODES = {"7771000": "L", "G-A101": "L", "24028007": "R", "G-A100": "R"}
_FUJIFILM_VIEW = (0x0018, 0x1400)  # Acquisition Device Processing Description


def pixel_spacing(dataset: Dataset) -> tuple[tuple[float, float] | None, str]:
    """Spacing of the pixels in the breast, and where it was found.

    Parameters
    ----------
    dataset : pydicom.dataset.Dataset

    Returns
    -------
    spacing : (float, float) or None
        Row and column spacing in mm.
    source : str
        ``"PixelSpacing (GEOMETRY)"`` or the other calibration type, ``"ImagerPixelSpacing"``, with
        ``"/ magnification"`` where it was divided by EstimatedRadiographicMagnificationFactor,
        ``"PixelSpacing (uncalibrated)"``, or ``""``.
    """
    calibration = text(dataset, "PixelSpacingCalibrationType")
    own, imager = _pair(dataset, "PixelSpacing"), _pair(dataset, "ImagerPixelSpacing")
    if own and calibration:
        return own, f"PixelSpacing ({calibration})"
    if imager:
        factor = number(dataset, "EstimatedRadiographicMagnificationFactor")
        if factor and factor > 0:
            return (imager[0] / factor, imager[1] / factor), "ImagerPixelSpacing / magnification"
        return imager, "ImagerPixelSpacing"
    return (own, "PixelSpacing (uncalibrated)") if own else (None, "")


def _pair(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    row, column = number(dataset, keyword), number(dataset, keyword, index=1)
    return (row, column) if row and column and row > 0 and column > 0 else None


def laterality(dataset: Dataset) -> str:
    """Side of the breast: ``"L"``, ``"R"``, or ``""`` when no attribute says it.

    ImageLaterality, Laterality, FrameLaterality, then the codes of the anatomic region and of the view.
    """
    return next((side for side in map(str.upper, _stated_sides(dataset)) if side in ("L", "R")), "")


def _stated_sides(dataset: Dataset) -> Iterator[str]:
    yield from (text(dataset, "ImageLaterality"), text(dataset, "Laterality"))
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        yield text(_first(_first(dataset, groups), "FrameAnatomySequence"), "FrameLaterality")
    for codes, modifiers in (
        ("AnatomicRegionSequence", "AnatomicRegionModifierSequence"),
        ("ViewCodeSequence", "ViewModifierCodeSequence"),
    ):
        code = _first(dataset, codes)
        for item in (code, *((code.get(modifiers) if code else None) or ())):
            yield _coded_side(item)


def _coded_side(code: Any) -> str:
    words = set(re.findall(r"[a-z]+", text(code, "CodeMeaning").lower()))
    said = "".join(side for word, side in (("left", "L"), ("right", "R")) if word in words)
    return _SIDE_CODES.get(text(code, "CodeValue"), said)


def chest_edge(dataset: Dataset, side: str) -> str:
    """Edge of the image at which the chest wall lies by the header.

    Parameters
    ----------
    dataset : pydicom.dataset.Dataset
    side : str
        From `laterality`.

    Returns
    -------
    str
        ``"left"``, ``"right"`` or ``""``. PatientOrientation wins: rows that run to the front (A) begin at the chest.
        Without it a left breast has it at the left, unless the header says that the image was flipped.
    """
    orientation = dataset.get("PatientOrientation")
    rows = str(orientation[0]).upper() if orientation and not isinstance(orientation, str) else ""
    if re.fullmatch(r"[AP][LRHF]{0,2}", rows):
        return "left" if rows[0] == "A" else "right"
    if text(dataset, "FieldOfViewHorizontalFlip").upper() == "YES":
        return ""
    return {"L": "left", "R": "right"}.get(side, "")


def view_position(dataset: Dataset) -> tuple[str, tuple[str, ...]]:
    """View and its modifiers.

    Parameters
    ----------
    dataset : pydicom.dataset.Dataset

    Returns
    -------
    view : str
        ``"CC"``, ``"MLO"``, ``"ML"`` ..., or ``""``. ML is not MLO.
    modifiers : tuple of str
        For example ``("magnified",)``.
    """
    code = _first(dataset, "ViewCodeSequence")
    modifiers = _modifiers(code)
    found = _VIEW_CODES.get(text(code, "CodeValue")) or _by_meaning(text(code, "CodeMeaning"))
    if not found:
        value = text(dataset, "ViewPosition").upper()
        found = value if value in _VIEW_NAMES else ""
    vendor = dataset.get(_FUJIFILM_VIEW)
    if not found:  # CBIS-DDSM writes the view there; no orientation is called so
        value = text(dataset, "PatientOrientation").upper()
        found = value if value in _VIEW_NAMES else ""
    for description in (str(vendor.value) if vendor is not None else "", text(dataset, "SeriesDescription")):
        found = found or _by_token(description)
    return found, modifiers


def _first(dataset: Any, keyword: str) -> Any:
    sequence = dataset.get(keyword) if dataset is not None else None
    return sequence[0] if sequence else None


def _modifiers(code: Any) -> tuple[str, ...]:
    sequence = code.get("ViewModifierCodeSequence") if code is not None else None
    meanings = [text(item, "CodeMeaning").lower() for item in sequence or []]
    return tuple(name for part, name in _MODIFIERS if any(part in meaning for meaning in meanings))


def _by_meaning(meaning: str) -> str:
    return next((view for part, view in _MEANINGS if part in meaning.lower()), "")


def _by_token(description: str) -> str:
    tokens = {token.lstrip("LR") or token for token in re.findall(r"[A-Z]+", description.upper())}
    return next((view for view in _VIEW_NAMES[:7] if view in tokens), "")


def acquisition_flags(dataset: Dataset, *, modifiers: tuple[str, ...]) -> tuple[str, ...]:
    """What a reader of the image should know: modifiers, implants, partial views, lossy compression, burnt-in text."""
    flags = list(modifiers)
    magnification = number(dataset, "EstimatedRadiographicMagnificationFactor")
    if magnification and magnification > 1.2 and "magnified" not in flags:
        flags.append("magnified")
    for keyword, name in (
        ("BreastImplantPresent", "implant"),
        ("PartialView", "partial_view"),
        ("BurnedInAnnotation", "burned_in_annotation"),
        ("FieldOfViewHorizontalFlip", "horizontal_flip"),
    ):
        if text(dataset, keyword).upper() in ("YES", "Y"):
            flags.append(name)
    if text(dataset, "LossyImageCompression") == "01":
        flags.append("lossy_compression")
    return tuple(flags)
