# SPDX-License-Identifier: Apache-2.0
"""Read one mammogram: decode, modality LUT, VOI, one inversion, and what the header says of it.

References
----------
DICOM PS3.3, C.8.11 (mammography), C.11.1, C.11.2 (LUTs); PS3.4, Annex N.2 (order of the grey-scale transforms).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from ..._optional import optional_import
from ..._typing import Array, PathLike
from ...functional.intensity import presentation_like
from ..errors import BadHeaderError, BadPixelsError, MammogramError, NotAnImageError, UnsupportedError
from ..raster.read import is_raster, read_raster
from .decode import decode_frame
from .geometry import acquisition_flags, chest_edge, laterality, pixel_spacing, view_position
from .grayscale import Grayscale, GrayTable, gray_table, is_padding
from .header import PixelFormat, check_header, number, read_header, text
from .reduced import area_reduced, check_reduce, decode_reduced

__all__ = ["MAX_PIXELS", "Mammogram", "read_mammogram"]

MAX_PIXELS = 200_000_000
_PROCESSING_CLASS = "1.2.840.10008.5.1.4.1.1.1.2.1"
_STRATA = (
    "Manufacturer", "ManufacturerModelName", "BodyPartThickness", "CompressionForce", "KVP", "Exposure", "PatientAge",
)  # fmt: skip
_UIDS = ("SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID")


@dataclass(frozen=True)
class Mammogram:
    """One image as it should be looked at: bright is tissue.

    Attributes
    ----------
    pixels : numpy.ndarray
        (H, W), uint16 or uint8 (raster files keep their depth).
    pixel_spacing : (float, float) or None
        Row and column spacing in mm.
    spacing_source : str
    laterality : str
        ``"L"``, ``"R"`` or ``""``.
    view_position : str
        ``"CC"``, ``"MLO"``, ... or ``""``.
    presentation_intent : str
        ``"FOR PRESENTATION"``, ``"FOR PROCESSING"`` or ``""``.
    photometric : str
    voi : str
        What was applied: ``"window 1 of 2 (LINEAR)"``, ``"lut 1 of 1"``, ``"log"`` for raw data, ``"none"``.
    bits_stored : int
    uids : mapping of str to str
    flags : tuple of str
        For example ``("implant", "magnified")``.
    warnings : tuple of str
    strata : mapping of str to str
        Vendor, model, thickness, force, tube voltage, exposure, age. Nothing that identifies the patient.
    reduction : str
        ``""`` at full size; ``"1/4 (wavelet)"`` or ``"1/4 (area)"`` where it was read smaller: size and spacing are
        those of the smaller image.
    """

    pixels: Array
    pixel_spacing: tuple[float, float] | None = None
    spacing_source: str = ""
    laterality: str = ""
    view_position: str = ""
    presentation_intent: str = ""
    photometric: str = ""
    voi: str = "none"
    bits_stored: int = 0
    uids: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    strata: Mapping[str, str] = field(default_factory=dict)
    reduction: str = ""


def read_mammogram(
    path: PathLike,
    *,
    voi: str | int = "first",
    frame: int | None = None,
    allow_color: bool = False,
    raw: bool = False,
    reduce: int = 0,
    backend: str = "pydicom",
    max_pixels: int = MAX_PIXELS,
) -> Mammogram:
    """Read a DICOM mammogram, or a PNG, JPEG, TIFF or PGM image.

    Parameters
    ----------
    path : path
        The content decides, not the suffix.
    voi : "first", "none", int or str
        Which VOI of the header to apply: the first, none, the one of that index (windows after LUTs), or the window
        with that explanation. Only for images for presentation.
    frame : int, optional
        Frame of a multi-frame object, from 0; without it such an object is refused.
    allow_color : bool
        Read the luminance of colour secondary captures.
    raw : bool
        Leave images for processing as the detector gave them, rather than bring them to a presentation-like scale.
    reduce : int
        Read at 1 / 2 ** `reduce` of the size, 0 to 3. JPEG 2000 and HTJ2K decode no more than that; everything else is
        decoded and averaged down. Not for calcifications: they are a pixel or two wide.
    backend : {"pydicom", "itk"}
        What decodes DICOM pixels: pydicom's parser with imagecodecs, or ITK (the extra ``itk``), which is slower.
    max_pixels : int
        Larger images are refused before anything is decoded.

    Returns
    -------
    Mammogram

    Raises
    ------
    MammogramError
        And nothing else, whatever the file holds; the message names the file, the attribute and what was expected.
    ValueError
        If `reduce` or `backend` is none of these.
    ImportError
        For the backend ``"itk"`` without its extra.

    Notes
    -----
    Order: decode (and reduce), stored bits, modality LUT, VOI, inversion (once, by PhotometricInterpretation). Padding
    becomes the darkest value. Overlay planes are never burnt in. Images for processing get logarithm and inversion
    (Keller et al. 2012), which `Mammogram.voi` says.

    Examples
    --------
    >>> read_mammogram("absent.dcm")
    Traceback (most recent call last):
    ...
    mammozoo.io.errors.NotAnImageError: absent.dcm: there is no such file
    """
    check_reduce(reduce)
    if backend not in ("pydicom", "itk"):
        msg = f"backend must be 'pydicom' or 'itk', got {backend!r}"
        raise ValueError(msg)
    if backend == "itk":
        optional_import("itk", extra="itk")
    path = Path(path)
    try:
        if not path.is_file():
            msg = f"{path.name}: {'it is a folder' if path.is_dir() else 'there is no such file'}"
            raise NotAnImageError(msg)
        if path.stat().st_size == 0:
            msg = f"{path.name} is empty"
            raise NotAnImageError(msg)
        if is_raster(path):
            return _read_raster(path, reduce=reduce, max_pixels=max_pixels)
        decode = _Decoding(frame, reduce=reduce, backend=backend)
        return _read_dicom(path, voi, decode, allow_color=allow_color, raw=raw, max_pixels=max_pixels)
    except MammogramError:
        raise
    except PermissionError as error:
        msg = f"{path.name}: permission denied"
        raise NotAnImageError(msg) from error
    except Exception as error:
        msg = f"{path.name} cannot be decoded ({type(error).__name__}); the file is damaged"
        raise BadPixelsError(msg) from None


def _read_raster(path: Path, *, reduce: int, max_pixels: int) -> Mammogram:
    found = Mammogram(**read_raster(path, max_pixels=max_pixels))
    if not reduce:
        return found
    return replace(found, pixels=area_reduced(found.pixels, reduce), reduction=f"1/{1 << reduce} (area)")


@dataclass(frozen=True)
class _Decoding:
    """How the pixels of a DICOM file are to be decoded."""

    frame: int | None
    reduce: int
    backend: str

    def __call__(self, path: Path, dataset: Dataset, layout: PixelFormat) -> tuple[Array, str]:
        """Stored values, and how they were reduced."""
        name, frame = path.name, self.frame or 0
        if layout.frames > 1 and self.frame is None:
            msg = f"{name} has {layout.frames} frames; name one (frame=0) to read it"
            raise UnsupportedError(msg)
        if not 0 <= frame < layout.frames:
            msg = f"{name}: frame {frame} was asked for, it has {layout.frames}"
            raise BadHeaderError(msg)
        if self.reduce and layout.photometric == "PALETTE COLOR":
            msg = f"{name}: colours of a palette cannot be averaged; read it at full size (reduce=0)"
            raise UnsupportedError(msg)
        if self.reduce and self.backend == "pydicom":
            return decode_reduced(dataset, layout, frame=frame, name=name, reduce=self.reduce)
        if self.backend == "pydicom":
            return decode_frame(dataset, layout, frame=frame, name=name), ""
        from .itk_pixels import decode_frame_itk

        full = decode_frame_itk(path, dataset, layout, frame=frame, name=name)
        return (area_reduced(full, self.reduce), f"1/{1 << self.reduce} (area)") if self.reduce else (full, "")


def _read_dicom(
    path: Path, voi: str | int, decode: _Decoding, *, allow_color: bool, raw: bool, max_pixels: int
) -> Mammogram:
    name = path.name
    dataset = read_header(path, max_bytes=8 * max_pixels)
    layout = check_header(dataset, name=name, max_pixels=max_pixels, allow_color=allow_color)
    stored, reduction = decode(path, dataset, layout)
    intent = _intent(dataset)
    if layout.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        gray = Grayscale(_luminance(stored, dataset), "none", ())
    elif intent == "FOR PROCESSING" and not raw:
        gray = _presentation_like(stored, dataset, layout)
    else:
        wanted = "none" if intent == "FOR PROCESSING" else voi  # windows of raw data are for no screen
        gray = gray_table(dataset, layout, voi=wanted, name=name).apply(stored, in_place=True)
    view, modifiers = view_position(dataset)
    spacing, source = pixel_spacing(dataset)
    factor = 1 << decode.reduce
    side, flags = laterality(dataset), acquisition_flags(dataset, modifiers=modifiers)
    return Mammogram(
        pixels=gray.pixels,
        pixel_spacing=None if spacing is None else (spacing[0] * factor, spacing[1] * factor),
        spacing_source=source,
        laterality=side,
        view_position=view,
        presentation_intent=intent,
        photometric=layout.photometric,
        voi=gray.voi,
        bits_stored=layout.bits_stored,
        uids={key: text(dataset, key) for key in _UIDS},
        flags=flags,
        warnings=(*gray.warnings, *_contradiction(gray.pixels, side, chest_edge(dataset, side))),
        strata={key: text(dataset, key) for key in _STRATA if text(dataset, key)},
        reduction=reduction,
    )


def _intent(dataset: Dataset) -> str:
    if text(dataset, "SOPClassUID") == _PROCESSING_CLASS:
        return "FOR PROCESSING"
    return text(dataset, "PresentationIntentType").upper()


def _presentation_like(stored: Array, dataset: Dataset, layout: PixelFormat) -> Grayscale:
    """Logarithm and inversion of raw data: bright is tissue, decided once."""
    sign = number(dataset, "PixelIntensityRelationshipSign")
    air_is_bright = layout.photometric == "MONOCHROME1" or sign == 1
    stated = air_is_bright or sign == -1
    warnings = () if stated else ("polarity of the raw data is not stated: taken as bright tissue",)
    padded = is_padding(stored, dataset)
    shown = stored if padded is None else stored[~padded]
    low, high = int(shown.min()), int(shown.max())
    values = np.arange(low, high + 1)
    table = presentation_like(values, invert_polarity=air_is_bright)
    if (between := is_padding(values, dataset)) is not None:
        table[between] = 0.0  # padding beyond the image's range is in no entry, which is 0 too
    scale = 65535 / table.max() if table.max() > 0 else 0.0
    levels = np.rint(table * scale).astype(np.uint16)
    return GrayTable(levels, low, "log", warnings).apply(stored, in_place=True)


def _luminance(stored: Array, dataset: Dataset) -> Array:
    """ITU-R BT.601 luminance of RGB, the first component of YBR; a palette is looked up first."""
    photometric = text(dataset, "PhotometricInterpretation").upper()
    if photometric == "PALETTE COLOR":
        planes = [_palette(stored, dataset, colour) for colour in ("Red", "Green", "Blue")]
        stored = np.stack(planes, axis=-1)
    elif photometric.startswith("YBR"):
        return np.ascontiguousarray(stored[..., 0])
    weighted = stored.astype(np.float32) @ np.asarray([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.rint(weighted).astype(stored.dtype))


def _palette(stored: Array, dataset: Dataset, colour: str) -> Array:
    count, first, bits = (int(v) for v in dataset[f"{colour}PaletteColorLookupTableDescriptor"].value)
    data = dataset[f"{colour}PaletteColorLookupTableData"].value
    table = np.frombuffer(data, dtype="<u2" if bits > 8 else "u1")
    return np.asarray(table[np.clip(stored.astype(np.int64) - first, 0, (count or 65536) - 1)].astype(np.uint16))


def _contradiction(pixels: Array, side: str, edge: str) -> tuple[str, ...]:
    """Warn where the breast stands at the edge of the frame that the header does not suggest."""
    if not side or not edge:
        return ()
    step = max(1, min(64, pixels.shape[0] // 64))  # rows a page apart are what costs time
    small: Any = pixels[::step, ::16].astype(np.float32)
    third = max(small.shape[1] // 3, 1)
    left, right = float(small[:, :third].mean()), float(small[:, -third:].mean())
    seen = "right" if left < 0.8 * right else "left" if right < 0.8 * left else edge
    return () if seen == edge else (f"laterality is {side}, but the breast touches the other side of the frame",)
