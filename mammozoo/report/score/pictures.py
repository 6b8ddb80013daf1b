# SPDX-License-Identifier: Apache-2.0
"""The cases a reader should see first: the worst, with the outlines of truth and prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from ..._typing import Array
from ...data.masks import read_pixels, record_mask
from ...functional.contours import PREDICTION_COLOUR, TRUTH_COLOUR, display_window, draw_contours
from ...io.errors import MammogramError
from ...io.predictions.read import read_case_mask
from .cases import ScoredCase

Picture = tuple[Array, str, str]

_SIDE = 880  # pixels of the long side: sharp when enlarged, and small in the file
_BACKGROUND = 12  # gray levels of 255 up to which rows and columns at the border are cut off


def case_overlay(image: Array, truth: Array, prediction: Array) -> Array:
    """Cut an image (H, W) to what it shows, at a size for the page, and outline truth and prediction: RGB uint8."""
    shown = display_window(image)
    box = _content(shown, truth, prediction)
    shown, masks = shown[box], [truth[box] != 0, prediction[box] != 0]
    scale = _SIDE / max(shown.shape)
    size = (max(1, round(shown.shape[1] * scale)), max(1, round(shown.shape[0] * scale)))
    resized = cv2.resize(shown, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    scaled = [_scaled(mask, size) for mask in masks]
    return draw_contours(resized, scaled, colours=[TRUTH_COLOUR, PREDICTION_COLOUR], thickness=5)


def _content(image: Array, *masks: Array) -> tuple[slice, slice]:
    """Bounding box of everything that is not background."""
    keep = image > _BACKGROUND
    for mask in masks:
        keep = keep | (mask != 0)
    if not keep.any():
        return np.s_[:, :]
    rows, columns = (np.flatnonzero(keep.any(axis=axis)) for axis in (1, 0))
    return np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _scaled(mask: Array, size: tuple[int, int]) -> Array:
    """Resize a mask so that no lesion vanishes."""
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.25)


def worst_cases(cases: Sequence[ScoredCase], *, count: int = 12) -> list[ScoredCase]:
    """Choose the worst cases: least Dice, the larger lesion first; else most lesions missed."""
    segmented = [case for case in cases if case.segmented]
    if segmented:
        lesions = [case for case in segmented if case.row["size"]]
        normals = [case for case in segmented if not case.row["size"] and case.row["dice"] == 0]
        lesions.sort(key=lambda case: (case.row["dice"], -case.row["area_224"]))
        normals.sort(key=lambda case: case.row["specificity"])
        return lesions[:count] + normals[: count // 3]
    matched = [case for case in cases if case.match is not None]
    return sorted(matched, key=_missed)[:count]


def _missed(case: ScoredCase) -> tuple[int, int]:
    assert case.match is not None
    return -case.match.false_negatives, -case.match.false_positives


def worst_pictures(
    cases: Sequence[ScoredCase], *, count: int = 12, mask_threshold: float | None = None
) -> list[Picture]:
    """Draw the worst cases, with their ids and captions; one whose image cannot be read is left out."""
    pictures = []
    for case in worst_cases(cases, count=count):
        try:
            image = read_pixels(case.record.image)
        except (MammogramError, OSError, ValueError):
            continue
        truth, prediction = _masks(case, image.shape[:2], mask_threshold)
        pictures.append((case_overlay(image, truth, prediction), case.record.id, _caption(case)))
    return pictures


def _masks(case: ScoredCase, shape: tuple[int, ...], threshold: float | None) -> tuple[Array, Array]:
    """Truth and prediction on the image's grid; boxes are drawn as filled boxes, of which the outline is seen."""
    record, predicted = case.record, case.prediction
    boxes = record.boxes or tuple(item.box for item in record.findings if item.box is not None)
    truth = _on_image(record_mask(record), shape) if record.has_mask else _filled(boxes, shape, shape)
    if predicted is None:
        return truth, np.zeros(shape, bool)
    if predicted.mask is not None:
        return truth, _on_image(read_case_mask(predicted, threshold=threshold).mask, shape)
    found = [item.box_xyxy for item in predicted.boxes or ()]
    return truth, _filled(found, shape, predicted.shape or case.size or shape)


def _on_image(mask: Array, shape: tuple[int, ...]) -> Array:
    return np.asarray(cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0)


def _filled(boxes: Iterable[Sequence[float]], shape: tuple[int, ...], given: tuple[int, ...]) -> Array:
    mask = np.zeros(shape, bool)
    rows, columns = shape[0] / given[0], shape[1] / given[1]
    for x1, y1, x2, y2 in boxes:
        mask[max(0, round(y1 * rows)) : round(y2 * rows), max(0, round(x1 * columns)) : round(x2 * columns)] = True
    return mask


def _caption(case: ScoredCase) -> str:
    texts = []
    if case.segmented:
        size = f"{case.row['size']} lesion" if case.row["size"] else "no lesion"
        texts += [f"Dice {case.row['dice']:.3f}", size]
    if case.match is not None:
        texts.append(f"{case.match.true_positives} of {case.match.truths} lesions found")
        texts.append(f"{case.match.false_positives} false")
    return ", ".join([*texts, *([case.note] if case.status != "ok" else [])])
