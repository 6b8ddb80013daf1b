# SPDX-License-Identifier: Apache-2.0
"""Handlers of the trainers: progress, history, best network, early stopping, resume state."""

from __future__ import annotations

import csv
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator
from tqdm import tqdm

from ..._typing import PathLike
from ...io.weights_record import recorded_weights, weights_fault
from .model_keys import save_model_keys

__all__ = ["EarlyStop", "EpochLog", "ProgressBar", "SaveBestNetwork", "SaveResumeState", "save_atomically"]

logger = logging.getLogger(__name__)


def save_atomically(content: Any, path: PathLike) -> Path:
    """Write a PyTorch file beside its place and move it there, so that an interrupt leaves the old one whole.

    Parameters
    ----------
    content : object
        Tensors and plain containers, so that ``torch.load(weights_only=True)`` reads it back.
    path : path

    Returns
    -------
    Path
        Where it was written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        torch.save(content, name)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path


class ProgressBar:
    """Show a bar with the time left over a whole run, with the loss of a trainer.

    Parameters
    ----------
    desc : str
        What is shown before the bar.
    total : int or None
        Number of iterations; None takes it from the engine.
    """

    def __init__(self, desc: str, *, total: int | None = None) -> None:
        self.desc = desc
        self.total = total
        self._bar: tqdm[Any] | None = None

    def attach(self, engine: Engine) -> None:
        """Register the handler."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
        engine.add_event_handler(Events.COMPLETED | Events.TERMINATE, self._close)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._fail)

    def _start(self, engine: Engine) -> None:
        state = engine.state
        total = self.total or (state.epoch_length and state.epoch_length * (state.max_epochs or 1))
        self._bar = tqdm(total=total, initial=state.iteration, desc=self.desc, dynamic_ncols=True)

    def _step(self, engine: Engine) -> None:
        if self._bar is None:
            return
        output = engine.state.output[0] if isinstance(engine.state.output, list) else engine.state.output
        if isinstance(output, Mapping) and "loss" in output:
            self._bar.set_postfix(epoch=engine.state.epoch, loss=f"{_loss(output):.4f}", refresh=False)
        self._bar.update()

    def _close(self, engine: Engine) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _fail(self, engine: Engine, error: BaseException) -> None:
        self._close(engine)
        raise error


class EpochLog:
    """Append one row an epoch (loss and metrics of training and validation, learning rate) to a CSV file.

    Parameters
    ----------
    path : path
        The CSV file; a run that starts at epoch 1 begins it anew, a resumed run appends.
    evaluator : ignite.engine.Engine
        The validation engine, whose ``state.metrics`` are read after each epoch.
    optimizer : torch.optim.Optimizer
        Its first group's learning rate is recorded.
    """

    def __init__(self, path: PathLike, *, evaluator: Evaluator, optimizer: torch.optim.Optimizer) -> None:
        self.path = Path(path)
        self.evaluator = evaluator
        self.optimizer = optimizer
        self._losses: list[float] = []

    def attach(self, engine: Engine) -> None:
        """Register the handler."""
        engine.add_event_handler(Events.EPOCH_STARTED, lambda _: self._losses.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._write)

    def _collect(self, engine: Engine) -> None:
        state: Any = engine.state
        output = state.output[0] if isinstance(state.output, list) else state.output
        self._losses.append(_loss(output))

    def _write(self, engine: Engine) -> None:
        row: dict[str, Any] = {"epoch": engine.state.epoch, "lr": self.optimizer.param_groups[0]["lr"]}
        row["train_loss"] = sum(self._losses) / max(len(self._losses), 1)
        row |= {name: float(value) for name, value in engine.state.metrics.items()}
        row |= {name: float(value) for name, value in self.evaluator.state.metrics.items()}
        anew = engine.state.epoch == 1 or not self.path.is_file()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("w" if anew else "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if anew:
                writer.writeheader()
            writer.writerow(row)


class SaveBestNetwork:
    """Save the network's plain state dict whenever validation reaches a new best key metric.

    Parameters
    ----------
    path : path
        For example ``models/model.pt``.
    evaluator : monai.engines.Evaluator
        Its ``state.best_metric_epoch`` says when the best was reached.
    network : torch.nn.Module
    keys : sequence of str
        The configuration's keys that say what the network is and what it is shown: their values go beside the weights,
        into ``models/model.json`` (`mammozoo.engines.training.model_keys`).
    """

    def __init__(
        self, path: PathLike, *, evaluator: Evaluator, network: torch.nn.Module, keys: Sequence[str] = ()
    ) -> None:
        self.path = Path(path)
        self.evaluator = evaluator
        self.network = network
        self.keys = list(keys)

    def attach(self, engine: Engine) -> None:
        """Register the handler on a trainer, after its validation handler."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._save)

    def _save(self, engine: Engine) -> None:
        if self.evaluator.state.best_metric_epoch != engine.state.epoch:
            return
        if self.path.is_file() and recorded_weights(self.path) is not None and weights_fault(self.path) is None:
            copy = self.path.with_suffix(".safetensors").name
            logger.warning("%s of the release is replaced; the released weights stay in %s", self.path.name, copy)
        save_atomically(_plain_state(self.network), self.path)
        save_model_keys(self.path, keys=self.keys)


class EarlyStop:
    """Stop training when validation has not improved for a number of epochs.

    Parameters
    ----------
    evaluator : monai.engines.Evaluator
        Its ``state.best_metric_epoch`` is compared with the trainer's epoch.
    patience : int
        Epochs without improvement after which training stops; 0 never stops.
    """

    def __init__(self, evaluator: Evaluator, *, patience: int) -> None:
        self.evaluator = evaluator
        self.patience = patience

    def attach(self, engine: Engine) -> None:
        """Register the handler on a trainer, after its validation handler."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._check)

    def _check(self, engine: Engine) -> None:
        best = self.evaluator.state.best_metric_epoch
        if self.patience and best > 0 and engine.state.epoch - best >= self.patience:
            engine.terminate()


class SaveResumeState:
    """Save after every epoch all that `mammozoo.engines.training.stages.run_stage` needs to go on.

    Parameters
    ----------
    path : path
        For example ``models/checkpoint.pt``.
    evaluator : monai.engines.Evaluator
    objects : mapping
        Named objects with ``state_dict``: network, optimizer, learning-rate schedule.
    """

    def __init__(self, path: PathLike, *, evaluator: Evaluator, objects: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.evaluator = evaluator
        self.objects = dict(objects)

    def attach(self, engine: Engine) -> None:
        """Register the handler on a trainer, as its last one."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._save)

    def _save(self, engine: Engine) -> None:
        state = self.evaluator.state
        progress = {
            "epoch": engine.state.epoch,
            "stopped_early": bool(engine.should_terminate),
            "best_metric": float(state.best_metric),
            "best_metric_epoch": int(state.best_metric_epoch),
        }
        content: dict[str, Any] = {name: _plain_state(item) for name, item in self.objects.items()}
        save_atomically({"progress": progress, **content}, self.path)


def _plain_state(item: Any) -> Any:
    """State dict of an object; a network's without the prefixes of wrappers, on the CPU."""
    item = getattr(item, "module", item) if isinstance(item, torch.nn.Module) else item
    item = getattr(item, "_orig_mod", item)
    state = item.state_dict()
    if isinstance(item, torch.nn.Module):
        return {name: tensor.detach().cpu() for name, tensor in state.items()}
    return state


def _loss(output: Mapping[str, Any]) -> float:
    loss = output["loss"]
    return float(loss.detach() if isinstance(loss, torch.Tensor) else loss)
