# SPDX-License-Identifier: Apache-2.0
"""Panels of a case, and which cases are drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mammozoo.functional.contours import PREDICTION_COLOUR, TRUTH_COLOUR
from mammozoo.report.curves import write_figure
from mammozoo.report.panels import case_figure, evenly_spread


@pytest.fixture
def case() -> dict[str, np.ndarray]:
    image = np.tile(np.linspace(100, 3000, 60).astype(np.uint16), (100, 1))
    mask = np.zeros((100, 60), bool)
    mask[40:55, 20:30] = True
    return {"image": image, "probability": mask * 0.8, "mask": mask, "truth": np.roll(mask, 12, 1)}


def test_five_panels_in_the_papers_order(case: dict[str, np.ndarray]) -> None:
    axes = case_figure(**case, title="case").axes
    assert [panel.get_title() for panel in axes] == ["Input", "Truth", "Probability", "Mask", "Overlay"]
    shown = [panel.images[0].get_array() for panel in axes]
    np.testing.assert_array_equal(shown[1] == 255, case["truth"])
    np.testing.assert_array_equal(shown[2], case["probability"])
    np.testing.assert_array_equal(shown[3] == 255, case["mask"])
    for colour in (PREDICTION_COLOUR, TRUTH_COLOUR):
        assert (shown[4] == np.array(colour)).all(axis=2).any()
    assert [text.get_text() for text in axes[4].get_legend().get_texts()] == ["prediction", "truth"]


def test_missing_truth_is_not_empty_truth(case: dict[str, np.ndarray]) -> None:
    axes = case_figure(**{**case, "truth": None}).axes
    assert axes[1].texts[0].get_text() == "not annotated"
    assert not (axes[4].images[0].get_array() == np.array(TRUTH_COLOUR)).all(axis=2).any()


def test_sizes_must_agree(case: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="one size"):
        case_figure(**{**case, "truth": case["truth"].T})


def test_case_is_written_without_warning(tmp_path: Path, case: dict[str, np.ndarray]) -> None:
    written = cv2.imread(str(write_figure(tmp_path / "case.png", case_figure(**case), dpi=60)))
    assert written.shape[1] > 2 * written.shape[0]
    assert written.std() > 10


@pytest.mark.parametrize(
    ("items", "count", "chosen"),
    [("abcde", 3, "ace"), ("abcde", 9, "abcde"), ("ab", 1, "a"), ("", 4, ""), ("abc", 0, "")],
)
def test_cases_are_spread_over_their_order(items: str, count: int, chosen: str) -> None:
    assert evenly_spread(list(items), count) == list(chosen)
