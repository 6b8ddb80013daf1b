# SPDX-License-Identifier: Apache-2.0
"""What the index looks at in the files of one record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..._typing import Array
from ..masks import read_pixels, record_mask
from ..record import Record
from .shapes import image_shape

__all__ = ["Measured", "measure", "off_breast"]

#: A mask with more than this share of its pixels in the dark lies beside the breast.
OFF_BREAST = 0.5


@dataclass(frozen=True)
class Measured:
    """Measures of one record.

    Parameters
    ----------
    shape : (int, int) or None
        Rows and columns of the image; None where it was not read.
    pixels, positive : int
        Size and positive pixels of the mask; 0 and 0 without one.
    troubles : tuple of (str, str, str)
        Kind, detail, example.

    Examples
    --------
    >>> Measured(shape=None, pixels=100, positive=3).positive
    3
    """

    shape: tuple[int, int] | None
    pixels: int = 0
    positive: int = 0
    troubles: tuple[tuple[str, str, str], ...] = ()


def measure(record: Record, *, check_pixels: bool) -> Measured:
    """Look at the image (header or pixels) and the mask of a record.

    Parameters
    ----------
    record : Record
    check_pixels : bool
        Whether to decode the image.

    Returns
    -------
    Measured
        Whatever goes wrong is among its troubles; nothing is raised.

    Examples
    --------
    >>> measure(Record(id="a", image="missing.png", patient_id="p"), check_pixels=False).troubles[0][0]
    'unreadable'
    """
    image = None
    try:
        if check_pixels:
            image = read_pixels(record.image)
            shape: tuple[int, int] | None = (image.shape[0], image.shape[1])
        else:
            # The size of a DICOM file is known to its reader only, which decodes the pixels.
            shape = None if Path(record.image).suffix.lower() in {".dcm", ""} else image_shape(record.image)
    except Exception as error:
        # Decoders raise all sorts of errors on broken files; none may stop the index of the others.
        return Measured(shape=None, troubles=(("unreadable", "images cannot be read", f"{record.id} ({error})"),))
    if not record.has_mask:
        return Measured(shape=shape)
    try:
        mask = record_mask(record, shape=shape)
    except Exception as error:
        trouble = ("unreadable", "masks cannot be read", f"{record.id} ({error})")
        return Measured(shape=shape, troubles=(trouble,))
    troubles = []
    if shape is not None and mask.shape != shape:
        troubles.append(("mask", "masks have another size than their images", f"{record.id} {mask.shape} {shape}"))
    elif image is not None and off_breast(mask, image) > OFF_BREAST:
        troubles.append(("mask", "masks lie mostly beside the breast", record.id))
    if not mask.any() and record.class_name not in {"", "normal"}:
        troubles.append(("mask", "masks of labelled lesions are empty", record.id))
    return Measured(shape=shape, pixels=mask.size, positive=int(mask.sum()), troubles=tuple(troubles))


def off_breast(mask: Array, pixels: Array) -> float:
    """Share of a mask that lies on dark pixels.

    Parameters
    ----------
    mask, pixels : (H, W) arrays

    Returns
    -------
    float
        0 to 1; 0 for an empty mask. Dark: in the lowest twentieth of the image's grey range.

    Examples
    --------
    >>> off_breast(np.array([[1, 1]]), np.array([[0, 200]]))
    0.5
    """
    low, high = np.percentile(pixels, [0.5, 99.5])
    lesion = np.asarray(mask) > 0
    if not lesion.any():
        return 0.0
    return float((pixels[lesion] <= low + 0.05 * (high - low)).mean())
