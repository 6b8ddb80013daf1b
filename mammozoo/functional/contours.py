# SPDX-License-Identifier: Apache-2.0
"""Overlays: a display window for mammograms, and lesion outlines that leave the lesion's margin visible."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .._typing import Array

__all__ = ["PREDICTION_COLOUR", "TRUTH_COLOUR", "add_caption", "add_labels", "display_window", "draw_contours"]

# Told apart on grey and with every common colour deficiency: yellow against blue-cyan.
PREDICTION_COLOUR = (255, 214, 10)
TRUTH_COLOUR = (51, 187, 238)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def display_window(
    image: Array, *, breast_mask: Array | None = None, percentiles: tuple[float, float] = (0.5, 99.8)
) -> Array:
    """Mammogram as 8 bits, from one percentile of the breast (None: of what is not background) to the other."""
    if image.ndim != 2:
        msg = f"an image of shape (H, W) is needed, got {image.shape}"
        raise ValueError(msg)
    if image.dtype == np.uint8:
        return image.copy()
    step = max(1, min(image.shape) // 1024)
    sample = np.asarray(image[::step, ::step], np.float32)
    inside = np.isfinite(sample)
    if breast_mask is not None:
        inside &= breast_mask[::step, ::step] != 0
    elif inside.any():
        floor, ceiling = np.percentile(sample[inside], [1, 99.9])
        inside &= sample > floor + 0.02 * (ceiling - floor)  # 2 %: over the noise of an exposed background
    if not inside.any():
        return np.zeros(image.shape, np.uint8)
    low, high = (float(limit) for limit in np.percentile(sample[inside], list(percentiles)))
    scale = 255.0 / max(high - low, 1e-6)
    pixels = np.nan_to_num(image.astype(np.float32), nan=low, posinf=high, neginf=low)
    shown: Array = np.clip(np.rint((pixels - low) * scale), 0, 255).astype(np.uint8)
    return shown


def line_width(shape: Sequence[int]) -> int:
    """Width of a line that is as visible on a large image as on a small one: 1/500 of the long side, at least 1."""
    return max(1, round(max(shape[:2]) / 500))


def draw_contours(
    image: Array,
    masks: Sequence[Array],
    *,
    colours: Sequence[tuple[int, int, int]] = (PREDICTION_COLOUR, TRUTH_COLOUR),
    thickness: int | None = None,
) -> Array:
    """Outline masks on an image, around the lesion and not on it.

    Parameters
    ----------
    image : numpy.ndarray of shape (H, W) or (H, W, 3), uint8
        Grey or RGB.
    masks : sequence of numpy.ndarray of shape (H, W)
        Non-zero = lesion. Later ones are drawn over earlier ones.
    colours : sequence of RGB tuples
        One a mask, at least as many as masks.
    thickness : int, optional
        Width of the line in pixels; by default `line_width`.

    Returns
    -------
    numpy.ndarray of shape (H, W, 3), uint8
        A new RGB image. The line has a dark rim, so that it shows on bright tissue, and no pixel of a mask is
        covered by that mask's own line: the margin of a mass is a diagnostic sign.

    Raises
    ------
    ValueError
        If shapes or dtype do not fit, or colours are missing.

    Notes
    -----
    An empty mask draws nothing.

    Examples
    --------
    >>> mask = np.zeros((9, 9)); mask[4, 4] = 1
    >>> drawn = draw_contours(np.zeros((9, 9), np.uint8), [mask], thickness=1)
    >>> drawn[4, 4].tolist(), drawn[4, 5].tolist()
    ([0, 0, 0], [255, 214, 10])
    """
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        msg = f"a uint8 image of shape (H, W) or (H, W, 3) is needed, got {image.dtype} {image.shape}"
        raise ValueError(msg)
    if len(colours) < len(masks):
        msg = f"{len(masks)} masks need as many colours, got {len(colours)}"
        raise ValueError(msg)
    drawn = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image.copy()
    width = line_width(image.shape) if thickness is None else thickness
    for mask, colour in zip(masks, colours, strict=False):
        if mask.shape != image.shape[:2]:
            msg = f"masks must have the image's shape {image.shape[:2]}, got {mask.shape}"
            raise ValueError(msg)
        _ring(drawn, mask, colour, width)
    return drawn


def _ring(drawn: Array, mask: Array, colour: tuple[int, int, int], width: int) -> None:
    """Paint a ring around the mask in place, with a rim of half its width, inside the mask's bounding box."""
    binary = np.ascontiguousarray(mask != 0).view(np.uint8)
    x, y, w, h = cv2.boundingRect(binary)
    if w == 0:
        return
    rim = max(1, width // 2)
    reach = width + rim
    top, left = max(0, y - reach), max(0, x - reach)
    window = np.s_[top : y + h + reach, left : x + w + reach]
    inner = binary[window]
    line, outer = (_dilated(inner, radius) for radius in (width, reach))
    view = drawn[window]
    dark = (outer != 0) & (line == 0)
    view[dark] = view[dark] // 3
    view[(line != 0) & (inner == 0)] = colour


def _dilated(binary: Array, radius: int) -> Array:
    side = 2 * radius + 1
    return cv2.dilate(binary, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))


def add_labels(
    image: Array,
    labels: Sequence[tuple[str, tuple[int, int, int, int]]],
    *,
    colour: tuple[int, int, int] = PREDICTION_COLOUR,
) -> Array:
    """Write a text (ASCII) beside each box, on a copy, where the least bright detail is covered."""
    drawn = image.copy()
    height, width = image.shape[:2]
    scale, weight = _font(image.shape)
    gap = 3 * line_width(image.shape)
    for text, (x1, y1, x2, y2) in labels:
        (w, h), below = cv2.getTextSize(text, _FONT, scale, weight)
        middle, centre = (y1 + y2 + h) // 2, (x1 + x2 - w) // 2
        wanted = [(x2 + gap, middle), (x1 - gap - w, middle), (centre, y1 - gap), (centre, y2 + gap + h)]
        places = [(min(max(x, 0), max(0, width - w)), min(max(y, h), max(h, height - below))) for x, y in wanted]
        _write(drawn, text, min(places, key=lambda at: _brightest(drawn, at, w, h)), colour, scale, weight)
    return drawn


def add_caption(image: Array, text: str, *, colour: tuple[int, int, int] = (200, 200, 200)) -> Array:
    """Write a line (ASCII) into the darkest corner of a copy; the letters shrink to fit."""
    drawn = image.copy()
    height, width = image.shape[:2]
    scale, weight = _font(image.shape)
    (w, h), below = cv2.getTextSize(text, _FONT, scale, weight)
    margin = 2 * line_width(image.shape)
    # Smaller than the labels where there is room for it, and never wider than the image.
    shrink = min(0.7 if scale > 0.5 else 1.0, max(width - 2 * margin, 1) / w)
    scale, w, h, below = scale * shrink, int(w * shrink), int(h * shrink), int(below * shrink)
    columns, rows = (margin, max(margin, width - w - margin)), (height - below - margin, h + margin)
    corners = [(x, max(0, y)) for y in rows for x in columns]
    _write(drawn, text, min(corners, key=lambda at: _brightest(image, at, w, h)), colour, scale, weight)
    return drawn


def _brightest(image: Array, at: tuple[int, int], width: int, height: int) -> float:
    """Brightest detail (99th percentile) under a text that begins at `at`, its lower left corner."""
    covered = image[max(0, at[1] - height) : at[1] + 1, at[0] : at[0] + width]
    return float(np.percentile(covered, 99)) if covered.size else np.inf


def _font(shape: Sequence[int]) -> tuple[float, int]:
    """Scale and weight: capitals a seventieth of the long side, readable when the image fills a screen."""
    scale = max(0.3, max(shape[:2]) / 70 / 22)  # Hershey capitals are 22 pixels tall at scale 1
    return scale, max(1, round(scale))


def _write(
    drawn: Array, text: str, at: tuple[int, int], colour: tuple[int, int, int], scale: float, weight: int
) -> None:
    for shade, extra in (((0, 0, 0), weight), (colour, 0)):
        cv2.putText(drawn, text, at, _FONT, scale, shade, weight + extra, cv2.LINE_AA)
