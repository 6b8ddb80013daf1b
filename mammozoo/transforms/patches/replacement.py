# SPDX-License-Identifier: Apache-2.0
"""Stage 2 of hybrid training: now and then a full mammogram gives way to an enlarged patch about its own lesion."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.transforms.transform import MapTransform, RandomizableTransform
from torch import Tensor

from ...functional.patches.draw import Boxes, positive_boxes
from ...functional.patches.gather import gather_masks, gather_patches
from .meta import from_rows, lesion_plane, patch_size, to_rows

__all__ = ["RandLesionPatchReplace", "RandLesionPatchReplaced"]

SHARE = 0.35  # "35 % of the samples replaced at random by upsampled lesion patches" [Huang 2026, Methods]


class RandLesionPatchReplace(RandomizableTransform):
    """Replace an image and its label, at random, by a lesion-centred patch of the same image.

    Parameters
    ----------
    prob : float
        Probability, drawn for each sample by itself: 0.35 [1]_. A sample without lesion is never replaced, so the
        share is that of a Bernoulli draw over the samples **with** a lesion; over all samples it is `prob` times
        the fraction that has one.
    size : int or (int, int), optional
        Side, or width and height, of the patch; by default those of the image, so that nothing else need follow.
        With a size, put the transform before the resizing of the images, which then leaves patches as they are.
    margin, perturbation : float
        As in :class:`mammozoo.transforms.patches.lesion.LesionPatches`.

    Notes
    -----
    The patch holds lesion pixels, always. Its box has the patch's aspect. A batch (B, C, W, H) is taken as B samples,
    each with its own draw, in memory of its own; `size` must then be the images' size or None.

    References
    ----------
    .. [1] Huang et al., Cureus 18(3):e105360, 2026, Methods; open choices in ``docs/explanation/choices.md``.

    Examples
    --------
    >>> image, label = torch.rand(1, 256, 200), torch.zeros(1, 256, 200)
    >>> label[0, 100:110, 50:60] = 1
    >>> patch, mask = RandLesionPatchReplace(prob=1.0)(image, label)
    >>> patch.shape, bool(mask.sum() > label.sum())
    (torch.Size([1, 256, 200]), True)
    """

    def __init__(
        self,
        prob: float = SHARE,
        *,
        size: int | Sequence[int] | None = None,
        margin: float = 1.5,
        perturbation: float = 0.1,
    ) -> None:
        super().__init__(prob)
        self.size = None if size is None else patch_size(size)
        self.margin = margin
        self.perturbation = perturbation
        self.box: Boxes = np.zeros((0, 4), np.int64)

    def randomize(self, mask: Tensor) -> None:
        """Draw whether to replace, and the box, for a lesion mask (H, W); an empty box says no."""
        super().randomize(None)
        self.box = np.zeros((0, 4), np.int64)
        if self._do_transform:
            self.box = positive_boxes(
                mask,
                self.R,
                count=1,
                size=self._size(mask),
                margin=self.margin,
                perturbation=self.perturbation,
            )

    def __call__(  # type: ignore[override]
        self, img: NdarrayOrTensor, label: NdarrayOrTensor, randomize: bool = True
    ) -> tuple[NdarrayOrTensor, NdarrayOrTensor]:
        """Replace an image (C, W, H) and its label (1, W, H), or each sample of a batch, or pass them on."""
        if img.ndim == 4:
            return self._batch(img, label)
        mask = to_rows(label)
        if randomize:
            self.randomize(lesion_plane(mask))
        if len(self.box) == 0:
            return img, label
        size = self._size(mask)
        patch = gather_patches(to_rows(img), self.box, size=size)[0]
        return from_rows(patch, img), from_rows(gather_masks(mask, self.box, size=size)[0], label)

    def _size(self, mask: Tensor) -> tuple[int, int]:
        return self.size or (mask.shape[-1], mask.shape[-2])

    def _batch(self, img: Any, label: Any) -> tuple[Any, Any]:
        if self.size not in (None, tuple(img.shape[2:])):
            raise ValueError(f"in a batch of {tuple(img.shape[2:])} images a patch cannot have size {self.size}")
        images, labels = (x.clone() if isinstance(x, torch.Tensor) else x.copy() for x in (img, label))
        plain = [x.as_tensor() if hasattr(x, "as_tensor") else x for x in (images, labels)]
        for index in range(len(img)):
            one: Any = self(plain[0][index], plain[1][index])
            plain[0][index], plain[1][index] = one
        return images, labels


class RandLesionPatchReplaced(RandomizableTransform, MapTransform):
    """Dictionary form of :class:`RandLesionPatchReplace`, for a sample or for a batch after the loader.

    Parameters
    ----------
    keys : (str, str)
        Keys of image and label; what lies under other keys is left alone.
    prob, size, margin, perturbation
        As in :class:`RandLesionPatchReplace`: the share of 0.35 is over samples with a lesion.

    Examples
    --------
    >>> label = torch.zeros(4, 1, 64, 64)
    >>> label[:, :, 20:30, 30:40] = 1
    >>> batch = RandLesionPatchReplaced(prob=1.0)({"image": torch.rand(4, 1, 64, 64), "label": label})
    >>> batch["image"].shape
    torch.Size([4, 1, 64, 64])
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        prob: float = SHARE,
        *,
        size: int | Sequence[int] | None = None,
        margin: float = 1.5,
        perturbation: float = 0.1,
    ) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, prob)
        if len(self.keys) != 2:
            raise ValueError(f"keys must name the image and the label, got {self.keys}")
        self.replace = RandLesionPatchReplace(prob, size=size, margin=margin, perturbation=perturbation)

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> RandLesionPatchReplaced:
        """Seed the array form, which makes every draw."""
        self.replace.set_random_state(seed, state)
        return self

    def randomize(self, mask: Tensor) -> None:
        """Draw through the array form."""
        self.replace.randomize(mask)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace image and label, or pass them on."""
        d = dict(data)
        image, label = self.keys
        d[image], d[label] = self.replace(d[image], d[label])
        return d
