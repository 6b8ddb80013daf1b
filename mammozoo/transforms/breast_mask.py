# SPDX-License-Identifier: Apache-2.0
"""The breast mask as a transform."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection, NdarrayOrTensor
from monai.transforms.transform import MapTransform, Transform
from monai.utils.type_conversion import convert_data_type, convert_to_dst_type
from torch import Tensor

from .._errors import check_flag
from ..functional.breast.segment import Method, segment_breast
from ..functional.breast.segment_torch import segment_breasts

__all__ = ["BreastMask", "BreastMaskd"]


class BreastMask(Transform):
    """Find the breast of an image (C, W, H).

    Parameters
    ----------
    method : {"line", "libra"}
        As of `segment_breast`.
    pectoral : bool
        Remove the pectoral muscle of MLO views. Off by default: one mass in twelve of film MLO views lies on it.
    pectoral_min_score : float, optional
        As of `segment_breast`.

    Notes
    -----
    The first channel decides. An image on a GPU stays there: only its reduced form is brought to the CPU.

    References
    ----------
    Keller et al., Med Phys 39(8) 4903, 2012; choices in ``docs/explanation/choices.md``.

    Examples
    --------
    >>> image = torch.zeros(1, 30, 40)
    >>> image[:, :20, 5:35] = 900
    >>> int(BreastMask()(image).sum())
    600
    """

    def __init__(
        self, *, method: Method = "line", pectoral: bool = False, pectoral_min_score: float | None = None
    ) -> None:
        check_flag("pectoral", pectoral)
        self.method: Method = method
        self.pectoral = pectoral
        self.pectoral_min_score = pectoral_min_score

    def __call__(self, img: NdarrayOrTensor, *, pectoral: bool | None = None) -> Tensor:
        """Return the mask (1, W, H), uint8, on the image's device; `pectoral` overrides for this image."""
        options: dict[str, Any] = {
            "method": self.method,
            "pectoral": self.pectoral if pectoral is None else pectoral,
            "pectoral_min_score": self.pectoral_min_score,
        }
        plane = convert_data_type(img[0], torch.Tensor)[0]
        if plane.is_cuda:
            return segment_breasts(plane.T[None], **options)[0].transpose(1, 2).to(torch.uint8)
        mask = segment_breast(np.ascontiguousarray(plane.numpy().T), **options).mask
        return torch.from_numpy(mask.view(np.uint8).T)[None]


class BreastMaskd(MapTransform):
    """Dictionary form of :class:`BreastMask`.

    Parameters
    ----------
    keys : str or sequence of str
        One image.
    mask_key : str
        Where the mask goes.
    apply : bool
        Also set the image to its minimum outside the mask.
    view_key : str
        Where the view position is, if known: the pectoral muscle is looked for in MLO views only.
    method, pectoral, pectoral_min_score
        As of :class:`BreastMask`.

    Examples
    --------
    >>> image = torch.zeros(1, 30, 40)
    >>> image[:, :20, 5:35] = 900
    >>> sorted(BreastMaskd("image")({"image": image}))
    ['breast_mask', 'image']
    """

    def __init__(
        self,
        keys: KeysCollection = "image",
        *,
        mask_key: str = "breast_mask",
        apply: bool = False,
        view_key: str = "view_position",
        method: Method = "line",
        pectoral: bool = False,
        pectoral_min_score: float | None = None,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one image, got {self.keys}")
        check_flag("apply", apply)
        self.mask_key = mask_key
        self.apply = apply
        self.view_key = view_key
        self.find = BreastMask(method=method, pectoral=pectoral, pectoral_min_score=pectoral_min_score)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the mask, and darken the image outside it if asked."""
        d = dict(data)
        image = d[self.keys[0]]
        mask = self.find(image, pectoral=self.find.pectoral and d.get(self.view_key) in (None, "", "MLO"))
        d[self.mask_key] = mask
        if self.apply:
            tensor = convert_data_type(image, torch.Tensor)[0]
            d[self.keys[0]] = convert_to_dst_type(torch.where(mask.bool(), tensor, tensor.min()), image)[0]
        return d
