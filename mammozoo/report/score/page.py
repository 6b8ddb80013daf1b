# SPDX-License-Identifier: Apache-2.0
"""The page of an evaluation, ``report.html``: of `mammozoo evaluate` and of the bundles' own evaluations alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from ..._typing import PathLike
from ...io.write import write_text
from ...metrics.matching import BoxMatch
from ...stats.summary import SIZES
from .. import html
from ..figures import (
    distribution_figure,
    froc_figure,
    histogram_figure,
    lesion_precision_figure,
    paired_figure,
    score_curves_figure,
    size_figure,
)
from ..text import number, span
from .classes import ClassScores
from .compare import paired_values
from .pictures import Picture, worst_pictures
from .result import Score

_NOTICE = "Research use only; not for diagnosis."
_PARTS = (
    "headline", "headline_name", "headline_interval", "headline_reason", "inputs", "segmentation", "detection",
    "classification", "comparison",
)  # fmt: skip
_QUALITY = 92  # of the worst cases' JPEG files


@dataclass(frozen=True, kw_only=True, eq=False)
class PageContent:
    """What a page shows; what is empty is left out."""

    title: str
    metrics: Mapping[str, Any]
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    matches: Mapping[str, Sequence[BoxMatch]] = field(default_factory=dict)
    classes: Mapping[str, ClassScores] = field(default_factory=dict)
    dice: tuple[Sequence[float], Sequence[float]] | None = None
    pictures: Sequence[Picture] = ()
    notes: Sequence[str] = ()


def write_page(path: PathLike, content: PageContent) -> Path:
    """Write the page as one HTML file that needs nothing else."""
    content = replace(content, metrics={**dict.fromkeys(_PARTS), **content.metrics})
    text = html.render(
        "score.html.j2",
        title=content.title,
        notice=_NOTICE,
        metrics=content.metrics,
        cards=_cards(content.metrics),
        figures={name: html.drawing(draw, alt=alt) for name, (draw, alt) in _figures(content).items()},
        pictures=[_inlined(picture) for picture in content.pictures],
        notes=content.notes,
    )
    return write_text(path, text)


def _cards(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The few numbers that matter most: name, value, a smaller line."""
    cards = []
    found, inputs = metrics["segmentation"], metrics["inputs"]
    if metrics["headline_name"] and not metrics["headline_reason"]:
        interval = f"95 %: {span(metrics['headline_interval'])}"
        cards.append((metrics["headline_name"], number(metrics["headline"]), interval))
    if found:
        detected = f"{found['detection']['all']['detected']} detected at IoU > 0.10"
        cards.append(("Images", str(found["n_images"]), f"{found['n_patients']} patients"))
        cards.append(("With a lesion", str(found["n_with_lesion"]), detected))
    elif inputs:
        cards.append(("Images", str(inputs["images"]), f"{inputs['patients']} patients"))
    if found or metrics["detection"]:
        grid, _, more = str(metrics["resolution"]).partition(" (")
        cards.append(("Scored at", grid, more.replace("), ", ", ")))
    return cards


def _figures(content: PageContent) -> dict[str, tuple[Callable[[], Figure], str]]:
    """Each figure of which there is something to draw: how, and what it shows."""
    metrics = content.metrics
    found: dict[str, tuple[Callable[[], Figure], str]] = {}
    lesions = {name: [row for row in table if row["size"]] for name, table in content.rows.items()}
    first = next(iter(lesions.values()), [])
    if metrics["segmentation"] and first:
        dice = {name: [float(row["dice"]) for row in table] for name, table in lesions.items()}
        sizes = {name: [float(row["dice"]) for row in first if row["size"] == name] for name in SIZES}
        found["size"] = (
            lambda: size_figure(sizes), "Box plot of Dice in small, medium and large lesions, every image a dot."
        )  # fmt: skip
        found["histogram"] = (lambda: histogram_figure(dice), "Histogram of Dice over the images with a lesion.")
        found["distribution"] = (
            lambda: distribution_figure(dice), "Share of images with a lesion at or below each Dice."
        )  # fmt: skip
    if metrics["detection"] and metrics["detection"]["ranked"]:
        matches = content.matches
        found["froc"] = (lambda: froc_figure(matches), "FROC curve: sensitivity against false positives per image.")
        found["precision"] = (lambda: lesion_precision_figure(matches), "Precision-recall curve over lesions.")
    if metrics["classification"]:
        found |= _score_figures(content.classes, metrics["classification"]["headline"])
    dice_pairs = content.dice
    if metrics["comparison"] and dice_pairs is not None and dice_pairs[0]:
        names = (metrics["comparison"]["name"], metrics["comparison"]["other"])
        found["paired"] = (
            lambda: paired_figure(*dice_pairs, names=names, label="Dice"),
            "Dice of the two on each image with a lesion; below the diagonal the first is better.",
        )
    return found


def _score_figures(classes: Mapping[str, ClassScores], unit: str) -> dict[str, tuple[Callable[[], Figure], str]]:
    """ROC, precision and recall, and calibration where every score is a probability."""
    units = {name: scores.unit(unit) for name, scores in classes.items()}
    curves = {f"{name} (n = {len(found.labels)})": found for name, found in units.items()}

    def draw(panel: str) -> Callable[[], Figure]:
        return lambda: score_curves_figure(curves, panels=[panel], unit=unit)

    found = {
        "roc": (draw("ROC"), "ROC curve of the scores."),
        "class_precision": (draw("Precision and recall"), "Precision-recall curve of the scores."),
    }
    if all(((np.asarray(item.scores) >= 0) & (np.asarray(item.scores) <= 1)).all() for item in units.values()):
        alt = "Share of positives against mean probability in ten bins; the larger the dot, the more cases."
        found["calibration"] = (draw("Calibration"), alt)
    return found


def _inlined(picture: Picture) -> dict[str, Any]:
    image, title, text = picture
    data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    height, width = image.shape[:2]
    return {
        "data": html.data_uri(data.tobytes(), "jpeg"),
        "width": width,
        "height": height,
        "title": title,
        "text": text,
    }


def score_page(path: PathLike, score: Score, *, other: Score | None, title: str) -> Path:
    """Write the page of a score, beside another with which it was compared."""
    both = [score, *([other] if other is not None else [])]
    segmentation = score.metrics["segmentation"]
    shared = paired_values(score, other, "dice")[:2] if other is not None and segmentation else None
    return write_page(
        path,
        PageContent(
            title=title,
            metrics=score.metrics,
            rows={item.name: [case.row for case in item.segmented] for item in both if item.segmented},
            matches={item.name: item.matches for item in both if item.matches},
            classes={item.name: item.classes for item in both if item.classes is not None},
            dice=shared,
            pictures=worst_pictures(score.cases, mask_threshold=score.mask_threshold),
            notes=segmentation["notes"] if segmentation else [],
        ),
    )
