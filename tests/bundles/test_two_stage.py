# SPDX-License-Identifier: Apache-2.0
"""The two-stage bundle on small synthetic exams: both stages, evaluation, inference, every segmenter by one key."""

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
from monai.bundle import ConfigParser, ConfigWorkflow

from mammozoo.networks.detection.yolov3 import EfficientNetBody

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "mammo_two_stage_segmentation"
NETWORKS = {"width": 4, "detector_width": 2, "spatial_size": [64, 64], "device": "cpu"}
FRAME = {"frame_size": [64, 128], "single_scale": [64, 128]}
TRAINING = {"training_widths": [64], "detector_epochs": 1, "detector_batch_size": 4, "epochs": 1}
SCALES = {"scales": [[32, 64], [64, 128]]}


def _workflow(files: list[str], kind: str, run_id: str, **overrides: Any) -> ConfigWorkflow:
    workflow = ConfigWorkflow(
        [str(BUNDLE / "configs" / file) for file in files],
        workflow_type=kind,
        run_id=run_id,
        logging_file=False,
        bundle_root=str(BUNDLE),
        **{**NETWORKS, **FRAME, **overrides},
    )
    workflow.initialize()
    return workflow


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def _messages(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__
    return " | ".join(texts)


@pytest.fixture(scope="module")
def trained(phantom_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One epoch of each stage."""
    folder = tmp_path_factory.mktemp("two_stage")
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(folder), "output_dir": str(folder / "out")}
    _workflow(["train.json"], "train", "training", **TRAINING, **places).run()
    return folder


def test_training_leaves_both_stages_behind(trained: Path) -> None:
    for file in ("detector.pt", "detector_checkpoint.pt", "model.pt", "checkpoint.pt"):
        assert torch.load(trained / file, weights_only=True)
    assert {"train_loss", "val_ap", "val_froc", "lr"} <= set(_rows(trained / "out" / "detector_history.csv")[0])
    assert {"train_loss", "val_dice", "val_iou", "val_loss"} <= set(_rows(trained / "out" / "history.csv")[0])


def test_resume_goes_on_with_both_stages(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "again")
    places = {"ckpt_dir": str(tmp_path / "again"), "output_dir": str(tmp_path / "again" / "out")}
    options = {**TRAINING, "detector_epochs": 2, "dataset_dir": str(phantom_dir), "resume": True}
    _workflow(["train.json"], "train", "training", **options, **places).run()
    assert len(_rows(tmp_path / "again" / "out" / "detector_history.csv")) == 2
    assert len(_rows(tmp_path / "again" / "out" / "history.csv")) == 1


def test_evaluation_compares_the_variants(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(trained), "output_dir": str(tmp_path)}
    _workflow(
        ["train.json", "evaluate.json"], "train", "evaluating",
        resamples=20, one_stage_weights=str(trained / "model.pt"), history=str(trained / "out" / "history.csv"),
        **SCALES, **places,
    ).run()  # fmt: skip
    rows = _rows(tmp_path / "per_case.csv")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    split = json.loads((tmp_path / "split.json").read_text())
    assert sorted(row["id"] for row in rows) == split["test"]
    fused = np.mean([float(row["dice_fused"]) for row in rows])
    assert metrics["headline"] == metrics["dice"]["fused"]["mean"] == pytest.approx(fused)
    assert {"fused", "single_scale", "one_stage", "crops"} == set(metrics["dice"])
    assert metrics["dice"]["one_stage"]["n"] == len(rows)
    assert [point["lambda"] for point in metrics["lambdas"]["iou50"]] == [0, 0.5, 0.6, 0.7]
    assert {"32x64", "64x128", "single_scale", "fused"} == set(metrics["detection"]["iou20"])
    boxes = _rows(tmp_path / "boxes.csv")
    for name in ("32x64", "fused"):
        assert sum(box["set"] == name for box in boxes) == metrics["detection"]["iou50"][name]["boxes"]
    report = (tmp_path / "report.md").read_text()
    for section in ("Segmentation", "Detection", "Fused minus one scale (64 x 128)", "Table 2"):
        assert section in report
    for file in ("froc.png", "precision_recall.png", "curves.png"):
        assert (tmp_path / file).stat().st_size > 0
    assert list((tmp_path / "pictures").glob("*.png"))


def test_inference_on_dicom_writes_the_files_of_every_bundle(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    file = next((phantom_dir / "images").glob("*_R_MLO.dcm"))
    shutil.copy(file, tmp_path / "study")
    (tmp_path / "study" / "broken.dcm").write_bytes(b"no image")
    options = {"dataset_dir": str(tmp_path / "study"), "ckpt_dir": str(trained), "output_dir": str(tmp_path / "out")}
    _workflow(
        ["inference.json"], "inference", "run", score_threshold=0.0, fusion_threshold=0.1, **SCALES, **options
    ).run()
    summary = {row["id"]: row["status"] for row in json.loads((tmp_path / "out" / "summary.json").read_text())}
    assert summary == {"broken": "failed", file.stem: "ok"}
    folder = tmp_path / "out" / file.stem
    mask = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_UNCHANGED)
    probability = cv2.imread(str(folder / "probability.png"), cv2.IMREAD_UNCHANGED)
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


def test_inference_without_a_detector_says_how_to_get_one(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": str(phantom_dir), "weights": str(trained / "model.pt"), "output_dir": str(tmp_path)}
    workflow = _workflow(["inference.json"], "inference", "run", ckpt_dir=str(tmp_path), **options)
    with pytest.raises(RuntimeError) as error:
        workflow.run()
    assert "detector.pt" in _messages(error.value)
    assert "run training" in _messages(error.value)


@pytest.mark.parametrize(
    "key",
    [
        {"segmenter": "unet"},
        {"segmenter": "cascaded_unet"},
        {"deep_supervision": False},
        {"margin": 2.0},
        {"one_stage": True},
        {"fold": 1},
        {"split_seed": 5},
    ],
    ids=str,
)
def test_every_variant_is_one_key(key: dict[str, Any], phantom_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path)}
    workflow = _workflow(["train.json"], "train", "training", **TRAINING, **places, **key)
    network = workflow.parser.get_parsed_content("network")
    (crop, *_) = workflow.parser.get_parsed_content("train#dataset")[0]
    loss = workflow.parser.get_parsed_content("loss")(network(crop["image"][None]), crop["label"][None])
    loss.backward()
    assert crop["image"].shape == (3, 64, 64)
    assert crop["label"].any()
    assert torch.isfinite(loss)


def test_the_adversarial_and_the_one_stage_network_train(phantom_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path)}
    options: dict[str, Any] = {**TRAINING, "segmenter": "cgan", "width": 2, "spatial_size": [256, 256]}
    _workflow(["train.json"], "train", "training_segmenter", one_stage=True, **options, **places).run()
    assert torch.load(tmp_path / "one_stage.pt", weights_only=True)
    assert "adversary" in torch.load(tmp_path / "one_stage_checkpoint.pt", weights_only=True)
    assert not (tmp_path / "model.pt").exists()
    assert not (tmp_path / "detector.pt").exists()


def test_plain_lists_of_image_and_label_train_both_stages(phantom_dir: Path, tmp_path: Path) -> None:
    """What annotation servers do: boxes then come from the label's parts."""
    pairs = []
    for mask in sorted((phantom_dir / "masks").glob("*.png")):
        if cv2.imread(str(mask), cv2.IMREAD_UNCHANGED).any():
            pairs.append({"image": str(phantom_dir / "images" / f"{mask.stem}.dcm"), "label": str(mask)})
    lists = {"train#dataset#data": pairs[:2], "validate#dataset#data": pairs[2:4]}
    _workflow(
        ["train.json"], "train", "training", ckpt_dir=str(tmp_path), output_dir=str(tmp_path), **TRAINING, **lists
    ).run()
    assert (tmp_path / "model.pt").is_file()
    assert (tmp_path / "detector.pt").is_file()


def test_a_second_data_set_begins_with_the_first_detector(trained: Path, phantom_dir: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": str(phantom_dir), "detector_pretrained_path": str(trained / "detector.pt")}
    workflow = _workflow(["train.json"], "train", "training_detector", output_dir=str(tmp_path), **options)
    network = workflow.parser.get_parsed_content("detector_net")
    state = torch.load(trained / "detector.pt", weights_only=True)
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_the_detectors_rate_falls_at_a_third_and_two_thirds(phantom_dir: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": str(phantom_dir), "output_dir": str(tmp_path), "detector_epochs": 30}
    workflow = _workflow(["train.json"], "train", "training", **options)
    rate = workflow.parser.get_parsed_content("detector_train#lr_scheduler").lr_lambdas[0]
    assert [sum(rate(epoch) == pytest.approx(level) for epoch in range(30)) for level in (1, 0.1, 0.01)] == [10, 10, 10]


def test_the_defaults_are_the_papers() -> None:
    parser = ConfigParser(
        ConfigParser.load_config_files([BUNDLE / "configs" / f"{n}.json" for n in ("train", "evaluate")])
    )
    names = ("scales", "frame_size", "single_scale", "fusion_threshold", "margin", "spatial_size", "framing")
    found = [parser.get_parsed_content(name) for name in names]
    scales = [[160, 320], [256, 512], [320, 640], [416, 832], [480, 960]]
    assert found == [scales, [480, 960], [416, 832], 0.6, 1.25, [256, 256], "padded"]
    names = ("detector_width", "detector_body", "width", "segmenter", "in_channels")
    assert [parser.get_parsed_content(name) for name in names] == [32, "darknet53", 64, "v19unetpp", 3]


def test_the_best_recipe_trains_both_stages_and_predicts_as_their_keys_say(phantom_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path / "out")}
    workflow = _workflow(["train.json"], "train", "training", **TRAINING, **places, recipe="best")
    assert isinstance(workflow.parser.get_parsed_content("detector_net").body, EfficientNetBody)
    (crop, *_) = workflow.parser.get_parsed_content("train#dataset")[0]
    assert crop["image"].shape == (1, 64, 64)
    assert crop.keys() == {"image", "label"}, "what else a manifest says may differ between two of them"
    workflow.run()
    (tmp_path / "study").mkdir()
    shutil.copy(next((phantom_dir / "images").glob("*_R_MLO.dcm")), tmp_path / "study")
    options = {"dataset_dir": str(tmp_path / "study"), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path / "pred")}
    inference = _workflow(["inference.json"], "inference", "run", cpu_route="channels_last", **SCALES, **options)
    inference.run()
    assert isinstance(inference.parser.get_parsed_content("detector_net").body, EfficientNetBody)
    assert inference.parser.get_parsed_content("framing") == "stretched"
    assert json.loads((tmp_path / "pred" / "summary.json").read_text())[0]["status"] == "ok"


@pytest.mark.filterwarnings("ignore:`dataloader` is empty")
def test_an_empty_test_part_and_a_scale_that_did_not_run_are_named(
    trained: Path, phantom_dir: Path, tmp_path: Path
) -> None:
    places = {"dataset_dir": str(phantom_dir), "ckpt_dir": str(trained), "output_dir": str(tmp_path)}
    for more, message in (
        ({"whole#dataset#data": [], **SCALES}, "the test part holds no image"),
        ({"scales": [[32, 64]]}, "single_scale (64, 128) is none of the scales that ran"),
    ):
        workflow = _workflow(["train.json", "evaluate.json"], "train", "evaluating", resamples=20, **places, **more)
        with pytest.raises(RuntimeError) as error:
            workflow.run()
        assert message in _messages(error.value)
