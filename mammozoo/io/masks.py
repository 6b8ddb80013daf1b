# SPDX-License-Identifier: Apache-2.0
"""Lesion masks in files: one rule for the index, training, evaluation and scoring.

Lossless two-level files and numbered lesions: every non-zero pixel is lesion. Soft edges (interpolation, a soft brush,
JPEG): lesion is what exceeds half of the maximum. Gray images, probability maps that fill the frame and several slices
are refused.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import imagecodecs
import numpy as np

from .._errors import UserError
from .._typing import Array, PathLike
from .errors import BadPixelsError, MammogramError
from .raster.nifti import is_nifti, read_nifti
from .raster.pgm import PGM
from .raster.read import decode_raster, upright
from .raster.tiff import TIFF, decode_page, tiff_pages
from .shape import image_shape

logger = logging.getLogger(__name__)

LOSSY = "lossy masks (JPEG): lesion is what exceeds half of the maximum"
SOFT = "masks with soft edges: lesion is what exceeds half of the maximum"
INVERTED = "TIFF masks that store white as 0: the smaller part is lesion"

_FORMATS = "PNG, BMP, GIF, TIFF, JPEG, PNM, NIfTI or DICOM"
_JPEG = b"\xff\xd8\xff"
_LABELS = 32  # integers up to here are lesion numbers
_MAX_PIXELS = 1 << 28
_MIDDLE = (0.1, 0.9)  # of the maximum: pixels between are neither background nor lesion
#: Two shapes are one picture when their row and column ratios agree this well (two scanner pitches).
RATIO_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class MaskFile:
    """A mask as read."""

    mask: Array
    note: str = ""


def read_mask(path: PathLike) -> MaskFile:
    """Read the lesion mask of one image.

    Parameters
    ----------
    path : path
        PNG, BMP, GIF, PNM, TIFF (8 to 32 bits, float; the pages are united), JPEG, NIfTI of one slice, DICOM
        (secondary capture or segmentation).

    Returns
    -------
    MaskFile

    Raises
    ------
    MammogramError
        If the file cannot be read or holds no mask (see `binary_mask`).

    Notes
    -----
    Of a colour file the brightest channel counts; alpha only where the colours are even.

    Examples
    --------
    >>> import tempfile
    >>> from .write import write_png
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = write_png(f"{folder}/m.png", 255 * np.eye(3, dtype=np.uint8))
    ...     int(read_mask(file).mask.sum())
    3
    """
    file = Path(path)
    with _reading(file):
        _check_size(file)
        data = b"" if is_nifti(file) else file.read_bytes()
        if data.startswith(TIFF):
            return _tiff_mask(data, name=file.name)
        values = mask_values(file, data=data)
    mask, note = binary_mask(values, name=file.name, lossy=data.startswith(_JPEG))
    return MaskFile(mask, note)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Make one error with the file's name of whatever a decoder raises."""
    if not file.is_file():
        raise BadPixelsError(f"{file}: {'it is a folder' if file.is_dir() else 'there is no such file'}")
    try:
        yield
    except (MammogramError, UserError):
        raise
    except Exception as error:
        size = file.stat().st_size
        raise BadPixelsError(f"{file} ({size} bytes) cannot be decoded as a mask; fetch the file again") from error


def mask_values(path: PathLike, *, data: bytes | None = None) -> Array:
    """Decode a mask file to its values (H, W), whatever they mean; of a TIFF the first page."""
    file = Path(path)
    with _reading(file):
        if is_nifti(file):
            return read_nifti(file)[0]
        if data is None:
            _check_size(file)
            data = file.read_bytes()
        if data.startswith(TIFF):
            return _one_channel(np.asarray(imagecodecs.tiff_decode(data)))
        values = _decoded(data, name=file.name)
        return _dicom_values(file) if values is None else _one_channel(values)


def _check_size(file: Path) -> None:
    """Refuse what states more pixels than any mammogram has, before they are decoded."""
    with suppress(MammogramError):
        height, width = image_shape(file)
        if height * width > _MAX_PIXELS:
            raise UserError(f"{file} is {height} x {width}; at most {_MAX_PIXELS} pixels are read")


def _decoded(data: bytes, *, name: str) -> Array | None:
    """Pixels of a PNG, JPEG, GIF, BMP or PNM; None for other files."""
    if data.startswith(b"GIF8"):
        frames = np.asarray(imagecodecs.gif_decode(data, asrgb=True))
        return frames if frames.ndim == 3 else np.asarray(frames.max(axis=0))
    if data[:2] in (b"P1", b"P3", b"P4", b"P6"):
        return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))
    if data.startswith((_JPEG, b"\x89PNG\r\n\x1a\n", b"BM", *PGM)):
        return decode_raster(data, name=name, max_pixels=_MAX_PIXELS).pixels
    return None


def _dicom_values(file: Path) -> Array:
    from .clinical.seg import read_segmentation
    from .dicom.read import read_mammogram

    try:
        return np.asarray(read_mammogram(file, voi="none").pixels)
    except MammogramError as error:
        try:
            return np.asarray(read_segmentation(file).mask)
        except Exception:
            msg = f"{file} ({file.stat().st_size} bytes) cannot be decoded as a mask; expected {_FORMATS} ({error})"
            raise BadPixelsError(msg) from error


def _tiff_mask(data: bytes, *, name: str) -> MaskFile:
    """Union of the pages of the largest size; smaller versions of them are passed over."""
    pages = tiff_pages(data)
    largest = max(pages, key=lambda page: page.size)
    shape = (largest.height, largest.width)
    masks, notes = [], []
    for number, page in enumerate(pages):
        found = (page.height, page.width)
        if found != shape and page.is_image and not same_aspect(found, shape):
            raise BadPixelsError(f"{name}: page {number + 1} is {found}, another {shape} (rows, columns)")
        if found != shape or (largest.is_image and not page.is_image):  # a thumbnail, a mask of transparency
            continue
        mask, note = binary_mask(_one_channel(decode_page(data, number, page), shape=shape), name=name)
        if page.photometric == 0:  # shown inverted; scanners write background so, ImageJ lesions
            mask, note = (mask if 2 * int(mask.sum()) < mask.size else 1 - mask), INVERTED
        masks.append(upright(mask, page.orientation))
        notes.append(note)
    return MaskFile(np.maximum.reduce(masks), next((note for note in notes if note), ""))


def _one_channel(pixels: Array, *, shape: tuple[int, int] | None = None) -> Array:
    """Brightest channel of (H, W, C), or of (C, H, W) where the header says so; alpha where the colours are even."""
    if pixels.dtype == bool or pixels.ndim == 2:
        return pixels
    if shape is not None and pixels.shape[:2] != shape and pixels.shape[-2:] == shape:
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim != 3:
        raise ValueError(f"an array of {pixels.shape}")
    if pixels.shape[-1] in (2, 4):
        colours, alpha = pixels[..., :-1], pixels[..., -1]
        even = not np.ptp(colours.reshape(-1, colours.shape[-1]), axis=0).any()
        return np.ascontiguousarray(alpha if even and np.ptp(alpha) else colours.max(axis=-1))
    return np.ascontiguousarray(pixels.max(axis=-1))


def binary_mask(values: Array, *, name: str = "the mask", lossy: bool = False) -> tuple[Array, str]:
    """Tell lesion from background in the values of a mask."""
    values = np.asarray(values)
    if values.dtype == bool or not values.size:
        return values.astype(np.uint8), ""
    low, top = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and -0.25 * top <= low < 0:  # cubic interpolation swings below 0, and above as far
        values, low, top = np.clip(values, 0, top + low), 0.0, top + low
    if not (low >= 0 and top < np.inf):  # also false for NaN
        raise BadPixelsError(
            f"{name} holds values from {low:g} to {top:g}; expected 0 for background, more for lesions"
        )
    mask = (values != 0).astype(np.uint8)
    if lossy and top <= _LABELS:  # the coding's noise around nothing
        return np.zeros_like(mask), LOSSY if top else ""
    if top <= (1 if values.dtype.kind in "iu" else 0):
        return mask, ""
    x, y, width, height = cv2.boundingRect(mask)
    place = np.s_[y : y + height, x : x + width]
    window = values[place]  # a lesion is a small part of its frame
    if not lossy and top <= _LABELS and (values.dtype.kind in "iu" or bool((window == np.rint(window)).all())):
        return mask, ""
    middle = (window > _MIDDLE[0] * top) & (window < _MIDDLE[1] * top)
    count, high = int(np.count_nonzero(middle)), int(np.count_nonzero(window >= _MIDDLE[1] * top))
    if not lossy and count and _are_numbers(window, middle):
        return mask, ""
    if count > 0.05 * values.size and count > 4 * high:
        msg = (
            f"{name} is not a mask: {100 * count / values.size:.0f} % of its pixels hold gray levels between 0 and the "
            "maximum; a probability map needs a threshold first (for predictions: --mask-threshold 0.5)"
        )
        raise BadPixelsError(msg)
    half = window > top / 2
    note = LOSSY if lossy else "" if np.array_equal(half, window != 0) else SOFT
    mask[place] = half
    return mask, note


def _are_numbers(values: Array, middle: Array) -> bool:
    """Whether pixels between 0 and the maximum are numbered lesions: most touch their own number or nothing else."""
    touching, even = np.zeros_like(middle), middle.copy()
    for first, second in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        a, b = values[first], values[second]
        both = (a != 0) & (b != 0)
        for place in (first, second):
            touching[place] |= both
            even[place] &= ~both | (a == b)
    touching &= middle
    if touching.any():
        return 2 * int(np.count_nonzero(even & touching)) >= int(np.count_nonzero(touching))
    return 10 * int(np.count_nonzero(middle)) >= int(np.count_nonzero(values))  # dots


def same_aspect(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Whether two (H, W) shapes are one picture at two pitches (ratios agree within 2 %)."""
    rows, columns = first[0] / second[0], first[1] / second[1]
    return abs(rows / columns - 1) <= RATIO_TOLERANCE


def match_shape(mask: Array, shape: tuple[int, ...], *, name: str) -> Array:
    """Bring a mask that was stored at another pitch to the image's size."""
    if mask.shape == tuple(shape):
        return mask
    if not same_aspect(mask.shape, shape):
        raise UserError(misfit(name, mask.shape, shape))
    return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST_EXACT))


def misfit(name: str, mask: tuple[int, ...], image: tuple[int, ...]) -> str:
    """Say that a mask is not its image's."""
    return (
        f"mask {name} is {mask[0]} x {mask[1]}, its image {image[0]} x {image[1]} (rows x columns): "
        "not one picture at two pitches"
    )


_SAID: set[str] = set()


def say_once(note: str, path: PathLike) -> None:
    """Log what was decided about masks, once a process and kind."""
    if note and note not in _SAID:
        _SAID.add(note)
        logger.warning("%s (first: %s)", note, path)
