# SPDX-License-Identifier: Apache-2.0
"""AUNet's bundle on small synthetic exams: training, variants by one key, evaluation, inference."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from monai.bundle import ConfigWorkflow

from mammozoo.networks.segmentation.efficientnet_aunet import EfficientNetAUNet

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "mammo_aunet_segmentation"
NETWORK = {"width": 8, "spatial_size": [64, 64], "device": "cpu"}


def _workflow(files: list[str], kind: str, run_id: str, **overrides: Any) -> ConfigWorkflow:
    workflow = ConfigWorkflow(
        [str(BUNDLE / "configs" / file) for file in files],
        workflow_type=kind,
        run_id=run_id,
        logging_file=False,
        bundle_root=str(BUNDLE),
        **{**NETWORK, **overrides},
    )
    workflow.initialize()
    return workflow


@pytest.fixture(scope="module")
def trained(phantom_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aunet")
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(folder), "output_dir": str(folder / "out")}
    _workflow(["train.json"], "train", "training", epochs=1, **places).run()
    return folder


def test_training_and_evaluation(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    assert torch.load(trained / "model.pt", weights_only=True)
    options = {"dataset_dir": str(phantom_dir), "weights": str(trained / "model.pt"), "output_dir": str(tmp_path)}
    _workflow(["train.json", "evaluate.json"], "train", "evaluating", **options).run()
    with (tmp_path / "per_case.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"dice", "sensitivity", "area_difference", "hausdorff", "hd95", "row_hausdorff"} <= set(rows[0])
    assert (tmp_path / "dice_distribution.png").is_file()


def test_inference_on_dicom(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    file = next((phantom_dir / "images").glob("*_L_MLO.dcm"))
    (tmp_path / "study").mkdir()
    shutil.copy(file, tmp_path / "study")
    options = {"dataset_dir": str(tmp_path / "study"), "weights": str(trained / "model.pt")}
    _workflow(["inference.json"], "inference", "run", output_dir=str(tmp_path / "out"), **options).run()
    assert json.loads((tmp_path / "out" / "summary.json").read_text())[0]["status"] == "ok"
    assert cv2.imread(str(tmp_path / "out" / file.stem / "mask.png"), cv2.IMREAD_UNCHANGED).shape == (256, 208)


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
        {"patch_mode": True},
        {"fold": 1},
    ],
    ids=str,
)
def test_every_variant_is_one_key(key: dict[str, Any], phantom_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path)}
    workflow = _workflow(["train.json"], "train", "training", epochs=1, **places, **key)
    network = workflow.parser.get_parsed_content("network")
    sample = workflow.parser.get_parsed_content("train#dataset")[0]
    logits = network(sample["image"][None])
    loss = workflow.parser.get_parsed_content("loss")(logits, sample["label"][None])
    loss.backward()
    assert logits.shape == (1, 2, 64, 64)
    assert sample["label"].any()
    assert torch.isfinite(loss)


def test_the_rate_follows_the_papers_steps(phantom_dir: Path, tmp_path: Path) -> None:
    workflow = _workflow(["train.json"], "train", "training", dataset_dir=str(phantom_dir), output_dir=str(tmp_path))
    optimizer = workflow.parser.get_parsed_content("optimizer")
    schedule = workflow.parser.get_parsed_content("lr_scheduler")
    rates = []
    for _ in range(workflow.parser["epochs"]):
        rates.append(round(optimizer.param_groups[0]["lr"], 12))
        optimizer.step()
        schedule.step()
    assert [rates.count(rate) for rate in (1e-4, 5e-5, 1e-5, 1e-6)] == [40, 30, 30, 20]
    assert optimizer.defaults["amsgrad"]


def test_fine_tuning_begins_with_the_given_weights(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": str(phantom_dir), "pretrained_path": str(trained / "model.pt")}
    workflow = _workflow(["train.json"], "train", "training", output_dir=str(tmp_path), **options)
    network = workflow.parser.get_parsed_content("network")
    state = torch.load(trained / "model.pt", weights_only=True)
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_scores_on_the_whole_image_if_asked(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": str(phantom_dir), "weights": str(trained / "model.pt"), "output_dir": str(tmp_path)}
    _workflow(["train.json", "evaluate.json"], "train", "evaluating", scoring="native", **options).run()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["resolution"] == "256 x 208 (height x width), whole images as read"


def test_the_best_recipe_trains_is_scored_on_whole_images_and_predicts(phantom_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path / "out")}
    best = {**places, "recipe": "best", "reduction": 4}
    workflow = _workflow(["train.json"], "train", "training", epochs=1, **best)
    assert isinstance(workflow.parser.get_parsed_content("network"), EfficientNetAUNet)
    sample = workflow.parser.get_parsed_content("train#dataset")[0]
    assert sample["image"].shape == sample["label"].shape == (1, 64, 64)
    workflow.run()
    _workflow(["train.json", "evaluate.json"], "train", "evaluating", **best).run()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["resolution"].endswith("whole images as read")
    file = next((phantom_dir / "images").glob("*_L_MLO.dcm"))
    (tmp_path / "study").mkdir()
    shutil.copy(file, tmp_path / "study")
    options = {"dataset_dir": str(tmp_path / "study"), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path / "pred")}
    inference = _workflow(["inference.json"], "inference", "run", **options)
    inference.run()
    assert isinstance(inference.parser.get_parsed_content("network"), EfficientNetAUNet), "as the weights' keys say"
    assert json.loads((tmp_path / "pred" / "summary.json").read_text())[0]["status"] == "ok"


def test_a_run_that_goes_on_for_more_epochs_learns_in_them(phantom_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path / "out")}
    best = {**places, "recipe": "best", "reduction": 4, "lr": 1e-3}
    _workflow(["train.json"], "train", "training", epochs=1, **best).run()
    before = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    _workflow(["train.json"], "train", "training", epochs=3, resume=True, **best).run()
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert not torch.equal(before["network"]["head.weight"], after["network"]["head.weight"])
    with (tmp_path / "out" / "history.csv").open() as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert rates == pytest.approx([0.0, 0.25e-3, 0.0], abs=1e-9), "the rate after each epoch"
