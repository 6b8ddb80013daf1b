# SPDX-License-Identifier: Apache-2.0
"""DMID: 510 digital mammograms with lesion masks and reports."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..._errors import UserError
from ..._typing import PathLike
from ..record import Finding, Record
from .matching import choose_mask
from .mias import KINDS, SEVERITY, read_info
from .spreadsheet import read_xlsx
from .trees import files_by_stem, find_file, find_folder

_VIEWS = {"CCLT": ("CC", "L"), "CCRT": ("CC", "R"), "MLOLT": ("MLO", "L"), "MLORT": ("MLO", "R")}
_MISSPELT = {"CLAC": "CALC"}


def index(root: PathLike) -> list[Record]:
    """Index DMID."""
    folder = find_folder(root, "TIFF Images")
    images = files_by_stem(folder, ".tif", ".tiff")
    if not images:
        raise UserError(f"{root} holds no folder 'TIFF Images' with IMG###.tif; unpack DMID there")
    masks = files_by_stem(find_folder(root, "ROI Masks"), ".tif", ".tiff")
    reports = files_by_stem(find_folder(root, "Reports"), ".txt")
    rows = read_metadata(root)
    return [
        _record(stem, path, mask=masks.get(stem), report=reports.get(stem), rows=rows.get(stem, []))
        for stem, path in images.items()
    ]


def read_metadata(root: PathLike) -> dict[str, list[list[str]]]:
    """Rows of ``Metadata.xlsx`` (about 31 lines of prose come first) or else of ``Info.txt``, by image."""
    workbook, info = find_file(root, "Metadata.xlsx"), find_file(root, "Info.txt")
    if workbook is not None:
        table: dict[str, list[list[str]]] = {}
        for cells in (cells for rows in read_xlsx(workbook).values() for cells in rows):
            name = cells[0].strip().upper() if cells else ""
            if re.fullmatch(r"IMG\d{3}", name):
                table.setdefault(name, []).append([cell.strip() for cell in cells[1:]])
        return table
    if info is not None:
        lines = read_info(info.read_text(encoding="latin-1"))
        return {name.upper(): rows for name, rows in lines.items()}
    return {}


def abnormalities(text: str) -> list[str]:
    """Kinds of a cell such as ``"CIRC+CLAC"``, with its spelling mended."""
    codes = [code.strip().upper() for code in text.split("+")]
    kinds = [KINDS.get(_MISSPELT.get(code, code), code.lower()) for code in codes]
    return [kind for kind in kinds if kind]


def view_and_side(code: str) -> tuple[str, str]:
    """View and side of a code such as ``"MLOLT"``."""
    return _VIEWS.get(code.strip().upper().replace(" ", ""), ("", ""))


def report_birads(text: str) -> list[str]:
    """Categories of the line ``BIRADS:`` of a report, which may list several."""
    line = re.search(r"BI-?RADS?[^\n]*?[:\-]\s*([^\n]*)", text, re.IGNORECASE)
    return [word.upper() for word in re.findall(r"\b[0-6][A-Ca-c]?\b", line[1])] if line else []


def report_density(text: str) -> str:
    """Density letter after "ACR" in a report; ``""`` where there is none."""
    match = re.search(r"\bACR\b\W*(?:type|category|grade|density)?\W*([A-D])\b", text, re.IGNORECASE)
    return match[1].upper() if match else ""


def _findings(rows: Sequence[Sequence[str]]) -> list[Finding]:
    findings = []
    for row in rows:
        circle = [word for word in row[4:7] if re.fullmatch(r"\d+(\.\d+)?", word)]
        attributes = dict(zip(("x", "y", "radius"), circle, strict=True)) if len(circle) == 3 else {}
        label = SEVERITY.get(row[3].strip().upper(), "") if len(row) > 3 else ""
        for kind in abnormalities(row[2]) if len(row) > 2 else []:
            findings.append(Finding(kind=kind, class_name=label, attributes=attributes))
    return findings


def _record(stem: str, path: Path, *, mask: Path | None, report: Path | None, rows: Sequence[Sequence[str]]) -> Record:
    text = report.read_text(encoding="latin-1") if report is not None else ""
    view, side = view_and_side(rows[0][0]) if rows and rows[0] else ("", "")
    found, trouble = choose_mask([mask], image=path) if mask is not None else (None, "")
    findings = _findings(rows)
    classes = {item.class_name for item in findings} - {""}
    strata: Mapping[str, str] = {
        "patient_known": "no",
        "tissue": rows[0][1] if rows and len(rows[0]) > 1 else "",
        "abnormality": "|".join(sorted({item.kind for item in findings})),
        "birads": "|".join(report_birads(text)),
        "density": report_density(text),
        "mask_trouble": trouble,
    }
    return Record(
        id=stem,
        image=str(path),
        patient_id=stem,
        laterality=side,
        view_position=view,
        label_path=None if found is None else str(found),
        class_name=next(
            (name for name in ("malignant", "benign", "normal") if name in classes), "normal" if rows else ""
        ),
        findings=tuple(findings),
        strata=strata,
    )
