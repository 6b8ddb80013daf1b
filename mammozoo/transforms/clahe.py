# SPDX-License-Identifier: Apache-2.0
"""CLAHE as MONAI transforms: fixed, and with a random clip limit as augmentation."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.transforms.transform import MapTransform, RandomizableTransform, Transform
from monai.utils.type_conversion import convert_to_dst_type

from ..functional.clahe import Route, clahe

__all__ = ["CLAHE", "CLAHEd", "RandCLAHE", "RandCLAHEd"]


class CLAHE(Transform):
    """Contrast-limited adaptive histogram equalisation, bit-exact with OpenCV for 8-bit images.

    Parameters
    ----------
    clip_limit : float
        In multiples of the uniform bin height, as in OpenCV. 2.0 and 8x8 tiles: Huang et al. [1]_, Methods.
    tiles : (int, int)
        Tiles along the x and the y axis.
    bins : int
        Grey levels of the histograms; the image is stretched to them first.
    value_range : (float, float), optional
        Grey levels of the first and the last bin; by default 0-1 for floating images, 0-255 for uint8, and each
        image's own range for wider integers.
    route : {"auto", "cv2", "torch"}
        See :func:`mammozoo.functional.clahe.clahe`.

    Notes
    -----
    Called with an array, tensor or MetaTensor of shape (..., W, H); returns the same kind, type, device and metadata.
    Not invertible: grey levels only.

    References
    ----------
    .. [1] Huang et al., Cureus 18(3):e105360, 2026, Methods.

    Examples
    --------
    >>> CLAHE()(torch.rand(1, 40, 64)).shape
    torch.Size([1, 40, 64])
    """

    def __init__(
        self,
        *,
        clip_limit: float = 2.0,
        tiles: tuple[int, int] = (8, 8),
        bins: int = 256,
        value_range: tuple[float, float] | None = None,
        route: Route = "auto",
    ) -> None:
        self.clip_limit = clip_limit
        self.tiles = (int(tiles[0]), int(tiles[1]))
        self.bins = bins
        self.value_range = None if value_range is None else (float(value_range[0]), float(value_range[1]))
        self.route = route

    def __call__(self, img: NdarrayOrTensor, clip_limit: float | None = None) -> NdarrayOrTensor:
        """Equalise an image (..., W, H); `clip_limit` overrides the transform's own for this call."""
        data: Any = img.as_tensor() if hasattr(img, "as_tensor") else img
        result: Any = clahe(
            data.swapaxes(-1, -2),  # to rows before columns: OpenCV's bits depend on the order
            clip_limit=self.clip_limit if clip_limit is None else clip_limit,
            tiles=self.tiles,
            bins=self.bins,
            value_range=self.value_range,
            route=self.route,
        )
        result = result.swapaxes(-1, -2)
        result = result.contiguous() if isinstance(result, torch.Tensor) else np.ascontiguousarray(result)
        return convert_to_dst_type(result, img)[0]


class CLAHEd(MapTransform):
    """Dictionary form of :class:`CLAHE`.

    Parameters
    ----------
    keys : key or keys
        Images to equalise.
    **options
        As in :class:`CLAHE`.
    allow_missing_keys : bool
        Pass over keys that the data lack.

    Examples
    --------
    >>> CLAHEd("image")({"image": torch.rand(1, 40, 64)})["image"].shape
    torch.Size([1, 40, 64])
    """

    def __init__(self, keys: KeysCollection, *, allow_missing_keys: bool = False, **options: Any) -> None:
        super().__init__(keys, allow_missing_keys)
        self.clahe = CLAHE(**options)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Equalise the images under the keys."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.clahe(d[key])
        return d


class RandCLAHE(RandomizableTransform):
    """CLAHE with a random clip limit, at random: the paper's contrast augmentation.

    Parameters
    ----------
    prob : float
        Probability. The paper gives none: 0.3, an open choice.
    clip_limit : (float, float)
        Range of the uniformly drawn clip limit. The paper gives none: 1 to 3, around its fixed 2.0.
    **options
        ``tiles``, ``bins``, ``value_range`` and ``route`` as in :class:`CLAHE`.

    References
    ----------
    .. [1] Huang et al., Cureus 18(3):e105360, 2026, Methods; open choices in ``docs/explanation/choices.md``.

    Examples
    --------
    >>> RandCLAHE(prob=1.0).set_random_state(seed=0)(torch.rand(1, 40, 64)).shape
    torch.Size([1, 40, 64])
    """

    def __init__(self, prob: float = 0.3, *, clip_limit: tuple[float, float] = (1.0, 3.0), **options: Any) -> None:
        super().__init__(prob)
        if not 0 < clip_limit[0] <= clip_limit[1]:
            raise ValueError(f"clip_limit must be a rising pair of positive numbers, got {clip_limit}")
        self.clip_range = (float(clip_limit[0]), float(clip_limit[1]))
        self.clip_limit = self.clip_range[0]
        self.clahe = CLAHE(**options)

    def randomize(self, data: Any = None) -> None:
        """Draw whether to act, and the clip limit."""
        super().randomize(None)
        if self._do_transform:
            self.clip_limit = float(self.R.uniform(*self.clip_range))

    def __call__(self, img: NdarrayOrTensor, randomize: bool = True) -> NdarrayOrTensor:
        """Equalise an image (..., W, H), or pass it on."""
        if randomize:
            self.randomize()
        return self.clahe(img, clip_limit=self.clip_limit) if self._do_transform else img


class RandCLAHEd(RandomizableTransform, MapTransform):
    """Dictionary form of :class:`RandCLAHE`; one draw serves all keys.

    Parameters
    ----------
    keys : key or keys
        Images to equalise.
    prob, **options
        As in :class:`RandCLAHE`.
    allow_missing_keys : bool
        Pass over keys that the data lack.

    Examples
    --------
    >>> RandCLAHEd("image", prob=1.0)({"image": torch.rand(1, 40, 64)})["image"].shape
    torch.Size([1, 40, 64])
    """

    def __init__(
        self, keys: KeysCollection, prob: float = 0.3, *, allow_missing_keys: bool = False, **options: Any
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.rand_clahe = RandCLAHE(prob, **options)

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> RandCLAHEd:
        """Seed the array form, which makes every draw."""
        self.rand_clahe.set_random_state(seed, state)
        return self

    def randomize(self, data: Any = None) -> None:
        """Draw through the array form."""
        self.rand_clahe.randomize()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Equalise the images under the keys, or pass them on."""
        d = dict(data)
        self.randomize()
        for key in self.key_iterator(d):
            d[key] = self.rand_clahe(d[key], randomize=False)
        return d
