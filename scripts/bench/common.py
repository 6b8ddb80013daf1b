# SPDX-License-Identifier: Apache-2.0
"""What the rows of `make bench` share: test images, interleaved runs, one line a comparison."""

from __future__ import annotations

import importlib
import json
import math
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

Run = Callable[[], Any]
CACHE = Path(".cache/bench")
ABSENT = "not run: pip install mammozoo[bench]"
NO_GPU = "not run: no CUDA device"
cv2.setNumThreads(1)


def view(size: tuple[int, int] = (4096, 3328), *, number: int = 1) -> np.ndarray:
    """A synthetic 12-bit mammogram: number 0 is L CC, 1 L MLO; made once."""
    file = CACHE / f"view_{size[0]}x{size[1]}_{number}.npy"
    if not file.exists():
        from mammozoo.phantom.exam import make_exam

        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, make_exam(3, size=size)[number].pixels)
    return np.load(file)


def dicom(syntax: str, *, window: bool = False, size: tuple[int, int] = (4096, 3328)) -> Path:
    """The MLO view as a DICOM file, without a window unless asked for."""
    file = CACHE / f"{syntax}{'_window' if window else ''}_{size[0]}.dcm"
    if not file.exists():
        from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes

        header = MammogramHeader(
            patient_id="SYNTHETIC-3", laterality="L", view_position="MLO", pixel_spacing=(0.06, 0.06), uid_key="bench",
            study_key="bench", windows=((1850.0, 3500.0, "NORMAL"),) if window else (),
        )  # fmt: skip
        file.write_bytes(mammogram_bytes(view(size), header, transfer_syntax=syntax))
    return file


def package(name: str) -> ModuleType | None:
    """A module, or None if it cannot be imported."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def interleaved(runs: Mapping[str, Run], *, repeats: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each run: once all to warm up, then in turn, forwards and backwards.

    The first is ours and may raise; a peer that cannot do it gives NaN.
    """
    taken: dict[str, list[float]] = {name: [] for name in runs}
    mine = next(iter(runs))
    for turn in range(repeats + 1):
        for name, run in list(runs.items())[:: -1 if turn % 2 else 1]:
            start = clock()
            try:
                run()
            except Exception:
                if name == mine:
                    raise
                taken.pop(name, None)
                continue
            if turn and name in taken:
                taken[name].append(clock() - start)
    return {name: statistics.median(taken[name]) if name in taken else math.nan for name in runs}


class Row:
    """The lines of one row of the table.

    Times are CPU seconds of the process, so that other work on the machine does not count and every thread of ours
    does; wall time with `clock=time.perf_counter`.
    """

    def __init__(self, number: int, title: str) -> None:
        self.found: dict[str, Any] = {"row": number, "title": title, "lines": []}

    def add(self, case: str, ours: str, peer: str = "", other: str = "", wanted: str = "", *,
            ratio: float | None = None, met: bool | None = None) -> None:  # fmt: skip
        """Add a line; the peer's figure is `other`."""
        met = None if met is None else bool(met)
        line = {"case": case, "ours": ours, "peer": peer, "other": other, "wanted": wanted, "ratio": ratio, "met": met}
        self.found["lines"].append(line)

    def compare(self, case: str, ours: Run, peers: Mapping[str, Run | None], wanted: Mapping[str, float], *,
                repeats: int = 5, clock: Callable[[], float] = time.process_time) -> None:  # fmt: skip
        """Time ours against each peer (None: its package is absent); `wanted` is the most that ours / peer may be.

        A comparison that misses is measured once more with twice the runs, which then stands.
        """
        runs = {"": ours, **{name: run for name, run in peers.items() if run}}
        times = interleaved(runs, repeats=repeats, clock=clock)
        if any(times[""] > limit * times[name] for name, limit in wanted.items() if name in times):
            times = interleaved(runs, repeats=2 * repeats, clock=clock)
        for name, run in peers.items():
            other, limit = times.get(name, math.nan), wanted.get(name)
            ratio = None if math.isnan(other) else times[""] / other
            said = duration(other) if ratio else "cannot do it" if run else ABSENT
            met = None if ratio is None or limit is None else ratio <= limit
            self.add(case, duration(times[""]), name, said, f"<= {limit:.3g}" if limit else "", ratio=ratio, met=met)

    def limit(self, case: str, ours: Run, seconds: float, *, repeats: int = 5) -> None:
        """Time ours against a fixed time."""
        for count in (repeats, 2 * repeats):
            taken = interleaved({"": ours}, repeats=count, clock=time.process_time)[""]
            if taken <= seconds:
                break
        self.add(case, duration(taken), wanted=f"<= {duration(seconds)}", met=taken <= seconds)

    def not_run(self, case: str, wanted: str, *, why: str = NO_GPU) -> None:
        """Add a line that could not be measured here."""
        self.add(case, why, wanted=wanted)

    def print(self) -> None:
        """Hand the lines to the command that writes the table."""
        print(json.dumps(self.found))


def duration(seconds: float) -> str:
    """Seconds for people: three digits, ms below one second."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"
