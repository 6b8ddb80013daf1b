# SPDX-License-Identifier: Apache-2.0
"""The same draw for the same image: random transforms in validation."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping
from copy import deepcopy
from typing import Any

from monai.transforms.transform import Randomizable, Transform

__all__ = ["FixedDrawd"]


class FixedDrawd(Transform):
    """Run a random transform with a seed of the sample's own, so that every pass draws alike.

    It counts as deterministic: ``monai.data.CacheDataset`` caches its result.

    Parameters
    ----------
    transform : monai.transforms.Randomizable
        For example `mammozoo.transforms.patches.lesion.LesionPatchesd`.
    key : str
        Entry whose text seeds the draw (default ``id``; a sample without it takes its image's file name).
    seed : int
        Added to the sample's own seed.

    Examples
    --------
    >>> from monai.transforms import RandFlipd
    >>> import torch
    >>> flip = FixedDrawd(RandFlipd("image", prob=0.5))
    >>> sample = {"id": "a", "image": torch.arange(4.0).reshape(1, 2, 2)}
    >>> bool((flip(sample)["image"] == flip(sample)["image"]).all())
    True
    """

    def __init__(self, transform: Randomizable, *, key: str = "id", seed: int = 0) -> None:
        self.transform = transform
        self.key = key
        self.seed = seed

    def __call__(self, data: Mapping[Hashable, Any]) -> Any:
        """Seed a copy of the transform from the sample, then apply it: threads that fill a cache share this object."""
        name = data.get(self.key) or getattr(data["image"], "meta", {}).get("filename_or_obj", "")
        own: Any = deepcopy(self.transform)
        own.set_random_state(seed=(self.seed + zlib.crc32(str(name).encode())) % 2**32)
        return own(data)
