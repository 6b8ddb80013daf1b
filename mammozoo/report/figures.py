# SPDX-License-Identifier: Apache-2.0
"""Figures of results: Dice and its distribution, FROC, ROC, precision and recall, calibration, two models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._typing import Array
from ..metrics.curves import calibration_bins, compute_auroc, precision_recall_curve, roc_curve
from ..metrics.detection import detection_curve
from ..metrics.froc import FPPI, froc
from ..metrics.matching import BoxMatch
from ..stats.summary_classification import Unit
from .text import number

# Told apart with every common colour deficiency, and readable on white and on black.
COLOURS = ("#4477AA", "#EE7733", "#228833", "#CC3377", "#66CCEE", "#CCBB44")
_GRAY = "#808892"
_SINGLE = (4.8, 4.4)  # inches of a square figure
Values = Mapping[str, Sequence[float]]


def _axes(figure: Figure, place: int = 1, count: int = 1, *, square: bool = False) -> Axes:
    axes = figure.add_subplot(1, count, place)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.5)
    axes.set_axisbelow(True)
    if square:
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    return axes


def _figure(size: tuple[float, float] = (5, 4), *, square: bool = False) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, _axes(figure, square=square)


def _legend(axes: Axes) -> None:
    axes.legend(loc="best", frameon=False, fontsize="small")


def _finite(values: Sequence[float]) -> Array:
    numbers = np.asarray(values, dtype=float)
    return numbers[np.isfinite(numbers)]


def _diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=_GRAY, linestyle=":", linewidth=1)


def histogram_figure(values: Values, *, label: str = "Dice") -> Figure:
    """Draw how many images of each model lie in each tenth of a metric from 0 to 1; NaN is left out."""
    figure, axes = _figure()
    series = [_finite(found) for found in values.values()]
    names = [f"{name} (n = {len(numbers)})" for name, numbers in zip(values, series, strict=True)]
    edges = np.linspace(0, 1, 21 if len(series) == 1 else 11)
    axes.hist(series, bins=list(edges), color=list(COLOURS[: len(series)]), label=names)
    axes.set(xlim=(0, 1), xlabel=label, ylabel="Images")
    _legend(axes)
    return figure


def distribution_figure(values: Values, *, label: str = "Dice") -> Figure:
    """Draw each model's share of images at or below each value (Sun et al., 2020, Figures 4 and 5); NaN is left out."""
    figure, axes = _figure()
    for colour, (name, series) in zip(cycle(COLOURS), values.items(), strict=False):
        numbers = np.sort(_finite(series))
        if len(numbers):
            share = np.arange(1, len(numbers) + 1) / len(numbers)
            axes.step(numbers, share, where="post", color=colour, label=f"{name} (n = {len(numbers)})")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=label, ylabel="Share of images at or below")
    if axes.lines:
        _legend(axes)
    return figure


def size_figure(groups: Values, *, label: str = "Dice") -> Figure:
    """Draw a box and every case of each group (Huang et al., 2026, Figure 3); an empty group says so."""
    figure, axes = _figure()
    rng = np.random.default_rng(0)
    series = [_finite(values) for values in groups.values()]
    for place, (colour, numbers) in enumerate(zip(COLOURS, series, strict=False), start=1):
        if not len(numbers):
            axes.text(place, 0.5, "none", ha="center", color=_GRAY)
            continue
        spread = place + rng.uniform(-0.18, 0.18, len(numbers))
        axes.plot(spread, numbers, "o", color=colour, alpha=0.6, markersize=4, markeredgewidth=0)
        lines = {"color": colour, "linewidth": 1.5}
        axes.boxplot(
            [numbers], positions=[place], widths=0.55, showfliers=False, boxprops=lines, whiskerprops=lines,
            capprops=lines, medianprops={**lines, "linewidth": 3},
        )  # fmt: skip
    names = [f"{name}\nn = {len(numbers)}" for name, numbers in zip(groups, series, strict=True)]
    axes.set_xticks(range(1, len(groups) + 1), names)
    axes.set(xlim=(0.4, len(groups) + 0.6), ylim=(-0.03, 1.03), ylabel=label)
    axes.grid(visible=False, axis="x")
    return figure


def paired_figure(first: Sequence[float], second: Sequence[float], *, names: tuple[str, str], label: str) -> Figure:
    """Draw two models' values (0 to 1) of the same cases against each other."""
    figure, axes = _figure(_SINGLE, square=True)
    _diagonal(axes)
    axes.plot(first, second, "o", color=COLOURS[0], alpha=0.5, markersize=5, markeredgewidth=0)
    axes.set(xlabel=f"{label}, {names[0]}", ylabel=f"{label}, {names[1]}")
    return figure


def froc_figure(
    cases: Mapping[str, Sequence[BoxMatch]],
    *,
    points: Sequence[tuple[str, float, float]] = (),
    title: str = "FROC",
    limit: float | None = None,
) -> Figure:
    """Draw sensitivity against false positives per image, from 1/8 to 8, or from 0 to `limit` on a linear axis."""
    figure, axes = _figure()
    least, most = (FPPI[0] / 1.3, FPPI[-1] * 1.3) if limit is None else (0.0, limit)
    for colour, (name, matches) in zip(cycle(COLOURS), cases.items(), strict=False):
        curve = froc(matches)
        rate, found = curve.false_positives_per_image, curve.sensitivity
        if len(rate) == 1 and limit is None:
            place, label = np.clip(rate, least, most), f"{name} (no scores)"
            axes.plot(place, found, "x", color=colour, markersize=9, label=label, clip_on=False)
            continue
        left = rate <= least if limit is None else np.zeros(len(rate), bool)
        x = np.concatenate([[least], rate[~left], [max(most, rate.max(initial=0.0))]])
        y = np.concatenate([[found[left].max(initial=0.0)], found[~left], [found.max(initial=0.0)]])
        axes.step(x, y, where="post", label=name, **_line(name, colour))
        if limit is None:
            axes.plot(list(curve.at), list(curve.at.values()), "o", color=colour, markersize=4)
    for label, x_star, y_star in points:
        axes.plot([x_star], [y_star], marker="*", markersize=11, color="#EE6677", markeredgecolor="0.2", linestyle="")
        axes.annotate(
            label, (x_star, y_star), textcoords="offset points", xytext=(8, -3), fontsize="x-small",
            bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    if limit is None:
        axes.set_xscale("log", base=2)
        axes.set_xticks(FPPI, ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
    axes.set(xlim=(least, most), ylim=(-0.02, 1.02), title=title)
    axes.set(xlabel="False positives per image", ylabel="Sensitivity (lesions)")
    _legend(axes)
    return figure


def _line(name: str, colour: str) -> dict[str, Any]:
    """Style of a curve: that of the fused boxes is thick, in the colour of the text."""
    fused = {"color": str(matplotlib.rcParams["text.color"]), "linewidth": 2.4}
    return fused if name == "fused" else {"color": colour}


def lesion_precision_figure(cases: Mapping[str, Sequence[BoxMatch]], *, title: str = "Precision and recall") -> Figure:
    """Draw precision against sensitivity over lesions, with average precisions (Yan et al., 2020, Figure 4)."""
    figure, axes = _figure(_SINGLE, square=True)
    for colour, (name, matches) in zip(cycle(COLOURS), cases.items(), strict=False):
        curve = detection_curve(matches)
        single = len(curve.recall) == 1
        label = f"{name} (no scores)" if single else f"{name}: AP {number(curve.average_precision)}"
        recall, precision = curve.recall, curve.precision
        if len(recall) > 1:  # from no recall on; without any box there is no curve
            recall, precision = np.append(0.0, recall), np.append(precision[:1], precision)
        axes.step(recall, precision, where="pre", marker="x" if single else "", label=label, **_line(name, colour))
    axes.set(xlabel="Sensitivity (lesions)", ylabel="Precision", title=title)
    _legend(axes)
    return figure


def score_curves_figure(
    curves: Mapping[str, Unit], *, title: str | None = None, panels: Sequence[str] = (), unit: str = ""
) -> Figure:
    """Draw ROC, precision-recall and calibration curves, one line a name; a panel that needs both classes says so."""
    drawn = panels or tuple(SCORE_PANELS)
    figure = Figure(figsize=_SINGLE if len(drawn) == 1 else (4 * len(drawn), 4), layout="constrained")
    if title:
        figure.suptitle(title)
    for place, panel in enumerate(drawn, start=1):
        axes = _axes(figure, place, len(drawn), square=True)
        axes.set_title(f"{panel}, per {unit}" if unit else panel)
        for colour, (name, given) in zip(cycle(COLOURS), curves.items(), strict=False):
            scores, labels = np.asarray(given.scores, dtype=float), np.asarray(given.labels)
            if len(labels) and (panel == "Calibration" or 0 < labels.sum() < len(labels)):
                SCORE_PANELS[panel](axes, scores, labels, name, colour)
        if axes.get_lines():
            _legend(axes)
        else:
            axes.text(0.5, 0.5, "one class only", ha="center", color=_GRAY)
        if panel != "Precision and recall":
            _diagonal(axes)
    return figure


def _roc(axes: Axes, scores: Array, labels: Array, name: str, colour: str) -> None:
    curve = roc_curve(scores, labels)
    text = f"{name}: {number(compute_auroc(scores, labels))}"
    axes.plot(curve.false_positive_rate, curve.sensitivity, color=colour, label=text)
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity")


def _precision(axes: Axes, scores: Array, labels: Array, name: str, colour: str) -> None:
    curve = precision_recall_curve(scores, labels)
    recall, precision = np.append(0.0, curve.recall), np.append(curve.precision[:1], curve.precision)
    axes.step(recall, precision, where="pre", color=colour, label=f"{name}: {number(curve.average_precision)}")
    axes.axhline(float(np.mean(labels)), color=colour, linestyle=":", linewidth=1)
    axes.set(xlabel="Sensitivity", ylabel="Positive predictive value")


def _calibration(axes: Axes, scores: Array, labels: Array, name: str, colour: str) -> None:
    bins = calibration_bins(scores, labels)
    filled = bins.count > 0
    x, y, share = bins.mean_score[filled], bins.positive_rate[filled], bins.count[filled] / bins.count.sum()
    axes.plot(x, y, color=colour, linewidth=1, label=f"{name}: ECE {number(bins.ece)}")
    axes.scatter(x, y, s=15 + 250 * share, color=colour)
    axes.set(xlabel="Mean probability", ylabel="Share of positives")


SCORE_PANELS: Mapping[str, Callable[[Axes, Array, Array, str, str], None]] = {
    "ROC": _roc, "Precision and recall": _precision, "Calibration": _calibration,
}  # fmt: skip
