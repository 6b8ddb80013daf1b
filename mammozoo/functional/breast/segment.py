# SPDX-License-Identifier: Apache-2.0
"""Where the breast is in a mammogram: air, borders and tags out, the pectoral muscle out if asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import cv2
import numpy as np

from ..._typing import Array, Mask
from .air_threshold import libra_threshold, otsu_log_threshold
from .pectoral import PectoralLine, line_below, pectoral_by_hough, pectoral_by_line_integral

__all__ = ["BreastSegmentation", "ChestSide", "Method", "find_chest_side", "segment_breast"]

Method: TypeAlias = Literal["line", "libra"]
ChestSide: TypeAlias = Literal["left", "right"]

SIDE_LOOK = 240  # long side in pixels at which the chest wall's side is looked for
WORKING_SIDE = 960  # long side in pixels at which everything but the last enlargement is done
MINIMUM_SHARE = 0.02  # of the image: a breast is never smaller
FRAME_SHARE = 0.03  # of the long side: bright frames and tape at the edges of a film are thinner
SKIN_PIXELS, SKIN_SHARE = 19, 0.5  # the skin fades: within 9 pixels, half the threshold above the air is enough
PECTORAL_SHARE = (0.02, 0.45)  # of the breast: what a pectoral muscle may cover


@dataclass(frozen=True)
class BreastSegmentation:
    """A breast mask and how it was found.

    Attributes
    ----------
    mask : numpy.ndarray of shape (H, W), bool
        True on the breast (without the pectoral muscle, where that was removed).
    box_xyxy : tuple of four ints
        Bounding box of the mask in pixels, half-open.
    chest_side : {"left", "right"}
        The image's edge at which the chest wall lies.
    threshold : float
        Grey level in the units of the image; below is air.
    method : {"line", "libra"}
    line : tuple of four floats, or None
        Pectoral line (x1, y1, x2, y2) in pixels of the image, from the top edge to the chest wall; None without one.
    score : float
        Of the pectoral line (grey range of the breast a pixel); 0 without one.
    flags : tuple of str
        What a person should know: ``no_breast_found`` (the mask is the whole image), ``pectoral_not_convincing``,
        ``pectoral_area_implausible`` (in both cases nothing was removed), ``touches_far_edge``.
    """

    mask: Mask
    box_xyxy: tuple[int, int, int, int]
    chest_side: ChestSide
    threshold: float
    method: Method
    line: tuple[float, float, float, float] | None
    score: float
    flags: tuple[str, ...]

    def report(self) -> dict[str, object]:
        """Everything but the mask, as JSON takes it."""
        return {key: value for key, value in self.__dict__.items() if key != "mask"}


def segment_breast(
    image: Array,
    *,
    method: Method = "line",
    pectoral: bool = False,
    chest_side: ChestSide | None = None,
    pectoral_min_score: float | None = None,
    working_side: int = WORKING_SIDE,
) -> BreastSegmentation:
    """Segment the breast of one mammogram.

    Parameters
    ----------
    image : numpy.ndarray of shape (H, W)
        Grey levels of any dtype, bright is tissue.
    method : {"line", "libra"}
        ``line``: Otsu's threshold of the logarithm, pectoral line by exhaustive line integral. ``libra``: the published
        steps of LIBRA (histogram valley; Canny and Hough).
    pectoral : bool
        Remove the pectoral muscle. For MLO views only; without a convincing line nothing is removed and a flag says so.
    chest_side : {"left", "right"}, optional
        Edge of the image at which the chest wall lies; None reads it off the pixels.
    pectoral_min_score : float, optional
        Lowest score of a pectoral line; None takes the method's own.
    working_side : int
        Long side in pixels at which the work is done; larger images are averaged down and the mask is brought back.

    Returns
    -------
    BreastSegmentation

    Raises
    ------
    ValueError
        If the image is not two-dimensional, is empty or holds NaN or infinity.

    Notes
    -----
    An image without contrast, or on which nothing large enough stands out of the air, gives the whole image and the
    flag ``no_breast_found``: a mask that loses a lesion is worse than none.

    References
    ----------
    Keller et al., Med Phys 39(8) 4903, 2012 (LIBRA); Otsu, IEEE Trans Syst Man Cybern 9(1) 62, 1979. Choices:
    docs/explanation/choices.md.

    Examples
    --------
    >>> image = np.zeros((40, 30), np.uint16)
    >>> image[5:35, :20] = 900
    >>> found = segment_breast(image)
    >>> found.box_xyxy, found.chest_side
    ((0, 5, 20, 35), 'left')
    """
    reduced = _reduced(image, working_side, mirrored=False)
    side = chest_side or _side_of(reduced)
    mirrored = side == "right"
    if mirrored:  # from here on the chest wall is at the left, so that a flipped image gives the flipped mask exactly
        reduced = np.ascontiguousarray(_reduced(image, working_side, mirrored=True)[:, ::-1])
    working = _clear_border(_working(reduced, working_side))
    threshold = otsu_log_threshold(working) if method == "line" else libra_threshold(working)
    breast = _breast_component(working, threshold)
    height, width = image.shape
    found = BreastSegmentation(
        np.ones(image.shape, bool), (0, 0, width, height), side, threshold, method, None, 0.0, ("no_breast_found",)
    )
    if breast.mean() < MINIMUM_SHARE:
        return found
    flags: tuple[str, ...] = ("touches_far_edge",) if breast[:, -1].mean() > 0.05 else ()
    line = None
    if pectoral:
        breast, line, reason = _without_pectoral(working, breast, method=method, min_score=pectoral_min_score)
        flags += reason
    whole = _whole_factor(image, working_side)
    mask = _enlarge(breast, tuple(whole * size for size in reduced.shape), image.shape)
    mask = cv2.flip(mask, 1).view(bool) if mirrored else mask.view(bool)
    scale = whole * reduced.shape[0] / working.shape[0]
    return replace(
        found,
        mask=mask,
        box_xyxy=_bounding_box(mask),
        line=None if line is None else line.in_image(scale, width=width, mirrored=mirrored),
        score=0.0 if line is None else line.score,
        flags=flags,
    )


def _whole_factor(image: Array, working_side: int) -> int:
    return max(1, max(image.shape) // working_side)


def _reduced(image: Array, working_side: int, *, mirrored: bool) -> Array:
    """Average down by a whole factor (far faster than by another); the odd pixels left out lie far from the chest."""
    if image.ndim != 2 or image.size == 0:
        msg = f"one image of shape (H, W) is needed, got {image.shape}"
        raise ValueError(msg)
    taken = image if image.dtype in (np.uint8, np.uint16, np.float32) else image.astype(np.float32)
    whole = _whole_factor(image, working_side)
    if whole == 1:
        return np.ascontiguousarray(taken)
    rows, columns = (max(1, side // whole) for side in image.shape)
    start = image.shape[1] - columns * whole if mirrored else 0
    taken = np.ascontiguousarray(taken[: rows * whole, max(0, start) : start + columns * whole])
    return cv2.resize(taken, (columns, rows), interpolation=cv2.INTER_AREA)


def _working(reduced: Array, long_side: int) -> Array:
    """Average down to a long side, float32."""
    scale = min(1.0, long_side / max(reduced.shape))
    size = tuple(max(1, round(side * scale)) for side in reduced.shape[::-1])
    small = cv2.resize(reduced, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    if not np.isfinite(small).all():
        msg = "the image holds NaN or infinity: give it finite grey levels"
        raise ValueError(msg)
    return small


def _clear_border(image: Array) -> Array:
    """Set bars at the edges, whose rows or columns hardly vary, to the image's minimum."""
    cleared = image.copy()
    for axis in (0, 1):
        spread = image.max(axis=1 - axis) - image.min(axis=1 - axis)
        varied = np.flatnonzero(spread > 0.001 * spread.max())
        if len(varied):
            lines = np.moveaxis(cleared, axis, 0)
            lines[: varied[0]] = lines[varied[-1] + 1 :] = image.min()
    return cleared


def find_chest_side(image: Array) -> ChestSide:
    """The edge, left or right, by whose third of the image there is more tissue; left if there is none."""
    return _side_of(_reduced(image, WORKING_SIDE, mirrored=False))


def _side_of(reduced: Array) -> ChestSide:
    image = _clear_border(_working(reduced, SIDE_LOOK))
    threshold = otsu_log_threshold(image)
    tissue = np.where(_thick_parts(image > threshold), image - threshold, 0)
    third = max(1, image.shape[1] // 3)
    return "left" if tissue[:, :third].sum() >= tissue[:, -third:].sum() else "right"


def _thick_parts(above: Mask) -> Mask:
    """Parts of a thresholded image thicker than `FRAME_SHARE`, eroded by half of that."""
    side = _frame_pixels(above)
    # Zeros beyond the edges: a frame along an edge is as thin as it looks.
    return (
        cv2.erode(
            above.astype(np.uint8), np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
        )
        > 0
    )


def _frame_pixels(image: Array) -> int:
    """Width of a frame in pixels of the working image, odd."""
    return 2 * round(FRAME_SHARE * max(image.shape) / 2) + 1


def _breast_component(image: Array, threshold: float) -> Mask:
    """The largest thick part at the chest wall (at the left), with the skin around it, filled."""
    above = image > threshold
    core = _thick_parts(above)
    columns = np.flatnonzero(core.any(0))
    if not len(columns):
        return core
    reach = columns[0] + max(3, round(0.05 * core.shape[1]))
    side = _frame_pixels(image)
    near = _dilate(_largest_part(core, touching=reach), side + 2 * (side // 2))
    coarse = np.s_[::4, ::4]  # the median of thousands of pixels is the median
    air = float(np.median(image[coarse][~above[coarse]])) if not above[coarse].all() else threshold
    above |= _dilate(above & near, SKIN_PIXELS) & (image > air + SKIN_SHARE * (threshold - air))
    return _cut_below_breast(_largest_part(above & near))


def _dilate(mask: Mask, side: int) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def _largest_part(mask: Mask, *, touching: int | None = None) -> Mask:
    """The largest 8-connected part, holes filled; only of those that begin left of column `touching`."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if touching is not None:
        contours = [contour for contour in contours if cv2.boundingRect(contour)[0] < touching]
    largest = max(contours, key=lambda contour: (cv2.contourArea(contour), len(contour)), default=None)
    out = np.zeros(mask.shape, np.uint8)
    if largest is not None:
        cv2.drawContours(out, [largest], -1, 1, thickness=cv2.FILLED)
    return out.view(bool)


def _cut_below_breast(breast: Mask) -> Mask:
    """Cut at the narrowest row of the lower half where the belly widens again below it."""
    width = breast.shape[1] - np.argmax(breast[:, ::-1], axis=1)
    width[~breast.any(1)] = 0
    rows = np.flatnonzero(width)
    half = rows[0] + (rows[-1] - rows[0]) // 2
    narrowest = half + int(np.argmin(width[half : rows[-1] + 1]))
    widest_below = width[narrowest : rows[-1] + 1].max()
    if width[narrowest] == width[rows[0] : rows[-1] + 1].min() and widest_below > 1.25 * width[narrowest] + 8:
        breast = breast.copy()
        breast[narrowest:] = False
    return breast


def _without_pectoral(
    image: Array, breast: Mask, *, method: Method, min_score: float | None
) -> tuple[Mask, PectoralLine | None, tuple[str, ...]]:
    """Take the muscle off if a convincing line bounds it; else leave the breast and say why."""
    find = pectoral_by_line_integral if method == "line" else pectoral_by_hough
    line = find(image, breast) if min_score is None else find(image, breast, min_score=min_score)
    if line is None:
        return breast, None, ("pectoral_not_convincing",)
    kept = breast & line_below(line, breast.shape)
    removed = 1 - kept.sum() / breast.sum()
    if not PECTORAL_SHARE[0] <= removed <= PECTORAL_SHARE[1]:
        return breast, None, ("pectoral_area_implausible",)
    return _largest_part(kept), line, ()


def _enlarge(mask: Mask, reduced: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Bring the mask to the size that was averaged down, then repeat its edge over the odd pixels; uint8, 0 or 1."""
    levels = np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255)
    large = cv2.resize(levels, reduced[::-1], interpolation=cv2.INTER_LINEAR)
    large = cv2.threshold(large, 127, 1, cv2.THRESH_BINARY)[1]
    below, beside = shape[0] - reduced[0], shape[1] - reduced[1]
    return cv2.copyMakeBorder(large, 0, below, 0, beside, cv2.BORDER_REPLICATE) if below or beside else large


def _bounding_box(mask: Mask) -> tuple[int, int, int, int]:
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return x, y, x + width, y + height
