# SPDX-License-Identifier: Apache-2.0
"""The report of the two-stage system's evaluation: tables in the paper's form, curves and pictures.

References
----------
Yan et al., 2020, arXiv:2002.12079, Tables 1, 2, 4 and 5, Figures 4 to 6.
"""

from __future__ import annotations

import logging
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
from .figures import froc_figure, lesion_precision_figure
from .panels import evenly_spread
from .tables import markdown_report, markdown_table
from .text import number, signed, span

__all__ = ["lambda_points", "two_stage_report", "write_two_stage_report"]

logger = logging.getLogger(__name__)

HIT = "iou50"  # of the figures
SHOWN_FPPI = (0.25, 0.5, 1.0, 2.0)
RULES = {"iou50": "IoU at least 0.5", "iou20": "IoU at least 0.2", "centre": "centre in the true box"}
VARIANTS = {
    "fused": "Two stages, scales fused",
    "single_scale": "Two stages, one scale",
    "one_stage": "One stage (whole image)",
    "crops": "Crops around true lesions",
}
Summary = Mapping[str, Any]


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
    write_curves(folder / "curves.png", history)
    names = [name for name in table.images[0].matches[HIT] if name != "single_scale"]
    cases = {name: [image.matches[HIT][name] for image in table.images] for name in names}
    froc = froc_figure(cases, points=lambda_points(table.summary), title=f"FROC, {RULES[HIT]}", limit=8.0)
    write_figure(folder / "froc.png", froc)
    write_figure(folder / "precision_recall.png", lesion_precision_figure(cases, title=RULES[HIT]))
    order = sorted(table.pictures, key=lambda picture: picture.dice)
    for rank, picture in enumerate(evenly_spread(order, pictures)):
        write_png(folder / "pictures" / f"{rank:02d}_{picture.id}.png", _draw(picture))
    print(text)
    logger.info("report, tables and pictures are in %s", folder)


def lambda_points(summary: Summary) -> list[tuple[str, float, float]]:
    """Label, false positives per image and sensitivity of the fused boxes at each lambda."""
    return [
        (f"λ = {point['lambda']:g}", point["false_positives_per_image"], point["sensitivity"])
        for point in summary["lambdas"][HIT]
    ]


def _draw(picture: _Picture) -> Array:
    """The truth, the predicted mask and the fused boxes with their scores on an image: (H, W, 3) uint8."""
    drawn = draw_contours(picture.image, [picture.truth, picture.mask], colours=[TRUTH_COLOUR, PREDICTION_COLOUR])
    texts = []
    for box, score in zip(picture.boxes, picture.scores, strict=True):
        x1, y1, x2, y2 = (int(edge) for edge in np.clip(np.rint(box), 0, None))
        for part in (np.s_[y1:y2, x1 : x1 + 2], np.s_[y1:y2, x2 - 2 : x2], np.s_[y1 : y1 + 2, x1:x2]):
            drawn[part] = PREDICTION_COLOUR
        drawn[y2 - 2 : y2, x1:x2] = PREDICTION_COLOUR
        texts.append((f"{score:.2f}", (x1, y1, x2, y2)))
    return add_caption(add_labels(drawn, texts), f"Dice {picture.dice:.3f}")


def two_stage_report(summary: Summary, *, title: str) -> str:
    """Text of ``report.md``, from the content of ``metrics.json``."""
    lead = (
        f"{summary['n_images']} images of {summary['n_patients']} patients, {summary['n_lesions']} lesions; "
        f"{summary['resolution']}."
    )
    single = " x ".join(str(side) for side in summary["single_scale"])
    sections = {
        "Segmentation": _dice_table(summary) + "\n\n" + _dice_differences(summary),
        "Detection": _detection_table(summary),
        f"Fused minus one scale ({single}): sensitivity at equal false positives": _difference_table(summary),
        "Fused detections at each λ (Table 2 of the paper)": _lambda_table(summary),
    }
    return markdown_report(title, lead, sections, notes=_notes(summary), reason=summary.get("headline_reason"))


def _notes(summary: Summary) -> list[str]:
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


def _dice_table(summary: Summary) -> str:
    rows = []
    for name, title in VARIANTS.items():
        found = summary["dice"][name]
        mean = number(found["mean"]) if found["n"] else "not run"
        rows.append([title, str(found["n"]), mean, number(found["median"]), span(found["interval"])])
    return markdown_table(["Dice", "n", "Mean", "Median", "95 % CI of the mean"], rows)


def _dice_differences(summary: Summary) -> str:
    lines = []
    for name, found in summary["dice_differences"].items():
        first, second = (VARIANTS[part] for part in name.split(" - "))
        if signed(found["estimate"]) != "-":
            gap = f"{signed(found['estimate'])} ({span(found['interval'])})"
            lines.append(f"{first} minus {second.lower()}: {gap}.")
    return " ".join(lines)


def _detection_table(summary: Summary) -> str:
    rows = []
    for hit, sets in summary["detection"].items():
        for name, found in sets.items():
            if name == "single_scale":
                continue
            precision = found.get("average_precision", {"estimate": None, "interval": None})
            at = {point["false_positives_per_image"]: point["sensitivity"] for point in found.get("froc", [])}
            cells = [number(at.get(fppi)) for fppi in SHOWN_FPPI]
            rows.append([f"{RULES[hit]}, {name}", number(precision["estimate"]), span(precision["interval"]), *cells])
    titles = ["Rule, boxes", "AP", "95 % CI", *(f"TPR @ {fppi:g}" for fppi in SHOWN_FPPI)]
    return markdown_table(titles, rows)


def _difference_table(summary: Summary) -> str:
    rows = [
        [RULES[hit], f"{point['false_positives_per_image']:g}", number(point["estimate"]), span(point["interval"])]
        for hit, points in summary["froc_differences"].items()
        for point in points
        if point["false_positives_per_image"] in SHOWN_FPPI
    ]
    return markdown_table(["Rule", "FP per image", "Difference", "95 % CI"], rows)


def _lambda_table(summary: Summary) -> str:
    rows = []
    for hit, points in summary["lambdas"].items():
        for point in points:
            rate = "@".join(number(point[key], digits=2) for key in ("sensitivity", "false_positives_per_image"))
            gain = point["minus_single_scale"]
            cells = [rate, signed(gain["estimate"]), span(gain["interval"]), str(summary["n_images"])]
            rows.append([RULES[hit], f"{point['lambda']:g}", *cells])
    titles = ["Rule", "λ", "TPR@FPPI", "Minus one scale at as many false positives", "95 % CI", "Images"]
    return markdown_table(titles, rows)
