# SPDX-License-Identifier: Apache-2.0
"""Predictions in one file: COCO boxes and CSV scores."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from .read import PredictedCase, Predictions, ScoredBox

__all__ = ["read_coco", "read_scores"]

_CORNERS = ("x1", "y1", "x2", "y2")
# `probability` is what our classification bundles write.
_SCORE_COLUMNS = ("score", "probability")


def read_coco(path: PathLike) -> Predictions:
    """Read boxes as COCO JSON: a list of results, or a whole document with its images.

    Parameters
    ----------
    path : path
        ``[{"image_id", "bbox": [x, y, width, height], "score"}, ...]``, or ``{"images": [{"id", "file_name"}, ...],
        "annotations": [...]}``. Every category counts as lesion.

    Returns
    -------
    Predictions
        Named by ``image_id``, or by ``file_name`` without suffix where there are images; an image without annotation
        is one in which nothing was found. A bare list names no such image.

    Raises
    ------
    ValueError
        If the file is no such JSON; a box without score, with a side that is not positive, or of an unknown image.

    References
    ----------
    https://cocodataset.org/#format-results

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "boxes.json"
    ...     _ = file.write_text('[{"image_id": "a", "bbox": [1, 2, 3, 4], "score": 0.5}]')
    ...     read_coco(file).cases["a"].boxes[0].box_xyxy
    (1.0, 2.0, 4.0, 6.0)
    """
    file = Path(path)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{file} is no JSON: {error}"
        raise ValueError(msg) from error
    images: list[Mapping[str, Any]] = []
    if isinstance(document, Mapping):
        images, document = document.get("images", []), document.get("annotations")
    if not isinstance(document, list):
        msg = f"{file} is neither a list of COCO results nor a document with images and annotations"
        raise ValueError(msg)
    names = {str(image["id"]): _image_name(image) for image in images}
    found: dict[str, list[ScoredBox]] = {name: [] for name in names.values()}
    for number, item in enumerate(document, start=1):
        name, box = _coco_box(item, names, where=f"{file.name}, result {number}")
        found.setdefault(name, []).append(box)
    shapes = {_image_name(image): (image["height"], image["width"]) for image in images if "height" in image}
    cases = {name: PredictedCase(id=name, boxes=tuple(boxes), shape=shapes.get(name)) for name, boxes in found.items()}
    return Predictions(layout="COCO boxes", cases=cases, names_all=bool(images))


def _image_name(image: Mapping[str, Any]) -> str:
    name = str(image.get("file_name") or image["id"])
    return str(Path(name).with_suffix("").as_posix()) if image.get("file_name") else name


def _coco_box(item: Any, names: Mapping[str, str], *, where: str) -> tuple[str, ScoredBox]:
    try:
        x, y, width, height = (float(value) for value in item["bbox"])
        score, image = float(item["score"]), str(item["image_id"])
    except (KeyError, TypeError, ValueError):
        msg = f"{where}: wanted image_id, bbox [x, y, width, height] and score, got {str(item)[:120]}"
        raise ValueError(msg) from None
    if names and image not in names:
        msg = f"{where}: image_id {image} is among no images of the document"
        raise ValueError(msg)
    return names.get(image, image), _scored_box((x, y, x + width, y + height), score, where=where)


def _scored_box(box: tuple[float, float, float, float], score: float, *, where: str) -> ScoredBox:
    if not all(math.isfinite(value) for value in (*box, score)) or box[2] <= box[0] or box[3] <= box[1]:
        msg = f"{where}: box {box} with score {score}; wanted finite numbers, x2 > x1 and y2 > y1"
        raise ValueError(msg)
    return ScoredBox(box, score)


def read_scores(path: PathLike) -> Predictions:
    r"""Read scores as CSV: one line an image, or one a box.

    Parameters
    ----------
    path : path
        Columns ``id`` and ``score`` (or ``probability``), and for boxes ``x1, y1, x2, y2`` in pixels, half-open. A
        line with empty corners names an image in which nothing was found. A column ``threshold`` with one value is
        the author's operating point.

    Returns
    -------
    Predictions

    Raises
    ------
    ValueError
        If a column is missing, a number is none, or an image stands twice in a file without boxes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "scores.csv"
    ...     _ = file.write_text("id,score,x1,y1,x2,y2\na,0.5,1,2,3,4\nb,,,,,\n")
    ...     [len(case.boxes) for case in read_scores(file).cases.values()]
    [1, 0]
    """
    file = Path(path)
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        columns = list(reader.fieldnames or [])
        lines = [(reader.line_num, row) for row in reader]
    column = next((name for name in _SCORE_COLUMNS if name in columns), None)
    corners = [name for name in _CORNERS if name in columns]
    if "id" not in columns or column is None or len(corners) not in (0, 4):
        msg = f"{file}: wanted the columns id,score or id,score,x1,y1,x2,y2; found {columns}"
        raise ValueError(msg)
    read = _read_boxes if corners else _read_images
    cases = read([(f"{file.name}, line {number}", row) for number, row in lines], column)
    layout = "CSV of boxes" if corners else "CSV of scores"
    return Predictions(layout=layout, cases=cases, threshold=_threshold(row for _, row in lines))


def _threshold(rows: Iterable[Mapping[str, str]]) -> float | None:
    values = {row.get("threshold") or "" for row in rows}
    try:
        return float(values.pop()) if len(values) == 1 else None
    except ValueError:
        return None


def _read_images(lines: Iterable[tuple[str, Mapping[str, str]]], column: str) -> dict[str, PredictedCase]:
    cases: dict[str, PredictedCase] = {}
    for where, row in lines:
        name = _name(row, where=where)
        if name in cases:
            msg = f"{where}: id {name!r} stands twice; one line an image, or give the boxes' corners"
            raise ValueError(msg)
        cases[name] = PredictedCase(id=name, score=_number(row.get(column), where=where, what=column))
    return cases


def _read_boxes(lines: Iterable[tuple[str, Mapping[str, str]]], column: str) -> dict[str, PredictedCase]:
    boxes: dict[str, list[ScoredBox]] = {}
    for where, row in lines:
        found = boxes.setdefault(_name(row, where=where), [])
        if not any((row.get(corner) or "").strip() for corner in _CORNERS):
            continue
        x1, y1, x2, y2 = (_number(row.get(corner), where=where, what=corner) for corner in _CORNERS)
        score = _number(row.get(column), where=where, what=column)
        found.append(_scored_box((x1, y1, x2, y2), score, where=where))
    return {name: PredictedCase(id=name, boxes=tuple(found)) for name, found in boxes.items()}


def _name(row: Mapping[str, str], *, where: str) -> str:
    name = (row.get("id") or "").strip()
    if not name:
        msg = f"{where}: the id is empty"
        raise ValueError(msg)
    return name


def _number(text: str | None, *, where: str, what: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        msg = f"{where}: {what} is {text!r}; wanted a finite number"
        raise ValueError(msg)
    return value
