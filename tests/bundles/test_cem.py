# SPDX-License-Identifier: Apache-2.0
"""The contrast bundle on small synthetic exams: training, variants, evaluation, inference, experiments, leakage."""

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

from mammozoo.data.adapters.contrast import audit_contrast, contrast_datalist

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "mammo_cem_classification"
NETWORK = {"backbone": "resnet18", "width": 8, "spatial_size": [64, 64], "device": "cpu"}


def _workflow(files: list[str], kind: str, run_id: str, **overrides: Any) -> ConfigWorkflow:
    workflow = ConfigWorkflow(
        [str(BUNDLE / "configs" / file) for file in files],
        workflow_type=kind,
        run_id=run_id,
        logging_file=False,
        bundle_root=str(BUNDLE),
        **{**(NETWORK if kind == "train" else {"device": "cpu"}), **overrides},
    )
    workflow.initialize()
    return workflow


@pytest.fixture(scope="module")
def contrast_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four synthetic contrast exams."""
    from mammozoo.phantom.write import write_phantom

    folder = tmp_path_factory.mktemp("data") / "contrast"
    return Path(write_phantom(folder, patients=24, size=(96, 80), modality="cem"))


@pytest.fixture(scope="module")
def trained(contrast_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cem")
    places = {"dataset_dir": str(contrast_dir), "ckpt_dir": str(folder), "output_dir": str(folder / "out")}
    _workflow(["train.json"], "train", "training", epochs=2, **places).run()
    return folder


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_training_and_evaluation(trained: Path, contrast_dir: Path, tmp_path: Path) -> None:
    assert torch.load(trained / "model.pt", weights_only=True)
    assert 0 < json.loads((trained / "threshold.json").read_text())["threshold"] < 1
    assert {"train_auroc", "val_auroc", "val_loss"} <= set(_read(trained / "out" / "history.csv")[0])
    options = {"dataset_dir": str(contrast_dir), "weights": str(trained / "model.pt"), "output_dir": str(tmp_path)}
    _workflow(["train.json", "evaluate.json"], "train", "evaluating", resamples=20, **options).run()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["headline"] == metrics["units"]["patient"]["figures"]["validation"]["auroc"]["estimate"]
    assert metrics["audit"]["clean"]
    rows = _read(tmp_path / "per_case.csv")
    assert {row["part"] for row in rows} == {"validation", "test"}
    assert all(row["modality"] == "subtracted" for row in rows)
    assert metrics["units"]["image"]["n"] == sum(row["part"] == "test" for row in rows)
    assert "AUROC" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "curves.png").is_file()
    assert set(json.loads((tmp_path / "split.json").read_text())) == {"train", "validation", "test"}


def test_training_and_evaluation_agree_on_the_threshold(trained: Path, contrast_dir: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": str(contrast_dir), "weights": str(trained / "model.pt"), "output_dir": str(tmp_path)}
    _workflow(["train.json", "evaluate.json"], "train", "evaluating", resamples=2, **options).run()
    found = json.loads((tmp_path / "metrics.json").read_text())["thresholds"]["image"]
    assert found == pytest.approx(json.loads((trained / "threshold.json").read_text())["threshold"], abs=1e-5)


@pytest.mark.parametrize("explanation", ["grad_cam", "occlusion"])
def test_inference_on_dicom_and_jpeg(explanation: str, trained: Path, contrast_dir: Path, tmp_path: Path) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    study.mkdir()
    file = next((contrast_dir / "images").glob("*_L_MLO_SUB.dcm"))
    shutil.copy(file, study)
    cv2.imwrite(str(study / "plain.jpg"), cv2.GaussianBlur(cv2.circle(_black(), (0, 60), 50, 180, -1), (9, 9), 3))
    (study / "broken.jpg").write_bytes(b"no image")
    options = {"dataset_dir": str(study), "weights": str(trained / "model.pt"), "output_dir": str(out)}
    _workflow(["inference.json"], "inference", "run", explanation=explanation, **options).run()
    rows = _read(out / "predictions.csv")
    assert [row["id"] for row in rows] == [file.stem, "plain"]
    assert list(rows[0]) == ["id", "probability", "threshold", "prediction"]
    saved = json.loads((trained / "threshold.json").read_text())["threshold"]
    assert float(rows[0]["threshold"]) == pytest.approx(saved, abs=1e-6)
    assert cv2.imread(str(out / file.stem / "overlay.png")).shape == (96, 80, 3)
    assert cv2.imread(str(out / "plain" / "overlay.png")).shape == (120, 90, 3)
    summary = {item["id"]: item["status"] for item in json.loads((out / "summary.json").read_text())}
    assert summary == {file.stem: "ok", "plain": "ok", "broken": "failed"}


def _black() -> Any:
    import numpy as np

    return np.zeros((120, 90), np.uint8)


@pytest.mark.parametrize(
    ("key", "channels"),
    [
        ({"breast_mask": False}, 3),
        ({"crop": False}, 3),
        ({"breast_mask": False, "crop": False}, 3),
        ({"modality": "low_energy"}, 3),
        ({"modality": "both"}, 2),
        ({"fold": 1}, 3),
        ({"unfreeze": 0.2}, 3),
        ({"augmentation_strength": 0.0}, 3),
        ({"backbone": "nyu_resnet22", "width": 4}, 3),
    ],
    ids=str,
)
def test_every_variant_is_one_key(key: dict[str, Any], channels: int, contrast_dir: Path, tmp_path: Path) -> None:
    places = {"dataset_dir": str(contrast_dir), "ckpt_dir": str(tmp_path), "output_dir": str(tmp_path)}
    workflow = _workflow(["train.json"], "train", "training", epochs=1, **places, **key)
    network = workflow.parser.get_parsed_content("network").train()
    optimizer = workflow.parser.get_parsed_content("optimizer")
    sample = workflow.parser.get_parsed_content("train#dataset")[0]
    assert sample["image"].shape == (channels, 64, 64)
    loss = workflow.parser.get_parsed_content("loss")(network.eval()(sample["image"][None]), sample["label"][None])
    loss.backward()
    assert torch.isfinite(loss)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert len(optimizer.param_groups[0]["params"]) == len(trained)
    assert (len(trained) < len(list(network.parameters()))) == ("unfreeze" in key)


def test_the_mask_darkens_what_is_outside_the_breast(contrast_dir: Path, tmp_path: Path) -> None:
    zeros = {}
    for mask in (True, False):
        options = {"dataset_dir": str(contrast_dir), "output_dir": str(tmp_path), "crop": False, "breast_mask": mask}
        workflow = _workflow(["train.json"], "train", "training", **options)
        image = workflow.parser.get_parsed_content("validate#dataset")[0]["image"]
        zeros[mask] = int(torch.isclose(image[0], torch.tensor(-0.485 / 0.229), atol=1e-5).sum())
    assert zeros[True] > zeros[False]
    assert zeros[True] > 0.1 * 64 * 64


@pytest.mark.slow
def test_crossvalidating_ends_with_the_ensemble_on_the_test_part(contrast_dir: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": str(contrast_dir), "output_dir": str(tmp_path), "epochs": 1, "folds": [0, 1]}
    _workflow(["train.json"], "train", "crossvalidating", **options).run()
    folder = tmp_path / "experiments" / "crossvalidation"
    report = (folder / "report.md").read_text()
    assert "ensemble of the folds" in report
    assert "Out of fold, per patient: AUROC" in report
    assert (folder / "curves.png").is_file()
    metrics = json.loads((folder / "metrics.json").read_text())
    test = {item["id"] for item in contrast_datalist(part="test", dataset="phantom", dataset_dir=contrast_dir)}
    rows = _read(folder / "per_case.csv")
    assert {row["id"] for row in rows if row["part"] == "test"} == test
    assert not test & {row["id"] for row in rows if row["part"] == "validation"}
    assert set(metrics["cross_validation"]["auroc_per_patient"]) == {"0", "1"}
    assert metrics["options"] == {**NETWORK, "dataset_dir": str(contrast_dir), "epochs": 1}
    assert json.loads((folder / "model.json").read_text())["network_def"]["members"] == 2
    assert 0 <= json.loads((folder / "threshold.json").read_text())["threshold"] <= 1
    files, out = ["train.json", "evaluate.json"], tmp_path / "one_network"
    one = {**options, "output_dir": str(out), "weights": str(folder / "model.pt"), "scored_parts": ["test"]}
    _workflow(files, "train", "evaluating", **one).run()
    stacked = {row["id"]: float(row["probability"]) for row in _read(out / "per_case.csv")}
    averaged = {row["id"]: float(row["probability"]) for row in rows if row["part"] == "test"}
    assert stacked == pytest.approx(averaged, abs=1e-4)
    before = (folder / "fold_0" / "model.pt").stat().st_mtime_ns
    _workflow(["train.json"], "train", "crossvalidating", **options).run()
    assert (folder / "fold_0" / "model.pt").stat().st_mtime_ns == before


@pytest.mark.slow
def test_tuning_never_opens_the_test_part_and_resumes(contrast_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    data = tmp_path / "data"
    shutil.copytree(contrast_dir, data)
    for item in contrast_datalist(part="test", dataset="phantom", dataset_dir=data):
        Path(item["image"]).write_bytes(b"sealed")
    options = {"dataset_dir": str(data), "output_dir": str(tmp_path / "out"), "epochs": 1, "folds": [None]}
    _workflow(["train.json"], "train", "tuning", trials=2, **options).run()
    folder = tmp_path / "out" / "experiments" / "tuning"
    first = json.loads((folder / "tuning.json").read_text())
    cells = {path: path.stat().st_mtime_ns for path in folder.glob("trials/*/validation.json")}
    _workflow(["train.json"], "train", "tuning", trials=3, **options).run()
    second = json.loads((folder / "tuning.json").read_text())
    assert (first["trials"], second["trials"]) == (2, 3)
    assert second["default"] == first["default"]
    assert second["gain"] == pytest.approx(second["best"] - second["default"])
    assert {path: path.stat().st_mtime_ns for path in cells} == cells
    assert len(list(folder.glob("trials/*/validation.json"))) == 3


def test_a_patient_on_both_sides_sets_the_headline_to_null(trained: Path, tmp_path: Path, contrast_dir: Path) -> None:
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
    options = {"dataset": "manifest", "dataset_dir": str(manifest), "weights": str(trained / "model.pt"), "seed": 1}
    workflow = _workflow(
        ["train.json", "evaluate.json"], "train", "evaluating", output_dir=str(tmp_path), resamples=2, **options
    )
    workflow.run()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["headline"] is None
    assert "image" in metrics["headline_reason"]
    assert "No headline figure" in (tmp_path / "report.md").read_text()
