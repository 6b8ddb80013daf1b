# SPDX-License-Identifier: Apache-2.0
"""Stage 1 of hybrid training: lesion-centred patches and lesion-free ones, from one mammogram and its mask."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.transforms.transform import MapTransform, Randomizable, Transform
from torch import Tensor

from ...functional.patches.draw import fit_side, negative_boxes, positive_boxes
from ...functional.patches.gather import gather_masks, gather_patches
from ...functional.patches.strata import rough_breast
from .meta import lesion_plane, patch_like, patch_size, to_rows

__all__ = ["LesionPatches", "LesionPatchesd"]


class LesionPatches(Randomizable, Transform):
    """Cut lesion-centred patches, and lesion-free ones of the same sizes, out of a mammogram.

    Parameters
    ----------
    size : int or (int, int)
        Side, or width and height, of the patches. 224: Huang et al. [1]_, Methods.
    positives : int
        Positive patches an image; each takes one of its connected lesions at random.
    negatives_per_positive : int
        Two [1]_.
    patch_scale : {"fit", "native"}
        ``fit`` takes a square box of max(`margin` x lesion side, s), s = min(size, a quarter of the image's short
        side), and resamples it; ``native`` takes `size` pixels as they are. The paper says both.
    margin : float
        Box side in lesion sides; an open choice.
    perturbation : float
        Greatest shift of the centre as a fraction of the box's side; an open choice.
    max_negative_coverage : float
        A negative patch is rejected when lesion takes this fraction of it or more [1]_; 0 allows no lesion pixel.

    Notes
    -----
    Every positive patch holds lesion pixels, also after perturbation and resampling. An image without lesion gives
    its negatives only. A negative for which 256 candidates offer no place is left out.
    All chance lies in :meth:`randomize`; boxes are drawn on the CPU, patches gathered on the image's device.

    References
    ----------
    .. [1] Huang et al., Cureus 18(3):e105360, 2026, Methods; open choices in ``docs/explanation/choices.md``.

    Examples
    --------
    >>> import torch
    >>> image, label = torch.rand(1, 256, 200), torch.zeros(1, 256, 200)
    >>> label[0, 100:110, 50:70] = 1
    >>> patches = LesionPatches(size=64).set_random_state(seed=0)(image, label)
    >>> [(tuple(p.shape), bool(m.any())) for p, m in patches]
    [((1, 64, 64), True), ((1, 64, 64), False), ((1, 64, 64), False)]
    """

    def __init__(
        self,
        size: int | Sequence[int] = 224,
        *,
        positives: int = 1,
        negatives_per_positive: int = 2,
        patch_scale: str = "fit",
        margin: float = 1.5,
        perturbation: float = 0.1,
        max_negative_coverage: float = 0.05,
    ) -> None:
        if positives < 1 or negatives_per_positive < 0:
            raise ValueError(f"need positives >= 1 and negatives >= 0, got {positives} and {negatives_per_positive}")
        if patch_scale not in ("fit", "native"):
            raise ValueError(f"patch_scale must be 'fit' or 'native', got {patch_scale!r}")
        self.size = patch_size(size)
        self.positives = positives
        self.negatives_per_positive = negatives_per_positive
        self.patch_scale = patch_scale
        self.margin = margin
        self.perturbation = perturbation
        self.max_negative_coverage = max_negative_coverage
        self.positive = self.negative = np.zeros((0, 4), np.int64)

    def randomize(self, mask: Tensor, breast: Tensor) -> None:  # type: ignore[override]
        """Draw the boxes for a lesion mask and a breast mask, both (H, W)."""
        self.positive = positive_boxes(
            mask,
            self.R,
            count=self.positives,
            size=self.size,
            patch_scale=self.patch_scale,
            margin=self.margin,
            perturbation=self.perturbation,
        )
        if len(self.positive):
            sides = self.positive[:, 2:] - self.positive[:, :2]
        else:
            shape = (mask.shape[0], mask.shape[1])
            short = fit_side(0, shape=shape, patch=min(self.size)) if self.patch_scale == "fit" else min(self.size)
            side = np.rint(short * np.array(self.size) / min(self.size)).astype(np.int64)
            sides = np.tile(side, (self.positives, 1))
        self.negative = negative_boxes(
            mask,
            breast,
            self.R,
            sides=np.repeat(sides, self.negatives_per_positive, axis=0),
            size=self.size,
            max_coverage=self.max_negative_coverage,
        )

    def __call__(  # type: ignore[override]
        self,
        img: NdarrayOrTensor,
        label: NdarrayOrTensor,
        breast: NdarrayOrTensor | None = None,
        randomize: bool = True,
    ) -> list[tuple[Any, Any]]:
        """Cut the patches of an image (C, W, H) and its label (1, W, H).

        Parameters
        ----------
        img, label : array or tensor, shapes (C, W, H) and (1, W, H)
            The label is lesion where positive.
        breast : array or tensor, shape (1, W, H), optional
            Breast mask; by default what is brighter than a tenth of the image's range.
        randomize : bool
            False cuts the last boxes again.

        Returns
        -------
        list of (patch, label patch)
            Positive patches first; shapes (C, w, h) and (1, w, h), kinds and types as given.

        Raises
        ------
        ValueError
            If image and label differ in width or height.
        """
        if tuple(img.shape[1:]) != tuple(label.shape[1:]):
            raise ValueError(f"image {tuple(img.shape)} and label {tuple(label.shape)} differ in size")
        rows, mask = to_rows(img), to_rows(label)
        if randomize:
            place = rough_breast(rows[0]) if breast is None else to_rows(breast)[0]
            self.randomize(lesion_plane(mask), place.to(mask.device))
        boxes = np.concatenate([self.positive, self.negative])
        patches = gather_patches(rows, boxes, size=self.size)
        masks = gather_masks(mask, boxes, size=self.size)
        return [
            (patch_like(patch, img, box), patch_like(patch_mask, label, box))
            for patch, patch_mask, box in zip(patches, masks, boxes, strict=True)
        ]


class LesionPatchesd(Randomizable, MapTransform):
    """Dictionary form of :class:`LesionPatches`: one sample in, a list of samples out.

    Parameters
    ----------
    keys : (str, str)
        Keys of image and label.
    size, positives, negatives_per_positive, patch_scale, margin, perturbation, max_negative_coverage
        As in :class:`LesionPatches`.
    breast_key : str
        Key of a breast mask; used where the data have it, and left out of the patches.

    Notes
    -----
    For ``monai.data.Dataset`` with ``monai.data.list_data_collate``. What lies under other keys is handed to every
    patch as it is. An image that gives no patch at all (a lesion that leaves no room) gives its positives only.

    Examples
    --------
    >>> import torch
    >>> label = torch.zeros(1, 256, 200)
    >>> label[0, 100:110, 50:70] = 1
    >>> samples = LesionPatchesd(size=64)({"image": torch.rand(1, 256, 200), "label": label, "id": "a"})
    >>> len(samples), sorted(samples[0])
    (3, ['id', 'image', 'label'])
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        size: int | Sequence[int] = 224,
        *,
        positives: int = 1,
        negatives_per_positive: int = 2,
        patch_scale: str = "fit",
        margin: float = 1.5,
        perturbation: float = 0.1,
        max_negative_coverage: float = 0.05,
        breast_key: str = "breast_mask",
    ) -> None:
        MapTransform.__init__(self, keys)
        if len(self.keys) != 2:
            raise ValueError(f"keys must name the image and the label, got {self.keys}")
        self.breast_key = breast_key
        self.patches = LesionPatches(
            size,
            positives=positives,
            negatives_per_positive=negatives_per_positive,
            patch_scale=patch_scale,
            margin=margin,
            perturbation=perturbation,
            max_negative_coverage=max_negative_coverage,
        )

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> LesionPatchesd:
        """Seed the array form, which makes every draw."""
        self.patches.set_random_state(seed, state)
        return self

    def randomize(self, mask: Tensor, breast: Tensor) -> None:  # type: ignore[override]
        """Draw through the array form."""
        self.patches.randomize(mask, breast)

    def __call__(self, data: Mapping[Hashable, Any]) -> list[dict[Hashable, Any]]:
        """Cut the patches of one sample."""
        image, label = self.keys
        found = self.patches(data[image], data[label], data.get(self.breast_key))
        rest = {key: value for key, value in data.items() if key not in (image, label, self.breast_key)}
        return [{**rest, image: patch, label: mask} for patch, mask in found]
