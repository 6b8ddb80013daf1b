# SPDX-License-Identifier: Apache-2.0
"""What kind of image an object holds: a screening view, or one that a network for such views was not made for.

References
----------
DICOM PS3.3, C.8.11.7.1.4 (Image Type of mammograms: stereotactic biopsy, tomosynthesis, contrast, generated 2-D
images), C.8.21.6.1.1 (the same of tomosynthesis objects); PS3.16, CID 4014 and 4015 (views and their modifiers).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from ..raster.read import is_raster
from .geometry import view_position
from .header import number, read_header, text
from .spacing import is_magnified

#: Every kind, with what it is called in messages; ``""`` is not known (raster files, a contrast image of no energy).
KINDS = {
    "screening": "an ordinary mammogram",
    "spot": "a spot compression view",
    "magnified": "a magnified view",
    "stereotactic": "a stereotactic or biopsy image",
    "specimen": "a specimen image",
    "quality_control": "a quality-control or phantom image",
    "synthetic": "a synthetic 2-D image",
    "recombined": "a recombined (subtracted) contrast image",
    "low_energy": "a low-energy contrast image",
    "high_energy": "a high-energy contrast image",
    "tomosynthesis": "a tomosynthesis image",
}
#: What a network for mammograms reads unless it is told otherwise.
DEFAULT_KINDS = ("screening", "spot", "magnified")

_SLICE = "a tomosynthesis slice (CT Image Storage)"
_FRAMES = "an object of several frames, as of tomosynthesis"
_TOMOSYNTHESIS_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.13.1.3": "a breast tomosynthesis object",
    "1.2.840.10008.5.1.4.1.1.13.1.4": "a breast projection object",
    "1.2.840.10008.5.1.4.1.1.13.1.5": "a breast projection object",
    "1.2.840.10008.5.1.4.1.1.2": _SLICE,
    "1.2.840.10008.5.1.4.1.1.2.1": "a tomosynthesis volume (Enhanced CT Image Storage)",
    "1.2.840.10008.5.1.4.1.1.2.2": "a tomosynthesis volume (Legacy Converted Enhanced CT Image Storage)",
}
_CODEC_GROUP = 0x7E01  # private group in which Hologic's secondary capture objects hold the volume
_SPECIMEN_VIEWS = {"127457009", "G-8310"}  # CID 4014, tissue specimen from breast
# Image Type, values 3 and beyond; biopsy outranks the others, contrast generated images (PS3.3, C.8.11.7.1.4).
_TYPES = (
    ("stereotactic", r"STEREO|PREFIRE|POSTFIRE|POSTBIOPSY|POSTMARKER|TOMO_?SCOUT|BIOPSY"),
    ("quality_control", r"^(QC|QA|PHANTOM|CALIBRATION|FLAT_?FIELD|DARK)(?![A-Z])|QUALITY_?CONTROL"),
    ("specimen", r"SPECIMEN"),
    ("recombined", r"SUBTRACT|RECOMBINED|^ADDITION$"),
    ("low_energy", r"LOW_?ENERGY"),
    ("high_energy", r"HIGH_?ENERGY"),
    (
        "synthetic",
        r"GENERATED_?2D|TOMO_?2D|SYNTH(ETIC|ESI[SZ]ED|_?2D|$)|^[CSG]_?VIEW$|V_?PREVIEW|IN(SIGHT|TELLIGENT)_?2D",
    ),
    ("tomosynthesis", r"TOMO|^DBT$"),
)
# Series description, where the Image Type says nothing.
_WORDS = (
    ("quality_control", r"\b(QC|QA|PHANTOM|FLAT ?FIELD|CDMAM)\b|QUALITY (CONTROL|ASSURANCE)"),
    ("specimen", r"\bSPECIMEN"),
    ("stereotactic", r"\bSTEREO"),
    ("recombined", r"\b(RECOMBINED|SUBTRACT(ED|ION))\b"),
    ("low_energy", r"\bLOW ENERGY\b"),
    ("high_energy", r"\bHIGH ENERGY\b"),
    (
        "synthetic",
        r"\b([CSG] ?VIEW|V ?PREVIEW|(INSIGHT|INTELLIGENT|GENERATED|SYNTH) ?2D|S2D|SYNTH|SYNTH(ETIC|ESI[SZ]ED))\b",
    ),
    ("tomosynthesis", r"\bTOMO\w*|\b(DBT|BTO|CTO)\b"),
)
# The same where a contrast agent or the words say that it is a contrast examination.
_CONTRAST_WORDS = (("recombined", r"\b(SUB|REC)\b"), ("low_energy", r"\bLE\b"), ("high_energy", r"\bHE\b"))
_OF_EXAMINATION = r"\b(WITH|W|AND|COMBO|SCREENING|DIAGNOSTIC|BILAT\w*)\b"  # what was ordered, not one image
_NO_PATIENT = r"\bPHANTOM\b|\bCDMAM\b|\bFLAT ?FIELD\b|QUALITY ?CONTROL"
_PROCESSING = (0x0018, 0x1400)  # Acquisition Device Processing Description


def image_kind(dataset: Dataset) -> str:
    """One of `KINDS`, or ``""`` where a contrast agent is stated and not which image of the two it is."""
    types = [re.sub(r"[^A-Z0-9]+", "_", value.strip().upper()) for value in _all(dataset, "ImageType")[2:]]
    typed = next((kind for kind, part in _TYPES if any(re.search(part, value) for value in types)), "")
    one_image = (number(dataset, "NumberOfFrames") or 1) <= 1
    if tomosynthesis_wrapping(dataset) and not (typed == "synthetic" and one_image):
        return "tomosynthesis"
    contrast = bool(text(dataset, "ContrastBolusAgent")) or any("CONTRAST" in value for value in types)
    found = typed or _stated(dataset) or _described(dataset, contrast=contrast)
    if found or contrast:
        return found
    modifiers = view_position(dataset)[1]
    if "magnified" in modifiers or is_magnified(dataset):
        return "magnified"
    return "spot" if "spot_compression" in modifiers else "screening"


def _stated(dataset: Dataset) -> str:
    """Kinds that have attributes of their own."""
    name, part = _plain(text(dataset, "PatientName")), text(dataset, "BodyPartExamined")
    if (
        text(dataset, "QualityControlImage").upper() in ("YES", "BOTH")
        or text(dataset, "ContentQualification").upper() == "SERVICE"
        or re.search(_NO_PATIENT, f"{name} {_plain(text(dataset, 'PatientID'))} {_plain(part)}")
        or re.search(r"\bQC\b", name)
    ):
        return "quality_control"
    codes = [*(dataset.get("ViewCodeSequence") or ()), *(dataset.get("AnatomicRegionSequence") or ())]
    said = [text(dataset, "ViewPosition"), part, *(text(c, "CodeMeaning") for c in codes)]
    if (
        any(text(code, "CodeValue") in _SPECIMEN_VIEWS for code in codes)
        or any("SPECIMEN" in _plain(value) for value in said)
        or dataset.get("SpecimenDescriptionSequence")
        or dataset.get("SpecimenSequence")
    ):
        return "specimen"
    return ""


def _described(dataset: Dataset, *, contrast: bool) -> str:
    """Kind that the series description names of its images, not of what was ordered."""
    processing = dataset.get(_PROCESSING)
    said = _plain(f"{text(dataset, 'SeriesDescription')} {processing.value if processing is not None else ''}")
    if contrast or re.search(r"\b(CESM|CEM|CEDM|CONTRAST)\b", said):
        short = next((kind for kind, part in _CONTRAST_WORDS if re.search(part, said)), "")
        if short:
            return short
    found = next((kind for kind, part in _WORDS if re.search(part, said)), "")
    if found in ("", "quality_control", "specimen", "stereotactic"):
        return found
    return "" if re.search(_OF_EXAMINATION, said) or (found == "tomosynthesis" and "2D" in said) else found


def tomosynthesis_wrapping(dataset: Dataset) -> str:
    """What holds a tomosynthesis volume or a part of it, in words; ``""`` for an object of one 2-D image."""
    found = _TOMOSYNTHESIS_CLASSES.get(text(dataset, "SOPClassUID"), "")
    creators = [dataset.get((_CODEC_GROUP, element)) for element in range(0x10, 0x18)]
    if not found and any(creator is not None and "HOLOGIC" in str(creator.value).upper() for creator in creators):
        return "a tomosynthesis volume in Hologic's secondary capture object"
    if not found and (number(dataset, "NumberOfFrames") or 1) > 1:
        return _FRAMES
    return found


def volume_wrapping(dataset: Dataset) -> str:
    """`tomosynthesis_wrapping` of what holds more than one slice, which is not read as it is."""
    found = tomosynthesis_wrapping(dataset)
    return "" if found in (_SLICE, _FRAMES) else found


def _plain(words: str) -> str:
    return re.sub(r"[^A-Z0-9]+", " ", words.upper())


def _all(dataset: Dataset, keyword: str) -> list[str]:
    value = dataset.get(keyword)
    return [str(item) for item in ([value] if isinstance(value, str) else value or ())]


def file_kind(path: Path) -> str:
    """`image_kind` of a file, from its header alone; ``""`` for raster files and for what cannot be read."""
    try:
        if is_raster(path):
            return ""
        dataset = read_header(path, max_bytes=1 << 27, pixels=False)
        return image_kind(dataset) if text(dataset, "Modality").upper() in ("MG", "") else ""
    except Exception:  # the reader says what is wrong with the file
        return ""


def kind_refusal(kind: str, accepts: Sequence[str], include: Sequence[str] = ()) -> str:
    """Why an image of a kind is left out where a network accepts others and the user includes some; ``""`` if not."""
    if not kind or kind in (*accepts, *include):
        return ""
    reads = "" if tuple(accepts) == DEFAULT_KINDS else f"this network reads {', '.join(accepts)}; "
    return f"{KINDS[kind]}: {reads}--include {kind} brings it in"
