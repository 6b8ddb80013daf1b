# SPDX-License-Identifier: Apache-2.0
"""An overlay picture as a DICOM secondary capture in the study of its mammogram."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from ..._typing import Array, PathLike
from ..dicom.geometry import laterality
from ..dicom.header import text
from ..dicom.spacing import pixel_spacing
from . import codes
from .common import (
    RESEARCH_USE,
    check_algorithm,
    check_file_name,
    clinical_dataset,
    own_errors,
    place,
    reference,
    save,
)
from .source import read_source

__all__ = ["SOP_CLASS", "write_secondary_capture"]

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"  # Secondary Capture Image Storage


@own_errors()
def write_secondary_capture(
    path: PathLike,
    overlay: Array,
    source_path: PathLike,
    *,
    algorithm_name: str,
    algorithm_version: str,
    instance_number: int = 1,
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
    instance_number : int
        Position in the series: from 1, another for every image of a study.

    Returns
    -------
    pathlib.Path
        The file: patient and study of the source, one series of all overlays of a study, the source as its source
        image.

    Raises
    ------
    MammogramError
        If the source is not an image that can be referred to.
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
    >>> from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
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
    made_by = {"name": algorithm_name, "version": algorithm_version}
    dataset = clinical_dataset(
        source,
        place(source, "overlay", **made_by),
        sop_class=SOP_CLASS,
        modality="OT",
        instance_number=instance_number,
        **made_by,
    )
    _set_image_modules(dataset, source, same_size=overlay.shape[:2] == (source.Rows, source.Columns))
    dataset.set_pixel_data(np.ascontiguousarray(overlay), "RGB", 8, generate_instance_uid=False)
    return save(path, dataset)


def _set_image_modules(dataset: Dataset, source: Dataset, *, same_size: bool) -> None:
    """General image and SC image (highdicom's SCImage knows no direction of two letters and no unknown one)."""
    origin = reference(source)
    origin.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_IMAGE)]
    orientation = source.get("PatientOrientation")
    burned_in = text(source, "BurnedInAnnotation").upper()
    spacing, side = pixel_spacing(source)[0], laterality(source)
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    setattr(dataset, "ImageLaterality" if side else "Laterality", side)  # of the image: a series holds both sides
    dataset.BodyPartExamined = "BREAST"
    dataset.PatientOrientation = orientation if same_size and orientation else None
    dataset.DerivationDescription = f"Overlay of automatic findings, not for diagnosis, {RESEARCH_USE}"
    dataset.SourceImageSequence = [origin]
    dataset.LossyImageCompression = text(source, "LossyImageCompression") or "00"
    if burned_in in ("YES", "NO"):  # unknown stays unknown
        dataset.BurnedInAnnotation = burned_in
    if same_size and spacing:
        dataset.PixelSpacing = [f"{value:.10g}"[:16] for value in spacing]
