# SPDX-License-Identifier: Apache-2.0
"""Random work on whole batches, on the device that holds them, with chance that depends on no one's state."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.transforms.compose import Compose
from monai.utils.misc import ensure_tuple
from torch import Tensor

from ..rows import image_and_label, plain_tensor

Sample = Mapping[Hashable, Any]
Pair = tuple[Tensor, Tensor]


def sample_name(data: Sample, image_key: Hashable) -> str:
    """What a sample's chance depends on: its ``id``, else the file of its image."""
    return str(data.get("id") or getattr(data[image_key], "meta", {}).get("filename_or_obj", ""))


def sample_generator(
    name: str, *, seed: int = 0, epoch: int = 0, iteration: int = 0, repeat: int = 0
) -> np.random.Generator:
    """The generator of one sample's draw."""
    return np.random.default_rng([seed % 2**32, epoch, iteration, zlib.crc32(name.encode()), repeat])


class BatchSampler(ABC):
    """Turn a batch of samples into a batch for the network, by itself or as a handler of a MONAI trainer."""

    def __init__(
        self,
        keys: KeysCollection,
        *,
        seed: int,
        augmentation: Callable[..., Any] | Sequence[Callable[..., Any]],
        sampling_device: str | torch.device | None,
    ) -> None:
        self.image_key, self.label_key = image_and_label(ensure_tuple(keys))
        self.seed = int(seed)
        steps = ensure_tuple(augmentation)
        self.augmentation = Compose(steps) if steps else None
        self.sampling_device = sampling_device

    @abstractmethod
    def sample(self, data: Sample, rng: np.random.Generator) -> list[Pair]:
        """Images (C, w, h) and labels (1, w, h) from one sample."""

    def attach(self, engine: Any) -> None:
        """Replace every batch of an ignite engine before it is used: list this object among the train handlers."""
        engine.add_event_handler("ITERATION_STARTED", self._replace_batch)

    def _replace_batch(self, engine: Any) -> None:
        state = engine.state
        state.batch = self(state.batch, epoch=state.epoch, iteration=state.iteration, device=state.device)

    def __call__(
        self,
        batch: Sample | Sequence[Sample],
        *,
        epoch: int = 0,
        iteration: int = 0,
        device: str | torch.device | None = None,
    ) -> dict[Hashable, Tensor]:
        """Sample a batch."""
        pairs: list[Pair] = []
        seen: dict[str, int] = {}
        for data in _samples(batch, (self.image_key, self.label_key)):
            name = sample_name(data, self.image_key)
            seen[name] = seen.get(name, -1) + 1
            rng = sample_generator(name, seed=self.seed, epoch=epoch, iteration=iteration, repeat=seen[name])
            there = self.sampling_device or device
            moved = {key: _on(value, there) for key, value in data.items()}
            pairs += [self._augmented(pair, rng) for pair in self.sample(moved, rng)]
        if not pairs:
            raise ValueError(f"no patch fits into any of the {sum(seen.values()) + len(seen)} images of a batch")
        images, labels = (torch.stack(parts) for parts in zip(*pairs, strict=True))
        return {self.image_key: _on(images, device), self.label_key: _on(labels, device)}

    def _augmented(self, pair: Pair, rng: np.random.Generator) -> Pair:
        if self.augmentation is None:
            return pair
        self.augmentation.set_random_state(seed=int(rng.integers(2**32)))
        done: Any = self.augmentation(dict(zip((self.image_key, self.label_key), pair, strict=True)))
        return plain_tensor(done[self.image_key]), plain_tensor(done[self.label_key])


def _on(value: Any, device: str | torch.device | None) -> Any:
    """A tensor on a device; anything else as it is."""
    return value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) and device is not None else value


def _samples(batch: Sample | Sequence[Sample], keys: tuple[Hashable, Hashable]) -> Iterator[Sample]:
    """The samples of a batch."""
    if not isinstance(batch, Mapping):
        yield from batch
        return
    count = len(batch[keys[0]])
    whole = {key: value for key, value in batch.items() if hasattr(value, "__len__") and len(value) == count}
    for index in range(count):
        yield {key: value[index] for key, value in whole.items()}
