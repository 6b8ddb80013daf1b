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
    ("name", "option", "value", "wanted"),
    [
        ("unet", "width", "wide", "int, as its default 64"),
        ("unet", "width", 2.5, "int, as its default 64"),
        ("unet", "width", True, "int, as its default 64"),
        ("unet", "encoder_unit", 3, "str, as its default 'basic'"),
        ("resnet18", "dropout", "0,5", "float, as its default 0.0"),
        ("v19unetpp", "deep_supervision", "true", "bool, as its default True"),
        ("v19unetpp", "normalise", 1, "bool, as its default False"),
        ("fcdensenet103", "layers", 4, r"tuple, as its default \(4, 5, 7, 10, 12\)"),
    ],
)
def test_a_value_of_a_wrong_type_is_one_line(name: str, option: str, value: object, wanted: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: {option} is {value!r}; expected {wanted}$"):
        create_network(name, **{option: value})


def test_a_whole_number_is_a_float_and_a_list_a_tuple() -> None:
    assert create_network("resnet18", width=4, dropout=0).dropout.p == 0
    assert len(create_network("fcdensenet103", width=4, layers=[1, 1], bottleneck=1).down) == 2


@pytest.mark.parametrize("members", [0, -1, None, 2.5, "two"])
def test_members_are_counted(members: object) -> None:
    with pytest.raises(ValueError, match=f"members is {members!r}; an ensemble needs at least one network"):
        create_network("unet", width=2, members=members)


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
