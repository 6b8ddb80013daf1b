# SPDX-License-Identifier: Apache-2.0
"""Random fields of the synthetic mammograms: 1/f noise, strands, grain.

Every field lives on the unit square and is built from coarse to fine, so that one seed gives one anatomy at
every image size; a larger image only adds finer detail.
"""

from __future__ import annotations

import cv2
import numpy as np

from .._typing import Array

__all__ = [
    "BASE",
    "band_field",
    "coarse_field",
    "fine_detail",
    "grain",
    "refine",
    "sample",
    "smoothed",
    "spread",
    "threads",
]

#: Side of the coarse grid that is drawn in the frequency domain, in cells.
BASE = 256


def coarse_field(
    rng: np.random.Generator, *, beta: float = 3.0, shared: Array | None = None, kinship: float = 0.8
) -> Array:
    """Periodic Gaussian field whose power spectrum falls as 1/f^beta.

    Parameters
    ----------
    rng : numpy.random.Generator
    beta : float
        Exponent of the radial power spectrum; mammograms have about 3 [1]_.
    shared : (BASE, BASE) array, optional
        Field of the other breast; this one takes `kinship` of it.
    kinship : float
        Correlation with `shared`, 0 to 1.

    Returns
    -------
    (BASE, BASE) array of float32
        Mean 0, standard deviation about 1.

    Notes
    -----
    The spectrum is flat below two cycles a side, so that no gradient runs over the whole view.

    References
    ----------
    .. [1] A. E. Burgess, F. L. Jacobson, P. F. Judy. "Human observer detection experiments with mammograms
       and power-law noise." Medical Physics 28(4), 2001. doi:10.1118/1.1355308

    Examples
    --------
    >>> coarse_field(np.random.default_rng(0)).shape
    (256, 256)
    """
    frequency = _frequency()
    frequency[0, 0] = np.inf
    field = _filtered(rng, (frequency + 2.0) ** (-beta / 2.0))
    if shared is not None:
        field = (kinship * shared + np.sqrt(1.0 - kinship**2) * field).astype(np.float32)
    return field


def refine(rng: np.random.Generator, field: Array, side: int, *, beta: float = 3.0) -> Array:
    """Add finer octaves of a power law to a coarse field.

    Parameters
    ----------
    rng : numpy.random.Generator
    field : (S, S) array of float32
    side : int
        Wanted side in cells; it is rounded up to S times a power of two.
    beta : float
        Exponent of the radial power spectrum.

    Returns
    -------
    array of float32

    Notes
    -----
    Every octave is white noise of 2^(2 - beta) times the variance of the octave before it.

    Examples
    --------
    >>> refine(np.random.default_rng(0), np.eye(4, dtype=np.float32), 7).shape
    (8, 8)
    """
    fall = 2.0 ** ((2.0 - beta) / 2.0)
    small = cv2.resize(field, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    octave = float((field - _double(small)).std()) * fall
    while field.shape[0] < side:
        field = _double(field)
        field += _octave(rng, field.shape) * np.float32(octave)
        octave *= fall
    return field


def band_field(rng: np.random.Generator, *, cycles: float) -> Array:
    """Smooth Gaussian field of one scale, periodic.

    Parameters
    ----------
    rng : numpy.random.Generator
    cycles : float
        Cycles a side about which the spectrum gathers (log-normal, half an octave wide).

    Returns
    -------
    (BASE, BASE) array of float32
        Mean about 0, standard deviation 1.

    Examples
    --------
    >>> band_field(np.random.default_rng(0), cycles=8.0).shape
    (256, 256)
    """
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
    """Periodic Gaussian smoothing.

    Parameters
    ----------
    field : (S, S) array of float32
    sigma : float
        Cells.

    Returns
    -------
    (S, S) array of float32

    Examples
    --------
    >>> smoothed(np.ones((32, 32), dtype=np.float32), sigma=1.0).shape
    (32, 32)
    """
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
    """Wide Gaussian smoothing of an image, computed on a coarser grid where that does not show.

    Parameters
    ----------
    image : (H, W) array
    sigma : float
        Pixels.

    Returns
    -------
    (H, W) array of float32

    Examples
    --------
    >>> spread(np.ones((8, 8), dtype=bool), sigma=20.0).shape
    (8, 8)
    """
    image = image.astype(np.float32)
    step = int(max(1, min(sigma / 3.0, min(image.shape) / 8.0)))
    if step == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma))
    small = cv2.resize(image, None, fx=1.0 / step, fy=1.0 / step, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return np.asarray(cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR))


def sample(field: Array, x: Array, y: Array) -> Array:
    """Read a field at places given in the unit square, wrapped.

    Parameters
    ----------
    field : (S, S) array of float32
    x, y : (H, W) arrays
        Places; 1 is the side of the field, everything is taken modulo 1.

    Returns
    -------
    (H, W) array of float32

    Examples
    --------
    >>> sample(np.eye(4, dtype=np.float32), np.array([[0.0]]), np.array([[0.25]]))
    array([[0.]], dtype=float32)
    """
    side = np.float32(field.shape[0])
    columns, rows = (np.asarray(v * side, dtype=np.float32) for v in (x, y))
    return np.asarray(cv2.remap(field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


def threads(field: Array, *, width: float) -> Array:
    """Thin bright curves where a field changes its sign: connective tissue seen edge on.

    Parameters
    ----------
    field : array of float32
        Field of unit standard deviation.
    width : float
        Width of the curves in units of the field; smaller is thinner.

    Returns
    -------
    array of float32
        0 to 1.

    Examples
    --------
    >>> threads(np.array([0.0, 0.1], dtype=np.float32), width=0.1).round(3).tolist()
    [1.0, 0.5]
    """
    return np.asarray(1.0 / (1.0 + (field / width) ** 2), dtype=np.float32)


def fine_detail(rng: np.random.Generator, shape: tuple[int, int], *, from_side: int, std: float) -> Array:
    """Octaves of 1/f^3 noise finer than a grid already has.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        (H, W) of the image.
    from_side : int
        Long side of the grid whose octaves are already there.
    std : float
        Standard deviation of the first added octave.

    Returns
    -------
    (H, W) array of float32
        Zeros where the image is no finer than the grid.

    Examples
    --------
    >>> float(fine_detail(np.random.default_rng(0), (8, 8), from_side=8, std=1.0).std())
    0.0
    """
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
    """Noise of the detector: white, slightly smoothed by the spread of the light.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        (H, W).

    Returns
    -------
    (H, W) array of float32
        Unit variance before smoothing (about 0.55 after it).

    Examples
    --------
    >>> grain(np.random.default_rng(0), (2, 3)).shape
    (2, 3)
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (3, 3), 0.5))
