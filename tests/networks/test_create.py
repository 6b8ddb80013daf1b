# SPDX-License-Identifier: Apache-2.0
"""Networks by name: options, refusals, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mammozoo.losses
import mammozoo.networks
from mammozoo.networks import create_network


@pytest.mark.parametrize(
    ("name", "option", "known"),
    [
        ("unet", "reduction", "width, encoder_unit, decoder_unit, upsampling"),
        ("fcdensenet103", "upsampling", "layers, bottleneck, dropout"),
        ("fusionnet", "encoder_unit", "in_channels, out_channels, width, upsampling"),
        ("se_resnet50", "width", "in_channels, num_classes, dropout"),
        ("efficientnet_lite0", "width", "in_channels, num_classes, dropout, bn_momentum"),
        ("abnormal_unet", "pretrained_path", "in_channels, out_channels, width, dropout, levels"),
        ("yolov3", "out_channels", "in_channels, num_classes, width, objectness_prior"),
        ("pix2pix_generator", "deep_supervision", "width, depth, dropout"),
    ],
)
def test_an_option_that_the_network_lacks_is_refused(name: str, option: str, known: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} has no option '{option}'; it has .*{known}") as error:
        create_network(name, **{option: 16})
    assert "\n" not in str(error.value)


def test_an_option_that_is_none_takes_the_networks_default() -> None:
    network = create_network("unet", width=2, reduction=None, encoder_unit=None, out_channels=None)
    assert network.head.out_channels == 2


@pytest.mark.parametrize(
    ("name", "near"), [("aunnet", "aunet"), ("v19unet", "v19unetpp"), ("resnet5", "resnet50"), ("yolo3", "yolov3")]
)
def test_an_unknown_name_gets_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"no network '{name}': did you mean '{near}'"):
        create_network(name)


def test_a_name_like_none_gets_them_all() -> None:
    with pytest.raises(ValueError, match="no network 'zzz': there are abnormal_unet, aunet, .*efficientnet_lite0"):
        create_network("zzz")


@pytest.mark.parametrize("package", [mammozoo.networks, mammozoo.losses])
def test_every_public_name_is_there(package: object) -> None:
    names = package.__all__
    assert len(names) == len(set(names)) > 10
    assert all(getattr(package, name).__name__ == name for name in names)
    assert set(names) <= set(dir(package))


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, mammozoo.networks, mammozoo.losses; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
