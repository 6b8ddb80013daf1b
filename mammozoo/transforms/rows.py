# SPDX-License-Identifier: Apache-2.0
"""Between MONAI's (C, W, H) arrays and the (C, H, W) planes of `functional`, and checks that transforms share."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import NdarrayOrTensor
from monai.data.meta_tensor import MetaTensor
from monai.utils.type_conversion import convert_to_dst_type
from torch import Tensor

from ..functional.patches.draw import positive_pixels


def plain_tensor(img: NdarrayOrTensor) -> Tensor:
    """An array, tensor or MetaTensor as a plain tensor; only 16-bit unsigned and read-only arrays are copied."""
    if isinstance(img, np.ndarray):
        shareable = img.flags.writeable and min(img.strides, default=0) >= 0
        tensor = torch.from_numpy(img if shareable else img.copy())
    else:
        tensor = img.as_tensor() if isinstance(img, MetaTensor) else img
    # torch stores unsigned 16-bit numbers but hardly computes with them
    return tensor.to(torch.int32) if tensor.dtype == torch.uint16 else tensor


def to_rows(img: NdarrayOrTensor) -> Tensor:
    """View an array (..., W, H) as a plain tensor (..., H, W)."""
    return plain_tensor(img).transpose(-1, -2)


def from_rows(rows: Tensor, like: NdarrayOrTensor) -> Any:
    """Give a tensor (..., H, W) the kind, type and metadata of `like`, as (..., W, H); integers are rounded."""
    whole = "float" not in str(like.dtype)
    result = rows.transpose(-1, -2).contiguous()
    return convert_to_dst_type(result.round() if whole and rows.is_floating_point() else result, like)[0]


def full_scale(img: NdarrayOrTensor) -> int:
    """The greatest number of an integer type; 1 for floats."""
    name = str(img.dtype).removeprefix("torch.")
    return 1 if "float" in name else int(np.iinfo(name).max)


def lesion_plane(mask: Tensor) -> Tensor:
    """Where any channel of a mask (C, H, W) is positive: (H, W), boolean."""
    lesion = positive_pixels(mask)
    # reducing an axis of one element costs torch ten times the comparison
    return lesion[0] if len(lesion) == 1 else lesion.any(dim=0)


def sides_of(size: int | Sequence[int]) -> tuple[int, int]:
    """Width and height of a size given as one side or as both."""
    sides = (size, size) if isinstance(size, int) else tuple(int(n) for n in size)
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(f"expected one positive side or (width, height), got {size}")
    return sides[0], sides[1]


def image_and_label(keys: tuple[Hashable, ...]) -> tuple[Hashable, Hashable]:
    """The keys of image and label, or a refusal."""
    if len(keys) != 2:
        raise ValueError(f"keys must name the image and the label, got {keys}")
    return keys[0], keys[1]
