# SPDX-License-Identifier: Apache-2.0
"""Training curves: loss, Dice and IoU of training and validation against the epoch; and how a figure is written."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .._typing import PathLike
from ..io.write import write_bytes

TRAINING, VALIDATION = "#4477AA", "#EE7733"  # told apart with every common colour deficiency
# Panels of Fig. 1 of Huang et al., Cureus 18(3):e105360 (2026): title, training column, validation column.
PANELS = (
    ("Loss", "train_loss", "val_loss"),
    ("Dice", "train_dice", "val_dice"),
    ("IoU", "train_iou", "val_iou"),
)


def read_history(path: PathLike) -> list[dict[str, float]]:
    """Read a training log, one row an epoch: empty cells become NaN, columns that are no numbers are left out."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [
            {key: value for key, text in row.items() if key and (value := _number(text)) is not None}
            for row in csv.DictReader(file)
        ]


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else math.nan
    except (TypeError, ValueError):
        return None


def curves_figure(
    history: Sequence[Mapping[str, float]],
    *,
    panels: Sequence[tuple[str, str, str]] = PANELS,
    best_epoch: int | None = None,
    title: str | None = None,
) -> Figure:
    """Draw training and validation curves, one panel a quantity; a panel without data says so, NaN leaves a gap."""
    figure = Figure(figsize=(4 * len(panels), 3.4), layout="constrained")
    if title:
        figure.suptitle(title)
    for index, (name, training, validation) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), index)
        drawn = [
            _line(axes, history, training, TRAINING, "training"),
            _line(axes, history, validation, VALIDATION, "validation"),
        ]
        axes.set_title(name)
        axes.set_xlabel("Epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
        if name != "Loss":
            axes.set_ylim(0, 1)
        if best_epoch is not None:
            axes.axvline(best_epoch, color="0.4", linewidth=1, linestyle=":", label=f"kept: epoch {best_epoch}")
        if any(drawn):
            axes.legend(frameon=False, fontsize="small")
        else:
            axes.text(0.5, 0.5, "not recorded", ha="center", transform=axes.transAxes, color="0.4")
    return figure


def _line(axes: Axes, history: Sequence[Mapping[str, float]], column: str, colour: str, label: str) -> bool:
    points = [(row.get("epoch", at), row[column]) for at, row in enumerate(history, start=1) if column in row]
    if not any(math.isfinite(value) for _, value in points):
        return False
    epochs, values = zip(*points, strict=True)
    # One epoch is a dot: a line through one point is invisible.
    axes.plot(epochs, values, color=colour, label=label, marker="o" if len(points) < 10 else "", markersize=4)
    return True


def write_figure(path: PathLike, figure: Figure, *, dpi: int = 150) -> Path:
    """Write a figure as PNG, atomically and with the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return write_bytes(path, buffer.getvalue())


def write_curves(
    path: PathLike,
    history: PathLike | Sequence[Mapping[str, float]] | None,
    *,
    panels: Sequence[tuple[str, str, str]] = PANELS,
    title: str | None = None,
) -> Path | None:
    """Draw a training log, a CSV file or its rows, to a file; without a log or its file nothing is written."""
    if isinstance(history, str | os.PathLike):
        history = read_history(history) if Path(history).is_file() else None
    return None if history is None else write_figure(path, curves_figure(history, panels=panels, title=title))
