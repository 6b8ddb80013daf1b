# SPDX-License-Identifier: Apache-2.0
"""MONAI Label's view of the mammograms: items are images, labels are masks of their size."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import HTTPException
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.exception import ImageNotFoundException, LabelNotFoundException

from ..._typing import Array, PathLike
from ...io.errors import MammogramError
from ...io.reader import MammogramReader
from ...io.write import write_json
from .labels import LabelStore
from .seg_queue import SegQueue
from .sources import Source
from .studies import StudyImage

logger = logging.getLogger(__name__)


class MammogramDatastore(Datastore):  # type: ignore[misc]
    """Images by SOPInstanceUID, labels in a workspace."""

    def __init__(self, source: Source, workspace: PathLike, *, seg_python: str = "") -> None:
        self.source, self.workspace = source, Path(workspace)
        self.labels = LabelStore(self.workspace / "labels")
        self.segs = SegQueue(self.labels, python=seg_python, deliver=source.deliver)
        self._records = self.workspace / "images.json"
        self._lock = threading.RLock()
        self._infos: dict[str, dict[str, Any]] = _read_json(self._records)
        self.refresh()

    def refresh(self) -> None:
        """List the images."""
        found = self.source.list()
        self.images: dict[str, StudyImage] = {image.id: image for image in found.images}
        self.left_out = found.left_out
        logger.info("%d images, %d files left out", len(self.images), len(self.left_out))

    def image(self, image_id: str) -> StudyImage:
        """The item of an id."""
        if image_id not in self.images:
            raise ImageNotFoundException(f"no image {image_id[:80]!r}")
        return self.images[image_id]

    def pixels(self, image_id: str) -> Array:
        """Pixels (H, W) as they should be looked at: bright is tissue."""
        reader = MammogramReader()
        array, _ = reader.get_data(reader.read(self.source.file(self.image(image_id))))
        return np.ascontiguousarray((array[..., 0] if array.ndim == 3 else array).T)

    # Names and sizes -----------------------------------------------------------------------------------------------
    def name(self) -> str:
        """Name of the store."""
        return "Mammograms"

    def set_name(self, name: str) -> None:
        """Ignored: the name is fixed."""

    def description(self) -> str:
        """What it holds."""
        return f"{len(self.images)} mammograms"

    def set_description(self, description: str) -> None:
        """Ignored: the description counts the images."""

    def status(self) -> dict[str, Any]:
        """Counts, as MONAI Label's clients read them."""
        tags: dict[str, int] = {}
        for image_id in self.images:
            for tag in self.labels.tags(image_id):
                tags[tag] = tags.get(tag, 0) + 1
        return {"total": len(self.images), "completed": tags.get("final", 0), "label_tags": tags, "train": []}

    def json(self) -> dict[str, Any]:
        """The whole store."""
        objects = {
            image_id: {
                "image": {"ext": _suffix(image.path), "info": self.get_image_info(image_id)},
                "labels": {
                    tag: {"ext": ".png", "info": self.labels.info(image_id, tag)} for tag in self.labels.tags(image_id)
                },
            }
            for image_id, image in self.images.items()
        }
        return {"name": self.name(), "description": self.description(), "objects": objects}

    # Images --------------------------------------------------------------------------------------------------------
    def list_images(self) -> list[str]:
        """All ids, in the order of the images' names."""
        return list(self.images)

    def get_image(self, image_id: str, params: Any = None) -> bytes:
        """The file's content."""
        return self.source.file(self.image(image_id)).read_bytes()

    def get_image_uri(self, image_id: str) -> str:
        """The file's path; an image of a server is fetched."""
        return str(self.source.file(self.image(image_id)))

    def get_image_info(self, image_id: str) -> dict[str, Any]:
        """What is known of an image: laterality, view, spacing, scores of the strategies."""
        image = self.image(image_id)
        facts = {
            "name": image.name,
            "laterality": image.laterality,
            "view_position": image.view_position,
            "pixel_spacing": image.pixel_spacing,
        }
        with self._lock:
            return facts | json.loads(json.dumps(self._infos.get(image_id, {})))

    def update_image_info(self, image_id: str, info: Mapping[str, Any]) -> None:
        """Keep something about an image."""
        self.image(image_id)
        with self._lock:
            self._infos[image_id] = {**self._infos.get(image_id, {}), **info}
            write_json(self._records, self._infos)

    def add_image(self, image_id: str, image_filename: str, image_info: Mapping[str, Any]) -> str:
        """Refused: images come from the study folder only."""
        raise HTTPException(405, "images are not uploaded here; put them into the study folder and start again")

    def remove_image(self, image_id: str) -> None:
        """Refused: images are never removed."""
        raise HTTPException(405, "images are not removed here")

    # Labels --------------------------------------------------------------------------------------------------------
    def get_labels_by_image_id(self, image_id: str) -> dict[str, str]:
        """Tags of an image's labels; a label's id is the image's."""
        return dict.fromkeys(self.labels.tags(self.image(image_id).id), image_id)

    def get_label_by_image_id(self, image_id: str, tag: str) -> str:
        """The label's id, which is the image's; empty where there is none."""
        return image_id if tag in self.labels.tags(self.image(image_id).id) else ""

    def get_label(self, label_id: str, label_tag: str, params: Any = None) -> bytes:
        """The PNG's content."""
        return Path(self.get_label_uri(label_id, label_tag)).read_bytes()

    def get_label_uri(self, label_id: str, label_tag: str) -> str:
        """Path of the PNG."""
        path = self.labels.path(self.image(label_id).id, label_tag)
        if not path.is_file():
            raise LabelNotFoundException(f"no label '{label_tag}' of {label_id}")
        return str(path)

    def get_label_info(self, label_id: str, label_tag: str) -> dict[str, Any]:
        """Record of a label."""
        return self.labels.info(self.image(label_id).id, label_tag)

    def update_label_info(self, label_id: str, label_tag: str, info: Mapping[str, Any]) -> None:
        """Add to a label's record."""
        self.get_label_uri(label_id, label_tag)
        self.labels.update_info(label_id, label_tag, info)

    def save_label(self, image_id: str, label_filename: str, label_tag: str, label_info: Mapping[str, Any]) -> str:
        """Keep a label that a client sent as a file (PNG, NIfTI, NRRD)."""
        image = self.image(image_id)
        try:
            mask = read_label_file(Path(label_filename))
        except MammogramError as error:
            raise HTTPException(422, f"the label cannot be read: {error}") from error
        self.save_mask(image.id, label_tag, mask, label_info)
        return image.id

    def save_mask(self, image_id: str, tag: str, mask: Array, info: Mapping[str, Any]) -> None:
        """Keep a label (H, W); a final one of a DICOM image becomes a DICOM SEG in the background."""
        shape = self.shape(image_id)
        if mask.shape != shape:
            raise HTTPException(422, f"the label is {mask.shape} (rows, columns), the image {shape}")
        self.labels.save(image_id, tag, mask, info)
        if tag == "final" and self.images[image_id].kind == "dicom":
            self.segs.add(image_id, self.source.file(self.images[image_id]))

    def resume_segmentations(self) -> None:
        """Queue the segmentations that an earlier run could not finish."""
        for image_id in self.get_labeled_images():
            state = self.labels.info(image_id, "final").get("dicom_seg", "")
            if state == "waiting" or state.startswith("failed"):
                try:
                    self.segs.add(image_id, self.source.file(self.images[image_id]))
                except MammogramError as error:
                    logger.warning("a segmentation waits for its image: %s", error)

    def shape(self, image_id: str) -> tuple[int, int]:
        """Rows and columns of an image."""
        image = self.image(image_id)
        rows, columns = (image.rows, image.columns) if image.rows else self.pixels(image_id).shape
        return rows, columns

    def remove_label(self, label_id: str, label_tag: str) -> None:
        """Remove a label."""
        self.labels.remove(self.image(label_id).id, label_tag)

    # Work ----------------------------------------------------------------------------------------------------------
    def datalist(self) -> list[dict[str, Any]]:
        """Image, label and group (the study) of everything that has a final label."""
        return [
            {
                "image": str(self.source.file(image)),
                "label": str(self.labels.path(image.id, "final")),
                "group": image.group,
            }
            for image in (self.images[image_id] for image_id in self.get_labeled_images())
        ]

    def get_labeled_images(self, label_tag: str | None = None, labels: Any = None) -> list[str]:
        """Ids of the images with a label (by default a final one), in the list's order."""
        done = set(self.labels.ids(label_tag or "final"))
        return [image_id for image_id in self.images if image_id in done]

    def get_unlabeled_images(self, label_tag: str | None = None, labels: Any = None) -> list[str]:
        """Ids of the images without one, in the list's order."""
        done = set(self.labels.ids(label_tag or "final"))
        return [image_id for image_id in self.images if image_id not in done]

    def get_dataset_archive(self, limit_cases: int | None) -> str:
        """Refused: the files are already on this machine."""
        raise HTTPException(405, "the images and labels lie in the study folder and its workspace")


def read_label_file(path: Path) -> Array:
    """Mask (H, W) of a label that a client sent: a raster, NIfTI or NRRD with axes (W, H) or (W, H, 1)."""
    if path.name.endswith(".nrrd"):
        import nrrd

        try:
            array = np.asarray(nrrd.read(str(path))[0])
        except Exception as error:  # pynrrd raises many kinds
            msg = f"not a readable NRRD file ({type(error).__name__})"
            raise MammogramError(msg) from error
        array = np.asarray(array.any(axis=0)) if array.ndim == 4 else array  # the segments of a .seg.nrrd
    else:
        reader = MammogramReader(voi="none", allow_color=True)
        array = np.asarray(reader.get_data(reader.read(path))[0])
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2:
        msg = f"the label is {array.shape}; expected one slice, (W, H) or (W, H, 1)"
        raise MammogramError(msg)
    return np.ascontiguousarray(array.T) != 0


def _suffix(path: Path) -> str:
    return ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix


def _read_json(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content
