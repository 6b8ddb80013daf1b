# SPDX-License-Identifier: Apache-2.0
"""The report of a segmentation bundle's evaluation: tables, curves and pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from .._typing import Array, PathLike
from ..engines.training.failures import require_images
from ..io.write import write_text
from ..metrics.matching import BoxMatch
from .curves import write_curves, write_figure
from .figures import distribution_figure
from .panels import case_figure, evenly_spread
from .score.page import PageContent, write_page
from .score.pictures import Picture, case_overlay
from .tables import case_report

__all__ = ["EvaluatedCase", "write_segmentation_report"]

logger = logging.getLogger(__name__)


class EvaluatedCase(Protocol):
    """What the pictures need of one case: arrays of shape (H, W) on the scoring grid."""

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
    text = case_report(table.summary, title=title)
    write_text(folder / "report.md", text)
    write_curves(folder / "curves.png", history)
    lesions = [index for index, row in enumerate(table.rows) if row["size"]]
    dice = [float(row["dice"]) for row in table.rows]
    write_figure(folder / "dice_distribution.png", distribution_figure({title: [dice[index] for index in lesions]}))
    order = sorted(lesions, key=dice.__getitem__) or list(range(len(dice)))
    for rank, index in enumerate(evenly_spread(order, pictures)):
        case = table.cases[index]
        figure = case_figure(
            image=case.image,
            probability=case.probability,
            mask=case.probability >= table.threshold,
            truth=case.truth,
            title=f"{case.id}: Dice {dice[index]:.3f}",
        )
        write_figure(folder / "pictures" / f"{rank:02d}_{case.id}.png", figure, dpi=90)
    write_page(folder / "report.html", _page(table, title=title))
    print(text)
    logger.info("report, tables and pictures are in %s", folder)


def _page(table: _Table, *, title: str) -> PageContent:
    """The same page as `mammozoo evaluate` writes."""
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
    return PageContent(
        title=title,
        metrics=metrics,
        rows={title: table.rows},
        matches={title: table.matches},
        pictures=_worst(table),
        notes=summary["notes"],
    )


def _worst(table: _Table, *, count: int = 12) -> list[Picture]:
    """Pictures of the images with a lesion of least Dice, of equal ones the larger lesion first."""
    lesions = [(row, case) for row, case in zip(table.rows, table.cases, strict=True) if row["size"]]
    lesions.sort(key=lambda pair: (pair[0]["dice"], -pair[0]["area_224"]))
    return [
        (
            case_overlay(case.image, case.truth, case.probability >= table.threshold),
            case.id,
            f"Dice {row['dice']:.3f}, {row['size']} lesion",
        )
        for row, case in lesions[:count]
    ]
