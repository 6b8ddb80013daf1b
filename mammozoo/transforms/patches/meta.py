# SPDX-License-Identifier: Apache-2.0
"""Between MONAI's (C, W, H) arrays and the (C, H, W) planes of `functional`, with the metadata of a patch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import NdarrayOrTensor
from monai.data.meta_tensor import MetaTensor
from monai.utils.type_conversion import convert_to_dst_type
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["from_rows", "lesion_plane", "patch_like", "patch_size", "to_rows"]


def to_rows(img: NdarrayOrTensor) -> Tensor:
    """View an array (..., W, H) as a plain tensor (..., H, W).

    Parameters
    ----------
    img : array, Tensor or MetaTensor, shape (..., W, H)
        Any type and device.

    Returns
    -------
    Tensor, shape (..., H, W)
        A transposed view; only 16-bit unsigned and read-only arrays are copied.

    Examples
    --------
    >>> to_rows(np.zeros((1, 40, 64))).shape
    torch.Size([1, 64, 40])
    """
    if isinstance(img, np.ndarray):
        shareable = img.flags.writeable and min(img.strides, default=0) >= 0
        tensor = torch.from_numpy(img if shareable else img.copy())
    else:
        tensor = img.as_tensor() if isinstance(img, MetaTensor) else img
    if tensor.dtype == torch.uint16:  # torch stores this type but hardly computes with it
        tensor = tensor.to(torch.int32)
    return tensor.transpose(-1, -2)


def lesion_plane(mask: Tensor) -> Tensor:
    """Say where any channel of a mask is positive.

    Parameters
    ----------
    mask : Tensor, shape (C, H, W)
        Lesion masks.

    Returns
    -------
    Tensor, shape (H, W)
        Boolean.

    Examples
    --------
    >>> lesion_plane(torch.tensor([[[0, 2]], [[0, 0]]])).tolist()
    [[False, True]]
    """
    # reducing an axis of one element costs torch ten times the comparison
    return mask[0] > 0 if mask.shape[0] == 1 else (mask > 0).any(dim=0)


def from_rows(rows: Tensor, like: NdarrayOrTensor) -> Any:
    """Give a tensor (..., H, W) the kind, type and metadata of `like`, as (..., W, H).

    Parameters
    ----------
    rows : Tensor, shape (..., H, W)
        Result of a function.
    like : array, Tensor or MetaTensor
        What the transform was given.

    Returns
    -------
    array, Tensor or MetaTensor, shape (..., W, H)

    Examples
    --------
    >>> from_rows(torch.zeros(1, 64, 40), np.zeros((1, 1, 1), np.float32)).shape
    (1, 40, 64)
    """
    return convert_to_dst_type(rows.transpose(-1, -2).contiguous(), like)[0]


def patch_like(patch: Tensor, like: NdarrayOrTensor, box: NDArray[np.int64]) -> Any:
    """As :func:`from_rows` for a patch: the affine maps it to the same place, and its box is written down.

    Parameters
    ----------
    patch : Tensor, shape (C, h, w)
        Patch in rows.
    like : array, Tensor or MetaTensor, shape (C, W, H)
        The image it was cut from.
    box : array, shape (4,)
        x1, y1, x2, y2 of the patch in `like`.

    Returns
    -------
    array, Tensor or MetaTensor, shape (C, w, h)
        A MetaTensor gets ``meta["patch_box"]`` and an empty list of applied operations, for a patch has no inverse.

    Examples
    --------
    >>> image = MetaTensor(torch.zeros(1, 40, 64))
    >>> patch_like(torch.zeros(1, 8, 8), image, np.array([4, 0, 20, 16])).affine[:2].tolist()
    [[2.0, 0.0, 0.0, 4.5], [0.0, 2.0, 0.0, 0.5]]
    """
    result = from_rows(patch, like)
    if isinstance(result, MetaTensor) and isinstance(like, MetaTensor):
        result.applied_operations = []
        result.meta["patch_box"] = np.array(box)
        step = torch.eye(like.affine.shape[-1], dtype=torch.float64)
        for axis in (0, 1):
            scale = float(box[axis + 2] - box[axis]) / result.shape[axis + 1]
            step[axis, axis] = scale
            step[axis, -1] = float(box[axis]) + (scale - 1) / 2  # pixel centres, not corners
        result.affine = like.affine.to(torch.float64) @ step
    return result


def patch_size(size: int | Sequence[int]) -> tuple[int, int]:
    """Read a patch size given as one side or as width and height.

    Parameters
    ----------
    size : int or (int, int)
        In pixels.

    Returns
    -------
    (int, int)
        Width and height.

    Raises
    ------
    ValueError
        If a side is not positive or there are not two.

    Examples
    --------
    >>> patch_size(224), patch_size([96, 64])
    ((224, 224), (96, 64))
    """
    sides = (size, size) if isinstance(size, int) else tuple(int(n) for n in size)
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(f"a patch size is one positive side or (width, height), got {size}")
    return sides[0], sides[1]
