# SPDX-License-Identifier: Apache-2.0
"""A training's folder: every key written into its files, one run a folder, one process a run."""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mammozoo._errors import UserError
from mammozoo.engines.experiments.grid import run_workflow
from mammozoo.engines.training import run_folder
from mammozoo.engines.training.command import Command, running
from mammozoo.engines.training.run_folder import finish_run, new_run_dir, resume_line, start_run
from mammozoo.io.config_json import read_json
from mammozoo.io.weights import file_sha256

TRAIN: dict[str, Any] = {
    "imports": ["$import sys"],
    "bundle_root": ".",
    "run_dir": {"_target_": "mammozoo.engines.new_run_dir", "bundle": "tiny"},
    "dataset": "phantom",
    "dataset_dir": "$@bundle_root + '/data'",
    "lr": 1e-3,
    "width": 16,
    "fold": None,
    "threshold": 0.5,
    "spatial_size": [64, 64],
    "pretrained_path": None,
    "resume": False,
    "network_def": {"_target_": "mammozoo.networks.AbnormalUNet", "width": "@width", "dropout": 0.3},
    "initialize": [],
    "start": {
        "_target_": "mammozoo.engines.start_run",
        "run_dir": "@run_dir",
        "bundle_root": "@bundle_root",
        "resume": "@resume",
        "record": {"dataset_dir": "@dataset_dir"},
    },
    "training": ["%start", "$@network_def"],
    "run": "%training",
}
INFERENCE = {key: TRAIN[key] for key in ("bundle_root", "width", "spatial_size", "threshold", "network_def")} | {
    "dataset_dir": "$@bundle_root + '/data'", "run": ["$@network_def"],
    "dataset": {"_target_": "mammozoo.engines.ReadableImages", "data": "@dataset_dir"},
}  # fmt: skip
METADATA = {
    "version": "1.2.3", "changelog": {"1.2.3": "released"}, "name": "Tiny", "eval_metrics": {"mean_dice": 0.5},
    "weights": {"model.pt": {"sha256": "0" * 64}},
}  # fmt: skip


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundles" / "tiny"
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "LICENSE").write_text("Apache-2.0")
    for name, content in (("train", TRAIN), ("inference", INFERENCE), ("metadata", METADATA), ("evaluate", {"x#y": 1})):
        (folder / "configs" / f"{name}.json").write_text(json.dumps(content))
    (folder / "configs" / "logging.conf").write_text("[loggers]\nkeys=root\n")
    return folder


@pytest.fixture
def train(bundle: Path, tmp_path: Path) -> Callable[..., Path]:
    """Run the tiny bundle's training, which trains nothing, with keys and overlays."""

    def _train(*overlays: Path, run: str = "run", **keys: Any) -> Path:
        given = {"bundle_root": str(bundle), "run_dir": str(tmp_path / run), **keys}
        run_workflow([bundle / "configs" / "train.json", *overlays], "training", given)
        return tmp_path / run

    return _train


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def test_every_override_is_written_into_the_files_that_have_it(train: Callable[..., Path]) -> None:
    keys = {"lr": 5e-4, "width": 4, "spatial_size": [32, 96]}
    run = train(**keys, **{"network_def#dropout": 0.1, "network_def::out_channels": 2})
    found, predicting = (read_json(run / "configs" / f"{name}.json") for name in ("train", "inference"))
    assert (found["lr"], found["width"], found["spatial_size"]) == (5e-4, 4, [32, 96])
    assert (predicting["width"], predicting["spatial_size"]) == (4, [32, 96])
    assert found["network_def"] == predicting["network_def"] == {
        "_target_": "mammozoo.networks.AbnormalUNet", "width": "@width", "dropout": 0.1, "out_channels": 2,
    }  # fmt: skip
    assert "lr" not in predicting
    assert found["threshold"] == 0.5, "what nobody gave stays"
    assert list(found) == list(TRAIN), "in the bundle's order"
    metadata = read_json(run / "configs" / "metadata.json")
    assert metadata["run"]["keys"]["network_def::dropout"] == 0.1
    assert metadata["run"]["run_id"] == "training"


def test_a_key_that_means_something_else_in_inference_is_left_alone_there(train: Callable[..., Path]) -> None:
    run = train(dataset="manifest")
    assert read_json(run / "configs" / "train.json")["dataset"] == "manifest"
    assert read_json(run / "configs" / "inference.json")["dataset"] == INFERENCE["dataset"]


def test_the_folder_stands_for_itself(train: Callable[..., Path], bundle: Path) -> None:
    run = train()
    for name in ("train", "inference"):
        assert read_json(run / "configs" / f"{name}.json")["bundle_root"] == str(run)
    assert read_json(run / "configs" / "train.json")["run_dir"] == "@bundle_root"
    for name in ("LICENSE", "configs/logging.conf", "configs/evaluate.json"):
        assert (run / name).is_file()
    card = (run / "docs" / "README.md").read_text()
    assert card.startswith("# A run of tiny\n")
    assert "not for diagnosis" in card
    metadata = read_json(run / "configs" / "metadata.json")
    assert metadata["run"]["bundle"] == "tiny"
    assert not {"weights", "eval_metrics"} & set(metadata), "the release's figures are not the run's"
    assert read_json(bundle / "configs" / "train.json") == TRAIN, "the bundle itself is left as it is"
    assert not list((bundle / "models").iterdir())


def test_paths_are_written_so_that_they_hold_from_everywhere(
    train: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = train(dataset_dir="exams", pretrained_path="imagenet.pt")
    found = read_json(run / "configs" / "train.json")
    assert found["dataset_dir"] == str(tmp_path / "exams")
    assert found["pretrained_path"] == str(tmp_path / "imagenet.pt")
    other = read_json(train(run="other") / "configs" / "train.json")
    assert other["dataset_dir"] == str(tmp_path / "bundles" / "tiny" / "data"), "the default that was used"
    assert other["pretrained_path"] is None


def test_a_run_records_the_keys_of_an_overlay_in_both_files(train: Callable[..., Path], tmp_path: Path) -> None:
    overlay = tmp_path / "mine.json"
    keys = {"width": 6, "network_def#dropout": 0.2, "lr": 1e-2, "+network_def": {"in_channels": 3}}
    overlay.write_text(json.dumps(keys))
    run = train(overlay, lr=2e-2)
    found, predicting = (read_json(run / "configs" / f"{name}.json") for name in ("train", "inference"))
    assert (found["lr"], found["width"]) == (2e-2, 6)
    assert predicting["width"] == 6
    for config in (found, predicting):
        assert (config["network_def"]["dropout"], config["network_def"]["in_channels"]) == (0.2, 3)


def test_a_second_training_in_a_folder_is_refused_and_destroys_nothing(train: Callable[..., Path]) -> None:
    run = train(lr=5e-4)
    (run / "models").mkdir()
    (run / "models" / "model.pt").write_bytes(b"trained")
    with pytest.raises(RuntimeError) as caught:
        train(lr=1e-5)
    assert "holds a run: --resume True continues it, another --run_dir begins a new one" in _cause(caught.value)
    assert (run / "models" / "model.pt").read_bytes() == b"trained"
    assert read_json(run / "configs" / "train.json")["lr"] == 5e-4
    train(run="second", lr=1e-5)
    assert train(lr=1e-5, resume=True) == run


def test_a_run_goes_on_by_its_own_files_and_keeps_its_keys(train: Callable[..., Path]) -> None:
    run = train(width=4, **{"network_def::dropout": 0.1})
    before = read_json(run / "configs" / "metadata.json")
    file = run / "configs" / "train.json"
    run_workflow([file], "training", {"bundle_root": str(run), "resume": True, "lr": 1e-5})
    found = read_json(file)
    assert (found["width"], found["network_def"]["dropout"], found["lr"]) == (4, 0.1, 1e-5)
    assert (found["run_dir"], found["resume"]) == ("@bundle_root", False)
    assert read_json(run / "configs" / "inference.json")["width"] == 4
    metadata = read_json(run / "configs" / "metadata.json")
    assert metadata["run"]["bundle"] == "tiny"
    assert metadata["run"]["keys"].items() >= {"lr": 1e-5, "width": 4}.items()
    assert before["run"]["keys"]["width"] == 4


def test_a_run_does_not_go_on_without_the_keys_it_was_begun_with(
    train: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files would describe another network than its weights have."""
    monkeypatch.chdir(tmp_path)
    run = train(width=4, lr=5e-4)
    with pytest.raises(RuntimeError) as caught:
        train(lr=5e-4, resume=True)
    assert "run was begun with --width 4: give it again, or continue by the run's own file" in _cause(caught.value)
    assert "--config_file run/configs/train.json" in _cause(caught.value)
    assert read_json(run / "configs" / "inference.json")["width"] == 4
    train(width=4, lr=1e-5, resume=True)
    assert read_json(run / "configs" / "train.json")["lr"] == 1e-5


def test_resume_takes_a_boolean(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--resume is 'true'; expected True or False, with a capital letter"):
        start_run(tmp_path / "run", bundle_root=bundle, resume="true")  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_keys_are_checked_before_anything_is_written(train: Callable[..., Path], tmp_path: Path) -> None:
    for keys, message in (({"widht": 4}, "did you mean --width"), ({"lr": "high"}, "expected a number")):
        with pytest.raises(RuntimeError) as caught:
            train(**keys)
        assert message in _cause(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_workflow_that_somebody_else_started_is_recorded_too(
    bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start_run(tmp_path / "run", bundle_root=bundle)
    assert "not started by monai.bundle run or mammozoo.train" in caplog.text
    assert read_json(tmp_path / "run" / "configs" / "train.json")["width"] == 16


HOLDING = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_one_process_trains_in_a_folder(bundle: Path, tmp_path: Path) -> None:
    """The lock of another process holds until that process ends, however it ends."""
    run = tmp_path / "run"
    run.mkdir()
    command = [sys.executable, "-c", HOLDING, str(run / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"another process trains in {run}: wait for it, or give another --run_dir"):
            start_run(run, bundle_root=bundle)
        assert not (run / "configs").exists()
        other.kill()
    assert (run / ".lock").is_file()
    start_run(run, bundle_root=bundle)
    start_run(run, bundle_root=bundle, resume=True)  # the same process, the next stage


def test_a_training_holds_the_lock(bundle: Path, tmp_path: Path) -> None:
    start_run(tmp_path / "run", bundle_root=bundle)
    with (tmp_path / "run" / ".lock").open("w") as file, pytest.raises(OSError, match="temporarily unavailable"):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_end_records_hashes_and_what_training_decided(
    train: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run = train()
    (run / "models").mkdir()
    for name in ("model.pt", "detector.pt", "checkpoint.pt", "detector_checkpoint.pt"):
        (run / "models" / name).write_bytes(name.encode())
    capsys.readouterr()
    finish_run(run, keys={"threshold": 0.37, "absent": 1})
    recorded = read_json(run / "configs" / "metadata.json")["weights"]
    assert recorded == {name: {"sha256": file_sha256(run / "models" / name)} for name in ("detector.pt", "model.pt")}
    for name in ("train", "inference"):
        config = read_json(run / "configs" / f"{name}.json")
        assert config["threshold"] == 0.37
        assert "absent" not in config
    printed = capsys.readouterr().out
    assert "The trained bundle lies in run." in printed
    for words in (
        "monai.bundle run evaluating --config_file \"['run/configs/train.json','run/configs/evaluate.json']\"",
        "mammozoo predict STUDY --bundle run --out OUT",
        "mammozoo package run --out dist",
    ):
        assert words in printed


def test_an_end_without_a_run_is_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finish_run(tmp_path)
    assert capsys.readouterr().out == ""


def test_the_command_that_continues_names_the_run_and_what_ran(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_HELD", {})
    assert resume_line() is None
    monkeypatch.chdir(tmp_path)
    with running(Command("finetuning", (bundle / "configs" / "train.json",))):
        start_run(tmp_path / "run", bundle_root=bundle)
        line = resume_line()
    assert line == "python -m monai.bundle run finetuning --config_file run/configs/train.json --resume True"


def test_new_runs_are_named_after_bundle_and_time() -> None:
    assert re.fullmatch(r"runs/tiny-\d{8}-\d{6}", new_run_dir("tiny"))
    assert re.fullmatch(r"elsewhere/tiny-\d{8}-\d{6}", new_run_dir("tiny", parent="elsewhere"))
