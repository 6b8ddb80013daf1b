# SPDX-License-Identifier: Apache-2.0
"""The header of the mammogram that a result was made from, reduced to what an object beside it may repeat."""

from __future__ import annotations

import re
import warnings
from datetime import date
from pathlib import Path

from pydicom.config import disable_value_validation
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from ..._typing import PathLike
from ..dicom.header import MAX_SIDE, check_header, read_header, text
from ..errors import BadHeaderError, MammogramError, UnsupportedError

_MAX_BYTES = 1 << 30
_UID = re.compile(r"(?=.{3,64}$)[0-9]+(\.[0-9]+)+")
_IDENTIFIERS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
# Types 1 and 2 of the modules Patient and General Study (PS3.3 C.7.1.1, C.7.2.1): there, if only empty.
_REQUIRED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber",
)  # fmt: skip
# Which of several patients with this number, and whether the source names a person at all.
_IF_PRESENT = ("IssuerOfPatientID", "PatientIdentityRemoved", "DeidentificationMethod")
#: What an object of the same study repeats of patient and study; nothing else that a header says of them.
IDENTITY = (*_REQUIRED, *_IF_PRESENT)
# Of group 0008: what says how the image came to be. Institutions, persons, procedures and diagnoses are not among it.
_OF_THE_IMAGE = (
    "ImageType", "Modality", "PresentationIntentType", "ConversionType", "Manufacturer", "ManufacturerModelName",
    "SeriesDescription", "SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime",
    "SpecificCharacterSet", *_IDENTIFIERS,
)  # fmt: skip
# Identification, patient, clinical trial, request, visit, procedure, results.
_PERSONAL = (0x0008, 0x0010, 0x0012, 0x0032, 0x0038, 0x0040, 0x4008)
_VALID = {"PatientSex": r"[MFO]?", "PatientIdentityRemoved": r"(YES|NO)?"}
_TIME = r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?"
_MOMENTS = {
    "DA": r"(\d{4})(\d{2})(\d{2})",
    "TM": _TIME,
    "DT": rf"(\d{{4}})(?:(\d{{2}})(?:(\d{{2}})(?:{_TIME})?)?)?(?:[+-](?:0\d|1[0-4])[0-5]\d)?",
}


def read_source(path: PathLike) -> Dataset:
    """Read the header of the image that a result was made from."""
    file = Path(path)
    try:
        with warnings.catch_warnings(), disable_value_validation():  # its warnings repeat the values
            warnings.simplefilter("ignore")
            return _read(file)
    except Exception as error:  # pydicom raises whatever a damaged file makes Python raise, OSError included
        if isinstance(error, MammogramError) or (isinstance(error, OSError) and error.errno):
            raise
        msg = f"{file.name}: the header cannot be read ({type(error).__name__})"
        raise BadHeaderError(msg) from error


def _read(file: Path) -> Dataset:
    source = read_header(file, max_bytes=_MAX_BYTES)
    layout = check_header(source, name=file.name, max_pixels=MAX_SIDE**2, allow_color=True)
    if layout.frames > 1:
        msg = f"{file.name} has {layout.frames} frames; results refer to single-frame images"
        raise UnsupportedError(msg)
    missing = [keyword for keyword in _IDENTIFIERS if not _UID.fullmatch(text(source, keyword))]
    if missing:
        msg = f"{file.name} has no {', '.join(missing)} that is a UID: no other object can refer to it"
        raise BadHeaderError(msg)
    del source.PixelData
    return _cleaned(source)


def _cleaned(source: Dataset) -> Dataset:
    for tag in [tag for tag in source.keys() if not _is_needed(tag)]:  # noqa: SIM118
        del source[tag]
    values = {keyword: text(source, keyword) for keyword in IDENTITY}
    source.decode()
    for element in source.iterall():
        if element.VR in ("DA", "TM", "DT") and not is_valid_moment(element.value, element.VR):
            element.value = ""
    for keyword, value in values.items():
        kind = "DA" if keyword.endswith("Date") else "TM" if keyword.endswith("Time") else ""
        wanted = _VALID.get(keyword, r"(?s).*")
        valid = is_valid_moment(value, kind) if kind else re.fullmatch(wanted, value) is not None
        if keyword in _REQUIRED or (valid and value):
            setattr(source, keyword, value if valid else "")
        elif keyword in source:
            delattr(source, keyword)
    if "PatientOrientation" in source and not _is_orientation(source.get("PatientOrientation")):
        source.PatientOrientation = None  # CBIS-DDSM writes the view there
    source.SpecificCharacterSet = "ISO_IR 192"
    return source


def _is_needed(tag: BaseTag) -> bool:
    keyword = keyword_for_tag(tag)
    return tag.group not in _PERSONAL or keyword in IDENTITY or (tag.group == 0x0008 and keyword in _OF_THE_IMAGE)


def is_valid_moment(value: object, vr: str) -> bool:
    """Whether a value is a date (DA), a time (TM) or both (DT) that exists, as PS3.5 6.2 writes them."""
    if isinstance(value, list | MultiValue):
        return all(is_valid_moment(item, vr) for item in value)
    found = "" if value is None else str(value).strip(" \0")
    parts = re.fullmatch(_MOMENTS[vr], found)
    if not found or parts is None or vr == "TM":
        return not found or parts is not None
    year, month, day = (int(part or 1) for part in parts.group(1, 2, 3))
    return _exists(year, month, day)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        return bool(date(year, month, day))
    except ValueError:
        return False


def _is_orientation(value: object) -> bool:
    """Row and column, each of the letters for left, right, anterior, posterior, head and feet (PS3.3, C.7.6.1.1.1)."""
    parts = [str(item) for item in value] if isinstance(value, list | MultiValue) else []
    return len(parts) == 2 and all(re.fullmatch("[LRAPHF]{1,3}", part) for part in parts)
