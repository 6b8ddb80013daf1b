# SPDX-License-Identifier: Apache-2.0
"""Signs of MONAI's parser in paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from monai.bundle import ConfigParser

from mammozoo._paths import config_path, restore_path
from mammozoo.data import load_records
from mammozoo.io.write import write_png


def _parsed(path: str) -> str:
    parser = ConfigParser({"path": path, "again": "@path", "longer": "$str(@path) + '/x'"})
    parser.parse()
    assert parser.get_parsed_content("longer") == f"{parser.get_parsed_content('again')}/x"
    return str(parser.get_parsed_content("path"))


@pytest.mark.parametrize("name", ["study #12", "a#b#c", "#", "results", "a@b", "it's #1", 'a "b" #1', "back\\slash#1"])
def test_a_path_survives_the_parser(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    assert _parsed(config_path(path)) == path
    assert restore_path(_parsed(path)) == Path(path), "also where nobody wrote it so"


@pytest.mark.parametrize("name", ["@a", "%a", "$a", "+a"])
def test_a_first_sign(name: str) -> None:
    assert _parsed(config_path(name)) == name


def test_what_is_really_called_so_stays(tmp_path: Path) -> None:
    (tmp_path / "a::b").mkdir()
    assert restore_path(tmp_path / "a::b" / "c::d") == tmp_path / "a::b" / "c#d"
    assert restore_path("plain/path") == Path("plain/path")


def test_a_manifest_in_such_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "hash#1" / "more #2"
    folder.mkdir(parents=True)
    write_png(folder / "a.png", np.zeros((4, 4), np.uint8))
    (folder / "m#3.csv").write_text("id,image,patient_id\na,a.png,p\n")
    (record,) = load_records(dataset="manifest", dataset_dir=_parsed(str(folder / "m#3.csv")))
    assert Path(record.image) == folder / "a.png"
