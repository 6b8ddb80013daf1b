# SPDX-License-Identifier: Apache-2.0
"""Pictures for people: the five panels of a case, and which cases to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._typing import Array
from ..functional.contours import PREDICTION_COLOUR, TRUTH_COLOUR, display_window, draw_contours, line_width

_PANEL_HEIGHT = 4.2  # inches
Item = TypeVar("Item")


def evenly_spread(items: Sequence[Item], count: int) -> list[Item]:
    """Choose `count` items evenly spread over their order, the first and the last among them."""
    places = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[place] for place in places]


def case_figure(
    *,
    image: Array,
    probability: Array,
    mask: Array,
    truth: Array | None = None,
    title: str | None = None,
) -> Figure:
    """Draw input, truth, probability, mask and overlay of one image (H, W) side by side (Huang et al., Figure 2)."""
    sizes = {item.shape for item in (image, probability, mask, truth) if item is not None}
    if len(sizes) != 1:
        msg = f"all panels of a case need one size, got {sorted(sizes)}"
        raise ValueError(msg)
    shown = display_window(image)
    width = max(1.6, _PANEL_HEIGHT * image.shape[1] / image.shape[0])
    figure = Figure(figsize=(5 * width + 0.6, _PANEL_HEIGHT + 0.9), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    axes = [figure.add_subplot(1, 5, index) for index in range(1, 6)]
    _show(axes[0], shown, "Input")
    if truth is None:
        _show(axes[1], np.zeros_like(shown), "Truth")
        axes[1].text(0.5, 0.5, "not annotated", ha="center", color="0.7", transform=axes[1].transAxes)
    else:
        _show(axes[1], (truth != 0).astype(np.uint8) * 255, "Truth")
    heat = axes[2].imshow(probability, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    _bare(axes[2], "Probability")
    scale = axes[2].inset_axes((0.1, -0.045, 0.8, 0.025))
    figure.colorbar(heat, cax=scale, orientation="horizontal", ticks=[0, 0.5, 1]).ax.tick_params(labelsize=8)
    _show(axes[3], (mask != 0).astype(np.uint8) * 255, "Mask")
    outlines = {"prediction": (mask, PREDICTION_COLOUR)}
    if truth is not None:
        outlines = {"truth": (truth, TRUTH_COLOUR), **outlines}
    masks, colours = zip(*outlines.values(), strict=True)
    thickness = 2 * line_width(image.shape)  # a panel is a fifth of a page wide
    _show(axes[4], draw_contours(shown, masks, colours=colours, thickness=thickness), "Overlay")
    _key(axes[4], {name: colour for name, (_, colour) in reversed(outlines.items())})
    return figure


def _key(axes: Axes, entries: dict[str, tuple[int, int, int]]) -> None:
    """Say what the colours mean, below the panel and not on the breast."""
    for name, colour in entries.items():
        axes.plot([], [], color=np.array(colour) / 255, linewidth=3, label=name)
    legend = axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, frameon=False, fontsize="small", handlelength=1
    )
    legend.set_in_layout(True)


def _show(axes: Axes, image: Array, title: str) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    _bare(axes, title)


def _bare(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])
