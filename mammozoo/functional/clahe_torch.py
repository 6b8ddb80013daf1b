# SPDX-License-Identifier: Apache-2.0
"""The batched torch route of CLAHE, on the device that holds the images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .clahe import default_value_range

BAND_PIXELS = 1 << 17  # pixels blended at once on a CPU: the temporaries then stay in the cache
INT32_MAX = 2**31 - 1


def clahe_tensor(
    image: Tensor,
    *,
    clip_limit: float = 2.0,
    tiles: tuple[int, int] = (8, 8),
    bins: int = 256,
    value_range: tuple[float, float] | None = None,
) -> Tensor:
    """CLAHE of a batch (..., H, W), all at once; parameters as of `mammozoo.functional.clahe.clahe`."""
    planes = image.detach().reshape(-1, *image.shape[-2:])
    kind = str(image.dtype).removeprefix("torch.")
    limits = value_range or default_value_range(kind)
    if image.dtype == torch.uint8 and bins == 256 and limits == (0.0, 255.0):
        return equalise_levels(planes, clip_limit=clip_limit, tiles=tiles, bins=bins).reshape(image.shape)
    grey = planes.to(torch.float32, copy=True)
    if limits is None:
        low = grey.amin(dim=(-2, -1), keepdim=True)
        span = grey.amax(dim=(-2, -1), keepdim=True) - low
    else:
        low = torch.tensor(limits[0], dtype=torch.float32, device=image.device)
        span = torch.tensor(limits[1], dtype=torch.float32, device=image.device) - low
    top = torch.tensor(bins - 1, dtype=torch.float32, device=image.device)
    grey.sub_(low).mul_(top / torch.where(span > 0, span, 1.0))
    grey.round_().clamp_(0, bins - 1)
    if bool(grey.sum().isnan()):
        raise ValueError("the image holds NaN; replace it before CLAHE")
    levels = grey.to(torch.uint8 if bins <= 256 else torch.int32)
    grey = equalise_levels(levels, clip_limit=clip_limit, tiles=tiles, bins=bins).float()
    grey.div_(top).mul_(span).add_(low)
    if not image.dtype.is_floating_point:
        grey.round_()
    return grey.to(image.dtype).reshape(image.shape)


def equalise_levels(levels: Tensor, *, clip_limit: float, tiles: tuple[int, int], bins: int) -> Tensor:
    """CLAHE of levels (N, H, W) from 0 to ``bins - 1``; uint8 up to 256 bins, else int32."""
    rows, columns = tiles[1], tiles[0]
    padded = _pad_to_tiles(levels, rows=rows, columns=columns)
    tile = (padded.shape[-2] // rows, padded.shape[-1] // columns)
    tables = _tile_tables(padded, rows=rows, columns=columns, clip_limit=clip_limit, bins=bins)
    return _blend(levels, tables, tile=tile)


def _pad_to_tiles(levels: Tensor, *, rows: int, columns: int) -> Tensor:
    """Extend right and below by mirroring (REFLECT_101); both sides grow as soon as one does not divide."""
    height, width = levels.shape[-2:]
    if height % rows == 0 and width % columns == 0:
        return levels
    # A side that divides gains a whole tile count here: so does OpenCV, and the bits depend on it.
    down = _mirrored(height, height + rows - height % rows).to(levels.device)
    across = _mirrored(width, width + columns - width % columns).to(levels.device)
    return levels.index_select(-2, down).index_select(-1, across)


def _mirrored(size: int, padded_size: int) -> Tensor:
    """Source index of every position of a side extended by mirroring without repeating the edge."""
    position = torch.arange(padded_size)
    if size == 1:
        return torch.zeros_like(position)
    position = position % (2 * size - 2)
    return torch.minimum(position, 2 * size - 2 - position)


def _tile_tables(padded: Tensor, *, rows: int, columns: int, clip_limit: float, bins: int) -> Tensor:
    """Look-up tables (N, rows, columns, bins), float32 holding whole numbers."""
    count, height, width = padded.shape
    tile_count, area = count * rows * columns, (height // rows) * (width // columns)
    integer = torch.int32 if tile_count * bins <= INT32_MAX else torch.int64
    first_bin = torch.arange(tile_count, dtype=integer, device=padded.device) * bins
    by_tile = padded.reshape(count, rows, height // rows, columns, width // columns).to(integer)
    numbered = by_tile + first_bin.view(count, rows, 1, columns, 1)
    histogram = torch.bincount(numbered.flatten(), minlength=tile_count * bins).view(tile_count, bins)
    if clip_limit > 0:
        histogram = _clip(histogram, limit=max(int(clip_limit * area / bins), 1))
    scale = float(np.float32(bins - 1) / np.float32(area))  # OpenCV divides in float32
    tables = histogram.cumsum(dim=1).float().mul_(scale).round_().clamp_(0, bins - 1)
    return tables.view(count, rows, columns, bins)


def _clip(histogram: Tensor, *, limit: int) -> Tensor:
    """Cut histograms (T, bins) at `limit` and hand the excess back: evenly, the rest in even steps from bin 0."""
    bins = histogram.shape[1]
    excess = (histogram - limit).clamp_(min=0).sum(dim=1, keepdim=True)
    rest = excess % bins
    step = bins // rest.clamp(min=1)
    position = torch.arange(bins, device=histogram.device)
    extra = (position % step == 0) & (position // step < rest)
    return histogram.clamp(max=limit) + excess // bins + extra


def _axis(size: int, tile: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each pixel of an axis: its cell between tile centres (0..count) and the weights of both neighbours."""
    # numpy, because each operation must round to float32 exactly as OpenCV's does
    position = np.arange(size, dtype=np.float32) * (np.float32(1) / np.float32(tile)) - np.float32(0.5)
    below = np.floor(position)
    upper = position - below
    cell = torch.from_numpy(below.astype(np.int64) + 1).clamp_(0, count)
    return cell, torch.from_numpy(np.float32(1) - upper), torch.from_numpy(upper)


def _blend(levels: Tensor, tables: Tensor, *, tile: tuple[int, int]) -> Tensor:
    """Map each pixel through the four tables around it and blend, first across and then down."""
    count, height, width = levels.shape
    _, rows, columns, bins = tables.shape
    device = levels.device
    cell_y, y_lower, y_upper = (t.to(device) for t in _axis(height, tile[0], rows))
    cell_x, x_lower, x_upper = (t.to(device) for t in _axis(width, tile[1], columns))
    cells = (rows + 1) * (columns + 1)
    integer = torch.int32 if count * cells * bins <= INT32_MAX else torch.int64
    corners = _corner_tables(tables)
    offset_y = (torch.arange(count, device=device)[:, None] * cells + cell_y * (columns + 1)) * bins
    offset_y, offset_x = offset_y.to(integer)[..., None], (cell_x * bins).to(integer)
    result = torch.empty(levels.shape, dtype=torch.uint8 if bins <= 256 else torch.int32, device=device)
    band = height if device.type != "cpu" else max(1, BAND_PIXELS // (count * width))
    for start in range(0, height, band):
        part = slice(start, start + band)
        index = (levels[:, part].to(integer) + (offset_y[:, part] + offset_x)).flatten()
        shape = (count, -1, width)
        a, b, c, d = (corner.index_select(0, index).view(shape) for corner in corners)
        upper = a.mul_(x_lower).add_(b.mul_(x_upper)).mul_(y_lower[part, None])
        lower = c.mul_(x_lower).add_(d.mul_(x_upper)).mul_(y_upper[part, None])
        result[:, part] = upper.add_(lower).round_().clamp_(0, bins - 1)
    return result


def _corner_tables(tables: Tensor) -> list[Tensor]:
    """For each of the four corners of a cell its tile's table, flat, so that one index serves all four."""
    rows, columns = tables.shape[1:3]
    around_y = torch.arange(rows + 1, device=tables.device)
    around_x = torch.arange(columns + 1, device=tables.device)
    sides_y = ((around_y - 1).clamp(min=0), around_y.clamp(max=rows - 1))
    sides_x = ((around_x - 1).clamp(min=0), around_x.clamp(max=columns - 1))
    return [tables.index_select(1, y).index_select(2, x).flatten() for y in sides_y for x in sides_x]
