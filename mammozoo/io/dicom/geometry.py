# SPDX-License-Identifier: Apache-2.0
"""Which breast and which view: what a mammogram's header says, and what it does not.

Unknown stays unknown: there is no default side and no default view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

from .header import text
from .spacing import is_magnified

# CID 4014, View for Mammography: SNOMED CT and the SRT codes that older files carry.
_VIEW_CODES = {
    "399162004": "CC", "R-10242": "CC", "399368009": "MLO", "R-10226": "MLO",
    "399260004": "ML", "R-10224": "ML", "399352003": "LM", "R-10228": "LM",
    "399099002": "LMO", "R-10230": "LMO", "399196006": "FB", "R-10244": "FB",
    "399188001": "SIO", "R-102D0": "SIO", "399192008": "XCCL", "R-1024A": "XCCL",
    "399101009": "XCCM", "R-1024B": "XCCM",
}  # fmt: skip
_VIEW_NAMES = ("MLO", "LMO", "SIO", "XCCL", "XCCM", "CC", "ML", "LM", "FB", "CV", "AT")
_MEANINGS = {
    "craniocaudalexaggeratedlaterally": "XCCL", "craniocaudalexaggeratedmedially": "XCCM",
    "exaggeratedcraniocaudallaterally": "XCCL", "exaggeratedcraniocaudalmedially": "XCCM",
    "mediolateraloblique": "MLO", "lateromedialoblique": "LMO", "craniocaudal": "CC", "mediolateral": "ML",
    "lateromedial": "LM",
}  # fmt: skip
# CID 4015, View Modifier: SNOMED CT and SRT, or a part of the meaning.
_MODIFIERS = (
    ("magnified", {"399163009", "R-102D6"}, "magnif"), ("spot_compression", {"399055006", "R-102D7"}, "spot"),
    ("implant_displaced", {"399209000", "R-102D5"}, "implant displaced"),
    ("rolled", {"399197002", "399226006", "414493004", "415670009", "R-102D3", "R-102D4", "R-102CA", "R-102C9"},
     "rolled"),
    ("tangential", {"399110001", "R-102C2"}, "tangential"), ("cleavage", {"399161006", "R-102D2"}, "cleavage"),
    ("axillary_tail", {"399011000", "R-102D1"}, "axillary tail"),
)  # fmt: skip
# A view in free text, with the side before it; CC and ML behind a number are a volume.
_TOKEN = re.compile(r"([LR]?)(XCCL|XCCM|MLO|LMO|SIO|CC|ML|LM)\d?")
_SIDES = {"L": "L", "LEFT": "L", "R": "R", "RIGHT": "R"}
# CID 244, Laterality: SNOMED CT and SRT; codes of the whole breast say it in their meaning.
_SIDE_CODES = {"7771000": "L", "G-A101": "L", "24028007": "R", "G-A100": "R"}
_FUJIFILM_VIEW = (0x0018, 0x1400)  # Acquisition Device Processing Description


def laterality(dataset: Dataset) -> str:
    """Side of the breast: ``"L"``, ``"R"``, or ``""`` when no attribute says it."""
    found = next((side for side in map(str.upper, _stated_sides(dataset)) if side in ("L", "R")), "")
    if found or text(dataset, "ImageLaterality") or text(dataset, "Laterality"):
        return found
    sides, views = _named(text(dataset, "SeriesDescription"))
    return sides.pop() if len(sides) == 1 and len(views) < 2 else ""


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
    """Edge of the image at which the chest wall lies by the header: ``"left"``, ``"right"`` or ``""``."""
    orientation = dataset.get("PatientOrientation")
    rows = str(orientation[0]).upper() if orientation and not isinstance(orientation, str) else ""
    if re.fullmatch(r"[APLRHF]{1,3}", rows):
        return {"A": "left", "P": "right"}.get(rows[0], "")
    if text(dataset, "FieldOfViewHorizontalFlip").upper() == "YES":
        return ""
    return {"L": "left", "R": "right"}.get(side, "")


def view_position(dataset: Dataset) -> tuple[str, tuple[str, ...]]:
    """View (``"CC"``, ``"MLO"``, ``"ML"`` ..., or ``""``; ML is not MLO) and its modifiers, as ``("magnified",)``."""
    code = _first(dataset, "ViewCodeSequence")
    found = _VIEW_CODES.get(text(code, "CodeValue"), "")
    found = found or next(iter(_meant(text(code, "CodeMeaning"))), "")
    for keyword in ("ViewPosition", "PatientOrientation"):
        value = text(dataset, keyword).upper()
        found = found or (value if value in _VIEW_NAMES else "")
    vendor = dataset.get(_FUJIFILM_VIEW)
    for words in (
        text(dataset, "ViewPosition"),
        str(vendor.value) if vendor is not None else "",
        text(dataset, "SeriesDescription"),
    ):
        views = set() if found else _named(words)[1]
        found = views.pop() if len(views) == 1 else found
    return found, _modifiers(code)


def _first(dataset: Any, keyword: str) -> Any:
    sequence = dataset.get(keyword) if dataset is not None else None
    return sequence[0] if sequence else None


def _modifiers(code: Any) -> tuple[str, ...]:
    items = (code.get("ViewModifierCodeSequence") if code is not None else None) or []
    said = [(text(item, "CodeValue"), text(item, "CodeMeaning").lower()) for item in items]
    return tuple(
        name for name, codes, part in _MODIFIERS if any(value in codes or part in meaning for value, meaning in said)
    )


def _meant(words: str) -> list[str]:
    """Views that a text names in full, the longest names first."""
    letters, views = re.sub(r"[^a-z]", "", words.lower()), []
    for part, view in _MEANINGS.items():
        if part in letters:
            letters = letters.replace(part, "")
            views.append(view)
    return views


def _named(words: str) -> tuple[set[str], set[str]]:
    """Sides and views that a text names."""
    sides: set[str] = set()
    views, before = set(_meant(words)), ""
    for token in re.findall(r"[A-Z0-9]+", words.upper()):
        match = _TOKEN.fullmatch(token)
        if token in _SIDES:
            sides.add(_SIDES[token])
        elif match and not (before.isdigit() and match[2] in ("CC", "ML")):
            views.add(match[2])
            sides |= {match[1]} - {""}
        before = token
    return sides, views


def acquisition_flags(dataset: Dataset, *, modifiers: tuple[str, ...]) -> tuple[str, ...]:
    """What a reader of the image should know: modifiers, implants, partial views, lossy compression, burnt-in text."""
    flags = list(modifiers)
    if is_magnified(dataset) and "magnified" not in flags:
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
