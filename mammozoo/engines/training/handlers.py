# SPDX-License-Identifier: Apache-2.0
"""What a training leaves: progress bar, history, best network, checkpoint; and how it continues."""

from __future__ import annotations

import csv
import logging
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator
from monai.utils import set_determinism
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from ..._errors import UserError
from ..._typing import PathLike
from .run_folder import is_main_process
from .schedules import set_rates

__all__ = ["History", "ProgressBar", "RunRecorder", "plain_state", "save_atomically"]

logger = logging.getLogger(__name__)


def save_atomically(content: Any, path: PathLike) -> Path:
    """Write a PyTorch file beside its place and move it there, so that an interrupt leaves the old one whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        torch.save(content, name)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path


class RunRecorder:
    """Keep a training's results in its run folder, and continue a stopped one where its last epoch ended.

    Seeds every epoch, shows a progress bar, writes ``history.csv`` and TensorBoard's events, saves the best network and
    a checkpoint after every epoch, stops early, and stops on a loss that is not finite.

    Parameters
    ----------
    run_dir : path
        The run folder (`mammozoo.engines.start_run`).
    evaluator : monai.engines.Evaluator
        The trainer's validation engine; its key metric decides which network is the best.
    state : mapping
        Named objects with ``state_dict`` that a checkpoint holds: ``network``, ``optimizer``, ``lr_scheduler``.
    stage : str
        ``model``: the files are ``models/model.pt``, ``models/checkpoint.pt`` and ``history.csv``. Another stage
        (``pretraining``, ``detector``) has ``models/<stage>.pt``, ``models/<stage>_checkpoint.pt`` and
        ``<stage>_history.csv``.
    network : torch.nn.Module, optional
        What is saved as the best network; default: ``state["network"]``.
    keep : {"best", "last"}
        ``last`` keeps every epoch's network in turn, whatever validation says.
    patience : int
        Epochs without a better key metric after which training stops; 0 never stops.
    seed : int
        Epoch e begins with the seed ``seed + 1000 e``, so that a resumed run equals an uninterrupted one.
    resume : bool
        Continue after the last epoch of the checkpoint. Without one the stage starts at its first epoch.

    Raises
    ------
    UserError
        If the training part is empty, or the checkpoint is damaged or of other settings.
    """

    def __init__(
        self,
        run_dir: PathLike,
        *,
        evaluator: Evaluator,
        state: Mapping[str, Any],
        stage: str = "model",
        network: torch.nn.Module | None = None,
        keep: str = "best",
        patience: int = 0,
        seed: int = 0,
        resume: bool = False,
    ) -> None:
        if keep not in ("best", "last"):
            raise UserError(f"keep is {keep!r}; expected best or last")
        models = Path(run_dir) / "models"
        prefix = "" if stage == "model" else f"{stage}_"
        self.weights = models / f"{stage}.pt"
        self.checkpoint = models / f"{prefix}checkpoint.pt"
        self.history = History(
            Path(run_dir) / f"{prefix}history.csv", evaluator=evaluator, optimizer=state["optimizer"]
        )
        self.progress = ProgressBar("training" if stage == "model" else stage)
        self.evaluator = evaluator
        self.state = {name: item for name, item in state.items() if item is not None}
        self.network = state["network"] if network is None else network
        self.keep = keep
        self.patience = patience
        self.seed = seed
        self.resume = resume

    def attach(self, engine: Engine) -> None:
        """Register the handlers on a trainer, after its validation handler."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_STARTED, self._seed)
        self.progress.attach(engine)
        self.history.attach(engine)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._stop_early)
        if is_main_process():
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._save)

    def _start(self, engine: Engine) -> None:
        if not engine.state.epoch_length:
            raise UserError("the training part holds no image: check --dataset, --dataset_dir, --split_file and --fold")
        if self.resume and self.checkpoint.is_file():
            self._restore(engine)
        elif self.resume:
            logger.info("no %s to resume from: this stage starts at its first epoch", self.checkpoint.name)

    def _restore(self, engine: Engine) -> None:
        try:
            content = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            for name, item in self.state.items():
                _unwrapped(item).load_state_dict(content[name])
            progress: dict[str, Any] = content["progress"]
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            msg = f"cannot resume from {self.checkpoint}: damaged, or of other settings ({reason})"
            raise UserError(msg) from error
        for item in self.state.values():
            set_rates(item)
        engine.state.epoch = progress["epoch"]
        engine.state.iteration = progress["epoch"] * (engine.state.epoch_length or 0)
        self.evaluator.state.best_metric = progress["best_metric"]
        self.evaluator.state.best_metric_epoch = progress["best_metric_epoch"]
        if progress["stopped_early"]:
            engine.terminate()
        logger.info("resuming after epoch %d of %s", progress["epoch"], self.checkpoint.name)

    def _seed(self, engine: Engine) -> None:
        seed = self.seed + 1000 * engine.state.epoch
        set_determinism(seed=seed)
        dataset = getattr(engine.state.dataloader, "dataset", None)
        set_state = getattr(getattr(dataset, "transform", None), "set_random_state", None)
        if set_state is not None:
            set_state(seed=seed)

    def _stop_early(self, engine: Engine) -> None:
        best = self.evaluator.state.best_metric_epoch
        if self.patience and best > 0 and engine.state.epoch - best >= self.patience:
            engine.terminate()

    def _save(self, engine: Engine) -> None:
        state = self.evaluator.state
        if self.keep == "last" or state.best_metric_epoch == engine.state.epoch:
            save_atomically(plain_state(self.network), self.weights)
        progress = {
            "epoch": engine.state.epoch,
            "stopped_early": bool(engine.should_terminate),
            "best_metric": float(state.best_metric),
            "best_metric_epoch": int(state.best_metric_epoch),
        }
        content: dict[str, Any] = {name: plain_state(item) for name, item in self.state.items()}
        save_atomically({"progress": progress, **content}, self.checkpoint)


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
        if not is_main_process():
            return
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


class History:
    """Write one row per epoch (rate, loss, metrics) to a CSV file and to TensorBoard."""

    def __init__(self, path: PathLike, *, evaluator: Evaluator, optimizer: torch.optim.Optimizer) -> None:
        self.path = Path(path)
        self.evaluator = evaluator
        self.optimizer = optimizer
        self._losses: list[float] = []
        self._events: SummaryWriter | None = None
        self._rate = 0.0
        self._validated = 0

    def attach(self, engine: Engine) -> None:
        """Register the handler on a trainer, after its validation handler."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        if is_main_process():
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._write)
            engine.add_event_handler(Events.COMPLETED, self._close)

    def _begin(self, engine: Engine) -> None:
        self._losses.clear()
        self._rate = self.optimizer.param_groups[0]["lr"]
        self._validated = self.evaluator.state.epoch

    def _collect(self, engine: Engine) -> None:
        state: Any = engine.state
        loss = _loss(state.output[0] if isinstance(state.output, list) else state.output)
        if not math.isfinite(loss):
            raise UserError(
                f"the loss is {loss} in epoch {state.epoch}, iteration {state.iteration}: lower --lr or check the "
                f"images; the best network so far stays in {self.path.parent / 'models'}"
            )
        self._losses.append(loss)

    def _write(self, engine: Engine) -> None:
        row: dict[str, Any] = {"epoch": engine.state.epoch, "lr": self._rate}
        row["train_loss"] = sum(self._losses) / max(len(self._losses), 1)
        row |= {name: float(value) for name, value in engine.state.metrics.items()}
        if self.evaluator.state.epoch != self._validated or engine.state.epoch == engine.state.max_epochs:
            row |= {name: float(value) for name, value in self.evaluator.state.metrics.items()}
        rows = [old for old in self._rows() if int(old["epoch"]) < engine.state.epoch]
        names = list(dict.fromkeys(name for one in (*rows, row) for name in one))
        part = self.path.with_name(self.path.name + ".part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=names, restval="")
            writer.writeheader()
            writer.writerows([*rows, row])
        part.replace(self.path)
        if self._events is None:
            self._events = SummaryWriter(str(self.path.parent / "tensorboard" / self.path.stem))
        for name, value in row.items():
            if name != "epoch":
                self._events.add_scalar(name, value, engine.state.epoch)
        self._events.flush()

    def _close(self, engine: Engine) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None

    def _rows(self) -> list[dict[str, str]]:
        if not self.path.is_file():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def plain_state(item: Any) -> Any:
    """State dict of an object; a network's without the prefixes of wrappers, on the CPU."""
    item = getattr(item, "module", item) if isinstance(item, torch.nn.Module) else item
    item = getattr(item, "_orig_mod", item)
    state = item.state_dict()
    if isinstance(item, torch.nn.Module):
        return {name: tensor.detach().cpu() for name, tensor in state.items()}
    return state


def _unwrapped(item: Any) -> Any:
    """The network inside a distributed wrapper; anything else as it is."""
    return item.module if isinstance(item, torch.nn.parallel.DistributedDataParallel) else item


def _loss(output: Mapping[str, Any]) -> float:
    loss = output["loss"]
    return float(loss.detach() if isinstance(loss, torch.Tensor) else loss)
