# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from skimage.exposure import equalize_hist

from mammozoo.functional.equalise import equalise_histogram


def test_the_histogram_becomes_flat() -> None:
    image = np.random.default_rng(0).normal(size=(256, 256)) ** 3
    result = equalise_histogram(image)
    assert result.dtype == np.float32
    assert (result.min(), result.max()) == (0, 1)
    # skimage's has the same order; its lowest level is its share rather than 0
    oracle = equalize_hist(np.rint((image - image.min()) / np.ptp(image) * 255).astype(np.uint8), nbins=256)
    assert np.corrcoef(oracle.ravel(), result.ravel())[0, 1] > 0.9999


def test_order_is_kept_and_scale_does_not_matter() -> None:
    image = np.random.default_rng(1).uniform(size=(32, 16))
    result = equalise_histogram(image)
    order = np.argsort(image, axis=None)
    assert (np.diff(result.ravel()[order]) >= 0).all()
    np.testing.assert_allclose(equalise_histogram(1000 + 4095 * image), result, atol=2 / 255)


def test_constant_and_wrong_images() -> None:
    assert equalise_histogram(np.full((4, 4), 7.0)).sum() == 0
    for bad in (np.zeros((0, 4)), np.zeros(4), np.array([[np.nan, 1.0]])):
        with pytest.raises(ValueError, match="grey levels"):
            equalise_histogram(bad)
