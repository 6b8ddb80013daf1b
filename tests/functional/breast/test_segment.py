# SPDX-License-Identifier: Apache-2.0
"""Breast masks against the phantoms' truth, and what must not change them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from mammozoo._typing import Array, Mask
from mammozoo.functional.breast.air_threshold import libra_threshold, otsu_log_threshold
from mammozoo.functional.breast.segment import find_chest_side, segment_breast
from mammozoo.functional.breast.segment_torch import segment_breasts
from mammozoo.phantom.exam import PhantomView, make_exam

METHODS = pytest.mark.parametrize("method", ["line", "libra"])


@cache
def _views() -> tuple[PhantomView, ...]:
    return tuple(view for patient in range(3) for view in make_exam(patient, seed=11, size=(640, 520)))


def _dice(a: Mask, b: Mask) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@METHODS
def test_phantom_breasts(method: str) -> None:
    for view in _views():
        found = segment_breast(view.pixels, method=method)  # type: ignore[arg-type]
        assert _dice(found.mask, view.breast_mask) >= (0.98 if view.view_position == "CC" else 0.97)
        assert found.chest_side == ("left" if view.laterality == "L" else "right")
        assert found.flags == ()


def test_pectoral_muscle_of_phantoms() -> None:
    for view in _views():
        found = segment_breast(view.pixels, pectoral=True)
        if view.view_position == "MLO":
            assert _dice(found.mask, view.breast_mask & ~view.pectoral_mask) >= 0.97
            assert found.line is not None
            assert found.score > 0.002
        else:  # nothing convincing to remove
            assert _dice(found.mask, view.breast_mask) >= 0.98
            assert found.flags


def test_pectoral_muscle_by_hough_is_mostly_found() -> None:
    truths = [view for view in _views() if view.view_position == "MLO"]
    scores = [
        _dice(segment_breast(v.pixels, method="libra", pectoral=True).mask, v.breast_mask & ~v.pectoral_mask)
        for v in truths
    ]
    assert np.mean(scores) > 0.95
    assert min(scores) > 0.9


@METHODS
@pytest.mark.parametrize("shape", [(640, 520), (2048, 1663), (1921, 1201)])
def test_a_flipped_image_gives_the_flipped_mask(method: str, shape: tuple[int, int]) -> None:
    pixels = make_exam(1, seed=5, size=(640, 520))[3].pixels
    image = np.zeros(shape, pixels.dtype)
    repeats = np.kron(pixels, np.ones((shape[0] // 640, shape[1] // 520), pixels.dtype))
    image[: repeats.shape[0], : repeats.shape[1]] = repeats
    straight = segment_breast(image, method=method, pectoral=True)  # type: ignore[arg-type]
    mirrored = segment_breast(np.ascontiguousarray(image[:, ::-1]), method=method, pectoral=True)  # type: ignore[arg-type]
    assert np.array_equal(straight.mask[:, ::-1], mirrored.mask)
    assert straight.score == mirrored.score
    assert straight.chest_side != mirrored.chest_side
    if straight.line is not None and mirrored.line is not None:
        assert mirrored.line[0] == pytest.approx(shape[1] - straight.line[0], abs=0.11)
        assert mirrored.line[2] == shape[1] - straight.line[2]


@METHODS
@pytest.mark.parametrize(("gain", "offset"), [(16.0, 37.0), (0.25, 0.0), (1.0, 500.0)])
def test_gain_and_offset_change_nothing(method: str, gain: float, offset: float) -> None:
    for view in _views()[:4]:
        plain = segment_breast(view.pixels, method=method)  # type: ignore[arg-type]
        other = segment_breast((view.pixels * gain + offset).astype(np.float32), method=method)  # type: ignore[arg-type]
        assert _dice(plain.mask, other.mask) >= 0.98


def test_size_and_bars_and_tags_change_little() -> None:
    view = _views()[0]
    plain = segment_breast(view.pixels).mask
    twice = segment_breast(np.kron(view.pixels, np.ones((2, 2), view.pixels.dtype))).mask
    assert _dice(np.kron(plain, np.ones((2, 2), bool)), twice) >= 0.98
    framed = view.pixels.copy()
    framed[:12] = framed[-12:] = 4095  # a film's bright frame
    framed[:, -12:] = 4095
    assert _dice(plain, segment_breast(framed).mask) >= 0.98
    barred = np.pad(view.pixels, ((0, 0), (0, 40)), constant_values=200)
    assert _dice(np.pad(plain, ((0, 0), (0, 40))), segment_breast(barred).mask) >= 0.98


def test_working_size_costs_a_thousandth_at_most() -> None:
    view = make_exam(0, seed=2, size=(2048, 1664))[2]
    small, full = (segment_breast(view.pixels, working_side=side).mask for side in (960, 2048))
    assert _dice(small, full) >= 0.998  # the edge of a small image weighs more: 0.999 at 4096 x 3328


@pytest.mark.parametrize("image", [np.zeros((50, 40)), np.full((64, 64), 7, np.uint16), np.eye(60)])
def test_no_breast_keeps_the_whole_image(image: Array) -> None:
    found = segment_breast(image, pectoral=True)
    assert found.mask.all()
    assert found.flags == ("no_breast_found",)
    assert found.box_xyxy == (0, 0, image.shape[1], image.shape[0])


@pytest.mark.parametrize("image", [np.zeros(5), np.zeros((0, 4)), np.full((8, 8), np.nan), np.zeros((2, 3, 3))])
def test_what_is_no_image_is_refused(image: Array) -> None:
    with pytest.raises(ValueError, match=r"shape \(H, W\)|NaN"):
        segment_breast(image)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 2), (33, 47)])
def test_odd_sizes(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 4096, shape).astype(np.uint16)
    for method in ("line", "libra"):
        found = segment_breast(image, method=method, pectoral=True)  # type: ignore[arg-type]
        assert found.mask.shape == shape
        assert found.mask.any()


def test_report_is_plain() -> None:
    report = segment_breast(_views()[2].pixels, pectoral=True).report()
    assert set(report) == {"box_xyxy", "chest_side", "threshold", "method", "line", "score", "flags"}


def test_thresholds_of_known_histograms() -> None:
    rng = np.random.default_rng(0)
    image = np.concatenate([rng.normal(20, 4, 6000).clip(0), rng.normal(700, 60, 4000)]).reshape(100, 100)
    assert 30 < libra_threshold(image) < 120
    assert 25 < otsu_log_threshold(image) < 500
    assert otsu_log_threshold(np.full((4, 4), 3.0)) == libra_threshold(np.full((4, 4), 3.0)) == 3.0


def test_side_is_read_off_thick_parts_only() -> None:
    image = np.zeros((400, 300), np.uint16)
    image[80:320, :150] = 1000
    image[:, -8:] = 60000  # a white strip is no breast
    assert find_chest_side(image) == "left"


@pytest.mark.parametrize("size", [(640, 520), (1930, 1607)])
def test_batches_of_tensors(size: tuple[int, int]) -> None:
    views = make_exam(3, seed=7, size=size)
    batch = torch.from_numpy(np.stack([view.pixels.astype(np.float32) for view in views]))
    masks, found = segment_breasts(batch)
    assert masks.shape == batch.shape
    assert len(found) == 4
    for mask, view in zip(masks.numpy(), views, strict=True):
        assert _dice(mask, segment_breast(view.pixels).mask) >= 0.998
    with pytest.raises(ValueError, match=r"\(B, H, W\)"):
        segment_breasts(batch[0])


@pytest.mark.gpu
def test_gpu_agrees_with_cpu() -> None:
    pixels = make_exam(3, seed=7, size=(1930, 1607))[0].pixels.astype(np.float32)
    batch = torch.from_numpy(pixels)[None]
    masks, _ = segment_breasts(batch.cuda())
    assert masks.is_cuda
    assert _dice(masks[0].cpu().numpy(), segment_breasts(batch)[0][0].numpy()) >= 0.999
