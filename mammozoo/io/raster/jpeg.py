# SPDX-License-Identifier: Apache-2.0
"""What a JPEG or JPEG-LS image states before its pixels, and where it ends (ITU-T T.81 Annex B, T.87 Annex C)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

END = b"\xff\xd9"  # entropy-coded data hold no such pair: a byte FF is followed by a stuffed bit or byte
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # F7 is the frame of JPEG-LS
_SCAN, _APP1, _APP14 = 0xDA, 0xE1, 0xEE
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_TAIL = 1024


@dataclass(frozen=True)
class JpegFacts:
    """Size, depth and what else the segments before the first scan say; 0 where there is no frame."""

    height: int = 0
    width: int = 0
    components: int = 0
    bits: int = 0
    adobe: bool = False
    exif: bytes = b""
    scan: int = 0


def jpeg_facts(data: bytes) -> JpegFacts:
    """Read the segments up to the first scan."""
    facts = JpegFacts()
    for marker, body, end in _segments(data):
        if marker in _FRAMES and not facts.components and body + 6 <= len(data):
            bits, height, width, components = struct.unpack(">BHHB", data[body : body + 6])
            facts = replace(facts, height=height, width=width, components=components, bits=bits)
        elif marker == _APP1 and data[body : body + 6] == b"Exif\0\0":
            facts = replace(facts, exif=data[body + 6 : end])
        elif marker == _APP14 and data[body : body + 5] == b"Adobe":
            facts = replace(facts, adobe=True)
        elif marker == _SCAN:
            facts = replace(facts, scan=end)
    return facts


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment's content, the first scan's header the last."""
    place, marker = 2, 0
    while marker != _SCAN and place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF or marker in _ALONE:  # a fill byte, or a marker of two bytes
            place += 1 if marker == 0xFF else 2
            continue
        end = place + 2 + max(2, int.from_bytes(data[place + 2 : place + 4], "big"))
        yield marker, place + 4, end
        place = end


def jpeg_image(data: bytes, facts: JpegFacts) -> bytes | None:
    """The image without what was appended to it; None where it has no end, which decoders fill in with gray."""
    end = data.rfind(END, max(facts.scan, len(data) - _TAIL))
    if end < 0 and facts.scan:
        end = data.find(END, facts.scan)
    return data[: end + 2] if end >= 0 else None
