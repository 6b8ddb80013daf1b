# SPDX-License-Identifier: Apache-2.0
"""Contrast-limited adaptive histogram equalisation: one definition, a cv2 route and a batched torch route.

The definition is OpenCV's: one histogram a tile, clipped at ``clip_limit`` times the height of a uniform histogram,
the excess handed back evenly, and the tiles' look-up tables blended bilinearly. Both routes give the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


Route: TypeAlias = Literal["auto", "cv2", "torch"]
CV2_BINS = 256  # cv2's 8-bit route; its 16-bit route always takes 65,536 bins, which clips 12-bit data hardly at all


@overload
def clahe(
    image: NDArray[Any],
    *,
    clip_limit: float = ...,
    tiles: tuple[int, int] = ...,
    bins: int = ...,
    value_range: tuple[float, float] | None = ...,
    route: Route = ...,
) -> NDArray[Any]: ...
@overload
def clahe(
    image: torch.Tensor,
    *,
    clip_limit: float = ...,
    tiles: tuple[int, int] = ...,
    bins: int = ...,
    value_range: tuple[float, float] | None = ...,
    route: Route = ...,
) -> torch.Tensor: ...
def clahe(
    image: NDArray[Any] | torch.Tensor,
    *,
    clip_limit: float = 2.0,
    tiles: tuple[int, int] = (8, 8),
    bins: int = 256,
    value_range: tuple[float, float] | None = None,
    route: Route = "auto",
) -> NDArray[Any] | torch.Tensor:
    """Equalise the contrast of each image tile by tile, with a limit on the slope.

    Parameters
    ----------
    image : array or tensor, shape (..., H, W)
        Grey levels, any integer or floating type; rows before columns. Each (H, W) plane is equalised by itself.
    clip_limit : float
        Greatest bin height in multiples of the uniform height (tile pixels / `bins`), as in OpenCV. 0 clips nothing.
        It is not scikit-image's fraction.
    tiles : (int, int)
        Tiles across and down, as OpenCV's ``tileGridSize``.
    bins : int
        Grey levels of the histograms and of the result, 2 to 65,536. The image is stretched from `value_range` to
        these levels first and brought back after, so the clip limit means the same for every depth.
    value_range : (float, float), optional
        Grey levels mapped to the first and the last bin; what lies outside is clipped. By default the range of the
        type: 0-255 for uint8, 0-1 for floating types, and each plane's own minimum and maximum for wider integers,
        whose stored depth (12, 14, 16 bits) the type does not tell.
    route : {"auto", "cv2", "torch"}
        ``auto`` takes cv2 for what lies in main memory when `bins` is 256, and torch otherwise.

    Returns
    -------
    array or tensor, shape (..., H, W)
        As `image` in kind, type, device and value range, with at most `bins` distinct levels.

    Raises
    ------
    ValueError
        If a parameter is out of its range, the image has no pixels or a NaN, or cv2 is asked for what it cannot do.
    TypeError
        If the image is boolean or complex.

    Notes
    -----
    uint8 with 256 bins equals ``cv2.createCLAHE(clip_limit, tiles).apply`` bit for bit, whatever the size. A plane
    without contrast (and no given range) comes back unchanged if its type is wider than 8 bits. Clip limits are whole
    counts, so many bins ask for large tiles: take `bins` well below `clip_limit` times the pixels of a tile.
    The definition is not symmetric under transposition in the last bit: hand (W, H) data over as a transposed view.

    References
    ----------
    .. [1] K. Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994, section VIII.5,
       doi:10.1016/B978-0-12-336156-1.50061-6.

    Examples
    --------
    >>> image = np.tile(np.linspace(0.4, 0.6, 64, dtype=np.float32), (64, 1))
    >>> result = clahe(image)
    >>> bool(np.ptp(result) > np.ptp(image))
    True
    """
    _check(image, clip_limit=clip_limit, tiles=tiles, bins=bins, value_range=value_range, route=route)
    if isinstance(image, np.ndarray) and route != "torch" and bins == CV2_BINS:
        return _clahe_cv2(image, clip_limit=clip_limit, tiles=tiles, value_range=value_range)
    from .clahe_torch import clahe_tensor  # torch takes 1.5 s to import: those who stay with cv2 do not pay

    use_cv2 = route != "torch" and bins == CV2_BINS
    if isinstance(image, np.ndarray):
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(image))
        result = clahe_tensor(tensor, clip_limit=clip_limit, tiles=tiles, bins=bins, value_range=value_range)
        return result.numpy()
    if use_cv2 and image.device.type == "cpu":
        import torch

        array = image.detach().numpy()
        return torch.from_numpy(_clahe_cv2(array, clip_limit=clip_limit, tiles=tiles, value_range=value_range))
    return clahe_tensor(image, clip_limit=clip_limit, tiles=tiles, bins=bins, value_range=value_range)


def default_value_range(kind: str) -> tuple[float, float] | None:
    """Grey levels that a type (``uint8``) spans by convention; None, each plane's own range, for the others."""
    if kind == "uint8":
        return (0.0, 255.0)
    return (0.0, 1.0) if "float" in kind else None


def _check(
    image: NDArray[Any] | torch.Tensor,
    *,
    clip_limit: float,
    tiles: tuple[int, int],
    bins: int,
    value_range: tuple[float, float] | None,
    route: str,
) -> None:
    kind = str(image.dtype)
    if "bool" in kind or "complex" in kind or "object" in kind:
        raise TypeError(f"CLAHE needs integer or floating grey levels, got {kind}; convert the image first")
    if image.ndim < 2 or 0 in tuple(image.shape):
        raise ValueError(f"CLAHE needs a non-empty image of shape (..., H, W), got {tuple(image.shape)}")
    if clip_limit < 0:
        raise ValueError(f"clip_limit must be 0 (no clipping) or more, got {clip_limit}")
    if len(tiles) != 2 or min(tiles) < 1:
        raise ValueError(f"tiles must be two positive counts (across, down), got {tiles}")
    if not 2 <= bins <= 65536:
        raise ValueError(f"bins must lie between 2 and 65536, got {bins}")
    if value_range is not None and not value_range[0] < value_range[1]:
        raise ValueError(f"value_range must rise, got {value_range}")
    if route not in ("auto", "cv2", "torch"):
        raise ValueError(f"route must be 'auto', 'cv2' or 'torch', got {route!r}")
    on_device = not isinstance(image, np.ndarray) and image.device.type != "cpu"
    if route == "cv2" and (bins != CV2_BINS or on_device):
        raise ValueError(f"the cv2 route has {CV2_BINS} bins and works in main memory; use route='torch'")


def _clahe_cv2(
    image: NDArray[Any],
    *,
    clip_limit: float,
    tiles: tuple[int, int],
    value_range: tuple[float, float] | None,
) -> NDArray[Any]:
    """CLAHE of every (H, W) plane by cv2, with 256 bins."""
    limits = value_range or default_value_range(image.dtype.name)
    if image.dtype == np.uint8 and limits == (0.0, 255.0):
        return _apply_cv2(image, clip_limit=clip_limit, tiles=tiles)
    grey = image.astype(np.float32)
    if limits is None:
        low = grey.min(axis=(-2, -1), keepdims=True)
        span = grey.max(axis=(-2, -1), keepdims=True) - low
    else:
        low, span = np.float32(limits[0]), np.float32(limits[1]) - np.float32(limits[0])
    top = np.float32(CV2_BINS - 1)
    grey -= low
    grey *= top / np.where(span > 0, span, np.float32(1))
    np.clip(np.rint(grey, out=grey), 0, top, out=grey)
    if np.isnan(grey.sum()):
        raise ValueError("the image holds NaN; replace it before CLAHE")
    grey = _apply_cv2(grey.astype(np.uint8), clip_limit=clip_limit, tiles=tiles).astype(np.float32)
    grey /= top
    grey *= span
    grey += low
    if image.dtype.kind in "iu":
        np.rint(grey, out=grey)
    result: NDArray[Any] = grey.astype(image.dtype)
    return result


def _apply_cv2(levels: NDArray[np.uint8], *, clip_limit: float, tiles: tuple[int, int]) -> NDArray[np.uint8]:
    operator = cv2.createCLAHE(clip_limit, (int(tiles[0]), int(tiles[1])))
    if levels.ndim == 2:
        return np.asarray(operator.apply(np.ascontiguousarray(levels)), np.uint8)
    planes = np.ascontiguousarray(levels).reshape(-1, *levels.shape[-2:])
    return np.stack([operator.apply(plane) for plane in planes]).reshape(levels.shape)
