# SPDX-License-Identifier: Apache-2.0
"""Weights that ship: two equal files, recorded hashes, refusal of anything else, and a clone that stays clean."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from mammozoo.bundle.check.run_check import check_bundle
from mammozoo.bundle.inference import check_weights, find_bundle, own_bundles
from mammozoo.bundle.package import package_bundle
from mammozoo.bundle.weights import release_weights, restore_weights, same_tensors, torch_bytes
from mammozoo.cli.main import main
from mammozoo.engines.training.stages import load_weights
from mammozoo.io.config_json import read_json, write_config
from mammozoo.io.errors import MammogramError
from mammozoo.io.weights import require_recorded_weights

ROOT = Path(__file__).resolve().parents[2]
NAME = "mammo_abnormal_unet_segmentation"


def _network() -> Any:
    from mammozoo.networks.segmentation.abnormal_unet import AbnormalUNet

    torch.manual_seed(0)
    return AbnormalUNet(1, 1, width=4)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """What a training leaves, as PyTorch saves it."""
    path = tmp_path / "run" / "model.pt"
    path.parent.mkdir()
    torch.save(_network().state_dict(), path)
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A working copy of a bundle whose default width is the trained network's."""
    folder = tmp_path / "clone" / "bundles" / NAME
    hidden = shutil.ignore_patterns("*.pt", "*.safetensors", "data", "evaluation", "predictions")
    shutil.copytree(ROOT / "bundles" / NAME, folder, ignore=hidden)
    (tmp_path / "clone" / "pyproject.toml").touch()  # what tells a working copy from a release
    for name in ("train.json", "inference.json"):
        config = read_json(folder / "configs" / name)
        write_config(folder / "configs" / name, config | {"width": 4})
    metadata = read_json(folder / "configs" / "metadata.json")
    metadata.pop("weights", None)
    write_config(folder / "configs" / "metadata.json", metadata)
    return folder


def _recorded(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / "configs" / "metadata.json").read_text())["weights"]


@pytest.mark.parametrize("half", [False, True])
def test_both_files_are_equal_recorded_and_the_same_every_time(half: bool, bundle: Path, trained: Path) -> None:
    (item,) = release_weights(bundle, [trained], half=half)
    models = bundle / "models"
    assert list(_recorded(bundle)) == ["model.pt", "model.safetensors"]
    assert same_tensors(models / "model.pt", models / "model.safetensors")
    state = torch.load(models / "model.pt", weights_only=True)
    wanted = {torch.float16 if half else torch.float32}
    assert {tensor.dtype for tensor in state.values() if tensor.is_floating_point()} == wanted
    assert item.parameters == sum(tensor.numel() for tensor in state.values())
    first = [path.read_bytes() for path in sorted(models.glob("model.*"))]
    release_weights(bundle, [trained], half=half)
    assert [path.read_bytes() for path in sorted(models.glob("model.*"))] == first
    assert check_bundle(bundle).clean, check_bundle(bundle).text()
    network = _network()
    torch.nn.init.zeros_(next(network.parameters()))
    load_weights(network, path=models / "model.pt")
    assert torch.count_nonzero(next(network.parameters())) > 0


def test_what_float16_cannot_hold_stays_float32(bundle: Path, trained: Path) -> None:
    state = torch.load(trained, weights_only=True)
    torch.save({**state, "head.bias": torch.full_like(state["head.bias"], 1e6)}, trained)
    release_weights(bundle, [trained], half=True)
    stored = torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert stored["head.bias"].dtype == torch.float32
    assert stored["head.bias"].item() == 1e6
    assert stored["head.weight"].dtype == torch.float16


def test_what_does_not_fit_or_is_not_finite_is_not_released(bundle: Path, trained: Path) -> None:
    state = torch.load(trained, weights_only=True)
    torch.save({**state, "head.bias": torch.full_like(state["head.bias"], torch.inf)}, trained)
    with pytest.raises(ValueError, match="not finite, as head.bias"):
        release_weights(bundle, [trained], half=True)
    torch.save({"head.weight": torch.zeros(1)}, trained)
    with pytest.raises(ValueError, match="does not fit network_def as inference.json builds it"):
        release_weights(bundle, [trained])
    assert sorted(path.name for path in (bundle / "models").iterdir()) == ["README.md"]
    assert "weights" not in json.loads((bundle / "configs" / "metadata.json").read_text())


def test_a_clone_holds_safetensors_and_everything_works_from_it(bundle: Path, trained: Path, tmp_path: Path) -> None:
    release_weights(bundle, [trained])
    model, canonical = bundle / "models" / "model.pt", bundle / "models" / "model.safetensors"
    released = model.read_bytes()
    model.unlink()  # git keeps the safetensors file alone
    assert check_bundle(bundle).clean, check_bundle(bundle).text()
    assert check_weights(find_bundle(bundle))[0] == canonical
    load_weights(_network(), path=model)
    release = package_bundle(bundle, out=tmp_path)
    assert release.weights == ("model.pt", "model.safetensors")
    assert check_bundle(release.path).clean, check_bundle(release.path).text()
    assert restore_weights(bundle) == [model]
    assert model.read_bytes() == released
    assert restore_weights(bundle) == []


def test_another_file_in_the_clone_is_no_release_and_says_so(bundle: Path, trained: Path, tmp_path: Path) -> None:
    release_weights(bundle, [trained])
    model = bundle / "models" / "model.pt"
    state = {name: tensor + 1 for name, tensor in torch.load(model, weights_only=True).items()}
    torch.save(state, model)
    assert check_bundle(bundle).clean, check_bundle(bundle).text()  # the safetensors file is what ships
    with pytest.raises(MammogramError, match=r"name it: --weights .*move this one elsewhere"):
        check_weights(find_bundle(bundle))
    assert check_weights(find_bundle(bundle), path=model)[0] == model
    release = package_bundle(bundle, out=tmp_path)
    assert check_bundle(release.path).clean, check_bundle(release.path).text()


def test_git_keeps_the_released_form_and_ignores_what_training_writes() -> None:
    def ignored(name: str) -> bool:
        path = f"bundles/{NAME}/{name}"
        done = subprocess.run(["git", "check-ignore", "--no-index", "-q", path], cwd=ROOT, check=False)
        assert done.returncode in (0, 1)
        return done.returncode == 0

    if not (ROOT / ".git").exists():
        pytest.skip("no working copy")
    assert not ignored("models/model.safetensors")
    assert not ignored("models/README.md")
    written = ("models/model.pt", "models/checkpoint.pt", "models/threshold.json", "evaluation/a.json", "data/x.dcm")
    for name in written:
        assert ignored(name), name


def test_tampered_weights_are_refused(bundle: Path, trained: Path) -> None:
    release_weights(bundle, [trained])
    for name in ("model.pt", "model.safetensors"):
        path = bundle / "models" / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        with pytest.raises(MammogramError, match="is not the file that metadata.json records"):
            require_recorded_weights(path)
    (bundle.parents[1] / "pyproject.toml").unlink()  # as in a release
    report = check_bundle(bundle).text()
    assert report.count("has another SHA-256") == 2
    with pytest.raises(ValueError, match="another SHA-256"):
        package_bundle(bundle, out=bundle.parent)


def test_restore_refuses_other_tensors(bundle: Path, trained: Path) -> None:
    release_weights(bundle, [trained])
    (bundle / "models" / "model.pt").unlink()
    metadata = bundle / "configs" / "metadata.json"
    content = json.loads(metadata.read_text())
    content["weights"]["model.pt"]["sha256"] = "0" * 64
    metadata.write_text(json.dumps(content))
    with pytest.raises(MammogramError):
        restore_weights(bundle)
    assert not (bundle / "models" / "model.pt").exists()


def test_equal_means_bit_for_bit(tmp_path: Path) -> None:
    state = {"a": torch.tensor([1.0, float("nan")]), "b": torch.zeros(0)}
    torch.save(state, tmp_path / "a.pt")
    torch.save({**state, "a": torch.tensor([1.0, 2.0])}, tmp_path / "b.pt")
    assert same_tensors(tmp_path / "a.pt", tmp_path / "a.pt")
    assert not same_tensors(tmp_path / "a.pt", tmp_path / "b.pt")


def test_the_command(bundle: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", str(bundle), str(trained), "--half"]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    (bundle / "models" / "model.pt").unlink()
    assert main(["weights", str(bundle), "--restore"]) == 0
    assert capsys.readouterr().out == f"{bundle / 'models' / 'model.pt'}\n"
    assert main(["weights", str(bundle)]) == 1


@pytest.mark.parametrize("bundle", own_bundles(), ids=lambda path: path.name)
def test_weights_that_ship_are_equal_in_both_forms(bundle: Path) -> None:
    recorded = json.loads((bundle / "configs" / "metadata.json").read_text()).get("weights", {})
    assert {Path(name).suffix for name in recorded} <= {".pt", ".safetensors"}
    for name in recorded:
        if name.endswith(".safetensors"):
            path = bundle / "models" / name
            require_recorded_weights(path)
            digest = hashlib.sha256(torch_bytes(path)).hexdigest()
            assert digest == recorded[f"{path.stem}.pt"]["sha256"]
