# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mammozoo.networks import load_pretrained
from mammozoo.networks.detection.yolov3 import YOLOv3


def _small(seed: int = 0, **options: int) -> YOLOv3:
    torch.manual_seed(seed)
    return YOLOv3(**{"width": 1, **options}).eval()


def _count(network: nn.Module) -> tuple[int, int]:
    return sum(p.numel() for p in network.parameters()), sum(isinstance(m, nn.Conv2d) for m in network.modules())


@pytest.mark.parametrize(("classes", "count"), [(1, 61_523_734), (80, 61_949_149)])
def test_counts(classes: int, count: int) -> None:
    with torch.device("meta"):
        network = YOLOv3(num_classes=classes)
    assert _count(network) == (count, 75)
    assert _count(network.body) == (40_584_928, 52)
    with_bias = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.bias is not None]
    assert [m.out_channels for m in with_bias] == [3 * (5 + classes)] * 3


@pytest.mark.parametrize(("width", "height"), [(160, 320), (480, 960)])
def test_shapes(width: int, height: int) -> None:
    with torch.device("meta"):
        outputs = YOLOv3(width=2, num_classes=2)(torch.empty(2, 3, width, height))
    assert [o.shape for o in outputs] == [(2, 3, width // s, height // s, 7) for s in YOLOv3.strides]


def test_a_channel_of_a_head_is_anchor_major() -> None:
    network = _small(num_classes=2)
    head = network.heads[2].predict[1]
    nn.init.zeros_(head.weight)
    head.bias.data = torch.arange(21.0)
    output = network(torch.rand(1, 3, 32, 64))[2]
    assert torch.equal(output[0, :, 3, 5], torch.arange(21.0).view(3, 7))


def test_a_change_in_the_image_is_seen_where_it_is() -> None:
    network = _small(width=2)
    image = torch.zeros(1, 3, 256, 512)
    changed = image.clone()
    changed[..., 200:216, 40:56] = 1
    difference = (network(changed)[2] - network(image)[2]).abs().sum(dim=(0, 1, 4))
    column, row = divmod(int(difference.argmax()), difference.shape[1])
    assert abs(column - 208 / 8) <= 3
    assert abs(row - 48 / 8) <= 3


def _darknet_file(path: Path, network: nn.Module) -> Path:
    """Write a network's tensors as Darknet does, kernels as they are (height, width)."""
    state, chunks = network.state_dict(), [np.array([0, 2, 0, 32_013_312, 0], "<i4").tobytes()]
    layers = [(n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d)]
    for name, _ in layers:
        names = [f"{name}.bias", f"{name}.weight"]
        if names[0] not in state:
            norm = name.removesuffix("0") + "1"
            names = [f"{norm}.{part}" for part in ("bias", "weight", "running_mean", "running_var")] + names[1:]
        chunks += [state[n].numpy().astype("<f4").tobytes() for n in names]
    path.write_bytes(b"".join(chunks))
    return path


def _drawn(seed: int) -> YOLOv3:
    """A network whose every tensor is random, the statistics too."""
    network = _small(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_(0.5, 0.2)
    return network


def test_a_darknet_file_gives_the_network_that_saw_height_by_width(tmp_path: Path) -> None:
    theirs, ours = _drawn(1), _small(2)
    load_pretrained(ours, _darknet_file(tmp_path / "whole.weights", theirs))
    image = torch.rand(2, 3, 64, 96)
    for a, b in zip(ours(image), theirs(image.transpose(2, 3)), strict=True):
        torch.testing.assert_close(a, b.transpose(2, 3), atol=1e-4, rtol=1e-4)


def test_the_body_alone(tmp_path: Path) -> None:
    theirs, ours = _drawn(1), _small(2)
    heads = {name: tensor.clone() for name, tensor in ours.heads.state_dict().items()}
    load_pretrained(ours, _darknet_file(tmp_path / "body.weights", theirs.body))
    assert torch.equal(ours.body.stem[0].weight, theirs.body.stem[0].weight.transpose(2, 3))
    assert torch.equal(ours.body.stages[4][4].expand[1].running_var, theirs.body.stages[4][4].expand[1].running_var)
    assert all(torch.equal(tensor, heads[name]) for name, tensor in ours.heads.state_dict().items())


def test_the_published_files_fit(tmp_path: Path) -> None:
    # darknet53.conv.74 has 162,482,580 bytes and yolov3.weights 248,007,048.
    (tmp_path / "short.weights").write_bytes(bytes(24))
    with torch.device("meta"):
        network = YOLOv3(num_classes=80)
    body, whole = (162_482_580 - 20) // 4, (248_007_048 - 20) // 4
    with pytest.raises(ValueError, match=rf"holds 1 numbers; .* body takes {body} and the whole network {whole}"):
        load_pretrained(network, tmp_path / "short.weights")


@pytest.mark.parametrize("damage", ["shorter", "longer", "nan"])
def test_a_damaged_file_changes_nothing(tmp_path: Path, damage: str) -> None:
    path = _darknet_file(tmp_path / "w.weights", _drawn(1))
    content = path.read_bytes()
    path.write_bytes({"shorter": content[:-4], "longer": content + bytes(4)}.get(damage, content[:-4] + b"\xff" * 4))
    network = _small(2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(
        ValueError,
        match=r"w\.weights does not fit YOLOv3: it holds (\d+ numbers; .* num_classes the file's|.*not finite)",
    ):
        load_pretrained(network, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_body_under_its_own_names_and_a_whole_state(tmp_path: Path) -> None:
    theirs, ours = _drawn(1), _small(2, num_classes=3)
    torch.save(theirs.state_dict(), tmp_path / "one_class.pt")
    load_pretrained(ours, tmp_path / "one_class.pt")
    assert all(torch.equal(a, b) for a, b in zip(ours.body.parameters(), theirs.body.parameters(), strict=True))
    torch.save(theirs.body.state_dict(), tmp_path / "body.pt")
    ours = _small(2)
    load_pretrained(ours, tmp_path / "body.pt")
    assert torch.equal(ours.body.stem[0].weight, theirs.body.stem[0].weight)
    torch.save({"encoder.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="is it a Darknet-53 of the same width"):
        load_pretrained(ours, tmp_path / "other.pt")


def test_a_fresh_detector_calls_nothing_a_lesion() -> None:
    outputs = _small(width=2)(torch.rand(1, 3, 64, 64))
    assert all(0.005 < torch.sigmoid(output[..., 4]).mean() < 0.02 for output in outputs)
    outputs = YOLOv3(width=2, objectness_prior=0.5).eval()(torch.rand(1, 3, 64, 64))
    assert all(0.4 < torch.sigmoid(output[..., 4]).mean() < 0.6 for output in outputs)
    with pytest.raises(ValueError, match="objectness_prior must lie between 0 and 1, got 1.0"):
        YOLOv3(width=1, objectness_prior=1.0)
