# SPDX-License-Identifier: Apache-2.0
"""Resize without aliasing on the image's own grey levels: cv2 in main memory, two matrix products on a device."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


Mode: TypeAlias = Literal["area", "nearest"]
CV2_TYPES = ("uint8", "uint16", "int16", "float32", "float64")


@overload
def resize(image: NDArray[Any], *, size: tuple[int, int], mode: Mode = ...) -> NDArray[Any]: ...
@overload
def resize(image: torch.Tensor, *, size: tuple[int, int], mode: Mode = ...) -> torch.Tensor: ...
def resize(
    image: NDArray[Any] | torch.Tensor, *, size: tuple[int, int], mode: Mode = "area"
) -> NDArray[Any] | torch.Tensor:
    """Resize each (H, W) plane.

    Parameters
    ----------
    image : array or tensor, shape (..., H, W)
        Any integer or floating type.
    size : (int, int)
        Width and height wanted.
    mode : {"area", "nearest"}
        ``area`` averages along an axis that shrinks and interpolates linearly along one that grows; ``nearest`` takes
        the pixel at the same place (centres aligned), for labels.

    Returns
    -------
    array or tensor, shape (..., size[1], size[0])
        Of the same kind, type and device; integers are rounded.

    Raises
    ------
    ValueError
        If the mode is unknown or a size is not positive.

    Notes
    -----
    Rows and columns are interchangeable but for rounding: transposed data need no transposition first.

    Examples
    --------
    >>> resize(np.array([[0, 2], [4, 6]], np.uint16), size=(1, 1))
    array([[3]], dtype=uint16)
    """
    if mode not in ("area", "nearest") or min(size) < 1:
        raise ValueError(f"mode must be 'area' or 'nearest' and sizes positive, got {mode!r} and {size}")
    if isinstance(image, np.ndarray):
        return _resize_array(image, size=size, mode=mode)
    if image.device.type != "cpu":
        return resize_on_device(image, size=size, mode=mode)
    import torch

    return torch.from_numpy(_resize_array(image.detach().numpy(), size=size, mode=mode))


def resize_on_device(image: torch.Tensor, *, size: tuple[int, int], mode: Mode = "area") -> torch.Tensor:
    """Resize by one weight matrix an axis: `resize` outside main memory."""
    import torch

    height, width = image.shape[-2:]
    if mode == "nearest":
        rows = torch.from_numpy(_nearest(height, size[1])).to(image.device)
        columns = torch.from_numpy(_nearest(width, size[0])).to(image.device)
        return image.index_select(-2, rows).index_select(-1, columns)
    working = torch.float64 if image.dtype == torch.float64 else torch.float32
    down = torch.from_numpy(axis_weights(height, size[1])).to(image.device, working)
    across = torch.from_numpy(axis_weights(width, size[0])).to(image.device, working)
    result = down @ image.to(working) @ across.T
    return (result if image.is_floating_point() else result.round()).to(image.dtype)


@lru_cache(maxsize=64)
def axis_weights(source: int, target: int) -> NDArray[np.float64]:
    """Weight (target, source) of each source pixel: overlaps when shrinking, linear interpolation when growing."""
    scale, start = source / target, np.arange(target)[:, None]
    pixel = np.arange(source)[None, :]
    if target < source:
        overlap = np.minimum((start + 1) * scale, pixel + 1) - np.maximum(start * scale, pixel)
        return np.asarray(np.clip(overlap, 0, None) / scale)
    position = np.clip((start + 0.5) * scale - 0.5, 0, source - 1)
    return np.asarray(np.clip(1 - np.abs(position - pixel), 0, None))


def _nearest(source: int, target: int) -> NDArray[np.int64]:
    return (2 * np.arange(target, dtype=np.int64) + 1) * source // (2 * target)


def _resize_array(image: NDArray[Any], *, size: tuple[int, int], mode: Mode) -> NDArray[Any]:
    height, width = image.shape[-2:]
    if mode == "nearest":
        return np.ascontiguousarray(image[..., _nearest(height, size[1])[:, None], _nearest(width, size[0])])
    working = _cv2_type(image)
    planes = image.reshape(-1, height, width)
    resized = np.stack([_resize_plane(plane.astype(working, copy=False), size) for plane in planes])
    if image.dtype.kind in "iu" and resized.dtype.kind == "f":
        np.rint(resized, out=resized)
    return resized.astype(image.dtype, copy=False).reshape(*image.shape[:-2], size[1], size[0])


def _cv2_type(image: NDArray[Any]) -> str:
    """The narrowest type that cv2 resizes and that holds the image: half the bytes are half the time."""
    if image.dtype.name in CV2_TYPES:
        return image.dtype.name
    if image.dtype.name in ("int32", "int64", "uint32") and image.size and image.min() >= 0 and image.max() <= 65535:
        return "uint16"
    return "float32" if image.dtype.itemsize <= 2 else "float64"


def _resize_plane(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    if not plane.flags.c_contiguous and plane.T.flags.c_contiguous:
        return _resize_plane(plane.T, (size[1], size[0])).T
    height, width = plane.shape
    if size[0] <= width and size[1] <= height:
        return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
    if size[0] >= width and size[1] >= height:
        return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR))
    # one axis shrinks and the other grows: the shrinking one first, so that the other works on less
    first = (size[0], height) if size[0] < width else (width, size[1])
    return _resize_plane(_resize_plane(plane, first), size)
