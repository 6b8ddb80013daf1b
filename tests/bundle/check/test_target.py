# SPDX-License-Identifier: Apache-2.0
"""Targets are found in source, without import, and must be defined where the list allows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mammozoo.bundle.check.target import target_fault


@pytest.mark.parametrize(
    "name",
    [
        "Compose",
        "LoadImageD",
        "dict",
        "monai.transforms.LoadImaged",
        "monai.networks.nets.UNet",
        "monai.apps.detection.transforms.dictionary.RandFlipBoxd",
        "torch.optim.lr_scheduler.StepLR",
        "torch.utils.data.DistributedSampler",
        "torch.nn.functional.softmax",
        "torch.device",
        "ignite.metrics.Accuracy",
        "mammozoo.require",
        "mammozoo.data.record.Record",
    ],
)
def test_listed(name: str) -> None:
    assert target_fault(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("eval", "builtin that is not listed"),
        ("run", "monai.bundle.scripts.run"),
        ("NoSuchNetwork", "no class of MONAI"),
        ("os.system", "not under a listed package"),
        ("scripts.network.Net", "not under a listed package"),
        ("torchvision.models.vgg19", "not under a listed package"),
        ("monai.utils.module.instantiate", "not under a listed package"),
        ("monai.data.load_net_with_metadata", "leads to 'monai.data.torchscript_utils"),
        ("monai.data.dataset.LMDBDataset", "not under a listed package"),
        ("monai.data.utils.os.system", "is not defined where it points"),
        ("torch.utils.data.dataloader.multiprocessing.Process", "is not defined where it points"),
        ("torch.nn.modules.module.functools.partial", "is not defined where it points"),
        ("torch.nn.Module.__init__", "private part"),
        ("mammozoo.networks.no_such.Net", "is not defined where it points"),
        ("mammozoo.io.write.write_bytes", "not under a listed package"),
        ("monai.networks", "not under a listed package"),
        ("a b", "not a plain name"),
    ],
)
def test_off_the_list(name: str, reason: str) -> None:
    assert reason in str(target_fault(name))


def test_nothing_is_imported() -> None:
    code = (
        "import sys\nfrom mammozoo.bundle.check.run_check import check_bundle\n"
        "from mammozoo.bundle.check.target import target_fault\n"
        "assert target_fault('Compose') is None and target_fault('torch.optim.Adam') is None\n"
        "check_bundle('no_such_bundle')\nsys.exit(bool({'torch', 'monai', 'ignite'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
