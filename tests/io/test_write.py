# SPDX-License-Identifier: Apache-2.0
"""Atomic writers and safe ids."""

from __future__ import annotations

import csv
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammozoo.io.write import (
    hide_patients,
    path_digest,
    safe_id,
    write_bytes,
    write_csv,
    write_json,
    write_png,
    write_text,
)


@pytest.mark.parametrize(
    ("relative", "expected"),
    [
        ("a.dcm", "a"),
        ("study/left cc.DCM", "study__left_cc"),
        ("study\\x.png", "study__x"),
        ("1.2.840.113619.5", "1.2.840.113619.5"),
        ("IM0001", "IM0001"),
        ("../../etc/passwd", "..__..__etc__passwd"),
        ("/abs/x.png", "abs__x"),
        ("..", "_"),
        ("", "_"),
        ("Müller.png", "M_ller"),
        (".png", ".png"),
        ("a.b.png", "a.b"),
    ],
)
def test_safe_id(relative: str, expected: str) -> None:
    assert safe_id(relative) == expected


def test_safe_id_collision_takes_hash_of_path() -> None:
    assert safe_id("a/b.png", taken={"a__b"}) == f"a__b-{path_digest('a/b.png')[:8]}"
    assert safe_id("A.png", taken={"a"}) != "A"


def test_safe_id_keeps_the_suffix_of_an_id() -> None:
    assert safe_id("P1.left", keep_suffix=True) == "P1.left"


def test_safe_id_shortens_long_names_without_merging_them() -> None:
    one, two = safe_id("x" * 300 + "1"), safe_id("x" * 300 + "2")
    assert one != two
    assert len(one) < 200


@given(st.text(max_size=60))
def test_safe_id_is_one_harmless_path_part(text: str) -> None:
    name = safe_id(text)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
    assert name not in (".", "..")


def test_write_replaces_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.txt", "old")
    write_text(tmp_path / "new" / "a.txt", "neu ä\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "neu ä\n".encode()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(tmp_path / "a", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert write_bytes(tmp_path / "a", b"").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3)])
def test_png_round_trip(tmp_path: Path, dtype: type, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    back = cv2.imread(str(write_png(tmp_path / "a.png", image)), cv2.IMREAD_UNCHANGED)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back if back.ndim == 2 else back[..., ::-1], image)


def test_png_of_a_transposed_view(tmp_path: Path) -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4).T
    np.testing.assert_array_equal(cv2.imread(str(write_png(tmp_path / "a.png", image)), -1), image)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 3), bool),
        np.zeros((3, 3)),
        np.zeros((1, 3, 3), np.uint8)[..., :2],
        np.zeros((0, 3), np.uint8),
    ],
)
def test_png_refuses(tmp_path: Path, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a PNG takes"):
        write_png(tmp_path / "a.png", image)
    assert not list(tmp_path.iterdir())


@dataclass(frozen=True)
class _Result:
    dice: float
    path: Path


def test_json_is_strict(tmp_path: Path) -> None:
    data = {
        "result": _Result(float("inf"), Path("a/b")),
        "array": np.array([[1, 2]], np.int16),
        "scalar": np.float32(0.5),
        "flag": np.bool_(True),
        "nan": float("nan"),
        "pair": (1, None),
        1: "ä",
    }
    read = json.loads(write_json(tmp_path / "a.json", data).read_text(encoding="utf-8"))
    assert read == {
        "result": {"dice": None, "path": "a/b"},
        "array": [[1, 2]],
        "scalar": 0.5,
        "flag": True,
        "nan": None,
        "pair": [1, None],
        "1": "ä",
    }


def test_json_refuses_other_types(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="set as JSON"):
        write_json(tmp_path / "a.json", {"a": {1, 2}})


def test_csv_takes_the_union_of_columns(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", [{"id": "a,b", "dice": np.float64(0.5)}, {"id": "c", "iou": None}])
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [{"id": "a,b", "dice": "0.5", "iou": ""}, {"id": "c", "dice": "", "iou": ""}]


def test_csv_refuses_a_column_that_was_not_announced(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="iou"):
        write_csv(tmp_path / "a.csv", [{"iou": 1}], columns=["id"])


def test_patients_become_hashes_that_only_their_table_gives() -> None:
    rows = [
        {"patient_id": "0123", "dice": 1},
        {"patient_id": ""},
        {"dice": 0},
        {"patient_id": 123},
        {"patient_id": "0123"},
    ]
    hidden = hide_patients(rows)
    assert [set(row) for row in hidden] == [set(row) for row in rows]
    assert hidden[0]["patient_id"] == hidden[4]["patient_id"] != hidden[3]["patient_id"]
    assert "123" not in (hidden[0]["patient_id"], hidden[3]["patient_id"])
    assert (hidden[1], hidden[2], hidden[0]["dice"]) == ({"patient_id": ""}, {"dice": 0}, 1)
    assert hide_patients(rows[:1])[0]["patient_id"] != hidden[0]["patient_id"]
    assert rows[0]["patient_id"] == "0123"
