# SPDX-License-Identifier: Apache-2.0
"""Figures of a score: Dice by size, FROC, ROC and precision-recall, calibration, two models case by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..._typing import Array
from ...metrics.curves import calibration_bins, precision_recall_curve, roc_curve
from ...metrics.detection import detection_curve
from ...metrics.froc import FPPI, froc
from ...metrics.matching import BoxMatch

__all__ = [
    "calibration_figure",
    "froc_figure",
    "histogram_figure",
    "lesion_precision_figure",
    "paired_figure",
    "precision_figure",
    "roc_figure",
    "size_figure",
]

# Told apart with every common colour deficiency, and readable on white and on black.
COLOURS = ("#4477AA", "#EE7733", "#228833", "#CC3377")
_GRAY = "#808892"


def _axes(figure: Figure, place: int, count: int, *, square: bool = False) -> Axes:
    axes = figure.add_subplot(1, count, place)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.5)
    axes.set_axisbelow(True)
    if square:
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    return axes


def histogram_figure(values: Mapping[str, Sequence[float]], *, label: str = "Dice") -> Figure:
    """Draw how many images lie in each tenth of a metric from 0 to 1.

    Parameters
    ----------
    values : mapping of str to sequence of float
        Name of a model to one value a case; NaN is left out.
    label : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(histogram_figure({"model": [0.1, 0.5]}).axes)
    1
    """
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = _axes(figure, 1, 1)
    series = [np.asarray(found, dtype=float) for found in values.values()]
    series = [numbers[np.isfinite(numbers)] for numbers in series]
    names = [f"{name} (n = {len(numbers)})" for name, numbers in zip(values, series, strict=True)]
    edges = np.linspace(0, 1, 21 if len(series) == 1 else 11)
    axes.hist(series, bins=list(edges), color=list(COLOURS[: len(series)]), label=names)
    axes.set(xlim=(0, 1), xlabel=label, ylabel="Images")
    axes.legend(loc="best", frameon=False, fontsize="small")
    return figure


def size_figure(groups: Mapping[str, Sequence[float]], *, label: str = "Dice") -> Figure:
    """Draw a box and every case of each group; an empty group says so.

    Parameters
    ----------
    groups : mapping of str to sequence of float
        Name of the group, usually of lesion size, to one value a case.
    label : str

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    Huang et al., Cureus 18(3) e105360, 2026, Figure 3 (Dice by lesion size).

    Examples
    --------
    >>> len(size_figure({"small": [0.1, 0.5], "large": []}).axes)
    1
    """
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = _axes(figure, 1, 1)
    rng = np.random.default_rng(0)
    for place, (colour, values) in enumerate(zip(COLOURS, groups.values(), strict=False), start=1):
        numbers = np.asarray(values, dtype=float)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            axes.text(place, 0.5, "none", ha="center", color=_GRAY)
            continue
        spread = place + rng.uniform(-0.18, 0.18, len(numbers))
        axes.plot(spread, numbers, ".", color=colour, alpha=0.6, markersize=5, markeredgewidth=0)
        lines = {"color": colour, "linewidth": 1.5}
        axes.boxplot(
            [numbers], positions=[place], widths=0.55, showfliers=False, boxprops=lines, whiskerprops=lines,
            capprops=lines, medianprops={**lines, "linewidth": 3},
        )  # fmt: skip
    names = [f"{name}\nn = {int(np.isfinite(np.asarray(values, float)).sum())}" for name, values in groups.items()]
    axes.set_xticks(range(1, len(groups) + 1), names)
    axes.set(xlim=(0.4, len(groups) + 0.6), ylim=(-0.03, 1.03), ylabel=label)
    axes.grid(visible=False, axis="x")
    return figure


def froc_figure(cases: Mapping[str, Sequence[BoxMatch]]) -> Figure:
    """Draw sensitivity against false positives per image; boxes without ranking scores give one cross.

    Parameters
    ----------
    cases : mapping of str to sequence of BoxMatch
        Name of a model to its matched images.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(froc_figure({"model": [BoxMatch(np.array([0.9]), np.array([0]), 1)]}).axes)
    1
    """
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = _axes(figure, 1, 1)
    least, most = FPPI[0] / 1.3, FPPI[-1] * 1.3
    for colour, (name, matched) in zip(COLOURS, cases.items(), strict=False):
        curve = froc(matched)
        rate, found = curve.false_positives_per_image, curve.sensitivity
        if len(rate) == 1:
            axes.plot(np.clip(rate, least, most), found, "x", color=colour, markersize=9, label=f"{name} (no scores)")
            continue
        first = float(found[rate <= least].max(initial=0.0))
        inside = rate > least
        last = float(found.max(initial=0.0))
        axes.step(np.concatenate([[least], rate[inside], [most]]), np.concatenate([[first], found[inside], [last]]),
                  where="post", color=colour, label=name)  # fmt: skip
        axes.plot(list(curve.at), list(curve.at.values()), "o", color=colour, markersize=4)
    axes.set_xscale("log", base=2)
    axes.set_xticks(FPPI, ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
    axes.set(xlim=(least, most), ylim=(-0.02, 1.02), title="FROC")
    axes.set(xlabel="False positives per image", ylabel="Sensitivity (lesions)")
    axes.legend(loc="best", frameon=False, fontsize="small")
    return figure


def lesion_precision_figure(cases: Mapping[str, Sequence[BoxMatch]]) -> Figure:
    """Draw precision against sensitivity over lesions.

    Parameters
    ----------
    cases
        As in `froc_figure`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(lesion_precision_figure({"model": [BoxMatch(np.array([0.9]), np.array([0]), 1)]}).axes)
    1
    """
    figure = Figure(figsize=(4.8, 4), layout="constrained")
    axes = _axes(figure, 1, 1, square=True)
    for colour, matched in zip(COLOURS, cases.values(), strict=False):
        curve = detection_curve(matched)
        mark = "x" if len(curve.recall) == 1 else ""
        axes.step(curve.recall, curve.precision, where="post", color=colour, marker=mark)
    axes.set(xlabel="Sensitivity (lesions)", ylabel="Precision", title="Precision and recall")
    return figure


def roc_figure(cases: Mapping[str, tuple[Array, Array]], *, unit: str = "patient") -> Figure:
    """Draw ROC curves.

    Parameters
    ----------
    cases : mapping of str to (scores, labels)
        Name of a model to arrays of shape (n,).
    unit : str
        What a case is.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(roc_figure({"model": (np.array([0.1, 0.9]), np.array([0, 1]))}).axes)
    1
    """
    figure = Figure(figsize=(4.8, 4.4), layout="constrained")
    axes = _axes(figure, 1, 1, square=True)
    axes.plot([0, 1], [0, 1], color=_GRAY, linestyle=":", linewidth=1)
    for colour, (name, (scores, labels)) in zip(COLOURS, cases.items(), strict=False):
        curve = roc_curve(scores, labels)
        axes.plot(curve.false_positive_rate, curve.sensitivity, color=colour, label=f"{name} (n = {len(labels)})")
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity", title=f"ROC, per {unit}")
    axes.legend(frameon=False, loc="lower right", fontsize="small")
    return figure


def precision_figure(cases: Mapping[str, tuple[Array, Array]], *, unit: str = "patient") -> Figure:
    """Draw positive predictive value against sensitivity; the dotted line is the share of positives.

    Parameters
    ----------
    cases, unit
        As in `roc_figure`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(precision_figure({"model": (np.array([0.1, 0.9]), np.array([0, 1]))}).axes)
    1
    """
    figure = Figure(figsize=(4.8, 4.4), layout="constrained")
    axes = _axes(figure, 1, 1, square=True)
    for colour, (scores, labels) in zip(COLOURS, cases.values(), strict=False):
        curve = precision_recall_curve(scores, labels)
        recall, precision = np.append(0.0, curve.recall), np.append(curve.precision[:1], curve.precision)
        axes.step(recall, precision, where="pre", color=colour)
        axes.axhline(float(np.mean(labels)), color=_GRAY, linestyle=":", linewidth=1)
    axes.set(xlabel="Sensitivity", ylabel="Positive predictive value", title=f"Precision and recall, per {unit}")
    return figure


def calibration_figure(cases: Mapping[str, tuple[Array, Array]], *, unit: str = "patient") -> Figure:
    """Draw the rate of positives against the mean probability in ten bins.

    Parameters
    ----------
    cases, unit
        As in `roc_figure`; models whose scores are no probabilities are left out.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(calibration_figure({"model": (np.array([0.1, 0.9]), np.array([0, 1]))}).axes)
    1
    """
    figure = Figure(figsize=(4.8, 4.4), layout="constrained")
    axes = _axes(figure, 1, 1, square=True)
    axes.plot([0, 1], [0, 1], color=_GRAY, linestyle=":", linewidth=1, label="perfect")
    for colour, (name, (scores, labels)) in zip(COLOURS, cases.items(), strict=False):
        if ((scores < 0) | (scores > 1)).any():
            continue
        bins = calibration_bins(scores, labels)
        filled = bins.count > 0
        share = bins.count[filled] / bins.count.sum()
        text = f"{name} (ECE {bins.ece:.3f})"
        axes.plot(bins.mean_score[filled], bins.positive_rate[filled], color=colour, linewidth=1, label=text)
        axes.scatter(bins.mean_score[filled], bins.positive_rate[filled], s=15 + 250 * share, color=colour)
    axes.set(xlabel="Mean probability", ylabel="Share of positives", title=f"Calibration, per {unit}")
    axes.legend(frameon=False, loc="best", fontsize="small")
    return figure


def paired_figure(first: Sequence[float], second: Sequence[float], *, names: tuple[str, str], label: str) -> Figure:
    """Draw two models' values of the same cases against each other.

    Parameters
    ----------
    first, second : sequence of float
        The same cases in the same order, 0 to 1.
    names : (str, str)
    label : str

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(paired_figure([0.1], [0.2], names=("a", "b"), label="Dice").axes)
    1
    """
    figure = Figure(figsize=(4.8, 4.4), layout="constrained")
    axes = _axes(figure, 1, 1, square=True)
    axes.plot([0, 1], [0, 1], color=_GRAY, linestyle=":", linewidth=1)
    axes.plot(first, second, "o", color=COLOURS[0], alpha=0.5, markersize=5, markeredgewidth=0)
    axes.set(xlabel=f"{label}, {names[0]}", ylabel=f"{label}, {names[1]}")
    return figure
