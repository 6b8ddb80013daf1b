# SPDX-License-Identifier: Apache-2.0
"""Breast masks of a folder of mammograms, for ``mammozoo mask``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .._typing import PathLike
from ..functional.breast.segment import BreastSegmentation, Method, segment_breast
from ..functional.contours import display_window, draw_contours
from ..io.dicom.read import Mammogram, read_mammogram
from ..io.errors import MammogramError
from ..io.inputs import InputImage, list_inputs
from ..io.write import write_json, write_png

__all__ = ["write_breast_masks"]

Progress = Callable[[list[InputImage]], Iterable[InputImage]]


def write_breast_masks(
    source: PathLike,
    output_dir: PathLike,
    *,
    method: Method = "line",
    pectoral: bool = False,
    progress: Progress = iter,
) -> list[dict[str, Any]]:
    """Write the breast mask, an overlay and a report of every image of a source.

    Parameters
    ----------
    source : path
        As of `mammozoo.io.inputs.list_inputs`.
    output_dir : path
        Receives ``<id>/breast_mask.png`` (0 or 255, as stored), ``<id>/overlay.png``, ``<id>/breast_mask.json`` and one
        ``summary.json``.
    method : {"line", "libra"}
    pectoral : bool
        Remove the pectoral muscle of views that are MLO, or whose view is not known.
    progress : callable
        Wraps the list of inputs (a progress bar).

    Returns
    -------
    list of dict
        One entry an input: id, input, status, reason, and the report of the mask.

    Raises
    ------
    MammogramError
        If the source as a whole cannot be used.

    Notes
    -----
    A file that cannot be read is listed with its reason, and the rest goes on.
    """
    folder = Path(output_dir)
    entries = []
    for image in progress(list_inputs(source)):
        entry: dict[str, Any] = {"id": image.id, "input": image.name, "status": "ok", "reason": image.error}
        try:
            if image.error:
                raise MammogramError(image.error)
            mammogram = read_mammogram(image.path)
            wanted = pectoral and mammogram.view_position in ("", "MLO")
            found = segment_breast(mammogram.pixels, method=method, pectoral=wanted)
            entry |= _write(folder / image.id, mammogram, found)
        except (MammogramError, OSError, ValueError) as error:
            entry |= {"status": "failed", "reason": str(error)}
        entries.append(entry)
    write_json(folder / "summary.json", entries)
    return entries


def _write(folder: Path, mammogram: Mammogram, found: BreastSegmentation) -> dict[str, Any]:
    report = {**found.report(), "breast_share": round(float(found.mask.mean()), 4)}
    write_png(folder / "breast_mask.png", found.mask.astype(np.uint8) * 255)
    shown = display_window(mammogram.pixels, breast_mask=found.mask)
    write_png(folder / "overlay.png", draw_contours(shown, [found.mask]))
    write_json(folder / "breast_mask.json", report)
    return report
