# SPDX-License-Identifier: Apache-2.0
"""Row 10: outline distances of one case, and the FROC bootstrap."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from common import Row
from monai.metrics import compute_hausdorff_distance

from mammozoo.metrics.detection_intervals import bootstrap_froc
from mammozoo.metrics.matching import BoxMatch
from mammozoo.metrics.surface import compute_surface

MONAI = "MONAI, HD95 alone"


def masks(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Two lesions that overlap, a sixth of the image across."""
    found, true = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    x, y, a = width // 2, height // 2, min(height, width) // 12
    cv2.ellipse(true, (x, y), (2 * a, a), 20, 0, 360, 1, -1)
    cv2.ellipse(found, (x + a // 3, y + a // 4), (2 * a, a), 35, 0, 360, 1, -1)
    return found, true


def cases(count: int) -> list[BoxMatch]:
    """Detections of `count` images: seven boxes each, a lesion in two of three."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        lesions = int(number % 3 > 0)
        matched = np.full(7, -1)
        if lesions and rng.random() < 0.8:
            matched[rng.integers(7)] = 0
        made.append(BoxMatch(np.sort(rng.random(7))[::-1], matched, lesions))
    return made


def main() -> None:
    row = Row(10, "Metrics")
    for height, width in ((256, 256), (2048, 1024)):
        found, true = masks(height, width)
        one, other = (torch.from_numpy(mask)[None, None] for mask in (found, true))
        peer = {MONAI: lambda one=one, other=other: compute_hausdorff_distance(one, other, percentile=95)}
        row.compare(
            f"HD, HD95, ASSD and NSD together, {height} x {width}",
            lambda found=found, true=true: compute_surface(found, true), peer, {MONAI: 0.3}, repeats=15,
        )  # fmt: skip
        ours, theirs = compute_surface(found, true).hd95, float(next(iter(peer.values()))())
        row.add(f"HD95, {height} x {width}", f"{ours:.5f} px", MONAI, f"{theirs:.5f} px", "equal to 1e-5",
                met=abs(ours - theirs) <= 1e-5)  # fmt: skip
    images = cases(500)
    row.limit("FROC bootstrap, 1,000 resamples of 500 images", lambda: bootstrap_froc(images, resamples=1000), 1.0)
    row.print()


if __name__ == "__main__":
    main()
