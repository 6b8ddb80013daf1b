# SPDX-License-Identifier: Apache-2.0
"""Damage of a JPEG image that decoders do not report: they fill in what is missing, or go on with nonsense.

References
----------
ITU-T T.81 (JPEG), Annexes B (segments), C and F (codes of sequential scans), H (lossless).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_SOF, _LOSSLESS = {0xC0, 0xC1}, 0xC3
_DHT, _SOS, _DRI, _EOI, _RST, _DNL = 0xC4, 0xDA, 0xDD, 0xD9, range(0xD0, 0xD8), 0xDC
_ALONE = {0x01, *_RST}
_END_OF_BLOCK = 128  # a step that no run makes
_LONGEST_BLOCK = 256  # bytes
_Codes = tuple[list[int], list[int], list[int]]  # by 16 bits: length of DC; length and step of AC


@dataclass
class _Scan:
    """What the segments before a scan say, as far as its length goes."""

    frame: int = 0
    size: tuple[int, int] = (0, 0)  # rows, columns
    sampling: dict[int, tuple[int, int]] = field(default_factory=dict)  # by component: horizontal, vertical
    tables: dict[int, tuple[list[int], list[int]]] = field(default_factory=dict)
    interval: int = 0


def jpeg_damage(data: bytes) -> str:
    """Say what is wrong with the entropy-coded data of a JPEG image; empty where nothing is seen."""
    scan, place = _Scan(), 2
    try:
        while True:
            if data[place] != 0xFF:
                return f"byte {place} is none of a marker"
            marker = data[place + 1]
            if marker == _EOI:
                return ""
            if marker == 0xFF or marker in _ALONE:  # a fill byte, or a marker of two bytes
                place += 1 if marker == 0xFF else 2
                continue
            body = data[place + 4 : place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")]
            place += 4 + len(body)
            if marker == _SOS:
                if not scan.frame:
                    return ""  # progressive, arithmetic, JPEG-LS
                pieces, place, fault = _pieces(data, place)
                fault = fault or _scan_fault(data, pieces, scan, body)
                if fault:
                    return fault
            else:
                _read(marker, body, scan)
    except (IndexError, ValueError):
        return "the end of image is missing"


def _read(marker: int, body: bytes, scan: _Scan) -> None:
    if marker in _SOF or marker == _LOSSLESS:
        scan.frame = marker
        scan.size = (int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"))
        scan.sampling = {body[at]: (body[at + 1] >> 4, body[at + 1] & 15) for at in range(6, len(body) - 2, 3)}
    elif marker == _DRI:
        scan.interval = int.from_bytes(body[:2], "big")
    elif marker == _DHT:
        while len(body) > 16:
            count = sum(body[1:17])
            scan.tables[body[0]] = _table(body[1:17], body[17 : 17 + count])
            body = body[17 + count :]


def _table(lengths: bytes, symbols: bytes) -> tuple[list[int], list[int]]:
    """For every 16 bits: how many of them code and value take (0: no code), and how many coefficients they step."""
    bits, steps = np.zeros(1 << 16, np.int32), np.zeros(1 << 16, np.int32)
    start, index = 0, 0
    for length, count in enumerate(lengths, start=1):
        for symbol in symbols[index : index + count]:
            end = start + (1 << (16 - length))
            bits[start:end] = length + (symbol & 15)
            steps[start:end] = (symbol >> 4) + 1 if symbol & 15 or symbol == 0xF0 else _END_OF_BLOCK
            start = end
        index += count
    return bits.tolist(), steps.tolist()


def _pieces(data: bytes, place: int) -> tuple[list[tuple[int, int]], int, str]:
    """Where entropy-coded data begin and end between restart markers, what follows, and what is wrong with markers."""
    pieces: list[tuple[int, int]] = []
    values = np.frombuffer(data, np.uint8, offset=place)
    after = np.flatnonzero(values[:-1] == 0xFF) + 1
    for at in (place + after[(values[after] != 0) & (values[after] != 0xFF)]).tolist():
        pieces.append((place, place + len(data[place:at].rstrip(b"\xff"))))  # the bytes FF before a marker fill up
        marker, place, wanted = data[at], at + 1, (len(pieces) - 1) % 8
        if marker not in _RST:
            known = marker in (_EOI, _SOS, _DHT, _DRI, _DNL, 0xDB, 0xFE) or 0xE0 <= marker < 0xF0
            return pieces, at - 1, "" if known else f"marker FF{marker:02X} stands within the entropy-coded data"
        if marker != _RST[wanted]:
            return pieces, at - 1, f"restart marker {marker - 0xD0} stands where {wanted} belongs"
    raise IndexError


def _scan_fault(data: bytes, pieces: list[tuple[int, int]], scan: _Scan, header: bytes) -> str:
    components = {header[at]: header[at + 1] for at in range(1, 1 + 2 * header[0], 2)}
    if not all(scan.size) or not components.keys() <= scan.sampling.keys():
        return ""  # a height that follows the scan
    units, plan = _plan(scan, components)
    wanted = -(-units // scan.interval) if scan.interval else 1
    if len(pieces) != wanted:
        return f"the scan has {len(pieces) - 1} restart markers; its header announces {wanted - 1}"
    if scan.frame == _LOSSLESS:
        least, held = units * len(plan), 8 * sum(end - start for start, end in pieces)
        return f"{held} bits are too few for {least} samples" if held < least else ""
    for index, (start, end) in enumerate(pieces):
        piece = data[start:end].replace(b"\xff\0", b"\xff")
        count = min(scan.interval or units, units - index * scan.interval)
        if fault := _walk(piece, plan, count):
            return fault
    return ""


def _plan(scan: _Scan, components: dict[int, int]) -> tuple[int, list[_Codes]]:
    """Number of units of a scan (blocks of one component, or one of each and more), and the tables of each block."""
    side = 1 if scan.frame == _LOSSLESS else 8
    most = [max(factors[axis] for factors in scan.sampling.values()) for axis in (1, 0)]
    alone = len(components) == 1
    plan = []
    for name, tables in components.items():
        across, down = scan.sampling[name]
        (dc, _), (bits, steps) = (scan.tables.get(key, ([], [])) for key in (tables >> 4, 0x10 | (tables & 15)))
        plan += [(dc, bits, steps)] * (1 if alone else across * down)
    own = scan.sampling[next(iter(components))][::-1] if alone else (1, 1)
    rows, columns = (-(-size * of // (high * side)) for size, of, high in zip(scan.size, own, most, strict=True))
    return rows * columns, plan


def _walk(piece: bytes, plan: list[_Codes], units: int) -> str:
    """Follow the codes of so many units: where they end before the data or long after them, the data are damaged."""
    padded = np.frombuffer(piece + bytes(_LONGEST_BLOCK), np.uint8).astype(np.uint32)
    words = ((padded[:-2] << 16) | (padded[1:-1] << 8) | padded[2:]).data  # 24 bits from each byte on
    at, end = 0, 8 * len(piece)
    for unit in range(units):
        for dc, bits, steps in plan:
            taken, coefficient = dc[words[at >> 3] >> (8 - (at & 7)) & 0xFFFF], 1
            while taken:
                at += taken
                if coefficient >= 64:
                    break
                window = words[at >> 3] >> (8 - (at & 7)) & 0xFFFF
                taken = bits[window]
                coefficient += steps[window]
            if not taken or at > end or 64 < coefficient < _END_OF_BLOCK:
                return f"the entropy-coded data end or hold no code at block {unit} of {units}"
    left = end - at
    if left > 7:
        return f"{left // 8} bytes of entropy-coded data are left over"
    filled = piece[-1] % (1 << left) in (0, (1 << left) - 1)  # by ones (B.1.1.5), or by zeros as some encoders do
    return "" if filled else "the entropy-coded data do not end where their last code does"
