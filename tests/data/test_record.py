# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import pickle

import pytest

from mammozoo.data.record import Finding, Record, laterality_code, view_code

BASE = {"id": "a", "image": "a.png", "patient_id": "p"}


@pytest.mark.parametrize(
    ("text", "code"), [("L", "L"), ("left", "L"), (" RT ", "R"), ("right", "R"), ("", ""), ("b", "B")]
)
def test_laterality_code(text: str, code: str) -> None:
    assert laterality_code(text) == code


def test_laterality_code_names_what_it_wants() -> None:
    with pytest.raises(ValueError, match="none of L, R, B"):
        laterality_code("links")


def test_view_code_keeps_unknown_views() -> None:
    assert [view_code(" mlo "), view_code("xccl")] == ["MLO", "XCCL"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "id is empty"),
        ({"patient_id": ""}, "patient_id is empty"),
        ({"laterality": "left"}, "laterality 'left'"),
        ({"boxes": ((3.0, 0.0, 3.0, 4.0),)}, "box .* is empty"),
    ],
)
def test_record_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Record(**{**BASE, **change})  # type: ignore[arg-type]


def test_record_is_frozen_hashable_and_picklable() -> None:
    record = Record(**BASE, strata={"density": "3"}, findings=(Finding(kind="mass", outline=((1, 2),)),))
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.id = "b"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(record)) == record
    assert hash(record) == hash(dataclasses.replace(record))


def test_masks_and_lesions_are_known_without_opening_files() -> None:
    box = Record(**BASE, findings=(Finding(kind="mass", box=(0, 0, 1, 1)),))
    outline = Record(**BASE, findings=(Finding(kind="mass", outline=((1, 2),)),))
    assert (box.has_mask, box.has_lesion) == (False, True)
    assert (outline.has_mask, outline.has_lesion) == (True, True)
    assert not Record(**BASE).has_lesion
