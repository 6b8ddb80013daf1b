# SPDX-License-Identifier: Apache-2.0
"""The report of a classification bundle's evaluation: figures with intervals, and curves."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .._typing import PathLike
from ..engines.experiments.crossvalidation import read_scores
from ..engines.experiments.grid import cell_result
from ..engines.results.score_table import score_units
from ..engines.training.failures import require_images
from ..io.write import write_text
from .classification_curves import Scores, score_curves_figure
from .curves import write_curves, write_figure
from .tables import markdown_table

__all__ = ["classification_report", "write_classification_report", "write_crossvalidation_report"]

logger = logging.getLogger(__name__)

FIGURES: Mapping[str, str] = {
    "auroc": "AUROC",
    "auprc": "AUPRC (average precision)",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier score",
    "ece": "Expected calibration error",
}
_PANELS = (("Loss", "train_loss", "val_loss"), ("AUROC", "train_auroc", "val_auroc"))
_PARTS = {"validation": "out of fold", "test": "ensemble, test part"}
_ORDER = ("patient", "breast", "image")  # the headline first


class _Table(Protocol):
    rows: Sequence[dict[str, Any]]
    summary: dict[str, Any]
    aggregation: Any


def write_classification_report(
    table: _Table, *, output_dir: PathLike, title: str, history: PathLike | None = None
) -> None:
    """Write ``report.md`` and ``curves.png`` (ROC, precision-recall, calibration); an evaluation's last step.

    Parameters
    ----------
    table : mammozoo.engines.results.score_table.ScoreTable
        After its evaluator has run.
    output_dir : path
    title : str
        Name of the bundle.
    history : path, optional
        The training log (``history.csv``): ``training_curves.png``.
    """
    require_images(table.rows)
    folder = Path(output_dir)
    text = classification_report(table.summary, title=title)
    write_text(folder / "report.md", text)
    units = score_units([row for row in table.rows if row["part"] == "test"], aggregation=table.aggregation)
    curves = {name: Scores(units[name].scores, units[name].labels) for name in ("patient", "image")}
    write_figure(folder / "curves.png", score_curves_figure(curves, title=title))
    if history is not None and Path(history).is_file():
        write_curves(folder / "training_curves.png", history, panels=_PANELS)
    print(text)
    logger.info("report, table and curves are in %s", folder)


def write_crossvalidation_report(*, folder: PathLike, title: str) -> None:
    """Write ``report.md`` and ``curves.png`` of a finished cross-validation: its folds, then the ensemble's figures.

    Parameters
    ----------
    folder : path
        With ``metrics.json`` and ``per_case.csv``, as `mammozoo.engines.experiments.crossvalidation.cross_validate` leaves it.
    title : str
        Name of the bundle.

    Raises
    ------
    FileNotFoundError
        If the cross-validation is not finished.
    """
    folder = Path(folder)
    result = cell_result(folder)
    if result is None:
        msg = f"{folder} holds no metrics.json; the cross-validation is not finished"
        raise FileNotFoundError(msg)
    text = "\n".join([classification_report(result, title=f"{title}: ensemble of the folds"), *_folds(result)])
    write_text(folder / "report.md", text)
    patients = {part: score_units(read_scores(folder / "per_case.csv", part=part))["patient"] for part in _PARTS}
    curves = {_PARTS[part]: Scores(unit.scores, unit.labels) for part, unit in patients.items()}
    write_figure(folder / "curves.png", score_curves_figure(curves, title=f"{title}, per patient"))
    print(text)
    logger.info("report, table and curves are in %s", folder)


def _folds(result: Mapping[str, Any]) -> list[str]:
    """Section on the folds: each one's AUROC, their mean and spread, and the pooled out-of-fold figure."""
    found = result["cross_validation"]
    body = [[fold, "-" if value is None else _number(value)] for fold, value in found["auroc_per_patient"].items()]
    lines = ["## Folds", "", markdown_table(["Fold", "AUROC per patient"], body), ""]
    if found["mean"] is not None and found["sd"] is not None:
        lines += [f"Mean {found['mean']:.3f}, SD {found['sd']:.3f}.", ""]
    for name in _ORDER:
        unit = found["out_of_fold"][name]
        pooled = unit["figures"]["half"]["auroc"]
        interval = " to ".join(_number(bound) for bound in pooled["interval"])
        lines.append(
            f"Out of fold, per {name}: AUROC {_number(pooled['estimate'])} (95 % {interval}), n = {unit['n']} of"
            f" {unit['patients']} patients.  "
        )
    return [*lines, ""]


def classification_report(summary: Mapping[str, Any], *, title: str) -> str:
    """Text of ``report.md``: what was scored, and one table a unit.

    Parameters
    ----------
    summary : mapping
        The content of ``metrics.json``.
    title : str

    Returns
    -------
    str
        Markdown, ends with a line end.
    """
    reason = summary.get("headline_reason")
    parts = [
        f"# {title}", "", "Research use only; not for diagnosis.", "",
        *([f"> **No headline figure:** {reason}", ""] if reason else []),
        f"Benign against malignant, test part. Scored at {summary['resolution']}.", "",
        f"Threshold: {summary['threshold_method']}.", "",
    ]  # fmt: skip
    for name in _ORDER:
        unit, threshold = summary["units"][name], summary["thresholds"][name]
        headline = ", the headline" if name == "patient" else ""
        parts += [
            f"## Per {name}{headline}",
            "",
            f"{unit['n']} ({unit['positives']} malignant) of {unit['patients']} patients.",
            "",
            _table(unit["figures"], threshold=threshold),
            "",
        ]
        if unit.get("delong"):
            found = unit["delong"]
            parts += [f"DeLong's interval of the AUROC: {_number(found['low'])} to {_number(found['high'])}.", ""]
    return "\n".join([*parts, "## Notes", "", *(f"- {note}" for note in summary["notes"]), ""])


def _table(figures: Mapping[str, Mapping[str, Any]], *, threshold: float) -> str:
    header = ["Figure", f"At {threshold:.3f} (validation)", "95 % CI", "At 0.5", "95 % CI"]
    body = []
    for name, printed in FIGURES.items():
        cells = [printed]
        for kind in ("validation", "half"):
            found = figures[kind][name]
            cells += [_number(found["estimate"]), " to ".join(_number(bound) for bound in found["interval"])]
        body.append(cells)
    return markdown_table(header, body)


def _number(value: float | None) -> str:
    return f"{value:.3f}" if value is not None and math.isfinite(value) else "-"
