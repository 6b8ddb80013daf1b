# SPDX-License-Identifier: Apache-2.0
"""Stage 1 of hybrid training: patches of lesions and of what misleads, from one mammogram and its mask."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.transforms.transform import MapTransform, Transform
from torch import Tensor

from ...functional.patches.draw import Boxes, LesionMap
from ...functional.patches.gather import gather_masks, gather_patches
from ...functional.patches.strata import STRATA, coarse, coarse_step, hybrid_boxes, stratum_places
from ..rows import full_scale, image_and_label, lesion_plane, sides_of, to_rows
from .batch import BatchSampler, Pair, Sample, sample_generator, sample_name

__all__ = ["HybridPatchBatchd", "HybridPatches", "HybridPatchesd", "Patches"]


class Patches(NamedTuple):
    """Patches of one mammogram: images (N, C, w, h) float, labels (N, 1, w, h), boxes (N, 4) xyxy, strata (N)."""

    images: Tensor
    labels: Tensor
    boxes: Boxes
    strata: list[str]


class HybridPatches(Transform):
    """Draw patches of a mammogram from its strata and cut them on the device that holds it.

    Parameters
    ----------
    size : int or (int, int)
        Side, or width and height, of the patches in pixels. 224: Huang et al. [1]_, Methods.
    patches : int
        Patches an image.
    shares : mapping of str to float, optional
        Shares of ``lesion``, ``hard_negative``, ``breast``, ``border`` and ``background``, of any sum. By default
        one each of the first three: of three patches one shows a lesion and two do not, as in [1]_.
    patch_scale : {"fit", "native"}
        ``fit`` takes a box of max(`margin` x lesion side, s), s = min(size, a quarter of the image's short side), and
        resamples it; ``native`` takes `size` pixels as they are. The paper says both.
    margin : float
        Box side in lesion sides; an open choice.
    jitter : float
        Greatest shift of a box's centre as a fraction of its side; an open choice.
    max_negative_coverage : float
        A patch of another stratum than ``lesion`` is rejected when lesion takes this fraction of it or more [1]_; 0
        allows no lesion pixel.

    Raises
    ------
    ValueError
        If an argument is out of its range or a stratum is unknown.

    Notes
    -----
    After jitter and resampling a lesion patch holds lesion pixels and a ``hard_negative`` none. Hard negatives lie
    about the brightest tenth of the breast unless a map of misleading places is given. The share of a stratum that
    the image lacks goes to the others; a negative that finds no place is left out. Boxes are drawn on the CPU: the
    same for every device. Integer images become floats, divided by their type's greatest number.

    References
    ----------
    .. [1] Huang et al., Cureus 18(3):e105360, 2026, Methods; open choices in ``docs/explanation/choices.md``.

    Examples
    --------
    >>> image, label = torch.rand(1, 256, 200), torch.zeros(1, 256, 200)
    >>> label[0, 100:110, 50:70] = 1
    >>> found = HybridPatches(size=64)(image, label, rng=np.random.default_rng(0))
    >>> found.images.shape, found.strata, found.labels.flatten(1).any(1).tolist()
    (torch.Size([3, 1, 64, 64]), ['lesion', 'hard_negative', 'breast'], [True, False, False])
    """

    def __init__(
        self,
        size: int | Sequence[int] = 224,
        *,
        patches: int = 3,
        shares: Mapping[str, float] | None = None,
        patch_scale: str = "fit",
        margin: float = 1.5,
        jitter: float = 0.1,
        max_negative_coverage: float = 0.05,
    ) -> None:
        self.shares = dict(shares or {"lesion": 1, "hard_negative": 1, "breast": 1})
        if set(self.shares) - set(STRATA) or min(self.shares.values()) < 0 or sum(self.shares.values()) <= 0:
            raise ValueError(f"shares must be positive numbers for some of {STRATA}, got {self.shares}")
        if patch_scale not in ("fit", "native"):
            raise ValueError(f"patch_scale must be 'fit' or 'native', got {patch_scale!r}")
        if patches < 1 or not 0 <= max_negative_coverage <= 1:
            got = f"{patches} and {max_negative_coverage}"
            raise ValueError(f"patches must be >= 1 and max_negative_coverage in [0, 1], got {got}")
        self.size = sides_of(size)
        self.options: dict[str, Any] = {
            "count": patches,
            "size": self.size,
            "patch_scale": patch_scale,
            "margin": margin,
            "jitter": jitter,
            "max_negative_coverage": max_negative_coverage,
        }

    def randomize(
        self,
        image: Tensor,
        mask: Tensor,
        rng: np.random.Generator,
        *,
        breast: NdarrayOrTensor | None = None,
        hard_negative: NdarrayOrTensor | None = None,
    ) -> tuple[Boxes, list[str]]:
        """Draw boxes and strata for an image and a lesion mask, both (H, W)."""
        lesions, step, places = LesionMap(mask), coarse_step((mask.shape[0], mask.shape[1])), {}
        if set(self.shares) != {"lesion"} or len(lesions.boxes) == 0:
            maps = {
                name: None if given is None else coarse(to_rows(given)[0], step)
                for name, given in (("breast", breast), ("hard_negative", hard_negative))
            }
            places = stratum_places(coarse(image, step), coarse(mask, step), **maps)
        return hybrid_boxes(lesions, places, rng, step=step, shares=self.shares, **self.options)

    def __call__(  # type: ignore[override]
        self,
        img: NdarrayOrTensor,
        label: NdarrayOrTensor,
        *,
        rng: np.random.Generator,
        breast: NdarrayOrTensor | None = None,
        hard_negative: NdarrayOrTensor | None = None,
    ) -> Patches:
        """Draw and cut the patches of an image.

        Parameters
        ----------
        img, label : array or tensor, shapes (C, W, H) and (1, W, H)
            The label is lesion where positive; both on one device.
        rng : numpy.random.Generator
        breast, hard_negative : array or tensor, shape (1, W, H), optional
            Breast mask and places known to mislead; found roughly from the image by default.

        Raises
        ------
        ValueError
            If image and label differ in size.
        """
        if tuple(img.shape[1:]) != tuple(label.shape[1:]):
            raise ValueError(f"image {tuple(img.shape)} and label {tuple(label.shape)} differ in size")
        rows, mask = to_rows(img), to_rows(label)
        boxes, strata = self.randomize(rows[0], lesion_plane(mask), rng, breast=breast, hard_negative=hard_negative)
        patches = gather_patches(rows, boxes, size=self.size) / full_scale(img)
        masks = gather_masks(mask, boxes, size=self.size)
        images, labels = (found.transpose(-1, -2).contiguous() for found in (patches, masks))
        return Patches(images, labels, boxes, strata)


class HybridPatchesd(MapTransform):
    """Dictionary form of :class:`HybridPatches`: one sample in, a list of samples out, the same at every pass.

    Parameters
    ----------
    keys : (str, str)
        Keys of image and label.
    size, **options
        As in :class:`HybridPatches`.
    seed : int
        With the sample's ``id`` (or its image's file name) it decides the draw.
    breast_key, hard_negative_key : str
        Keys of a breast mask and a map of misleading places; used where the data have them, and left out after.

    Notes
    -----
    For validation: ``monai.data.CacheDataset`` caches the patches, not the mammogram. Each patch says its stratum
    under ``stratum``.

    Examples
    --------
    >>> label = torch.zeros(1, 256, 200)
    >>> label[0, 100:110, 50:70] = 1
    >>> samples = HybridPatchesd(size=64)({"image": torch.rand(1, 256, 200), "label": label, "id": "a"})
    >>> len(samples), sorted(samples[0])
    (3, ['id', 'image', 'label', 'stratum'])
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        size: int | Sequence[int] = 224,
        *,
        seed: int = 0,
        breast_key: str = "breast_mask",
        hard_negative_key: str = "hard_negative",
        **options: Any,
    ) -> None:
        super().__init__(keys)
        image_and_label(self.keys)
        self.seed = int(seed)
        self.breast_key, self.hard_negative_key = breast_key, hard_negative_key
        self.cut = HybridPatches(size, **options)

    def __call__(self, data: Mapping[Hashable, Any]) -> list[dict[Hashable, Any]]:
        """Cut the patches of one sample."""
        (image, label), maps = self.keys, (self.breast_key, self.hard_negative_key)
        rng = sample_generator(sample_name(data, image), seed=self.seed)
        found = self.cut(data[image], data[label], rng=rng, breast=data.get(maps[0]), hard_negative=data.get(maps[1]))
        rest = {key: value for key, value in data.items() if key not in (image, label, *maps)}
        parts = zip(found.images, found.labels, found.strata, strict=True)
        return [{**rest, image: patch, label: mask, "stratum": name} for patch, mask, name in parts]


class HybridPatchBatchd(BatchSampler):
    """:class:`HybridPatches` of every mammogram of a batch, on the device that trains: other patches at every pass.

    Parameters
    ----------
    keys : (str, str)
        Keys of image and label.
    size, **options
        As in :class:`HybridPatches`.
    seed : int
        With epoch, iteration and the sample's ``id`` (or its image's file name) it decides the draw.
    augmentation : transform or sequence of transforms
        Dictionary transforms of each patch, seeded by the same draw.
    sampling_device : str or torch.device, optional
        Where patches are cut: ``"cpu"`` cuts them in main memory and sends only them; by default the mammograms go to
        the trainer's device, and patches are cut there. Both draw the same boxes.
    breast_key, hard_negative_key : str
        As in :class:`HybridPatchesd`.

    Notes
    -----
    Listed among the handlers of a MONAI trainer, it replaces each batch before the network sees it. Its loader takes
    ``collate_fn=monai.data.utils.no_collation``, so mammograms of several sizes need no padding.

    Examples
    --------
    >>> batch = [{"image": torch.rand(1, w, 128), "label": torch.zeros(1, w, 128), "id": str(w)} for w in (96, 80)]
    >>> HybridPatchBatchd(size=32, patches=3)(batch, epoch=1, iteration=1)["image"].shape
    torch.Size([6, 1, 32, 32])
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        size: int | Sequence[int] = 224,
        *,
        seed: int = 0,
        augmentation: Callable[..., Any] | Sequence[Callable[..., Any]] = (),
        sampling_device: str | torch.device | None = None,
        breast_key: str = "breast_mask",
        hard_negative_key: str = "hard_negative",
        **options: Any,
    ) -> None:
        super().__init__(keys, seed=seed, augmentation=augmentation, sampling_device=sampling_device)
        self.breast_key, self.hard_negative_key = breast_key, hard_negative_key
        self.cut = HybridPatches(size, **options)

    def sample(self, data: Sample, rng: np.random.Generator) -> list[Pair]:
        """The patches of one mammogram."""
        image, label = data[self.image_key], data[self.label_key]
        maps = {"breast": data.get(self.breast_key), "hard_negative": data.get(self.hard_negative_key)}
        found = self.cut(image, label, rng=rng, **maps)
        return list(zip(found.images, found.labels, strict=True))
