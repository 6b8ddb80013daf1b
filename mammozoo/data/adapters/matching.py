# SPDX-License-Identifier: Apache-2.0
"""Which of some files is the mask of an image: by size and content, because tables and names swap masks and crops."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..._typing import Array
from ...io.errors import MammogramError
from ...io.masks import same_aspect
from ...io.shape import image_shape
from ..masks import read_pixels


def is_binary(pixels: Array) -> bool:
    """Whether an image has two grey levels only, up to the blur of a JPEG."""
    low, high = float(pixels.min()), float(pixels.max())
    if high <= low:
        return False
    share = (pixels.astype(np.float32) - low) / (high - low)
    return bool(((share < 0.1) | (share > 0.9)).mean() >= 0.98)


def choose_mask(files: Sequence[Path], *, image: Path) -> tuple[Path | None, str]:
    """The mask among files, and what is wrong with it: ``resized`` (scanned at another pitch), ``no mask``..."""
    shapes: dict[Path, tuple[int, int]] = {}
    try:
        shape = image_shape(image)
    except MammogramError:
        return None, "the image cannot be read"
    for file in files:
        with suppress(MammogramError):
            shapes[file] = image_shape(file)
    same = [file for file in shapes if shapes[file] == shape]
    if len(same) == 1:  # needs no look at its pixels
        return same[0], ""
    alike = same or [file for file in shapes if same_aspect(shapes[file], shape)]
    binary = [file for file in shapes if _reads_binary(file)]
    fitting = [file for file in binary if file in alike]
    if fitting:
        return fitting[0], "" if same else "resized"
    return None, "mask does not fit" if binary else "no mask"


def _reads_binary(file: Path) -> bool:
    try:
        return is_binary(read_pixels(file))
    except MammogramError:
        return False
