# SPDX-License-Identifier: Apache-2.0
"""What the header of a DICOM file says, without its pixels: for lists of many images."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from .._typing import PathLike
from .dicom.geometry import laterality, view_position
from .dicom.header import number, text
from .dicom.spacing import pixel_spacing
from .errors import BadHeaderError, NotAnImageError

_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")


@dataclass(frozen=True)
class HeaderSummary:
    """The attributes by which an image is listed; nothing that identifies the patient."""

    sop_instance_uid: str
    study_instance_uid: str
    modality: str
    is_segmentation: bool  # a DICOM SEG, binary, fractional or label map
    rows: int
    columns: int
    frames: int
    laterality: str
    view_position: str
    pixel_spacing: tuple[float, float] | None  # row and column in mm
    photometric: str


def header_summary(path: PathLike) -> HeaderSummary:
    """Read a DICOM header up to the pixels; MammogramError, without a value of it, if it is damaged."""
    name = Path(path).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            return _summary(dataset)
    except (OSError, pydicom.errors.InvalidDicomError) as error:
        msg = f"{name} is no DICOM file"
        raise NotAnImageError(msg) from error
    except Exception as error:  # whatever a damaged header makes pydicom raise
        msg = f"{name}: the header cannot be read ({type(error).__name__})"
        raise BadHeaderError(msg) from None


def metadata_summary(attributes: Mapping[str, Any]) -> HeaderSummary:
    """Understand a header in the DICOM JSON model (PS3.18 Annex F), as DICOMweb servers send it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _summary(Dataset.from_json(dict(attributes), bulk_data_uri_handler=lambda *_: b""))
    except Exception as error:  # whatever a damaged header makes pydicom raise
        msg = f"a header of the server cannot be read ({type(error).__name__})"
        raise BadHeaderError(msg) from None


def _summary(dataset: Dataset) -> HeaderSummary:
    spacing, _ = pixel_spacing(dataset)
    return HeaderSummary(
        sop_instance_uid=text(dataset, "SOPInstanceUID"),
        study_instance_uid=text(dataset, "StudyInstanceUID"),
        modality=text(dataset, "Modality").upper(),
        is_segmentation=text(dataset, "SOPClassUID") in _SEGMENTATIONS,
        rows=int(number(dataset, "Rows") or 0),
        columns=int(number(dataset, "Columns") or 0),
        frames=max(int(number(dataset, "NumberOfFrames") or 1), 1),
        laterality=laterality(dataset),
        view_position=view_position(dataset)[0],
        pixel_spacing=spacing,
        photometric=text(dataset, "PhotometricInterpretation").upper(),
    )
