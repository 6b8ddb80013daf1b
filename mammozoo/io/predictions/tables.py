# SPDX-License-Identifier: Apache-2.0
"""Predictions in one file: COCO boxes and CSV scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..._errors import UserError
from ..._typing import PathLike
from ..table import Table, read_json, read_table
from .read import PredictedCase, Predictions, ScoredBox, image_name

_CORNERS = ("x1", "y1", "x2", "y2")
# `probability` is what our classification bundles write.
_SCORE_COLUMNS = ("score", "probability")


def read_coco(path: PathLike) -> Predictions:
    """Read boxes as COCO JSON: a list of results, or a whole document with its images."""
    document = read_json(path)
    images: Any = []
    if isinstance(document, Mapping):
        images, document = document.get("images", []), document.get("annotations")
    if not isinstance(document, list) or not isinstance(images, list):
        raise UserError(f"{path} is neither a list of COCO results nor a document with images and annotations")
    names: dict[str, str] = {}
    shapes: dict[str, tuple[int, int]] = {}
    for number, image in enumerate(images, start=1):
        try:
            name = image_name(str(image["file_name"])) if image.get("file_name") else str(image["id"])
            names[str(image["id"])] = name
            if "height" in image:
                shapes[name] = (int(image["height"]), int(image["width"]))
        except (LookupError, TypeError, ValueError, AttributeError):
            where = f"{path}, image {number}"
            raise UserError(f"{where}: expected id, file_name, height and width, got {str(image)[:120]}") from None
    found: dict[str, list[ScoredBox]] = {name: [] for name in names.values()}
    for number, item in enumerate(document, start=1):
        name, box = _coco_box(item, names, where=f"{path}, result {number}")
        found.setdefault(name, []).append(box)
    cases = {name: PredictedCase(id=name, boxes=tuple(boxes), shape=shapes.get(name)) for name, boxes in found.items()}
    return Predictions(layout="COCO boxes", cases=cases, names_all=bool(images))


def _coco_box(item: Any, names: Mapping[str, str], *, where: str) -> tuple[str, ScoredBox]:
    try:
        x, y, width, height = (float(value) for value in item["bbox"])
        score, image = float(item["score"]), str(item["image_id"])
    except (LookupError, TypeError, ValueError):
        text = str(item)[:120]
        raise UserError(f"{where}: expected image_id, bbox [x, y, width, height] and score, got {text}") from None
    if names and image not in names:
        raise UserError(f"{where}: image_id {image} is among no images of the document")
    return names.get(image, image), _scored_box((x, y, x + width, y + height), score, where=where)


def _scored_box(box: tuple[float, float, float, float], score: float, *, where: str) -> ScoredBox:
    if not all(math.isfinite(value) for value in (*box, score)) or box[2] <= box[0] or box[3] <= box[1]:
        raise UserError(f"{where}: box {box} with score {score}; expected finite numbers, x2 > x1 and y2 > y1")
    return ScoredBox(box, score)


def read_scores(path: PathLike) -> Predictions:
    r"""Read scores as CSV: one row per image, or one per box."""
    table = read_table(path, ragged=True)
    column = next((name for name in _SCORE_COLUMNS if name in table.columns), None)
    corners = [name for name in _CORNERS if name in table.columns]
    if "id" not in table.columns or column is None or len(corners) not in (0, 4):
        found = list(table.columns)
        raise UserError(f"{path}: expected the columns id,score or id,score,x1,y1,x2,y2; found {found}")
    lines = [(f"{path}, line {number}", row) for number, row in table.rows]
    layout, read = ("CSV of boxes", _read_boxes) if corners else ("CSV of scores", _read_images)
    return Predictions(layout=layout, cases=read(table, lines, column), threshold=_threshold(table))


def _threshold(table: Table) -> float | None:
    values = {row.get("threshold", "") for _, row in table.rows}
    try:
        return table.number(values.pop()) if len(values) == 1 else None
    except ValueError:
        return None


def _read_images(table: Table, lines: Iterable[tuple[str, Mapping[str, str]]], column: str) -> dict[str, PredictedCase]:
    cases: dict[str, PredictedCase] = {}
    for where, row in lines:
        name = _name(row, where=where)
        if name in cases:
            raise UserError(f"{where}: duplicate id {name!r}; expected one line an image, or the boxes' corners")
        cases[name] = PredictedCase(id=name, score=_number(table, row[column], where=where, what=column))
    return cases


def _read_boxes(table: Table, lines: Iterable[tuple[str, Mapping[str, str]]], column: str) -> dict[str, PredictedCase]:
    boxes: dict[str, list[ScoredBox]] = {}
    for where, row in lines:
        found = boxes.setdefault(_name(row, where=where), [])
        if not any(row[corner] for corner in _CORNERS):
            continue
        x1, y1, x2, y2 = (_number(table, row[corner], where=where, what=corner) for corner in _CORNERS)
        score = _number(table, row[column], where=where, what=column)
        found.append(_scored_box((x1, y1, x2, y2), score, where=where))
    return {name: PredictedCase(id=name, boxes=tuple(found)) for name, found in boxes.items()}


def _name(row: Mapping[str, str], *, where: str) -> str:
    if not row["id"]:
        raise UserError(f"{where}: the id is empty")
    return row["id"]


def _number(table: Table, text: str, *, where: str, what: str) -> float:
    try:
        value = table.number(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{where}: {what} is {text!r}; expected a finite number")
    return value
