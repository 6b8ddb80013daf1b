# SPDX-License-Identifier: Apache-2.0
"""Row 7: an epoch over cached samples, and a training step against a plain PyTorch loop."""

from __future__ import annotations

import time
from itertools import repeat

import torch
from common import Row, interleaved
from monai.data import CacheDataset, DataLoader, set_track_meta
from monai.engines import SupervisedTrainer
from monai.losses import DiceLoss
from torch import Tensor, nn

from mammozoo.engines.training.inferers import AutocastInferer
from mammozoo.networks.segmentation.unet import UNet

SAMPLES, STEPS = 256, 6
PLAIN = "plain PyTorch loop"


def epoch_rate(row: Row) -> None:
    """Samples a second through cache and loader, before augmentation."""
    items = [{"image": torch.rand(1, 256, 256), "label": torch.zeros(1, 256, 256)} for _ in range(SAMPLES)]
    dataset = CacheDataset(items, transform=None, progress=False)
    loader = DataLoader(dataset, batch_size=16, num_workers=0, shuffle=True)
    read = {"": lambda: sum(len(batch["image"]) for batch in loader)}
    seconds = interleaved(read, repeats=5, clock=time.process_time)
    rate = SAMPLES / seconds[""]
    row.add("cached epoch, 256 x 256", f"{rate:.0f} samples/s", wanted=">= 5000", met=rate >= 5000)


def main() -> None:
    torch.set_num_threads(1)
    set_track_meta(False)
    row = Row(7, "Training")
    epoch_rate(row)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    networks = [UNet(1, 1, width=16).to(device) for _ in range(2)]
    optimizers = [torch.optim.Adam(network.parameters(), 1e-4) for network in networks]
    loss = DiceLoss(sigmoid=True)
    batch = {"image": torch.rand(4, 1, 128, 128), "label": (torch.rand(4, 1, 128, 128) > 0.9).float()}
    trainer = SupervisedTrainer(
        device=device, max_epochs=1, train_data_loader=list(repeat(batch, STEPS)), network=networks[0],
        optimizer=optimizers[0], loss_function=loss, inferer=AutocastInferer(),
    )  # fmt: skip

    def ours() -> None:
        trainer.state.epoch = trainer.state.iteration = 0
        trainer.state.max_epochs = 1
        trainer.run()

    def plain() -> None:
        network, optimizer = networks[1], optimizers[1]
        network.train()
        for _ in range(STEPS):
            image, label = batch["image"].to(device), batch["label"].to(device)
            step(network, optimizer, image, label, loss)

    clock = time.perf_counter if device.type == "cuda" else time.process_time
    case = f"{STEPS} steps of UNet, width 16, 4 x 128 x 128, {device.type}"
    row.compare(case, ours, {PLAIN: plain}, {PLAIN: 1 / 0.95}, repeats=7, clock=clock)
    row.print()


def step(network: nn.Module, optimizer: torch.optim.Optimizer, image: Tensor, label: Tensor, loss: nn.Module) -> None:
    optimizer.zero_grad(set_to_none=True)
    image = image.contiguous(memory_format=torch.channels_last)
    found = loss(network(image), label)
    found.backward()
    optimizer.step()
    found.item()  # MONAI's handlers read it too


if __name__ == "__main__":
    main()
