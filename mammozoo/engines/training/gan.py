# SPDX-License-Identifier: Apache-2.0
"""The training step of the conditional GAN that segments."""

from __future__ import annotations

from typing import Any

import torch
from monai.engines import SupervisedTrainer
from monai.engines.utils import IterationEvents
from torch import nn

from ...losses.gan import discriminator_loss, generator_loss
from ...networks.segmentation.cgan import PatchDiscriminator

__all__ = ["AdversarialUpdate"]


class AdversarialUpdate:
    """One iteration of a trainer: a step of the discriminator, then one of the trainer's network, the generator.

    Give it to ``SupervisedTrainer`` as ``iteration_update``; the trainer's own loss is not used.

    Parameters
    ----------
    width : int
        Channels of the discriminator's first convolution.
    in_channels : int
        Of the images.
    lr : float
        Of the discriminator's Adam.
    dice_weight : float
        As in `mammozoo.losses.gan.generator_loss`.
    device : torch.device or str

    Attributes
    ----------
    discriminator : PatchDiscriminator
    optimizer : torch.optim.Adam

    References
    ----------
    Isola et al., CVPR 2017, arXiv:1611.07004, Section 3.3: one step each, in turn; betas 0.5 and 0.999.

    Examples
    --------
    >>> sorted(AdversarialUpdate(width=2).state_dict())
    ['discriminator', 'optimizer']
    """

    def __init__(
        self,
        *,
        width: int = 64,
        in_channels: int = 3,
        lr: float = 1e-4,
        dice_weight: float = 100.0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.discriminator = PatchDiscriminator(in_channels, width=width).to(device)
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=lr, betas=(0.5, 0.999))
        self.dice_weight = dice_weight

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"discriminator": self.discriminator.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])

    def __call__(self, engine: SupervisedTrainer, batchdata: dict[str, Any]) -> dict[str, Any]:
        """Run the iteration; the output is that of MONAI's trainer, its loss the generator's.

        Raises
        ------
        RuntimeError
            In a run of several processes, whose discriminators would drift apart.
        """
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            msg = "the cGAN trains in one process: its discriminator is not shared; leave the multi-GPU overlay out"
            raise RuntimeError(msg)
        image, label = engine.prepare_batch(batchdata, engine.state.device, engine.non_blocking)
        image, label = (part.as_tensor() if hasattr(part, "as_tensor") else part for part in (image, label))
        engine.network.train()
        self.discriminator.train()
        logits = engine.inferer(image, engine.network)
        self._judge(image, label, torch.sigmoid(logits).detach())
        loss = self._deceive(engine.optimizer, image, label, logits)
        engine.state.output = {"image": image, "label": label, "pred": logits, "loss": loss}
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        output: dict[str, Any] = engine.state.output
        return output

    def _judge(self, image: torch.Tensor, label: torch.Tensor, fake: torch.Tensor) -> None:
        """Step of the discriminator."""
        self.optimizer.zero_grad(set_to_none=True)
        discriminator_loss(self.discriminator(image, label), self.discriminator(image, fake)).backward()
        self.optimizer.step()

    def _deceive(
        self, optimizer: torch.optim.Optimizer, image: torch.Tensor, label: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        """Step of the generator; the discriminator's weights gather no gradient."""
        optimizer.zero_grad(set_to_none=True)
        _require_grad(self.discriminator, wanted=False)
        scores = self.discriminator(image, torch.sigmoid(logits))
        loss = generator_loss(logits, label, scores, dice_weight=self.dice_weight)
        loss.backward()
        _require_grad(self.discriminator, wanted=True)
        optimizer.step()
        return loss


def _require_grad(network: nn.Module, *, wanted: bool) -> None:
    for parameter in network.parameters():
        parameter.requires_grad_(wanted)
