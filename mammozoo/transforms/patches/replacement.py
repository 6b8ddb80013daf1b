# SPDX-License-Identifier: Apache-2.0
"""Stage 2 of hybrid training: now and then a whole mammogram gives way to an enlarged patch about its own lesion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection

from ..resize import AreaResize
from ..rows import full_scale, plain_tensor, sides_of
from .batch import BatchSampler, Pair, Sample
from .hybrid import HybridPatches

__all__ = ["LesionPatchReplacementd"]

SHARE = 0.35  # "35 % of the samples replaced at random by upsampled lesion patches" [Huang 2026, Methods]


class LesionPatchReplacementd(BatchSampler):
    """Resize each mammogram of a batch, or replace it at random by a patch about its lesion, where the batch lies.

    Parameters
    ----------
    keys : (str, str)
        Keys of image and label.
    size : int or (int, int)
        Side, or width and height, of the result.
    prob : float
        Probability of a patch, drawn for each sample by itself: 0.35 [1]_. A sample without lesion is never
        replaced, so the share is over the samples **with** a lesion.
    keep_aspect : bool
        As in :class:`~mammozoo.transforms.resize.AreaResize`, for whole mammograms.
    margin, jitter
        As in :class:`~mammozoo.transforms.patches.hybrid.HybridPatches`.
    seed, augmentation, sampling_device
        As in :class:`~mammozoo.transforms.patches.hybrid.HybridPatchBatchd`; patches and whole mammograms are
        augmented alike.

    Raises
    ------
    ValueError
        If `prob` is not a probability.

    Notes
    -----
    A handler of a MONAI trainer, with the loader of
    :class:`~mammozoo.transforms.patches.hybrid.HybridPatchBatchd`: both stages share one data set and one cache.

    References
    ----------
    .. [1] Huang et al., Cureus 18(3):e105360, 2026, Methods; open choices in ``docs/explanation/choices.md``.

    Examples
    --------
    >>> label = torch.zeros(1, 256, 200)
    >>> label[0, 100:110, 50:60] = 1
    >>> batch = [{"image": torch.rand(1, 256, 200), "label": label, "id": name} for name in "ab"]
    >>> result = LesionPatchReplacementd(size=64, prob=1.0)(batch)
    >>> result["image"].shape, bool(result["label"].float().mean() > label.mean())
    (torch.Size([2, 1, 64, 64]), True)
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        size: int | Sequence[int] = 224,
        *,
        prob: float = SHARE,
        keep_aspect: bool = False,
        margin: float = 1.5,
        jitter: float = 0.1,
        seed: int = 0,
        augmentation: Callable[..., Any] | Sequence[Callable[..., Any]] = (),
        sampling_device: str | torch.device | None = None,
    ) -> None:
        super().__init__(keys, seed=seed, augmentation=augmentation, sampling_device=sampling_device)
        if not 0 <= prob <= 1:
            raise ValueError(f"prob must lie in [0, 1], got {prob}")
        self.prob = prob
        self.resize = AreaResize(sides_of(size), keep_aspect=keep_aspect)
        self.cut = HybridPatches(size, patches=1, shares={"lesion": 1.0}, margin=margin, jitter=jitter)

    def sample(self, data: Sample, rng: np.random.Generator) -> list[Pair]:
        """The whole mammogram, resized, or a patch of it."""
        image, label = plain_tensor(data[self.image_key]), plain_tensor(data[self.label_key])
        if rng.uniform() < self.prob and bool(label.any()):
            found = self.cut(data[self.image_key], label, rng=rng)
            return [(found.images[0], found.labels[0])]
        whole = plain_tensor(self.resize(image if image.is_floating_point() else image.to(torch.float32)))
        return [(whole / full_scale(data[self.image_key]), plain_tensor(self.resize(label, mode="nearest")))]
