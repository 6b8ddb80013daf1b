# SPDX-License-Identifier: Apache-2.0
"""Tissue of a synthetic breast: fat, glands, ligaments, vessels, chest muscle, calcifications."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from .._typing import Array
from .anatomy import FRAME_HEIGHT, Anatomy, smoothstep
from .texture import band_field, coarse_field, refine, sample, smoothed, spread, threads

#: Share of the breast (without chest muscle and subcutaneous fat) that is glandular, by ACR density.
GLAND_SHARE = {"A": 0.10, "B": 0.28, "C": 0.52, "D": 0.78}
#: Level of the fatty background relative to solid glandular tissue, by density.
FAT_LEVEL = {"A": 0.40, "B": 0.42, "C": 0.44, "D": 0.46}


@dataclass(frozen=True, eq=False)
class Tissue:
    """Attenuation of one view before any mass, (H, W) float32 arrays."""

    attenuation: Array
    gland: Array
    vessels: Array
    texture: Array


def gland_envelope(anatomy: Anatomy) -> Array:
    """Where glandular tissue gathers: a cone behind the nipple, more of it above than below."""
    x, y = anatomy.grid.axes()
    nipple_x, nipple_y = anatomy.nipple
    u = (x - 0.56 * nipple_x) / (0.50 * nipple_x)
    v = (y - (nipple_y - 0.10 * nipple_x)) / (0.66 * nipple_x)
    return np.asarray(1.0 - u * u - v * v, dtype=np.float32)


def draw_tissue(rng: np.random.Generator, anatomy: Anatomy, *, density: str, shared: Array, calcified: bool) -> Tissue:
    """Fill a breast."""
    field_rng, strand_rng, fleck_rng = rng.spawn(3)
    grid = anatomy.grid
    x, y = grid.axes()
    coarse = coarse_field(field_rng, shared=shared)
    field = refine(field_rng, coarse, max(grid.height, grid.width))
    strands = band_field(strand_rng, cycles=11.0)
    u, v = np.broadcast_arrays(x / FRAME_HEIGHT, y / FRAME_HEIGHT)
    smooth = smoothed(coarse, sigma=1.6)  # what bends must not tear
    texture = sample(field, u, v)
    wavy = sample(smooth, u * 0.6 + 0.31, v * 0.6 + 0.17)
    along, across = _towards_nipple(anatomy, wavy, sample(smooth, u * 0.6 + 0.73, v * 0.6 + 0.54))
    drawn = sample(smooth, along * 0.45 + 0.5, across * 1.1 + 0.2)  # the same tissue, drawn towards the nipple
    gland = _gland(anatomy, 0.5 * sample(smooth, u, v) + 0.25 * texture + 0.65 * drawn, density=density)
    ligaments = _ligaments(anatomy, strands, wavy, along, across)
    pipes = vessels(fleck_rng, anatomy)
    body = FAT_LEVEL[density] + 0.028 * texture + 0.035 * wavy
    body += gland * (0.27 + 0.05 * texture + 0.05 * drawn)
    body += ligaments * (0.055 + 0.12 * gland) + 0.05 * pipes * (1.0 - 0.6 * gland)
    body = body * anatomy.thickness ** np.float32(0.9)
    if anatomy.muscle.any():
        body = _add_muscle(anatomy, body, strands, u, v)
    skin = np.exp(-(((anatomy.depth - 1.2) / 0.8) ** 2)) * anatomy.breast
    body = body + 0.045 * skin + _nipple(anatomy)
    if calcified:
        body = body + calcifications(fleck_rng, anatomy)
    return Tissue(np.where(anatomy.breast, body, 0.0).astype(np.float32), gland, pipes, wavy)


def _gland(anatomy: Anatomy, field: Array, *, density: str) -> Array:
    """Glandular share: envelope and noise, cut so that the density's share of the breast is glandular."""
    x, _ = anatomy.grid.axes()
    potential = np.clip(gland_envelope(anatomy), -2.0, None) + 0.55 * field
    room = anatomy.breast & ~anatomy.muscle & (anatomy.depth > 6.0)
    cut = float(np.quantile(potential[room][::7], 1.0 - GLAND_SHARE[density]))
    gland = smoothstep(potential, cut - 0.9, cut + 1.3)
    return np.asarray(gland * smoothstep(anatomy.depth, 2.0, 14.0) * smoothstep(x, -6.0, 16.0), dtype=np.float32)


def _towards_nipple(anatomy: Anatomy, bend: Array, turn: Array) -> tuple[Array, Array]:
    """Wavy coordinates along and across the lines that meet at the nipple; 1 is the frame's height."""
    x, y = anatomy.grid.axes()
    dx, dy = anatomy.nipple[0] + 25.0 - x, y - anatomy.nipple[1]
    along, across = np.hypot(dx, dy) / FRAME_HEIGHT, np.arctan2(dy, dx) * 0.34
    return along + 0.018 * bend, across + 0.016 * turn


def _ligaments(anatomy: Anatomy, strands: Array, wavy: Array, along: Array, across: Array) -> Array:
    """Cooper's ligaments and ducts: threads that run towards the nipple, and septa between fat lobules."""
    x, y = anatomy.grid.axes()
    total = 0.3 * threads(sample(strands, x / FRAME_HEIGHT + 0.02 * wavy, y / FRAME_HEIGHT - 0.02 * wavy), width=0.12)
    fading = 0.15 + 0.85 * smoothstep(sample(strands, along * 0.35, across * 0.5 + 0.6), -1.1, 1.1)
    for k, (finer, strength) in enumerate(((0.8, 0.75), (1.5, 0.75), (2.8, 0.6), (5.2, 0.5))):
        line = threads(sample(strands, along * finer * 0.36 + 0.37 * k, across * finer + 0.21 * k), width=0.17)
        total = total + strength * line * (fading if k % 2 else 1.15 - fading)
    total = total * np.where(anatomy.muscle, np.float32(0.35), np.float32(1.0))
    return np.asarray(total * smoothstep(anatomy.depth, 1.0, 9.0), dtype=np.float32)


def _add_muscle(anatomy: Anatomy, body: Array, strands: Array, u: Array, v: Array) -> Array:
    """Lay the pectoral muscle over the view: brighter, striped along its edge, brightest at the top."""
    spacing = anatomy.grid.spacing
    soft = spread(anatomy.muscle, sigma=1.6 / spacing)
    wide = spread(anatomy.muscle, sigma=9.0 / spacing)
    stripes = sample(strands, (u + 0.45 * v) * 1.6, (v - 1.6 * u) * 0.25)
    level = 0.14 + 0.15 * wide + 0.10 * np.clip(1.0 - 2.0 * v, 0.0, 1.0) + 0.015 * stripes
    return np.asarray(body + soft * level)


def _nipple(anatomy: Anatomy) -> Array:
    x, y = anatomy.grid.axes()
    off = np.hypot((x - anatomy.nipple[0] - 1.0) / 4.5, (y - anatomy.nipple[1]) / 5.5)
    return np.asarray(0.16 * (1.0 - smoothstep(off, 0.4, 1.5)) * smoothstep(anatomy.depth, 0.0, 2.5))


def vessels(rng: np.random.Generator, anatomy: Anatomy) -> Array:
    """A few winding vessels from the chest wall towards the nipple."""
    grid = anatomy.grid
    canvas = np.zeros((grid.height, grid.width), dtype=np.uint8)
    for _ in range(int(rng.integers(2, 5))):
        start = np.array([0.0, anatomy.nipple[1] + rng.uniform(-0.8, 0.8) * anatomy.nipple[0]])
        stop = np.array([anatomy.nipple[0] * rng.uniform(0.6, 0.85), anatomy.nipple[1] + rng.uniform(-25.0, 25.0)])
        t = np.linspace(0.0, 1.0, 60)
        wander = np.cumsum(rng.normal(size=60))
        wander = gaussian_filter1d(wander, 4.0)
        wander = (wander - wander[0] - t * (wander[-1] - wander[0])) / max(1e-6, np.ptp(wander))
        line = start + t[:, None] * (stop - start)
        line[:, 1] += wander * rng.uniform(12.0, 34.0)
        width = rng.uniform(0.7, 1.4)
        points = np.round(line / grid.spacing * 16.0).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, max(1, round(width / grid.spacing)), cv2.LINE_AA, shift=4)
    return np.asarray(cv2.GaussianBlur(canvas.astype(np.float32) / 255.0, (0, 0), max(0.6, 0.35 / grid.spacing)))


def calcifications(rng: np.random.Generator, anatomy: Anatomy) -> Array:
    """A few round, benign calcifications, 0.4 to 1.2 mm."""
    x, y = anatomy.grid.axes()
    layer = np.zeros(anatomy.breast.shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 7))):
        reach, angle = rng.uniform(0.2, 0.75) * anatomy.nipple[0], rng.uniform(-0.9, 0.9)
        center = anatomy.nipple[0] - reach * np.cos(angle), anatomy.nipple[1] + reach * np.sin(angle)
        radius, strength = max(rng.uniform(0.2, 0.6), 0.6 * anatomy.grid.spacing), rng.uniform(0.25, 0.7)
        spot = np.exp(-(((x - center[0]) / radius) ** 2)) * np.exp(-(((y - center[1]) / radius) ** 2))
        layer = np.maximum(layer, np.float32(strength) * spot)
    return layer
