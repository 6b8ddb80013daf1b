# SPDX-License-Identifier: Apache-2.0
"""Shape of a synthetic breast: outline, nipple, chest muscle, thickness. All lengths in millimetres.

Coordinates of the anatomy are those of a *left* view: the chest wall is the left border of the image (x = 0),
the nipple points to the right, y grows downward from the top border. Right views are mirrored at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from .._typing import Array, Mask

__all__ = [
    "FRAME_HEIGHT",
    "Anatomy",
    "Grid",
    "Shape",
    "build_anatomy",
    "draw_shape",
    "other_breast",
    "smoothstep",
]

#: Height of the image field in mm (the large 24 x 30 cm detector, portrait, trimmed).
FRAME_HEIGHT = 240.0


@dataclass(frozen=True)
class Grid:
    """Sampling of the image field.

    Parameters
    ----------
    height, width : int
        Pixels.

    Examples
    --------
    >>> Grid(480, 400).spacing
    0.5
    """

    height: int
    width: int

    @property
    def spacing(self) -> float:
        """Millimetres a pixel, both ways."""
        return FRAME_HEIGHT / self.height

    @property
    def frame_width(self) -> float:
        """Width of the image field in mm."""
        return self.width * self.spacing

    def axes(self) -> tuple[Array, Array]:
        """Pixel centres in mm: x (1, W) and y (H, 1), float32."""
        x = (np.arange(self.width, dtype=np.float32) + 0.5) * np.float32(self.spacing)
        y = (np.arange(self.height, dtype=np.float32) + 0.5) * np.float32(self.spacing)
        return x[None, :], y[:, None]


@dataclass(frozen=True)
class Shape:
    """What makes one breast's outline in both views; lengths in mm.

    Parameters
    ----------
    depth : float
        Chest wall to nipple.
    half_height : float
        Half of the contact with the chest wall in the CC view.
    lift : float
        Nipple above the middle (CC) or above its usual level (MLO).
    roundness : float
        Exponent of the outline; 2 is an ellipse.
    axilla : float
        Width of the axillary part at the top of the MLO view.
    fold : float
        Level of the inframammary fold in the MLO view.
    muscle_width, muscle_height, muscle_bend : float
        The pectoral triangle of the MLO view: along the top, along the chest wall, and the exponent of its
        convex edge (1 is straight).
    roll : float
        Width of the rim where the compressed breast gets thinner.
    nipple_height, nipple_width : float
        The bump on the outline.
    waves : tuple of float
        Amplitudes and phases of the outline's unevenness.
    """

    depth: float
    half_height: float
    lift: float
    roundness: float
    axilla: float
    fold: float
    muscle_width: float
    muscle_height: float
    muscle_bend: float
    roll: float
    nipple_height: float
    nipple_width: float
    waves: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One view of a breast on a grid.

    Parameters
    ----------
    grid : Grid
    breast : (H, W) array of bool
        Inside the skin, chest muscle included.
    muscle : (H, W) array of bool
        Pectoral muscle; all False in CC views.
    depth : (H, W) array of float32
        Distance to the skin in mm, 0 outside.
    thickness : (H, W) array of float32
        Compressed thickness, 0 at the skin to 1 on the plateau.
    nipple : (float, float)
        x and y of the nipple's base in mm.
    """

    grid: Grid
    breast: Mask
    muscle: Mask
    depth: Array
    thickness: Array
    nipple: tuple[float, float]

    def without_abdomen(self) -> Mask:
        """The breast down to the inframammary fold: the narrowest row below the nipple."""
        nipple = round(self.nipple[1] / self.grid.spacing)
        kept = self.breast.copy()
        kept[nipple + int(np.argmin(self.breast[nipple:].sum(1))) :] = False
        return kept

    def cropped(self) -> Anatomy:
        """The same view without the empty columns beyond the nipple."""
        width = min(self.grid.width, int(np.flatnonzero(self.breast.any(axis=0))[-1]) + 2)
        return Anatomy(
            grid=Grid(self.grid.height, width),
            breast=self.breast[:, :width].copy(),
            muscle=self.muscle[:, :width].copy(),
            depth=self.depth[:, :width].copy(),
            thickness=self.thickness[:, :width].copy(),
            nipple=self.nipple,
        )


def smoothstep(value: Array, low: Array | float, high: Array | float) -> Array:
    """Cubic step from 0 at `low` to 1 at `high`.

    Parameters
    ----------
    value : array
    low, high : float or array

    Returns
    -------
    array

    Examples
    --------
    >>> smoothstep(np.array([0.0, 1.0, 2.0]), 0.0, 2.0).tolist()
    [0.0, 0.5, 1.0]
    """
    u = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(u * u * (3.0 - 2.0 * u))


def draw_shape(rng: np.random.Generator, *, frame_width: float, roomy: bool = False) -> Shape:
    """Draw the shape of a breast.

    Parameters
    ----------
    rng : numpy.random.Generator
    frame_width : float
        Width of the image field in mm; the breast keeps clear of its far side.
    roomy : bool
        A large breast, for a large mass.

    Returns
    -------
    Shape

    Examples
    --------
    >>> draw_shape(np.random.default_rng(0), frame_width=120.0).depth <= 0.66 * 120.0
    True
    """
    size = rng.uniform(0.62, 1.0) if roomy else rng.uniform(0.0, 1.0)
    depth = min(70.0 + 46.0 * size, 0.66 * frame_width)
    return Shape(
        depth=depth,
        half_height=74.0 + 26.0 * size + rng.uniform(-4.0, 4.0),
        lift=rng.uniform(-9.0, 11.0),
        roundness=rng.uniform(1.7, 2.3),
        axilla=depth * rng.uniform(0.62, 0.8),
        fold=FRAME_HEIGHT * rng.uniform(0.85, 0.915),
        muscle_width=depth * rng.uniform(0.40, 0.56),
        muscle_height=FRAME_HEIGHT * rng.uniform(0.44, 0.66),
        muscle_bend=rng.uniform(1.05, 1.35),
        roll=rng.uniform(18.0, 28.0),
        nipple_height=rng.uniform(1.5, 4.5),
        nipple_width=rng.uniform(4.0, 5.5),
        waves=tuple(rng.uniform(-1.0, 1.0, size=8).tolist()),
    )


def other_breast(rng: np.random.Generator, shape: Shape) -> Shape:
    """The contralateral breast: the same woman, a few per cent different.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : Shape

    Returns
    -------
    Shape

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> left = draw_shape(rng, frame_width=195.0)
    >>> abs(other_breast(rng, left).depth / left.depth - 1.0) < 0.05
    True
    """
    factor = rng.uniform(0.96, 1.0, size=5).tolist()
    return replace(
        shape,
        depth=shape.depth * factor[0],
        half_height=shape.half_height * factor[1],
        axilla=shape.axilla * factor[2],
        muscle_width=shape.muscle_width * factor[3],
        muscle_height=shape.muscle_height * factor[4],
        lift=shape.lift + rng.uniform(-3.0, 3.0),
        waves=tuple((np.array(shape.waves) + rng.uniform(-0.5, 0.5, size=8)).tolist()),
    )


def build_anatomy(shape: Shape, *, view_position: str, grid: Grid) -> Anatomy:
    """Lay a breast onto the image field.

    Parameters
    ----------
    shape : Shape
    view_position : {"CC", "MLO"}
    grid : Grid

    Returns
    -------
    Anatomy

    Examples
    --------
    >>> shape = draw_shape(np.random.default_rng(0), frame_width=195.0)
    >>> build_anatomy(shape, view_position="CC", grid=Grid(64, 52)).muscle.any()
    np.False_
    """
    x, y = grid.axes()
    edge, level = (_cc_edge if view_position == "CC" else _mlo_edge)(shape, y)
    base = float(np.interp(level, y[:, 0], edge[:, 0]))
    bump = np.exp(-(((y - level) / shape.nipple_width) ** 4))
    breast = x < edge + shape.nipple_height * bump
    muscle = np.zeros_like(breast)
    if view_position == "MLO":
        muscle = breast & (x < muscle_edge(shape, y))
    depth = cv2.distanceTransform(breast.astype(np.uint8), cv2.DIST_L2, 5) * np.float32(grid.spacing)
    u = np.clip(depth / shape.roll, 0.0, 1.0)
    thickness = np.sqrt(u * (2.0 - u))  # the free edge of the compressed breast bulges as a half circle
    return Anatomy(grid, breast, muscle, depth, thickness, (base, level))


def muscle_edge(shape: Shape, y: Array) -> Array:
    """Where the pectoral muscle ends in the MLO view.

    Parameters
    ----------
    shape : Shape
    y : (H, 1) array
        Levels in mm.

    Returns
    -------
    (H, 1) array
        x in mm, 0 below the muscle.

    Examples
    --------
    >>> shape = draw_shape(np.random.default_rng(0), frame_width=195.0)
    >>> muscle_edge(shape, np.array([[240.0]])).tolist()
    [[0.0]]
    """
    u = np.clip(y / shape.muscle_height, 0.0, 1.0)
    return np.asarray(shape.muscle_width * (1.0 - u**shape.muscle_bend))


def _cc_edge(shape: Shape, y: Array) -> tuple[Array, float]:
    """Outline of the CC view: x of the skin at every level, and the nipple's level."""
    level = FRAME_HEIGHT / 2.0 - shape.lift
    u = (y - level) / (shape.half_height + np.sign(y - level) * shape.lift)
    round_part = np.clip(1.0 - np.abs(u) ** shape.roundness, 0.0, None) ** (1.0 / shape.roundness)
    return shape.depth * round_part * (1.0 + _unevenness(shape, u)), level


def _mlo_edge(shape: Shape, y: Array) -> tuple[Array, float]:
    """Outline of the MLO view: axillary part, bulge, inframammary fold, a wedge of abdomen."""
    level = FRAME_HEIGHT * 0.61 - shape.lift
    above = np.clip(y / level, 0.0, 1.0)
    upper = shape.axilla + (shape.depth - shape.axilla) * np.sin(0.5 * np.pi * above) ** 1.5
    u = np.clip((y - level) / (shape.fold - level), 0.0, 1.0)
    lower = shape.depth * (1.0 - u**shape.roundness) ** (1.0 / shape.roundness)
    edge = np.where(y < level, upper, lower) * (1.0 + _unevenness(shape, (y - level) / shape.half_height))
    abdomen = 3.0 + 0.09 * shape.depth + 0.35 * (y - shape.fold)
    softness = 4.0
    return np.logaddexp(edge / softness, np.clip(abdomen, -20.0, None) / softness) * softness, level


def _unevenness(shape: Shape, u: Array) -> Array:
    """Relative deviation from the ideal outline, a per cent or two, none at the nipple."""
    total = np.zeros_like(u)
    for k, (amplitude, phase) in enumerate(zip(shape.waves[::2], shape.waves[1::2], strict=True), start=1):
        total = total + amplitude / k * (np.sin(np.pi * (1.1 * k * u + phase)) - np.sin(np.pi * phase))
    return np.asarray(0.025 * total)
