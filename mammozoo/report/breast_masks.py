# SPDX-License-Identifier: Apache-2.0
"""Breast masks of a folder of mammograms, for ``mammozoo mask``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._typing import PathLike
from ..engines.inference.readable import without_path
from ..functional.breast.segment import BreastSegmentation, Method, segment_breast
from ..functional.contours import display_window, draw_contours
from ..io.dicom.kinds import DEFAULT_KINDS, file_kind, kind_refusal
from ..io.dicom.read import Mammogram, read_mammogram
from ..io.errors import MammogramError
from ..io.inputs import InputImage, list_inputs, require_outside
from ..io.write import write_json, write_png

_RESULTS = ("breast_mask.png", "overlay.png", "breast_mask.json")
Progress = Callable[[list[InputImage]], Iterable[InputImage]]


def write_breast_masks(
    source: PathLike | Sequence[PathLike],
    output_dir: PathLike,
    *,
    method: Method = "line",
    pectoral: bool = False,
    include: Sequence[str] = (),
    progress: Progress = iter,
) -> list[dict[str, Any]]:
    """Write the breast mask, an overlay and a report of every image of a source."""
    require_outside(output_dir, source)
    folder = Path(output_dir)
    items = list_inputs(source)
    for path in (folder / item.id / name for item in items for name in _RESULTS):
        path.unlink(missing_ok=True)
    entries = []
    for image in progress(items):
        entry: dict[str, Any] = {"id": image.id, "input": image.name, "status": "ok", "reason": image.error}
        try:
            entry |= _masked(image, folder, method=method, pectoral=pectoral, include=include)
        except Exception as error:  # one file ends no run
            entry |= {"status": "failed", "reason": without_path(error, image.path, name=image.name)}
        entries.append(entry)
    write_json(folder / "summary.json", entries)
    return entries


def _masked(
    image: InputImage, folder: Path, *, method: Method, pectoral: bool, include: Sequence[str]
) -> dict[str, Any]:
    """What to say of one image, its files written."""
    if image.error:
        raise MammogramError(image.error)
    if refusal := kind_refusal(file_kind(image.path), DEFAULT_KINDS, include):
        return {"status": "skipped", "reason": refusal}
    mammogram = read_mammogram(image.path)
    if "flat" in mammogram.flags:
        return {"status": "incomplete", "reason": "the image is flat: nearly all of its pixels have one value"}
    wanted = pectoral and mammogram.view_position in ("", "MLO")
    found = segment_breast(mammogram.pixels, method=method, pectoral=wanted)
    return _write(folder / image.id, mammogram, found)


def _write(folder: Path, mammogram: Mammogram, found: BreastSegmentation) -> dict[str, Any]:
    report = {**found.report(), "breast_share": round(float(found.mask.mean()), 4)}
    write_png(folder / "breast_mask.png", found.mask.astype(np.uint8) * 255)
    shown = display_window(mammogram.pixels, breast_mask=found.mask)
    write_png(folder / "overlay.png", draw_contours(shown, [found.mask]))
    write_json(folder / "breast_mask.json", report)
    return report
