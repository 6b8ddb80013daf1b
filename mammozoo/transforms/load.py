# SPDX-License-Identifier: Apache-2.0
"""Load mammograms and masks with this library's reader, and no other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.data import ImageReader
from monai.transforms import LoadImaged

from ..io.reader import MammogramReader

__all__ = ["LoadMammogramd"]


class LoadMammogramd(LoadImaged):  # type: ignore[misc]
    """``LoadImaged`` with `mammozoo.io.reader.MammogramReader` alone.

    ``LoadImaged(reader=...)`` tries MONAI's other readers when the given one refuses a file, and so reads what was
    refused for a reason (another modality, a damaged file, a window of no width). Here the refusal stands.

    Parameters
    ----------
    keys : str or sequence of str
        Files of images or masks.
    voi : "first", "none", int or str
    allow_color, raw : bool
        As in `mammozoo.io.dicom.read_mammogram`.
    allow_missing_keys : bool

    Notes
    -----
    Gives MetaTensors (W, H) with the reader's metadata.

    Raises
    ------
    mammozoo.io.errors.MammogramError
        When called on a file that cannot be read.

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
        allow_missing_keys: bool = False,
    ) -> None:
        reader = MammogramReader(voi=voi, allow_color=allow_color, raw=raw)
        super().__init__(keys, reader=reader, image_only=True, allow_missing_keys=allow_missing_keys)  # type: ignore[arg-type]
        self.reader = reader

    def __call__(self, data: Mapping[Hashable, Any], reader: ImageReader | None = None) -> dict[Hashable, Any]:
        """Load the files under the keys."""
        result: dict[Hashable, Any] = super().__call__(data, reader=reader or self.reader)
        return result
