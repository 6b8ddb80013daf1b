# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest
from monai.bundle import ConfigWorkflow

from mammozoo.engines.training.overrides import check_overrides, refuse_unknown_keys

KNOWN = {"epochs": 100, "resume": False, "train": {}}


def test_known_keys_pass() -> None:
    check_overrides({"epochs": 1, "resume": True, "_meta_": {}, "tracking_uri": "x"}, KNOWN)


def test_a_misspelt_key_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="did you mean --epochs"):
        check_overrides({"epoch": 1}, KNOWN)


def test_a_string_is_no_boolean() -> None:
    with pytest.raises(TypeError, match="write --resume True or --resume False"):
        check_overrides({"resume": "true"}, KNOWN)


def test_there_are_two_recipes() -> None:
    for recipe in ("paper", "best"):
        check_overrides({"recipe": recipe}, {"recipe": "paper"})
    with pytest.raises(ValueError, match="no recipe 'bset'; there are paper and best"):
        check_overrides({"recipe": "bset"}, {"recipe": "paper"})


def test_it_finds_the_running_workflow(tmp_path: Path) -> None:
    guard = {
        "_target_": "mammozoo.engines.training.overrides.refuse_unknown_keys",
        "files": [str(tmp_path / "train.json")],
    }
    (tmp_path / "train.json").write_text(json.dumps({"epochs": 1, "run": [guard]}))
    for override, wrong in (({"epochs": 2}, False), ({"epoch": 2}, True)):
        workflow = ConfigWorkflow(tmp_path / "train.json", workflow_type="train", logging_file=False, **override)
        workflow.initialize()
        if wrong:
            with pytest.raises(RuntimeError) as error:
                workflow.run()
            assert "did you mean --epochs" in str(error.value.__cause__)
        else:
            workflow.run()


def test_outside_a_workflow_nothing_is_checked(tmp_path: Path) -> None:
    refuse_unknown_keys([tmp_path / "absent.json"])


def test_a_runs_changes_are_named_deeply(tmp_path: Path) -> None:
    """So that an overlay's changes beside them, in the same dictionary, stay."""
    file = tmp_path / "configs" / "train.json"
    file.parent.mkdir()
    options = {"_target_": "mammozoo.engines.experiments.crossvalidation.shared_options", "bundle": str(tmp_path)}
    config = {
        "lr": 0.1, "network_def": {"_target_": "mammozoo.networks.segmentation.unet.UNet", "width": 4, "nested": {"a": 1, "b": [1]}},
        "options": options, "run": ["$@options"], "initialize": [], "finalize": [],
    }  # fmt: skip
    file.write_text(json.dumps(config), encoding="utf-8")
    changes = {"lr": 0.2, "network_def::nested::b": [2], "network_def#dropout": 0.5}
    workflow = ConfigWorkflow(str(file), workflow_type="inference", logging_file=False, **changes)
    workflow.initialize()
    (found,) = workflow.run()
    assert found == {"lr": 0.2, "network_def::nested::b": [2], "network_def::dropout": 0.5}
    whole = {"network_def": {"_target_": "mammozoo.networks.segmentation.unet.UNet"}}
    workflow = ConfigWorkflow(str(file), workflow_type="inference", logging_file=False, **whole)
    workflow.initialize()
    assert workflow.run() == [whole]
