# SPDX-License-Identifier: Apache-2.0
"""DICOM segmentations that lie among the images become labels (in the environment that has highdicom)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ...io.clinical.seg import read_segmentation, segmented_images
from ...io.errors import MammogramError
from .labels import LabelStore
from .studies import Studies


def import_segmentations(found: Studies, labels: Path) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Read segmentations as final labels that are not there yet; of several of one image the newest counts."""
    if found.segmentations and importlib.util.find_spec("highdicom") is None:
        return 0, tuple((path.name, "needs highdicom: pip install mammozoo[clinic]") for path in found.segmentations)
    store = LabelStore(labels)
    sizes = {image.id: (image.rows, image.columns) for image in found.images if image.kind == "dicom"}
    newest: dict[str, tuple[str, Path]] = {}
    refused = []
    for path in found.segmentations:
        try:
            images, made = segmented_images(path)
        except MammogramError as error:
            refused.append((path.name, str(error)))
            continue
        if not sizes.keys() & set(images):
            refused.append((path.name, "segments no image of this list"))
        for image in sizes.keys() & set(images):
            newest[image] = max(newest.get(image, ("", path)), (made, path))
    count = 0
    for image, (_, path) in sorted(newest.items()):
        try:
            count += not store.path(image, "final").is_file() and _import(path, store, image, shape=sizes[image])
        except MammogramError as error:
            refused.append((path.name, str(error)))
    return count, tuple(refused)


def _import(path: Path, store: LabelStore, image: str, *, shape: tuple[int, int]) -> bool:
    segmentation = read_segmentation(path, source_sop_instance_uid=image)
    if segmentation.mask.shape != shape:
        msg = f"{path.name} is {segmentation.mask.shape}, the image it segments {shape}"
        raise MammogramError(msg)
    mask = segmentation.mask > 0.5 if segmentation.kind == "fractional" else segmentation.mask
    author = "person" if segmentation.algorithm is None else " ".join(segmentation.algorithm)
    store.save(image, "final", mask, {"source": "DICOM SEG", "author": author})
    return True
