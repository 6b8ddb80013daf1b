# SPDX-License-Identifier: Apache-2.0
"""Random fields of the synthetic mammograms: 1/f noise, strands, grain.

Every field lives on the unit square and is built from coarse to fine, so that one seed gives one anatomy at
every image size; a larger image only adds finer detail.
"""

from __future__ import annotations

import cv2
import numpy as np

from .._typing import Array

#: Side of the coarse grid that is drawn in the frequency domain, in cells.
BASE = 256


def coarse_field(
    rng: np.random.Generator, *, beta: float = 3.0, shared: Array | None = None, kinship: float = 0.8
) -> Array:
    """Periodic Gaussian field whose power spectrum falls as 1/f^beta."""
    frequency = _frequency()
    frequency[0, 0] = np.inf
    field = _filtered(rng, (frequency + 2.0) ** (-beta / 2.0))
    if shared is not None:
        field = (kinship * shared + np.sqrt(1.0 - kinship**2) * field).astype(np.float32)
    return field


def refine(rng: np.random.Generator, field: Array, side: int, *, beta: float = 3.0) -> Array:
    """Add finer octaves of a power law to a coarse field."""
    fall = 2.0 ** ((2.0 - beta) / 2.0)
    small = cv2.resize(field, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    octave = float((field - _double(small)).std()) * fall
    while field.shape[0] < side:
        field = _double(field)
        field += _octave(rng, field.shape) * np.float32(octave)
        octave *= fall
    return field


def band_field(rng: np.random.Generator, *, cycles: float) -> Array:
    """Smooth Gaussian field of one scale, periodic."""
    frequency = _frequency()
    frequency[0, 0] = 1e-9
    return _filtered(rng, np.exp(-((np.log2(frequency / cycles) / 0.7) ** 2)) / frequency)


def _frequency() -> Array:
    """Cycles a side of every coefficient of a real transform of the coarse grid."""
    return np.asarray(np.hypot(np.fft.fftfreq(BASE)[:, None], np.fft.rfftfreq(BASE)[None, :]) * BASE)


def _filtered(rng: np.random.Generator, gain: Array) -> Array:
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((BASE, BASE))) * gain, s=(BASE, BASE))
    return np.asarray(field / field.std(), dtype=np.float32)


def smoothed(field: Array, *, sigma: float) -> Array:
    """Periodic Gaussian smoothing."""
    edge = int(4 * sigma) + 1
    padded = cv2.copyMakeBorder(field, edge, edge, edge, edge, cv2.BORDER_WRAP)
    return np.asarray(cv2.GaussianBlur(padded, (0, 0), sigma)[edge:-edge, edge:-edge].copy())


def _double(field: Array) -> Array:
    return np.asarray(cv2.resize(field, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC))


def _octave(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """White noise without the octaves below its own: unit variance, no coarse part."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    return np.asarray(noise - cv2.blur(noise, (3, 3)))


def spread(image: Array, *, sigma: float) -> Array:
    """Wide Gaussian smoothing of an image, computed on a coarser grid where that does not show."""
    image = image.astype(np.float32)
    step = int(max(1, min(sigma / 3.0, min(image.shape) / 8.0)))
    if step == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma))
    small = cv2.resize(image, None, fx=1.0 / step, fy=1.0 / step, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return np.asarray(cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR))


def sample(field: Array, x: Array, y: Array) -> Array:
    """Read a field at places given in the unit square, wrapped."""
    side = np.float32(field.shape[0])
    columns, rows = (np.asarray(v * side, dtype=np.float32) for v in (x, y))
    return np.asarray(cv2.remap(field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


def threads(field: Array, *, width: float) -> Array:
    """Thin bright curves where a field changes its sign: connective tissue seen edge on."""
    return np.asarray(1.0 / (1.0 + (field / width) ** 2), dtype=np.float32)


def fine_detail(rng: np.random.Generator, shape: tuple[int, int], *, from_side: int, std: float) -> Array:
    """Octaves of 1/f^3 noise finer than a grid already has."""
    detail = np.zeros(shape, dtype=np.float32)
    side, amplitude = from_side * 2, std
    while side <= max(shape):
        scale = side / max(shape)
        part = (max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale)))
        octave = _octave(rng, part) * np.float32(amplitude)
        detail += octave if part == shape else cv2.resize(octave, shape[::-1], interpolation=cv2.INTER_LINEAR)
        side, amplitude = side * 2, amplitude / np.sqrt(2.0)
    return detail


def grain(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Noise of the detector: white, slightly smoothed by the spread of the light."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (3, 3), 0.5))
