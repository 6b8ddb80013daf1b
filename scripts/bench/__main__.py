# SPDX-License-Identifier: Apache-2.0
"""Run the benchmarks and write docs/benchmarks.md: ``make bench``, or ``make bench ROWS="4 10"`` for some of the rows.

Each row is a script beside this one, run in a process of its own with one thread; its result is kept in .cache/bench,
and the page shows the last result of every row.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CACHE = Path(".cache/bench")
PAGE = Path("docs/benchmarks.md")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
PACKAGES = (
    "numpy", "torch", "monai", "pydicom", "imagecodecs", "opencv-python-headless", "scipy", "scikit-image", "kornia",
    "itk-io", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "dicomsdl",
)  # fmt: skip
INTRODUCTION = """# Benchmarks

`make bench` writes this page (`make bench ROWS="4 10"` measures some of the rows); `pip install mammozoo[bench]` brings
the packages that it compares with. Every comparison is made in one process, the two in turn, and the median of at least
five runs after one to warm up is shown. **Ratio** is our time over the other's: below 1 we are faster. Times are CPU
time of one thread, so that other work on the machine does not count, except where wall time is said, on GPUs and for
OpenVINO. A comparison that misses its target is measured once more with twice the runs, and the second counts.
The images are synthetic (`mammozoo phantom`).
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, help="numbers of the rows; all without")
    wanted = parser.parse_args().rows
    scripts = sorted(Path(__file__).parent.glob("row_*.py"))
    known = {number(script) for script in scripts}
    if set(wanted) - known:
        parser.error(f"no row {sorted(set(wanted) - known)}; there are {sorted(known)}")
    CACHE.mkdir(parents=True, exist_ok=True)
    chosen = [script for script in scripts if not wanted or number(script) in wanted]
    failed = [script.stem for place, script in enumerate(chosen, 1) if not measure(script, f"{place}/{len(chosen)}")]
    results = [json.loads(file.read_text()) for file in sorted(CACHE.glob("row_*.json"))]
    PAGE.write_text(page(results), encoding="utf-8")
    print(f"{PAGE}: {verdict(results)}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def number(script: Path) -> int:
    """Row of a script ``row_04_clahe.py``."""
    return int(script.stem.split("_")[1])


def measure(script: Path, place: str) -> bool:
    """Run one row and keep its result; False if it failed."""
    print(f"[{place}] {script.stem} ", end="", flush=True)
    start = time.perf_counter()
    environment = {**os.environ, **ONE_THREAD, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        print(f"failed\n{done.stderr[-2000:]}")
        return False
    result = {**json.loads(lines[-1]), "date": date.today().isoformat(), "versions": versions()}
    (CACHE / f"{script.stem}.json").write_text(json.dumps(result))
    print(f"{time.perf_counter() - start:.0f} s: {verdict([result])}")
    return True


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def verdict(results: Sequence[Mapping[str, Any]]) -> str:
    """How many targets were met, and which were not."""
    judged = [line for result in results for line in result["lines"] if line["met"] is not None]
    missed = [f"{result['row']} ({line['case']})" for result in results for line in result["lines"]
              if line["met"] is False]  # fmt: skip
    said = f"{len(judged) - len(missed)} of {len(judged)} targets met"
    return f"{said}; missed: {'; '.join(missed)}" if missed else said


def page(results: Sequence[Mapping[str, Any]]) -> str:
    """The whole page in Markdown."""
    parts = [INTRODUCTION, f"**{verdict(results)}.**\n" if results else "Nothing was measured yet.\n"]
    title = ""
    for result in results:
        if f"{result['row']}. {result['title']}" != title:
            title = f"{result['row']}. {result['title']}"
            parts.append(f"## {title}\n")
        parts.append(table(result["lines"]))
    return "\n".join([*parts, *footer(results)])


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    rows = ["| | ours | other | | ratio | target | met |", "|---|--:|---|--:|--:|---|---|"]
    for line in lines:
        ratio = "" if line["ratio"] is None else f"{line['ratio']:.3g}"
        met = {True: "yes", False: "**no**", None: ""}[line["met"]]
        cells = (line["case"], line["ours"], line["peer"], line["other"], ratio, line["wanted"], met)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, ""])


def footer(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Processor, dates and versions."""
    from torch.backends.cpu import get_cpu_capability

    where = f"{platform.machine()} with {get_cpu_capability()}, {os.cpu_count()} cores, {platform.system()}"
    measured = sorted({result["date"] for result in results})
    used = sorted({f"{name} {number}" for result in results for name, number in result["versions"].items()})
    return ["## Where and with what\n", f"{where}; measured {', '.join(measured)}.\n", f"{', '.join(used)}.\n"]


if __name__ == "__main__":
    main()
