# SPDX-License-Identifier: Apache-2.0
"""The empirical cumulative distribution of a metric over cases.

References
----------
Sun et al., Phys Med Biol 65, 055005, 2020, Figures 4 and 5 (DSC).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["distribution_figure"]


def distribution_figure(values: Mapping[str, Sequence[float]], *, label: str = "Dice") -> Figure:
    """Draw, for each series, the share of cases at or below each value.

    Parameters
    ----------
    values : mapping of str to sequence of float
        Name of a model to one value a case; NaN is left out.
    label : str
        Name of the quantity.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(distribution_figure({"AUNet": [0.1, 0.5]}).axes)
    1
    """
    figure = Figure(figsize=(5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, series in values.items():
        numbers = np.asarray(series, dtype=float)
        numbers = np.sort(numbers[np.isfinite(numbers)])
        if len(numbers):
            share = np.arange(1, len(numbers) + 1) / len(numbers)
            axes.step(numbers, share, where="post", label=f"{name} (n = {len(numbers)})")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=label, ylabel="Share of images at or below")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(loc="best", frameon=False, fontsize="small")
    return figure
