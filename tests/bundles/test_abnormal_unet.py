# SPDX-License-Identifier: Apache-2.0
"""The first bundle end to end on small synthetic exams: train, resume, evaluate, predict, annotate."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow

from mammozoo.engines.training.inferers import AutocastInferer
from mammozoo.functional.lesion_size import area_224

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "bundles" / "mammo_abnormal_unet_segmentation"
CONFIGS = BUNDLE / "configs"
SMALL = {"width": 4, "spatial_size": [64, 64], "batch_size": 4, "lr": 3e-3, "device": "cpu"}


def _run(files: list[str], kind: str, run_id: str = "run", **overrides: Any) -> ConfigWorkflow:
    keys = SMALL if kind == "train" else {"device": "cpu"}  # the rest travels with the weights
    workflow = ConfigWorkflow(
        [str(CONFIGS / file) for file in files],
        workflow_type=kind,
        run_id=run_id,
        logging_file=False,
        bundle_root=str(BUNDLE),
        **keys,
        **overrides,
    )
    workflow.initialize()
    workflow.run()
    return workflow


@pytest.fixture(scope="module")
def trained(phantom_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One epoch of each stage; the folder holds the checkpoints and the history."""
    folder = tmp_path_factory.mktemp("trained")
    _run(["train.json"], "train", "training", epochs=1, dataset_dir=str(phantom_dir), **_places(folder))
    return folder


def _places(folder: Path) -> dict[str, str]:
    return {"ckpt_dir": str(folder), "output_dir": str(folder / "out")}


def _epochs(folder: Path, name: str = "history") -> list[int]:
    with (folder / "out" / f"{name}.csv").open() as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def test_training_leaves_both_stages_behind(trained: Path) -> None:
    for file in ("pretraining.pt", "pretraining_checkpoint.pt", "model.pt", "checkpoint.pt"):
        assert torch.load(trained / file, weights_only=True)
    assert _epochs(trained) == _epochs(trained, "pretraining_history") == [1]
    with (trained / "out" / "history.csv").open() as file:
        row = next(csv.DictReader(file))
    assert {"train_loss", "train_dice", "train_iou", "val_loss", "val_dice", "val_iou", "lr"} <= set(row)
    keys = json.loads((trained / "model.json").read_text())
    assert keys["spatial_size"] == [64, 64]
    assert keys["network_def"]["width"] == 4
    assert (keys["crop_to_breast"], keys["clahe"]["clip_limit"]) == (False, 2.0)


def test_resume_goes_on_after_the_last_epoch(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "again")
    before = torch.load(tmp_path / "again" / "pretraining.pt", weights_only=True)
    _run(
        ["train.json"], "train", "training",
        epochs=2, pretrain_epochs=1, resume=True, dataset_dir=str(phantom_dir), **_places(tmp_path / "again"),
    )  # fmt: skip
    assert _epochs(tmp_path / "again") == [1, 2]
    assert _epochs(tmp_path / "again", "pretraining_history") == [1]
    after = torch.load(tmp_path / "again" / "pretraining.pt", weights_only=True)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_fine_tuning_begins_with_the_encoder_of_the_first_stage(trained: Path, phantom_dir: Path) -> None:
    workflow = ConfigWorkflow(
        str(CONFIGS / "train.json"), workflow_type="train", logging_file=False, bundle_root=str(BUNDLE),
        **SMALL, epochs=1, dataset_dir=str(phantom_dir), **_places(trained),
    )  # fmt: skip
    workflow.initialize()
    network = workflow.parser.get_parsed_content("network")
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    workflow.parser.get_parsed_content("pretrain#transfer")()
    first = torch.load(trained / "pretraining.pt", weights_only=True)
    for name, tensor in network.state_dict().items():
        expected = first[name] if name.startswith("encoder.") else fresh[name]
        assert torch.equal(tensor, expected), name


def test_fine_tuning_without_a_first_stage_says_so(phantom_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        _run(["train.json"], "train", "finetuning", epochs=1, dataset_dir=str(phantom_dir), **_places(tmp_path))
    assert "run pretraining" in _messages(error.value)


def _messages(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__
    return " | ".join(texts)


def test_a_misspelt_option_is_refused(phantom_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        _run(["train.json"], "train", epoch=1, dataset_dir=str(phantom_dir), **_places(tmp_path))
    assert "did you mean --epochs" in _messages(error.value)


def test_plain_lists_of_image_and_label_train(phantom_dir: Path, tmp_path: Path) -> None:
    """What annotation servers do: replace the data lists, keep everything else."""
    pairs = []
    for file in sorted((phantom_dir / "images").glob("*.dcm")):
        mask = phantom_dir / "masks" / f"{file.stem}.png"
        if cv2.imread(str(mask), cv2.IMREAD_UNCHANGED).any():
            pairs.append({"image": str(file), "label": str(mask)})
    _run(
        ["train.json"], "train", epochs=1,
        **{"train#dataset#data": pairs[:3], "validate#dataset#data": pairs[3:5]}, **_places(tmp_path),
    )  # fmt: skip
    assert (tmp_path / "model.pt").is_file()


def test_evaluation_writes_table_metrics_report_and_pictures(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    _run(
        ["train.json", "evaluate.json"], "train", "evaluating",
        dataset_dir=str(phantom_dir), weights=str(trained / "model.pt"), ckpt_dir=str(trained),
        output_dir=str(tmp_path), history=str(trained / "out" / "history.csv"),
    )  # fmt: skip
    with (tmp_path / "per_case.csv").open() as file:
        rows = list(csv.DictReader(file))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    split = json.loads((tmp_path / "split.json").read_text())
    assert sorted(row["id"] for row in rows) == split["test"]
    dice = np.mean([float(row["dice"]) for row in rows])
    assert metrics["overall"]["dice"]["mean"] == pytest.approx(dice)
    assert metrics["headline"] == pytest.approx(dice)
    assert metrics["audit"]["clean"]
    assert "64 x 64" in metrics["resolution"]
    assert "Table 3" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "curves.png").stat().st_size > 0
    assert list((tmp_path / "pictures").glob("*.png"))


def test_inference_writes_native_files_and_survives_a_broken_one(
    trained: Path, phantom_dir: Path, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    files = sorted((phantom_dir / "images").glob("*_L_*.dcm"))[:2]
    for file in files:
        shutil.copy(file, study)
    (study / "broken.dcm").write_bytes(b"no image")
    options = {"dataset_dir": str(study), "weights": str(trained / "model.pt"), "output_dir": str(tmp_path / "out")}
    _run(["inference.json"], "inference", **options)
    summary = {row["id"]: row for row in json.loads((tmp_path / "out" / "summary.json").read_text())}
    assert {name: row["status"] for name, row in summary.items()} == {
        "broken": "failed",
        **{file.stem: "ok" for file in files},
    }
    assert summary["broken"]["reason"]
    for file in files:
        folder = tmp_path / "out" / file.stem
        mask = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_UNCHANGED)
        probability = cv2.imread(str(folder / "probability.png"), cv2.IMREAD_UNCHANGED)
        assert mask.shape == probability.shape == (256, 208)
        assert (mask.dtype, probability.dtype) == (np.uint8, np.uint16)
        np.testing.assert_array_equal(mask > 0, probability >= round(0.5 * 65535))
        assert isinstance(json.loads((folder / "findings.json").read_text()), list)
        assert (folder / "overlay.png").is_file()
        assert (folder / "mask.nii.gz").is_file()
    with pytest.raises(RuntimeError) as error:
        _run(["inference.json"], "inference", strict=True, **options)
    assert "1 of 3 inputs failed: broken.dcm" in _messages(error.value)


def test_inference_without_weights_says_how_to_get_them(phantom_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        _run(
            ["inference.json"], "inference",
            dataset_dir=str(phantom_dir), weights=str(tmp_path / "none.pt"), output_dir=str(tmp_path),
        )  # fmt: skip
    assert "run training" in _messages(error.value)
    assert "--weights" in _messages(error.value)


def test_the_best_recipe_trains_on_crops_and_is_scored_on_whole_images(phantom_dir: Path, tmp_path: Path) -> None:
    data = {"dataset_dir": str(phantom_dir), "recipe": "best", **_places(tmp_path)}
    _run(["train.json"], "train", "training", epochs=1, **data)
    _run(["train.json", "evaluate.json"], "train", "evaluating", **data)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["resolution"].endswith("whole images as read")
    with (tmp_path / "out" / "per_case.csv").open() as file:
        truths = {row["id"]: float(row["area_224"]) for row in csv.DictReader(file)}
    assert truths
    masks = {path.stem: cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0 for path in (phantom_dir / "masks").iterdir()}
    assert all(area == pytest.approx(area_224(masks[name]), abs=1e-6) for name, area in truths.items())


def test_flips_are_averaged() -> None:
    inferer = AutocastInferer(flip_average=True)
    first = torch.nn.Conv2d(1, 1, 3, padding=1)
    image = torch.rand(1, 1, 8, 6)
    for axes in ((2,), (3,), (2, 3)):
        assert torch.allclose(inferer(image, first).flip(axes), inferer(image.flip(axes), first), atol=1e-6)
