# SPDX-License-Identifier: Apache-2.0
"""Maps of what in an image spoke for the positive class: Grad-CAM and occlusion."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform
from monai.visualize.class_activation_maps import GradCAM
from torch import Tensor, nn

__all__ = ["AttributionMapd", "grad_cam_map", "occlusion_map"]


def grad_cam_map(network: nn.Module, image: Tensor, *, layer: str) -> Tensor:
    """Grad-CAM (1, 1, W, H), 0 to 1, of the positive logit of one image; gradients are left cleared."""
    with _unhooked(network.get_submodule(layer)), torch.enable_grad():
        cam = GradCAM(network, target_layers=layer, postprocessing=_scaled)
        found: Tensor = cam(image.clone().requires_grad_(), class_idx=0)
    network.zero_grad(set_to_none=True)
    return found.detach()


@contextmanager
def _unhooked(layer: nn.Module) -> Iterator[None]:
    """Take MONAI's hooks off a layer when it has done: it leaves them, and they would pile up image by image."""
    tables = (layer._forward_hooks, layer._backward_hooks)
    before = [set(table) for table in tables]
    try:
        yield
    finally:
        for table, known in zip(tables, before, strict=True):
            for added in set(table) - known:
                table.pop(added)


def occlusion_map(network: nn.Module, image: Tensor, *, mask_size: int = 32, batch_size: int = 16) -> Tensor:
    """How far the positive probability falls where a square of an image is hidden: (1, 1, W, H), 0 to 1."""
    squares = [
        (slice(x, x + mask_size), slice(y, y + mask_size))
        for x in _starts(image.shape[2], mask_size)
        for y in _starts(image.shape[3], mask_size)
    ]
    fill = image.mean(dim=(2, 3))[0, :, None, None]
    fall, cover = (torch.zeros(image.shape[2:], device=image.device) for _ in range(2))
    with torch.no_grad():
        whole = torch.sigmoid(network(image))[0, 0]
        for first in range(0, len(squares), batch_size):
            chosen = squares[first : first + batch_size]
            batch = image.repeat(len(chosen), 1, 1, 1)
            for hidden, square in zip(batch, chosen, strict=True):
                hidden[(slice(None), *square)] = fill
            for probability, square in zip(torch.sigmoid(network(batch))[:, 0], chosen, strict=True):
                fall[square] += whole - probability
                cover[square] += 1
    return _scaled((fall / cover).clamp(min=0))[None, None]


def _starts(size: int, side: int) -> list[int]:
    """Where squares begin along an axis: every half side, the last one flush with the end."""
    last = max(size - side, 0)
    return sorted({*range(0, last, max(side // 2, 1)), last})


def _scaled(found: Tensor) -> Tensor:
    """Divide by the maximum; zeros stay zeros."""
    return found / found.amax().clamp(min=1e-12)


class AttributionMapd(MapTransform):
    """Add the map of a network's evidence for the positive class.

    Parameters
    ----------
    keys : str
        The prepared image (C, W, H).
    network : torch.nn.Module
        Gives logits (1, 1); put it into evaluation mode.
    layer : str
        Name of the last feature map, for Grad-CAM.
    method : {"grad_cam", "occlusion"}
        Occlusion measures how far the probability falls where a part is hidden. MONAI's ``OcclusionSensitivity``
        indexes in a way that newer PyTorch deprecates.
    output_key : str
        Where the map (1, W, H), float32 in 0-1, goes; it has the image's metadata.
    mask_size : int
        Side in pixels of the hidden square, at most the image's.

    Raises
    ------
    ValueError
        For another method.

    References
    ----------
    Selvaraju et al., ICCV 2017, doi:10.1109/ICCV.2017.74; Zeiler and Fergus, ECCV 2014,
    doi:10.1007/978-3-319-10590-1_53.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1))
    >>> AttributionMapd("image", network=network, layer="0")({"image": torch.rand(1, 9, 9)})["attribution"].shape
    torch.Size([1, 9, 9])
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        network: nn.Module,
        layer: str,
        method: str = "grad_cam",
        output_key: str = "attribution",
        mask_size: int = 32,
    ) -> None:
        super().__init__(keys)
        if method not in ("grad_cam", "occlusion"):
            raise ValueError(f"method must be grad_cam or occlusion, got {method!r}")
        self.network = network
        self.layer = layer
        self.method = method
        self.output_key = output_key
        self.mask_size = mask_size

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the map."""
        d = dict(data)
        image = d[self.keys[0]]
        device = next(self.network.parameters()).device
        batch = (image.as_tensor() if isinstance(image, MetaTensor) else image)[None].to(device)
        if self.method == "grad_cam":
            found = grad_cam_map(self.network, batch, layer=self.layer)
        else:
            found = occlusion_map(self.network, batch, mask_size=self.mask_size)
        result = found[0].float().cpu()
        d[self.output_key] = MetaTensor(result, meta=image.meta) if isinstance(image, MetaTensor) else result
        return d
