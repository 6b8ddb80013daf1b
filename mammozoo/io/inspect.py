# SPDX-License-Identifier: Apache-2.0
"""What the reader understands of an image file, for people: ``mammozoo inspect``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._typing import PathLike
from .dicom.read import read_mammogram
from .errors import MammogramError

_COLUMNS = ("file", "size", "intent", "laterality", "view", "spacing", "voi", "flags", "remarks")


def inspect_file(path: PathLike) -> dict[str, Any]:
    """Read a file and report on it."""
    name = Path(path).name
    try:
        mammogram = read_mammogram(path)
    except MammogramError as error:
        return {"file": name, "error": str(error)}
    if mammogram.kind == "tomosynthesis":
        return {"file": name, "error": f"{name} is {mammogram.warnings[0]}; 2-D mammograms are read here"}
    rows, columns = mammogram.pixels.shape
    return {
        "file": name,
        "rows": rows,
        "columns": columns,
        "dtype": str(mammogram.pixels.dtype),
        "bits_stored": mammogram.bits_stored,
        "photometric": mammogram.photometric,
        "presentation_intent": mammogram.presentation_intent or None,
        "laterality": mammogram.laterality or None,
        "view_position": mammogram.view_position or None,
        "pixel_spacing": mammogram.pixel_spacing,
        "spacing_source": mammogram.spacing_source or None,
        "voi": mammogram.voi,
        "kind": mammogram.kind or None,
        "flags": list(mammogram.flags),
        "warnings": list(mammogram.warnings),
        "strata": dict(mammogram.strata),
    }


def inspect_table(reports: Sequence[Mapping[str, Any]]) -> str:
    """Lay reports out as a table, one line a file; unknown is ``?``."""
    lines = [_COLUMNS, *(_cells(report) for report in reports)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_COLUMNS))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _cells(report: Mapping[str, Any]) -> tuple[str, ...]:
    if "error" in report:
        return (str(report["file"]), *["-"] * (len(_COLUMNS) - 2), f"ERROR {report['error']}")
    spacing = report["pixel_spacing"]
    where = f"{spacing[0]:.4g} x {spacing[1]:.4g} mm, {report['spacing_source']}" if spacing else "?"
    return (
        str(report["file"]),
        f"{report['rows']} x {report['columns']}, {report['bits_stored']} bit",
        str(report["presentation_intent"] or "?").lower(),
        str(report["laterality"] or "?"),
        str(report["view_position"] or "?"),
        where,
        str(report["voi"]),
        " ".join(report["flags"]) or "-",
        "; ".join(report["warnings"]) or "-",
    )
