# SPDX-License-Identifier: Apache-2.0
"""Connected components against scipy and hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mammozoo.functional.components import find_components, label_components, lesion_boxes


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((6, 9), bool)
    mask[0:2, 1:4] = True  # 6 pixels
    mask[2, 4] = True  # touches it by a corner: same component
    mask[5, 8] = True
    return mask


def test_corner_contact_is_one_component(mask: np.ndarray) -> None:
    probability = np.full(mask.shape, 0.5)
    probability[5, 8] = 0.9
    large, small = find_components(mask), find_components(mask, probability=probability)
    assert [(item.box_xyxy, item.area) for item in large] == [((1, 0, 5, 3), 7), ((8, 5, 9, 6), 1)]
    assert [item.score for item in large] == [None, None]
    assert [(item.area, item.score) for item in small] == [(1, 0.9), (7, 0.5)]


def test_score_is_of_the_component_and_not_of_its_box() -> None:
    mask = np.eye(3, dtype=bool)
    probability = np.array([[0.6, 1.0, 0], [0, 0.7, 0], [0, 0, 0.5]])
    assert find_components(mask, probability=probability)[0].score == 0.7


def test_min_area(mask: np.ndarray) -> None:
    assert [item.area for item in find_components(mask, min_area=2)] == [7]
    assert lesion_boxes(mask, min_area=2).tolist() == [[1, 0, 5, 3]]


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_scipy(seed: int) -> None:
    mask = np.random.default_rng(seed).random((40, 31)) < 0.3
    expected, count = ndimage.label(mask, structure=np.ones((3, 3)))
    boxes = {(part[1].start, part[0].start, part[1].stop, part[0].stop) for part in ndimage.find_objects(expected)}
    found = find_components(mask)
    assert len(found) == count
    assert {item.box_xyxy for item in found} == boxes
    assert sum(item.area for item in found) == mask.sum()
    assert set(map(tuple, lesion_boxes(mask).astype(int).tolist())) == boxes
    labels, statistics = label_components(mask)
    assert labels.max() == len(statistics) == count
    for item in found:
        assert (labels == item.label).sum() == item.area


@pytest.mark.parametrize("shape", [(4, 5), (0, 5)])
def test_empty(shape: tuple[int, int]) -> None:
    assert find_components(np.zeros(shape)) == ()
    assert lesion_boxes(np.zeros(shape)).shape == (0, 4)
    assert lesion_boxes(np.zeros(shape)).dtype == np.float32


def test_transposed_and_float_masks(mask: np.ndarray) -> None:
    swapped = {
        (item.box_xyxy[1], item.box_xyxy[0], item.box_xyxy[3], item.box_xyxy[2]) for item in find_components(mask.T)
    }
    assert swapped == {item.box_xyxy for item in find_components(mask * 0.25)}


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        find_components(np.zeros((1, 2, 3)))
    with pytest.raises(ValueError, match="probability"):
        find_components(np.zeros((2, 3)), probability=np.zeros((3, 2)))
