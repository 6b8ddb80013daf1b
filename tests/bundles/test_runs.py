# SPDX-License-Identifier: Apache-2.0
"""A run is a bundle: what training writes evaluates, predicts, loads and ships as it stands."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import monai.bundle.workflows
import pytest
import torch
from monai.bundle import ckpt_export, load

import mammozoo
from mammozoo.bundle.check.run_check import check_bundle
from mammozoo.bundle.inference import own_bundles
from mammozoo.bundle.package import package_bundle
from mammozoo.bundle.predict import predict_study
from mammozoo.io.archive import extract_zip
from mammozoo.io.config_json import read_json, write_config
from mammozoo.io.errors import MammogramError
from mammozoo.io.weights import file_sha256

NAMES = [path.name for path in own_bundles()]
EVERY_BUNDLE = pytest.mark.parametrize("name", NAMES)
RunOf = Callable[[str], Path]
Keys = Callable[[str], dict[str, Any]]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@EVERY_BUNDLE
def test_training_writes_a_bundle(name: str, run_of: RunOf) -> None:
    run = run_of(name)
    configs = {path.name for path in (run / "configs").iterdir()}
    assert configs >= {"train.json", "evaluate.json", "inference.json", "metadata.json", "logging.conf"}
    assert {path.name for path in (run / "models").iterdir()} >= {"model.pt", "checkpoint.pt"}
    (row,) = _rows(run / "history.csv")
    assert float(row["train_loss"]) > 0
    assert (run / "tensorboard").is_dir()
    metadata = read_json(run / "configs" / "metadata.json")
    assert metadata["run"]["bundle"] == name
    assert metadata["weights"]["model.pt"]["sha256"] == file_sha256(run / "models" / "model.pt")
    assert not any("checkpoint" in file for file in metadata["weights"])


@EVERY_BUNDLE
def test_every_key_of_the_run_stands_in_its_files(name: str, run_of: RunOf, tiny: Keys, exams: Any) -> None:
    run = run_of(name)
    train, inference = (read_json(run / "configs" / f"{file}.json") for file in ("train", "inference"))
    given = {**tiny(name), "dataset_dir": str(exams(name))}
    assert {key: train[key] for key in given} == given
    shared = given.keys() & inference.keys() - {"dataset_dir"}
    assert {key: inference[key] for key in shared} == {key: given[key] for key in shared}
    for config in (train, inference):
        assert config["bundle_root"] == str(run)
    assert (train["run_dir"], train["resume"]) == ("@bundle_root", False)


@EVERY_BUNDLE
def test_a_run_evaluates_with_its_own_files(name: str, evaluation_of: RunOf) -> None:
    out = evaluation_of(name)
    rows, split = _rows(out / "per_case.csv"), json.loads((out / "split.json").read_text())
    assert {row["id"] for row in rows if row.get("part", "test") == "test"} == set(split["test"])
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["audit"]["clean"]
    assert 0 <= metrics["headline"] <= 1
    assert (out / "report.md").is_file()


def _scales(run: Path) -> dict[str, Any]:
    """Two small scales of a two-stage run, whose defaults are too large for a test."""
    return {"scales": [[32, 64], [64, 128]]} if "scales" in read_json(run / "configs" / "inference.json") else {}


@EVERY_BUNDLE
def test_a_run_predicts(name: str, run_of: RunOf, exams: Any, tmp_path: Path) -> None:
    run, study = run_of(name), tmp_path / "study"
    study.mkdir()
    for file in sorted((exams(name) / "images").glob("*.dcm"))[:2]:
        shutil.copy(file, study)
    before = file_sha256(run / "models" / "model.pt")
    result = predict_study(study, tmp_path / "out", bundle=run, options=_scales(run))
    assert [image.status for image in result.images] == ["ok", "ok"]
    assert result.weights_sha256 == before
    written = {path.name for path in (tmp_path / "out").rglob("*.*")}
    assert written >= {"overlay.png", "summary.json"}
    assert written & {"mask.png", "predictions.csv"}


@EVERY_BUNDLE
def test_the_front_door_opens_a_run(name: str, run_of: RunOf) -> None:
    run = run_of(name)
    bundle = mammozoo.load(run)
    saved = torch.load(run / "models" / "model.pt", weights_only=True)
    state = bundle.network.state_dict()
    assert state.keys() == saved.keys()
    assert all(torch.equal(tensor, saved[key]) for key, tensor in state.items())
    assert not bundle.network.training
    assert bundle.name == run.name


@EVERY_BUNDLE
@pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning")
def test_monais_own_tools_take_a_run(name: str, run_of: RunOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`monai.bundle.load` with its defaults and `ckpt_export`, from anywhere."""
    run = run_of(name)
    monkeypatch.setattr(monai.bundle.workflows, "_apply_logging_file", lambda _: None)  # the tests' logging stays
    monkeypatch.chdir(tmp_path)
    network: Any = load(run.name, bundle_dir=str(run.parent))
    saved = torch.load(run / "models" / "model.pt", weights_only=True)
    state = network.cpu().state_dict()
    assert state.keys() == saved.keys()
    assert all(torch.equal(tensor, saved[key]) for key, tensor in state.items())
    ckpt_export(
        net_id="network_def",
        filepath=str(tmp_path / "model.ts"),
        ckpt_file=str(run / "models" / "model.pt"),
        meta_file=str(run / "configs" / "metadata.json"),
        config_file=str(run / "configs" / "inference.json"),
    )
    exported = torch.jit.load(tmp_path / "model.ts").state_dict()
    assert all(torch.equal(tensor, exported[key]) for key, tensor in saved.items())


def test_a_run_ships_without_the_place_where_it_was_trained(run_of: RunOf, exams: Any, tmp_path: Path) -> None:
    run = run_of("mammo_aunet_segmentation")
    release = package_bundle(run, out=tmp_path)
    assert check_bundle(release.path).clean, check_bundle(release.path).text()
    assert release.weights == ("model.pt",)
    extract_zip(release.path, tmp_path / "elsewhere")
    (moved,) = (tmp_path / "elsewhere").iterdir()
    assert read_json(moved / "configs" / "inference.json")["bundle_root"] == "."
    study = next((exams(run.name) / "images").glob("*.dcm"))
    result = predict_study(study, tmp_path / "out", bundle=moved)
    assert [image.status for image in result.images] == ["ok"]
    assert not list((moved / "models").glob("*checkpoint*"))


@EVERY_BUNDLE
def test_named_weights_are_consent(name: str, run_of: RunOf, exams: Any, tmp_path: Path) -> None:
    """The sibling of the next: who names the replaced file runs it."""
    run = Path(shutil.copytree(run_of(name), tmp_path / "run"))
    file = run / "models" / "model.pt"
    torch.save(torch.load(file, weights_only=True), file)
    file.write_bytes(file.read_bytes() + b"\0")
    for config in ("train", "inference"):
        moved = {**read_json(run / "configs" / f"{config}.json"), "bundle_root": str(run)}
        write_config(run / "configs" / f"{config}.json", moved)
    study = next((exams(name) / "images").glob("*.dcm"))
    result = predict_study(study, tmp_path / "out", bundle=run, weights=file, options=_scales(run))
    assert [image.status for image in result.images] == ["ok"]
    assert result.weights_sha256 == file_sha256(file)


@EVERY_BUNDLE
def test_a_run_whose_weights_were_replaced_does_not_predict(name: str, run_of: RunOf, tmp_path: Path) -> None:
    run = Path(shutil.copytree(run_of(name), tmp_path / "run"))
    state = torch.load(run / "models" / "model.pt", weights_only=True)
    torch.save({key: tensor + 1 for key, tensor in state.items()}, run / "models" / "model.pt")
    with pytest.raises(MammogramError, match=r"is not the file that metadata.json records.*--weights .*move this one"):
        predict_study(tmp_path / "absent", tmp_path / "out", bundle=run)
    assert not (tmp_path / "out").exists()
