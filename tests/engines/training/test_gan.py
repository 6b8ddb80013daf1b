# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from monai.engines import SupervisedTrainer

from mammozoo.engines.training.gan import AdversarialUpdate
from mammozoo.networks.segmentation.cgan import Pix2PixGenerator


def _trainer(update: AdversarialUpdate, network: torch.nn.Module) -> SupervisedTrainer:
    torch.manual_seed(1)
    data = [{"image": torch.rand(2, 3, 64, 64), "label": (torch.rand(2, 1, 64, 64) > 0.7).float()} for _ in range(3)]
    return SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=data,
        network=network,
        optimizer=torch.optim.Adam(network.parameters(), lr=1e-3),
        loss_function=torch.nn.BCEWithLogitsLoss(),
        iteration_update=update,  # type: ignore[arg-type]
        decollate=False,
    )


def test_one_iteration_moves_both_networks() -> None:
    torch.manual_seed(0)
    update, network = AdversarialUpdate(width=2, lr=1e-3), Pix2PixGenerator(width=2, depth=4)
    before = [[p.clone() for p in part.parameters()] for part in (update.discriminator, network)]
    trainer = _trainer(update, network)
    trainer.run()
    for old, part in zip(before, (update.discriminator, network), strict=True):
        assert any(not torch.equal(a, b) for a, b in zip(old, part.parameters(), strict=True))
        assert all(p.requires_grad for p in part.parameters())
    assert torch.isfinite(trainer.state.output["loss"])
    assert trainer.state.output["pred"].shape == (2, 1, 64, 64)


def test_the_adversary_goes_on_where_it_was() -> None:
    update, network = AdversarialUpdate(width=2), Pix2PixGenerator(width=2, depth=4)
    _trainer(update, network).run()
    other = AdversarialUpdate(width=2)
    other.load_state_dict(update.state_dict())
    for a, b in zip(update.discriminator.parameters(), other.discriminator.parameters(), strict=True):
        assert torch.equal(a, b)
    assert other.state_dict()["optimizer"]["state"].keys() == update.state_dict()["optimizer"]["state"].keys()
