# SPDX-License-Identifier: Apache-2.0
"""Breast masks of a batch of tensors: the large images stay on their device, only the small working images travel."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from .segment import WORKING_SIDE, BreastSegmentation, segment_breast


def segment_breasts(images: torch.Tensor, **options: Any) -> tuple[torch.Tensor, list[BreastSegmentation]]:
    """Segment the breasts of a batch."""
    if images.ndim != 3:
        msg = f"a batch of shape (B, H, W) is needed, got {tuple(images.shape)}"
        raise ValueError(msg)
    height, width = images.shape[1:]
    whole = max(1, max(height, width) // WORKING_SIDE)
    rows, columns = max(1, height // whole), max(1, width // whole)
    reduced = images[:, : rows * whole, : columns * whole].float()
    if whole > 1:
        reduced = functional.avg_pool2d(reduced[:, None], whole)[:, 0]
    found = [segment_breast(image, **options) for image in reduced.cpu().numpy()]
    masks = torch.stack([torch.from_numpy(item.mask) for item in found]).to(images.device)
    if whole == 1:
        return masks, found
    large = functional.interpolate(masks[:, None].float(), scale_factor=whole, mode="bilinear") > 0.5
    padding = (0, width - columns * whole, 0, height - rows * whole)
    return functional.pad(large.float(), padding, mode="replicate")[:, 0] > 0.5, found
