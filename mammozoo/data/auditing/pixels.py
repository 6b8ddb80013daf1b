# SPDX-License-Identifier: Apache-2.0
"""The part of the leakage audit that opens the images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..issue import Issue, issue
from ..masks import lesion_area_224, read_pixels
from ..record import Record
from .fingerprint import dark_share, fingerprint, similar_pairs

#: An image with less air than this looks like a crop (see `dark_share`).
CROP_DARK_SHARE = 0.08
#: An image with less than this share of the median area looks like a crop.
CROP_AREA_SHARE = 1 / 16
_CROP_WORDS = ("cropped image", "crops/", "_crop.")


@dataclass(frozen=True)
class Picture:
    """What the audit keeps of one opened image."""

    part: str
    record: Record
    shape: tuple[int, int]
    dark: float
    vector: NDArray[np.float32] | None = field(compare=False)
    lesion: bool


def read_pictures(parts: Mapping[str, Sequence[Record]], *, workers: int) -> tuple[list[Picture], list[Issue]]:
    """Open every image of every part."""
    jobs = [(part, record) for part, records in parts.items() for record in records]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        results = list(pool.map(lambda job: _open(*job), jobs))
    broken = [result for result in results if isinstance(result, str)]
    pictures = [result for result in results if isinstance(result, Picture)]
    return pictures, issue("unreadable", "images cannot be read", broken)


def _open(part: str, record: Record) -> Picture | str:
    try:
        pixels = read_pixels(record.image)
        lesion = lesion_area_224(record) > 0
    except Exception as error:
        # Decoders raise all sorts of errors on broken files; none may stop the audit of the others.
        return f"{record.id} ({error})"
    height, width = pixels.shape
    return Picture(part, record, (height, width), dark_share(pixels), fingerprint(pixels), lesion)


def near_duplicates(pictures: Sequence[Picture]) -> tuple[list[Issue], list[Issue]]:
    """Pictures that stand twice under different ids."""
    known = [(picture, picture.vector) for picture in pictures if picture.vector is not None]
    pairs = similar_pairs(np.stack([vector for _, vector in known])) if known else []
    across: dict[str, list[str]] = defaultdict(list)
    within, conflicts = [], []
    for first, second, cosine, mirrored in pairs:
        a, b = known[first][0], known[second][0]
        text = f"{a.record.id} = {b.record.id}{' mirrored' if mirrored else ''} {cosine:.2f}"
        if a.part != b.part:
            across[f"near-duplicate pairs in {a.part} and {b.part}"].append(text)
        else:
            within.append(text)
        if a.record.class_name != b.record.class_name:
            conflicts.append(text)
    return (
        [item for detail, texts in across.items() for item in issue("near_duplicate", detail, texts)],
        [
            *issue("near_duplicate", "near-duplicate pairs within a part", within),
            *issue("label_conflict", "near-duplicate pairs with different labels", conflicts),
        ],
    )


def pixel_warnings(pictures: Sequence[Picture]) -> list[Issue]:
    """Blank images, crops, and lesions in images that are labelled normal."""
    median = float(np.median([np.prod(picture.shape) for picture in pictures])) if pictures else 0.0
    crops, blank, normal = [], [], []
    for picture in pictures:
        path = "/".join(Path(picture.record.image.lower()).parts[-2:])
        if picture.vector is None:
            blank.append(picture.record.id)
        elif (
            picture.dark < CROP_DARK_SHARE
            or np.prod(picture.shape) < CROP_AREA_SHARE * median
            or any(word in path for word in _CROP_WORDS)
        ):
            crops.append(picture.record.id)
        if picture.lesion and picture.record.class_name.lower() == "normal":
            normal.append(picture.record.id)
    return [
        *issue("blank", "images have no contrast", blank),
        *issue("crop", "images look like crops: never in one table with whole mammograms", crops),
        *issue("label_conflict", "images are labelled normal and have a lesion mask", normal),
    ]
