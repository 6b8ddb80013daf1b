# SPDX-License-Identifier: Apache-2.0
"""One's own data: a CSV with one line an image."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .._errors import UserError
from .._typing import PathLike
from ..io.table import read_table
from .record import LABELS, Box, Record, is_unknown, laterality_code, view_code

_REQUIRED = ("id", "image", "patient_id")
_OPTIONAL = ("mask", "boxes_xywh", "label", "laterality", "view")


def index(path: PathLike) -> list[Record]:
    r"""Read a manifest."""
    csv_path = Path(path)
    if csv_path.is_dir():
        inside = sorted(file.name for file in csv_path.glob("*.csv"))[:3]
        hint = f"; it holds {', '.join(inside)}" if inside else ""
        raise UserError(f"{csv_path} is a folder; expected a CSV file with the columns {', '.join(_REQUIRED)}{hint}")
    if not csv_path.is_file():
        raise UserError(f"no manifest at {csv_path}; expected a CSV file with the columns {', '.join(_REQUIRED)}")
    table = read_table(csv_path)
    columns = _columns(table.columns, path=csv_path)
    if not table.rows:
        raise UserError(f"{csv_path} holds a header and no image")
    records = [
        _record(
            dict(zip(columns, cells.values(), strict=True)), origin=f"{csv_path}, line {line}", folder=csv_path.parent
        )
        for line, cells in table.rows
    ]
    _check_unique(records)
    _check_files(records, path=csv_path)
    return records


def _columns(given: Sequence[str], *, path: Path) -> list[str]:
    """Names of the columns; those that have a meaning are known in capitals too."""
    if not given:
        raise UserError(f"{path} is empty; expected a header with the columns {', '.join(_REQUIRED)}")
    doubled = [name for name, n in Counter(given).items() if n > 1]
    if doubled:
        raise UserError(f"{path}: columns {doubled} stand twice")
    columns = [name.lower() if name.lower() in (*_REQUIRED, *_OPTIONAL, "modality") else name for name in given]
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        raise UserError(f"{path}: columns {missing} are missing; found {list(given)}; expected {list(_REQUIRED)}")
    return columns


def _record(cells: Mapping[str, str], *, origin: str, folder: Path) -> Record:
    known = {name: "" if is_unknown(cells.get(name, "")) else cells[name] for name in _OPTIONAL}
    label = known["label"].lower()
    try:
        return Record(
            id=cells["id"],
            image=_path(folder, cells["image"]),
            patient_id=cells["patient_id"] or "unknown",
            laterality=laterality_code(known["laterality"]),
            view_position=view_code(known["view"]),
            modality=cells.get("modality", "MG"),
            label_path=_path(folder, known["mask"]) or None,
            boxes=_boxes(known["boxes_xywh"]),
            class_name=label if label in LABELS else known["label"],
            strata={key: value for key, value in cells.items() if key not in (*_REQUIRED, *_OPTIONAL)},
            origin=origin,
        )
    except UserError as error:
        raise UserError(f"{origin}: {error}") from error


def _path(folder: Path, text: str) -> str:
    """File that a cell names; Windows' separators are taken where no file is called so."""
    if "\\" in text and not _is_file(str(folder / text)):
        text = text.replace("\\", "/")
    return str(folder / text) if text else ""


def _boxes(text: str) -> tuple[Box, ...]:
    if not text:
        return ()
    try:
        rows = [[float(value) for value in row] for row in json.loads(text)]
        return tuple((x, y, x + w, y + h) for x, y, w, h in rows)
    except (TypeError, ValueError, RecursionError):
        example = "[[10, 20, 30, 40]]"
        raise UserError(
            f"boxes_xywh is {text[:80]!r}; expected a JSON list of [x, y, width, height], as {example}"
        ) from None


def _check_unique(records: Iterable[Record]) -> None:
    seen: dict[str, Record] = {}
    for record in records:
        first = seen.setdefault(record.id, record)
        if first is not record:
            line = first.origin.rpartition(", ")[2]
            raise UserError(f"{record.where}: duplicate id {record.id!r}, which {line} has; every image needs its own")


def _check_files(records: Sequence[Record], *, path: Path) -> None:
    wanted = [
        (r, column, file) for r in records for column, file in (("image", r.image), ("mask", r.label_path)) if file
    ]
    missing = [(record, column, file) for record, column, file in wanted if not _is_file(file)]
    if missing:
        record, column, file = missing[0]
        more = f" ({len(missing)} of {len(wanted)} files are missing)" if len(missing) > 1 else ""
        raise UserError(
            f"{record.where}: there is no {column} {file}{more}; paths in a manifest are relative to {path.name}"
        )


def _is_file(file: str) -> bool:
    try:
        return Path(file).is_file()
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return False
