# SPDX-License-Identifier: Apache-2.0
"""Tables that data sets come with: CSV with either delimiter, and XLSX."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

from ..._typing import PathLike

__all__ = ["column_name", "read_rows", "read_xlsx"]

#: Largest part of a workbook that is read: far above any data set's, far below a decompression bomb.
_MAX_PART = 64 * 2**20
_MAX_ROWS = 2**20  # of a sheet, as the format says


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
        Sheet name -> rows -> cells; empty cells are ``""``, rows end with their last filled cell, empty rows are left
        out. A formula is the value that was last computed.

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
    import openpyxl

    with Path(path).open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and validation rules, which say nothing of the cells
        try:
            with zipfile.ZipFile(file) as archive:
                large = [part.filename for part in archive.infolist() if part.file_size > _MAX_PART]
            book = None if large else openpyxl.load_workbook(file, read_only=True, data_only=True)
            sheets = {sheet.title: _rows(sheet) for sheet in book.worksheets} if book else {}
        except (zipfile.BadZipFile, OSError, LookupError, TypeError, ValueError, SyntaxError) as error:
            msg = f"{path} is no readable XLSX workbook ({error}); save it as .xlsx again"
            raise ValueError(msg) from error
    if large:
        msg = f"{path}: {large[0]} is larger than {_MAX_PART} bytes"
        raise ValueError(msg)
    return sheets


def _rows(sheet: Any) -> list[list[str]]:
    """Filled rows of a sheet, without the blanks at their ends."""
    sheet.reset_dimensions()  # what a file says of its own size is often wrong
    rows = []
    for values in sheet.iter_rows(max_row=_MAX_ROWS, values_only=True):
        cells = ["" if value is None else str(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            rows.append(cells)
    return rows
