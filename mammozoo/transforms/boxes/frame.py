# SPDX-License-Identifier: Apache-2.0
"""Lesion boxes beside an image: found in its label, taken into the detector's frame, gathered into batches."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.transforms.transform import MapTransform, Transform
from torch import Tensor

from ...functional.boxes.frame import find_frame, frame_image
from ...functional.boxes.geometry import as_boxes
from ...functional.components import lesion_boxes
from ..rows import to_rows

__all__ = ["LabelToBoxesd", "ToDetectorFramed", "collate_boxes", "keep_visible"]


class LabelToBoxesd(Transform):
    """Boxes of the lesions: those the data set gives, else one around every connected part of the label.

    Parameters
    ----------
    label_key : str
        The lesion mask (1, W, H).
    box_key : str
        Where the boxes go: a float32 tensor (N, 4) of x1, y1, x2, y2 in pixels, half-open. A list that is there
        already (and not None) is kept.
    min_area : int
        Parts of fewer pixels are no lesion.

    Raises
    ------
    KeyError
        If there is neither a box list nor a label.

    Examples
    --------
    >>> label = torch.zeros(1, 8, 6)
    >>> label[0, 2:4, 1:6] = 1
    >>> LabelToBoxesd()({"label": label})["box"].tolist()
    [[2.0, 1.0, 4.0, 6.0]]
    """

    def __init__(self, label_key: str = "label", box_key: str = "box", *, min_area: int = 1) -> None:
        self.label_key = label_key
        self.box_key = box_key
        self.min_area = min_area

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the boxes."""
        d = dict(data)
        boxes = d.get(self.box_key)
        if boxes is None:
            if self.label_key not in d:
                msg = f"neither '{self.box_key}' nor '{self.label_key}' says where the lesions are"
                raise KeyError(msg)
            boxes = lesion_boxes(to_rows(d[self.label_key])[0].cpu().numpy(), min_area=self.min_area)
        d[self.box_key] = torch.from_numpy(as_boxes(boxes).astype(np.float32))
        return d


class ToDetectorFramed(MapTransform):
    """Show an image and its boxes in the detector's 1:2 frame (`mammozoo.functional.boxes.frame`).

    Parameters
    ----------
    keys : str or sequence of str
        One image (1, W, H).
    box_key : str
        Boxes (N, 4) in pixels of the image; may be absent.
    spatial_size : (int, int)
        Width and height of the result.
    framing, flip_to_left
        As in `mammozoo.functional.boxes.frame.find_frame`.

    Notes
    -----
    The image becomes a plain float32 tensor (1, *spatial_size). Boxes outside the frame are dropped
    (`keep_visible`).

    Examples
    --------
    >>> image = torch.zeros(1, 30, 40)
    >>> image[0, 10:, 5:35] = 900
    >>> to_frame = ToDetectorFramed("image", [32, 64], framing="whole")
    >>> framed = to_frame({"image": image, "box": torch.tensor([[15.0, 10, 30, 20]])})
    >>> framed["image"].shape, framed["box"].tolist()
    (torch.Size([1, 32, 64]), [[0.0, 16.0, 16.0, 32.0]])
    """

    def __init__(
        self,
        keys: KeysCollection,
        spatial_size: Sequence[int],
        *,
        box_key: str = "box",
        framing: str = "padded",
        flip_to_left: bool = True,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one image, got {self.keys}")
        self.spatial_size = (int(spatial_size[0]), int(spatial_size[1]))
        self.box_key = box_key
        self.options: dict[str, Any] = {"framing": framing, "flip_to_left": flip_to_left}

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Frame the image, and move the boxes with it."""
        d = dict(data)
        rows = to_rows(d[self.keys[0]])[0].cpu().float().numpy()
        frame = find_frame(rows, **self.options)
        framed = frame_image(rows, frame, size=self.spatial_size)
        d[self.keys[0]] = torch.from_numpy(np.ascontiguousarray(framed.T))[None]
        if self.box_key in d:
            moved = torch.from_numpy(frame.to_frame(d[self.box_key], size=self.spatial_size)).float()
            d[self.box_key] = keep_visible(moved, spatial_size=self.spatial_size)
        return d


def keep_visible(boxes: Tensor, *, spatial_size: Sequence[int]) -> Tensor:
    """Drop boxes whose centre lies outside of the image, clip the others, drop what is thinner than a pixel then."""
    boxes = boxes.reshape(-1, 4).float()
    limit = torch.as_tensor(spatial_size, dtype=torch.float32, device=boxes.device)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centres >= 0) & (centres < limit)).all(dim=1)
    clipped = torch.minimum(boxes[inside].clamp(min=0), limit.repeat(2))
    return clipped[(clipped[:, 2:] - clipped[:, :2] >= 1).all(dim=1)]


def collate_boxes(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Gather samples whose numbers of boxes differ.

    Parameters
    ----------
    samples : sequence of mappings
        With ``image`` (C, W, H) and ``box`` (N, 4), other entries as they come.

    Returns
    -------
    dict
        ``image`` as a tensor (B, C, W, H), every other entry as a list of B.

    Examples
    --------
    >>> batch = collate_boxes([{"image": torch.zeros(1, 4, 8), "box": torch.zeros(n, 4)} for n in (0, 2)])
    >>> batch["image"].shape, [len(boxes) for boxes in batch["box"]]
    (torch.Size([2, 1, 4, 8]), [0, 2])
    """
    batch: dict[str, Any] = {name: [sample[name] for sample in samples] for name in samples[0]}
    batch["image"] = torch.stack([torch.as_tensor(image) for image in batch["image"]])
    return batch
