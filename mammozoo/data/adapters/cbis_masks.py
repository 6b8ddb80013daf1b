# SPDX-License-Identifier: Apache-2.0
"""Which of CBIS-DDSM's files is the mask and which the crop: by content, because the tables swap them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..._typing import Array
from ..indexing.shapes import image_shape
from ..masks import read_pixels, same_aspect

__all__ = ["choose_mask", "is_binary"]


def is_binary(pixels: Array) -> bool:
    """Whether an image has two grey levels only, up to the blur of a JPEG.

    Parameters
    ----------
    pixels : (H, W) array

    Returns
    -------
    bool
        True where 98 % of the pixels are within a tenth of the range from either end; an even image is no mask.

    Examples
    --------
    >>> is_binary(np.array([[0, 255], [254, 3]])), is_binary(np.arange(100).reshape(10, 10))
    (True, False)
    """
    low, high = float(pixels.min()), float(pixels.max())
    if high <= low:
        return False
    share = (pixels.astype(np.float32) - low) / (high - low)
    return bool(((share < 0.1) | (share > 0.9)).mean() >= 0.98)


def choose_mask(files: Sequence[Path], *, shape: tuple[int, int]) -> tuple[Path | None, str]:
    """The mask among the files of an abnormality.

    Parameters
    ----------
    files : sequence of Path
        Usually two: the mask, of the size of the whole image, and a crop.
    shape : (int, int)
        (H, W) of the whole image.

    Returns
    -------
    (Path or None, str)
        The mask and what is wrong with it: ``""``, ``"resized"`` (scanned at another pitch: the two ratios
        agree within 2 %), ``"no mask"`` or ``"mask does not fit"``.

    Notes
    -----
    A file of the image's own size needs no look at its pixels unless there are two of them.

    Examples
    --------
    >>> choose_mask([], shape=(10, 10))
    (None, 'no mask')
    """
    if not files:
        return None, "no mask"
    shapes = {file: image_shape(file) for file in files}
    same = [file for file in files if shapes[file] == shape]
    if len(same) == 1:
        return same[0], ""
    alike = same or [file for file in files if same_aspect(shapes[file], shape)]
    binary = [file for file in alike if is_binary(read_pixels(file))]
    if binary:
        return binary[0], "" if same else "resized"
    if any(is_binary(read_pixels(file)) for file in files if file not in alike):
        return None, "mask does not fit"
    return None, "no mask"
