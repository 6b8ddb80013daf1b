# SPDX-License-Identifier: Apache-2.0
"""Hybrid patch sampling: patches from lesion, hard negatives, breast, border and background in given shares."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform, Randomizable, Transform
from torch import Tensor

from ...functional.patches.gather import gather_masks, gather_patches
from ...functional.patches.strata import STRATA, hybrid_boxes, rough_breast, stratum_masks
from .meta import lesion_plane, patch_like, patch_size, to_rows

__all__ = ["HybridPatchBatchd", "HybridPatchSample", "HybridPatchSampled"]

DEFAULT_SHARES = {"lesion": 0.5, "hard_negative": 0.2, "breast": 0.2, "border": 0.05, "background": 0.05}


class HybridPatchSample(Randomizable, Transform):
    """Draw patches from the strata of a mammogram.

    Parameters
    ----------
    size : int or (int, int)
        Side, or width and height, of the patches in pixels.
    patches : int
        Patches an image.
    shares : mapping of str to float, optional
        Expected share of ``lesion``, ``hard_negative``, ``breast``, ``border`` and ``background``; by default half
        lesion. A stratum that an image lacks leaves its share to the others.
    extent : float or (float, float), optional
        Field of view of a patch, resampled to `size`; by default `size` pixels.
    unit : {"px", "mm"}
        Unit of `extent`. Millimetres need a MetaTensor whose affine holds the pixel spacing.
    jitter : float
        Greatest shift of a centre as a fraction of the field of view.

    Notes
    -----
    Patches of the stratum ``lesion`` hold lesion pixels, also after jitter and resampling. Boxes are drawn on the CPU,
    so a seed gives the same boxes wherever the image lies; patches are gathered on the image's device in one call.

    Examples
    --------
    >>> label = torch.zeros(1, 128, 96)
    >>> label[0, 60:70, 40:50] = 1
    >>> sample = HybridPatchSample(size=32, patches=6, shares={"lesion": 1.0}).set_random_state(seed=0)
    >>> images, labels, strata = sample(torch.rand(1, 128, 96), label)
    >>> len(images), images[0].shape, all(bool(one.any()) for one in labels), set(strata)
    (6, torch.Size([1, 32, 32]), True, {'lesion'})
    """

    def __init__(
        self,
        size: int | Sequence[int] = 224,
        *,
        patches: int = 4,
        shares: Mapping[str, float] | None = None,
        extent: float | Sequence[float] | None = None,
        unit: str = "px",
        jitter: float = 0.1,
    ) -> None:
        if unit not in ("px", "mm") or patches < 1:
            raise ValueError(f"unit must be 'px' or 'mm' and patches >= 1, got {unit!r} and {patches}")
        if unit == "mm" and extent is None:
            raise ValueError("unit 'mm' needs an extent")
        self.size = patch_size(size)
        self.patches = patches
        self.shares = {name: float(share) for name, share in (shares or DEFAULT_SHARES).items()}
        if set(self.shares) - set(STRATA):
            raise ValueError(f"shares must name some of {STRATA}, got {sorted(self.shares)}")
        self.extent = self.size if extent is None else tuple(np.broadcast_to(extent, 2).astype(float).tolist())
        self.unit = unit
        self.jitter = jitter
        self.boxes, self.strata = np.zeros((0, 4), np.int64), [""]

    def randomize(self, strata: dict[str, tuple[Tensor, int]], extent: tuple[int, int]) -> None:  # type: ignore[override]
        """Draw the boxes from the strata of an image."""
        self.boxes, self.strata = hybrid_boxes(
            strata, self.R, shares=self.shares, count=self.patches, extent=extent, jitter=self.jitter
        )

    def __call__(  # type: ignore[override]
        self,
        img: NdarrayOrTensor,
        label: NdarrayOrTensor,
        breast: NdarrayOrTensor | None = None,
        hard_negative: NdarrayOrTensor | None = None,
        randomize: bool = True,
    ) -> tuple[list[Any], list[Any], list[str]]:
        """Draw the patches of an image.

        Parameters
        ----------
        img, label : array or tensor, shapes (C, W, H) and (1, W, H)
            The label is lesion where positive.
        breast, hard_negative : array or tensor, shape (1, W, H), optional
            Breast mask and places known to mislead; found roughly from the image by default.
        randomize : bool
            False cuts the last boxes again.

        Returns
        -------
        images, labels : list of array or tensor, shapes (C, w, h) and (1, w, h)
        strata : list of str

        Raises
        ------
        ValueError
            If image and label differ in size, or millimetres are asked for without a known pixel spacing.
        """
        if tuple(img.shape[1:]) != tuple(label.shape[1:]):
            raise ValueError(f"image {tuple(img.shape)} and label {tuple(label.shape)} differ in size")
        rows, mask = to_rows(img), to_rows(label)
        if randomize:
            place = rough_breast(rows[0]) if breast is None else to_rows(breast)[0].to(rows.device) > 0
            hard = None if hard_negative is None else to_rows(hard_negative)[0].to(rows.device)
            lesion = lesion_plane(mask).to(rows.device)
            self.randomize(stratum_masks(rows[0], lesion, place, hard_negative=hard), self._extent_pixels(img))
        patches = gather_patches(rows, self.boxes, size=self.size)
        masks = gather_masks(mask, self.boxes, size=self.size)
        images = [patch_like(patch, img, box) for patch, box in zip(patches, self.boxes, strict=True)]
        labels = [patch_like(one, label, box) for one, box in zip(masks, self.boxes, strict=True)]
        return images, labels, list(self.strata)

    def _extent_pixels(self, img: NdarrayOrTensor) -> tuple[int, int]:
        extent = np.array(self.extent, np.float64)
        if self.unit == "mm":
            if not isinstance(img, MetaTensor) or img.meta.get("pixel_spacing", 1) is None:
                raise ValueError("the image's pixel spacing is not known; give the extent in pixels (unit='px')")
            extent = extent / np.asarray(img.pixdim[:2], np.float64)
        width, height = np.maximum(np.rint(extent), 1).astype(int).tolist()
        return width, height


class HybridPatchSampled(Randomizable, MapTransform):
    """Dictionary form of :class:`HybridPatchSample`: one sample in, a list of samples out.

    Parameters
    ----------
    keys : (str, str)
        Keys of image and label.
    size, patches, shares, extent, unit, jitter
        As in :class:`HybridPatchSample`.
    breast_key, hard_negative_key : str
        Keys of a breast mask and a map of misleading places; used where the data have them, and left out after.

    Notes
    -----
    For ``monai.data.Dataset`` with ``monai.data.list_data_collate``. Each patch says its stratum under ``stratum``.

    Examples
    --------
    >>> data = {"image": torch.rand(1, 128, 96), "label": torch.zeros(1, 128, 96)}
    >>> samples = HybridPatchSampled(size=32, patches=3, shares={"lesion": 1, "breast": 1})(data)
    >>> [sample["stratum"] for sample in samples]
    ['breast', 'breast', 'breast']
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        size: int | Sequence[int] = 224,
        *,
        patches: int = 4,
        shares: Mapping[str, float] | None = None,
        extent: float | Sequence[float] | None = None,
        unit: str = "px",
        jitter: float = 0.1,
        breast_key: str = "breast_mask",
        hard_negative_key: str = "hard_negative",
    ) -> None:
        MapTransform.__init__(self, keys)
        if len(self.keys) != 2:
            raise ValueError(f"keys must name the image and the label, got {self.keys}")
        self.breast_key, self.hard_negative_key = breast_key, hard_negative_key
        self.sample = HybridPatchSample(size, patches=patches, shares=shares, extent=extent, unit=unit, jitter=jitter)

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> HybridPatchSampled:
        """Seed the array form, which makes every draw."""
        self.sample.set_random_state(seed, state)
        return self

    def randomize(self, strata: dict[str, tuple[Tensor, int]], extent: tuple[int, int]) -> None:  # type: ignore[override]
        """Draw through the array form."""
        self.sample.randomize(strata, extent)

    def __call__(self, data: Mapping[Hashable, Any]) -> list[dict[Hashable, Any]]:
        """Draw the patches of one sample."""
        image, label = self.keys
        found = self.sample(data[image], data[label], data.get(self.breast_key), data.get(self.hard_negative_key))
        dropped = (image, label, self.breast_key, self.hard_negative_key)
        rest = {key: value for key, value in data.items() if key not in dropped}
        return [{**rest, image: patch, label: mask, "stratum": name} for patch, mask, name in zip(*found, strict=True)]


class HybridPatchBatchd(Randomizable, MapTransform):
    """:class:`HybridPatchSample` after the loader: a batch of images in, one batch of patches out.

    Parameters
    ----------
    keys : (str, str)
        Keys of image (B, C, W, H) and label (B, 1, W, H), on any device.
    size, patches, shares, extent, jitter
        As in :class:`HybridPatchSample`; the extent is in pixels.

    Notes
    -----
    The result has the two keys only, with B x `patches` plain tensors each, patches of one image together.

    Examples
    --------
    >>> batch = {"image": torch.rand(2, 1, 128, 96), "label": torch.zeros(2, 1, 128, 96)}
    >>> HybridPatchBatchd(size=32, patches=3)(batch)["image"].shape
    torch.Size([6, 1, 32, 32])
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        size: int | Sequence[int] = 224,
        *,
        patches: int = 4,
        shares: Mapping[str, float] | None = None,
        extent: float | Sequence[float] | None = None,
        jitter: float = 0.1,
    ) -> None:
        MapTransform.__init__(self, keys)
        if len(self.keys) != 2:
            raise ValueError(f"keys must name the image and the label, got {self.keys}")
        self.sample = HybridPatchSample(size, patches=patches, shares=shares, extent=extent, jitter=jitter)

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> HybridPatchBatchd:
        """Seed the array form, which makes every draw."""
        self.sample.set_random_state(seed, state)
        return self

    def randomize(self, strata: dict[str, tuple[Tensor, int]], extent: tuple[int, int]) -> None:  # type: ignore[override]
        """Draw through the array form."""
        self.sample.randomize(strata, extent)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Draw the patches of each image of a batch."""
        image, label = self.keys
        pixels, masks = (x.as_tensor() if isinstance(x, MetaTensor) else x for x in (data[image], data[label]))
        found = [self.sample(one, mask) for one, mask in zip(pixels, masks, strict=True)]
        return {
            image: torch.stack([patch for images, _, _ in found for patch in images]),
            label: torch.stack([mask for _, labels, _ in found for mask in labels]),
        }
