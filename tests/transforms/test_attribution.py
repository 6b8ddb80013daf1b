# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from mammozoo.networks import create_network, feature_layer
from mammozoo.transforms.attribution import AttributionMapd, grad_cam_map, occlusion_map

NETWORKS = {
    "vgg16": 4, "resnet18": 4, "resnet50": 4, "densenet121": 4, "efficientnet_b0": None, "efficientnet_lite0": None,
    "se_resnet50": None,
    "cbam_resnet50": 16, "convnext_tiny": 8, "resnet50_transformer": 4, "swin_t": 12, "nyu_resnet22": 4,
}  # fmt: skip


class _Bright(nn.Module):
    """A classifier that answers to the mean of the upper left quarter."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 1, 1)
        nn.init.ones_(self.features.weight)
        nn.init.zeros_(self.features.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.features(image)[:, :, :16, :16].mean(dim=(2, 3)) * 8 - 2


@pytest.mark.parametrize("backbone", NETWORKS)
def test_every_backbone_has_a_grad_cam(backbone: str) -> None:
    torch.manual_seed(0)
    network = create_network(backbone, width=NETWORKS[backbone]).eval()
    found = grad_cam_map(network, torch.rand(1, 3, 64, 64), layer=feature_layer(network, backbone))
    assert found.shape == (1, 1, 64, 64)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert all(parameter.grad is None for parameter in network.parameters())


def test_grad_cam_points_at_what_counts() -> None:
    image = torch.zeros(1, 1, 32, 32)
    image[..., 4:12, 4:12] = 1
    found = grad_cam_map(_Bright(), image, layer="features")
    assert float(found[..., 4:12, 4:12].mean()) > 0.9
    assert float(found[..., 16:, 16:].max()) < 0.1


def test_occlusion_points_at_what_counts() -> None:
    image = torch.zeros(1, 1, 32, 32)
    image[..., 4:12, 4:12] = 1
    found = occlusion_map(_Bright(), image, mask_size=8)
    assert float(found.max()) == 1
    assert float(found[..., 5:11, 5:11].mean()) > 0.5
    assert float(found[..., 20:, 20:].max()) == 0


def test_hooks_do_not_pile_up() -> None:
    network, image = _Bright(), torch.rand(1, 1, 16, 16)
    for _ in range(3):
        grad_cam_map(network, image, layer="features")
    assert not network.features._forward_hooks
    assert not network.features._backward_hooks


def test_a_frozen_network_keeps_its_parameters_frozen() -> None:
    network = _Bright().requires_grad_(False)
    grad_cam_map(network, torch.rand(1, 1, 16, 16), layer="features")
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("method", ["grad_cam", "occlusion"])
def test_dictionary_form_keeps_the_images_metadata(method: str) -> None:
    image = MetaTensor(torch.rand(1, 32, 32), meta={"filename_or_obj": "a.png"})
    transform = AttributionMapd("image", network=_Bright(), layer="features", method=method, mask_size=8)
    found = transform({"image": image})["attribution"]
    assert found.meta["filename_or_obj"] == "a.png"
    assert found.shape == (1, 32, 32)


def test_another_method_is_refused() -> None:
    with pytest.raises(ValueError, match="grad_cam or occlusion"):
        AttributionMapd("image", network=_Bright(), layer="features", method="lime")
