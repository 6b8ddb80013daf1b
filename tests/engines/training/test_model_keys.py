# SPDX-License-Identifier: Apache-2.0
"""Weights carry the keys they were trained with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from monai.bundle import ConfigWorkflow

from mammozoo.engines.training.model_keys import adopt_model_keys, save_model_keys
from mammozoo.io.model_keys import read_model_keys

_KEYS = ["size", "flip", "network_def"]
_CONFIG = {
    "recipe": "paper",
    "size": [224, 224],
    "flip": "$@recipe == 'best'",
    "width": 64,
    "network_def": {
        "_target_": "mammozoo.networks.factory.segmentation_network",
        "architecture": "unet",
        "width": "@width",
        "in_channels": "$1 + 2",
        "pretrained_path": "/somewhere/imagenet.pt",
    },
    "initialize": [],
    "finalize": [],
}


def _workflow(folder: Path, run: list[object], **overrides: object) -> ConfigWorkflow:
    file = folder / "train.json"
    file.write_text(json.dumps({**_CONFIG, "run": run}), encoding="utf-8")
    workflow = ConfigWorkflow(str(file), workflow_type="inference", logging_file=False, **overrides)
    workflow.initialize()
    workflow.run()
    return workflow


def _save(folder: Path) -> dict[str, object]:
    return {
        "_target_": "mammozoo.engines.training.model_keys.save_model_keys",
        "weights": str(folder / "model.pt"),
        "keys": _KEYS,
    }


def _adopt(folder: Path) -> dict[str, object]:
    return {
        "_target_": "mammozoo.engines.training.model_keys.adopt_model_keys",
        "weights": [str(folder / "model.pt")],
        "files": [str(folder / "train.json")],
    }


def test_values_are_saved_evaluated_and_without_paths(tmp_path) -> None:
    _workflow(tmp_path, [_save(tmp_path)], width=8, recipe="best")
    assert read_model_keys(tmp_path / "model.pt") == {
        "size": [224, 224],
        "flip": True,
        "network_def": {
            "_target_": "mammozoo.networks.factory.segmentation_network",
            "architecture": "unet",
            "width": 8,
            "in_channels": 3,
            "pretrained_path": None,
        },
    }


def test_a_run_adopts_them_before_anything_is_built(tmp_path) -> None:
    _workflow(tmp_path, [_save(tmp_path)], width=4, size=[64, 32])
    workflow = _workflow(tmp_path, ["$@size", _adopt(tmp_path), "$@network_def"])
    assert workflow.parser["size"] == [64, 32]
    network = workflow.parser.get_parsed_content("network_def")
    assert network.head.in_channels == 4


def test_the_command_line_wins(tmp_path) -> None:
    _workflow(tmp_path, [_save(tmp_path)], size=[64, 32], recipe="best")
    workflow = _workflow(tmp_path, [_adopt(tmp_path)], size=[96, 96])
    assert workflow.parser["size"] == [96, 96]
    assert workflow.parser["flip"] is True


def test_the_keys_of_a_release_stand_in_its_metadata(tmp_path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (tmp_path / "configs").mkdir()
    entry = {"sha256": hashlib.sha256(b"").hexdigest(), "keys": {"size": [8, 8]}}
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps({"weights": {"model.safetensors": entry}}))
    (models / "model.safetensors").touch()
    (models / "model.json").write_text('{"size": [9, 9]}', encoding="utf-8")  # of a training whose model.pt is gone
    assert read_model_keys(models / "model.pt") == {"size": [8, 8]}
    (models / "model.pt").touch()
    assert read_model_keys(models / "model.pt") == {"size": [9, 9]}
    (models / "model.safetensors").write_bytes(b"others")
    assert read_model_keys(models / "model.safetensors") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "no JSON object"),
        ("{", "no JSON object"),
        ('{"size": "$__import__(\'os\').getpid()"}', "expression"),
        ('{"network_def": {"width": ["@other"]}}', "expression"),
        ('{"network_def": {"_target_": "subprocess.check_output"}}', "only networks and transforms of mammozoo"),
        ('{"network_def": {"_target_": "mammozoo.io.write.write_text"}}', "only networks and transforms of mammozoo"),
        ('{"network_def": {"_target_": ["os.system"]}}', "only networks and transforms of mammozoo"),
    ],
)
def test_what_is_no_plain_value_is_refused(tmp_path, text, words) -> None:
    (tmp_path / "model.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        read_model_keys(tmp_path / "model.pt")


def test_keys_of_another_bundle_are_refused(tmp_path) -> None:
    (tmp_path / "model.json").write_text('{"modality": "both"}', encoding="utf-8")
    with pytest.raises(RuntimeError) as caught:
        _workflow(tmp_path, [_adopt(tmp_path)])
    assert "of another bundle: the configuration has no 'modality'" in str(caught.value.__cause__)


def test_outside_a_workflow_nothing_happens(tmp_path) -> None:
    save_model_keys(tmp_path / "model.pt", keys=_KEYS)
    adopt_model_keys([tmp_path / "model.pt"], files=[])
    assert not list(tmp_path.iterdir())
