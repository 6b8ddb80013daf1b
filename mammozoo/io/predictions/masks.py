# SPDX-License-Identifier: Apache-2.0
"""One predicted mask or probability map from whatever file a model's author wrote it to."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..._typing import Array, PathLike
from ..errors import BadPixelsError, MammogramError
from ..raster.read import is_raster, read_raster

__all__ = ["PredictedMask", "read_predicted_mask", "read_probability", "sop_instance_uid"]

_MAX_PIXELS = 1 << 28
_MAX_LABEL = 32  # integers up to here are labels; more gray levels than that are no mask
_HALF = 0.5


@dataclass(frozen=True, eq=False)
class PredictedMask:
    """A mask, and the probabilities it comes from where the file holds them.

    Attributes
    ----------
    mask : (H, W) array
        bool.
    probability : (H, W) array or None
        float32 from 0 to 1.
    source_uid : str
        SOP instance UID of the segmented image (DICOM SEG), else empty.
    """

    mask: Array
    probability: Array | None = None
    source_uid: str = ""


def read_predicted_mask(path: PathLike, *, threshold: float | None = None) -> PredictedMask:
    """Read a mask of one image: PNG, TIFF, PGM, JPEG, NIfTI or DICOM SEG.

    Parameters
    ----------
    path : path
    threshold : float, optional
        The file is a probability map, lesion from this share of its full scale. Files of floats from 0 to 1 are taken
        as such without it, at 0.5.

    Returns
    -------
    PredictedMask

    Raises
    ------
    MammogramError
        If the file cannot be read, or is a gray image that may be a probability map and no threshold is given.

    Notes
    -----
    Every non-zero label is lesion; of a JPEG, whose coding blurs 0 and 255, every value over 127. NIfTI files are
    (W, H) or (W, H, 1) and taken in stored order.

    Examples
    --------
    >>> import tempfile
    >>> from .write import write_png
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = write_png(f"{folder}/a.png", 255 * np.eye(3, dtype=np.uint8))
    ...     int(read_predicted_mask(file).mask.sum())
    3
    """
    file = Path(path)
    if file.name.endswith((".nii", ".nii.gz")):
        return _judge(_nifti_values(file), file, threshold)
    if is_raster(file):
        values = np.asarray(read_raster(file, max_pixels=_MAX_PIXELS)["pixels"])
        if file.suffix.lower() in (".jpg", ".jpeg") and threshold is None:
            return PredictedMask(values > 127)
        return _judge(values, file, threshold)
    from ..clinical.seg import read_segmentation

    found = read_segmentation(file)
    judged = _judge(found.mask, file, threshold if found.kind == "fractional" else None)
    return PredictedMask(judged.mask, judged.probability, found.source_sop_instance_uid)


def _judge(values: Array, file: Path, threshold: float | None) -> PredictedMask:
    """Tell a mask from a probability map by its values."""
    if values.dtype.kind == "f" and not bool(np.all(values == np.rint(values))):
        low, high = float(values.min()), float(values.max())
        if not (low >= -1e-3 and high <= 1 + 1e-3):  # also false for NaN
            msg = f"{file.name}: probabilities must lie in 0 to 1, got {low:g} to {high:g}"
            raise BadPixelsError(msg)
        return PredictedMask(values >= (_HALF if threshold is None else threshold), values.astype(np.float32))
    levels = np.unique(values)
    if threshold is not None and values.dtype.kind == "u":
        full = np.iinfo(values.dtype).max
        if not np.isin(levels, (0, 1, full)).all():
            share = values.astype(np.float32) / np.float32(full)
            return PredictedMask(share >= threshold, share)
    two = len(levels) == 1 or (len(levels) == 2 and levels[0] == 0)
    if not two and (levels[-1] > _MAX_LABEL or levels[0] < 0):
        msg = (
            f"{file.name} holds {len(levels)} gray levels up to {levels[-1]:g} and is no mask; if it is a probability "
            "map, say from which share of its full scale a pixel is lesion (--mask-threshold 0.5)"
        )
        raise BadPixelsError(msg)
    return PredictedMask(values != 0)


def _nifti_values(file: Path) -> Array:
    import nibabel as nib

    damage = (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError)
    try:
        values = np.asanyarray(nib.loadsave.load(file).dataobj)  # type: ignore[attr-defined]
    except (OSError, ValueError, EOFError, zlib.error, *damage) as error:
        msg = f"{file.name}: not a readable NIfTI file ({type(error).__name__})"
        raise MammogramError(msg) from error
    if values.ndim < 2 or values.shape[2:].count(1) != values.ndim - 2:
        msg = f"{file.name}: a mask of one slice, (W, H) or (W, H, 1), is needed, got {values.shape}"
        raise MammogramError(msg)
    return np.ascontiguousarray(values.reshape(values.shape[:2]).T)


def read_probability(path: PathLike) -> Array:
    """Read the probability map that stands beside a mask.

    Parameters
    ----------
    path : path
        A PNG whose full scale is 1 (``probability.png``), or nnU-Net's ``.npz``.

    Returns
    -------
    (H, W) array
        float32 from 0 to 1; of nnU-Net's classes, one minus the background.

    Raises
    ------
    MammogramError
        If the file cannot be read.

    References
    ----------
    Isensee et al., Nat Methods 18, 203-211, 2021, doi:10.1038/s41592-020-01008-z (nnU-Net).

    Examples
    --------
    >>> import tempfile
    >>> from .write import write_png
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_probability(write_png(f"{folder}/p.png", np.full((1, 2), 65535, np.uint16))).tolist()
    [[1.0, 1.0]]
    """
    file = Path(path)
    if file.suffix == ".npz":
        return _nnunet_probability(file)
    values = np.asarray(read_raster(file, max_pixels=_MAX_PIXELS)["pixels"])
    return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)


def _nnunet_probability(file: Path) -> Array:
    try:
        with np.load(file, allow_pickle=False) as archive:
            values = np.asarray(archive["probabilities"], np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        msg = f"{file.name}: no probabilities of nnU-Net ({type(error).__name__})"
        raise MammogramError(msg) from error
    if values.ndim != 4 or values.shape[1] != 1 or len(values) < 2:
        msg = f"{file.name}: probabilities of shape (classes, 1, H, W) are needed, got {values.shape}"
        raise MammogramError(msg)
    return np.asarray(np.clip(1 - values[0, 0], 0, 1))


def sop_instance_uid(path: PathLike) -> str:
    """SOP instance UID of a DICOM file; empty for other files.

    Examples
    --------
    >>> sop_instance_uid("absent.dcm")
    ''
    """
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
    except (OSError, pydicom.errors.InvalidDicomError):
        return ""
    return str(header.get("SOPInstanceUID", ""))
