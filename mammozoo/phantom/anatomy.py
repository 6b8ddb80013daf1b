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

#: Height of the image field in mm (the large 24 x 30 cm detector, portrait, trimmed).
FRAME_HEIGHT = 240.0


@dataclass(frozen=True)
class Grid:
    """Sampling of the image field."""

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
    """What makes one breast's outline in both views; lengths in mm."""

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
    """One view of a breast on a grid."""

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
    """Cubic step from 0 at `low` to 1 at `high`."""
    u = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(u * u * (3.0 - 2.0 * u))


def draw_shape(rng: np.random.Generator, *, frame_width: float, roomy: bool = False) -> Shape:
    """Draw the shape of a breast."""
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
    """The contralateral breast: the same woman, a few per cent different."""
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
    """Lay a breast onto the image field."""
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
    """Where the pectoral muscle ends in the MLO view."""
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
