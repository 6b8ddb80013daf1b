# SPDX-License-Identifier: Apache-2.0
"""Tables that data sets come with: CSV with either delimiter, and XLSX."""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

from ..._errors import UserError
from ..._typing import PathLike
from ...io.table import read_table

#: Largest part of a workbook that is read: far above any data set's, far below a decompression bomb.
_MAX_PART = 64 * 2**20
_MAX_ROWS = 2**20  # of a sheet, as the format says


def column_name(text: str) -> str:
    """Name of a column: lower case, every run of blanks and signs one underscore."""
    return re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")


def read_rows(path: PathLike) -> list[dict[str, str]]:
    """Rows of a CSV by `column_name`, cells stripped of blanks, quotes and stray newlines; missing cells are empty."""
    rows = read_table(path, ragged=True).rows
    return [{column_name(key): value.strip('"').strip() for key, value in row.items()} for _, row in rows]


def read_xlsx(path: PathLike) -> dict[str, list[list[str]]]:
    """Cells of every sheet of an XLSX workbook, as text."""
    import openpyxl

    with Path(path).open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and validation rules, which say nothing of the cells
        try:
            with zipfile.ZipFile(file) as archive:
                large = [part.filename for part in archive.infolist() if part.file_size > _MAX_PART]
            book = None if large else openpyxl.load_workbook(file, read_only=True, data_only=True)
            sheets = {sheet.title: _rows(sheet) for sheet in book.worksheets} if book else {}
        except (zipfile.BadZipFile, OSError, LookupError, TypeError, ValueError, SyntaxError) as error:
            msg = f"{path} is not a readable XLSX workbook ({error}); save it as .xlsx again"
            raise UserError(msg) from error
    if large:
        msg = f"{path}: {large[0]} is larger than {_MAX_PART} bytes"
        raise UserError(msg)
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
