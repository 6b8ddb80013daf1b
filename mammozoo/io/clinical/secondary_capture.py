# SPDX-License-Identifier: Apache-2.0
"""An overlay picture as a DICOM secondary capture in the study of its mammogram."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from ..._typing import Array, PathLike
from ..dicom.geometry import laterality, pixel_spacing
from ..dicom.header import text
from . import codes
from .common import RESEARCH_USE, check_algorithm, check_file_name, clinical_dataset, read_source, reference, save

__all__ = ["SOP_CLASS", "write_secondary_capture"]

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"  # Secondary Capture Image Storage
_SERIES_NUMBER = 9004


def write_secondary_capture(
    path: PathLike,
    overlay: Array,
    source_path: PathLike,
    *,
    algorithm_name: str,
    algorithm_version: str,
) -> Path:
    """Write an RGB picture, such as a mammogram with outlined lesions, as a secondary capture.

    Parameters
    ----------
    path : path
        File to write; its name must not repeat a value of the patient module.
    overlay : (H, W, 3) array of uint8
        RGB; any size.
    source_path : path
        The image (DICOM) that the picture shows.
    algorithm_name, algorithm_version : str
        At most 64 characters each.

    Returns
    -------
    pathlib.Path
        The file: patient and study of the source, a series of its own, the source as its source image.

    Raises
    ------
    MammogramError
        If the source is no image that can be referred to.
    ValueError
        If the picture or a name cannot be used.

    Notes
    -----
    The spacing and the orientation of the source are given only where the picture has the source's size. The
    picture is not for diagnosis, and its header says so.

    References
    ----------
    PS3.3 A.8.1 (secondary capture), C.7.6.1 (general image), C.8.6 (SC equipment and image).

    Examples
    --------
    >>> import tempfile
    >>> from .mg_writer import MammogramHeader, mammogram_bytes
    >>> header = MammogramHeader(patient_id="SYNTHETIC-1", laterality="L", view_position="CC",
    ...                          pixel_spacing=(0.1, 0.1), uid_key="1", study_key="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder, "image.dcm")
    ...     _ = source.write_bytes(mammogram_bytes(np.zeros((8, 8), np.uint16), header))
    ...     write_secondary_capture(Path(folder, "overlay.dcm"), np.zeros((8, 8, 3), np.uint8), source,
    ...                             algorithm_name="example", algorithm_version="1").name
    'overlay.dcm'
    """
    if overlay.dtype != np.uint8 or overlay.ndim != 3 or overlay.shape[2] != 3 or overlay.size == 0:
        msg = f"an RGB picture of uint8 (H, W, 3) is needed, got {overlay.dtype} {overlay.shape}"
        raise ValueError(msg)
    if max(overlay.shape) > 65535:
        msg = f"DICOM holds at most 65535 rows and columns, got {overlay.shape}; make the picture smaller"
        raise ValueError(msg)
    check_algorithm(algorithm_name, algorithm_version)
    check_file_name(path, source_path)
    source = read_source(source_path)
    dataset = clinical_dataset(
        source,
        sop_class=SOP_CLASS,
        modality="OT",
        series_number=_SERIES_NUMBER,
        description="Overlay",
        algorithm_name=algorithm_name,
        algorithm_version=algorithm_version,
    )
    _image_modules(dataset, source, same_size=overlay.shape[:2] == (source.Rows, source.Columns))
    _pixel_module(dataset, overlay)
    return save(path, dataset)


def _image_modules(dataset: Dataset, source: Dataset, *, same_size: bool) -> None:
    origin = reference(source)
    origin.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_IMAGE)]
    orientation = source.get("PatientOrientation")
    burned_in = text(source, "BurnedInAnnotation").upper()
    spacing, _ = pixel_spacing(source)
    for keyword, value in {
        "ConversionType": "WSD",
        "ImageType": ["DERIVED", "SECONDARY"],
        "Laterality": laterality(source),
        "BodyPartExamined": "BREAST",
        "PatientOrientation": orientation if same_size and orientation else None,
        "DerivationDescription": f"Overlay of automatic findings, not for diagnosis, {RESEARCH_USE}",
        "SourceImageSequence": [origin],
        "LossyImageCompression": text(source, "LossyImageCompression") or "00",
        # Unknown stays unknown: only what the source says of text in its pixels is repeated.
        **({"BurnedInAnnotation": burned_in} if burned_in in ("YES", "NO") else {}),
        **({"PixelSpacing": [f"{value:.10g}"[:16] for value in spacing]} if same_size and spacing else {}),
    }.items():
        setattr(dataset, keyword, value)


def _pixel_module(dataset: Dataset, overlay: Array) -> None:
    data = np.ascontiguousarray(overlay).tobytes()
    for keyword, value in {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "Rows": overlay.shape[0],
        "Columns": overlay.shape[1],
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
    }.items():
        setattr(dataset, keyword, value)
    dataset.add_new("PixelData", "OB", data + b"\0" * (len(data) % 2))
