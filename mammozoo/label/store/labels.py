# SPDX-License-Identifier: Apache-2.0
"""The labels of a workspace on disk: a PNG mask and a JSON record each, written atomically."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..._typing import Array, PathLike
from ...io.errors import MammogramError
from ...io.write import write_json, write_png

_TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}\Z")
_ID = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,250}\Z")


class LabelStore:
    """Masks by image and tag: ``<root>/<tag>/<id>.png``, beside it ``<id>.json`` and perhaps ``<id>.dcm``."""

    def __init__(self, root: PathLike) -> None:
        self.root = Path(root)

    def path(self, image_id: str, tag: str, *, suffix: str = ".png") -> Path:
        """File of a label; ValueError if the id or the tag could name another folder."""
        if not _ID.match(image_id) or not _TAG.match(tag):
            msg = f"no valid image id or tag: {image_id[:80]!r}, {tag[:80]!r}"
            raise ValueError(msg)
        return self.root / tag / f"{image_id}{suffix}"

    def save(self, image_id: str, tag: str, mask: Array, info: Mapping[str, Any] | None = None) -> Path:
        """Write a mask (H, W), non-zero is lesion; a DICOM segmentation of an earlier mask is removed."""
        target = self.path(image_id, tag)
        lesion = mask != 0
        record = {**(info or {}), "saved": time.time(), "lesion_pixels": int(lesion.sum()), "shape": list(mask.shape)}
        self.path(image_id, tag, suffix=".dcm").unlink(missing_ok=True)
        write_png(target, np.where(lesion, 255, 0).astype(np.uint8))
        write_json(target.with_name(f"{image_id}.json"), record)
        return target

    def read(self, image_id: str, tag: str) -> Array:
        """Mask (H, W), uint8 of 0 and 1."""
        path = self.path(image_id, tag)
        if not path.is_file():
            msg = f"no label '{tag}' of {image_id}"
            raise FileNotFoundError(msg)
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if pixels is None:
            msg = f"the label {tag}/{path.name} is damaged"
            raise MammogramError(msg)
        return np.asarray(pixels > 0, np.uint8)

    def info(self, image_id: str, tag: str) -> dict[str, Any]:
        """Record of a label; empty where there is none."""
        path = self.path(image_id, tag, suffix=".json")
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content

    def update_info(self, image_id: str, tag: str, info: Mapping[str, Any]) -> None:
        """Add to the record of a label, or replace parts of it."""
        write_json(self.path(image_id, tag, suffix=".json"), {**self.info(image_id, tag), **info})

    def remove(self, image_id: str, tag: str) -> None:
        """Remove a label with its record and its DICOM segmentation; one that is not there is no error."""
        for suffix in (".png", ".json", ".dcm"):
            self.path(image_id, tag, suffix=suffix).unlink(missing_ok=True)

    def tags(self, image_id: str) -> list[str]:
        """Tags under which an image has a label."""
        if not self.root.is_dir():
            return []
        return sorted(folder.name for folder in self.root.iterdir() if (folder / f"{image_id}.png").is_file())

    def ids(self, tag: str) -> list[str]:
        """Ids of the images that have a label under the tag."""
        return sorted(path.stem for path in (self.root / tag).glob("*.png") if not path.name.startswith("."))
