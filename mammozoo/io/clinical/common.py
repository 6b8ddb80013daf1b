# SPDX-License-Identifier: Apache-2.0
"""What every object written for the hospital has in common: the patient and study of its source, its own series."""

from __future__ import annotations

import datetime
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from ..._typing import PathLike
from ..dicom.header import MAX_SIDE, check_header, read_header, text
from ..dicom.writer import seeded_uid
from ..errors import BadHeaderError, UnsupportedError
from ..write import write_bytes
from .identity import patient_free_id

__all__ = [
    "RESEARCH_USE",
    "check_algorithm",
    "check_file_name",
    "clinical_dataset",
    "quietly",
    "read_source",
    "reference",
    "save",
]

RESEARCH_USE = "RESEARCH USE ONLY"
_MAX_BYTES = 1 << 30
_LO = 64  # characters of a long string (PS3.5, 6.2)
_IDENTIFIERS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
# Patient, study: what an object of the same study shares with its source (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).
_EMPTY_IF_ABSENT = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber",
)  # fmt: skip
_IF_PRESENT = (
    "IssuerOfPatientID", "PatientAge", "PatientSize", "PatientWeight", "PatientIdentityRemoved",
    "DeidentificationMethod", "StudyDescription",
)  # fmt: skip
_VALID = {
    "PatientSex": r"[MFO]?",
    "PatientBirthDate": r"(\d{8})?",
    "StudyDate": r"(\d{8})?",
    "StudyTime": r"(\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?)?",
    "PatientAge": r"(\d{3}[DWMY])?",
    "PatientSize": r"([\d.+Ee-]{1,16})?",
    "PatientWeight": r"([\d.+Ee-]{1,16})?",
    "PatientIdentityRemoved": r"(YES|NO)?",
}


def read_source(path: PathLike) -> Dataset:
    """Read the header of the image that a result was made from.

    Parameters
    ----------
    path : path
        A mammogram, or a secondary capture of one.

    Returns
    -------
    pydicom.dataset.Dataset
        The header without pixels. Attributes of type 2 that it lacks, and values of patient and study that break
        their value representation, are empty; texts are decoded, the character set is UTF-8.

    Raises
    ------
    MammogramError
        If it is no single-frame image or lacks a UID without which nothing can refer to it.
    """
    file = Path(path)
    with disable_value_validation():  # its warnings repeat the values
        source = read_header(file, max_bytes=_MAX_BYTES)
    layout = check_header(source, name=file.name, max_pixels=MAX_SIDE**2, allow_color=True)
    if layout.frames > 1:
        msg = f"{file.name} has {layout.frames} frames; results refer to single-frame images"
        raise UnsupportedError(msg)
    missing = [keyword for keyword in _IDENTIFIERS if not text(source, keyword)]
    if missing:
        msg = f"{file.name} has no {', '.join(missing)}: no other object can refer to it"
        raise BadHeaderError(msg)
    del source.PixelData
    return _cleaned(source, name=file.name)


def _cleaned(source: Dataset, *, name: str) -> Dataset:
    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            values = {keyword: text(source, keyword) for keyword in (*_EMPTY_IF_ABSENT, *_IF_PRESENT)}
            source.decode()
    except Exception as error:  # pydicom raises whatever a damaged element makes Python raise
        msg = f"{name}: the header cannot be decoded ({type(error).__name__})"
        raise BadHeaderError(msg) from error
    for keyword, value in values.items():
        valid = re.fullmatch(_VALID.get(keyword, r"(?s).*"), value) is not None
        if keyword in _EMPTY_IF_ABSENT or (valid and value):
            with disable_value_validation():
                setattr(source, keyword, value if valid else "")
        elif keyword in source:
            delattr(source, keyword)
    if "PatientOrientation" in source and not _is_orientation(source.get("PatientOrientation")):
        source.PatientOrientation = None  # CBIS-DDSM writes the view there
    source.SpecificCharacterSet = "ISO_IR 192"
    return source


def _is_orientation(value: object) -> bool:
    """Row and column, each of the letters for left, right, anterior, posterior, head and feet (PS3.3, C.7.6.1.1.1)."""
    parts = [str(item) for item in value] if isinstance(value, list | MultiValue) else []
    return len(parts) == 2 and all(re.fullmatch("[LRAPHF]{1,3}", part) for part in parts)


def check_file_name(path: PathLike, source_path: PathLike) -> None:
    """Refuse a file name that repeats a value of the source's patient module.

    Raises
    ------
    ValueError
        The message does not repeat the name.
    """
    with disable_value_validation():
        repeats = patient_free_id(source_path, Path(path).name) is not None
    if repeats:
        msg = "the file name to write repeats a value of the patient module; name the file by an id without identity"
        raise ValueError(msg)


def check_algorithm(name: str, version: str) -> None:
    """Refuse a name or version that the equipment module cannot hold (1 to 64 characters, no backslash).

    Raises
    ------
    ValueError
    """
    for what, value in (("algorithm_name", name), ("algorithm_version", version)):
        if not 1 <= len(value.strip()) <= _LO or len(value) > _LO or "\\" in value or not value.isprintable():
            msg = f"{what} is {value!r}; wanted 1 to {_LO} printable characters without backslash"
            raise ValueError(msg)


@contextmanager
def quietly(source: Dataset) -> Iterator[None]:
    """Hold back every warning and log entry that would repeat a value of the patient module.

    Parameters
    ----------
    source : pydicom.dataset.Dataset
        Nameless inside: highdicom logs names that it finds unusual, and the UIDs of every source.
    """
    name, log = source.PatientName, logging.getLogger("highdicom")
    source.PatientName, level = "", log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        with disable_value_validation():
            source.PatientName = name


def clinical_dataset(
    source: Dataset,
    *,
    sop_class: str,
    modality: str,
    series_number: int,
    description: str,
    algorithm_name: str,
    algorithm_version: str,
) -> Dataset:
    """Patient, study, series, equipment and SOP common modules of an object that belongs to the source's study.

    Parameters
    ----------
    source : pydicom.dataset.Dataset
        As `read_source` returns it.
    sop_class : str
        UID.
    modality, description : str
    series_number : int
    algorithm_name, algorithm_version : str

    Returns
    -------
    pydicom.dataset.Dataset
        With file meta information; the UIDs of series and instance are new.
    """
    dataset = Dataset()
    date, time = datetime.datetime.now().strftime("%Y%m%d %H%M%S").split()
    with disable_value_validation():
        for keyword in (*_EMPTY_IF_ABSENT, *_IF_PRESENT):
            if keyword in source:
                setattr(dataset, keyword, source[keyword].value)
    for keyword, value in {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": sop_class,
        "SOPInstanceUID": generate_uid(prefix=None),
        "InstanceCreationDate": date,
        "InstanceCreationTime": time,
        "ContentDate": date,
        "ContentTime": time,
        "Modality": modality,
        "StudyInstanceUID": source.StudyInstanceUID,
        "SeriesInstanceUID": generate_uid(prefix=None),
        "SeriesNumber": series_number,
        "InstanceNumber": 1,
        "SeriesDescription": f"{description}, {RESEARCH_USE}",
        "Manufacturer": "MammoZoo",
        "ManufacturerModelName": algorithm_name,
        "SoftwareVersions": algorithm_version,
    }.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def reference(dataset: Dataset) -> Dataset:
    """Item that refers to an instance: its class and its UID."""
    item = Dataset()
    item.ReferencedSOPClassUID = dataset.SOPClassUID
    item.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    return item


def save(path: PathLike, dataset: Dataset) -> Path:
    """Write a data set as a DICOM file, atomically and with a preamble of zeros.

    Parameters
    ----------
    path : path
    dataset : pydicom.dataset.Dataset
        With the transfer syntax in its file meta information.

    Returns
    -------
    pathlib.Path
        The file.
    """
    dataset.preamble = bytes(128)  # no second file format can hide in it (CVE-2019-11687)
    dataset.file_meta.ImplementationClassUID = UID(seeded_uid("implementation"))
    dataset.file_meta.ImplementationVersionName = "MAMMOZOO"
    buffer = BytesIO()
    with disable_value_validation():
        pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return write_bytes(path, buffer.getvalue())
