# SPDX-License-Identifier: Apache-2.0
"""CDD-CESM: contrast-enhanced spectral mammography, low-energy and subtracted images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..._errors import UserError
from ..._typing import PathLike
from ..record import Finding, Record
from .spreadsheet import column_name, read_xlsx
from .trees import files_by_stem, find_file, find_folder
from .via import read_via

_FOLDERS = {
    "low_energy": "Low energy images of CDD-CESM",
    "subtracted": "Subtracted images of CDD-CESM",
}
_NAME = re.compile(r"P(\d+)_([LR])_(DM|CM)_(CC|MLO)$", re.IGNORECASE)


def index(root: PathLike, *, images: Sequence[str] = ("low_energy", "subtracted")) -> list[Record]:
    """Index CDD-CESM."""
    unknown = [name for name in images if name not in _FOLDERS]
    if unknown:
        raise UserError(f"images {unknown} are none of {list(_FOLDERS)}")
    folders = {name: find_folder(root, _FOLDERS[name]) for name in images}
    workbook = find_file(root, "Radiology-manual-annotations.xlsx", "Radiology manual annotations.xlsx")
    missing = [_FOLDERS[name] for name, folder in folders.items() if folder is None]
    if missing or workbook is None:
        missing += ["Radiology-manual-annotations.xlsx"] if workbook is None else []
        raise UserError(f"{root} lacks {missing}; expected the unpacked package of CDD-CESM")
    outlines = find_file(root, "Radiology_hand_drawn_segmentations_v2.csv")
    regions = read_via(outlines) if outlines is not None else {}
    rows = read_annotations(workbook)
    files = [
        (kind, stem, path)
        for kind, folder in folders.items()
        for stem, path in files_by_stem(folder, ".jpg", ".jpeg").items()
    ]
    return [
        _record(path, kind=kind, row=rows.get(stem, {}), regions=regions.get(stem, [])) for kind, stem, path in files
    ]


def parse_name(name: str) -> tuple[str, str, str, str]:
    """Patient, side, acquisition and view of an image name."""
    match = _NAME.match(name.strip())
    if match is None:
        raise UserError(f"{name!r} is no CDD-CESM image name; expected P<patient>_<L|R>_<DM|CM>_<CC|MLO>")
    number, side, acquisition, view = match.groups()
    return f"P{number}", side.upper(), acquisition.upper(), view.upper()


def joined(text: str) -> list[str]:
    """Values of a cell that joins several findings by ``$``."""
    return [word.strip() for word in text.split("$") if word.strip()]


def read_annotations(path: PathLike) -> dict[str, dict[str, str]]:
    """Rows of the sheet ``all`` by image name in capitals; names repeat in the other sheets only."""
    sheets = read_xlsx(path)
    if "all" not in sheets or not sheets["all"]:
        raise UserError(f"{path} has no sheet 'all'; found {list(sheets)}")
    header, *rows = sheets["all"]
    names = [column_name(cell) for cell in header]
    table = {}
    for cells in rows:
        row = {name: cell.strip() for name, cell in zip(names, [*cells, *[""] * len(names)], strict=False)}
        if row["image_name"]:
            table[row["image_name"].upper()] = row
    return fill_density(table)


def fill_density(table: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Give subtracted images, whose density reads "_", that of the low-energy image of the same view."""
    filled = {}
    for name, row in table.items():
        twin = table.get(name.replace("_CM_", "_DM_"), row)
        values = [row.get("breast_density_acr", ""), twin.get("breast_density_acr", "")]
        known = next((value for value in values if value not in {"", "_"}), "")
        filled[name] = {**row, "breast_density_acr": known}
    return filled


def _record(
    path: Path, *, kind: str, row: Mapping[str, str], regions: Iterable[tuple[str, tuple[tuple[float, float], ...]]]
) -> Record:
    name = path.stem.strip()
    patient, side, _, view = parse_name(name)
    return Record(
        id=name.upper(),
        image=str(path),
        patient_id=patient,
        laterality=side,
        view_position=view,
        modality=kind,
        class_name=row.get("pathology_classification_follow_up", "").lower(),
        findings=tuple(
            Finding(kind="lesion", outline=points, attributes={"shape": shape}) for shape, points in regions
        ),
        strata={
            "modality": kind,
            "density": row.get("breast_density_acr", ""),
            "birads": "|".join(joined(row.get("birads", ""))),
            "findings": "|".join(joined(row.get("findings", ""))),
            "age": row.get("age", ""),
            "machine": row.get("machine", ""),
        },
    )
