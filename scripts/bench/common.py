# SPDX-License-Identifier: Apache-2.0
"""What the rows of `make bench` share: test images, interleaved runs, one line a comparison."""

from __future__ import annotations

import importlib
import json
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
cv2.setNumThreads(1)


def view(size: tuple[int, int] = (4096, 3328), *, number: int = 1) -> np.ndarray:
    """A synthetic 12-bit mammogram: number 0 is L CC, 1 L MLO; made once."""
    file = CACHE / f"view_{size[0]}x{size[1]}_{number}.npy"
    if not file.exists():
        from mammozoo.data.phantom_exam import make_exam

        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, make_exam(3, size=size)[number].pixels)
    return np.load(file)


def dicom(syntax: str, *, window: bool = False, size: tuple[int, int] = (4096, 3328)) -> Path:
    """The MLO view as a DICOM file, without a window unless asked for."""
    file = CACHE / f"{syntax}{'_window' if window else ''}_{size[0]}.dcm"
    if not file.exists():
        from mammozoo.io.mg_writer import MammogramHeader, mammogram_bytes

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


def interleaved(runs: Mapping[str, Run], *, repeats: int) -> dict[str, float]:
    """Median CPU seconds of each (other work on the machine does not count, every thread of ours does).

    Once all to warm up, then in turn; one that cannot run gives NaN.
    """
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            start = time.process_time()
            try:
                run()
            except Exception:
                taken.pop(name, None)
                continue
            if turn and name in taken:
                taken[name].append(time.process_time() - start)
    return {name: statistics.median(taken[name]) if name in taken else float("nan") for name in runs}


class Row:
    """The lines of one row of the table."""

    def __init__(self, number: str, title: str) -> None:
        self.found: dict[str, Any] = {"row": number, "title": title, "lines": []}

    def add(self, case: str, ours: str, peer: str = "", other: str = "", wanted: str = "", **more: Any) -> None:
        """Add a line; the peer's figure is `other`."""
        self.found["lines"].append({"case": case, "ours": ours, "peer": peer, "other": other, "wanted": wanted, **more})

    def compare(self, case: str, ours: Run, peers: Mapping[str, Run | None], wanted: Mapping[str, float], *,
                repeats: int = 5) -> None:  # fmt: skip
        """Time ours against each peer (None: its package is absent); `wanted` is the most that ours / peer may be."""
        times = interleaved({"": ours, **{name: run for name, run in peers.items() if run}}, repeats=repeats)
        for name, run in peers.items():
            other = times.get(name, float("nan"))
            ratio, limit = times[""] / other, wanted.get(name)
            reason = "cannot do it" if run else "not run: package absent"
            self.add(
                case, f"{1e3 * times['']:.4g} ms", name, f"{1e3 * other:.4g} ms" if other == other else reason,
                f"<= {limit:g}" if limit else "", ratio=ratio if other == other else None,
                met=bool(ratio <= limit) if limit and other == other else None,
            )  # fmt: skip

    def print(self) -> None:
        """Hand the lines to the command that writes the table."""
        print(json.dumps(self.found))
