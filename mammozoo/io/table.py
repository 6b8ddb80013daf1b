# SPDX-License-Identifier: Apache-2.0
"""CSV tables and JSON documents as people save them: any of the usual encodings and delimiters."""

from __future__ import annotations

import codecs
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import UserError
from .._typing import PathLike

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Table:
    """Rows of a CSV."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    delimiter: str

    def number(self, text: str) -> float:
        """Number in a cell; with ``;`` between the cells a comma may be the decimal sign."""
        return float(text.replace(",", ".") if self.delimiter == ";" else text)


def read_table(path: PathLike, *, ragged: bool = False) -> Table:
    r"""Read a CSV with a header line."""
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        what = "it is a folder" if file.is_dir() else "there is no such file" if not file.exists() else error.strerror
        raise UserError(f"{file}: {what}; expected a CSV file") from error
    if data.startswith(_WORKBOOKS):
        raise UserError(f"{file} is an Excel workbook; expected a CSV file: save the sheet as 'CSV UTF-8'")
    text = _decoded(data)
    first, _, rest = text.partition("\n")
    stated = first.strip().removeprefix("sep=") if first.startswith("sep=") else ""
    header = (rest if stated else text).split("\n", 1)[0]
    delimiter = stated if len(stated) == 1 else max(_DELIMITERS, key=header.count)
    return _table(rest if stated else text, delimiter, file=file, ragged=ragged, start=int(bool(stated)))


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if b"\0" in data[:64]:  # every second byte of Latin text
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _table(text: str, delimiter: str, *, file: Path, ragged: bool, start: int) -> Table:
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                rows.append((start + reader.line_num, stripped))
    except csv.Error as error:
        raise UserError(f"{file}, line {start + reader.line_num}: the row cannot be read ({error})") from error
    columns = rows[0][1] if rows else []
    while columns and not columns[-1]:
        columns.pop()
    width = len(columns)
    for line, cells in rows[1:]:
        if not ragged and (len(cells) < width or any(cells[width:])):
            raise UserError(f"{file}, line {line}: the row has {len(cells)} fields; the header has {width}")
    filled = ((line, [*cells, *[""] * (width - len(cells))]) for line, cells in rows[1:])
    parsed = tuple((line, dict(zip(columns, cells, strict=False))) for line, cells in filled)
    return Table(tuple(columns), parsed, delimiter)


def read_json(path: PathLike) -> Any:
    """Read a JSON document in UTF-8, 16 or 32; whatever is wrong with the file is a `UserError`."""
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be read'}; expected a JSON file") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON: {error}") from error
