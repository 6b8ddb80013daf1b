# SPDX-License-Identifier: Apache-2.0
"""What a compressed image states of itself, read before any memory is taken for its pixels.

References
----------
ITU-T T.81 (JPEG), Annex B; T.87 (JPEG-LS), Annex C; T.800 (JPEG 2000), Annexes A, E and I; T.814 (HTJ2K), Annex A.
"""

from __future__ import annotations

import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..errors import BadPixelsError
from ..raster.jpeg import jpeg_facts

_J2K = b"\xff\x4f\xff\x51"  # start of code stream, image and tile size
_JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_JPEG = b"\xff\xd8\xff"
_SIZ, _CAP, _COD, _QCD, _START_OF_TILE = 0x51, 0x50, 0x52, 0x5C, 0x90  # main header of JPEG 2000
_OPTIONAL = {0x55, 0x56, 0x57, 0x59, 0x63, 0x64}  # lengths, profile, registration, comment
_MAX_PLANES = 30  # 16 bits need about 20


@dataclass(frozen=True)
class StatedImage:
    """What the first header of a code stream says."""

    height: int
    width: int
    components: int
    bits: int
    signed: bool = False
    tiles: int = 1


def stated_image(data: bytes) -> StatedImage | None:
    """Read size, components and precision from a JPEG, JPEG-LS or JPEG 2000 image; None where no header is found."""
    try:
        if data.startswith(_JPEG):
            return _jpeg(data)
        start = _in_boxes(data) if data.startswith(_JP2) else 0
        return _jpeg2000(data, start) if data[start : start + 4] == _J2K else None
    except (struct.error, IndexError):
        return None


def _jpeg(data: bytes) -> StatedImage | None:
    facts = jpeg_facts(data)
    return StatedImage(facts.height, facts.width, facts.components, facts.bits) if facts.components else None


def _in_boxes(data: bytes) -> int:
    """Where the code stream of a JP2 file starts."""
    place = 0
    while place + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        if kind == b"jp2c":
            return place + (16 if length == 1 else 8)
        if length < 8:
            break
        place += length
    return len(data)


def _jpeg2000(data: bytes, start: int) -> StatedImage:
    x, y, x0, y0, tile_x, tile_y, tile_x0, tile_y0 = struct.unpack(">8I", data[start + 8 : start + 40])
    components, depth, step_x, step_y = struct.unpack(">HBBB", data[start + 40 : start + 45])
    if not (tile_x and tile_y and step_x and step_y):
        return StatedImage(0, 0, components, 0)
    tiles = -(-(x - tile_x0) // tile_x) * -(-(y - tile_y0) // tile_y)
    width, height = -(-x // step_x) - -(-x0 // step_x), -(-y // step_y) - -(-y0 // step_y)
    return StatedImage(height, width, components, (depth & 0x7F) + 1, bool(depth & 0x80), tiles)


def is_sound_htj2k(data: bytes) -> bool:
    """Whether the main header of an HTJ2K code stream is complete and the plainest that encoders write, no part cut."""
    segments, place = [], 2
    while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] != bytes([_START_OF_TILE]):
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        segments.append((data[place + 1], data[place + 4 : end]))
        place = end
    found = {marker: body for marker, body in segments if marker not in _OPTIONAL}
    if data[place : place + 1] != b"\xff" or len(found) + sum(m in _OPTIONAL for m, _ in segments) != len(segments):
        return False
    if set(found) != {_SIZ, _CAP, _COD, _QCD} or len(found[_COD]) < 10 or not found[_QCD]:
        return False
    offsets, tile_length = found[_SIZ][10:18] + found[_SIZ][26:34], data[place + 2 : place + 4]
    if any(offsets) or tile_length != b"\0\x0a":  # far from the origin it works for hours
        return False
    coding, (style, *steps) = found[_COD], found[_QCD]
    levels, wide = coding[5], style & 0x1F == 2
    precincts = levels + 1 if coding[0] & 1 else 0
    if style & 0x1F not in (0, 2) or (len(coding), len(steps)) != (10 + precincts, (3 * levels + 1) * (1 + wide)):
        return False
    return (style >> 5) + max(step >> 3 for step in steps[:: 1 + wide]) - 1 <= _MAX_PLANES and _is_whole(data, place)


def _is_whole(data: bytes, place: int) -> bool:
    """Whether the tile-parts from here are as long as they say; OpenJPH would fill in what is missing."""
    while data[place : place + 2] == bytes([0xFF, _START_OF_TILE]):
        length = int.from_bytes(data[place + 6 : place + 10], "big")
        if length < 12:
            return length == 0  # up to the end of the code stream
        place += length
    return data[place : place + 2] == b"\xff\xd9"


class DamagedStreamError(BadPixelsError):
    """A decoder met damage; no other decoder is asked."""


class _Hooks:
    """While somebody listens, what C code of this thread can only print is kept; that of others is printed."""

    def __init__(self) -> None:
        self._lock, self._open, self._here = threading.Lock(), 0, threading.local()
        self._before: tuple[Callable[..., Any], Callable[..., Any]] = (sys.unraisablehook, sys.excepthook)

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        caught: list[str] = []
        with self._lock:
            if not self._open:
                self._before = (sys.unraisablehook, sys.excepthook)
                sys.unraisablehook, sys.excepthook = self._unraisable, self._printed
            self._open += 1
        self._here.caught = caught
        try:
            yield caught
        finally:
            self._here.caught = None
            with self._lock:
                self._open -= 1
                if not self._open:
                    sys.unraisablehook, sys.excepthook = self._before

    def _unraisable(self, args: Any) -> None:
        caught = getattr(self._here, "caught", None)
        if caught is None:
            self._before[0](args)
        else:
            caught.append(str(args.exc_value))

    def _printed(self, kind: Any, value: Any, traceback: Any) -> None:
        if getattr(self._here, "caught", None) is None:
            self._before[1](kind, value, traceback)


_HOOKS = _Hooks()


@contextmanager
def raised(what: str) -> Iterator[None]:
    """Raise the errors of an extension module that Python could only print ("Exception ignored in")."""
    with _HOOKS.listening() as caught:
        yield
    if caught:
        msg = f"{what} are damaged: their decoder reports {caught[0]!r}"
        raise DamagedStreamError(msg)
