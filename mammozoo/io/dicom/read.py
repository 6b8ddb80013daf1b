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
from ...functional.intensity import apply_lut
from ..errors import BadHeaderError, BadPixelsError, MammogramError, NotAnImageError, UnsupportedError
from ..raster.read import is_raster, read_raster
from .decode import decode_frame
from .geometry import acquisition_flags, chest_edge, laterality, view_position
from .grayscale import Grayscale, gray_table
from .header import BIG_ENDIAN, PixelFormat, check_header, read_header, text
from .kinds import DEFAULT_KINDS, KINDS, image_kind, tomosynthesis_wrapping, volume_wrapping
from .lut import lookup_table
from .processing import shown_raw
from .reduced import area_reduced, check_reduce, decode_reduced
from .spacing import spacing_of
from .stored import Decoded

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
        What was applied: ``"window 1 of 2 (LINEAR)"``, ``"lut 1 of 1"``, ``"none"``; for raw data ``"log"``, or
        ``"none (LOG data)"`` where they are logarithms as they come.
    bits_stored : int
    uids : mapping of str to str
    kind : str
        One of `mammozoo.io.dicom.kinds.KINDS`, as ``"screening"``; ``""`` is not known, as of raster files.
    flags : tuple of str
        For example ``("implant", "magnified")``; kinds that are no screening views, and ``"flat"`` where all pixels but
        one in a thousand have one value.
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
    kind: str = ""
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
        Which VOI of the header to apply: the first that is valid and leaves any contrast, none, the one of that index
        (windows after LUTs), or the window with that explanation. Only for images for presentation.
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
    (Keller et al. 2012), which `Mammogram.voi` says. What is wrong in a header and can be mended is a warning.

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
    found = _with_flatness(Mammogram(**read_raster(path, max_pixels=max_pixels)))
    if not reduce:
        return found
    return replace(found, pixels=area_reduced(found.pixels, reduce), reduction=f"1/{1 << reduce} (area)")


@dataclass(frozen=True)
class _Decoding:
    """How the pixels of a DICOM file are to be decoded."""

    frame: int | None
    reduce: int
    backend: str

    def __call__(self, path: Path, dataset: Dataset, layout: PixelFormat) -> tuple[Decoded, str]:
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
        if not self.reduce:
            return full, ""
        return replace(full, pixels=area_reduced(full.pixels, self.reduce)), f"1/{1 << self.reduce} (area)"


def _read_dicom(
    path: Path, voi: str | int, decode: _Decoding, *, allow_color: bool, raw: bool, max_pixels: int
) -> Mammogram:
    name = path.name
    dataset = read_header(path, max_bytes=8 * max_pixels)
    kind = image_kind(dataset)
    if kind == "tomosynthesis" and decode.frame is None and (wrapping := volume_wrapping(dataset)):
        msg = f"{name} is {wrapping}; 2-D mammograms are read here, or one frame that is named (frame=0)"
        raise UnsupportedError(msg)
    layout = check_header(dataset, name=name, max_pixels=max_pixels, allow_color=allow_color)
    decoded, reduction = decode(path, dataset, layout)
    intent, found = _intent(dataset), decoded.layout
    if layout.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        gray = Grayscale(_luminance(decoded.pixels, dataset), "none", ())
    elif intent == "FOR PROCESSING" and not raw:
        gray = shown_raw(decoded.pixels, dataset, found)
    else:
        wanted = "none" if intent == "FOR PROCESSING" else voi  # windows of raw data are for no screen
        table = gray_table(decoded.pixels, dataset, found, voi=wanted, name=name)
        gray = table.apply(decoded.pixels, in_place=True)
    return _described(dataset, gray, decoded, kind=kind, intent=intent, reduction=reduction, reduce=decode.reduce)


def _described(
    dataset: Dataset, gray: Grayscale, decoded: Decoded, *, kind: str, intent: str, reduction: str, reduce: int
) -> Mammogram:
    """The image with what its header says."""
    view, modifiers = view_position(dataset)
    spacing, side = spacing_of(dataset), laterality(dataset)
    flags = acquisition_flags(dataset, modifiers=modifiers)
    if kind not in ("", *DEFAULT_KINDS):
        flags = (kind, *flags)
    wrapping = (tomosynthesis_wrapping(dataset) or KINDS[kind],) if kind == "tomosynthesis" else ()
    remarks = (*wrapping, *decoded.remarks, *gray.warnings, *spacing.remarks)
    if kind in ("", "screening"):
        remarks += _contradiction(gray.pixels, side, chest_edge(dataset, side))
    rows_columns = spacing.value and (spacing.value[0] * (1 << reduce), spacing.value[1] * (1 << reduce))
    return _with_flatness(
        Mammogram(
            pixels=gray.pixels,
            pixel_spacing=rows_columns,
            spacing_source=spacing.source,
            laterality=side,
            view_position=view,
            presentation_intent=intent,
            photometric=text(dataset, "PhotometricInterpretation").upper(),
            voi=gray.voi,
            bits_stored=decoded.layout.bits_stored,
            uids={key: text(dataset, key) for key in _UIDS},
            kind=kind,
            flags=flags,
            warnings=remarks,
            strata={key: text(dataset, key) for key in _STRATA if text(dataset, key)},
            reduction=reduction,
        )
    )


def _with_flatness(mammogram: Mammogram) -> Mammogram:
    """Flag an image in which there is nothing to see."""
    pixels = mammogram.pixels
    some = pixels[:: max(1, pixels.shape[0] // 64), :: max(1, pixels.shape[1] // 64)]
    value = np.sort(some, axis=None)[some.size // 2]
    if np.count_nonzero(some != value) > some.size * 0.01 or np.count_nonzero(pixels != value) > pixels.size * 0.001:
        return mammogram
    remark = f"the image is flat: nearly all of its pixels are {value}"
    return replace(mammogram, flags=(*mammogram.flags, "flat"), warnings=(*mammogram.warnings, remark))


def _intent(dataset: Dataset) -> str:
    if text(dataset, "SOPClassUID") == _PROCESSING_CLASS:
        return "FOR PROCESSING"
    return text(dataset, "PresentationIntentType").upper()


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
    named = f"{colour}PaletteColorLookupTable"
    span = float(stored.min()), float(stored.max())
    big_endian = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID") == BIG_ENDIAN
    table = lookup_table(
        dataset.get(f"{named}Descriptor"), dataset.get(f"{named}Data"), span=span, big_endian=big_endian
    )
    return apply_lut(stored, table=table.entries, first=table.first).astype(np.uint16)


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
