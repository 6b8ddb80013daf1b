# SPDX-License-Identifier: Apache-2.0
"""What every object written for the hospital has in common: the patient and study of its source, its own series."""

from __future__ import annotations

import datetime
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from ..._typing import PathLike
from ..dicom.writer import seeded_uid
from ..errors import BadHeaderError, MammogramError
from ..write import write_bytes
from .identity import patient_free_id
from .source import IDENTITY

RESEARCH_USE = "RESEARCH USE ONLY"
#: What Certainty of Finding means in every report.
CERTAINTY = "certainty: highest score of the network in the finding, 0 to 100 %; no probability of cancer"
_LO = 64  # characters of a long string (PS3.5, 6.2)
_SERIES = ("seg", "sr", "cad", "overlay")
_SERIES_NUMBER = 9000


@dataclass(frozen=True)
class Place:
    """Where an object of ours belongs in the study of its source: the same run again gives the same object."""

    series_uid: str
    instance_uid: str
    series_number: int
    description: str


def place(
    source: Dataset, kind: str, *, name: str, version: str, of: str = "SOPInstanceUID", detail: str = ""
) -> Place:
    """Series and instance of an object: one series a study, kind and algorithm; one instance a source (or study)."""
    series = f"{kind} series of {source.StudyInstanceUID} by {name} {version}"
    instance = f"{kind} {detail} of {source[of].value} by {name} {version}"
    number = int(seeded_uid(f"series number {name} {version}")[5:]) % 100
    tail = f" {version}, {RESEARCH_USE}"
    label = f"{'overlay' if kind == 'overlay' else kind.upper()} {name}"
    return Place(
        series_uid=seeded_uid(series),
        instance_uid=seeded_uid(instance),
        series_number=_SERIES_NUMBER + 10 * number + 1 + _SERIES.index(kind),
        description=f"{label[: max(_LO - len(tail), 8)]}{tail}"[:_LO],
    )


@dataclass(frozen=True)
class Tracking:
    """Name and UID by which one lesion is known in every object that describes it."""

    identifier: str
    uid: str

    @classmethod
    def new(cls, identifier: str) -> Tracking:
        """Tracking with a new UID."""
        return cls(identifier, str(generate_uid(prefix=None)))

    @classmethod
    def of(cls, identifier: str, source: Dataset, *, name: str, version: str) -> Tracking:
        """Tracking of a finding of an algorithm on an image, the same in all its objects and in every run."""
        return cls(identifier, seeded_uid(f"{identifier} on {source.SOPInstanceUID} by {name} {version}"))


def check_file_name(path: PathLike, source_path: PathLike) -> None:
    """Refuse a file name that repeats a value of the source's patient module."""
    with disable_value_validation():
        repeats = patient_free_id(source_path, Path(path).name) is not None
    if repeats:
        msg = "the file name to write repeats a value of the patient module; name the file by an id without identity"
        raise ValueError(msg)


def check_algorithm(name: str, version: str) -> None:
    """Refuse a name or version that the equipment module cannot hold (1 to 64 characters, no backslash)."""
    for what, value in (("algorithm_name", name), ("algorithm_version", version)):
        if not 1 <= len(value.strip()) <= _LO or len(value) > _LO or "\\" in value or not value.isprintable():
            msg = f"{what} is {value!r}; expected 1 to {_LO} printable characters without backslash"
            raise ValueError(msg)


@contextmanager
def own_errors() -> Iterator[None]:
    """Turn what a damaged header makes pydicom raise, wherever it is used, into a BadHeaderError."""
    try:
        yield
    except (MammogramError, ValueError, OSError, ImportError):
        raise
    except Exception as error:
        msg = f"no object can be made of this header ({type(error).__name__})"
        raise BadHeaderError(msg) from None


@contextmanager
def quietly(source: Dataset) -> Iterator[None]:
    """Hold back every warning, log entry and message that would repeat a value of the patient module."""
    name, log = source.PatientName, logging.getLogger("highdicom")
    source.PatientName, level = "", log.level
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    except (MammogramError, OSError):
        raise
    except Exception as error:  # what a damaged header makes highdicom and pydicom raise repeats its values
        msg = f"no object can be made of this header ({type(error).__name__})"
        raise BadHeaderError(msg) from None
    finally:
        log.setLevel(level)
        with disable_value_validation():
            source.PatientName = name


def clinical_dataset(
    source: Dataset, where: Place, *, sop_class: str, modality: str, instance_number: int, name: str, version: str
) -> Dataset:
    """Patient, study, series, equipment and SOP common modules of an object that belongs to the source's study."""
    dataset = Dataset()
    today, now = datetime.datetime.now().strftime("%Y%m%d %H%M%S").split()
    with disable_value_validation():
        for keyword in IDENTITY:
            if keyword in source:
                setattr(dataset, keyword, source[keyword].value)
    for keyword, value in {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": sop_class,
        "SOPInstanceUID": where.instance_uid,
        "InstanceCreationDate": today,
        "InstanceCreationTime": now,
        "ContentDate": today,
        "ContentTime": now,
        "Modality": modality,
        "StudyInstanceUID": source.StudyInstanceUID,
        "SeriesInstanceUID": where.series_uid,
        "SeriesNumber": where.series_number,
        "InstanceNumber": instance_number,
        "SeriesDescription": where.description,
        "Manufacturer": "MammoZoo",
        "ManufacturerModelName": name,
        "SoftwareVersions": version,
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
    """Write a data set as a DICOM file, atomically and with a preamble of zeros."""
    dataset.preamble = bytes(128)  # no second file format can hide in it (CVE-2019-11687)
    dataset.file_meta.ImplementationClassUID = UID(seeded_uid("implementation"))
    dataset.file_meta.ImplementationVersionName = "MAMMOZOO"
    buffer = BytesIO()
    with disable_value_validation():
        pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return write_bytes(path, buffer.getvalue())
