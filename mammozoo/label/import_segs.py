# SPDX-License-Identifier: Apache-2.0
"""DICOM segmentations that lie among the images become labels (in the environment that has highdicom)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ..io.errors import MammogramError
from ..io.seg import read_segmentation
from .labels import LabelStore
from .studies import list_studies

__all__ = ["import_segmentations"]


def import_segmentations(studies: Path, workspace: Path) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Read the segmentations of a study folder as final labels of the images they refer to.

    Parameters
    ----------
    studies : pathlib.Path
    workspace : pathlib.Path
        A label that is already there stays: a person may have changed it since.

    Returns
    -------
    int, tuple of (str, str)
        How many labels were made; file name and reason of the segmentations that were not read.

    Notes
    -----
    A fractional segmentation is cut at 0.5. One that segments several images gives each of them its label.
    """
    found = list_studies(studies, exclude=workspace)
    if found.segmentations and importlib.util.find_spec("highdicom") is None:
        return 0, tuple((path.name, "needs highdicom: pip install mammozoo[clinic]") for path in found.segmentations)
    store = LabelStore(workspace / "labels")
    images = {image.id for image in found.images if image.kind == "dicom"}
    made, refused = 0, []
    for path in found.segmentations:
        try:
            made += _import(path, store, images)
        except MammogramError as error:
            refused.append((path.name, str(error)))
    return made, tuple(refused)


def _import(path: Path, store: LabelStore, images: set[str]) -> int:
    segmentation = read_segmentation(path)
    image = segmentation.source_sop_instance_uid
    if image not in images:
        msg = f"{path.name} segments an image that is not in the folder"
        raise MammogramError(msg)
    if store.path(image, "final").is_file():
        return 0
    mask = segmentation.mask > 0.5 if segmentation.kind == "fractional" else segmentation.mask
    store.save(image, "final", mask, {"source": "DICOM SEG", "author": _author(segmentation.algorithm)})
    return 1


def _author(algorithm: tuple[str, str] | None) -> str:
    return "person" if algorithm is None else " ".join(algorithm)
