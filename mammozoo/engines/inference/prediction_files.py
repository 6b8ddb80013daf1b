# SPDX-License-Identifier: Apache-2.0
"""Write what a segmentation bundle found in one image: mask, probability, overlay and findings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..._typing import Array, PathLike
from ...functional.components import Component, find_components, label_components
from ...functional.contours import add_caption, add_labels, display_window, draw_contours
from ...io.raster.nifti import write_mask_nifti
from ...io.write import write_json, write_png

_MAX_LABELS = 20  # more texts than that hide the breast
_NOTICE = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"


@dataclass(frozen=True)
class Prediction:
    """A thresholded probability map."""

    mask: Array
    components: tuple[Component, ...]
    dropped: int = 0


@dataclass(frozen=True)
class Region:
    """Where a detector found a lesion."""

    box: tuple[int, int, int, int]
    score: float
    window: tuple[int, int, int, int]


def threshold_prediction(
    probability: Array,
    *,
    threshold: float = 0.5,
    min_area_mm2: float = 0.0,
    pixel_spacing: tuple[float, float] | None = None,
    score_map: Array | None = None,
    regions: Sequence[Region] | None = None,
) -> Prediction:
    """Turn a probability map into a mask and its lesions."""
    _check_probability(probability)
    if not 0 <= min_area_mm2 < math.inf:
        msg = f"min_area_mm2 is {min_area_mm2!r}; expected 0 or a positive number"
        raise ValueError(msg)
    least = min_area_mm2 * (1 - 1e-9)  # 100 pixels of 0.2 mm are 4 mm2, whatever floats say
    pixel = 1.0 if pixel_spacing is None else pixel_spacing[0] * pixel_spacing[1]
    mask = probability >= threshold
    if regions is not None:
        kept = [region for region in regions if _box_area(region) * pixel >= least]
        if len(kept) < len(regions):
            windows = np.zeros_like(mask)
            for x1, y1, x2, y2 in (region.window for region in kept):
                windows[y1:y2, x1:x2] = True
            mask &= windows
        return Prediction(mask.view(np.uint8), _measured(kept, mask), len(regions) - len(kept))
    found = find_components(mask, probability=probability if score_map is None else score_map)
    components = tuple(item for item in found if item.area * pixel >= least)
    if len(components) < len(found):
        labels, statistics = label_components(mask)
        mask = np.concatenate([[False], statistics[:, 4] * pixel >= least])[labels]
    return Prediction(mask.view(np.uint8), components, len(found) - len(components))


def _box_area(region: Region) -> int:
    x1, y1, x2, y2 = region.box
    return (x2 - x1) * (y2 - y1)


def _measured(regions: Sequence[Region], mask: Array) -> tuple[Component, ...]:
    """Detected regions with the area that was segmented in each, by falling score."""
    found = []
    for label, region in enumerate(sorted(regions, key=lambda region: -region.score), start=1):
        x1, y1, x2, y2 = region.window
        found.append(Component(label, region.box, int(np.count_nonzero(mask[y1:y2, x1:x2])), region.score))
    return tuple(found)


def dropped_note(dropped: int, *, min_area_mm2: float, pixel_spacing: tuple[float, float] | None) -> str:
    """Say how many findings were left out, and by which size."""
    if not dropped:
        return ""
    unit = "mm2 dropped" if pixel_spacing else "pixels dropped (the pixel spacing is unknown)"
    return f"{dropped} finding{'s' * (dropped > 1)} below {min_area_mm2:g} {unit}"


def _check_probability(probability: Array) -> None:
    if probability.ndim != 2 or probability.size == 0:
        msg = f"a probability map of shape (H, W) is needed, got {probability.shape}"
        raise ValueError(msg)
    low, high = float(probability.min()), float(probability.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # also false for NaN
        msg = f"probabilities must lie in [0, 1], got {low:g} to {high:g}; apply a sigmoid first"
        raise ValueError(msg)


def prediction_overlay(image: Array, prediction: Prediction) -> Array:
    """Draw the outlines and scores of a prediction on the displayed image."""
    drawn = draw_contours(display_window(image), [prediction.mask])
    texts = [(f"{item.score:.2f}", item.box_xyxy) for item in prediction.components[:_MAX_LABELS]]
    return add_caption(add_labels(drawn, texts), _NOTICE)


def write_prediction(
    out_dir: PathLike,
    *,
    probability: Array,
    threshold: float = 0.5,
    image: Array,
    pixel_spacing: tuple[float, float] | None = None,
    min_area_mm2: float = 0.0,
    score_map: Array | None = None,
    regions: Sequence[Region] | None = None,
) -> Prediction:
    """Write ``mask.png``, ``mask.nii.gz``, ``probability.png``, ``overlay.png`` and ``findings.json``."""
    if image.shape != probability.shape:
        msg = f"the probability map must have the stored image's size {image.shape}, got {probability.shape}"
        raise ValueError(msg)
    found = threshold_prediction(
        probability,
        threshold=threshold,
        min_area_mm2=min_area_mm2,
        pixel_spacing=pixel_spacing,
        score_map=score_map,
        regions=regions,
    )
    folder = Path(out_dir)
    write_png(folder / "mask.png", found.mask * np.uint8(255))
    write_mask_nifti(folder / "mask.nii.gz", found.mask, pixel_spacing=pixel_spacing)
    clipped = np.clip(probability.astype(np.float64), 0.0, 1.0)
    write_png(folder / "probability.png", np.rint(65535 * clipped).astype(np.uint16))
    write_png(folder / "overlay.png", prediction_overlay(image, found))
    write_json(folder / "findings.json", [_finding(item, pixel_spacing) for item in found.components])
    return found


def _finding(item: Component, pixel_spacing: tuple[float, float] | None) -> dict[str, Any]:
    area = None if pixel_spacing is None else round(item.area * pixel_spacing[0] * pixel_spacing[1], 6)
    score = round(min(max(item.score or 0.0, 0.0), 1.0), 6)
    return {"box_xyxy": item.box_xyxy, "score": score, "area_px": item.area, "area_mm2": area}
