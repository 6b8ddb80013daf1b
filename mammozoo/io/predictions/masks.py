# SPDX-License-Identifier: Apache-2.0
"""One predicted mask or probability map from whatever file a model's author wrote it to."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..._typing import Array, PathLike
from ..errors import BadPixelsError, MammogramError
from ..masks import mask_values, read_mask
from ..raster.read import read_raster

_MAX_PIXELS = 1 << 28
_HALF = 0.5


@dataclass(frozen=True, eq=False)
class PredictedMask:
    """A mask, and the probabilities it comes from where the file holds them."""

    mask: Array
    probability: Array | None = None  # float32 from 0 to 1
    source_uid: str = ""  # SOP instance UID of the segmented image (DICOM SEG), else empty
    note: str = ""  # what was decided about its values


def read_predicted_mask(path: PathLike, *, threshold: float | None = None) -> PredictedMask:
    """Read a mask of one image, as `mammozoo.io.masks.read_mask` does, or a probability map."""
    file = Path(path)
    if file.suffix.lower() == ".dcm":
        from ..clinical.seg import read_segmentation

        found = read_segmentation(file)
        share = found.mask if found.kind == "fractional" else None
        judged = _probability(share, file, threshold) if share is not None else PredictedMask(found.mask != 0)
        return PredictedMask(judged.mask, judged.probability, found.source_sop_instance_uid)
    if threshold is None and not file.name.lower().endswith((".tif", ".tiff", ".nii", ".nii.gz")):
        read = read_mask(file)
        return PredictedMask(read.mask != 0, note=read.note)
    values = mask_values(file)
    if values.dtype.kind == "f" and not bool(np.all(values == np.rint(values))):
        return _probability(values, file, threshold)
    if threshold is not None and values.dtype.kind == "u":
        full = np.iinfo(values.dtype).max
        if not np.isin(np.unique(values), (0, 1, full)).all():
            share = values.astype(np.float32) / np.float32(full)
            return PredictedMask(share >= threshold, share)
    read = read_mask(file)
    return PredictedMask(read.mask != 0, note=read.note)


def _probability(values: Array, file: Path, threshold: float | None) -> PredictedMask:
    low, high = float(values.min()), float(values.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # also false for NaN
        msg = f"{file.name}: probabilities must lie in 0 to 1, got {low:g} to {high:g}"
        raise BadPixelsError(msg)
    return PredictedMask(values >= (_HALF if threshold is None else threshold), values.astype(np.float32))


def read_probability(path: PathLike) -> Array:
    """Probability map beside a mask: a PNG whose full scale is 1, or nnU-Net's ``.npz`` (one minus background)."""
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
    """SOP instance UID of a DICOM file; empty for other files."""
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
    except (OSError, pydicom.errors.InvalidDicomError):
        return ""
    return str(header.get("SOPInstanceUID", ""))
