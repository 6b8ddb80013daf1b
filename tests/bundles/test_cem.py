# SPDX-License-Identifier: Apache-2.0
"""The contrast bundle on small synthetic exams: training, variants, evaluation, inference, experiments, leakage."""

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

import mammozoo
from mammozoo.bundle.inference import find_bundle
from mammozoo.data.adapters.contrast import audit_contrast, contrast_datalist
from mammozoo.engines.experiments.grid import run_workflow

NAME = "mammo_cem_classification"
CONFIGS = find_bundle(NAME).path / "configs"
RunOf = Callable[[str], Path]
RunBundle = Callable[..., Path]
Workflow = Callable[..., ConfigWorkflow]


@pytest.fixture
def workflow(tiny: Callable[[str], dict[str, Any]], contrast_dir: Path) -> Workflow:
    """A small training, not begun."""

    def _workflow(**keys: Any) -> ConfigWorkflow:
        given = {**tiny(NAME), "dataset_dir": str(contrast_dir), "bundle_root": str(CONFIGS.parent), **keys}
        found = ConfigWorkflow(str(CONFIGS / "train.json"), workflow_type="train", logging_file=False, **given)
        found.initialize()
        return found

    return _workflow


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _threshold(run: Path) -> float:
    return float(json.loads((run / "models" / "threshold.json").read_text())["threshold"])


def _evaluate(run: Path, out: Path, **keys: Any) -> None:
    files = [run / "configs" / name for name in ("train.json", "evaluate.json")]
    run_workflow(files, "evaluating", {"output_dir": str(out), "resamples": 2, **keys})


def test_training_and_evaluation(run_of: RunOf, evaluation_of: RunOf) -> None:
    run, out = run_of(NAME), evaluation_of(NAME)
    assert 0 < _threshold(run) < 1
    assert {"train_auroc", "val_auroc", "val_loss"} <= set(_read(run / "history.csv")[0])
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["headline"] == metrics["units"]["patient"]["figures"]["validation"]["auroc"]["estimate"]
    rows = _read(out / "per_case.csv")
    assert {row["part"] for row in rows} == {"validation", "test"}
    assert all(row["modality"] == "subtracted" for row in rows)
    assert metrics["units"]["image"]["n"] == sum(row["part"] == "test" for row in rows)
    assert "AUROC" in (out / "report.md").read_text()
    assert (out / "curves.png").is_file()


def test_training_evaluation_and_inference_agree_on_the_threshold(run_of: RunOf, evaluation_of: RunOf) -> None:
    run = run_of(NAME)
    found = json.loads((evaluation_of(NAME) / "metrics.json").read_text())["thresholds"]["image"]
    assert found == pytest.approx(_threshold(run), abs=1e-5)
    assert json.loads((run / "configs" / "inference.json").read_text())["threshold"] == _threshold(run)


def _png(path: Path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("explanation", ["grad_cam", "occlusion"])
def test_inference_on_dicom_and_jpeg(explanation: str, run_of: RunOf, contrast_dir: Path, tmp_path: Path) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    study.mkdir()
    file = next((contrast_dir / "images").glob("*_L_MLO_SUB.dcm"))
    shutil.copy(file, study)
    disc = cv2.circle(np.zeros((120, 90), np.uint8), (0, 60), 50, 180, -1)
    cv2.imwrite(str(study / "plain.jpg"), cv2.GaussianBlur(disc, (9, 9), 3))
    (study / "broken.jpg").write_bytes(b"no image")
    run = run_of(NAME)
    workflow = ConfigWorkflow(
        str(run / "configs" / "inference.json"), workflow_type="inference", logging_file=False,
        dataset_dir=str(study), output_dir=str(out), explanation=explanation,
    )  # fmt: skip
    workflow.initialize()
    workflow.run()
    rows = _read(out / "predictions.csv")
    assert [row["id"] for row in rows] == [file.stem, "plain"]
    assert list(rows[0]) == ["id", "probability", "threshold", "prediction"]
    assert float(rows[0]["threshold"]) == pytest.approx(_threshold(run), abs=1e-6)
    assert _png(out / file.stem / "overlay.png").shape == (96, 80, 3)
    assert _png(out / "plain" / "overlay.png").shape == (120, 90, 3)
    summary = {item["id"]: item["status"] for item in json.loads((out / "summary.json").read_text())}
    assert summary == {file.stem: "ok", "plain": "ok", "broken": "failed"}


@pytest.mark.parametrize(
    ("key", "channels"),
    [
        ({"breast_mask": False}, 3),
        ({"crop": False}, 3),
        ({"breast_mask": False, "crop": False}, 3),
        ({"modality": "low_energy"}, 3),
        ({"modality": "both", "in_channels": 2}, 2),
        ({"fold": 1}, 3),
        ({"unfreeze": 0.2}, 3),
        ({"augmentation_strength": 0.0}, 3),
        ({"backbone": "nyu_resnet22", "width": 4}, 3),
    ],
    ids=str,
)
def test_every_variant_is_one_key(key: dict[str, Any], channels: int, workflow: Workflow) -> None:
    parser = workflow(**key).parser
    network = parser.get_parsed_content("network").train()
    optimizer = parser.get_parsed_content("optimizer")
    sample = parser.get_parsed_content("train#dataset")[0]
    assert sample["image"].shape == (channels, 64, 64)
    loss = parser.get_parsed_content("loss")(network.eval()(sample["image"][None]), sample["label"][None])
    loss.backward()
    assert torch.isfinite(loss)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert len(optimizer.param_groups[0]["params"]) == len(trained)
    assert (len(trained) < len(list(network.parameters()))) == ("unfreeze" in key)


def test_the_mask_darkens_what_is_outside_the_breast(workflow: Workflow) -> None:
    zeros = {}
    for mask in (True, False):
        image = workflow(crop=False, breast_mask=mask).parser.get_parsed_content("validate#dataset")[0]["image"]
        zeros[mask] = int(torch.isclose(image[0], torch.tensor(-0.485 / 0.229), atol=1e-5).sum())
    assert zeros[True] > zeros[False]
    assert zeros[True] > 0.1 * 64 * 64


@pytest.mark.slow
def test_crossvalidating_ends_with_one_network_of_all_folds(
    run_bundle: RunBundle, contrast_dir: Path, tmp_path: Path
) -> None:
    run = run_bundle(NAME, tmp_path / "run", "crossvalidating", folds=[0, 1])
    report = (run / "report.md").read_text()
    assert "ensemble of the folds" in report
    assert "Out of fold, per patient: AUROC" in report
    assert (run / "curves.png").is_file()
    metrics = json.loads((run / "metrics.json").read_text())
    test = {item["id"] for item in contrast_datalist(part="test", dataset="phantom", dataset_dir=contrast_dir)}
    rows = _read(run / "per_case.csv")
    assert {row["id"] for row in rows if row["part"] == "test"} == test
    assert not test & {row["id"] for row in rows if row["part"] == "validation"}
    assert set(metrics["cross_validation"]["auroc_per_patient"]) == {"0", "1"}
    assert json.loads((run / "configs" / "inference.json").read_text())["members"] == 2
    _evaluate(run, tmp_path / "one_network", scored_parts=["test"])
    stacked = {row["id"]: float(row["probability"]) for row in _read(tmp_path / "one_network" / "per_case.csv")}
    averaged = {row["id"]: float(row["probability"]) for row in rows if row["part"] == "test"}
    assert stacked == pytest.approx(averaged, abs=1e-4)
    assert len(mammozoo.load(run).network.state_dict()) > 200
    before = (run / "folds" / "fold_0" / "models" / "model.pt").stat().st_mtime_ns
    run_bundle(NAME, run, "crossvalidating", folds=[0, 1], resume=True)
    assert (run / "folds" / "fold_0" / "models" / "model.pt").stat().st_mtime_ns == before


@pytest.mark.slow
def test_tuning_never_opens_the_test_part_and_resumes(
    run_bundle: RunBundle, contrast_dir: Path, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    data = tmp_path / "data"
    shutil.copytree(contrast_dir, data)
    for item in contrast_datalist(part="test", dataset="phantom", dataset_dir=data):
        Path(item["image"]).write_bytes(b"sealed")
    keys = {"dataset_dir": str(data), "folds": [None]}
    run = run_bundle(NAME, tmp_path / "run", "tuning", trials=2, **keys)
    first = json.loads((run / "tuning.json").read_text())
    cells = {path: path.stat().st_mtime_ns for path in run.glob("trials/*/validation.json")}
    run_bundle(NAME, run, "tuning", trials=3, resume=True, **keys)
    second = json.loads((run / "tuning.json").read_text())
    assert (first["trials"], second["trials"]) == (2, 3)
    assert second["default"] == first["default"]
    assert second["gain"] == pytest.approx(second["best"] - second["default"])
    assert {path: path.stat().st_mtime_ns for path in cells} == cells
    assert len(list(run.glob("trials/*/validation.json"))) == 3


def test_a_patient_on_both_sides_sets_the_headline_to_null(run_of: RunOf, tmp_path: Path, contrast_dir: Path) -> None:
    """Every exam of one patient is given out as two patients: the files are the same, so the audit finds them."""
    rows = [row for row in _read(contrast_dir / "manifest.csv") if row["modality"] == "subtracted"]
    lesions = [row for row in rows if row["label"] != "normal"]
    doubled = [
        {**row, "id": f"{row['id']}_{n}", "patient_id": f"{row['patient_id']}_{n}"} for row in lesions for n in "ab"
    ]
    manifest = tmp_path / "manifest.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(doubled[0]))
        writer.writeheader()
        files = ("image", "mask", "breast_mask", "pectoral_mask")
        writer.writerows({**row, **{key: str(contrast_dir / row[key]) for key in files}} for row in doubled)
    report = audit_contrast(dataset="manifest", dataset_dir=manifest, seed=1)
    assert not report.clean
    _evaluate(run_of(NAME), tmp_path, dataset="manifest", dataset_dir=str(manifest), seed=1)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["headline"] is None
    assert "image" in metrics["headline_reason"]
    assert "No headline figure" in (tmp_path / "report.md").read_text()
