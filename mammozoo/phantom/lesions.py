# SPDX-License-Identifier: Apache-2.0
"""Masses of the synthetic exams: which patient has which, where they lie, how they look."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .._typing import Array, Mask
from .anatomy import Anatomy, Grid, smoothstep

#: Pixels of the 224 x 224 grid by size class; the classes' borders are 500 and 1500 (Huang et al.,
#: Cureus 18(3) e105360, 2026), and a margin keeps a mass in its class at every image size.
AREA_224 = {"small": (90.0, 430.0), "medium": (560.0, 1250.0), "large": (1620.0, 2300.0)}

#: Every third patient is free of lesions; the others take these in turn: (class, size, margin).
_TURNS = (
    ("malignant", "small", "spiculated"),
    ("benign", "medium", "circumscribed"),
    ("malignant", "medium", "spiculated"),
    ("benign", "small", "circumscribed"),
    ("malignant", "large", "indistinct"),
    ("benign", "small", "obscured"),
    ("malignant", "small", "obscured"),
    ("benign", "large", "circumscribed"),
    ("malignant", "medium", "obscured"),
    ("benign", "small", "circumscribed"),
    ("malignant", "small", "spiculated"),
    ("benign", "medium", "obscured"),
    ("malignant", "large", "spiculated"),
    ("benign", "small", "circumscribed"),
    ("malignant", "small", "indistinct"),
    ("benign", "large", "circumscribed"),
)
#: Turns that bring a second, small mass of the same class.
_SATELLITE = (2, 9)


@dataclass(frozen=True)
class LesionPlan:
    """What one patient has."""

    class_name: str
    size: str
    margin: str
    masses: int


@dataclass(frozen=True)
class Mass:
    """One mass in one view; lengths in mm."""

    margin: str
    area: float
    contrast: float
    waves: tuple[tuple[float, float], ...]
    spicules: tuple[tuple[float, ...], ...]
    hidden_side: float
    center: tuple[float, float] = (0.0, 0.0)


def plan_lesions(patient: int) -> LesionPlan:
    """Lesions of a patient, by number alone, so that any 24 patients hold the same mix."""
    if patient % 3 == 2:
        return LesionPlan("normal", "none", "none", 0)
    turn = (patient - patient // 3) % len(_TURNS)
    class_name, size, margin = _TURNS[turn]
    return LesionPlan(class_name, size, margin, 2 if turn in _SATELLITE else 1)


def draw_mass(rng: np.random.Generator, *, plan: LesionPlan, size: str, frame_area: float) -> Mass:
    """Draw the looks of a mass, without its place."""
    low, high = AREA_224[size]
    uneven = {"circumscribed": 0.035, "obscured": 0.05, "indistinct": 0.08, "spiculated": 0.08}[plan.margin]
    harmonics = np.arange(2, 9)
    falls = 1.0 if plan.class_name == "malignant" else 1.6
    amplitudes = uneven * np.clip(rng.normal(size=7), -1.2, 1.2) / (harmonics / 2.0) ** falls
    amplitudes[0] += 0.10 * rng.choice([-1.0, 1.0])  # longer than wide
    count = int(rng.integers(13, 22))
    angles = (np.arange(count) + rng.uniform(-0.4, 0.4, count)) * (2.0 * np.pi / count)
    spicules = np.stack(
        [
            angles,
            rng.uniform(0.35, 1.5, count),
            rng.uniform(0.5, 1.1, count),
            rng.uniform(-0.02, 0.02, count),
            rng.uniform(0.35, 1.0, count),
        ],
        axis=1,
    )
    if plan.margin != "spiculated":
        spicules = spicules[:0]
    return Mass(
        margin=plan.margin,
        area=float(np.exp(rng.uniform(np.log(low), np.log(high)))) / 224.0**2 * frame_area,
        contrast=float(rng.uniform(0.75, 1.0) + (0.1 if plan.class_name == "malignant" else 0.0)),
        waves=tuple(zip(amplitudes.tolist(), rng.uniform(0.0, 2.0 * np.pi, 7).tolist(), strict=True)),
        spicules=tuple(map(tuple, spicules.tolist())),
        hidden_side=float(rng.uniform(0.0, 2.0 * np.pi)),
    )


def mass_radius(mass: Mass, angle: Array) -> Array:
    """Radius of the outline by angle."""
    angle = np.asarray(angle)
    radius = np.ones_like(angle)
    for k, (amplitude, phase) in enumerate(mass.waves, start=2):
        radius = radius + amplitude * np.cos(k * angle + phase)
    # Area of r(angle): half the integral of its square, the harmonics being orthogonal.
    unit_area = np.pi * (1.0 + 0.5 * sum(a * a for a, _ in mass.waves))
    return np.asarray(radius * float(np.sqrt(mass.area / unit_area)))


def place_masses(
    rng: np.random.Generator,
    masses: list[Mass],
    anatomy: Anatomy,
    likely: Array,
    *,
    distances: list[float] | None,
) -> list[tuple[float, float]]:
    """Find places inside the breast where the masses fit."""
    grid = anatomy.grid
    x, y = grid.axes()
    free = np.pad((anatomy.breast & ~anatomy.muscle).astype(np.uint8), 1)  # the image's border counts as one
    room = cv2.distanceTransform(free, cv2.DIST_L2, 5)[1:-1, 1:-1] * np.float32(grid.spacing)
    nipple_distance = np.hypot(x - anatomy.nipple[0], y - anatomy.nipple[1])
    centers: list[tuple[float, float]] = []
    for k, mass in enumerate(masses):
        reach = float(mass_radius(mass, np.linspace(0.0, 2.0 * np.pi, 90)).max())
        fits = room > min(reach + 5.0, float(room.max()) * 0.97)
        weight = np.where(fits, likely + 1e-3, 0.0)
        if distances is not None:
            off = np.abs(nipple_distance - distances[k])
            nearest = off[fits].min()
            weight = weight * (off < max(nearest + 2.0 * grid.spacing, 3.0))
        weight = weight.ravel() / weight.sum()
        index = int(rng.choice(weight.size, p=weight))
        row, column = divmod(index, grid.width)
        centers.append((float(x[0, column]), float(y[row, 0])))
        gone = np.hypot(x - centers[-1][0], y - centers[-1][1]) - reach
        room = np.minimum(room, np.clip(gone, 0.0, None))
    return centers


def mass_mask(mass: Mass, grid: Grid) -> Mask:
    """Truth of a mass: its body, without what radiates from it."""
    rows, columns, distance, angle = _window(mass, grid, reach=1.6)
    mask = np.zeros((grid.height, grid.width), dtype=bool)
    mask[rows, columns] = distance < mass_radius(mass, angle)
    return mask


def render_mass(mass: Mass, grid: Grid, texture: Array) -> tuple[slice, slice, Array, Array]:
    """Attenuation of a mass."""
    rows, columns, distance, angle = _window(mass, grid, reach=3.0 if mass.spicules else 1.9)
    radius = mass_radius(mass, angle)
    rho = distance / radius
    blur = {"circumscribed": 1.0, "obscured": 1.6, "indistinct": 3.0, "spiculated": 2.2}[mass.margin]  # mm
    softness = np.clip(blur / radius, 0.16 if mass.margin == "indistinct" else 0.04, 0.35)
    edge = 1.0 - smoothstep(rho, 1.0 - 1.5 * softness, 1.0 + softness)
    dome = 0.72 + 0.28 * np.sqrt(np.clip(1.0 - rho * rho, 0.0, 1.0))
    body = edge * dome * (1.0 + 0.10 * texture[rows, columns])
    if mass.margin == "obscured":
        body = body * (1.0 - 0.55 * smoothstep(rho * np.cos(angle - mass.hidden_side), 0.1, 1.0))
    lines = np.zeros_like(body)
    mean_radius = float(radius.mean())
    for angle0, length, width, bend, strength in mass.spicules:
        beyond = (distance - 0.6 * mean_radius) / ((0.4 + length) * mean_radius)
        across = distance * np.sin(angle - angle0 - bend * (distance - mean_radius))
        ahead = np.cos(angle - angle0) > 0.0
        taper = np.maximum(width * (1.15 - beyond), 0.6 * grid.spacing)
        line = np.exp(-((across / taper) ** 2)) * np.clip(1.0 - beyond, 0.0, 1.0) * (beyond > 0.0) * ahead
        lines = np.maximum(lines, strength * line)
    return rows, columns, body.astype(np.float32), (lines * (1.0 - 0.8 * edge)).astype(np.float32)


def _window(mass: Mass, grid: Grid, *, reach: float) -> tuple[slice, slice, Array, Array]:
    """Rows and columns around a mass, and polar coordinates (mm, radians) there."""
    x, y = grid.axes()
    outer = reach * float(mass_radius(mass, np.linspace(0.0, 2.0 * np.pi, 90)).max())
    near_x = np.flatnonzero(np.abs(x[0] - mass.center[0]) <= outer)
    near_y = np.flatnonzero(np.abs(y[:, 0] - mass.center[1]) <= outer)
    rows, columns = slice(near_y[0], near_y[-1] + 1), slice(near_x[0], near_x[-1] + 1)
    dx, dy = x[:, columns] - mass.center[0], y[rows] - mass.center[1]
    return rows, columns, np.hypot(dx, dy), np.arctan2(dy, dx)
