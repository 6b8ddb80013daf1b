# SPDX-License-Identifier: Apache-2.0
"""What the index looks at in the files of one record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._typing import Array
from ...io.shape import image_shape
from ..checks import mask_misfit
from ..masks import read_pixels, record_masks
from ..record import Record

#: A mask with more than this share of its pixels in the dark lies beside the breast.
OFF_BREAST = 0.5


@dataclass(frozen=True)
class Measured:
    """Measures of one record."""

    shape: tuple[int, int] | None
    pixels: int = 0
    positive: int = 0
    troubles: tuple[tuple[str, str, str], ...] = ()


def measure(record: Record, *, check_pixels: bool) -> Measured:
    """Look at the image (header or pixels) and the mask of a record."""
    image = None
    try:
        image = read_pixels(record.image) if check_pixels else None
        shape = image_shape(record.image) if image is None else (image.shape[0], image.shape[1])
    except Exception as error:
        # Decoders raise all sorts of errors on broken files; none may stop the index of the others.
        return Measured(shape=None, troubles=(("unreadable", "images cannot be read", f"{record.id} ({error})"),))
    if not record.has_mask:
        return Measured(shape=shape)
    misfit = mask_misfit(record)
    if misfit:
        return Measured(shape=shape, troubles=(("mask", "masks do not fit their images", f"{record.id}: {misfit}"),))
    try:
        mask, notes = record_masks(record, shape=shape)
    except Exception as error:
        trouble = ("unreadable", "masks cannot be read", f"{record.id} ({error})")
        return Measured(shape=shape, troubles=(trouble,))
    troubles = [("mask", note, record.id) for note in notes]
    stored = image_shape(record.label_path) if record.label_path is not None else shape
    if stored != shape:
        detail = "masks have another size than their images and are resized"
        troubles.append(("mask", detail, f"{record.id} {stored} {shape}"))
    if image is not None and off_breast(mask, image) > OFF_BREAST:
        troubles.append(("mask", "masks lie mostly beside the breast", record.id))
    if not mask.any() and record.class_name not in {"", "normal"}:
        troubles.append(("mask", "masks of labelled lesions are empty", record.id))
    if 2 * int(mask.sum()) > mask.size:
        troubles.append(("mask", "masks cover more than half of their images: is background 0?", record.id))
    return Measured(shape=shape, pixels=mask.size, positive=int(mask.sum()), troubles=tuple(troubles))


def off_breast(mask: Array, pixels: Array) -> float:
    """Share of a mask that lies on dark pixels."""
    low, high = np.percentile(pixels, [0.5, 99.5])
    lesion = np.asarray(mask) > 0
    if not lesion.any():
        return 0.0
    return float((pixels[lesion] <= low + 0.05 * (high - low)).mean())
