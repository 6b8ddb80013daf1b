# SPDX-License-Identifier: Apache-2.0
"""Masks as NIfTI files, and back.

A mask (H, W) is stored as **(W, H, 1)** uint8. The third axis is what makes viewers and MONAI Label take it:
3D Slicer writes labels with a slice axis, ITK keeps the spacing of 3-D files only by the affine, and MONAI's
``LoadImaged`` gives (W, H, 1), the axis order of this project's configurations with a trailing one.

The affine is ``diag(-column spacing, -row spacing, 1)``: NIfTI's axes point right, anterior, superior (RAS),
while ITK and 3D Slicer open images without orientation (PNG, most mammograms) with identity directions in
left, posterior, superior (LPS). With the two signs the mask lies on its image in the viewer, unflipped.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from ..._typing import Array, PathLike
from ..errors import MammogramError
from ..write import write_bytes

_UNKNOWN_UNIT, _MILLIMETRE = 0, 2  # NIfTI-1 xyzt_units
_ALIGNED = 2  # NIfTI-1 qform and sform code: aligned to something, but not to scanner coordinates


def write_mask_nifti(path: PathLike, mask: Array, *, pixel_spacing: tuple[float, float] | None) -> Path:
    """Write a mask as ``.nii.gz`` with values 0 and 1, atomically."""
    import nibabel as nib

    if mask.ndim != 2:
        msg = f"a mask of shape (H, W) is needed, got {mask.shape}"
        raise ValueError(msg)
    if not Path(path).name.endswith(".nii.gz"):
        msg = f"a name that ends in .nii.gz is needed, got {Path(path).name}"
        raise ValueError(msg)
    rows, columns = (1.0, 1.0) if pixel_spacing is None else (float(pixel_spacing[0]), float(pixel_spacing[1]))
    if not (0 < rows < np.inf and 0 < columns < np.inf):
        msg = f"pixel_spacing must be two positive lengths in mm, got {pixel_spacing}; None = unknown"
        raise ValueError(msg)
    data = np.asfortranarray((mask != 0).T[..., None].astype(np.uint8))
    image = nib.nifti1.Nifti1Image(data, np.diag([-columns, -rows, 1.0, 1.0]))
    image.header.set_xyzt_units(xyz=_UNKNOWN_UNIT if pixel_spacing is None else _MILLIMETRE)
    image.set_qform(image.affine, _ALIGNED)
    image.set_sform(image.affine, _ALIGNED)
    return write_bytes(path, gzip.compress(image.to_bytes(), compresslevel=3, mtime=0))


def is_nifti(path: PathLike) -> bool:
    """Whether a file is NIfTI by its name."""
    return Path(path).name.lower().endswith((".nii", ".nii.gz"))


def nifti_shape(path: PathLike) -> tuple[int, int]:
    """Rows and columns of a NIfTI file of one slice, from its header."""
    width, height = _one_slice(tuple(_open(path).shape), path)
    return height, width


def read_nifti(path: PathLike) -> tuple[Array, tuple[float, float] | None]:
    """Read the values of a NIfTI file of one slice, written by this module, by 3D Slicer or by MONAI."""
    image = _open(path)
    shape = _one_slice(tuple(image.shape), path)
    try:
        values = np.asanyarray(image.dataobj).reshape(shape)
    except Exception as error:  # whatever damaged data make the decoder raise
        raise _unreadable(path, error) from error
    columns, rows = (float(size) for size in image.header.get_zooms()[:2])
    unit = image.header.get_xyzt_units()[0]
    return np.ascontiguousarray(values.T), None if unit == "unknown" else (rows, columns)


def _open(path: PathLike) -> Any:
    import nibabel as nib

    try:
        return nib.loadsave.load(path)  # type: ignore[attr-defined]
    except Exception as error:  # whatever a damaged header makes nibabel raise
        raise _unreadable(path, error) from error


def _unreadable(path: PathLike, error: Exception) -> MammogramError:
    return MammogramError(f"{Path(path).name}: not a readable NIfTI file ({type(error).__name__})")


def _one_slice(shape: tuple[int, ...], path: PathLike) -> tuple[int, int]:
    if len(shape) < 2 or shape[2:].count(1) != len(shape) - 2:
        msg = f"{Path(path).name}: a mask of one slice, (W, H) or (W, H, 1), is needed, got {shape}"
        raise MammogramError(msg)
    return shape[0], shape[1]
