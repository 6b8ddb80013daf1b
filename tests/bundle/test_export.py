# SPDX-License-Identifier: Apache-2.0
"""Networks in other forms compute the same, to 1e-4 of the largest logit (checked by the export itself)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from mammozoo.bundle.export import export_module
from mammozoo.cli.main import main
from mammozoo.networks import create_network
from mammozoo.networks.segmentation.abnormal_unet import AbnormalUNet

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **{name: partial(create_network, name, width=8) for name in ("unet", "fusionnet", "fcdensenet103")},
    "aunet": lambda: create_network("aunet", width=8, reduction=4),
    "abnormal_unet": lambda: create_network("abnormal_unet", in_channels=3, width=4),
    "pix2pix_generator": lambda: create_network("pix2pix_generator", width=4),
    **{name: partial(create_network, name, width=4) for name in ("v19unetpp", "cascaded_unet", "yolov3")},
    **{name: partial(create_network, name, width=12) for name in ("resnet18", "convnext_tiny")},
    "swin_t": lambda: create_network("swin_t", width=12),
    "efficientnet_b0": lambda: create_network("efficientnet_b0"),
}
QUICK = ("aunet", "abnormal_unet")
EVERY = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NETWORKS]


def _export(name: str, path: Path) -> str:
    torch.manual_seed(0)
    return export_module(NETWORKS[name](), path, shape=(1, 3, 64, 64)).form


@pytest.mark.parametrize("name", EVERY)
def test_torchscript(name: str, tmp_path: Path) -> None:
    assert _export(name, tmp_path / "model.ts") == "script"


@pytest.mark.parametrize("name", EVERY)
def test_onnx(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    result = export_module(NETWORKS[name](), tmp_path / "model.onnx", shape=(1, 3, 64, 64))
    count = 3 if result.any_batch else 1
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    outputs = session.run(None, {"image": torch.zeros(count, 3, 64, 64).numpy()})
    assert all(len(item) == count for item in outputs)
    assert result.any_batch == (name != "swin_t")


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_torch_export(name: str, tmp_path: Path) -> None:
    assert _export(name, tmp_path / "model.pt2") == "export"


class _Noisy(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image + torch.rand_like(image)


def test_a_form_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="computes something else"):
        export_module(_Noisy(), tmp_path / "model.ts", shape=(1, 1, 8, 8))
    with pytest.raises(ValueError, match="the suffix says the form"):
        export_module(nn.Identity(), tmp_path / "model.bin", shape=(1, 1, 8, 8))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    torch.save(AbnormalUNet(1, 1, width=4).state_dict(), tmp_path / "model.pt")
    command = [
        "export", "mammo_abnormal_unet_segmentation", "--out", str(tmp_path / "model.ts"),
        "--weights", str(tmp_path / "model.pt"), "--set", "width=4", "spatial_size=[64,32]",
    ]  # fmt: skip
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["form"], result["shape"]) == ("script", [2, 1, 64, 32])
    assert main([*command, "widht=4"]) == 1
