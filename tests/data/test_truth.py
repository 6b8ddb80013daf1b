# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mammozoo.data.datalist_json import write_datalist
from mammozoo.data.manifest import index
from mammozoo.data.split_file import make_split_file, write_split
from mammozoo.data.truth import audit_truth, load_truth, read_datalist
from mammozoo.io.write import write_png


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = ["id,image,mask,patient_id,laterality,view,density"]
    for number in range(10):
        write_png(tmp_path / f"{number}.png", rng.integers(0, 255, (40, 30), dtype=np.uint8))
        mask = np.zeros((40, 30), np.uint8)
        mask[5:15, 5:15] = 255
        write_png(tmp_path / f"{number}_m.png", mask)
        lines.append(f"i{number},{number}.png,{number}_m.png,p{number},L,CC,B")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    return tmp_path / "manifest.csv"


def test_a_manifest_by_file_or_folder(manifest: Path) -> None:
    assert len(load_truth(manifest)) == 10
    assert load_truth(manifest.parent) == load_truth(manifest, dataset="manifest")


def test_a_datalist_gives_the_records_back(manifest: Path) -> None:
    records = index(manifest)
    file = write_datalist(manifest.parent / "lists" / "datalist.json", {"train": records[:6], "test": records[6:]})
    with pytest.raises(ValueError, match="--part"):
        load_truth(file)
    found = load_truth(file, part="test")
    assert [record.id for record in found] == ["i6", "i7", "i8", "i9"]
    assert Path(found[0].label_path or "").resolve() == Path(records[6].label_path or "").resolve()
    assert found[0].strata == records[6].strata


def test_a_plain_list_of_image_and_label(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps([{"image": "x/a.png", "label": "x/a_seg.png", "box": [[1, 2, 3, 4]]}]))
    record = read_datalist(file)[0]
    assert (record.id, record.patient_id, record.boxes) == ("a", "a", ((1.0, 2.0, 3.0, 4.0),))
    file.write_text(json.dumps([{"image": "a.png", "label": 1}]))
    assert read_datalist(file)[0].class_name == "1"


def test_a_part_of_a_split(manifest: Path, tmp_path: Path) -> None:
    split = write_split(tmp_path / "split.json", make_split_file({"all": index(manifest)}, dataset="demo", seed=0))
    found = load_truth(manifest, split_file=split, part="test")
    assert 0 < len(found) < 10
    assert audit_truth(manifest, split_file=split).clean
    with pytest.raises(ValueError, match="--split-file"):
        load_truth(manifest, part="test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "item 1: expected at least an image"),
        ("3", "lists"),
        ('[{"image": "a", "box": [1]}]', "item 1"),
        ("{}", "lists"),
    ],
)
def test_bad_lists(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_datalist(tmp_path / "list.json")


def test_a_folder_of_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--dataset"):
        load_truth(tmp_path)
    with pytest.raises(ValueError, match="leave --split-file out"):
        audit_truth(tmp_path / "list.json", split_file="split.json")
