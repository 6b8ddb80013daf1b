# SPDX-License-Identifier: Apache-2.0
"""What was asked for on the command line, and what of it is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import fire
import pytest

from mammozoo._errors import UserError
from mammozoo.bundle.inference import own_bundles
from mammozoo.engines.training.command import Command, check_keys, current_command, parse_command, running

CONFIG: dict[str, Any] = {
    "imports": ["$import torch"],
    "lr": 1e-3,
    "epochs": 30,
    "fold": None,
    "weights": "models/model.pt",
    "resume": False,
    "spatial_size": [64, 64],
    "width": "$8 * 2",
    "network_def": {"_target_": "mammozoo.networks.AbnormalUNet", "width": "@width", "dropout": 0.3},
    "resize": {"_target_": "RandFlipd", "keys": "image", "prob": 0.5},
    "train": {"trainer": {"max_epochs": "@epochs"}, "steps": [{"keys": "image"}]},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.json"
    path.write_text(json.dumps(CONFIG))
    return path


@pytest.mark.parametrize(
    "words",
    [
        ["training", "--config_file", "train.json", "--lr", "3e-4", "--epochs", "2"],
        ["training", "--config-file=train.json", "--lr=3e-4", "--resume"],
        ["--run_id", "training", "--config_file", "train.json", "--noresume", "--fold", "None"],
        ["training", "--config_file", "['train.json','mine.json']", "--spatial_size", "[64,128]"],
        ["training", "--config_file", "train.json", "--network_def#dropout", "0.1", "--train::trainer::max_epochs", "3"],
        ["training", "--config_file", "train.json", "--dataset_dir", "/data/a b", "--shift", "-0.5", "--name", "x-y"],
        ["training", "--config_file", "train.json", "--resume", "True", "--amp", "true", "--text", "'7'"],
    ],
    ids=lambda words: " ".join(words[2:]),
)
def test_arguments_are_read_as_fire_reads_them(words: list[str]) -> None:
    """Fire itself says what `monai.bundle run` would get."""
    seen: dict[str, Any] = {}

    def run(run_id: str | None = None, config_file: Any = None, **overrides: Any) -> None:
        seen.update(overrides, run_id=run_id, config_file=config_file)

    fire.Fire(run, command=words)
    files = seen.pop("config_file")
    command = parse_command(words)
    assert command.run_id == seen.pop("run_id") == "training"
    assert command.overrides == {key.replace("#", "::"): value for key, value in seen.items()}
    assert [path.name for path in command.files] == ([files] if isinstance(files, str) else list(files))
    assert all(path.is_absolute() for path in command.files)


def test_arguments_in_a_file_come_first(tmp_path: Path) -> None:
    (tmp_path / "args.json").write_text('{"config_file": "train.json", "lr": 1.0, "epochs": 5}')
    command = parse_command(["training", "--args_file", str(tmp_path / "args.json"), "--lr", "2.0"])
    assert command.overrides == {"lr": 2.0, "epochs": 5}
    assert command.files[0].name == "train.json"


@pytest.mark.parametrize(
    "overrides",
    [
        {"lr": 1, "epochs": 2, "resume": True, "spatial_size": [8, 8], "weights": "x.pt"},
        {"fold": 3, "lr": "@other", "epochs": "$2 * 2", "spatial_size": "$[8, 8]", "width": 16},
        {"lr": None, "network_def::dropout": 0.1, "network_def::in_channels": 3, "network_def": {"_target_": "x"}},
        {"train::trainer::max_epochs": 3, "train::steps::0::keys": "label", "resize::prob": 1},
        {"+train": {"more": 1}, "spatial_size": (8, 8)},
    ],
    ids=str,
)
def test_keys_that_fit_pass(overrides: dict[str, Any], file: Path) -> None:
    check_keys(overrides, files=[file])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": 1}, "unknown key --epoch: did you mean --epochs?"),
        ({"recipe": "best"}, "unknown key --recipe: did you mean --resize?"),
        ({"zzz": 1}, "unknown key --zzz: there are epochs, fold"),
        ({"network_def::droput": 0.1}, "unknown key --network_def::droput: did you mean --network_def::dropout?"),
        ({"network_def#droput": 0.1}, "did you mean --network_def::dropout?"),
        ({"train::trainr::max_epochs": 1}, "unknown key --train::trainr::max_epochs: there is no train::trainr"),
        ({"train::trainer::max_epoch": 1}, "did you mean --train::trainer::max_epochs?"),
        ({"resize::probability": 1}, "unknown key --resize::probability: did you mean --resize::prob?"),
        ({"lr": "high"}, "--lr is 'high'; expected a number"),
        ({"epochs": "ten"}, "--epochs is 'ten'; expected a number"),
        ({"epochs": True}, "--epochs is True; expected a number"),
        ({"epochs": [1, 2]}, "--epochs is [1, 2]; expected a number"),
        ({"spatial_size": 128}, "--spatial_size is 128; expected a list such as [64, 64]"),
        ({"spatial_size": "128,128"}, "--spatial_size is '128,128'; expected a list such as [64, 64]"),
        ({"resume": "true"}, "--resume is 'true'; expected True or False, with a capital letter"),
        ({"resume": 1}, "--resume is 1; expected True or False"),
        ({"network_def::dropout": "much"}, "--network_def::dropout is 'much'; expected a number"),
    ],
    ids=str,
)
def test_other_keys_are_named_with_the_nearest(overrides: dict[str, Any], message: str, file: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_keys(overrides, files=[file])
    assert message in str(caught.value)


def test_none_is_a_value_in_python_and_is_refused_where_monai_drops_it(file: Path) -> None:
    command = parse_command(["training", "--config_file", str(file), "--lr", "None", "--fold", "None"])
    assert command.overrides == {"lr": None, "fold": None}
    check_keys(command.overrides, files=[file])
    with pytest.raises(UserError, match=r"--lr None: MONAI drops a key without a value; write --lr '\$None'"):
        check_keys(command.overrides, files=command.files, typed=command.typed)
    check_keys({"fold": None, "lr": "$None"}, files=[file], typed=True)


def test_an_overlay_brings_keys_of_its_own(file: Path, tmp_path: Path) -> None:
    (tmp_path / "evaluate.json").write_text('{"part": "test", "validate#handlers": [], "+train": {"x": 1}}')
    files = [file, tmp_path / "evaluate.json"]
    check_keys({"part": "all", "lr": 1e-4}, files=files)
    with pytest.raises(UserError, match="did you mean --part"):
        check_keys({"prat": "all"}, files=files)


@pytest.mark.parametrize("bundle", own_bundles(), ids=lambda path: path.name)
def test_the_keys_of_every_bundle_accept_their_own_values(bundle: Path) -> None:
    for name in ("train.json", "inference.json"):
        file = bundle / "configs" / name
        config = json.loads(file.read_text())
        check_keys({key: value for key, value in config.items() if not key.startswith("_")}, files=[file])
        check_keys({f"network_def::{key}": config["network_def"][key] for key in config["network_def"]}, files=[file])
        with pytest.raises(UserError, match="did you mean --lr|did you mean --width|did you mean --thre"):
            check_keys({"widht": 1} if name == "inference.json" else {"lrr": 1}, files=[file])


def test_a_command_is_current_while_it_runs() -> None:
    assert current_command() is None
    command = Command("training", (Path("/x/train.json"),), {"lr": 1.0})
    with running(command):
        assert current_command() is command
        with running(Command("run", ())):
            assert current_command() != command
        assert current_command() is command
    assert current_command() is None


def test_the_command_line_is_read_in_monais_program_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "run", "training", "--lr", "1.0"])
    assert current_command() is None, "another program's arguments are not ours"
    spec = type("Spec", (), {"name": "monai.bundle.__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", spec)
    found = current_command()
    assert found is not None
    assert (found.run_id, found.overrides) == ("training", {"lr": 1.0})
    monkeypatch.setattr(sys, "argv", ["x", "ckpt_export", "--lr", "1.0"])
    assert current_command() is None
