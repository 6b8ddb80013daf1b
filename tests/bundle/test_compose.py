# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from mammozoo.bundle.compose import ComposeError, compose, drift


def test_later_keys_add_and_the_recipe_overrides() -> None:
    fragments = {
        "base": {"lr": 1e-4, "train": {"a": 1}, "steps": [1]},
        "more": {"+train": {"b": 2}, "+steps": [2]},
    }
    result = compose(fragments, {"lr": 3e-4, "train::a": 5, "+steps": [3], "new": None})
    assert result == {"lr": 3e-4, "train": {"a": 5, "b": 2}, "steps": [1, 2, 3], "new": None}
    assert list(result) == ["lr", "train", "steps", "new"]


@pytest.mark.parametrize(
    ("fragments", "changes", "message"),
    [
        ({"a": {"lr": 1}, "b": {"lr": 2}}, {}, "'a' and 'b' both set 'lr'"),
        ({"a": {"t": {}}, "b": {"+t": {"x": 1}}, "c": {"+t": {"x": 2}}}, {}, "both set 't::x'"),
        ({"a": {"+t": {"x": 1}}}, {}, "no earlier fragment sets"),
        ({"a": {"lr": 1}}, {"train::epochs": 2}, "there is no 'train'"),
    ],
)
def test_rules_are_enforced(fragments: dict, changes: dict, message: str) -> None:
    with pytest.raises(ComposeError, match=message):
        compose(fragments, changes)


def test_an_overlay_keeps_its_deep_keys() -> None:
    result = compose({"o": {"validate#data": 1, "run": [1]}}, {"validate#data": 2, "train::x": 3, "+run": [2]})
    assert result == {"run": [1, 2], "validate#data": 2, "train::x": 3}


def test_composing_leaves_the_fragments_alone() -> None:
    fragments = {"a": {"t": {"x": 1}}}
    compose(fragments, {"t::x": 2})
    assert fragments == {"a": {"t": {"x": 1}}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    bundle = tmp_path / "bundles" / "some_segmentation"
    bundle.mkdir(parents=True)
    (tmp_path / "configs" / "base.json").write_text('{"_desc_": "x", "root": "bundles/BUNDLE_NAME"}')
    recipe = {"_desc_": "y", "train.json": {"fragments": ["base"], "set": {"lr": 1}}}
    (bundle / "recipe.json").write_text(json.dumps(recipe))
    return tmp_path


def test_drift_is_reported_until_written(project: Path) -> None:
    file = "bundles/some_segmentation/configs/train.json"
    assert drift(project) == [file]
    assert drift(project, write=True) == [file]
    assert drift(project) == []
    assert json.loads((project / file).read_text()) == {"root": "bundles/some_segmentation", "lr": 1}
    (project / file).write_text("{}")
    assert drift(project) == [file]


def test_a_missing_fragment_names_the_recipe(project: Path) -> None:
    (project / "configs" / "base.json").unlink()
    with pytest.raises(ComposeError, match=r"some_segmentation/recipe.json, train.json: there is no fragment 'base'"):
        drift(project)
