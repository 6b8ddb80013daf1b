# SPDX-License-Identifier: Apache-2.0
"""Resize by area averaging on the stored grey levels, with a way back to native size."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.data.meta_obj import get_track_meta
from monai.data.meta_tensor import MetaTensor
from monai.transforms.inverse import InvertibleTransform, TraceableTransform
from monai.transforms.transform import MapTransform
from monai.utils.enums import TraceKeys
from monai.utils.misc import ensure_tuple_rep
from monai.utils.type_conversion import convert_to_dst_type, convert_to_tensor
from torch import Tensor

from ..functional.resize import Mode, resize
from .rows import sides_of

__all__ = ["AreaResize", "AreaResized"]


class AreaResize(InvertibleTransform):
    """Resize an image to (W, H) without aliasing, on integers as well as on floats.

    Parameters
    ----------
    spatial_size : int or (int, int)
        Side, or [W, H], of the result.
    mode : {"area", "nearest"}
        ``area`` for images (averages when shrinking, linear when growing), ``nearest`` for labels.
    keep_aspect : bool
        Scale both axes alike and pad evenly on either side, rather than squash. The paper states 224x224 only, which
        squashes: an open choice.
    pad_value : float
        Grey level of the padding.

    Notes
    -----
    On 12-bit data this is hundreds of times faster than converting, smoothing and resizing floats: keep integers,
    resize, then scale. :meth:`inverse` brings a map of the resized size back to native size, ``nearest`` if
    ``Invertd(nearest_interp=True)`` asks for it. A result of the same size keeps its values.

    Examples
    --------
    >>> image = MetaTensor(torch.rand(1, 100, 60))
    >>> transform = AreaResize((32, 32), keep_aspect=True)
    >>> small = transform(image)
    >>> small.shape, transform.inverse(small).shape
    (torch.Size([1, 32, 32]), torch.Size([1, 100, 60]))
    """

    def __init__(
        self,
        spatial_size: int | Sequence[int],
        *,
        mode: Mode = "area",
        keep_aspect: bool = False,
        pad_value: float = 0.0,
    ) -> None:
        self.spatial_size = sides_of(spatial_size)
        self.mode: Mode = mode
        self.keep_aspect = keep_aspect
        self.pad_value = pad_value

    def __call__(self, img: NdarrayOrTensor, mode: Mode | None = None) -> Tensor:
        """Resize an image (C, W, H); the result is a tensor, and a MetaTensor remembers how to go back."""
        used: Mode = mode or self.mode
        tensor: Any = convert_to_tensor(img, track_meta=get_track_meta())
        native = (int(tensor.shape[1]), int(tensor.shape[2]))
        inner, start = self._placement(native)
        plain = tensor.as_tensor() if isinstance(tensor, MetaTensor) else tensor
        result = _resize(plain, inner, used)
        if inner != self.spatial_size:
            canvas = result.new_full((result.shape[0], *self.spatial_size), self.pad_value)
            canvas[:, start[0] : start[0] + inner[0], start[1] : start[1] + inner[1]] = result
            result = canvas
        if not isinstance(tensor, MetaTensor):
            return result
        step = torch.eye(3, dtype=torch.float64)
        for axis in (0, 1):
            scale = native[axis] / inner[axis]
            step[axis, axis] = scale
            step[axis, 2] = (scale - 1) / 2 - start[axis] * scale  # pixel centres, not corners
        meta = TraceableTransform.track_transform_meta(
            tensor,
            sp_size=self.spatial_size,
            affine=step,
            extra_info={"mode": used, "inner": inner, "start": start},
            orig_size=native,
            transform_info=self.get_transform_info(),
            lazy=False,
        )
        placed: Any = convert_to_dst_type(result, tensor)[0]
        return placed.copy_meta_from(meta)  # type: ignore[no-any-return]

    def inverse(self, data: Tensor) -> Tensor:
        """Bring a map (C, W, H) of the resized size back to the size before."""
        transform = self.pop_transform(data)
        info, native = transform[TraceKeys.EXTRA_INFO], transform[TraceKeys.ORIG_SIZE]
        inner, start = (tuple(int(n) for n in info[name]) for name in ("inner", "start"))
        plain = data.as_tensor() if isinstance(data, MetaTensor) else data
        plain = plain[:, start[0] : start[0] + inner[0], start[1] : start[1] + inner[1]]
        mode: Mode = "nearest" if "nearest" in str(info["mode"]) else "area"
        size = (int(native[0]), int(native[1]))
        result: Any = convert_to_dst_type(_resize(plain, size, mode), data)[0]
        if isinstance(result, MetaTensor) and isinstance(data, MetaTensor):
            step = torch.eye(data.affine.shape[-1], dtype=torch.float64)
            for axis in (0, 1):
                scale = inner[axis] / size[axis]
                step[axis, axis] = scale
                step[axis, -1] = (scale - 1) / 2 + start[axis]
            result.affine = data.affine.to(torch.float64) @ step
        return result  # type: ignore[no-any-return]

    def _placement(self, native: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Size and start of the image inside the result."""
        width, height = self.spatial_size
        if not self.keep_aspect:
            return (width, height), (0, 0)
        scale = min(width / native[0], height / native[1])
        inner = (max(1, round(native[0] * scale)), max(1, round(native[1] * scale)))
        return inner, ((width - inner[0]) // 2, (height - inner[1]) // 2)


class AreaResized(MapTransform, InvertibleTransform):
    """Dictionary form of :class:`AreaResize`.

    Parameters
    ----------
    keys : key or keys
        Images and labels, all of one size.
    spatial_size : int or (int, int)
        Side, or [W, H], of the result.
    mode : str or sequence of str
        ``area`` or ``nearest``, for each key.
    keep_aspect, pad_value
        As in :class:`AreaResize`.
    allow_missing_keys : bool
        Pass over keys that the data lack.

    Examples
    --------
    >>> resize = AreaResized(["image", "label"], [32, 24], mode=["area", "nearest"])
    >>> resize({"image": torch.rand(1, 100, 60), "label": torch.zeros(1, 100, 60)})["label"].shape
    torch.Size([1, 32, 24])
    """

    def __init__(
        self,
        keys: KeysCollection,
        spatial_size: int | Sequence[int],
        *,
        mode: Mode | Sequence[Mode] = "area",
        keep_aspect: bool = False,
        pad_value: float = 0.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.mode = ensure_tuple_rep(mode, len(self.keys))
        self.resizer = AreaResize(spatial_size, keep_aspect=keep_aspect, pad_value=pad_value)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Resize what lies under the keys."""
        d = dict(data)
        for key, mode in self.key_iterator(d, self.mode):
            d[key] = self.resizer(d[key], mode=mode)
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Bring what lies under the keys back to native size."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.resizer.inverse(d[key])
        return d


def _resize(img: Tensor, size: tuple[int, int], mode: Mode) -> Tensor:
    """Resize (C, W, H) to (W, H): the function's rows are our first axis, which only swaps the size."""
    return resize(img, size=(size[1], size[0]), mode=mode)
