# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from scipy.spatial.distance import directed_hausdorff
from skimage.metrics import hausdorff_distance

from mammozoo.metrics.surface import compute_surface, row_hausdorff


def _worked_example() -> tuple[np.ndarray, np.ndarray]:
    prediction, truth = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
    prediction[3:6, 3:7] = True
    truth[2:5, 2:5] = True
    return prediction, truth


def _blobs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:60, :50]
    masks = []
    for _ in range(2):
        (cy, cx), (ry, rx) = rng.uniform(20, 35, 2), rng.uniform(4, 12, 2)
        masks.append(((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1)
    return masks[0], masks[1]


def test_worked_example() -> None:
    prediction, truth = _worked_example()
    assert compute_surface(prediction, truth).hausdorff == pytest.approx(2.236068, abs=1e-6)
    points = [np.argwhere(mask) for mask in (prediction, truth)]
    assert directed_hausdorff(*points)[0] == pytest.approx(2.236068, abs=1e-6)
    assert directed_hausdorff(*points[::-1])[0] == pytest.approx(1.414214, abs=1e-6)
    assert row_hausdorff(prediction, truth) == pytest.approx(1.732051, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_agreement_with_scikit_image_and_monai(seed: int) -> None:
    prediction, truth = _blobs(seed)
    ours = compute_surface(prediction, truth)
    tensors = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, truth)]
    assert ours.hausdorff == pytest.approx(hausdorff_distance(prediction, truth), abs=1e-5)
    assert ours.hausdorff == pytest.approx(compute_hausdorff_distance(*tensors).item(), abs=1e-4)
    assert ours.hd95 == pytest.approx(compute_hausdorff_distance(*tensors, percentile=95).item(), abs=1e-4)
    assert ours.assd == pytest.approx(compute_average_surface_distance(*tensors, symmetric=True).item(), abs=1e-4)


def test_identical_masks() -> None:
    mask, _ = _blobs(0)
    surface = compute_surface(mask, mask)
    assert (surface.hausdorff, surface.hd95, surface.assd, surface.nsd) == (0, 0, 0, 1)


def test_spacing_scales_each_axis() -> None:
    a, b = np.zeros((10, 10)), np.zeros((10, 10))
    a[2, 2], b[5, 6] = 1, 1
    assert compute_surface(a, b).hausdorff == pytest.approx(5)
    assert compute_surface(a, b, spacing=(2.0, 0.5)).hausdorff == pytest.approx(math.hypot(6, 2))
    assert compute_surface(a, b, spacing=(0.1, 0.1), tolerance=0.6).nsd == 1


@pytest.mark.parametrize("index", [0, 1])
def test_an_empty_mask_gives_nan(index: int) -> None:
    masks = [np.zeros((4, 4)), np.zeros((4, 4))]
    masks[index][1, 1] = 1
    surface = compute_surface(*masks)
    assert all(math.isnan(value) for value in (surface.hausdorff, surface.hd95, surface.assd, surface.nsd))


def test_a_mask_at_the_frame_has_its_outline_there() -> None:
    full, point = np.ones((5, 5)), np.zeros((5, 5))
    point[2, 2] = 1
    assert compute_surface(full, point).hausdorff == pytest.approx(math.hypot(2, 2))


@pytest.mark.parametrize("seed", range(6))
def test_row_hausdorff_of_the_box_is_that_of_the_whole_masks(seed: int) -> None:
    """Only the box around both masks is compared, and one empty row for the rest."""
    rng = np.random.default_rng(seed)
    prediction, truth = (np.zeros((30, 20)) for _ in range(2))
    prediction[4:9, 2:9] = rng.random((5, 7)) < 0.6
    truth[6 : 6 + 4 * (seed % 3), 3:8] = rng.random((4 * (seed % 3), 5)) < 0.6
    wanted = max(directed_hausdorff(prediction, truth)[0], directed_hausdorff(truth, prediction)[0])
    assert row_hausdorff(prediction, truth) == pytest.approx(wanted)
    assert row_hausdorff(truth * 0, truth * 0) == 0
