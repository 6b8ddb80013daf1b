# SPDX-License-Identifier: Apache-2.0
"""AUNet's bundle on small synthetic exams: variants by one key, the paper's steps of the rate, its metrics."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigWorkflow

from mammozoo.bundle.inference import find_bundle
from mammozoo.engines.experiments.grid import run_workflow
from mammozoo.io.config_json import read_json

NAME = "mammo_aunet_segmentation"


@pytest.fixture
def workflow(tiny: Callable[[str], dict[str, Any]], phantom_dir: Path) -> Callable[..., ConfigWorkflow]:
    """A small training, not begun."""

    def _workflow(**keys: Any) -> ConfigWorkflow:
        bundle = find_bundle(NAME).path
        given = {**tiny(NAME), "dataset_dir": str(phantom_dir), "bundle_root": str(bundle), **keys}
        found = ConfigWorkflow(
            str(bundle / "configs" / "train.json"), workflow_type="train", logging_file=False, **given
        )
        found.initialize()
        return found

    return _workflow


def test_the_papers_metrics_stand_in_the_table(evaluation_of: Callable[[str], Path]) -> None:
    out = evaluation_of(NAME)
    with (out / "per_case.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"dice", "sensitivity", "area_difference", "hausdorff", "hd95", "row_hausdorff"} <= set(rows[0])
    assert (out / "dice_distribution.png").is_file()


@pytest.mark.parametrize(
    "key",
    [
        {"architecture": "unet"},
        {"architecture": "fusionnet"},
        {"architecture": "fcdensenet103"},
        {"architecture": "unet", "encoder_unit": "deep", "decoder_unit": "res"},
        {"upsampling": "transposed", "reduction": 4},
        {"in_channels": 1},
        {"alpha": 2.0},
        {"keep_aspect": True},
        {"fold": 1},
        {"crop": {"_target_": "mammozoo.transforms.CropToLesiond", "keys": ["image", "label"]}},
    ],
    ids=str,
)
def test_every_variant_is_one_key(key: dict[str, Any], workflow: Callable[..., ConfigWorkflow]) -> None:
    parser = workflow(**key).parser
    sample = parser.get_parsed_content("train#dataset")[0]
    logits = parser.get_parsed_content("network")(sample["image"][None])
    loss = parser.get_parsed_content("loss")(logits, sample["label"][None])
    loss.backward()
    assert logits.shape == (1, 2, 64, 64)
    assert sample["label"].any()
    assert torch.isfinite(loss)


def test_the_rate_follows_the_papers_steps(workflow: Callable[..., ConfigWorkflow]) -> None:
    paper = {"lr": 1e-4, "epochs": 120, "lr_milestones": [40, 70, 100]}  # as the file's own remark says
    parser = workflow(**paper).parser
    optimizer, schedule = (parser.get_parsed_content(name) for name in ("optimizer", "lr_scheduler"))
    rates = []
    for _ in range(120):
        rates.append(round(optimizer.param_groups[0]["lr"], 12))
        optimizer.step()
        schedule.step()
    assert [rates.count(rate) for rate in (1e-4, 5e-5, 1e-5, 1e-6)] == [40, 30, 30, 20]


def test_a_run_that_goes_on_for_more_epochs_learns_in_them(run_bundle: Callable[..., Path], tmp_path: Path) -> None:
    """The rates are those of the longer run."""
    steps = {"lr_milestones": [1, 2], "lr_factors": [1.0, 0.5, 0.25]}
    run = run_bundle(NAME, tmp_path / "run", **steps)
    before = torch.load(run / "models" / "checkpoint.pt", weights_only=True)
    keys = {"bundle_root": str(run), "resume": True, "epochs": 3}
    run_workflow([run / "configs" / "train.json"], "training", keys)
    after = torch.load(run / "models" / "checkpoint.pt", weights_only=True)
    assert any(not torch.equal(before["network"][name], after["network"][name]) for name in before["network"])
    with (run / "history.csv").open() as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert rates == pytest.approx([1e-3, 0.5e-3, 0.25e-3], abs=1e-9)
    assert read_json(run / "configs" / "train.json")["epochs"] == 3
