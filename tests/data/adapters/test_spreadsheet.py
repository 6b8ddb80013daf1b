# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import openpyxl
import pytest

from mammozoo.data.adapters import trees as folders
from mammozoo.data.adapters.spreadsheet import column_name, read_rows, read_xlsx
from mammozoo.data.adapters.via import outline


def test_column_names_in_every_spelling() -> None:
    names = ["breast density", "breast_density", "Breast density (ACR)", "#filename", "Bi-Rads"]
    assert [column_name(name) for name in names] == [
        "breast_density",
        "breast_density",
        "breast_density_acr",
        "filename",
        "bi_rads",
    ]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_either_delimiter_and_stray_newlines(tmp_path: Path, delimiter: str) -> None:
    text = f'a{delimiter}b{delimiter}c\n1{delimiter}"x/y.dcm\n"{delimiter} \n2{delimiter}z\n'
    (tmp_path / "t.csv").write_text(text)
    assert read_rows(tmp_path / "t.csv") == [{"a": "1", "b": "x/y.dcm", "c": ""}, {"a": "2", "b": "z", "c": ""}]


def test_a_workbook_with_gaps(trees: ModuleType, tmp_path: Path) -> None:
    sheets = {"one": [["a", "", "c & d"], ["", "2"]], "two": [["x"]]}
    path = trees.xlsx(tmp_path / "b.xlsx", sheets)
    assert read_xlsx(path) == {"one": [["a", "", "c & d"], ["", "2"]], "two": [["x"]]}


def test_numbers_formulas_and_empty_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["age", "share"], [], [61, 0.25], [None, "=1+1"], ["  ", True]):
        book.worksheets[0].append(row)
    book.save(tmp_path / "b.xlsx")
    assert read_xlsx(tmp_path / "b.xlsx") == {"Sheet": [["age", "share"], ["61", "0.25"], ["  ", "True"]]}


def _no_workbook(folder: Path, kind: str) -> Path:
    path = folder / "b.xlsx"
    if kind == "other zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "no workbook")
        return path
    openpyxl.Workbook().save(path)
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"no zip", "cut": content[: len(content) // 2]}[kind])
    return path


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "other zip"])
def test_no_workbook(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ValueError, match=r"b\.xlsx is not a readable XLSX workbook \(.*save it as \.xlsx again"):
        read_xlsx(_no_workbook(tmp_path, kind))


def test_a_part_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mammozoo.data.adapters.spreadsheet._MAX_PART", 100)
    openpyxl.Workbook().save(tmp_path / "b.xlsx")
    with pytest.raises(ValueError, match="is larger than 100 bytes"):
        read_xlsx(tmp_path / "b.xlsx")


def test_lock_files_and_other_suffixes_are_left_out(tmp_path: Path) -> None:
    for name in ("b .TIF", "~$c.tif", ".d.tif", "e.txt"):
        (tmp_path / name).write_bytes(b"")
    assert list(folders.files_by_stem(tmp_path, ".tif")) == ["B"]


def test_an_open_line_is_closed_and_unknown_shapes_are_refused() -> None:
    line = {"name": "polyline", "all_points_x": [1, 2, 3], "all_points_y": [4, 5, 4]}
    assert outline(line) == ((1.0, 4.0), (2.0, 5.0), (3.0, 4.0))
    assert outline({}) == ()
    with pytest.raises(ValueError, match="region shape 'star'"):
        outline({"name": "star"})


def test_circle_and_ellipse_agree() -> None:
    circle = outline({"name": "circle", "cx": 3, "cy": 4, "r": 2})
    ellipse = outline({"name": "ellipse", "cx": 3, "cy": 4, "rx": 2, "ry": 2, "theta": 0})
    assert circle == ellipse
    assert np.hypot(*(np.array(circle) - [3, 4]).T) == pytest.approx(2)
