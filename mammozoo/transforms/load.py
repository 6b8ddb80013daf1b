# SPDX-License-Identifier: Apache-2.0
"""Load mammograms and masks with this library's reader, and no other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import ImageReader, MetaTensor
from monai.transforms import LoadImaged
from monai.utils import ensure_tuple

from .._typing import Array
from ..io.dicom.read import Mammogram
from ..io.dicom.reduced import area_reduced
from ..io.masks import match_shape, read_mask, say_once
from ..io.reader import MammogramReader

__all__ = ["LoadMammogramd"]


class LoadMammogramd(LoadImaged):  # type: ignore[misc]
    """``LoadImaged`` with `mammozoo.io.reader.MammogramReader` alone, and without its transposed copy of each image.

    ``LoadImaged(reader=...)`` tries MONAI's other readers when the given one refuses a file, and so reads what was
    refused for a reason (another modality, a damaged file, a window of no width). Here the refusal stands.

    Parameters
    ----------
    keys : str or sequence of str
        Files of images or masks.
    voi : "first", "none", int or str
    allow_color, raw : bool
    reduce : int
    backend : {"pydicom", "itk"}
        As in `mammozoo.io.dicom.read.read_mammogram`.
    intents : sequence of str
        As in `mammozoo.io.reader.MammogramReader`: other presentation intents warn.
    keep_type : bool
        Keep uint8 and uint16 rather than convert to float32. Followed by `mammozoo.transforms.resize.AreaResized`,
        which keeps the type too, and only then by a scaling to float32, it is the fastest way to a network's input.
    ensure_channel_first : bool
        Give (1, W, H), as MONAI's ``EnsureChannelFirstd`` would after it.
    mask_keys : str or sequence of str
        Those of the keys that hold lesion masks: they are read by `mammozoo.io.masks.read_mask`, which gives 0 and 1,
        and brought to the size of the first image. Several files are united.
    allow_missing_keys : bool

    Notes
    -----
    Gives MetaTensors (W, H), or (C, W, H) of several files, with the reader's metadata; they are transposed views of
    the images' rows, as fast to resize as the rows themselves.

    Raises
    ------
    mammozoo.io.errors.MammogramError
        When called on a file that cannot be read.
    UserError
        When a mask is not one picture with its image (aspects differ by more than 2 %).

    Examples
    --------
    >>> LoadMammogramd(["image", "label"]).keys
    ('image', 'label')
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        voi: str | int = "first",
        allow_color: bool = False,
        raw: bool = False,
        reduce: int = 0,
        backend: str = "pydicom",
        intents: Sequence[str] = (),
        keep_type: bool = False,
        ensure_channel_first: bool = False,
        mask_keys: KeysCollection = "label",
        allow_missing_keys: bool = False,
    ) -> None:
        reader = MammogramReader(
            voi=voi, allow_color=allow_color, raw=raw, reduce=reduce, backend=backend, intents=intents
        )
        super().__init__(keys, reader=reader, image_only=True, allow_missing_keys=allow_missing_keys)  # type: ignore[arg-type]
        self.reader = reader
        self.keep_type = keep_type
        self.ensure_channel_first = ensure_channel_first
        self.mask_keys = ensure_tuple(mask_keys)

    def __call__(self, data: Mapping[Hashable, Any], reader: ImageReader | None = None) -> dict[Hashable, Any]:
        """Load the files under the keys."""
        d = dict(data)
        used = reader or self.reader
        shape: tuple[int, ...] | None = None  # (W, H) of the first image
        for key in sorted(self.key_iterator(d), key=lambda key: key in self.mask_keys):
            if key in self.mask_keys:
                array, meta = used.get_data(self._read_masks(d[key], shape))
            else:
                array, meta = used.get_data(used.read(d[key]))
                shape = shape or _plane(array.shape)
            tensor = _tensor(array if self.keep_type else array.astype(np.float32, order="K", copy=False))
            if self.ensure_channel_first and tensor.ndim == 2:
                tensor, meta["original_channel_dim"] = tensor[None], 0
            d[key] = MetaTensor.ensure_torch_and_prune_meta(tensor, meta)
        return d

    def _read_masks(self, files: Any, shape: tuple[int, ...] | None) -> list[tuple[str, Mammogram, None]]:
        """What a reader would give for the mask files of one image, united."""
        paths = [str(file) for file in ensure_tuple(files)]
        masks: list[Array] = []
        for path in paths:
            read = read_mask(path)
            say_once(read.note, path)
            mask = area_reduced(255 * read.mask, self.reader.reduce) // 128 if self.reader.reduce else read.mask
            wanted = masks[0].shape if masks else mask.shape if shape is None else shape[::-1]
            masks.append(match_shape(mask, wanted, name=path))
        return [(paths[0], Mammogram(pixels=np.maximum.reduce(masks)), None)]


def _plane(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(W, H) of (W, H), (C, W, H) or, from a NIfTI file of one slice, (W, H, 1)."""
    return shape[:2] if shape[2:] == (1,) else shape[-2:]


def _tensor(array: Array) -> torch.Tensor:
    """The array as a tensor of the same strides; MONAI would bring it into C order first, ten times slower."""
    return torch.from_numpy(array if array.flags.writeable else array.copy(order="K"))
