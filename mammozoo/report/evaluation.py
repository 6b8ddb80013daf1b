# SPDX-License-Identifier: Apache-2.0
"""The report of a segmentation bundle's evaluation: tables, curves and pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .._typing import Array, PathLike
from ..engines.training.failures import require_images
from ..io.write import write_text
from ..metrics.matching import BoxMatch
from .curves import write_curves, write_figure
from .distribution import distribution_figure
from .panels import case_figure
from .score.page import PageContent, write_page
from .score.pictures import Picture, case_overlay
from .tables import case_report

__all__ = ["EvaluatedCase", "write_segmentation_report"]

logger = logging.getLogger(__name__)


class EvaluatedCase(Protocol):
    """What the pictures need of one case: arrays of shape (H, W) on the scoring grid.

    ``image`` is uint8, ``truth`` is bool, ``probability`` lies in 0-1.
    """

    id: str
    image: Array
    truth: Array
    probability: Array


class _Table(Protocol):
    rows: Sequence[dict[str, Any]]
    cases: Sequence[EvaluatedCase]
    matches: Sequence[BoxMatch]
    summary: dict[str, Any]
    threshold: float


def write_segmentation_report(
    table: _Table, *, output_dir: PathLike, title: str, history: PathLike | None = None, pictures: int = 9
) -> None:
    """Write ``report.md``, ``report.html``, curves, the distribution of Dice and pictures; an evaluation's last step.

    Parameters
    ----------
    table : mammozoo.engines.results.per_case.PerCaseTable
        After its evaluator has run.
    output_dir : path
    title : str
        Name of the bundle.
    history : path, optional
        The training log (``history.csv``); without it there are no curves.
    pictures : int
        How many cases to draw, evenly spread from the worst to the best Dice.
    """
    require_images(table.rows)
    folder = Path(output_dir)
    summary = table.summary
    text = case_report(
        table.rows,
        title=title,
        resolution=summary["resolution"],
        intervals=_intervals(summary["overall"]),
        detection_intervals=_intervals(summary["detection"]),
        headline_reason=summary.get("headline_reason"),
        notes=summary["notes"],
    )
    write_text(folder / "report.md", text)
    if history is not None and Path(history).is_file():
        write_curves(folder / "curves.png", history)
    dice = [float(row["dice"]) for row in table.rows if row["size"]]
    write_figure(folder / "dice_distribution.png", distribution_figure({title: dice}))
    for rank, index in enumerate(_spread(table.rows, pictures)):
        case, row = table.cases[index], table.rows[index]
        figure = case_figure(
            image=case.image,
            probability=case.probability,
            mask=case.probability >= table.threshold,
            truth=case.truth,
            title=f"{case.id}: Dice {row['dice']:.3f}",
        )
        write_figure(folder / "pictures" / f"{rank:02d}_{case.id}.png", figure, dpi=90)
    _write_page(folder / "report.html", table, title=title)
    print(text)
    logger.info("report, tables and pictures are in %s", folder)


def _write_page(path: Path, table: _Table, *, title: str) -> None:
    """Write the same page as `mammozoo evaluate` does."""
    summary = table.summary
    dice = summary["overall"]["dice"]
    metrics = {
        "headline": summary.get("headline"),
        "headline_name": "Dice, mean over images with a lesion" if dice["n"] else None,
        "headline_interval": dice["interval"],
        "headline_reason": summary.get("headline_reason"),
        "resolution": summary["resolution"],
        "segmentation": summary,
        "detection": summary.get("lesion_detection"),
    }
    content = PageContent(
        title=title,
        metrics=metrics,
        rows={title: table.rows},
        matches={title: table.matches},
        pictures=_worst(table),
        notes=summary["notes"],
    )
    write_page(path, content)


def _worst(table: _Table, *, count: int = 12) -> list[Picture]:
    """Pictures of the images with a lesion of least Dice, of equal ones the larger lesion first."""
    lesions = [index for index, row in enumerate(table.rows) if row["size"]]
    lesions.sort(key=lambda index: (table.rows[index]["dice"], -table.rows[index]["area_224"]))
    return [
        (
            case_overlay(
                table.cases[index].image, table.cases[index].truth, table.cases[index].probability >= table.threshold
            ),
            table.cases[index].id,
            f"Dice {table.rows[index]['dice']:.3f}, {table.rows[index]['size']} lesion",
        )
        for index in lesions[:count]
    ]


def _intervals(described: dict[str, dict[str, Any]]) -> dict[str, tuple[float, float]]:
    return {name: (value["interval"][0], value["interval"][1]) for name, value in described.items()}


def _spread(rows: Sequence[dict[str, Any]], count: int) -> list[int]:
    """Indices of cases evenly spread over the order of Dice, among those with a lesion."""
    order = sorted((i for i, row in enumerate(rows) if row["size"]), key=lambda i: float(rows[i]["dice"]))
    if not order:
        order = list(range(len(rows)))
    places = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    return [order[place] for place in places]
