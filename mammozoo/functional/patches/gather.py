# SPDX-License-Identifier: Apache-2.0
"""Cut many boxes out of one image and resample them to one size, in one call, on the image's device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["gather_masks", "gather_patches", "nearest_indices"]


def nearest_indices(start: int, stop: int, size: int) -> Tensor:
    """Source pixels of an axis resampled by nearest neighbour (pixel centres aligned).

    Parameters
    ----------
    start, stop : int
        The half-open range of source pixels.
    size : int
        Number of pixels wanted.

    Returns
    -------
    Tensor, shape (size,)
        int64 indices in [start, stop).

    Examples
    --------
    >>> nearest_indices(10, 14, 2).tolist(), nearest_indices(0, 2, 4).tolist()
    ([11, 13], [0, 0, 1, 1])
    """
    # Whole-number arithmetic: no device and no rounding can pick another pixel.
    return (2 * torch.arange(size) + 1) * (stop - start) // (2 * size) + start


def gather_patches(image: Tensor, boxes: NDArray[np.int64], *, size: tuple[int, int]) -> Tensor:
    """Resample the boxes of an image: bilinear when enlarging, an average over source pixels when reducing.

    Parameters
    ----------
    image : Tensor, shape (C, H, W)
        Any type and device; a transposed view costs nothing extra.
    boxes : array, shape (N, 4)
        x1, y1, x2, y2 inside the image, half-open.
    size : (int, int)
        Width and height of the patches.

    Returns
    -------
    Tensor, shape (N, C, size[1], size[0])
        On the device of `image` and of its type; integers are rounded. A box of `size` pixels is copied exactly.

    Notes
    -----
    A patch never looks outside its box. Reduction by s averages ceil(s) bilinear samples an axis for each pixel.

    Examples
    --------
    >>> image = torch.arange(16.0).view(1, 4, 4)
    >>> gather_patches(image, np.array([[0, 0, 4, 4], [2, 2, 4, 4]]), size=(2, 2))[:, 0].tolist()
    [[[2.5, 4.5], [10.5, 12.5]], [[10.0, 11.0], [14.0, 15.0]]]
    """
    boxes = np.asarray(boxes, np.int64).reshape(-1, 4)
    result = image.new_empty((len(boxes), image.shape[0], size[1], size[0]))
    sides = boxes[:, 2:] - boxes[:, :2]
    factors = -(-sides // np.array(size))  # ceil: samples an axis for one pixel of the patch
    for factor in np.unique(factors, axis=0):
        chosen = np.flatnonzero((factors == factor).all(axis=1))
        fine = (size[0] * int(factor[0]), size[1] * int(factor[1]))
        patches = _bilinear(image, boxes[chosen], size=fine)
        if fine != tuple(size):
            patches = torch.nn.functional.avg_pool2d(patches, (int(factor[1]), int(factor[0])))
        if not image.is_floating_point():
            patches = patches.round_()
        result[torch.from_numpy(chosen).to(image.device)] = patches.to(image.dtype)
    return result


def gather_masks(mask: Tensor, boxes: NDArray[np.int64], *, size: tuple[int, int]) -> Tensor:
    """Resample the boxes of a mask by nearest neighbour, without ever losing the lesion of a box.

    Parameters
    ----------
    mask : Tensor, shape (C, H, W)
        Lesion where positive.
    boxes : array, shape (N, 4)
        x1, y1, x2, y2 inside the mask, half-open.
    size : (int, int)
        Width and height of the patches.

    Returns
    -------
    Tensor, shape (N, C, size[1], size[0])
        Of the type and on the device of `mask`.

    Notes
    -----
    Where the nearest neighbours of a reduced box miss every positive pixel, its maxima are taken instead.

    Examples
    --------
    >>> mask = torch.zeros(1, 8, 8)
    >>> mask[0, 0, 0] = 1
    >>> gather_masks(mask, np.array([[0, 0, 8, 8]]), size=(2, 2)).tolist()
    [[[[1.0, 0.0], [0.0, 0.0]]]]
    """
    boxes = np.asarray(boxes, np.int64).reshape(-1, 4)
    if len(boxes) == 0:
        return mask.new_empty((0, mask.shape[0], size[1], size[0]))
    columns = torch.stack([nearest_indices(int(b[0]), int(b[2]), size[0]) for b in boxes])
    rows = torch.stack([nearest_indices(int(b[1]), int(b[3]), size[1]) for b in boxes])
    patches = _take(mask, rows.to(mask.device), columns.to(mask.device))
    empty = (patches <= 0).flatten(1).all(dim=1).cpu().numpy()
    for index in np.flatnonzero(empty):
        x1, y1, x2, y2 = (int(n) for n in boxes[index])
        crop = mask[:, y1:y2, x1:x2]
        if bool((crop > 0).any()):
            maxima = torch.nn.functional.adaptive_max_pool2d(crop.float(), (size[1], size[0]))
            patches[index] = maxima.to(mask.dtype)
    return patches


def _bilinear(image: Tensor, boxes: NDArray[np.int64], *, size: tuple[int, int]) -> Tensor:
    """Bilinear samples (N, C, h, w), float32 (float64 if the image is)."""
    working = torch.float64 if image.dtype == torch.float64 else torch.float32
    x0, x1, x_weight = _neighbours(boxes[:, 0], boxes[:, 2], size[0], image.device, working)
    y0, y1, y_weight = _neighbours(boxes[:, 1], boxes[:, 3], size[1], image.device, working)
    if not x_weight.any() and not y_weight.any():
        return _take(image, y0, x0).to(working)
    across, down = x_weight[:, None, None, :], y_weight[:, None, :, None]
    upper = torch.lerp(_take(image, y0, x0).to(working), _take(image, y0, x1).to(working), across)
    lower = torch.lerp(_take(image, y1, x0).to(working), _take(image, y1, x1).to(working), across)
    return torch.lerp(upper, lower, down)


def _neighbours(
    start: NDArray[np.int64], stop: NDArray[np.int64], size: int, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Lower and upper source pixel and the weight of the upper one, each (N, size)."""
    side = (stop - start)[:, None]
    position = (np.arange(size) + 0.5) * side / size - 0.5
    position = np.clip(position, 0, side - 1)
    lower = np.floor(position).astype(np.int64)
    upper = np.minimum(lower + 1, side - 1)
    weight = torch.from_numpy(position - lower).to(device, dtype)
    base = start[:, None]
    return torch.from_numpy(lower + base).to(device), torch.from_numpy(upper + base).to(device), weight


def _take(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixels at rows (N, h) x columns (N, w) of an image (C, H, W): (N, C, h, w)."""
    channels, height, width = image.shape
    by_column = image.transpose(1, 2)
    if by_column.is_contiguous() and not image.is_contiguous():
        flat, index = by_column.reshape(channels, -1), rows[:, :, None] + columns[:, None, :] * height
    else:
        flat, index = image.reshape(channels, -1), rows[:, :, None] * width + columns[:, None, :]
    return flat.index_select(1, index.flatten()).view(channels, *index.shape).transpose(0, 1)
