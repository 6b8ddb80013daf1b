# SPDX-License-Identifier: Apache-2.0
"""Run one training stage, from its start or from where it was stopped."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine
from monai.engines import Evaluator

from ..._typing import PathLike
from ...io.weights_record import preprocessing_fingerprint, recorded_weights, released_file, weights_fault
from ...networks.transfer import load_pretrained, transfer_weights
from .failures import fail
from .overrides import running_workflow
from .schedules import set_rates

__all__ = ["load_weights", "run_stage", "transfer_encoder"]

logger = logging.getLogger(__name__)


def run_stage(
    trainer: Engine,
    *,
    evaluator: Evaluator,
    objects: Mapping[str, Any],
    checkpoint: PathLike,
    resume: bool = False,
) -> None:
    """Run a trainer; with ``resume`` go on after the last epoch that its checkpoint holds.

    Parameters
    ----------
    trainer : monai.engines.Trainer
    evaluator : monai.engines.Evaluator
        The trainer's validation engine (its best metric is restored).
    objects : mapping
        The same named objects that `SaveResumeState` saves: network, optimizer, learning-rate schedule.
    checkpoint : path
        The resume state, for example ``models/checkpoint.pt``.
    resume : bool
        Go on from the checkpoint. Without one the stage starts at its first epoch, and the log says so:
        an interrupted two-stage run may have stopped before this stage began.

    Raises
    ------
    TypeError
        If ``resume`` is no boolean.
    """
    if not isinstance(resume, bool):
        msg = f"resume is {resume!r}; wanted True or False (on the command line: --resume True)"
        raise TypeError(msg)
    if not trainer.state.epoch_length:
        msg = "the training part holds no image: check --dataset, --dataset_dir, --split_file and --fold"
        fail(ValueError(msg))
    if resume and Path(checkpoint).is_file():
        progress = _restore(trainer, evaluator=evaluator, objects=objects, checkpoint=Path(checkpoint))
        if progress["stopped_early"] or progress["epoch"] >= trainer.state.max_epochs:
            logger.info("this stage was complete after epoch %d: nothing to resume", progress["epoch"])
            return
    elif resume:
        logger.info("no %s to resume from: this stage starts at its first epoch", Path(checkpoint).name)
    trainer.run()


def _restore(trainer: Engine, *, evaluator: Evaluator, objects: Mapping[str, Any], checkpoint: Path) -> dict[str, Any]:
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    for name, item in objects.items():
        _unwrapped(item).load_state_dict(content[name])
    for item in objects.values():
        set_rates(item)
    progress: dict[str, Any] = content["progress"]
    trainer.state.epoch = progress["epoch"]
    trainer.state.iteration = progress["epoch"] * trainer.state.epoch_length
    evaluator.state.best_metric = progress["best_metric"]
    evaluator.state.best_metric_epoch = progress["best_metric_epoch"]
    logger.info("resuming after epoch %d of %s", progress["epoch"], checkpoint.name)
    return progress


def transfer_encoder(
    network: torch.nn.Module,
    *,
    source: PathLike,
    prefixes: list[str],
    checkpoint: PathLike,
    resume: bool = False,
) -> None:
    """Copy the tensors under some prefixes (the encoder) from the first stage's best network.

    Parameters
    ----------
    network : torch.nn.Module
        The second stage's network; every tensor outside the prefixes keeps its fresh values.
    source : path
        State dict of the first stage's best network.
    prefixes : list of str
        For example ``["encoder"]``.
    checkpoint : path
        The second stage's resume state: when a run resumes from it nothing is transferred.
    resume : bool

    Raises
    ------
    FileNotFoundError
        If the first stage has left no network.
    """
    if resume and Path(checkpoint).is_file():
        return
    if not Path(source).is_file():
        msg = f"{source} is not there: run the first stage (`run pretraining`) or both stages (`run training`)"
        fail(FileNotFoundError(msg))
    state = torch.load(source, map_location="cpu", weights_only=True)
    copied = transfer_weights(_unwrapped(network), state, prefixes=prefixes)
    logger.info("transferred %d tensors of the first stage under %s", len(copied), ", ".join(prefixes))


def load_weights(network: torch.nn.Module, *, path: PathLike) -> None:
    """Load a bundle's weights into its network, or say how to get them.

    Parameters
    ----------
    network : torch.nn.Module
    path : path
        ``models/model.pt`` of a bundle, or what ``--weights`` names. Where it is not there, the ``.safetensors``
        beside it serves: that is how released weights lie in a clone, while training writes ``.pt`` files.

    Raises
    ------
    FileNotFoundError
        If the file is not there; the message names ``run training`` and ``--weights``.

    Notes
    -----
    Weights that differ from what the bundle's metadata record (another SHA-256, another preprocessing than they were
    released with) are loaded with a warning in the log; ``mammozoo check`` and ``mammozoo predict`` refuse them.
    """
    path = released_file(path)
    if not path.is_file():
        msg = f"no weights at {path}: train them (`monai.bundle run training ...`) or name others (--weights PATH)"
        fail(FileNotFoundError(msg))
    for warning in (weights_fault(path), _preprocessing_fault(path)):
        if warning is not None:
            logger.warning("%s", warning)
    load_pretrained(_unwrapped(network), path)


def _preprocessing_fault(path: PathLike) -> str | None:
    """Say whether the running workflow prepares images otherwise than the weights were released with."""
    record, workflow = recorded_weights(path), running_workflow()
    if record is None or record.preprocessing is None or workflow is None:
        return None
    now = preprocessing_fingerprint(workflow.parser.get())
    if now in (None, record.preprocessing):
        return None
    return f"{Path(path).name} was released with another preprocessing ({record.preprocessing}) than this run's ({now})"


def _unwrapped(item: Any) -> Any:
    """The network inside a distributed wrapper; anything else as it is."""
    return item.module if isinstance(item, torch.nn.parallel.DistributedDataParallel) else item
