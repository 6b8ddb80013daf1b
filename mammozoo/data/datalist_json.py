# SPDX-License-Identifier: Apache-2.0
"""Datalist files: records as JSON that MONAI's `load_decathlon_datalist` reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._typing import PathLike
from ..io.write import write_json
from .masks import mask_file
from .record import Record


def datalist_items(
    records: Sequence[Record], *, base_dir: PathLike, cache_dir: PathLike | None = None
) -> list[dict[str, Any]]:
    """Records as plain dicts with paths relative to a folder."""
    items = []
    for record in records:
        item: dict[str, Any] = {"id": record.id, "image": _relative(record.image, base_dir)}
        if record.label_path is not None or (record.has_mask and cache_dir is not None):
            item["label"] = _relative(mask_file(record, cache_dir=cache_dir), base_dir)
        boxes = record.boxes or tuple(f.box for f in record.findings if f.box is not None)
        if boxes:
            item["box"] = [list(box) for box in boxes]
        for name in ("patient_id", "laterality", "view_position", "modality", "class_name", "pixel_spacing"):
            item[name] = getattr(record, name)
        items.append({**item, "strata": dict(record.strata)})
    return items


def _relative(path: str, base_dir: PathLike) -> str:
    return Path(os.path.relpath(path, base_dir)).as_posix()


def write_datalist(path: PathLike, parts: dict[str, Sequence[Record]], *, cache_dir: PathLike | None = None) -> Path:
    """Write a datalist file."""
    file = Path(path)
    lists = {
        part: datalist_items(records, base_dir=file.parent, cache_dir=cache_dir) for part, records in parts.items()
    }
    return write_json(file, lists)
