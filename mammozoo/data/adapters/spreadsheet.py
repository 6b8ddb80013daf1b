# SPDX-License-Identifier: Apache-2.0
"""Tables that data sets come with: CSV with either delimiter, and XLSX without a spreadsheet package."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from ..._typing import PathLike

__all__ = ["column_name", "read_rows", "read_xlsx"]

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
#: Largest part of a workbook that is read: far above any data set's, far below a decompression bomb.
_MAX_PART = 64 * 2**20


def column_name(text: str) -> str:
    """Name of a column: lower case, every run of blanks and signs one underscore.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> column_name(" Breast density (ACR)")
    'breast_density_acr'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")


def read_rows(path: PathLike, *, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    r"""Rows of a CSV by `column_name`, cells stripped of blanks, quotes and stray newlines.

    Parameters
    ----------
    path : PathLike
        Comma or semicolon; whichever the header has more of.
    encoding : str

    Returns
    -------
    list of dict of str to str
        Missing cells are empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.csv"
    ...     _ = file.write_text('Patient ID;View\n"P1\n";CC\n')
    ...     read_rows(file)
    [{'patient_id': 'P1', 'view': 'CC'}]
    """
    text = Path(path).read_text(encoding=encoding)
    header = text.split("\n", 1)[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="rest", restval="")
    return [
        {column_name(key): value.strip().strip('"').strip() for key, value in row.items() if isinstance(value, str)}
        for row in reader
    ]


def read_xlsx(path: PathLike) -> dict[str, list[list[str]]]:
    """Cells of every sheet of an XLSX workbook, as text.

    Parameters
    ----------
    path : PathLike

    Returns
    -------
    dict of str to list of list of str
        Sheet name -> rows -> cells; empty cells are ``""``. Numbers are as the file writes them.

    Raises
    ------
    ValueError
        If it is no XLSX file, or a part of it is larger than 64 MiB.

    References
    ----------
    ECMA-376, Office Open XML, part 1, section 18 (SpreadsheetML).

    Examples
    --------
    ``read_xlsx("Radiology-manual-annotations.xlsx")["all"][0]`` is the header of CDD-CESM's table.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            shared = _shared_strings(archive)
            return {name: _rows(_part(archive, part), shared) for name, part in _sheets(archive)}
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError) as error:
        msg = f"{path} is no readable XLSX workbook ({error}); save it as .xlsx again"
        raise ValueError(msg) from error


def _part(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if archive.getinfo(name).file_size > _MAX_PART:
        msg = f"{archive.filename}: {name} is larger than {_MAX_PART} bytes"
        raise ValueError(msg)
    return ElementTree.fromstring(archive.read(name))


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    return [_text(item) for item in _part(archive, "xl/sharedStrings.xml").findall(f"{_MAIN}si")]


def _text(element: ElementTree.Element) -> str:
    return "".join(node.text or "" for node in element.iter(f"{_MAIN}t"))


def _sheets(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    targets = {node.get("Id"): node.get("Target", "") for node in _part(archive, "xl/_rels/workbook.xml.rels")}
    sheets = []
    for node in _part(archive, "xl/workbook.xml").iter(f"{_MAIN}sheet"):
        target = targets[node.get(_RELATION)].lstrip("/")
        sheets.append((node.get("name", ""), target if target.startswith("xl/") else f"xl/{target}"))
    return sheets


def _rows(sheet: ElementTree.Element, shared: list[str]) -> list[list[str]]:
    rows = []
    for row in sheet.iter(f"{_MAIN}row"):
        cells: list[str] = []
        for cell in row.findall(f"{_MAIN}c"):
            column = _column(cell.get("r", ""), default=len(cells))
            cells += [""] * (column + 1 - len(cells))
            cells[column] = _value(cell, shared)
        rows.append(cells)
    return rows


def _column(reference: str, *, default: int) -> int:
    letters = re.match(r"[A-Z]{1,3}", reference)
    if letters is None:
        return default
    number = 0
    for letter in letters[0]:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _value(cell: ElementTree.Element, shared: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        return _text(cell)
    value = cell.findtext(f"{_MAIN}v") or ""
    return shared[int(value)] if cell.get("t") == "s" else value
