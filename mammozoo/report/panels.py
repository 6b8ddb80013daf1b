# SPDX-License-Identifier: Apache-2.0
"""Pictures for people: the five panels of a case, and contact sheets of many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .._typing import Array
from ..functional.contours import PREDICTION_COLOUR, TRUTH_COLOUR, display_window, draw_contours, line_width

__all__ = ["case_figure", "contact_sheet"]

_PANEL_HEIGHT = 4.2  # inches


def case_figure(
    *,
    image: Array,
    probability: Array,
    mask: Array,
    truth: Array | None = None,
    title: str | None = None,
) -> Figure:
    """Draw input, truth, probability, mask and overlay of one image side by side.

    Parameters
    ----------
    image : numpy.ndarray of shape (H, W)
        Grey values; other than uint8 through `mammozoo.functional.contours.display_window`.
    probability : numpy.ndarray of shape (H, W)
        In [0, 1].
    mask : numpy.ndarray of shape (H, W)
        Non-zero = predicted lesion.
    truth : numpy.ndarray of shape (H, W), optional
        Non-zero = annotated lesion; None = not annotated, which is not the same as empty.
    title : str, optional
        For example the id and the Dice coefficient.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the sizes differ.

    References
    ----------
    Huang et al., Cureus 18(3):e105360 (2026), Figure 2.

    Examples
    --------
    >>> flat = np.zeros((40, 30), np.uint8)
    >>> len(case_figure(image=flat, probability=flat, mask=flat).axes)
    5
    """
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
    masks, colours = ([mask], [PREDICTION_COLOUR])
    if truth is not None:
        masks, colours = [truth, mask], [TRUTH_COLOUR, PREDICTION_COLOUR]
    width_px = 2 * line_width(image.shape)  # a panel is a fifth of a page wide
    _show(axes[4], draw_contours(shown, masks, colours=colours, thickness=width_px), "Overlay")
    _key(axes[4], with_truth=truth is not None)
    return figure


def _key(axes: Axes, *, with_truth: bool) -> None:
    """Say what the two colours mean, below the panel and not on the breast."""
    entries = [("prediction", PREDICTION_COLOUR), *([("truth", TRUTH_COLOUR)] if with_truth else [])]
    for name, colour in entries:
        axes.plot([], [], color=np.array(colour) / 255, linewidth=3, label=name)
    legend = axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        ncols=2,
        frameon=False,
        fontsize="small",
        handlelength=1,
    )
    legend.set_in_layout(True)


def _show(axes: Axes, image: Array, title: str) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    _bare(axes, title)


def _bare(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])


def contact_sheet(images: Sequence[Array], titles: Sequence[str] | None = None, *, columns: int = 6) -> Figure:
    """Draw many images on one sheet.

    Parameters
    ----------
    images : sequence of numpy.ndarray of shape (H, W) or (H, W, 3), uint8
        Grey or RGB; sizes may differ.
    titles : sequence of str, optional
        One an image.
    columns : int
        Images in a row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no image, or not one title an image.

    Examples
    --------
    >>> len(contact_sheet([np.zeros((8, 6), np.uint8)] * 3, columns=2).axes)
    3
    """
    if not images or (titles is not None and len(titles) != len(images)):
        msg = f"at least one image and one title an image are needed, got {len(images)} and {titles}"
        raise ValueError(msg)
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    ratio = float(np.median([image.shape[0] / image.shape[1] for image in images]))
    figure = Figure(figsize=(2.0 * columns, (2.0 * ratio + 0.3) * rows), layout="constrained")
    for index, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, index + 1)
        _show(axes, image, titles[index] if titles is not None else "")
        axes.title.set_fontsize(8)
    return figure
