# SPDX-License-Identifier: Apache-2.0
"""Row 4: CLAHE, clip limit 2, 8 x 8 tiles, by cv2 and by torch."""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np
import torch
from common import Row, Run, package, view

from mammozoo.functional.clahe import clahe

CV2, KORNIA, SKIMAGE = "cv2.createCLAHE, 8 bit", "kornia equalize_clahe", "scikit-image equalize_adapthist"
SIZES = ((224, 224), (2048, 1024), (4096, 3328))


def picture(height: int, width: int) -> np.ndarray:
    """The synthetic mammogram, 8 bit, at another size."""
    pixels = view()
    full = (pixels * (255.0 / pixels.max())).astype(np.uint8)
    return cv2.resize(full, (width, height), interpolation=cv2.INTER_AREA)


def others(image: np.ndarray) -> dict[str, Run | None]:
    """CLAHE by the packages that people use."""
    kornia, skimage = package("kornia.enhance"), package("skimage.exposure")
    plane = torch.from_numpy(image)[None, None] / 255
    return {
        KORNIA: (lambda: kornia.equalize_clahe(plane, 2.0, (8, 8))) if kornia else None,
        SKIMAGE: (lambda: skimage.equalize_adapthist(image, clip_limit=0.01)) if skimage else None,
    }


def main() -> None:
    row = Row(4, "CLAHE, clip limit 2, 8 x 8 tiles, 8 bit")
    operator = cv2.createCLAHE(2.0, (8, 8))
    for height, width in SIZES:
        image, size = picture(height, width), f"{height} x {width}"
        tensor, expected = torch.from_numpy(image), operator.apply(image)
        differing = [np.count_nonzero(np.asarray(clahe(tensor, route=route)) != expected) for route in ("cv2", "torch")]
        row.add(f"{size}, pixels that differ from cv2", f"{differing[0]} by cv2, {differing[1]} by torch",
                wanted="0", met=not any(differing))  # fmt: skip
        bare: Run = lambda image=image: operator.apply(image)  # noqa: E731
        row.compare(f"{size}, cv2 route", lambda image=image: clahe(image), {CV2: bare}, {CV2: 1.1}, repeats=15)
        wanted = {KORNIA: 1.0} | ({} if height > 2048 else {CV2: 6.0})
        row.compare(
            f"{size}, torch route", lambda tensor=tensor: clahe(tensor, route="torch"),
            {CV2: bare, **others(image)}, wanted, repeats=5 if height > 2048 else 7,
        )  # fmt: skip
    on_gpu(row, image, lambda: operator.apply(image))
    row.print()


def on_gpu(row: Row, image: np.ndarray, bare: Run) -> None:
    """A batch of eight at full size, an image's share of it against cv2 in one thread."""
    case = "4096 x 3328, on a GPU, eight at once, each"
    if not torch.cuda.is_available():
        row.not_run(case, "<= 0.1 of cv2")
        return
    batch = torch.from_numpy(image).cuda().expand(8, -1, -1).contiguous()
    same = bool((clahe(batch[0]).cpu().numpy() == bare()).all())

    def synchronous() -> Any:
        result = clahe(batch)
        torch.cuda.synchronize()
        return result

    peer = {f"{CV2}, eight times": lambda: [bare() for _ in range(8)]}
    row.compare(case, synchronous, peer, dict.fromkeys(peer, 0.1), clock=time.perf_counter)
    row.add("4096 x 3328, on a GPU, equal to cv2", "yes" if same else "no", wanted="yes", met=same)


if __name__ == "__main__":
    main()
