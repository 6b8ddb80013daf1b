# SPDX-License-Identifier: Apache-2.0
"""Masks and probability maps as DICOM segmentations, and back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from ..._optional import optional_import
from ..._typing import Array, PathLike
from ..dicom.geometry import laterality
from ..dicom.header import MAX_SIDE, number, text
from ..dicom.spacing import pixel_spacing
from ..dicom.writer import seeded_uid
from ..errors import BadHeaderError, MammogramError, NotAnImageError, UnsupportedError
from . import codes
from .common import (
    RESEARCH_USE,
    Tracking,
    check_algorithm,
    check_file_name,
    own_errors,
    place,
    quietly,
    save,
)
from .source import read_source

__all__ = ["KINDS", "SegmentationFile", "Tracking", "read_segmentation", "segmented_images", "write_segmentation"]

#: What the pixels of a segmentation mean.
KINDS = ("binary", "fractional", "labelmap")
_SOP_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_MAX_SEGMENTS = 255
_MAX_VALUES = 1 << 28  # pixels times segments that reading may unfold
_MAX_FRACTION = 255


@dataclass(frozen=True)
class SegmentationFile:
    """A segmentation of one image."""

    mask: Array
    source_sop_instance_uid: str
    kind: str
    labels: tuple[str, ...]
    tracking: tuple[Tracking | None, ...]
    algorithm: tuple[str, str] | None


@own_errors()
def write_segmentation(
    path: PathLike,
    mask_or_probability: Array,
    source_path: PathLike,
    *,
    kind: str = "binary",
    algorithm_name: str | None,
    algorithm_version: str,
    tracking: Sequence[Tracking] | None = None,
    instance_number: int = 1,
) -> Path:
    """Write a mask or a probability map as a DICOM SEG that refers to its mammogram.

    Parameters
    ----------
    path : path
        File to write; its name must not repeat a value of the patient module.
    mask_or_probability : (H, W) array
        In the native size of the image, as stored. For ``"binary"`` and ``"labelmap"``: bool, {0, 1} or {0, 255}
        for one segment, or integers 0 to n for n segments. For ``"fractional"``: floats from 0 to 1.
    source_path : path
        The image (DICOM).
    kind : {"binary", "fractional", "labelmap"}
        Binary is what every viewer reads; fractional holds probabilities in 255 steps; a label map is the newer
        SOP class that holds many segments in one frame.
    algorithm_name, algorithm_version : str
        At most 64 characters each. The name None says that a person drew the mask (algorithm type MANUAL); the
        version is then that of the software they drew it with.
    tracking : sequence of Tracking, optional
        One a segment; by default those of findings 1 to n of this algorithm, as in a measurement report.
    instance_number : int
        Position in the series: from 1, another for every image of a study.

    Returns
    -------
    pathlib.Path
        The file. All segmentations of a study by one algorithm and version are one series; series, instance and
        tracking UIDs are derived from those of the source, so that a repeated run replaces. A person's drawing is a new
        instance each time.

    Raises
    ------
    MammogramError
        If the source is not an image that can be referred to.
    ValueError
        If the array, its size, an option or the file name cannot be used.
    ImportError
        Without highdicom (extra ``clinic``).

    Notes
    -----
    An empty mask is written as one empty segment: that nothing was found is a result. Mammograms have no position in
    space, so none is written. Where the source gives a spacing, the pixel measures carry it with a slice thickness of
    1 mm, which a projection does not have but readers of segmentations require.

    References
    ----------
    PS3.3 A.51 (segmentation), C.8.20 (its modules); PS3.16 CID 7150, 7159.

    Examples
    --------
    >>> import tempfile
    >>> from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
    >>> header = MammogramHeader(patient_id="SYNTHETIC-1", laterality="L", view_position="CC",
    ...                          pixel_spacing=(0.1, 0.1), uid_key="1", study_key="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder, "image.dcm")
    ...     _ = source.write_bytes(mammogram_bytes(np.zeros((8, 6), np.uint16), header))
    ...     file = write_segmentation(Path(folder, "seg.dcm"), np.eye(8, 6, dtype=np.uint8), source,
    ...                               algorithm_name="example", algorithm_version="1")
    ...     int(read_segmentation(file).mask.sum())
    6
    """
    highdicom = optional_import("highdicom", extra="clinic")
    model = "annotation" if algorithm_name is None else algorithm_name
    check_algorithm(model, algorithm_version)
    check_file_name(path, source_path)
    source = read_source(source_path)
    pixels, segments = _pixels(mask_or_probability, kind=kind, shape=(source.Rows, source.Columns))
    made_by = {"name": model, "version": algorithm_version}
    if tracking is None:
        names = [f"lesion {index + 1}" for index in range(segments)]
        tracking = [Tracking.of(item, source, **made_by) if algorithm_name else Tracking.new(item) for item in names]
    if len(tracking) != segments:
        msg = f"{segments} segments need as many tracking entries, got {len(tracking)}"
        raise ValueError(msg)
    where = place(source, "seg", detail=kind, **made_by)
    if "FrameOfReferenceUID" in source:
        del source.FrameOfReferenceUID  # one of each view; a series has one at most, and no plane is placed in it
    with quietly(source):
        dataset = highdicom.seg.Segmentation(
            source_images=[source],
            pixel_array=pixels[None],
            segmentation_type=kind.upper(),
            segment_descriptions=_descriptions(highdicom, tracking, algorithm_name, algorithm_version),
            series_instance_uid=where.series_uid,
            series_number=where.series_number,
            sop_instance_uid=where.instance_uid if algorithm_name else generate_uid(prefix=None),
            instance_number=instance_number,
            manufacturer="MammoZoo",
            manufacturer_model_name=model,
            software_versions=algorithm_version,
            device_serial_number=seeded_uid(f"device {model} {algorithm_version}")[-16:],
            max_fractional_value=_MAX_FRACTION,
            content_label="LESIONS",
            content_description=f"Lesion segmentation, {RESEARCH_USE}",
            series_description=where.description,
            pixel_measures=_measures(highdicom, source),
            omit_empty_frames=False,
        )
    dataset.PatientName = source.PatientName
    dataset.PatientOrientation = source.get("PatientOrientation")  # no plane orientation says it (type 2C)
    _add_side(dataset, laterality(source))
    return save(path, dataset)


def _pixels(array: Array, *, kind: str, shape: tuple[int, int]) -> tuple[Array, int]:
    """Check an array; return it as highdicom expects it and the number of its segments."""
    if kind not in KINDS:
        msg = f"kind {kind!r} is none of {', '.join(KINDS)}"
        raise ValueError(msg)
    if array.shape != shape:
        msg = f"the array is {array.shape}, the image {shape}; bring it to the image's native size"
        raise ValueError(msg)
    if kind == "fractional":
        if array.dtype.kind != "f" or not bool(np.all((array >= 0) & (array <= 1))):
            msg = f"a fractional segmentation takes floats from 0 to 1, got {array.dtype} (range or NaN)"
            raise ValueError(msg)
        return array.astype(np.float32), 1
    if array.dtype.kind not in "bui":
        msg = f"a {kind} segmentation takes bool or integers, got {array.dtype}; threshold the probabilities first"
        raise ValueError(msg)
    values = np.unique(array)
    if set(values.tolist()) <= {0, 255}:
        return (array != 0).astype(np.uint8), 1
    segments = int(values[-1])
    if int(values[0]) < 0 or segments > _MAX_SEGMENTS or len(np.setdiff1d(np.arange(1, segments + 1), values)):
        msg = f"labels must be 0 to n without gaps and n at most {_MAX_SEGMENTS}, got {values[:8].tolist()}..."
        raise ValueError(msg)
    return array.astype(np.uint8), segments


def _descriptions(highdicom: ModuleType, tracking: Sequence[Tracking], name: str | None, version: str) -> list[Any]:
    family = codes.ARTIFICIAL_INTELLIGENCE
    algorithm = name and highdicom.AlgorithmIdentificationSequence(name=name, version=version, family=family)
    return [
        highdicom.seg.SegmentDescription(
            segment_number=index,
            segment_label=f"Lesion {index}" if len(tracking) > 1 else "Lesion",
            segmented_property_category=codes.ABNORMAL_STRUCTURE,
            segmented_property_type=codes.LESION,
            algorithm_type="AUTOMATIC" if algorithm else "MANUAL",
            algorithm_identification=algorithm or None,
            tracking_uid=item.uid,
            tracking_id=item.identifier,
            anatomic_regions=[codes.BREAST],
        )
        for index, item in enumerate(tracking, start=1)
    ]


def _measures(highdicom: ModuleType, source: Dataset) -> Any:
    spacing, _ = pixel_spacing(source)
    if spacing is None:
        return None
    return highdicom.PixelMeasuresSequence(pixel_spacing=spacing, slice_thickness=1.0)


def _add_side(dataset: Dataset, side: str) -> None:
    if not side:
        return
    for segment in dataset.SegmentSequence:
        if "AnatomicRegionSequence" in segment:
            segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [
                codes.code_item(codes.LATERALITIES[side])
            ]


def read_segmentation(path: PathLike, *, source_sop_instance_uid: str | None = None) -> SegmentationFile:
    """Read a DICOM SEG of a mammogram, ours or another's.

    Parameters
    ----------
    path : path
    source_sop_instance_uid : str, optional
        The image whose mask is wanted; needed where a file segments several.

    Returns
    -------
    SegmentationFile

    Raises
    ------
    MammogramError
        If the file is not a segmentation, segments other images, or cannot be read.
    ImportError
        Without highdicom (extra ``clinic``).

    Notes
    -----
    Where segments overlap, which label maps cannot say, the file is refused. Several fractional segments are
    merged by their maximum.

    Examples
    --------
    See `write_segmentation`.
    """
    highdicom = optional_import("highdicom", extra="clinic")
    name = Path(path).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _check_segmentation(pydicom.dcmread(path, stop_before_pixels=True), name)
            seg = highdicom.seg.segread(path)
            uids = [uid for _, _, uid in seg.get_source_image_uids()]
            uid = _choice(uids, source_sop_instance_uid, name)
            mask = _mask(seg, uid)
            return SegmentationFile(mask, uid, seg.segmentation_type.value.lower(), *_segments(seg))
    except (MammogramError, OSError):
        raise
    except Exception as error:  # whatever a damaged file makes pydicom or highdicom raise
        msg = f"{name} cannot be read as a segmentation: {type(error).__name__}"
        raise BadHeaderError(msg) from error


def _check_segmentation(header: Dataset, name: str) -> None:
    """Refuse other objects and absurd sizes before any pixel is read."""
    if text(header, "SOPClassUID") not in _SOP_CLASSES:
        msg = f"{name} is no DICOM segmentation (SOPClassUID {text(header, 'SOPClassUID') or 'absent'})"
        raise NotAnImageError(msg)
    rows, columns = number(header, "Rows") or 0, number(header, "Columns") or 0
    segments = max(len(header.get("SegmentSequence") or ()), 1)
    if not (1 <= rows <= MAX_SIDE and 1 <= columns <= MAX_SIDE) or rows * columns * segments > _MAX_VALUES:
        msg = f"{name}: {rows:.0f} x {columns:.0f} pixels in {segments} segments are over the limit of {_MAX_VALUES}"
        raise BadHeaderError(msg)


def _choice(uids: list[str], wanted: str | None, name: str) -> str:
    if wanted is not None:
        if wanted not in uids:
            msg = f"{name} does not segment the image asked for; it segments {len(uids)} other image(s)"
            raise BadHeaderError(msg)
        return wanted
    if len(uids) != 1:
        msg = f"{name} segments {len(uids)} images; name one by source_sop_instance_uid"
        raise UnsupportedError(msg)
    return str(uids[0])


def _mask(seg: Any, uid: str) -> Array:
    if seg.segmentation_type.value == "FRACTIONAL":
        values = seg.get_pixels_by_source_instance([uid], combine_segments=False, rescale_fractional=True)
        return np.asarray(values[0].max(axis=-1), np.float32)
    return np.asarray(
        seg.get_pixels_by_source_instance([uid], combine_segments=True, assert_missing_frames_are_empty=True)[0]
    )


def _segments(seg: Any) -> tuple[tuple[str, ...], tuple[Tracking | None, ...], tuple[str, str] | None]:
    """Labels, tracking and the first segment's algorithm."""
    found = [seg.get_segment_description(index) for index in seg.segment_numbers]
    tracking = tuple(
        Tracking(str(item.tracking_id), str(item.tracking_uid)) if item.tracking_uid else None for item in found
    )
    first = found[0].algorithm_identification if found else None
    algorithm = None if first is None else (str(first.name), str(first.version))
    return tuple(str(item.segment_label) for item in found), tracking, algorithm


def segmented_images(path: PathLike) -> tuple[tuple[str, ...], str]:
    """Which images a segmentation refers to, and when it was made; its header alone is read."""
    name = Path(path).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(path, stop_before_pixels=True)
            _check_segmentation(header, name)
            series = header.get("ReferencedSeriesSequence") or ()
            instances = (item for one in series for item in one.get("ReferencedInstanceSequence") or ())
            uids = dict.fromkeys(text(item, "ReferencedSOPInstanceUID") for item in instances)
            made = text(header, "ContentDate") + text(header, "ContentTime")
    except (MammogramError, OSError):
        raise
    except Exception as error:  # whatever a damaged file makes pydicom raise
        msg = f"{name} cannot be read as a segmentation: {type(error).__name__}"
        raise BadHeaderError(msg) from error
    return tuple(uid for uid in uids if uid), made
