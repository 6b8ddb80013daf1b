# SPDX-License-Identifier: Apache-2.0
"""FROC and precision-recall figures of several detectors, or of one at several scales.

References
----------
.. [1] Yan et al., 2020, arXiv:2002.12079, Figures 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..metrics.detection import detection_curve
from ..metrics.froc import froc
from ..metrics.matching import BoxMatch

__all__ = ["froc_figure", "precision_recall_figure"]

COLOURS = ("#4477AA", "#66CCEE", "#228833", "#CCBB44", "#AA3377", "#BBBBBB")  # told apart with colour deficiencies
FUSED = "#EE6677"


def froc_figure(
    cases: Mapping[str, Sequence[BoxMatch]],
    *,
    points: Sequence[tuple[str, float, float]] = (),
    title: str | None = None,
    limit: float = 8.0,
) -> Figure:
    """Draw sensitivity against false positives per image; the name "fused" is drawn thick [1]_.

    Parameters
    ----------
    cases : mapping of str to sequence of BoxMatch
        A curve each.
    points : sequence of (label, false positives per image, sensitivity)
        Stars, as the fused detections at a given lambda.
    title : str, optional
    limit : float
        Right end of the axis.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> case = BoxMatch(np.array([0.9]), np.array([0]), 1)
    >>> len(froc_figure({"fused": [case]}).axes)
    1
    """
    figure = Figure(figsize=(6.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for index, (name, matches) in enumerate(cases.items()):
        curve = froc(matches)
        x = np.concatenate([[0.0], curve.false_positives_per_image])
        y = np.concatenate([[0.0], curve.sensitivity])
        last = float(y[-1]) if len(y) else 0.0
        style = {"color": FUSED, "linewidth": 2.4} if name == "fused" else {"color": COLOURS[index % len(COLOURS)]}
        axes.step(np.append(x, max(limit, x[-1])), np.append(y, last), where="post", label=name, **style)
    for label, x_star, y_star in points:
        axes.plot([x_star], [y_star], marker="*", markersize=11, color=FUSED, markeredgecolor="0.2", linestyle="")
        axes.annotate(
            label, (x_star, y_star), textcoords="offset points", xytext=(8, -3), fontsize="x-small",
            bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    axes.set(xlim=(0, limit), ylim=(0, 1), xlabel="False positives per image", ylabel="Sensitivity (lesions)")
    axes.set_title(title or "FROC")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize="small", loc="lower right")
    return figure


def precision_recall_figure(cases: Mapping[str, Sequence[BoxMatch]], *, title: str | None = None) -> Figure:
    """Draw precision against recall with every curve's average precision in the key [1]_.

    Parameters
    ----------
    cases : mapping of str to sequence of BoxMatch
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> case = BoxMatch(np.array([0.9]), np.array([0]), 1)
    >>> len(precision_recall_figure({"fused": [case]}).axes)
    1
    """
    figure = Figure(figsize=(5.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for index, (name, matches) in enumerate(cases.items()):
        curve = detection_curve(matches)
        colour = FUSED if name == "fused" else COLOURS[index % len(COLOURS)]
        axes.step(
            curve.recall, curve.precision, where="pre", color=colour, label=f"{name}: AP {curve.average_precision:.3f}"
        )
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="Recall (lesions)", ylabel="Precision")
    axes.set_title(title or "Precision and recall")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize="small", loc="upper right")
    return figure
