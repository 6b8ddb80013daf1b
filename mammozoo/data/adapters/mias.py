# SPDX-License-Identifier: Apache-2.0
"""mini-MIAS: 322 films, circles instead of masks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..._errors import UserError
from ..._typing import PathLike
from ..record import Box, Finding, Record
from .trees import files_by_stem, find_file

#: Abnormality codes, which DMID shares.
KINDS = {
    "CALC": "calcification",
    "CIRC": "circumscribed mass",
    "SPIC": "spiculated mass",
    "MISC": "other mass",
    "ARCH": "distortion",
    "ASYM": "asymmetry",
    "NORM": "",
}
SEVERITY = {"B": "benign", "M": "malignant", "N": "normal", "": "normal"}
_SIZE = 1024
_SPACING = 0.2  # mm; the films were reduced from 50 to 200 micrometres


def index(root: PathLike) -> list[Record]:
    """Index mini-MIAS."""
    info = find_file(root, "Info.txt")
    images = files_by_stem(info.parent, ".pgm") if info else {}
    if info is None or not images:
        raise UserError(f"{root} holds no Info.txt beside mdb*.pgm files; unpack mini-MIAS (all-mias.tar.gz) there")
    table = read_info(info.read_text(encoding="latin-1"))
    return [_record(path, table.get(path.stem.lower(), [])) for path in images.values()]


def read_info(text: str) -> dict[str, list[list[str]]]:
    """Lines of ``Info.txt`` by image; an image with several lesions has several lines."""
    table: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        words = line.split()
        if words and re.fullmatch(r"(mdb|img)\d{3}", words[0].lower()):
            table.setdefault(words[0].lower(), []).append(words[1:])
    return table


def patient_and_side(name: str) -> tuple[str, str]:
    """Patient and side of an image: two films a woman, odd numbers right, even left."""
    number = int(name[3:])
    return f"pair{(number + 1) // 2:03d}", "R" if number % 2 else "L"


def row_from_bottom(y: float, *, height: int) -> float:
    """Row of a y that is counted from the bottom edge."""
    return height - y


def circle_box(x: float, row: float, radius: float, *, shape: tuple[int, int]) -> Box:
    """Box around a circle, clipped to the image."""
    height, width = shape
    return (
        float(max(x - radius, 0)),
        float(max(row - radius, 0)),
        float(min(x + radius, width)),
        float(min(row + radius, height)),
    )


def finding(words: Sequence[str]) -> Finding | None:
    """Finding of one line of ``Info.txt``; None for a normal image."""
    kind = KINDS.get(words[1], words[1].lower()) if len(words) > 1 else ""
    if not kind:
        return None
    circle = [float(word) for word in words[3:6] if re.fullmatch(r"\d+", word)]
    box = None
    if len(circle) == 3:
        x, y, radius = circle
        box = circle_box(x, row_from_bottom(y, height=_SIZE), radius, shape=(_SIZE, _SIZE))
    return Finding(kind=kind, box=box, class_name=SEVERITY.get(words[2] if len(words) > 2 else "", ""))


def _record(path: Path, lines: Sequence[Sequence[str]]) -> Record:
    name = path.stem.lower()
    patient, side = patient_and_side(name)
    findings = tuple(item for words in lines if (item := finding(words)) is not None)
    classes = {item.class_name for item in findings}
    return Record(
        id=name,
        image=str(path),
        patient_id=patient,
        laterality=side,
        view_position="MLO",
        boxes=tuple(item.box for item in findings if item.box is not None),
        class_name="malignant" if "malignant" in classes else "benign" if "benign" in classes else "normal",
        pixel_spacing=(_SPACING, _SPACING),
        findings=findings,
        strata={
            "tissue": lines[0][0] if lines and lines[0] else "",
            "abnormality": "|".join(sorted({item.kind for item in findings})),
        },
    )
