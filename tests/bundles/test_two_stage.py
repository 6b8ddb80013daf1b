# SPDX-License-Identifier: Apache-2.0
"""The two-stage bundle on small synthetic exams: both stages, evaluation, inference, every segmenter by one key."""

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
from monai.bundle import ConfigParser, ConfigWorkflow

from mammozoo.bundle.inference import find_bundle
from mammozoo.engines.experiments.grid import run_workflow

NAME = "mammo_two_stage_segmentation"
CONFIGS = find_bundle(NAME).path / "configs"
SCALES = {"scales": [[32, 64], [64, 128]]}
RunOf = Callable[[str], Path]
RunBundle = Callable[..., Path]
Workflow = Callable[..., ConfigWorkflow]


@pytest.fixture
def workflow(tiny: Callable[[str], dict[str, Any]], phantom_dir: Path) -> Workflow:
    """A small training, not begun."""

    def _workflow(**keys: Any) -> ConfigWorkflow:
        given = {**tiny(NAME), "dataset_dir": str(phantom_dir), "bundle_root": str(CONFIGS.parent), **keys}
        found = ConfigWorkflow(str(CONFIGS / "train.json"), workflow_type="train", logging_file=False, **given)
        found.initialize()
        return found

    return _workflow


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def _messages(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__
    return " | ".join(texts)


def test_training_leaves_both_stages_behind(run_of: RunOf) -> None:
    run = run_of(NAME)
    for file in ("detector.pt", "detector_checkpoint.pt", "model.pt", "checkpoint.pt"):
        assert torch.load(run / "models" / file, weights_only=True)
    assert {"train_loss", "val_ap", "val_froc", "lr"} <= set(_rows(run / "detector_history.csv")[0])
    assert {"train_loss", "val_dice", "val_iou", "val_loss"} <= set(_rows(run / "history.csv")[0])
    metadata = json.loads((run / "configs" / "metadata.json").read_text())
    assert set(metadata["weights"]) == {"detector.pt", "model.pt"}


def test_resume_goes_on_with_both_stages(run_of: RunOf, tmp_path: Path) -> None:
    run = Path(shutil.copytree(run_of(NAME), tmp_path / "again"))
    keys = {"bundle_root": str(run), "resume": True, "detector_epochs": 2}
    run_workflow([run / "configs" / "train.json"], "training", keys)
    assert len(_rows(run / "detector_history.csv")) == 2
    assert len(_rows(run / "history.csv")) == 1


def test_evaluation_compares_the_variants(evaluation_of: RunOf) -> None:
    out = evaluation_of(NAME)
    rows, metrics = _rows(out / "per_case.csv"), json.loads((out / "metrics.json").read_text())
    fused = np.mean([float(row["dice_fused"]) for row in rows])
    assert metrics["headline"] == metrics["dice"]["fused"]["mean"] == pytest.approx(fused)
    assert {"fused", "single_scale", "crops"} <= set(metrics["dice"])
    assert [point["lambda"] for point in metrics["lambdas"]["iou50"]] == [0, 0.5, 0.6, 0.7]
    assert {"32x64", "64x128", "single_scale", "fused"} == set(metrics["detection"]["iou20"])
    boxes = _rows(out / "boxes.csv")
    for name in ("32x64", "fused"):
        assert sum(box["set"] == name for box in boxes) == metrics["detection"]["iou50"][name]["boxes"]
    report = (out / "report.md").read_text()
    for section in ("Segmentation", "Detection", "Fused minus one scale (64 x 128)", "Table 2"):
        assert section in report
    for file in ("froc.png", "precision_recall.png", "curves.png"):
        assert (out / file).stat().st_size > 0
    assert list((out / "pictures").glob("*.png"))


def test_a_network_of_one_stage_is_compared_where_there_is_one(run_of: RunOf, tmp_path: Path) -> None:
    run = Path(shutil.copytree(run_of(NAME), tmp_path / "run"))
    shutil.copy(run / "models" / "model.pt", run / "models" / "one_stage.pt")
    workflow = _evaluation(run, tmp_path / "out", **SCALES)
    workflow.run()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["dice"]["one_stage"]["n"] == len(_rows(tmp_path / "out" / "per_case.csv"))


def _evaluation(run: Path, out: Path, **keys: Any) -> ConfigWorkflow:
    workflow = ConfigWorkflow(
        [str(run / "configs" / file) for file in ("train.json", "evaluate.json")], workflow_type="train",
        run_id="evaluating", logging_file=False, bundle_root=str(run), output_dir=str(out), resamples=20, **keys,
    )  # fmt: skip
    workflow.initialize()
    return workflow


@pytest.mark.filterwarnings("ignore:`dataloader` is empty")
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"whole#dataset#data": [], **SCALES}, "the test part holds no image"),
        ({"scales": [[32, 64]]}, "single_scale (64, 128) is none of the scales that ran"),
    ],
)
def test_an_empty_test_part_and_a_scale_that_did_not_run_are_named(
    keys: dict[str, Any], message: str, run_of: RunOf, tmp_path: Path
) -> None:
    workflow = _evaluation(run_of(NAME), tmp_path, **keys)
    with pytest.raises(RuntimeError) as error:
        workflow.run()
    assert message in _messages(error.value)


def _png(path: Path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def _infer(folder: Path, **keys: Any) -> None:
    workflow = ConfigWorkflow(
        str(folder / "configs" / "inference.json"), workflow_type="inference", logging_file=False, **keys
    )
    workflow.initialize()
    workflow.run()


def test_inference_on_dicom_writes_the_files_of_every_bundle(run_of: RunOf, phantom_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    file = next((phantom_dir / "images").glob("*_R_MLO.dcm"))
    shutil.copy(file, tmp_path / "study")
    (tmp_path / "study" / "broken.dcm").write_bytes(b"no image")
    options = {"dataset_dir": str(tmp_path / "study"), "output_dir": str(tmp_path / "out"), **SCALES}
    _infer(run_of(NAME), score_threshold=0.0, fusion_threshold=0.1, **options)
    summary = {row["id"]: row["status"] for row in json.loads((tmp_path / "out" / "summary.json").read_text())}
    assert summary == {"broken": "failed", file.stem: "ok"}
    folder = tmp_path / "out" / file.stem
    mask = _png(folder / "mask.png")
    probability = _png(folder / "probability.png")
    assert mask.shape == probability.shape == (256, 208)
    np.testing.assert_array_equal(mask > 0, probability >= round(0.5 * 65535))
    findings = json.loads((folder / "findings.json").read_text())
    assert findings
    for finding in findings:
        x1, y1, x2, y2 = finding["box_xyxy"]
        assert 0 <= x1 < x2 <= 208
        assert 0 <= y1 < y2 <= 256
        assert 0 < finding["score"] <= 1
    assert (folder / "overlay.png").is_file()
    assert (folder / "mask.nii.gz").is_file()


def test_inference_without_a_detector_says_how_to_get_one(run_of: RunOf, phantom_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(phantom_dir), "output_dir": str(tmp_path)}
    with pytest.raises(RuntimeError) as error:
        _infer(run_of(NAME), detector_weights=str(tmp_path / "detector.pt"), **places)
    assert "detector.pt" in _messages(error.value)
    assert "run training" in _messages(error.value)


@pytest.mark.parametrize(
    "key",
    [
        {"segmenter": "unet"},
        {"segmenter": "cascaded_unet"},
        {"margin": 2.0},
        {"one_stage": True},
        {"fold": 1},
        {"split_seed": 5},
    ],
    ids=str,
)
def test_every_variant_is_one_key(key: dict[str, Any], workflow: Workflow) -> None:
    parser = workflow(**key).parser
    (crop, *_) = parser.get_parsed_content("train#dataset")[0]
    logits = parser.get_parsed_content("network")(crop["image"][None])
    loss = parser.get_parsed_content("loss")(logits, crop["label"][None])
    loss.backward()
    assert crop["image"].shape == (3, 64, 64)
    assert crop.keys() == {"image", "label"}, "what else a manifest says may differ between two of them"
    assert crop["label"].any()
    assert torch.isfinite(loss)


def test_the_adversarial_and_the_one_stage_network_train(run_bundle: RunBundle, tmp_path: Path) -> None:
    gan = {"segmenter": "pix2pix_generator", "adversary": "@adversary_def", "width": 2, "spatial_size": [256, 256]}
    run = run_bundle(NAME, tmp_path / "run", "training_segmenter", one_stage=True, stage="one_stage", **gan)
    assert torch.load(run / "models" / "one_stage.pt", weights_only=True)
    assert "adversary" in torch.load(run / "models" / "one_stage_checkpoint.pt", weights_only=True)
    assert {path.name for path in (run / "models").iterdir()} == {"one_stage.pt", "one_stage_checkpoint.pt"}


def test_plain_lists_of_image_and_label_train_both_stages(
    run_bundle: RunBundle, phantom_dir: Path, tmp_path: Path
) -> None:
    """What annotation servers do: boxes then come from the label's parts."""
    pairs = []
    for mask in sorted((phantom_dir / "masks").glob("*.png")):
        if _png(mask).any():
            pairs.append({"image": str(phantom_dir / "images" / f"{mask.stem}.dcm"), "label": str(mask)})
    lists = {"train#dataset#data": pairs[:2], "validate#dataset#data": pairs[2:4]}
    run = run_bundle(NAME, tmp_path / "run", dataset="given", **lists)
    assert (run / "models" / "model.pt").is_file()
    assert (run / "models" / "detector.pt").is_file()


def test_a_second_data_set_begins_with_the_first_detector(run_of: RunOf, workflow: Workflow) -> None:
    first = run_of(NAME) / "models" / "detector.pt"
    parser = workflow(detector_pretrained_path=str(first)).parser
    parser.get_parsed_content("begin_detector")
    state = torch.load(first, weights_only=True)
    found = parser.get_parsed_content("detector_net").state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in found.items())


def test_the_detectors_rate_falls_at_a_third_and_two_thirds(workflow: Workflow) -> None:
    rate = workflow(detector_epochs=30).parser.get_parsed_content("detector_train#lr_scheduler").lr_lambdas[0]
    assert [sum(rate(epoch) == pytest.approx(level) for epoch in range(30)) for level in (1, 0.1, 0.01)] == [10, 10, 10]


def test_inference_and_evaluation_fuse_alike() -> None:
    """The keys of fusion stand in both files."""
    inference, evaluate = (ConfigParser.load_config_file(CONFIGS / f"{n}.json") for n in ("inference", "evaluate"))
    names = ("scales", "fusion", "fusion_threshold", "within_scale", "fused_score", "canvas", "score_threshold", "rule")
    assert {name: inference[name] for name in names} == {name: evaluate[name] for name in names}
    assert inference["inferer"] == evaluate["two_stage"]
