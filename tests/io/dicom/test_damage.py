# SPDX-License-Identifier: Apache-2.0
"""Damaged code streams in DICOM files are refused, whatever their decoder makes of them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames

from mammozoo.io.dicom import decode
from mammozoo.io.dicom.codestream import DamagedStreamError, is_sound_htj2k, raised
from mammozoo.io.dicom.read import read_mammogram
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.errors import MammogramError

ROWS, COLUMNS = np.mgrid[:256, :200]
PIXELS = (1500 + 1200 * np.sin(ROWS / 30) * np.cos(COLUMNS / 40)).astype(np.uint16)
PIXELS += np.random.default_rng(0).integers(0, 60, PIXELS.shape).astype(np.uint16)
PIXELS[:, 150:] = 0
BASELINE, LOSSLESS, HTJ2K = (f"1.2.840.10008.1.2.4.{last}" for last in ("50", "70", "201"))
Change = Callable[[bytes], bytes]


def _file(path: Path, change: Change, *, syntax: str, encode: Callable[[np.ndarray], Any]) -> Path:
    """A mammogram whose code stream was changed after it was made."""
    view: dict[str, Any] = {"laterality": "L", "view_position": "CC", "pixel_spacing": (0.1, 0.1)}
    path.write_bytes(mammogram_bytes(PIXELS, MammogramHeader(patient_id="S", uid_key="1", study_key="1", **view)))
    dataset = pydicom.dcmread(path)
    pixels = PIXELS
    if syntax == BASELINE:
        pixels = (PIXELS >> 4).astype(np.uint8)
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        del dataset.WindowCenter, dataset.WindowWidth
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([change(bytes(encode(pixels)))])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    dataset.save_as(path)
    return path


def _lossless(bits: int) -> Callable[[np.ndarray], Any]:
    return lambda pixels: imagecodecs.ljpeg_encode(pixels, bitspersample=bits)


ENCODERS: dict[str, tuple[str, Callable[[np.ndarray], Any]]] = {
    "baseline": (BASELINE, lambda pixels: imagecodecs.jpeg8_encode(pixels, level=90)),
    "lossless": (LOSSLESS, _lossless(12)),
    "lossless, 16 bits": (LOSSLESS, _lossless(16)),
    "htj2k": (HTJ2K, imagecodecs.htj2k_encode),
}


def _half(data: bytes) -> int:
    place = len(data) // 2
    while 0xFF in data[place - 2 : place + 2]:
        place += 1
    return place


CHANGES: dict[str, Change] = {
    "cut and ended": lambda data: data[: _half(data)] + b"\xff\xd9",
    "the last bytes gone": lambda data: data[:-40] + b"\xff\xd9",
    "a piece gone": lambda data: data[: _half(data)] + data[_half(data) + 512 :],
    "no end": lambda data: data[: _half(data)],
    "a marker": lambda data: data[: _half(data)] + b"\xff\xc1" + data[_half(data) + 2 :],
}


@pytest.mark.parametrize("kind", ENCODERS)
def test_sound_streams_are_read_without_a_remark(kind: str, tmp_path: Path) -> None:
    syntax, encode = ENCODERS[kind]
    found = read_mammogram(_file(tmp_path / "a.dcm", lambda data: data, syntax=syntax, encode=encode))
    assert found.pixels.shape == PIXELS.shape
    assert not [warning for warning in found.warnings if "damage" in warning]


@pytest.mark.parametrize(
    ("kind", "how"), [(k, h) for k in ENCODERS for h in CHANGES if (k, h) != ("htj2k", "a marker")]
)  # HTJ2K's blocks hold such pairs
def test_damaged_streams_are_refused(kind: str, how: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    syntax, encode = ENCODERS[kind]
    with pytest.raises(MammogramError):
        read_mammogram(_file(tmp_path / "a.dcm", CHANGES[how], syntax=syntax, encode=encode))
    assert "Exception ignored" not in capfd.readouterr().err


def test_prediction_that_leaves_its_range_is_damage(tmp_path: Path) -> None:
    """Zeros in lossless data decode without an error, to values beyond the 12 bits."""
    change: Change = lambda data: data[: _half(data)] + bytes(300) + data[_half(data) + 300 :]  # noqa: E731
    with pytest.raises(MammogramError, match="beyond its 12 bits"):
        read_mammogram(_file(tmp_path / "a.dcm", change, syntax=LOSSLESS, encode=_lossless(12)))


def test_what_cannot_be_decided_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(tmp_path / "a.dcm", lambda data: data, syntax=LOSSLESS, encode=_lossless(16))

    def absent(_data: bytes) -> None:
        raise ImportError

    monkeypatch.setattr(decode.imagecodecs, "jpegsof3_decode", absent)
    assert any("no second decoder" in warning for warning in read_mammogram(path).warnings)
    monkeypatch.setattr(decode.imagecodecs, "jpegsof3_decode", lambda _data: PIXELS + 1)
    with pytest.raises(MammogramError, match="two decoders disagree"):
        read_mammogram(path)


def test_an_error_that_the_htj2k_decoder_swallows_is_raised(tmp_path: Path) -> None:
    data, before = bytes(imagecodecs.htj2k_encode(PIXELS)), (sys.unraisablehook, sys.excepthook)
    changed = _first_swallowed(data)
    assert is_sound_htj2k(changed)
    path = _file(tmp_path / "a.dcm", lambda _: changed, syntax=HTJ2K, encode=imagecodecs.htj2k_encode)
    with pytest.raises(MammogramError, match="the HTJ2K data are damaged: their decoder reports"):
        read_mammogram(path)
    assert (sys.unraisablehook, sys.excepthook) == before


def _first_swallowed(data: bytes) -> bytes:
    """The first of some changed bits that the decoder notices, by an error that nobody sees."""
    rng = np.random.default_rng(0)
    while True:
        changed = bytearray(data)
        changed[rng.integers(200, len(data) - 4)] ^= 1 << rng.integers(8)
        try:
            decode.openjph(bytes(changed), PIXELS.shape, bits=12)
        except DamagedStreamError:
            return bytes(changed)
        except MammogramError:
            continue


class _Loud:
    def __del__(self) -> None:
        msg = "swallowed"
        raise RuntimeError(msg)


def test_only_errors_of_the_own_thread_are_raised() -> None:
    others: list[str] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda args: others.append(str(args.exc_value))
    try:
        inside, done = threading.Event(), threading.Event()

        def neighbour() -> None:
            inside.wait(10)
            loud = _Loud()
            del loud
            done.set()

        thread = threading.Thread(target=neighbour)
        thread.start()
        with raised("these"):
            inside.set()
            done.wait(10)
        thread.join()
        assert others == ["swallowed"]

        def noisy() -> None:
            with raised("these"):
                loud = _Loud()
                del loud

        with pytest.raises(DamagedStreamError, match="these are damaged: their decoder reports 'swallowed'"):
            noisy()
        assert others == ["swallowed"]
    finally:
        sys.unraisablehook = hook


def test_a_cut_htj2k_stream_with_an_end_is_not_sound() -> None:
    data = bytes(imagecodecs.htj2k_encode(PIXELS))
    assert is_sound_htj2k(data)
    assert not is_sound_htj2k(data[: len(data) // 2] + b"\xff\xd9")
    assert not is_sound_htj2k(data[:-2] + bytes(10) + b"\xff\xd9")


def test_frames_of_a_file_keep_their_stream(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.dcm", lambda data: data, syntax=HTJ2K, encode=imagecodecs.htj2k_encode)
    dataset = pydicom.dcmread(path)
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    np.testing.assert_array_equal(imagecodecs.htj2k_decode(frame), PIXELS)
