# SPDX-License-Identifier: Apache-2.0
"""Row 2: a DICOM file to a float32 network input, as the bundles do it, against MONAI's usual chain and bare calls."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import monai.transforms as mt
import numpy as np
from codecs_alone import bare as decoded
from codecs_alone import bare_raw
from common import Row, dicom
from monai.data import PydicomReader, set_track_meta

from mammozoo.transforms.load import LoadMammogramd
from mammozoo.transforms.resize import AreaResized
from mammozoo.transforms.scale import UnitScaled

MONAI, FLOOR = "MONAI: PydicomReader, ScaleIntensity, Resize", "pydicom, imagecodecs, cv2"
# The most that ours may take of each; what is left of MONAI's time after the wanted factor.
WANTED = {
    "explicit": {MONAI: 1 / 10, FLOOR: 1.25},
    "htj2k_lossless": {MONAI: 1 / 5, FLOOR: 1.25},
    "jpeg2000_lossless": {MONAI: 1 / 1.6, FLOOR: 1.25},
}


def ours(size: tuple[int, int]) -> Any:
    return mt.Compose(
        [
            LoadMammogramd("image", keep_type=True, ensure_channel_first=True),
            AreaResized("image", size),
            UnitScaled("image"),
        ]
    )


def monais(size: tuple[int, int]) -> Any:
    return mt.Compose(
        [
            mt.LoadImaged("image", reader=PydicomReader(), image_only=True),
            mt.EnsureChannelFirstd("image", channel_dim="no_channel"),
            mt.ScaleIntensityd("image"),
            mt.Resized("image", size),
        ]
    )


def floor(file: Path, syntax: str, size: tuple[int, int]) -> np.ndarray:
    pixels = bare_raw(file) if syntax == "explicit" else decoded(file, syntax)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    low, high = float(small.min()), float(small.max())
    return (small - low) / (high - low)


def main() -> None:
    row = Row(2, "DICOM to a float32 network input, 4096 x 3328, 12 bit")
    set_track_meta(False)  # as training does
    for size in ((256, 256), (1024, 2048)):
        mine, theirs = ours(size), monais(size)
        for syntax, wanted in WANTED.items():
            if syntax == "jpeg2000_lossless" and size != (256, 256):
                continue  # seconds each, nearly all of them OpenJPEG's
            item = {"image": dicom(syntax)}
            mine_on = partial(mine, item)
            bare = {FLOOR: partial(floor, item["image"], syntax, size)}
            case = f"{syntax}, to {size[1]} x {size[0]}"
            # One after the other, not three in turn: MONAI's copies empty the processor's cache for who follows.
            row.compare(case, mine_on, bare, wanted, repeats=11 if syntax == "explicit" else 5)
            row.compare(case, mine_on, {MONAI: partial(theirs, item)}, wanted)
    row.print()


if __name__ == "__main__":
    main()
