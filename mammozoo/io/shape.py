# SPDX-License-Identifier: Apache-2.0
"""Size of an image from its header, without decoding the pixels."""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

from .._typing import PathLike
from .errors import BadHeaderError, MammogramError
from .raster.nifti import is_nifti, nifti_shape
from .raster.read import raster_shape
from .raster.tiff import TIFF

_HEAD = 1 << 20  # bytes: more than any header in front of the pixels


def image_shape(path: PathLike) -> tuple[int, int]:
    r"""Rows and columns of an image or mask file."""
    file = Path(path)
    try:
        state = file.stat()
    except OSError as error:
        raise BadHeaderError(f"{file}: there is no such file") from error
    return _shape(file, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1 << 16)
def _shape(file: Path, mtime: int, size: int) -> tuple[int, int]:
    """Cached by file time and size: the parts of a split ask for the same files."""
    try:
        if is_nifti(file):
            return nifti_shape(file)
        found = _raster(file) or _dicom(file)
    except MammogramError:
        raise
    except Exception as error:  # whatever a damaged header makes a parser raise
        raise BadHeaderError(f"{file} is damaged or no image: its size cannot be read; fetch the file again") from error
    if min(found) < 1:
        raise BadHeaderError(f"{file} states {found[0]} rows and {found[1]} columns; fetch the file again")
    return found


def _raster(file: Path) -> tuple[int, int] | None:
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
        if head.startswith(b"GIF8"):
            width, height = struct.unpack("<HH", head[6:10])
            return height, width
        if head[:2] in (b"P1", b"P3", b"P4", b"P6") and head[2:3].isspace():  # told as the maps of gray are, but for P1
            words = b" ".join(line.partition(b"#")[0] for line in head[2:1024].splitlines()).split()
            return int(words[1]), int(words[0])
        whole = head.startswith(TIFF)  # its directories may stand at the end
        return raster_shape(head + stream.read() if whole else head)


def _dicom(file: Path) -> tuple[int, int]:
    import pydicom

    header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
    return int(header.Rows), int(header.Columns)
