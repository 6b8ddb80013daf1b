# SPDX-License-Identifier: Apache-2.0
"""Multi-scale fusion against a worked example and against painting every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from skimage.measure import label, regionprops

from mammozoo.functional.boxes.fusion import ScaleDetections, fuse_detections

CANVAS = (12, 10)
NONE: ScaleDetections = ([], [])
# Hand-worked: highest confidence 0.9, five scales, so Ms is the sum over 4.5.
WORKED: list[ScaleDetections] = [
    ([[2, 2, 6, 6]], [0.9]),
    ([[3, 2, 7, 6]], [0.8]),
    ([[2, 3, 6, 7], [8, 7, 11, 9]], [0.7, 0.6]),
    ([[3, 3, 7, 7]], [0.6]),
    NONE,
]


def _painted(
    detections: Sequence[ScaleDetections], *, canvas: tuple[int, int], threshold: float, within_scale: str = "sum",
    connectivity: int = 8,
) -> list[tuple[tuple[int, ...], int, float]]:  # fmt: skip
    """Fuse as the equation reads: pixel by pixel, with scikit-image's regions."""
    masks, highest = np.zeros((canvas[1], canvas[0])), 0.0
    for boxes, scores in detections:
        one = np.zeros_like(masks)
        for box, score in zip(np.asarray(boxes, float).reshape(-1, 4), np.asarray(scores, float), strict=True):
            x1, y1, x2, y2 = np.maximum(np.floor(box + 0.5), 0).astype(int)
            window = one[y1:y2, x1:x2]
            highest = max(highest, score if window.size else 0.0)
            window[:] = window + score if within_scale == "sum" else np.maximum(window, score)
        masks += one
    ms = masks / (len(detections) * highest) if highest else masks
    kept = (ms > 0) & (ms >= threshold - 1e-6)
    found = []
    for region in regionprops(label(kept, connectivity=2 if connectivity == 8 else 1), intensity_image=ms):
        y1, x1, y2, x2 = region.bbox
        found.append(((x1, y1, x2, y2), int(region.area), float(region.intensity_max)))
    return sorted(found, key=lambda item: (-round(item[2], 9), item[0][1], item[0][0]))


@pytest.mark.parametrize(
    ("threshold", "boxes", "areas", "ms"),
    [
        (0.0, [[2, 2, 7, 7], [8, 7, 11, 9]], [25, 6], [0.666667, 0.133333]),
        (0.3, [[2, 2, 7, 6]], [18], [0.666667]),
        (0.4, [[3, 3, 6, 6]], [9], [0.666667]),
        (0.5, [[3, 3, 6, 6]], [9], [0.666667]),
        (0.6, [[3, 3, 6, 6]], [9], [0.666667]),
        (0.7, [], [], []),
    ],
)
def test_worked_example(threshold: float, boxes: list[list[int]], areas: list[int], ms: list[float]) -> None:
    fused = fuse_detections(WORKED, canvas=CANVAS, threshold=threshold, fused_score="ms")
    assert fused.boxes.tolist() == boxes
    assert fused.areas.tolist() == areas
    assert fused.scores == pytest.approx(ms, abs=1e-6)
    assert (fused.boxes.dtype, fused.boxes.shape) == (np.int64, (len(boxes), 4))


def test_scores_compare_across_images_unless_they_are_ms() -> None:
    assert fuse_detections(WORKED, canvas=CANVAS).scores == pytest.approx([0.6], abs=1e-9)
    faint = [(boxes, [0.1 * score for score in np.asarray(scores)]) for boxes, scores in WORKED]
    by_confidence, by_ms = (fuse_detections(faint, canvas=CANVAS, fused_score=s) for s in ("confidence", "ms"))
    assert by_confidence.scores == pytest.approx([0.06], abs=1e-9)
    assert by_ms.scores == pytest.approx([0.666667], abs=1e-6)
    assert by_ms.boxes.tolist() == [[3, 3, 6, 6]]


def test_scales_without_boxes_are_counted() -> None:
    four = fuse_detections(WORKED[:4], canvas=CANVAS, threshold=0.7, fused_score="ms")
    assert four.boxes.tolist() == [[3, 3, 6, 6]]
    assert four.scores == pytest.approx([0.833333], abs=1e-6)
    assert len(fuse_detections([*WORKED, NONE], canvas=CANVAS).scores) == 0  # 3.0 / 5.4 is below 0.6


@pytest.mark.parametrize("score", [*(i / 100 for i in range(1, 100)), 0.1 + 0.2])
def test_three_of_five_scales_pass_whatever_their_confidence(score: float) -> None:
    scales = [([[1, 1, 4, 4]], [score])] * 3 + [NONE] * 2
    assert fuse_detections(scales, canvas=CANVAS, threshold=0.6).boxes.tolist() == [[1, 1, 4, 4]]
    assert len(fuse_detections(scales, canvas=CANVAS, threshold=0.60001).boxes) == 0


def test_the_float_trap_is_one() -> None:
    assert (0.7 + 0.7 + 0.7) / (5 * 0.7) < 0.6


@pytest.mark.parametrize(("connectivity", "regions"), [(8, [[0, 0, 2, 2]]), (4, [[0, 0, 1, 1], [1, 1, 2, 2]])])
def test_corner_contact(connectivity: int, regions: list[list[int]]) -> None:
    scales = [([[0, 0, 1, 1], [1, 1, 2, 2]], [0.5, 0.5])]
    assert fuse_detections(scales, canvas=CANVAS, connectivity=connectivity).boxes.tolist() == regions


def test_overlapping_boxes_of_one_scale() -> None:
    scales = [([[0, 0, 6, 6], [2, 2, 8, 8]], [0.8, 0.6]), NONE]
    assert fuse_detections(scales, canvas=CANVAS, threshold=0.6).boxes.tolist() == [[2, 2, 6, 6]]  # 1.4 / 1.6
    assert len(fuse_detections(scales, canvas=CANVAS, threshold=0.6, within_scale="max").boxes) == 0
    lone = fuse_detections(scales, canvas=CANVAS, threshold=0.5, within_scale="max")
    assert lone.boxes.tolist() == [[0, 0, 6, 6]]
    assert lone.scores == pytest.approx([0.4])


@pytest.mark.parametrize(
    "scales",
    [
        [NONE] * 5,
        [([[20, 20, 30, 30]], [0.9]), ([[-1e9, -1e9, -5, -5]], [0.8])],  # off the canvas
        [([[3.1, 3.1, 3.4, 3.4]], [0.9])],  # covers no whole pixel
        [([[1, 1, 4, 4]], [0.0])],
        [(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))],
    ],
)
@pytest.mark.parametrize("threshold", [0.0, 0.6])
def test_nothing_to_fuse(scales: list[ScaleDetections], threshold: float) -> None:
    fused = fuse_detections(scales, canvas=CANVAS, threshold=threshold)
    assert (fused.boxes.shape, fused.scores.shape, fused.areas.shape) == ((0, 4), (0,), (0,))


def test_a_box_off_the_canvas_is_no_reference_for_the_others() -> None:
    scales: list[ScaleDetections] = [([[1, 1, 4, 4], [50, 50, 60, 60]], [0.3, 0.9])]
    assert fuse_detections(scales, canvas=CANVAS).boxes.tolist() == [[1, 1, 4, 4]]


def test_edges_are_rounded_and_clipped() -> None:
    scales: list[ScaleDetections] = [([[-3.0, 1.5, 4.49, 99.0]], [0.3])]
    assert fuse_detections(scales, canvas=CANVAS).boxes.tolist() == [[0, 2, 4, 10]]


def test_far_boxes_stay_apart_and_are_ordered() -> None:
    boxes = [[8, 0, 10, 2], [0, 0, 2, 2], [0, 6, 2, 8], [8, 6, 10, 8]]
    fused = fuse_detections([(boxes, [0.5, 0.5, 0.75, 0.5])], canvas=CANVAS, threshold=0.0)
    assert fused.boxes.tolist() == [boxes[2], boxes[1], boxes[0], boxes[3]]
    assert fused.scores.tolist() == [0.75, 0.5, 0.5, 0.5]


def test_fusion_shrinks_to_what_scales_share() -> None:
    shifted: list[ScaleDetections] = [([[i, i, i + 6, i + 6]], [0.8]) for i in range(5)]
    assert fuse_detections(shifted, canvas=CANVAS, threshold=1.0).boxes.tolist() == [[4, 4, 6, 6]]


@pytest.mark.parametrize("seed", range(30))
def test_agrees_with_painting(seed: int) -> None:
    generator = np.random.default_rng(seed)
    canvas = (31, 47)
    scales: list[ScaleDetections] = []
    for _ in range(5):
        corners = generator.uniform(-6, 53, (generator.integers(0, 7), 2, 2))
        boxes = np.concatenate([corners.min(axis=1), corners.min(axis=1) + np.ptp(corners, axis=1) / 2], axis=1)
        scales.append((boxes, generator.uniform(0.1, 1.0, len(boxes))))
    options: dict[str, Any] = {
        "threshold": float(generator.choice([0.0, 0.15, 0.3, 0.5])),
        "within_scale": str(generator.choice(["sum", "max"])),
        "connectivity": int(generator.choice([4, 8])),
    }
    wanted = _painted(scales, canvas=canvas, **options)
    fused = fuse_detections(scales, canvas=canvas, fused_score="ms", **options)
    found = list(zip(map(tuple, fused.boxes.tolist()), fused.areas.tolist(), strict=True))
    assert found == [item[:2] for item in wanted]
    assert fused.scores == pytest.approx([item[2] for item in wanted])


@pytest.mark.parametrize(
    ("scales", "options", "message"),
    [
        ([], {}, "at least one scale"),
        ([([[0, 0, 1, 1]], [])], {}, "1 boxes need as many finite scores"),
        ([([[0, 0, 1, 1]], [-0.1])], {}, "finite scores of 0 or more"),
        ([([[0, 0, 1, 1]], [float("nan")])], {}, "finite scores"),
        ([([[0, 0, float("inf"), 1]], [0.5])], {}, "boxes must be finite"),
        ([([[4, 0, 1, 1]], [0.5])], {}, "x1 <= x2"),
        ([NONE], {"threshold": -0.1}, "threshold must be"),
        ([NONE], {"threshold": float("nan")}, "threshold must be"),
        ([NONE], {"connectivity": 6}, "connectivity 4 or 8"),
        ([NONE], {"fused_score": "mean"}, "'confidence' or 'ms'"),
        ([NONE], {"within_scale": "mean"}, "'sum' or 'max'"),
        ([NONE], {"canvas": (0, 4)}, "canvas is a positive"),
    ],
)
def test_errors_say_what_came(scales: list[ScaleDetections], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fuse_detections(scales, **{"canvas": CANVAS, **options})
