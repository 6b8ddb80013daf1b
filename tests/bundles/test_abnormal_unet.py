# SPDX-License-Identifier: Apache-2.0
"""The abnormal-focused U-Net on small synthetic exams: two stages, resume, evaluation, native files, annotation."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow

from mammozoo.bundle.inference import find_bundle
from mammozoo.engines.experiments.grid import run_workflow

NAME = "mammo_abnormal_unet_segmentation"
RunOf = Callable[[str], Path]
RunBundle = Callable[..., Path]


def _messages(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__
    return " | ".join(texts)


def _history(run: Path, stage: str = "") -> list[dict[str, str]]:
    with (run / f"{stage}history.csv").open() as file:
        return list(csv.DictReader(file))


def _epochs(run: Path, stage: str = "") -> list[int]:
    return [int(row["epoch"]) for row in _history(run, stage)]


def test_training_leaves_both_stages_behind(run_of: RunOf) -> None:
    run = run_of(NAME)
    for file in ("pretraining.pt", "pretraining_checkpoint.pt", "model.pt", "checkpoint.pt"):
        assert torch.load(run / "models" / file, weights_only=True)
    assert _epochs(run) == _epochs(run, "pretraining_") == [1]
    assert {"train_loss", "train_dice", "train_iou", "val_loss", "val_dice", "val_iou", "lr"} <= set(_history(run)[0])
    assert {"val_dice", "val_false_positives"} <= set(_history(run, "pretraining_")[0])


def test_resume_goes_on_after_the_last_epoch(run_of: RunOf, tmp_path: Path) -> None:
    """By the command that Ctrl-C prints: the run's own train.json, and --resume True."""
    run = Path(shutil.copytree(run_of(NAME), tmp_path / "again"))
    before = torch.load(run / "models" / "pretraining.pt", weights_only=True)
    keys = {"bundle_root": str(run), "resume": True, "epochs": 2}
    run_workflow([run / "configs" / "train.json"], "training", keys)
    assert _epochs(run) == [1, 2]
    assert _epochs(run, "pretraining_") == [1]
    after = torch.load(run / "models" / "pretraining.pt", weights_only=True)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_fine_tuning_begins_with_the_encoder_of_the_first_stage(run_of: RunOf) -> None:
    run = run_of(NAME)
    workflow = ConfigWorkflow(str(run / "configs" / "train.json"), workflow_type="train", logging_file=False)
    workflow.initialize()
    network = workflow.parser.get_parsed_content("network")
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    workflow.parser.get_parsed_content("transfer")
    first = torch.load(run / "models" / "pretraining.pt", weights_only=True)
    for name, tensor in network.state_dict().items():
        expected = first[name] if name.startswith("encoder.") else fresh[name]
        assert torch.equal(tensor, expected), name


def test_fine_tuning_without_a_first_stage_says_so(run_bundle: RunBundle, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        run_bundle(NAME, tmp_path / "run", "finetuning")
    assert "pretraining.pt is absent: run the first stage" in _messages(error.value)


def _png(path: Path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_plain_lists_of_image_and_label_train(run_bundle: RunBundle, phantom_dir: Path, tmp_path: Path) -> None:
    """What annotation servers do: replace the data lists, keep everything else."""
    pairs = []
    for file in sorted((phantom_dir / "images").glob("*.dcm")):
        mask = phantom_dir / "masks" / f"{file.stem}.png"
        if _png(mask).any():
            pairs.append({"image": str(file), "label": str(mask)})
    lists = {"train#dataset#data": pairs[:3], "validate#dataset#data": pairs[3:5]}
    run_bundle(NAME, tmp_path / "run", dataset="given", dataset_dir="", **lists)
    assert (tmp_path / "run" / "models" / "model.pt").is_file()
    train = json.loads((tmp_path / "run" / "configs" / "train.json").read_text())
    assert train["train"]["dataset"]["data"] == pairs[:3]


def test_evaluation_writes_table_metrics_report_and_pictures(evaluation_of: RunOf) -> None:
    out = evaluation_of(NAME)
    with (out / "per_case.csv").open() as file:
        rows = list(csv.DictReader(file))
    metrics = json.loads((out / "metrics.json").read_text())
    dice = np.mean([float(row["dice"]) for row in rows])
    assert metrics["overall"]["dice"]["mean"] == pytest.approx(dice)
    assert metrics["headline"] == pytest.approx(dice)
    assert "64 x 64" in metrics["resolution"]
    assert "Table 3" in (out / "report.md").read_text()
    assert (out / "curves.png").stat().st_size > 0
    assert list((out / "pictures").glob("*.png"))


def test_inference_writes_native_files_and_survives_a_broken_one(
    run_of: RunOf, phantom_dir: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    files = sorted((phantom_dir / "images").glob("*_L_*.dcm"))[:2]
    for file in files:
        shutil.copy(file, study)
    (study / "broken.dcm").write_bytes(b"no image")
    options = {"dataset_dir": str(study), "output_dir": str(tmp_path / "out")}
    _infer(run_of(NAME), **options)
    summary = {row["id"]: row for row in json.loads((tmp_path / "out" / "summary.json").read_text())}
    assert {name: row["status"] for name, row in summary.items()} == {
        "broken": "failed",
        **{file.stem: "ok" for file in files},
    }
    assert summary["broken"]["reason"]
    for file in files:
        folder = tmp_path / "out" / file.stem
        mask = _png(folder / "mask.png")
        probability = _png(folder / "probability.png")
        assert mask.shape == probability.shape == (256, 208)
        assert (mask.dtype, probability.dtype) == (np.uint8, np.uint16)
        np.testing.assert_array_equal(mask > 0, probability >= round(0.5 * 65535))
        assert isinstance(json.loads((folder / "findings.json").read_text()), list)
        assert (folder / "overlay.png").is_file()
        assert (folder / "mask.nii.gz").is_file()
    with pytest.raises(RuntimeError) as error:
        _infer(run_of(NAME), strict=True, **options)
    assert "1 of 3 inputs failed: broken.dcm" in _messages(error.value)


def _infer(folder: Path, **keys: Any) -> None:
    """As `python -m monai.bundle run --config_file RUN/configs/inference.json`, with no further key."""
    workflow = ConfigWorkflow(
        str(folder / "configs" / "inference.json"), workflow_type="inference", logging_file=False, **keys
    )
    workflow.initialize()
    workflow.run()


def test_inference_without_weights_says_how_to_get_them(phantom_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(phantom_dir), "output_dir": str(tmp_path)}
    with pytest.raises(RuntimeError) as error:
        _infer(find_bundle(NAME).path, bundle_root=str(tmp_path), device="cpu", **places)
    assert "run training" in _messages(error.value)
    assert "--weights" in _messages(error.value)
