# SPDX-License-Identifier: Apache-2.0
"""Generator and patch discriminator: counts, receptive field, sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mammozoo.networks.segmentation.cgan import PatchDiscriminator, Pix2PixGenerator


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_counts() -> None:
    with torch.device("meta"):
        assert _count(Pix2PixGenerator()) == 54_410_433
        assert _count(PatchDiscriminator()) == 2_766_657


def test_generator_at_256_reaches_one_pixel_without_padding() -> None:
    with torch.device("meta"):
        network, features = Pix2PixGenerator(), torch.empty(1, 3, 256, 256)
        sides = []
        for down in network.encoder:
            features = down(features)
            sides.append(tuple(features.shape[1:]))
        assert sides == [
            (64, 128, 128), (128, 64, 64), (256, 32, 32), (512, 16, 16),
            (512, 8, 8), (512, 4, 4), (512, 2, 2), (512, 1, 1),
        ]  # fmt: skip
        assert network(torch.empty(1, 3, 256, 256)).shape == (1, 1, 256, 256)


@pytest.mark.parametrize("sides", [(16, 16), (16, 48), (80, 112), (144, 32), (272, 256)])
@pytest.mark.parametrize("depth", [2, 4, 8])
def test_any_multiple_of_16(sides: tuple[int, int], depth: int) -> None:
    network = Pix2PixGenerator(1, width=2, depth=depth).eval()
    with torch.no_grad():
        assert network(torch.rand(1, 1, *sides)).shape == (1, 1, *sides)


def test_wrong_sides_and_depth() -> None:
    with pytest.raises(ValueError, match="Pix2PixGenerator takes .* pad or resize to 32 x 16"):
        Pix2PixGenerator(width=2)(torch.zeros(1, 3, 17, 16))
    with pytest.raises(ValueError, match="depth of at least 2 is needed, got 1"):
        Pix2PixGenerator(width=2, depth=1)


def test_generator_normalises_neither_first_nor_deepest_level() -> None:
    network = Pix2PixGenerator(width=2)
    normalised = [any(isinstance(m, nn.BatchNorm2d) for m in down) for down in network.encoder]
    assert normalised == [False, *[True] * 6, False]
    dropped = [any(isinstance(m, nn.Dropout) for m in up) for up in network.decoder]
    assert dropped == [True, True, True, False, False, False, False]


def test_generator_trains_on_one_image_of_256() -> None:
    torch.manual_seed(0)
    network = Pix2PixGenerator(width=2)
    network(torch.rand(1, 3, 256, 16)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_one_judgement_depends_on_70_by_70_pixels() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(1, width=2).eval()
    image = torch.rand(1, 1, 256, 256, requires_grad=True)
    scores = network(image, torch.zeros(1, 1, 256, 256))
    assert scores.shape == (1, 1, 30, 30)
    scores[0, 0, 15, 15].backward()
    assert image.grad is not None
    seen = image.grad[0, 0] != 0
    assert (int(seen.any(1).sum()), int(seen.any(0).sum())) == (70, 70)


@pytest.mark.parametrize(("side", "patches"), [(24, 1), (32, 2), (128, 14), (256, 30)])
def test_number_of_patches(side: int, patches: int) -> None:
    network = PatchDiscriminator(width=2).eval()
    assert network(torch.rand(1, 3, side, 32), torch.rand(1, 1, side, 32)).shape == (1, 1, patches, 2)


def test_discriminator_takes_a_label_of_integers_and_passes_gradients_to_the_mask() -> None:
    torch.manual_seed(0)
    network, image = PatchDiscriminator(width=2).eval(), torch.rand(2, 3, 32, 32)
    label = (torch.rand(2, 1, 32, 32) > 0.5).to(torch.uint8)
    assert torch.equal(network(image, label), network(image, label.float()))
    mask = torch.rand(2, 1, 32, 32, requires_grad=True)
    network(image, mask).sum().backward()
    assert mask.grad is not None
    assert mask.grad.abs().sum() > 0


@pytest.mark.parametrize(("image", "mask"), [((32, 32), (32, 16)), ((16, 32), (16, 32))])
def test_discriminator_names_wrong_sides(image: tuple[int, int], mask: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="same sides, at least 24, got"):
        PatchDiscriminator(width=2)(torch.zeros(1, 3, *image), torch.zeros(1, 1, *mask))
