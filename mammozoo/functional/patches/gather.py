# SPDX-License-Identifier: Apache-2.0
"""Cut many boxes out of one image and resample them to one size, in one call, on the image's device.

Images and masks are (C, H, W); boxes are (N, 4), x1, y1, x2, y2, half-open, inside the image; `size` is (w, h).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def nearest_indices(start: int, stop: int, size: int) -> Tensor:
    """Source pixels of the range [start, stop) resampled to `size` pixels by nearest neighbour, centres aligned."""
    # Whole-number arithmetic: no device and no rounding can pick another pixel.
    return (2 * torch.arange(size) + 1) * (stop - start) // (2 * size) + start


def gather_patches(image: Tensor, boxes: NDArray[np.int64], *, size: tuple[int, int]) -> Tensor:
    """Resample boxes to floats (N, C, h, w): bilinear when enlarging, the average over source pixels when reducing."""
    boxes = np.asarray(boxes, np.int64).reshape(-1, 4)
    working = torch.float64 if image.dtype == torch.float64 else torch.float32
    result = image.new_empty((len(boxes), image.shape[0], size[1], size[0]), dtype=working)
    sides = boxes[:, 2:] - boxes[:, :2]
    factors = -(-sides // np.array(size))  # ceil: samples an axis for one pixel of the patch
    for factor in np.unique(factors, axis=0):
        chosen = np.flatnonzero((factors == factor).all(axis=1))
        fine = (size[0] * int(factor[0]), size[1] * int(factor[1]))
        patches = _bilinear(image, boxes[chosen], size=fine, working=working)
        if fine != tuple(size):
            patches = torch.nn.functional.avg_pool2d(patches, (int(factor[1]), int(factor[0])))
        result[torch.from_numpy(chosen).to(image.device)] = patches
    return result


def gather_masks(mask: Tensor, boxes: NDArray[np.int64], *, size: tuple[int, int]) -> Tensor:
    """Resample boxes of a mask to (N, C, h, w) of its type by nearest neighbour, without ever losing a box's lesion."""
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


def _bilinear(image: Tensor, boxes: NDArray[np.int64], *, size: tuple[int, int], working: torch.dtype) -> Tensor:
    """Bilinear samples (N, C, h, w)."""
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
