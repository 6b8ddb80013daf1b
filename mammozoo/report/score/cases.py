# SPDX-License-Identifier: Apache-2.0
"""Pair predictions with the images they are for, and score each pair: the per-case table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..._errors import UserError
from ..._typing import Array
from ...data.masks import match_shape, read_pixels, record_mask
from ...data.record import Record
from ...engines.detection.lesion_detection import match_lesions, predicted_boxes
from ...engines.results.per_case import score_case
from ...io.errors import MammogramError
from ...io.predictions.masks import sop_instance_uid
from ...io.predictions.read import PredictedCase, Predictions, match_names, read_case_mask
from ...io.write import safe_id
from ...metrics.matching import BoxMatch, HitRule
from ...metrics.surface import compute_surface

_DISTANCES = ("hausdorff", "hd95", "assd")


@dataclass(frozen=True)
class Pairing:
    """Which prediction is for which record, by id; records without one, and predictions for no record."""

    found: Mapping[str, PredictedCase] = field(hash=False)
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def pair(records: Sequence[Record], predictions: Predictions) -> Pairing:
    """Find each image's prediction by its id, its id as a file name, or the name of its file."""
    stems = Counter(Path(record.image).stem for record in records)
    left = dict(predictions.cases)
    found: dict[str, PredictedCase] = {}
    for record in records:
        stem = Path(record.image).stem
        names = [record.id, safe_id(record.id, keep_suffix=True), *([stem] if stems[stem] == 1 else [])]
        name = next((name for name in names if name in left), None)
        if name is not None:
            found[record.id] = left.pop(name)
    others = {record.id: (record.id, record.image) for record in records if record.id not in found}
    for image, name in match_names(others, left).items():
        found[image] = left.pop(name)
    _pair_segmentations([record for record in records if record.id not in found], left, found)
    if not found:
        wanted, given = ([*names][:3] for names in ((record.id for record in records), predictions.cases))
        raise UserError(f"no prediction is for any image of the truth: predictions are named {given}, images {wanted}")
    return Pairing(found, tuple(record.id for record in records if record.id not in found), tuple(left))


def _pair_segmentations(
    records: Sequence[Record], left: dict[str, PredictedCase], found: dict[str, PredictedCase]
) -> None:
    """Pair DICOM SEG files by the image they refer to, in place."""
    files = {name: case for name, case in left.items() if case.mask is not None and case.mask.suffix == ".dcm"}
    if not files:
        return
    uids: dict[str, str] = {}
    for name, case in files.items():
        try:
            uids[read_case_mask(case).source_uid] = name
        except MammogramError:
            continue  # reported as an extra prediction
    for record in records:
        uid = sop_instance_uid(record.image) if uids else ""
        if uid in uids:
            found[record.id] = left.pop(uids.pop(uid))


@dataclass(frozen=True, eq=False)
class ScoredCase:
    """One image after scoring."""

    record: Record
    prediction: PredictedCase | None
    row: dict[str, Any]
    segmented: bool
    match: BoxMatch | None
    score: float
    status: str
    note: str
    size: tuple[int, int] | None


def score_cases(
    records: Sequence[Record],
    predictions: Predictions,
    found: Mapping[str, PredictedCase],
    *,
    hit: HitRule = "iou50",
    mask_threshold: float | None = None,
    progress: Callable[[], object] | None = None,
) -> list[ScoredCase]:
    """Score every image in order, those without prediction as images in which nothing was found."""
    scored = []
    given = [box.score for case in predictions.cases.values() for box in case.boxes or ()]
    least = min([0.0, *given])
    for record in records:
        scored.append(
            _score(record, found.get(record.id), predictions, hit=hit, mask_threshold=mask_threshold, least=least)
        )
        if progress is not None:
            progress()
    return scored


def _score(
    record: Record,
    case: PredictedCase | None,
    predictions: Predictions,
    *,
    hit: HitRule,
    mask_threshold: float | None,
    least: float,
) -> ScoredCase:
    mask: Array | None = None
    probability: Array | None = None
    if case is None and not predictions.names_all:
        case = PredictedCase(id=record.id, boxes=())
    status, note = ("missing", "no prediction") if case is None else ("ok", "")
    if case is not None and (predictions.has_masks or case.failure):
        try:
            read = read_case_mask(case, threshold=mask_threshold)
            mask, probability, note = read.mask, read.probability, read.note
        except (MammogramError, OSError, ValueError) as error:
            status, note = "failed", str(error)
    truth = _truth(record, mask if predictions.has_masks else None, wanted=_needs_mask(record, predictions, hit))
    shape = None if mask is None else (int(mask.shape[0]), int(mask.shape[1]))
    if mask is not None and truth is not None and mask.shape != truth.shape:
        try:
            mask, probability = _on_grid(mask, truth), None if probability is None else _on_grid(probability, truth)
            note = f"brought from {shape} to {truth.shape} (rows, columns)"
        except ValueError as error:
            mask, status, note = None, "failed", str(error)
    usable = case if status == "ok" else None
    row = _identity(record)
    segmented = predictions.has_masks and truth is not None
    if segmented and truth is not None:
        row.update(_mask_metrics(record, np.zeros(truth.shape, bool) if mask is None else mask, truth))
    boxes, scores = _boxes(usable, mask, probability, shape=shape, truth=truth)
    match = None
    if predictions.has_masks or predictions.has_boxes:
        match = _match(record, boxes, scores, truth=truth, hit=hit)
    size = None if truth is None else (int(truth.shape[0]), int(truth.shape[1]))
    return ScoredCase(
        record=record, prediction=usable, row=row, segmented=segmented, match=match,
        score=_image_score(usable, scores, least=least), status=status, note=note, size=size,
    )  # fmt: skip


def _needs_mask(record: Record, predictions: Predictions, hit: HitRule) -> bool:
    if predictions.has_masks:
        return True
    wanted = hit == "centre_in_mask" or not len(_true_boxes(record))
    return predictions.has_boxes and record.has_mask and wanted


def _truth(record: Record, mask: Array | None, *, wanted: bool) -> Array | None:
    """Lesion mask of an image; None where there is none to compare with."""
    if not wanted or (record.has_lesion and not record.has_mask):
        return None
    if record.has_mask:
        return np.asarray(record_mask(record) != 0)
    shape = mask.shape if mask is not None else read_pixels(record.image).shape
    return np.zeros(shape, bool)


def _on_grid(values: Array, truth: Array) -> Array:
    if values.dtype == bool:
        return np.asarray(match_shape(values.astype(np.uint8), truth.shape, name="predicted") != 0)
    return np.asarray(cv2.resize(values, truth.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT))


def _identity(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "patient_id": record.patient_id,
        "laterality": record.laterality,
        "view_position": record.view_position,
        **({"class_name": record.class_name} if record.class_name else {}),
        **record.strata,
    }


def _mask_metrics(record: Record, mask: Array, truth: Array) -> dict[str, Any]:
    metrics = score_case(mask, truth)
    spacing = record.pixel_spacing
    if spacing is None:
        return metrics
    distances = compute_surface(mask, truth, spacing=spacing)
    metrics.update({f"{name}_mm": getattr(distances, name) for name in _DISTANCES})
    return {**metrics, "area_mm2": float(np.count_nonzero(truth)) * spacing[0] * spacing[1]}


def _true_boxes(record: Record) -> Array:
    boxes = record.boxes or tuple(item.box for item in record.findings if item.box is not None)
    return np.asarray(boxes, dtype=float).reshape(-1, 4)


def _boxes(
    case: PredictedCase | None,
    mask: Array | None,
    probability: Array | None,
    *,
    shape: tuple[int, int] | None,
    truth: Array | None,
) -> tuple[Array, Array]:
    """Predicted boxes and scores on the truth's grid."""
    if case is None:
        return np.zeros((0, 4)), np.zeros(0)
    if case.boxes is None:
        return predicted_boxes(mask, probability) if mask is not None else (np.zeros((0, 4)), np.zeros(0))
    boxes = np.asarray([item.box_xyxy for item in case.boxes], dtype=float).reshape(-1, 4)
    scores = np.asarray([item.score for item in case.boxes], dtype=float)
    given = case.shape or shape
    if given is not None and truth is not None and given != truth.shape:
        rows, columns = truth.shape[0] / given[0], truth.shape[1] / given[1]
        boxes = boxes * np.asarray([columns, rows, columns, rows])
    return boxes, scores


def _match(record: Record, boxes: Array, scores: Array, *, truth: Array | None, hit: HitRule) -> BoxMatch | None:
    """Match boxes; None where lesions are annotated by neither box nor mask."""
    truths = _true_boxes(record)
    if not record.has_lesion:
        return match_lesions(boxes, scores, truths=np.zeros((0, 4)))
    if not len(truths) and truth is None:
        return None
    return match_lesions(boxes, scores, hit=hit, mask=truth, truths=truths if len(truths) else None)


def _image_score(case: PredictedCase | None, scores: Array, *, least: float) -> float:
    if case is None:
        return float("nan")
    if case.score is not None:
        return case.score
    return float(scores.max()) if len(scores) else least
