# SPDX-License-Identifier: Apache-2.0
"""From tissue to the 12-bit image that a detector and its processing would show."""

from __future__ import annotations

import cv2
import numpy as np

from .._typing import Array, Mask
from .anatomy import Anatomy
from .lesions import Mass, render_mass
from .texture import fine_detail, grain, spread
from .tissue import Tissue

#: Largest grey level of 12 bits.
MAXIMUM = 4095
_AIR = 0.012


def mammogram_signal(anatomy: Anatomy, tissue: Tissue, masses: list[Mass]) -> Array:
    """Noise-free signal of a mammogram (or of the low-energy image of a contrast exam)."""
    body = tissue.attenuation.copy()
    for mass in masses:
        rows, columns, core, lines = render_mass(mass, anatomy.grid, tissue.texture)
        part, gland = body[rows, columns], tissue.gland[rows, columns]
        # A mass pushes glandular tissue aside; what it adds shrinks where there was much of it.
        added = 0.34 * mass.contrast * core * (1.0 - 0.35 * gland) + 0.13 * lines
        body[rows, columns] = part + added * anatomy.thickness[rows, columns]
    body = np.where(body > 0.9, 0.9 + (body - 0.9) * 0.6, body)  # shoulder of the display curve
    return np.asarray(0.82 * body, dtype=np.float32)


def subtracted_signal(
    anatomy: Anatomy,
    tissue: Tissue,
    masses: list[Mass],
    *,
    uptakes: list[tuple[float, bool]],
    background: float,
) -> Array:
    """Noise-free signal of the recombined (subtracted) image of a contrast exam."""
    spacing = anatomy.grid.spacing
    soft_gland = spread(tissue.gland, sigma=2.5 / spacing)
    body = 0.21 + 0.02 * tissue.texture + background * soft_gland * (1.0 + 0.3 * tissue.texture)
    body += 0.16 * (tissue.attenuation - spread(tissue.attenuation, sigma=1.2 / spacing))  # imperfect cancellation
    body += 0.035 * tissue.vessels + 0.03 * spread(anatomy.muscle, sigma=2.0 / spacing)
    for mass, (uptake, rim) in zip(masses, uptakes, strict=True):
        rows, columns, core, lines = render_mass(mass, anatomy.grid, tissue.texture)
        core = cv2.GaussianBlur(core, (0, 0), max(0.7, 1.1 / spacing))
        if rim:
            inner = spread(core, sigma=max(1.0, 0.07 * core.shape[0]))
            core = core * np.clip(1.5 - 1.1 * inner, 0.25, 1.2)
        body[rows, columns] += uptake * (core * (1.0 + 0.3 * tissue.texture[rows, columns]) + 0.2 * lines)
    body = body * anatomy.thickness ** np.float32(0.3)
    body += 0.07 * np.exp(-(((anatomy.depth - 1.2) / 1.2) ** 2))  # rim that the recombination leaves at the skin
    return np.where(anatomy.breast, body, 0.0).astype(np.float32)


def expose(rng: np.random.Generator, signal: Array, breast: Mask, *, noise: float, detail: float) -> Array:
    """Bring a signal to full size and add what the detector adds."""
    shape = breast.shape
    detail_rng, grain_rng = rng.spawn(2)
    if shape != signal.shape:
        known = max(signal.shape)
        signal = cv2.resize(signal, shape[::-1], interpolation=cv2.INTER_CUBIC)
        signal = signal * (1.0 + fine_detail(detail_rng, shape, from_side=known, std=detail))
    scattered = spread(breast, sigma=max(1.0, 0.012 * shape[0]))
    signal = signal + np.where(breast, np.float32(0.0), np.float32(0.035) * scattered**2)
    quantum = np.where(breast, np.exp(1.4 * (signal - 0.8)), 0.12).astype(np.float32)
    signal = signal + noise * quantum * grain(grain_rng, shape) + _AIR
    return np.asarray(np.clip(signal * MAXIMUM + 0.5, 0, MAXIMUM), dtype=np.uint16)


def burn_tag(pixels: Array, breast: Mask, *, text: str) -> None:
    """Write the view's name into the image, away from the breast, as lead letters are."""
    height, width = breast.shape
    scale, line = height / 1000.0, max(1, round(height / 330.0))
    (text_width, text_height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, line)
    margin = max(2, round(0.03 * height))
    on_left = breast[:, : width // 2].sum() < breast[:, width // 2 :].sum()
    left = margin if on_left else width - margin - text_width
    for top in (margin, height - margin - text_height - base):
        box = slice(top, top + text_height + base), slice(max(0, left), max(0, left) + text_width)
        around = (
            slice(max(0, top - margin), top + text_height + base + margin),
            slice(max(0, left - margin), left + text_width + margin),
        )
        if breast[around].any():
            continue
        canvas = np.zeros(pixels.shape, dtype=np.uint8)
        cv2.putText(canvas, text, (left, top + text_height), cv2.FONT_HERSHEY_DUPLEX, scale, 255, line, cv2.LINE_AA)
        ink = canvas[box].astype(np.float32) / 255.0
        pixels[box] = np.maximum(pixels[box], (ink * 0.86 * MAXIMUM).astype(np.uint16))
        return
