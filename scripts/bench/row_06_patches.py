# SPDX-License-Identifier: Apache-2.0
"""Row 6: hybrid patch sampling where the image lies, against the same on one CPU core."""

from __future__ import annotations

import time

import numpy as np
import torch
from common import Row, duration, interleaved, view

from mammozoo.transforms import HybridPatches
from mammozoo.transforms.patches.hybrid import Patches

CASE = "16 patches of 224 x 224 from 4096 x 3328"


def main() -> None:
    torch.set_num_threads(1)
    row = Row(6, "Hybrid patch sampling")
    image = torch.from_numpy(view().astype("float32")).T[None] / 4095
    label, breast = torch.zeros_like(image), image > 0.05
    label[0, 900:1100, 1800:2050] = 1
    items = {"cpu": (image, label, breast)}
    if torch.cuda.is_available():
        items["cuda"] = (image.cuda(), label.cuda(), breast.cuda())
    shares = {"lesion": 8, "hard_negative": 3, "breast": 3, "border": 1, "background": 1}
    cut = HybridPatches(224, patches=16, shares=shares)

    def sample(device: str, seed: int = 7) -> Patches:
        mammogram, lesion, place = items[device]
        found = cut(mammogram, lesion, rng=np.random.default_rng(seed), breast=place)
        if device == "cuda":
            torch.cuda.synchronize()
        return found

    if "cuda" not in items:
        taken = interleaved({"": lambda: sample("cpu")}, repeats=5, clock=time.process_time)[""]
        row.add(f"{CASE}, one core", duration(taken))
        row.not_run(f"{CASE}, on a GPU", "<= 0.2 of one core")
        row.print()
        return
    one_core = {"one CPU core": lambda: sample("cpu")}
    row.compare(f"{CASE}, on a GPU", lambda: sample("cuda"), one_core, {"one CPU core": 0.2}, clock=time.perf_counter)
    here, there = sample("cpu"), sample("cuda")
    same = bool((here.boxes == there.boxes).all()) and torch.allclose(here.images, there.images.cpu(), atol=1e-5)
    row.add("Crops of one seed, CPU and GPU", "the same" if same else "they differ", wanted="the same", met=same)
    row.print()


if __name__ == "__main__":
    main()
