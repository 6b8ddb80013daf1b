# SPDX-License-Identifier: Apache-2.0
"""Configuration files as people read them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mammozoo.io.config_json import config_text, get_item, has_item, read_json, set_item, write_config

CONFIG: dict[str, Any] = {
    "_desc_": ["A remark", "é and ≥ stay as they are"],
    "lr": 1e-4,
    "fold": None,
    "size": [8, 8],
    "empty": [{}, []],
    "network": {"_target_": "mammozoo.networks.AbnormalUNet", "width": "@width", "more": {"dropout": 0.3}},
    "long": {"steps": [{"_target_": "x" * 90, "keys": "image"}, {"_target_": "y" * 120, "keys": ["image", "label"]}]},
}


def test_the_text_is_the_same_json_and_stays_itself(tmp_path: Path) -> None:
    text = config_text(CONFIG)
    assert json.loads(text) == CONFIG
    assert list(json.loads(text)) == list(CONFIG)
    assert config_text(json.loads(text)) == text
    assert read_json(write_config(tmp_path / "a.json", CONFIG)) == CONFIG
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == text
    assert "≥" in text


def test_what_fits_stands_on_one_line_and_the_rest_one_item_a_line() -> None:
    lines = config_text(CONFIG).splitlines()
    assert '    "size": [8, 8],' in lines
    assert max(map(len, lines)) <= 160
    assert '            {"_target_": "' + "x" * 90 + '", "keys": "image"},' in lines
    assert '                "keys": ["image", "label"]' in lines
    assert all(line.startswith("    ") for line in lines[1:-1])


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", 1e-4), ("network::more::dropout", 0.3), ("network#width", "@width"), ("long::steps::1::keys::0", "image")],
)
def test_items_have_ids_as_in_monai(name: str, value: Any) -> None:
    config = copy.deepcopy(CONFIG)
    assert get_item(config, name) == value
    set_item(config, name, "new")
    assert get_item(config, name) == "new"


@pytest.mark.parametrize("name", ["rate", "lr::x", "network::depth", "size::2", "size::first", "long::steps::9::keys"])
def test_what_is_not_there_is_a_key_error(name: str) -> None:
    assert not has_item(CONFIG, name)
    with pytest.raises(KeyError, match=name):
        get_item(CONFIG, name)


def test_an_item_needs_a_parent() -> None:
    config = copy.deepcopy(CONFIG)
    set_item(config, "network::depth", 4)
    assert config["network"]["depth"] == 4
    with pytest.raises(KeyError):
        set_item(config, "absent::depth", 4)
