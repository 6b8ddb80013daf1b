# SPDX-License-Identifier: Apache-2.0
"""From bundles to a workspace, and from there to the server's settings; nothing is started."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import safetensors.torch
import torch

from mammozoo.io.errors import MammogramError
from mammozoo.label import torchvision_shim
from mammozoo.label.environment import PINS, environment_python, set_up, stamp_of
from mammozoo.label.start import choose_bundles, default_workspace, plan_server
from mammozoo.label.store.workspace import BundleChoice, prepare_workspace

ROOT = Path(__file__).resolve().parents[2]
UNET, CEM, TWO_STAGE = "mammo_abnormal_unet_segmentation", "mammo_cem_classification", "mammo_two_stage_segmentation"


def _weights(path: Path, number: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"w": torch.tensor([number])}, path)
    return path


def _choice(name: str, weights: Path | None) -> BundleChoice:
    return BundleChoice(name, ROOT / "bundles" / name, weights)


def _number(path: Path) -> float:
    return float(torch.load(path, weights_only=True)["w"])


def test_bundles_are_copied_and_keep_what_training_made_of_them(tmp_path: Path) -> None:
    given = _weights(tmp_path / "given.pt", 1)
    place = prepare_workspace(tmp_path / "w", [_choice(UNET, given)], options={"width": 8})
    assert (place.bundles, place.trainable) == ((UNET,), (UNET,))
    copy = place.app / "model" / UNET
    model = copy / "models" / "model.pt"
    assert not model.is_symlink()
    assert json.loads((copy / "configs" / "inference.json").read_text())["width"] == 8
    assert json.loads((copy / "configs" / "train.json").read_text())["run"] == ["$@train#trainer.run()"]
    _weights(model, 2)  # as training does
    prepare_workspace(tmp_path / "w", [_choice(UNET, given)])
    assert _number(model) == 2
    assert json.loads((copy / "configs" / "inference.json").read_text())["width"] == 8, (
        "the option goes with the weights"
    )
    assert _number(given) == 1
    prepare_workspace(tmp_path / "w", [_choice(UNET, given)], fresh_weights=True)
    assert _number(model) == 1
    (earlier,) = (copy / "models" / "earlier").iterdir()
    assert _number(earlier) == 2


def test_other_weights_need_a_word(tmp_path: Path) -> None:
    prepare_workspace(tmp_path / "w", [_choice(UNET, _weights(tmp_path / "a.pt", 1))])
    with pytest.raises(ValueError, match="--fresh-weights"):
        prepare_workspace(tmp_path / "w", [_choice(UNET, _weights(tmp_path / "b.pt", 2))])


def test_released_weights_are_safetensors(tmp_path: Path) -> None:
    safetensors.torch.save_file({"w": torch.tensor([3.0])}, tmp_path / "released.safetensors")
    place = prepare_workspace(tmp_path / "w", [_choice(UNET, tmp_path / "released.safetensors")])
    assert _number(place.app / "model" / UNET / "models" / "model.pt") == 3


def test_a_bundle_s_own_weights_must_be_the_recorded_ones(tmp_path: Path) -> None:
    source = tmp_path / "bundles" / UNET
    _weights(source / "models" / "model.pt", 1)
    configs = source / "configs"
    configs.mkdir()
    metadata = json.loads((ROOT / "bundles" / UNET / "configs" / "metadata.json").read_text())
    metadata["weights"] = {"model.pt": {"sha256": "0" * 64}}
    (configs / "metadata.json").write_text(json.dumps(metadata))
    (configs / "inference.json").write_text("{}")
    with pytest.raises(MammogramError, match="is not the file that metadata"):
        prepare_workspace(tmp_path / "w", [BundleChoice(UNET, source)])


def test_a_two_stage_system_needs_both_files_and_does_not_learn(tmp_path: Path) -> None:
    model = _weights(tmp_path / "m" / "model.pt", 1)
    with pytest.raises(FileNotFoundError, match="detector"):
        prepare_workspace(tmp_path / "w", [_choice(TWO_STAGE, model)])
    _weights(model.with_name("detector.pt"), 2)
    place = prepare_workspace(tmp_path / "v", [_choice(TWO_STAGE, model)])
    assert place.trainable == ()
    assert _number(place.app / "model" / TWO_STAGE / "models" / "detector.pt") == 2


@pytest.mark.parametrize(
    ("choice", "options", "error", "wanted"),
    [
        (CEM, {}, ValueError, "needs a bundle whose output is a segmentation"),
        (UNET, {"widht": 8}, ValueError, "no bundle has the key 'widht'"),
    ],
)
def test_what_cannot_be_served(
    tmp_path: Path, choice: str, options: dict[str, int], error: type[Exception], wanted: str
) -> None:
    with pytest.raises(error, match=wanted):
        prepare_workspace(tmp_path, [_choice(choice, _weights(tmp_path / "m.pt", 1))], options=options)


def test_bundles_and_weights_are_found_by_name(tmp_path: Path) -> None:
    bundles = ROOT / "bundles"
    by_file, by_folder = _weights(tmp_path / f"{UNET}.pt", 1), _weights(tmp_path / TWO_STAGE / "model.pt", 1)
    found = choose_bundles([UNET, TWO_STAGE], bundle_dir=bundles, weights={}, weights_dir=tmp_path)
    assert [choice.weights for choice in found] == [by_file, by_folder]
    with pytest.raises(FileNotFoundError, match=f"it has .*{UNET}"):
        choose_bundles(["mammo_unet"], bundle_dir=bundles, weights={}, weights_dir=None)
    with pytest.raises(ValueError, match="--weights names x"):
        choose_bundles([UNET], bundle_dir=bundles, weights={"x": "y"}, weights_dir=None)


def _environment(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / ".mammozoo-label").write_text(stamp_of(PINS))
    return folder


@pytest.mark.parametrize("login", [True, False])
def test_the_server_s_settings_are_hardened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: bool) -> None:
    monkeypatch.setenv("MONAI_LABEL_AUTH_ENABLE", "stray")
    monkeypatch.setenv("PYTHONPATH", "stray")
    (tmp_path / "studies").mkdir()
    plan = plan_server(
        tmp_path / "studies",
        [_choice(UNET, _weights(tmp_path / "m.pt", 1))],
        port=0,
        env=_environment(tmp_path / "env"),
        login=login,
    )
    assert plan.command[1:] == ["-m", "mammozoo.label.server"]
    settings = plan.environment
    assert "stray" not in (settings.get("MONAI_LABEL_AUTH_ENABLE"), settings["PYTHONPATH"])
    assert settings["BUNDLE_DOWNLOAD_SRC"] == "local"
    assert settings["MAMMOZOO_LABEL_WORKSPACE"] == str(tmp_path / "studies" / "annotation")
    assert bool(settings["MAMMOZOO_LABEL_TOKEN"]) is login
    assert ("token=" in plan.url) is login
    assert settings["MAMMOZOO_LABEL_TOKEN"] in plan.slicer_url
    assert "0.0.0.0" not in json.dumps(dict(settings))
    assert plan.images == 0


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="neither a folder nor a DICOMweb address"):
        plan_server(tmp_path / "absent", [])
    with pytest.raises(ValueError, match="at least one bundle"):
        plan_server(tmp_path, [])
    with pytest.raises(FileNotFoundError, match="mammozoo label setup"):
        plan_server(tmp_path, [_choice(UNET, None)], env=tmp_path / "absent")
    assert default_workspace("https://pacs.example:8443/dicom-web").name == "annotation-pacs.example_8443"


def test_setting_up_installs_torch_first_and_leaves_a_finished_environment_alone(tmp_path: Path) -> None:
    folder, commands, said = tmp_path / "env", [], []

    def run(command: Sequence[str]) -> None:
        commands.append(" ".join(command))
        if "venv" in command:
            (folder / "bin").mkdir(parents=True)
            (folder / "bin" / "python").symlink_to(sys.executable)
            (folder / "lib" / "python3.11" / "site-packages").mkdir(parents=True)

    set_up(folder, say=said.append, run=run)
    assert [index for index, line in enumerate(commands) if f"torch=={PINS['torch']}+cpu" in line] == [2]
    assert f"monailabel=={PINS['monailabel']}" in commands[3]
    assert "-c" in commands[3].split()
    assert (folder / "lib" / "python3.11" / "site-packages" / "mammozoo").resolve() == ROOT / "mammozoo"
    assert environment_python(folder) == folder / "bin" / "python"
    commands.clear()
    set_up(folder, say=said.append, run=run)
    assert commands == []
    set_up(folder, say=said.append, run=run, tests=True)
    assert "selenium" in commands[0]
    (folder / ".mammozoo-label").write_text("torch==1.0\n")
    with pytest.raises(FileNotFoundError, match="not a finished MONAI Label environment"):
        environment_python(folder)


def test_an_unwanted_torch_is_refused(tmp_path: Path) -> None:
    folder = _environment(tmp_path / "env")
    (folder / ".mammozoo-label").unlink()
    (folder / "lib" / "python3.11" / "site-packages").mkdir(parents=True)

    def run(command: Sequence[str]) -> None:
        if "-c" in command and "import sys, torch" in command[-1]:
            raise subprocess.CalledProcessError(1, command)

    with pytest.raises(ValueError, match="remove its folder"):
        set_up(folder, say=lambda _: None, run=run)
    assert not (folder / ".mammozoo-label").exists()


@pytest.mark.slow
def test_the_shim_defines_the_operators_once_and_only_when_torchvision_is_asked_for() -> None:
    code = (
        "import sys; from mammozoo.label import torchvision_shim as shim; shim.install(); shim.install();"
        "import torch; finder = sys.meta_path[0]; assert not hasattr(torch.ops.torchvision, 'nms');"
        "assert finder.find_spec('json') is None; assert finder in sys.meta_path;"
        "assert finder.find_spec('torchvision') is None; assert finder not in sys.meta_path;"
        "assert torch.ops.torchvision.nms and torch.ops.torchvision.qnms; print('defined')"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "defined\n", done.stderr
    assert "torchvision" not in sys.modules or torchvision_shim.TorchvisionShim.library is None
