# SPDX-License-Identifier: Apache-2.0
"""Row 1, continued: what a second thread brings, and the memory that reading takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from codecs_alone import FLOOR, bare
from common import Row, dicom

from mammozoo.io.dicom.read import read_mammogram

PIXEL_BYTES = 4096 * 3328 * 2
LIMITS = {"explicit": 2.2, "jpeg2000_lossless": 3.5}


def main() -> None:
    if len(sys.argv) > 1:
        print(peak_growth(*sys.argv[1:]))
        return
    row = Row(1, "DICOM to uint16 pixels and geometry: threads and memory")
    file = dicom("jpeg2000_lossless")
    alone, together = [], []
    for _ in range(5):
        alone.append(wall(1, file))
        together.append(wall(2, file))
    one, two = statistics.median(alone), statistics.median(together)
    row.add(
        "JPEG 2000, two files in two threads, wall time", f"{two:.3g} s", "one thread", f"{one:.3g} s",
        "<= 0.588 (1.7 times as fast)", ratio=two / one, met=two / one <= 1 / 1.7,
    )  # fmt: skip
    for syntax, limit in LIMITS.items():
        for window in (False, True) if syntax == "explicit" else (False,):
            files = [str(dicom(syntax, window=window, size=size)) for size in ((128, 104), (4096, 3328))]
            command = [sys.executable, __file__, *files]
            grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            case = f"peak memory, {syntax}{', windowed' if window else ''}"
            size = f"{PIXEL_BYTES / 2**20:.1f} MB"
            row.add(
                case, f"{grown / 2**20:.1f} MB", "the pixels themselves", size, f"<= {limit:g}",
                ratio=grown / PIXEL_BYTES, met=grown <= limit * PIXEL_BYTES,
            )  # fmt: skip
            if syntax != "explicit":
                least = int(subprocess.run([*command, syntax], capture_output=True, text=True, check=True).stdout)
                row.add(case, f"{grown / 2**20:.1f} MB", FLOOR, f"{least / 2**20:.1f} MB", ratio=grown / least)
    row.print()


def wall(threads: int, file: object) -> float:
    """Seconds for two readings."""
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: read_mammogram(file).pixels.shape, range(2)))
    return time.perf_counter() - start


def peak_growth(small: str, file: str, bare_syntax: str = "") -> int:
    """Bytes by which reading a file raises the peak of a process that has read a small file of the same kind."""

    def read(path: str) -> np.ndarray:
        return bare(Path(path), bare_syntax) if bare_syntax else read_mammogram(path).pixels

    read(small)
    before = peak_kb()
    pixels = read(file)
    assert pixels.nbytes == PIXEL_BYTES
    return (peak_kb() - before) * 1024


def peak_kb() -> int:
    """Most memory that this process has held; getrusage would count its parent's."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    main()
