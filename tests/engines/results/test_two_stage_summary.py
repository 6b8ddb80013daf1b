# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from mammozoo.engines.results.two_stage_summary import EvaluatedImage, summarise_two_stage
from mammozoo.metrics.matching import BoxMatch
from mammozoo.report.figures import froc_figure, lesion_precision_figure
from mammozoo.report.two_stage import two_stage_report


def _match(scores: list[float], hits: list[int], truths: int = 1) -> BoxMatch:
    return BoxMatch(np.asarray(scores, float), np.asarray(hits, int), truths)


def _images() -> list[EvaluatedImage]:
    """Four images of two patients: the fusion finds every lesion, one scale finds half with two false positives."""
    images = []
    for index in range(4):
        fused = _match([0.8, 0.3], [0, -1])
        single = _match([0.9, 0.7, 0.05], [0, -1, -1] if index % 2 else [-1, -1, 0])
        images.append(
            EvaluatedImage(
                patient=f"p{index // 2}",
                lesions=1,
                matches={"iou50": {"64x128": single, "single_scale": single, "fused": fused}},
                lambdas={"iou50": {0.0: fused, 0.7: _match([0.8], [0])}},
                dice={"fused": 0.8, "single_scale": 0.5 + 0.1 * (index % 2), "one_stage": None},
                crop_dice=(0.9, 0.7),
                least_score=0.1,
            )
        )
    return images


def test_figures_follow_from_the_images() -> None:
    found = summarise_two_stage(_images(), resamples=50)
    assert (found["n_images"], found["n_patients"], found["n_lesions"]) == (4, 2, 4)
    assert found["dice"]["fused"]["mean"] == pytest.approx(0.8)
    assert found["dice"]["one_stage"]["n"] == 0
    assert found["dice"]["crops"]["n"] == 8
    difference = found["dice_differences"]["fused - single_scale"]
    assert difference["estimate"] == pytest.approx(0.25)
    assert difference["interval"] == pytest.approx([0.25, 0.25]), "both patients gain as much"
    at_quarter = found["froc_differences"]["iou50"][1]
    assert at_quarter["false_positives_per_image"] == 0.25
    assert at_quarter["estimate"] == pytest.approx(1.0), "one scale's two best boxes are both wrong in half the images"
    assert found["detection"]["iou50"]["fused"]["average_precision"]["estimate"] == 1.0
    points = {point["lambda"]: point for point in found["lambdas"]["iou50"]}
    assert (points[0.0]["sensitivity"], points[0.0]["false_positives_per_image"]) == (1.0, 1.0)
    assert (points[0.7]["sensitivity"], points[0.7]["false_positives_per_image"]) == (1.0, 0.0)
    gain = points[0.7]["minus_single_scale"]
    assert gain["estimate"] == 1.0, "without a false positive one scale finds nothing: its best box is wrong"
    assert gain["interval"] == [1.0, 1.0]
    assert points[0.0]["minus_single_scale"]["estimate"] == 0.5, "with one an image it finds every other lesion"


def test_the_row_counts_only_boxes_that_the_system_would_keep() -> None:
    row = _images()[0].row()
    assert (row["found_single_scale_iou50"], row["false_positives_single_scale_iou50"]) == (0, 2)
    assert (row["found_fused_iou50"], row["false_positives_fused_iou50"]) == (1, 1)
    assert row["crop_dice"] == pytest.approx(0.8)


def test_the_report_says_what_was_not_run() -> None:
    summary = {
        "headline_reason": "a patient stands in two parts", "resolution": "whole images", "single_scale": [64, 128],
        "fusion_threshold": 0.6, **summarise_two_stage(_images(), resamples=50),
    }  # fmt: skip
    text = two_stage_report(summary, title="Demo")
    line = next(line for line in text.splitlines() if line.startswith("| One stage"))
    assert "not run" in line
    assert "a patient stands in two parts" in text
    assert "Two stages, scales fused minus two stages, one scale: +0.250 (0.250 to 0.250)" in text
    assert "1.00@0.00" in text


def test_curves_are_staircases_of_the_cases() -> None:
    cases = {"fused": [image.matches["iou50"]["fused"] for image in _images()]}
    figure = froc_figure(cases, points=[("λ = 0.6", 0.5, 1.0)], limit=8.0)
    curve, star = figure.axes[0].get_lines()
    np.testing.assert_allclose(curve.get_xydata()[:3], [[0, 0], [0, 1], [1, 1]])
    assert star.get_marker() == "*"
    (line,) = lesion_precision_figure(cases).axes[0].get_lines()
    assert "AP 1.000" in line.get_label()
