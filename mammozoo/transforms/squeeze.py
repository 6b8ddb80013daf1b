# SPDX-License-Identifier: Apache-2.0
"""Shapes between files and networks: what a reader gives to (W, H), and a prediction back to its file's shape."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform, Transform
from monai.utils.type_conversion import convert_to_dst_type

from ..io.masks import binary_mask, say_once

__all__ = ["LabelToMask", "LabelToMaskd", "RestoreShape", "RestoreShaped", "Squeeze2D", "Squeeze2Dd"]


class Squeeze2D(Transform):
    """Make (W, H) of what image files hold: one slice (W, H, 1), colour (W, H, 3) or colour and alpha (W, H, 4).

    Notes
    -----
    Stands between LoadImage and ``EnsureChannelFirst(channel_dim="no_channel")``. Colours are averaged, alpha is
    dropped; integers stay integers (rounded). ``meta["spatial_shape"]`` is left as the file has it, so that
    :class:`RestoreShape` can find the way back.

    Examples
    --------
    >>> Squeeze2D()(torch.zeros(40, 64, 1)).shape
    torch.Size([40, 64])
    """

    def __call__(self, img: NdarrayOrTensor) -> NdarrayOrTensor:
        """Reduce an array (W, H), (W, H, 1), (W, H, 3) or (W, H, 4) to (W, H).

        Raises
        ------
        ValueError
            If the array has another shape.
        """
        shape = tuple(img.shape)
        if len(shape) == 2:
            return img
        if len(shape) != 3 or shape[-1] not in (1, 3, 4):
            raise ValueError(f"expected (W, H), (W, H, 1), (W, H, 3) or (W, H, 4), got {shape}: not a 2-D image")
        if shape[-1] == 1:
            result = img[..., 0]
        elif isinstance(img, np.ndarray):
            mean = img[..., :3].mean(axis=-1, dtype=np.float32)
            result = (np.rint(mean) if img.dtype.kind in "iub" else mean).astype(img.dtype)
        else:
            mean = img[..., :3].to(torch.float32).mean(dim=-1)
            result = (mean if img.is_floating_point() else mean.round()).to(img.dtype)
        if isinstance(result, MetaTensor):
            result.spatial_ndim = 2
        return result


class Squeeze2Dd(MapTransform):
    """Dictionary form of :class:`Squeeze2D`, for images and labels alike.

    Parameters
    ----------
    keys : key or keys
        Arrays to reduce.
    allow_missing_keys : bool
        Pass over keys that the data lack.

    Examples
    --------
    >>> Squeeze2Dd("image")({"image": np.zeros((40, 64, 3), np.uint8)})["image"].shape
    (40, 64)
    """

    def __init__(self, keys: KeysCollection, *, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.squeeze = Squeeze2D()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Reduce the arrays under the keys."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.squeeze(d[key])
        return d


class LabelToMask(Transform):
    """Make a 0/1 mask (uint8) of the values of a label file, by the rule of `mammozoo.io.masks.binary_mask`.

    Parameters
    ----------
    threshold : float, optional
        Values above it are lesion, whatever they are: for masks that were interpolated on the way.

    Examples
    --------
    >>> LabelToMask()(torch.tensor([[[0.0, 255.0]]]))
    tensor([[[0, 1]]], dtype=torch.uint8)
    """

    def __init__(self, *, threshold: float | None = None) -> None:
        self.threshold = threshold

    def __call__(self, label: NdarrayOrTensor) -> NdarrayOrTensor:
        """Binarise a label of any shape.

        Raises
        ------
        mammozoo.io.errors.MammogramError
            If its values are those of a gray image.
        """
        mask: Any = label > (self.threshold or 0)
        if self.threshold is None and not bool((mask == label).all()):
            name = str(label.meta.get("filename_or_obj", "label")) if isinstance(label, MetaTensor) else "label"
            values = np.asarray(label if isinstance(label, np.ndarray) else label.detach().cpu())
            plane = values.squeeze() if values.squeeze().ndim == 2 else values.reshape(-1, values.shape[-1])
            found, note = binary_mask(plane, name=name, lossy=name.lower().endswith((".jpg", ".jpeg")))
            say_once(note, name)
            mask = convert_to_dst_type(found.reshape(values.shape), label)[0]
        return mask.astype(np.uint8) if isinstance(mask, np.ndarray) else mask.to(torch.uint8)


class LabelToMaskd(MapTransform):
    """Dictionary form of :class:`LabelToMask`.

    Parameters
    ----------
    keys : key or keys
        Labels to binarise.
    threshold : float, optional
        Values above it are lesion.
    allow_missing_keys : bool
        Pass over keys that the data lack.

    Examples
    --------
    >>> LabelToMaskd("label")({"label": np.array([[[0, 255]]])})["label"]
    array([[[0, 1]]], dtype=uint8)
    """

    def __init__(
        self, keys: KeysCollection = "label", *, threshold: float | None = None, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.to_mask = LabelToMask(threshold=threshold)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Binarise the labels under the keys."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.to_mask(d[key])
        return d


class RestoreShape(Transform):
    """Give a prediction (1, W, H) the number of axes its image file has.

    Notes
    -----
    A file of one slice, (W, H, 1), gets (1, W, H, 1) and keeps its spacing; a flat file, (W, H), gets (W, H). MONAI
    Label's writer turns anything else into a strip one pixel wide and reports success. It must come last, after
    Invertd and a conversion to uint8. A file of colours, (W, H, 3), counts as flat.

    Examples
    --------
    >>> RestoreShape()(torch.zeros(1, 40, 64), spatial_shape=(40, 64, 1)).shape
    torch.Size([1, 40, 64, 1])
    """

    def __call__(self, pred: NdarrayOrTensor, spatial_shape: Any) -> NdarrayOrTensor:  # type: ignore[override]
        """Shape `pred` (1, W, H) after the file's `spatial_shape`.

        Raises
        ------
        ValueError
            If the prediction is not (1, W, H).
        """
        if pred.ndim != 3 or pred.shape[0] != 1:
            raise ValueError(f"expected a prediction (1, W, H), got {tuple(pred.shape)}; put RestoreShaped last")
        shape = [int(n) for n in np.asarray(spatial_shape).ravel()]
        return pred[..., None] if len(shape) == 3 and shape[-1] == 1 else pred[0]


class RestoreShaped(MapTransform):
    """Dictionary form of :class:`RestoreShape`; the last post-processing step under MONAI Label.

    Parameters
    ----------
    keys : key or keys
        Predictions.
    ref_image : str
        Key of the image whose metadata give the file's shape.
    allow_missing_keys : bool
        Pass over keys that the data lack.

    Examples
    --------
    >>> image = MetaTensor(torch.zeros(1, 40, 64), meta={"spatial_shape": (40, 64)})
    >>> RestoreShaped("pred")({"pred": torch.zeros(1, 40, 64), "image": image})["pred"].shape
    torch.Size([40, 64])
    """

    def __init__(
        self, keys: KeysCollection = "pred", ref_image: str = "image", *, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.ref_image = ref_image
        self.restore = RestoreShape()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Shape the predictions under the keys.

        Raises
        ------
        KeyError
            If neither the image nor ``<image>_meta_dict`` tells the file's shape.
        """
        d = dict(data)
        image = d.get(self.ref_image)
        meta = image.meta if isinstance(image, MetaTensor) else d.get(f"{self.ref_image}_meta_dict", {})
        if "spatial_shape" not in meta:
            raise KeyError(f"'{self.ref_image}' has no metadata 'spatial_shape'; load it with LoadImaged")
        for key in self.key_iterator(d):
            d[key] = self.restore(d[key], meta["spatial_shape"])
        return d
