# SPDX-License-Identifier: Apache-2.0
"""Square crops around lesions, equalised: what the second stage's network learns from and is later shown."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.transforms.transform import MapTransform, Randomizable
from torch import Tensor

from ..._errors import check_flag
from ..._typing import Array
from ...functional.boxes.geometry import as_boxes, square_crop_box
from ...functional.equalise import equalise_histogram
from ...functional.resize import resize
from ..rows import image_and_label, to_rows

__all__ = ["LesionCropsd", "RandLesionCropsd", "crop_input", "lesion_windows"]


def crop_input(image: Array, window: Sequence[int], *, size: tuple[int, int], channels: int = 3) -> Tensor:
    """One window x1, y1, x2, y2 of an image (H, W) as the network takes it: (channels, *size), 0 to 1."""
    x1, y1, x2, y2 = window
    part = resize(np.ascontiguousarray(image[y1:y2, x1:x2], dtype=np.float32), size=size)
    gray = torch.from_numpy(np.ascontiguousarray(equalise_histogram(part).T))
    return gray[None].repeat(channels, 1, 1)


def lesion_windows(
    boxes: Any, *, shape: tuple[int, int], margin: float, whole_image: bool = False
) -> list[tuple[int, int, int, int]]:
    """Windows cut out of an image (H, W): a square around every box (N, 4), or the whole image."""
    height, width = shape
    if whole_image:
        return [(0, 0, width, height)]
    found = as_boxes(boxes)
    if len(found) == 0:
        half = max(1, min(shape) // 4)
        x, y = width // 2, height // 2
        return [(max(x - half, 0), max(y - half, 0), x + half, y + half)]
    return [square_crop_box(box, shape=shape, margin=margin) for box in found]


class LesionCropsd(MapTransform):
    """Cut image and label around every lesion; one sample in, one sample a lesion out.

    Parameters
    ----------
    keys : (str, str)
        The image and the label, both (1, W, H).
    box_key : str
        Boxes (N, 4) in pixels of the image.
    spatial_size : (int, int)
        Width and height of the crops.
    margin : float
        Side of the square over the longer side of the box; 1.25, see docs/explanation/choices.md.
    channels : int
        Copies of the gray channel.
    whole_image : bool
        One "crop", the whole image: the one-stage system that the paper compares with.

    Notes
    -----
    The label shows every lesion that reaches into the crop, not only the one in its middle. ``window`` holds
    the crop's x1, y1, x2, y2; the boxes are left out.

    References
    ----------
    Yan et al., 2020, arXiv:2002.12079, Section 4.2.

    Examples
    --------
    >>> label = torch.zeros(1, 64, 64)
    >>> label[:, 10:20, 30:38] = 1
    >>> sample = {"image": torch.rand(1, 64, 64), "label": label, "box": [[10, 30, 20, 38]]}
    >>> [tuple(crop["image"].shape) for crop in LesionCropsd(spatial_size=[32, 32])(sample)]
    [(3, 32, 32)]
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        *,
        spatial_size: Sequence[int] = (256, 256),
        box_key: str = "box",
        margin: float = 1.25,
        channels: int = 3,
        whole_image: bool = False,
    ) -> None:
        super().__init__(keys)
        image_and_label(self.keys)
        check_flag("whole_image", whole_image)
        self.size = (int(spatial_size[0]), int(spatial_size[1]))
        self.box_key = box_key
        self.margin = margin
        self.channels = channels
        self.whole_image = whole_image

    def __call__(self, data: Mapping[Hashable, Any]) -> list[dict[Hashable, Any]]:
        """Cut the crops."""
        image, label = (to_rows(data[key])[0].cpu().numpy() for key in self.keys)
        windows = lesion_windows(
            data[self.box_key], shape=image.shape, margin=self.margin, whole_image=self.whole_image
        )
        rest = {name: value for name, value in data.items() if name not in (*self.keys, self.box_key)}
        crops = []
        for window in windows:
            x1, y1, x2, y2 = window
            mask = resize(np.ascontiguousarray(label[y1:y2, x1:x2]), size=self.size, mode="nearest")
            crops.append(
                {
                    **rest,
                    self.keys[0]: crop_input(image, window, size=self.size, channels=self.channels),
                    self.keys[1]: torch.from_numpy(np.ascontiguousarray(mask.T))[None],
                    "window": torch.tensor(window),
                }
            )
        return crops


class RandLesionCropsd(Randomizable, LesionCropsd):
    """The same around boxes that are moved and resized at random: what a detector finds is not the lesion's own box.

    Parameters
    ----------
    keys, spatial_size, box_key, margin, channels, whole_image
        As in `LesionCropsd`.
    scale : (float, float)
        Range of the resizing, uniform in its logarithm. The paper gives no augmentation: a choice, see
        docs/explanation/choices.md.
    shift : float
        Largest translation along each axis, as a share of the box's side; uniform.

    Raises
    ------
    ValueError
        If the scales are no rising pair of positive numbers, or the shift is not from 0 to below 1.

    Examples
    --------
    >>> label = torch.zeros(1, 64, 64)
    >>> label[:, 10:20, 30:38] = 1
    >>> sample = {"image": torch.rand(1, 64, 64), "label": label, "box": [[10, 30, 20, 38]]}
    >>> crops = RandLesionCropsd(spatial_size=[32, 32]).set_random_state(0)
    >>> [crop["window"].tolist() for _ in range(2) for crop in crops(sample)]
    [[9, 27, 23, 41], [8, 27, 22, 41]]
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        *,
        scale: tuple[float, float] = (0.7, 1.6),
        shift: float = 0.2,
        **options: Any,
    ) -> None:
        super().__init__(keys, **options)
        if not (0 < scale[0] <= scale[1] and 0 <= shift < 1):
            raise ValueError(f"scale must be a rising pair of positive numbers, shift in [0, 1), got {scale}, {shift}")
        self.scale = (float(scale[0]), float(scale[1]))
        self.shift = shift

    def __call__(self, data: Mapping[Hashable, Any]) -> list[dict[Hashable, Any]]:
        """Draw, then cut the crops."""
        boxes = as_boxes(data[self.box_key])
        sides = boxes[:, 2:] - boxes[:, :2]
        low, high = np.log(self.scale)
        scales = np.exp(self.R.uniform(low, high, size=(len(boxes), 1)))
        centres = boxes[:, :2] + sides / 2 + self.R.uniform(-self.shift, self.shift, size=sides.shape) * sides
        limits = np.asarray(data[self.keys[0]].shape[-2:])
        centres = np.clip(centres, 0.5, limits - 0.5)
        moved = np.concatenate([centres - scales * sides / 2, centres + scales * sides / 2], axis=1)
        return super().__call__({**data, self.box_key: moved})
