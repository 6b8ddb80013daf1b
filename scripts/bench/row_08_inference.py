# SPDX-License-Identifier: Apache-2.0
"""Row 8: inference through the CPU routes, and on a GPU, of UNet (34.5 M parameters) at 256 x 256."""

from __future__ import annotations

import statistics
import time

import torch
from common import Row, package
from torch import Tensor, nn

from mammozoo.networks.cpu_route import best_route, set_cpu_route
from mammozoo.networks.segmentation.unet import UNet

EAGER = "eager float32"


def network(route: str) -> nn.Module:
    torch.manual_seed(0)
    return set_cpu_route(UNet().eval(), route=route)


def main() -> None:
    torch.set_num_threads(1)
    row = Row(8, "Inference, UNet, 34.5 M parameters, 256 x 256")
    image, eager = torch.rand(1, 3, 256, 256), network("eager")
    routes = [best_route(), *(["openvino"] if package("openvino") else [])]
    with torch.inference_mode():
        for route in routes:
            changed = network(route)
            wanted = {EAGER: 1 / 2.2} if route == routes[-1] else {}
            row.compare(
                f"CPU route {route}, one core", lambda changed=changed: changed(image), {EAGER: lambda: eager(image)},
                wanted, clock=time.perf_counter if route == "openvino" else time.process_time,
            )  # fmt: skip
            dice = mask_dice(eager(image), changed(image))
            row.add(f"CPU route {route}, Dice with eager's mask", f"{dice:.4f}", wanted=">= 0.999", met=dice >= 0.999)
        on_gpu(row)
    row.print()


def mask_dice(one: Tensor, other: Tensor) -> float:
    """Dice of the two masks: foreground where the second logit exceeds its median difference from the first."""
    first, second = (logits[:, 1] - logits[:, 0] for logits in (one, other))
    middle = first.median()
    a, b = first > middle, second > middle
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def on_gpu(row: Row) -> None:
    for batch, least in ((64, 3600), (1, 1500)):
        case = f"GPU, bfloat16, batch {batch}{', CUDA graph' if batch == 1 else ''}"
        if not torch.cuda.is_available():
            row.not_run(case, f">= {least} images/s")
            continue
        rate = gpu_rate(batch)
        row.add(case, f"{rate:.0f} images/s", wanted=f">= {least} images/s", met=rate >= least)


def gpu_rate(batch: int) -> float:
    """Images a second, replayed from a CUDA graph."""
    model = UNet().eval().cuda().to(torch.bfloat16, memory_format=torch.channels_last)
    image = torch.rand(batch, 3, 256, 256, device="cuda", dtype=torch.bfloat16)
    image = image.contiguous(memory_format=torch.channels_last)
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        for _ in range(3):
            model(image)
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        model(image)
    taken = []
    for _ in range(9):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(10):
            graph.replay()
        torch.cuda.synchronize()
        taken.append((time.perf_counter() - start) / 10)
    return batch / statistics.median(taken)


if __name__ == "__main__":
    main()
