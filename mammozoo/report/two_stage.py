# SPDX-License-Identifier: Apache-2.0
"""The report of the two-stage system's evaluation: tables in the paper's form, curves and pictures.

References
----------
.. [1] Yan et al., 2020, arXiv:2002.12079, Tables 1, 2, 4 and 5, Figures 4 to 6.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .._typing import Array, PathLike
from ..engines.training.failures import require_images
from ..functional.contours import PREDICTION_COLOUR, TRUTH_COLOUR, add_caption, add_labels, draw_contours
from ..io.write import write_png, write_text
from ..metrics.matching import BoxMatch
from .curves import write_curves, write_figure
from .detection_curves import froc_figure, precision_recall_figure
from .tables import markdown_table

__all__ = ["two_stage_picture", "two_stage_report", "write_two_stage_report"]

logger = logging.getLogger(__name__)

RULES = {"iou50": "IoU at least 0.5", "iou20": "IoU at least 0.2", "centre": "centre in the true box"}
VARIANTS = {
    "fused": "Two stages, scales fused",
    "single_scale": "Two stages, one scale",
    "one_stage": "One stage (whole image)",
    "crops": "Crops around true lesions",
}


class _Picture(Protocol):
    id: str
    image: Array
    truth: Array
    mask: Array
    boxes: Array
    scores: Array
    dice: float


class _Image(Protocol):
    matches: Mapping[Any, Mapping[str, BoxMatch]]


class _Table(Protocol):
    rows: Sequence[dict[str, Any]]
    images: Sequence[_Image]
    pictures: Sequence[_Picture]
    summary: dict[str, Any]


def write_two_stage_report(
    table: _Table, *, output_dir: PathLike, title: str, history: PathLike | None = None, pictures: int = 9
) -> None:
    """Write ``report.md``, ``froc.png``, ``precision_recall.png``, the training curves and pictures.

    Parameters
    ----------
    table : mammozoo.engines.results.two_stage_table.TwoStageTable
        After its evaluator has run.
    output_dir : path
    title : str
    history : path, optional
        The segmenter's training log; without it there are no training curves.
    pictures : int
        How many images to draw, evenly spread from the worst to the best Dice.
    """
    require_images(table.rows)
    folder = Path(output_dir)
    text = two_stage_report(table.summary, title=title)
    write_text(folder / "report.md", text)
    if history is not None and Path(history).is_file():
        write_curves(folder / "curves.png", history)
    hit = "iou50"
    names = [name for name in table.images[0].matches[hit] if name != "single_scale"]
    cases = {name: [image.matches[hit][name] for image in table.images] for name in names}
    stars = [
        (f"λ = {point['lambda']:g}", point["false_positives_per_image"], point["sensitivity"])
        for point in table.summary["lambdas"][hit]
    ]
    write_figure(folder / "froc.png", froc_figure(cases, points=stars, title=f"FROC, {RULES[hit]}"))
    write_figure(folder / "precision_recall.png", precision_recall_figure(cases, title=RULES[hit]))
    order = sorted(table.pictures, key=lambda picture: picture.dice)
    places = np.unique(np.linspace(0, len(order) - 1, min(pictures, len(order))).round().astype(int))
    for rank, index in enumerate(places):
        picture = order[index]
        write_png(folder / "pictures" / f"{rank:02d}_{picture.id}.png", two_stage_picture(picture))
    print(text)
    logger.info("report, tables and pictures are in %s", folder)


def two_stage_picture(picture: _Picture) -> Array:
    """Draw the truth, the predicted mask and the fused boxes with their scores on an image.

    Parameters
    ----------
    picture : mammozoo.engines.results.two_stage_table.Picture

    Returns
    -------
    numpy.ndarray of shape (H, W, 3), uint8
    """
    drawn = draw_contours(picture.image, [picture.truth, picture.mask], colours=[TRUTH_COLOUR, PREDICTION_COLOUR])
    texts = []
    for box, score in zip(picture.boxes, picture.scores, strict=True):
        x1, y1, x2, y2 = (int(edge) for edge in np.clip(np.rint(box), 0, None))
        for part in (np.s_[y1:y2, x1 : x1 + 2], np.s_[y1:y2, x2 - 2 : x2], np.s_[y1 : y1 + 2, x1:x2]):
            drawn[part] = PREDICTION_COLOUR
        drawn[y2 - 2 : y2, x1:x2] = PREDICTION_COLOUR
        texts.append((f"{score:.2f}", (x1, y1, x2, y2)))
    return add_caption(add_labels(drawn, texts), f"Dice {picture.dice:.3f}")


def two_stage_report(summary: Mapping[str, Any], *, title: str) -> str:
    """Text of ``report.md``.

    Parameters
    ----------
    summary : mapping
        The content of ``metrics.json``.
    title : str

    Returns
    -------
    str
        Markdown; ends with a line end.
    """
    reason = summary.get("headline_reason")
    counts = f"{summary['n_images']} images of {summary['n_patients']} patients, {summary['n_lesions']} lesions"
    single = " x ".join(str(side) for side in summary["single_scale"])
    sections = {
        "Segmentation": _dice_table(summary) + "\n\n" + _dice_differences(summary),
        "Detection": _detection_table(summary),
        f"Fused minus one scale ({single}): sensitivity at equal false positives": _difference_table(summary),
        "Fused detections at each λ (Table 2 of the paper)": _lambda_table(summary),
        "Notes": "\n".join(f"- {note}" for note in _notes(summary)),
    }
    parts = [f"# {title}", "Research use only; not for diagnosis."]
    parts += [f"> **No headline figure:** {reason}"] if reason else []
    parts += [f"{counts}; {summary['resolution']}."]
    parts += [text for name, section in sections.items() for text in (f"## {name}", section)]
    return "\n\n".join(parts) + "\n"


def _notes(summary: Mapping[str, Any]) -> list[str]:
    return [
        f"Intervals: 95 % percentile bootstrap, {summary['resamples']} resamples of patients, seed {summary['seed']}; "
        "differences are paired.",
        f"λ of the whole system: {summary['fusion_threshold']:g}. The paper chooses 0.6; its Table 3 prints the row of "
        "0.5.",
        "Average precision is not interpolated and counts every lesion; a box finds at most one lesion, and a lesion "
        "is found once.",
        "A fused region is what the scales' boxes share and is smaller than each: where they disagree about a mass's "
        "edges it loses IoU; what few scales see falls below λ. The rows of λ and the milder rules tell the two apart.",
        "An image in which nothing is found scores Dice 0. Crops: mean over lesions, on the network's own grid.",
    ]


def _text(value: float | None, *, digits: int = 3) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _signed(value: float | None) -> str:
    return "-" if _text(value) == "-" else f"{value:+.3f}"


def _range(interval: Sequence[float | None]) -> str:
    low, high = interval
    return "-" if _text(low) == "-" else f"{_text(low)} to {_text(high)}"


def _dice_table(summary: Mapping[str, Any]) -> str:
    rows = []
    for name, title in VARIANTS.items():
        found = summary["dice"][name]
        if not found["n"]:
            rows.append([title, "0", "not run", "-", "-"])
            continue
        rows.append([title, str(found["n"]), _text(found["mean"]), _text(found["median"]), _range(found["interval"])])
    return markdown_table(["Dice", "n", "Mean", "Median", "95 % CI of the mean"], rows)


def _dice_differences(summary: Mapping[str, Any]) -> str:
    lines = []
    for name, found in summary["dice_differences"].items():
        first, second = name.split(" - ")
        if _text(found["estimate"]) != "-":
            lines.append(
                f"{VARIANTS[first]} minus {VARIANTS[second].lower()}: {found['estimate']:+.3f} "
                f"({_range(found['interval'])})."
            )
    return " ".join(lines)


def _detection_table(summary: Mapping[str, Any]) -> str:
    rows = []
    for hit, sets in summary["detection"].items():
        for name, found in sets.items():
            if name == "single_scale":
                continue
            precision = found.get("average_precision", {"estimate": None, "interval": [None, None]})
            at = {point["false_positives_per_image"]: point["sensitivity"] for point in found.get("froc", [])}
            cells = [_text(at.get(fppi)) for fppi in (0.25, 0.5, 1.0, 2.0)]
            rows.append([f"{RULES[hit]}, {name}", _text(precision["estimate"]), _range(precision["interval"]), *cells])
    titles = ["Rule, boxes", "AP", "95 % CI", *(f"TPR @ {fppi}" for fppi in ("0.25", "0.5", "1", "2"))]
    return markdown_table(titles, rows)


def _difference_table(summary: Mapping[str, Any]) -> str:
    rows = []
    for hit, points in summary["froc_differences"].items():
        for point in points:
            if point["false_positives_per_image"] in (0.25, 0.5, 1.0, 2.0):
                fppi = f"{point['false_positives_per_image']:g}"
                rows.append([RULES[hit], fppi, _text(point["estimate"]), _range(point["interval"])])
    return markdown_table(["Rule", "FP per image", "Difference", "95 % CI"], rows)


def _lambda_table(summary: Mapping[str, Any]) -> str:
    rows = []
    for hit, points in summary["lambdas"].items():
        for point in points:
            rate = f"{_text(point['sensitivity'], digits=2)}@{_text(point['false_positives_per_image'], digits=2)}"
            gain = point["minus_single_scale"]
            cells = [rate, _signed(gain["estimate"]), _range(gain["interval"]), str(summary["n_images"])]
            rows.append([RULES[hit], f"{point['lambda']:g}", *cells])
    titles = ["Rule", "λ", "TPR@FPPI", "Minus one scale at as many false positives", "95 % CI", "Images"]
    return markdown_table(titles, rows)
