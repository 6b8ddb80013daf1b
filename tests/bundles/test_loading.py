# SPDX-License-Identifier: Apache-2.0
"""Released weights reach the network whole: by MONAI's own loader, the front door and MONAI's export."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import monai.bundle.workflows
import pytest
import torch
from monai.bundle import ckpt_export, load

import mammozoo
from mammozoo.bundle.inference import own_bundles
from mammozoo.bundle.weights import restore_weights
from mammozoo.io.config_json import config_text, read_json
from mammozoo.networks import AbnormalUNet
from mammozoo.networks.transfer import read_state

EVERY_BUNDLE = pytest.mark.parametrize("bundle", own_bundles(), ids=lambda path: path.name)


def _require_weights(bundle: Path) -> None:
    if not read_json(bundle / "configs" / "metadata.json").get("weights"):
        pytest.skip(f"{bundle.name} has no weights yet")


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """A folder of bundles as MONAI finds it: with `models/model.pt`."""
    monkeypatch.setattr(monai.bundle.workflows, "_apply_logging_file", lambda _: None)  # the tests' logging stays
    monkeypatch.chdir(tmp_path)

    def _zoo(bundle: Path) -> Path:
        _require_weights(bundle)
        shutil.copytree(bundle / "configs", tmp_path / bundle.name / "configs")
        hidden = shutil.ignore_patterns("*.pt")
        shutil.copytree(bundle / "models", tmp_path / bundle.name / "models", ignore=hidden)
        assert restore_weights(tmp_path / bundle.name)
        return tmp_path

    return _zoo


def _same_tensors(network: torch.nn.Module, file: Path) -> int:
    """The number of tensors, all of which are the file's."""
    saved, state = read_state(file), network.state_dict()
    assert state.keys() == saved.keys()
    assert all(torch.equal(tensor, saved[key].to(tensor.dtype)) for key, tensor in state.items())
    return len(state)


@EVERY_BUNDLE
@pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning")
def test_monais_loader_takes_every_tensor(
    bundle: Path, zoo: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    """With its defaults, which build the network of train.json, and with the workflow of inference.json."""
    folder, counts = zoo(bundle), []
    kinds: tuple[dict[str, Any], ...] = ({}, {"workflow_type": "inference"})
    for options in kinds:
        with caplog.at_level(logging.INFO):
            network: Any = load(bundle.name, bundle_dir=str(folder), **options)
        counts.append(_same_tensors(network.cpu(), bundle / "models" / "model.safetensors"))
    said = re.findall(r"'dst' model updated: (\d+) of (\d+) variables", caplog.text)
    assert said == [(str(count), str(count)) for count in counts]
    assert min(counts) > 20


@EVERY_BUNDLE
def test_the_front_door_takes_every_tensor(bundle: Path) -> None:
    _require_weights(bundle)
    opened = mammozoo.load(bundle.name)
    assert _same_tensors(opened.network, bundle / "models" / "model.safetensors") > 20
    assert opened.path == bundle


@EVERY_BUNDLE
def test_every_weights_file_is_recorded(bundle: Path) -> None:
    """A file that the metadata do not name is of another network, or of none."""
    files = {path.name for path in (bundle / "models").glob("*.safetensors")}
    recorded = read_json(bundle / "configs" / "metadata.json").get("weights", {})
    assert {name for name in recorded if name.endswith(".safetensors")} == files
    assert {Path(name).with_suffix(".pt").name for name in files} == {name for name in recorded if name.endswith(".pt")}


@EVERY_BUNDLE
def test_monais_export_holds_the_released_network(bundle: Path, zoo: Callable[[Path], Path], tmp_path: Path) -> None:
    """`python -m monai.bundle ckpt_export`; the file needs no code of ours."""
    place = zoo(bundle) / bundle.name
    ckpt_export(
        net_id="network_def",
        filepath=str(tmp_path / "model.ts"),
        ckpt_file=str(place / "models" / "model.pt"),
        meta_file=str(place / "configs" / "metadata.json"),
        config_file=str(place / "configs" / "inference.json"),
        bundle_root=str(place),
    )
    exported, network = torch.jit.load(tmp_path / "model.ts").eval(), mammozoo.load(place).network
    channels = read_json(place / "configs" / "metadata.json")["network_data_format"]["inputs"]["image"]["num_channels"]
    image = torch.rand(1, channels, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(_first(exported(image)), _first(network(image)), rtol=1e-5, atol=1e-4)


def _first(output: Any) -> torch.Tensor:
    found: torch.Tensor = output[0] if isinstance(output, list | tuple) else output
    return found


def test_weights_of_another_width_load_nowhere(tmp_path: Path, zoo: Callable[[Path], Path]) -> None:
    """The sibling: where tensors are missing, ours say so; MONAI's loader would leave them at random."""
    bundle = next(path for path in own_bundles() if list((path / "models").glob("*.safetensors")))
    place = zoo(bundle) / bundle.name
    torch.save(AbnormalUNet(1, 1, width=4).state_dict(), place / "models" / "model.pt")
    (place / "models" / "model.safetensors").unlink()
    metadata = read_json(place / "configs" / "metadata.json")
    metadata.pop("weights")
    (place / "configs" / "metadata.json").write_text(config_text(metadata))
    with pytest.raises(ValueError, match=r"does not fit the network: \d+ tensors missing"):
        _ = mammozoo.load(place).network
