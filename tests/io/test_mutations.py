# SPDX-License-Identifier: Apache-2.0
"""Thousands of damaged files: nothing but a MammogramError escapes, and memory stays bounded.

``MAMMOZOO_MUTATIONS`` sets the number of files of the slow test (default 4,000); as a script it prints the sums:

    python -W ignore tests/io/test_mutations.py 200000

Decoders are C: one that ends the process would end the test with it, so the work is done in processes of its own, a
block of files each, whose time and memory are watched. A failure names the seed, which makes the same file again.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.encaps import encapsulate

from mammozoo.io.dicom.read import read_mammogram
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.errors import MammogramError

COUNT = int(os.environ.get("MAMMOZOO_MUTATIONS", "4000"))
BLOCK = 2000  # files a process
LIMITS = {"max_pixels": 1_000_000}
MEMORY = 600 << 20  # above what the process holds at its start; pixels of 1,000,000 take 2 MB
SECONDS = 2.0  # of CPU time, for one file; most take a millisecond
SIZE = (64, 48)
_JPEG = "1.2.840.10008.1.2.4."


def _pixels(bits: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    slope = np.add.outer(np.arange(SIZE[0]) * 40, np.arange(SIZE[1]) * 20) + rng.integers(0, 9, SIZE)
    return (slope >> (12 - bits)).astype(np.uint16 if bits > 8 else np.uint8)


def _base(*, windows: bool = True) -> bytes:
    header = MammogramHeader(
        patient_id="P", laterality="L", view_position="CC", pixel_spacing=(0.1, 0.1), uid_key="i", study_key="s",
        windows=((2000.0, 3000.0, "NORMAL"), (1800.0, 2500.0, "HARD")) if windows else (),
    )  # fmt: skip
    return mammogram_bytes(_pixels(), header)


def _as(syntax: str, data: bytes | None = None, **tags: Any) -> bytes:
    """The valid file in another transfer syntax."""
    base = pydicom.dcmread(BytesIO(_base()))
    dataset = pydicom.Dataset()  # a new one may be written in any byte order
    dataset.update({element.tag: element for element in base})
    dataset.file_meta = base.file_meta
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    if data is not None:
        dataset.PixelData = encapsulate([data])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    elif syntax.endswith("1.2.2"):
        dataset.PixelData = _pixels().astype(">u2").tobytes()
    buffer = BytesIO()
    implicit, little = syntax == "1.2.840.10008.1.2", not syntax.endswith("1.2.2")
    dataset.save_as(buffer, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return buffer.getvalue()


def _rle() -> bytes:
    dataset = pydicom.dcmread(BytesIO(_base()))
    dataset.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom")
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def valid_files() -> dict[str, bytes]:
    """One valid file of each transfer syntax and kind."""
    wide, narrow = _pixels(), _pixels(8)
    eight = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    rgb = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, **eight}
    j2k: Callable[..., bytes] = imagecodecs.jpeg2k_encode
    return {
        "explicit": _base(),
        "implicit": _as("1.2.840.10008.1.2"),
        "big endian": _as("1.2.840.10008.1.2.2"),
        "deflated": _as("1.2.840.10008.1.2.1.99"),
        "raw data": _as("1.2.840.10008.1.2.1", SOPClassUID="1.2.840.10008.5.1.4.1.1.1.2.1"),
        "rle": _rle(),
        "jpeg baseline": _as(f"{_JPEG}50", imagecodecs.jpeg8_encode(narrow, level=90), **eight),
        "jpeg extended": _as(f"{_JPEG}51", imagecodecs.jpeg8_encode(wide, level=90, bitspersample=12)),
        "jpeg lossless": _as(f"{_JPEG}57", imagecodecs.ljpeg_encode(wide, bitspersample=12)),
        "jpeg lossless sv1": _as(f"{_JPEG}70", imagecodecs.ljpeg_encode(wide, bitspersample=12)),
        "jpeg-ls": _as(f"{_JPEG}80", imagecodecs.jpegls_encode(wide)),
        "jpeg-ls near": _as(f"{_JPEG}81", imagecodecs.jpegls_encode(wide, level=2)),
        "jpeg 2000": _as(f"{_JPEG}90", j2k(wide, level=0, codecformat="j2k", reversible=True, bitspersample=12)),
        "jpeg 2000 lossy": _as(f"{_JPEG}91", j2k(wide, level=40, codecformat="jp2", bitspersample=12)),
        "htj2k": _as(f"{_JPEG}201", imagecodecs.htj2k_encode(wide)),
        "htj2k rpcl": _as(f"{_JPEG}202", imagecodecs.htj2k_encode(wide)),
        "htj2k lossy": _as(f"{_JPEG}203", imagecodecs.htj2k_encode(wide, level=0.002, reversible=False)),
        "colour": _as("1.2.840.10008.1.2.1", **rgb, PixelData=np.stack([narrow] * 3, axis=-1).tobytes()),
        "tables": _as("1.2.840.10008.1.2.1", **_tables(), WindowCenter=[9, 2048], WindowWidth=[0, 4096]),
        "fewer bits": _as(f"{_JPEG}80", imagecodecs.jpegls_encode(narrow)),
        "signed": _as(f"{_JPEG}90", j2k(wide.astype(np.int16) - 900, level=0, codecformat="j2k", reversible=True)),
        **raster_files(narrow, wide),
    }


def _tables() -> dict[str, Any]:
    """Look-up tables and padding as they should not be."""
    table = pydicom.Dataset()
    table.add_new("LUTDescriptor", "SS", [4096, -9, 12])
    table.add_new("LUTData", "OW", np.arange(4000, dtype="<u2").tobytes())
    return {"ModalityLUTSequence": [table], "VOILUTSequence": [table, table], "PixelPaddingValue": 65535}


def raster_files(narrow: np.ndarray, wide: np.ndarray) -> dict[str, bytes]:
    """Raster files with all that is read of them: pages, palettes, orientation, inks, comments."""
    image = Image.fromarray(narrow)
    exif = image.getexif()
    exif[274] = 3
    mask = np.where(narrow > 100, 255, 0).astype(np.uint8)
    palette = image.convert("P")
    palette.putpalette([value for level in range(256) for value in (level, 255 - level, 0)])
    pages, big = BytesIO(), BytesIO()
    with tifffile.TiffWriter(pages) as writer:
        for page in (mask, mask[::-1], narrow[:8, :8]):
            writer.write(page, photometric="miniswhite", contiguous=False)
    tifffile.imwrite(big, wide, photometric="minisblack", bigtiff=True)
    return {
        "png": _image(image, "PNG", exif=exif),
        "tiff pages": pages.getvalue(),
        "bigtiff": big.getvalue(),
        "tiff palette": _image(palette, "TIFF"),
        "tiff": _image(image, "TIFF", exif=exif),
        "jpeg": _image(image, "JPEG", exif=exif) + bytes(99),
        "jpeg cmyk": _image(image.convert("CMYK"), "JPEG"),
        "bmp": _image(image, "BMP"),
        "pgm": b"P5\r\n# c\r\n48 64\r\n4095\r\n" + wide.astype(">u2").tobytes(),
        "pgm text": b"P2\n48 64 255\n" + b" ".join(b"%d" % value for value in narrow.ravel()),
    }


def _image(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file: bytes, 16- and 32-bit fields, bits, cuts, repeats, swaps, and stretches of noise or zeros."""
    damaged = bytearray(content)
    pixels = content.rfind(struct.pack("<HH", 0x7FE0, 0x0010))
    start = max(pixels, 0) if rng.random() < 0.4 else 0  # code streams are short beside the header: find them
    for _ in range(int(rng.integers(1, 9))):
        place = int(rng.integers(start, max(len(damaged), start + 1))) % len(damaged)
        kind = int(rng.integers(9))
        if kind < 3:
            damaged[place] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))
        elif kind == 3:
            damaged[place] ^= 1 << int(rng.integers(8))
        elif kind == 4:
            width = int(rng.choice([2, 4]))
            damaged[place : place + width] = rng.bytes(width)
        elif kind == 5:
            damaged[place : place + int(rng.integers(1, 40))] = b""
        elif kind == 6:
            other = int(rng.integers(len(damaged)))
            damaged[place:place] = damaged[other : other + int(rng.integers(1, 40))]
        elif kind == 7:
            length = int(rng.integers(1, 40))
            damaged[place : place + length] = bytes(length) if rng.random() < 0.5 else rng.bytes(length)
        elif rng.random() < 0.2:
            del damaged[place:]
        if not damaged:
            return b"\0"
    return bytes(damaged)


def read_block(folder: Path, first: int, count: int, *, names: list[str]) -> dict[str, Any]:
    """Read `count` damaged files; what escaped, and the greatest memory."""
    files = valid_files()
    file, report = folder / "mutated.dcm", folder / "seed.txt"
    start = peak_kb()
    refused, escaped = 0, []
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        name = names[seed % len(names)]
        file.write_bytes(mutated(files[name], rng))
        report.write_text(f"{seed} ({name})")  # what the process was reading if it ends
        end_after(SECONDS)
        try:
            reduce = int(rng.choice([0, 0, 0, 1, 2, 3]))
            found = read_mammogram(file, **LIMITS, allow_color=name == "colour", reduce=reduce)
            assert found.pixels.ndim == 2
            assert found.pixels.size <= LIMITS["max_pixels"]
        except MammogramError:
            refused += 1
        except BaseException as error:
            escaped.append(f"seed {seed} ({name}): {type(error).__name__}: {error}")
    end_after(0)
    grown = peak_kb() - start
    return {"read": count - refused - len(escaped), "refused": refused, "escaped": escaped, "grown_kb": grown}


def peak_kb() -> int:
    """Most memory that this process has held (getrusage would count its parent's on Linux)."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def end_after(seconds: float) -> None:
    """End the process when one file takes too long (a decoder in C cannot be interrupted); 0 calls it off."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def test_valid_files_read() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in valid_files().items():
            file = Path(folder, "valid.dcm")
            file.write_bytes(content)
            assert read_mammogram(file, allow_color=name == "colour").pixels.shape == SIZE, name


def run_block(folder: Path, first: int, count: int) -> dict[str, Any]:
    """`read_block` in a process of its own; a process that ends is an escape."""
    command = [sys.executable, "-W", "ignore", __file__, str(folder), str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    place = (folder / "seed.txt").read_text() if (folder / "seed.txt").exists() else "none"
    ended = f"ended with {done.returncode} at seed {place}: {done.stderr[-500:]}"
    return {"read": 0, "refused": 0, "escaped": [ended], "grown_kb": 0}


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, COUNT, BLOCK))
def test_damaged_files_raise_nothing_else(tmp_path: Path, start: int) -> None:
    count = min(BLOCK, COUNT - start)
    found = run_block(tmp_path, start, count)
    assert not found["escaped"], found["escaped"][:5]
    assert found["read"] + found["refused"] == count
    assert found["grown_kb"] << 10 < MEMORY


def _main(arguments: list[str]) -> None:
    if len(arguments) == 3:
        folder, first, count = Path(arguments[0]), int(arguments[1]), int(arguments[2])
        print(json.dumps(read_block(folder, first, count, names=list(valid_files()))))
        return
    total, began = int(arguments[0]), time.monotonic()
    sums: dict[str, Any] = {"files": total, "read": 0, "refused": 0, "escaped": [], "grown_mb": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, total, BLOCK):
            found = run_block(Path(folder), start, min(BLOCK, total - start))
            for name in ("read", "refused", "escaped"):
                sums[name] += found[name]
            sums["grown_mb"] = max(sums["grown_mb"], round(found["grown_kb"] / 1024, 1))
    print(json.dumps({**sums, "minutes": round((time.monotonic() - began) / 60, 1)}))


if __name__ == "__main__":
    _main(sys.argv[1:])
