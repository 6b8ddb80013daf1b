# SPDX-License-Identifier: Apache-2.0
"""ROC, precision-recall and calibration curves of a classifier in one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._typing import Array
from ..metrics.curves import calibration_bins, compute_auroc, precision_recall_curve, roc_curve

__all__ = ["Scores", "score_curves_figure"]

COLOURS = ("#4477AA", "#EE7733", "#228833", "#AA3377")  # told apart with every common colour deficiency


@dataclass(frozen=True, eq=False)
class Scores:
    """Probabilities and labels (0 or 1) of one unit or model, each (n,)."""

    scores: Sequence[float] | Array
    labels: Sequence[int] | Array


def score_curves_figure(curves: Mapping[str, Scores], *, title: str | None = None) -> Figure:
    """Draw the three curves, one line a name.

    Parameters
    ----------
    curves : mapping of str to Scores
        At most four; the legend carries AUROC and average precision.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure
        Attached to no window and no global state.

    Notes
    -----
    A curve that needs both classes is left out where there is one only; a panel without a line says so.

    Examples
    --------
    >>> len(score_curves_figure({"image": Scores([0.1, 0.9], [0, 1])}).axes)
    3
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    if title:
        figure.suptitle(title)
    panels = {"ROC": _roc, "Precision and recall": _precision, "Calibration": _calibration}
    for index, (name, draw) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, 3, index)
        axes.set(title=name, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        for colour, (label, given) in zip(COLOURS, curves.items(), strict=False):
            truth = np.asarray(given.labels)
            if len(truth) and (draw is _calibration or 0 < truth.sum() < len(truth)):
                draw(axes, given, label, colour)
        if axes.get_lines():
            axes.legend(frameon=False, fontsize="small")
        else:
            axes.text(0.5, 0.5, "one class only", ha="center", color="0.4")
        if draw is not _precision:
            axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":")
    return figure


def _roc(axes: Axes, given: Scores, label: str, colour: str) -> None:
    curve = roc_curve(given.scores, given.labels)
    area = compute_auroc(given.scores, given.labels)
    axes.plot(curve.false_positive_rate, curve.sensitivity, color=colour, label=f"{label}: {area:.3f}")
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity")


def _precision(axes: Axes, given: Scores, label: str, colour: str) -> None:
    curve = precision_recall_curve(given.scores, given.labels)
    recall, precision = np.insert(curve.recall, 0, 0.0), np.insert(curve.precision, 0, curve.precision[0])
    axes.step(recall, precision, where="pre", color=colour, label=f"{label}: {curve.average_precision:.3f}")
    share = float(np.mean(given.labels))
    axes.axhline(share, color=colour, linewidth=1, linestyle=":")
    axes.set(xlabel="Recall", ylabel="Precision")


def _calibration(axes: Axes, given: Scores, label: str, colour: str) -> None:
    bins = calibration_bins(given.scores, given.labels)
    filled = bins.count > 0
    ece = f"{bins.ece:.3f}" if math.isfinite(bins.ece) else "-"
    axes.plot(
        bins.mean_score[filled], bins.positive_rate[filled], color=colour, marker="o", markersize=4,
        label=f"{label}: ECE {ece}",
    )  # fmt: skip
    axes.set(xlabel="Mean probability", ylabel="Share malignant")
