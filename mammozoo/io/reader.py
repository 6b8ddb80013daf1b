# SPDX-License-Identifier: Apache-2.0
"""MONAI's way to read mammograms: DICOM, PNG, JPEG, TIFF, PGM, BMP, and 2-D NIfTI."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from monai.data import ImageReader
from monai.utils import ensure_tuple

from .._typing import Array, PathLike
from .dicom.read import Mammogram, read_mammogram
from .errors import BadPixelsError, UnsupportedError

__all__ = ["MammogramReader"]


class MammogramReader(ImageReader):  # type: ignore[misc]
    """Read images with `mammozoo.io.dicom.read.read_mammogram`, for ``LoadImaged(reader=...)``.

    Parameters
    ----------
    voi : "first", "none", int or str
        As in `read_mammogram`.
    allow_color : bool
    raw : bool
    reduce : int
    backend : {"pydicom", "itk"}
        As in `read_mammogram`.
    intents : sequence of str
        Presentation intents that are expected, ``"FOR PRESENTATION"`` or ``"FOR PROCESSING"``: what a network was
        trained on. A file that states another one is read with a warning. Empty expects nothing.

    Notes
    -----
    `get_data` returns the transposed *view* (W, H), as MONAI's readers do; nothing is copied. NIfTI files keep their
    shape, (W, H) or (W, H, 1). The metadata hold no None (MONAI cannot collate it): unknown text is ``""``, unknown
    spacing NaN; the affine is then the unit matrix. Nothing of the patient is in them. ``reduction`` says how an image
    was read smaller, ``""`` at full size; NIfTI files are not, and masks read smaller are averaged.

    Examples
    --------
    >>> from monai.transforms import LoadImaged
    >>> load = LoadImaged("image", reader=MammogramReader(), image_only=True)
    """

    def __init__(
        self,
        *,
        voi: str | int = "first",
        allow_color: bool = False,
        raw: bool = False,
        reduce: int = 0,
        backend: str = "pydicom",
        intents: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.intents = tuple(intents)
        self.voi = voi
        self.allow_color = allow_color
        self.raw = raw
        self.reduce = reduce
        self.backend = backend

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Accept every file: the content decides."""
        return True

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> list[tuple[str, Mammogram, Array | None]]:
        """Read one or several files.

        Raises
        ------
        MammogramError
            As `read_mammogram`.
        """
        return [self._read(str(path)) for path in ensure_tuple(data)]

    def _read(self, path: str) -> tuple[str, Mammogram, Array | None]:
        if path.endswith((".nii", ".nii.gz")):
            if self.reduce:
                msg = f"{Path(path).name}: NIfTI files are read at full size only (reduce=0)"
                raise UnsupportedError(msg)
            pixels, affine = _read_nifti(Path(path))
            spacing = (float(np.linalg.norm(affine[:3, 1])), float(np.linalg.norm(affine[:3, 0])))
            return path, Mammogram(pixels=pixels, pixel_spacing=spacing, spacing_source="NIfTI"), affine
        options = {"voi": self.voi, "allow_color": self.allow_color, "raw": self.raw}
        found = read_mammogram(path, **options, reduce=self.reduce, backend=self.backend)  # type: ignore[arg-type]
        if self.intents and found.presentation_intent and found.presentation_intent not in self.intents:
            msg = f"{Path(path).name} is {found.presentation_intent}; expected {' or '.join(self.intents)}"
            warnings.warn(msg, stacklevel=2)
        return path, found, None

    def get_data(self, img: Any) -> tuple[Array, dict[str, Any]]:
        """Return the array (W, H), several files stacked as channels first, and the metadata of the first."""
        items = img if isinstance(img, list) else [img]
        arrays = [mammogram.pixels if affine is not None else mammogram.pixels.T for _, mammogram, affine in items]
        path, mammogram, affine = items[0]
        meta = _metadata(path, replace(mammogram, pixels=arrays[0]), affine)
        if len(arrays) == 1:
            return arrays[0], meta
        meta["original_channel_dim"] = 0
        return np.stack(arrays), meta


def _metadata(path: str, mammogram: Mammogram, affine: Array | None) -> dict[str, Any]:
    spacing = mammogram.pixel_spacing
    if affine is None:
        row, column = spacing or (1.0, 1.0)
        affine = np.diag([column, row, 1.0, 1.0])
    return {
        "filename_or_obj": path,
        "affine": affine,
        "original_affine": affine.copy(),
        "space": "RAS",
        "spatial_shape": np.asarray(mammogram.pixels.shape),
        "original_channel_dim": float("nan"),
        "pixel_spacing": np.asarray(spacing or (np.nan, np.nan), dtype=float),
        "spacing_source": mammogram.spacing_source,
        "laterality": mammogram.laterality,
        "view_position": mammogram.view_position,
        "presentation_intent": mammogram.presentation_intent,
        "voi": mammogram.voi,
        "reduction": mammogram.reduction,
        "kind": mammogram.kind,
        "flags": " ".join(mammogram.flags),
    }


def _read_nifti(path: Path) -> tuple[Array, Array]:
    try:
        image: Any = nibabel.load(path)
        pixels = np.asarray(image.dataobj)
    except Exception as error:
        msg = f"{path.name} cannot be read as NIfTI ({type(error).__name__})"
        raise BadPixelsError(msg) from None
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3)):
        msg = f"{path.name} has shape {pixels.shape}; expected (W, H) or (W, H, 1)"
        raise BadPixelsError(msg)
    return pixels, np.asarray(image.affine, dtype=float)
