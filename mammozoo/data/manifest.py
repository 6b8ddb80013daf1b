# SPDX-License-Identifier: Apache-2.0
"""One's own data: a CSV with one line an image."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from .._typing import PathLike
from .record import Box, Record, laterality_code, view_code

__all__ = ["index"]

_REQUIRED = ("id", "image", "patient_id")
_OPTIONAL = ("mask", "boxes_xywh", "label", "laterality", "view")


def index(path: PathLike) -> list[Record]:
    r"""Read a manifest.

    Parameters
    ----------
    path : PathLike
        CSV file (UTF-8, header line) with the columns ``id, image, patient_id`` and, where they apply,
        ``mask``, ``boxes_xywh`` (JSON list of [x, y, width, height] in pixels), ``label``, ``laterality``,
        ``view``; every other column is a stratum. File paths are relative to the CSV.

    Returns
    -------
    list of Record
        In the order of the file. ``mask`` becomes `label_path`, ``label`` `class_name`, ``boxes_xywh``
        `boxes` (as xyxy), ``view`` `view_position`; ``modality`` is also kept as a stratum.

    Raises
    ------
    FileNotFoundError
        If the CSV, an image or a mask is missing (all of them are counted, some are named).
    ValueError
        If a column is missing, an id stands twice, a field is malformed, or there is no line at all.

    Notes
    -----
    An empty ``mask`` or ``boxes_xywh`` means no lesion; an empty label means unknown.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     csv_path = Path(folder) / "manifest.csv"
    ...     _ = (Path(folder) / "a.png").write_bytes(b"")
    ...     _ = csv_path.write_text("id,image,patient_id,laterality\na,a.png,p1,left\n")
    ...     index(csv_path)[0].laterality
    'L'
    """
    csv_path = Path(path)
    if not csv_path.is_file():
        msg = f"no manifest at {csv_path}; wanted a CSV file with the columns {', '.join(_REQUIRED)}"
        raise FileNotFoundError(msg)
    with csv_path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        _check_columns(reader.fieldnames or [], path=csv_path)
        records = [_record(row, line=reader.line_num, csv_path=csv_path) for row in reader]
    if not records:
        msg = f"{csv_path} holds a header and no image"
        raise ValueError(msg)
    _check_unique(records, path=csv_path)
    _check_files(records, path=csv_path)
    return records


def _check_columns(columns: Iterable[str], *, path: Path) -> None:
    columns = list(columns)
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        msg = f"{path}: columns {missing} are missing; found {columns}; wanted {list(_REQUIRED)}"
        raise ValueError(msg)
    doubled = [name for name, n in Counter(columns).items() if n > 1]
    if doubled:
        msg = f"{path}: columns {doubled} stand twice"
        raise ValueError(msg)


def _record(row: Mapping[str | None, str | None], *, line: int, csv_path: Path) -> Record:
    try:
        if None in row or None in row.values():
            msg = "the number of fields is not that of the header"
            raise ValueError(msg)
        cells = {str(key): str(value).strip() for key, value in row.items()}
        folder = csv_path.parent
        return Record(
            id=cells["id"],
            image=str(folder / cells["image"]) if cells["image"] else "",
            patient_id=cells["patient_id"],
            laterality=laterality_code(cells.get("laterality", "")),
            view_position=view_code(cells.get("view", "")),
            modality=cells.get("modality", "MG"),
            label_path=str(folder / cells["mask"]) if cells.get("mask") else None,
            boxes=_boxes(cells.get("boxes_xywh", "")),
            class_name=cells.get("label", ""),
            strata={key: value for key, value in cells.items() if key not in (*_REQUIRED, *_OPTIONAL)},
        )
    except ValueError as error:
        msg = f"{csv_path}, line {line}: {error}"
        raise ValueError(msg) from error


def _boxes(text: str) -> tuple[Box, ...]:
    if not text:
        return ()
    try:
        rows = [[float(value) for value in row] for row in json.loads(text)]
        return tuple((x, y, x + w, y + h) for x, y, w, h in rows)
    except (TypeError, ValueError):
        msg = f"boxes_xywh is {text!r}; wanted a JSON list of [x, y, width, height], as [[10, 20, 30, 40]]"
        raise ValueError(msg) from None


def _check_unique(records: Iterable[Record], *, path: Path) -> None:
    doubled = [name for name, n in Counter(record.id for record in records).items() if n > 1]
    if doubled:
        msg = f"{path}: {len(doubled)} ids stand twice, for example {doubled[:5]}; every image needs its own"
        raise ValueError(msg)


def _check_files(records: Iterable[Record], *, path: Path) -> None:
    wanted = [file for record in records for file in (record.image, record.label_path) if file is not None]
    missing = [file for file in wanted if not Path(file).is_file()]
    if missing:
        msg = (
            f"{path}: {len(missing)} of {len(wanted)} files are missing, for example {missing[:3]}; "
            "paths in a manifest are relative to the CSV"
        )
        raise FileNotFoundError(msg)
