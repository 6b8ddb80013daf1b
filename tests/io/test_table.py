# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from mammozoo._errors import UserError
from mammozoo.io.table import read_json, read_table


def test_lines_columns_and_empty_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a , b,,\n1,"x\ny",,\n,,,\n2,z,,\n')
    table = read_table(tmp_path / "t.csv")
    assert table.columns == ("a", "b")
    assert table.rows == ((3, {"a": "1", "b": "x\ny"}), (5, {"a": "2", "b": "z"}))


@pytest.mark.parametrize(("text", "number"), [("a;b\n1;0,75\n", 0.75), ("a,b\n1,0.75\n", 0.75), ("a;b\n1;2\n", 2)])
def test_a_decimal_comma_goes_with_semicolons(tmp_path: Path, text: str, number: float) -> None:
    (tmp_path / "t.csv").write_text(text)
    table = read_table(tmp_path / "t.csv")
    assert table.number(table.rows[0][1]["b"]) == number


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1\n", r"t\.csv, line 2: the row has 1 fields; the header has 2"),
        (b"a,b\n1,2,3\n", r"t\.csv, line 2: the row has 3 fields"),
        (b"PK\x03\x04", r"t\.csv is an Excel workbook"),
        (b"\xd0\xcf\x11\xe0", r"t\.csv is an Excel workbook"),
        (b'a,b\n1,"' + b"x" * 200_000, r"t\.csv, line 2: the row cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_table(tmp_path / "t.csv")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file; expected a CSV file"):
        read_table(tmp_path / "t.csv")
    with pytest.raises(UserError, match="it is a folder"):
        read_table(tmp_path)


def test_ragged_rows_are_taken_where_they_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1\n1,2,3\n")
    assert [row for _, row in read_table(tmp_path / "t.csv", ragged=True).rows] == [
        {"a": "1", "b": ""}, {"a": "1", "b": "2"},
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_in_any_unicode(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "d.json").write_bytes('{"a": "ü"}'.encode(encoding))
    assert read_json(tmp_path / "d.json") == {"a": "ü"}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xff", b"[" * 100_000])
def test_no_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.json").write_bytes(content)
    with pytest.raises(UserError, match=r"d\.json is no JSON"):
        read_json(tmp_path / "d.json")
    with pytest.raises(UserError, match="expected a JSON file"):
        read_json(tmp_path / "absent.json")


def test_damage_raises_nothing_foreign(tmp_path: Path) -> None:
    chance, file = random.Random(0), tmp_path / "t.csv"
    valid = 'id,image,patient_id\na,"a b.png",p\nb,b.png,"q"\n'
    for encoding in ("utf-8", "utf-16", "cp1252"):
        for _ in range(300):
            content = bytearray(valid.encode(encoding))
            for _ in range(chance.randrange(1, 5)):
                content[chance.randrange(len(content))] = chance.randrange(256)
            file.write_bytes(content)
            with suppress(UserError):
                read_table(file)
