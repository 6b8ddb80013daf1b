# SPDX-License-Identifier: Apache-2.0
"""The report of a classification bundle's evaluation: figures with intervals, and curves."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .._typing import PathLike
from ..engines.experiments.crossvalidation import read_scores
from ..engines.experiments.grid import cell_result
from ..engines.results.score_table import score_units
from ..engines.training.failures import require_images
from ..io.write import write_text
from ..stats.summary_classification import Unit
from .curves import write_curves, write_figure
from .figures import score_curves_figure
from .tables import markdown_report, markdown_table
from .text import CLASS_TITLES, number, span

__all__ = ["classification_report", "write_classification_report", "write_crossvalidation_report"]

logger = logging.getLogger(__name__)

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
    units = score_units([row for row in table.rows if row["part"] == "test"], aggregation=table.aggregation)
    curves = {name: units[name] for name in ("patient", "image")}
    write_curves(folder / "training_curves.png", history, panels=_PANELS)
    _write(folder, classification_report(table.summary, title=title), curves, title=title)


def write_crossvalidation_report(*, folder: PathLike, title: str) -> None:
    """Write ``report.md`` and ``curves.png`` of a finished cross-validation: its folds, then the ensemble's figures.

    Parameters
    ----------
    folder : path
        With ``metrics.json`` and ``per_case.csv``, as `mammozoo.engines.experiments.crossvalidation.cross_validate`
        leaves it.
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
    text = classification_report(result, title=f"{title}: ensemble of the folds") + f"\n## Folds\n\n{_folds(result)}\n"
    curves = {name: score_units(read_scores(folder / "per_case.csv", part=part))["patient"]
              for part, name in _PARTS.items()}  # fmt: skip
    _write(folder, text, curves, title=f"{title}, per patient")


def _write(folder: Path, text: str, curves: Mapping[str, Unit], *, title: str) -> None:
    write_text(folder / "report.md", text)
    write_figure(folder / "curves.png", score_curves_figure(curves, title=title))
    print(text)
    logger.info("report, table and curves are in %s", folder)


def _folds(result: Mapping[str, Any]) -> str:
    """Each fold's AUROC, their mean and spread, and the pooled out-of-fold figure."""
    found = result["cross_validation"]
    body = [[fold, number(value)] for fold, value in found["auroc_per_patient"].items()]
    parts = [markdown_table(["Fold", "AUROC per patient"], body)]
    if found["mean"] is not None and found["sd"] is not None:
        parts.append(f"Mean {found['mean']:.3f}, SD {found['sd']:.3f}.")
    lines = []
    for name in _ORDER:
        unit = found["out_of_fold"][name]
        pooled = unit["figures"]["half"]["auroc"]
        lines.append(
            f"Out of fold, per {name}: AUROC {number(pooled['estimate'])} (95 % {span(pooled['interval'])}), "
            f"n = {unit['n']} of {unit['patients']} patients.  "
        )
    return "\n\n".join([*parts, "\n".join(lines)])


def classification_report(summary: Mapping[str, Any], *, title: str) -> str:
    """Text of ``report.md``, from the content of ``metrics.json``: what was scored, and one table a unit."""
    lead = (
        f"Benign against malignant, test part. Scored at {summary['resolution']}.\n\n"
        f"Threshold: {summary['threshold_method']}."
    )
    sections = {}
    for name in _ORDER:
        unit = summary["units"][name]
        parts = [
            f"{unit['n']} ({unit['positives']} malignant) of {unit['patients']} patients.",
            _table(unit["figures"], threshold=summary["thresholds"][name]),
        ]
        if unit.get("delong"):
            interval = [unit["delong"]["low"], unit["delong"]["high"]]
            parts.append(f"DeLong's interval of the AUROC: {span(interval)}.")
        sections[f"Per {name}{', the headline' if name == 'patient' else ''}"] = "\n\n".join(parts)
    return markdown_report(title, lead, sections, notes=summary["notes"], reason=summary.get("headline_reason"))


def _table(figures: Mapping[str, Mapping[str, Any]], *, threshold: float) -> str:
    body = []
    for name, printed in CLASS_TITLES.items():
        found = [figures[kind][name] for kind in ("validation", "half")]
        body.append([printed, *(text for item in found for text in (number(item["estimate"]), span(item["interval"])))])
    header = ["Figure", f"At {threshold:.3f} (validation)", "95 % CI", "At 0.5", "95 % CI"]
    return markdown_table(header, body)
