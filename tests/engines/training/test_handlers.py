# SPDX-License-Identifier: Apache-2.0
"""What an epoch leaves in the run folder, and how a stopped training goes on."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.data import CacheDataset, DataLoader
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.transforms import Compose, RandGaussianNoised

from mammozoo._errors import UserError
from mammozoo.engines import AutocastInferer, RunRecorder
from mammozoo.engines.training.handlers import plain_state, save_atomically
from mammozoo.engines.training.schedules import cosine


class _StopError(Exception):
    """What an interrupt looks like."""


class _Training:
    """A training of one convolution whose validation metric follows a given list."""

    def __init__(self, run: Path, *, epochs: int = 4, scores: tuple[float, ...] = (0.1, 0.5, 0.2, 0.3), **options: Any):
        torch.manual_seed(0)
        images = [{"image": torch.rand(1, 6, 6), "label": torch.rand(1, 6, 6)} for _ in range(6)]
        torch.manual_seed(options.get("seed", 0) + 99)  # what came before a training must not matter
        data = CacheDataset(images, Compose([RandGaussianNoised("image", prob=0.7)]), progress=False)
        loader = DataLoader(data, batch_size=2, shuffle=True)
        torch.manual_seed(1)
        self.network: Any = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.Dropout(0.2))
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=0.05)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, cosine(4))
        self.evaluator = SupervisedEvaluator(torch.device("cpu"), images[:1], self.network, decollate=False)
        self.trainer = SupervisedTrainer(
            torch.device("cpu"), epochs, loader, self.network, self.optimizer, torch.nn.functional.mse_loss,
            decollate=False,
        )  # fmt: skip

        def validate(engine: Any) -> None:
            score, state = scores[engine.state.epoch - 1], self.evaluator.state
            state.metrics["val_dice"] = score
            state.epoch = engine.state.epoch
            if score > state.best_metric:
                state.best_metric, state.best_metric_epoch = score, engine.state.epoch

        self.trainer.add_event_handler(Events.EPOCH_COMPLETED, validate)
        self.trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: self.schedule.step())
        state = {"network": self.network, "optimizer": self.optimizer, "lr_scheduler": self.schedule}
        self.recorder = RunRecorder(run, evaluator=self.evaluator, state=state, **options)
        self.recorder.attach(self.trainer)

    def run(self) -> _Training:
        self.trainer.run()
        return self


def _rows(run: Path, name: str = "history.csv") -> list[dict[str, str]]:
    with (run / name).open() as file:
        return list(csv.DictReader(file))


def _epochs(run: Path, name: str = "history.csv") -> list[int]:
    return [int(row["epoch"]) for row in _rows(run, name)]


def _tensors(content: Any) -> Iterator[torch.Tensor]:
    if isinstance(content, torch.Tensor):
        yield content
    elif isinstance(content, dict | list):
        for item in content.values() if isinstance(content, dict) else content:
            yield from _tensors(item)


def _same(first: Path, second: Path) -> bool:
    one, two = (list(_tensors(torch.load(path, weights_only=True))) for path in (first, second))
    return len(one) == len(two) > 0 and all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(at: int, tmp_path: Path) -> None:
    """Weights, optimiser, rates, best network, losses: with shuffling, random transforms and dropout."""
    _Training(tmp_path / "whole").run()
    _Training(tmp_path / "parts", epochs=at).run()
    for generator in (random.seed, torch.manual_seed):
        generator(123)  # another process begins elsewhere
    resumed = _Training(tmp_path / "parts", resume=True).run()
    assert resumed.evaluator.state.best_metric_epoch == 2
    for name in ("model.pt", "checkpoint.pt"):
        assert _same(*(tmp_path / run / "models" / name for run in ("whole", "parts")))
    assert _rows(tmp_path / "parts") == _rows(tmp_path / "whole")
    assert _epochs(tmp_path / "parts") == [1, 2, 3, 4]


def test_an_epoch_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    _Training(tmp_path / "whole").run()
    broken = _Training(tmp_path / "parts")

    def stop(engine: Any) -> None:
        if engine.state.iteration == 8:  # in the third epoch of three iterations each
            raise _StopError

    broken.trainer.add_event_handler(Events.ITERATION_COMPLETED, stop)
    with pytest.raises(_StopError):
        broken.run()
    assert _epochs(tmp_path / "parts") == [1, 2]
    _Training(tmp_path / "parts", resume=True).run()
    assert _same(*(tmp_path / run / "models" / "checkpoint.pt" for run in ("whole", "parts")))
    assert _rows(tmp_path / "parts") == _rows(tmp_path / "whole")


def test_another_seed_trains_another_network(tmp_path: Path) -> None:
    """The sibling: bit for bit is no accident of equal data."""
    for seed in (0, 1):
        _Training(tmp_path / str(seed), seed=seed).run()
    assert not _same(*(tmp_path / seed / "models" / "checkpoint.pt" for seed in ("0", "1")))


def test_the_best_network_is_kept_over_worse_ones(tmp_path: Path) -> None:
    _Training(tmp_path, epochs=2).run()
    best = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    later = _Training(tmp_path, epochs=4, resume=True).run()
    again = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(best[name], again[name]) for name in best)
    assert not torch.equal(best["0.weight"], later.network[0].weight)


def test_the_last_network_is_kept_where_asked(tmp_path: Path) -> None:
    last = _Training(tmp_path, keep="last").run()
    saved = torch.load(tmp_path / "models" / "model.pt", weights_only=True)
    assert torch.equal(saved["0.weight"], last.network[0].weight)
    with pytest.raises(UserError, match="keep is 'frist'; expected best or last"):
        _Training(tmp_path, keep="frist")


def test_early_stopping_and_no_epoch_after_it(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 6, "scores": (0.5, 0.1, 0.1, 0.1, 0.9, 0.9), "patience": 2}
    _Training(tmp_path, **options).run()
    assert _epochs(tmp_path) == [1, 2, 3]
    _Training(tmp_path, **options, resume=True).run()
    assert _epochs(tmp_path) == [1, 2, 3]


def test_without_patience_nothing_stops(tmp_path: Path) -> None:
    _Training(tmp_path, epochs=5, scores=(0.5, 0.1, 0.1, 0.1, 0.1)).run()
    assert _epochs(tmp_path) == [1, 2, 3, 4, 5]


def test_another_stage_has_files_of_its_own(tmp_path: Path) -> None:
    _Training(tmp_path, epochs=1, stage="detector").run()
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"detector.pt", "detector_checkpoint.pt"}
    assert _epochs(tmp_path, "detector_history.csv") == [1]
    _Training(tmp_path, epochs=1, resume=True).run()  # the next stage has no checkpoint and begins
    assert _epochs(tmp_path) == [1]
    assert {path.name for path in (tmp_path / "tensorboard").iterdir()} == {"detector_history", "history"}


def test_the_history_has_the_rate_that_the_epoch_used(tmp_path: Path) -> None:
    _Training(tmp_path).run()
    rates = [float(row["lr"]) for row in _rows(tmp_path)]
    assert rates == pytest.approx([0.05 * factor for factor in (1.0, 0.853553, 0.5, 0.146447)], abs=1e-6)
    assert [float(row["val_dice"]) for row in _rows(tmp_path)] == [0.1, 0.5, 0.2, 0.3]
    assert all(float(row["train_loss"]) > 0 for row in _rows(tmp_path))


def test_more_epochs_have_the_rates_of_the_longer_run(tmp_path: Path) -> None:
    """A checkpoint ends with the rate of its own run, here 0."""
    _Training(tmp_path, epochs=4).run()
    longer = _Training(tmp_path, epochs=6, scores=(0.1,) * 6, resume=True)
    longer.schedule.lr_lambdas[0] = cosine(6)
    longer.run()
    assert float(_rows(tmp_path)[4]["lr"]) == pytest.approx(0.05 * 0.25)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_finite_ends_the_training(value: float, tmp_path: Path) -> None:
    training = _Training(tmp_path)

    def break_loss(engine: Any) -> None:
        if engine.state.epoch == 2:
            engine.state.output["loss"] = torch.tensor(value)

    training.trainer.add_event_handler(Events.ITERATION_COMPLETED, break_loss)
    training.trainer._event_handlers[Events.ITERATION_COMPLETED].reverse()  # before the recorder sees it
    with pytest.raises(UserError, match=r"the loss is (nan|-?inf) in epoch 2, iteration 4: lower --lr or check"):
        training.run()
    assert _epochs(tmp_path) == [1]
    assert torch.load(tmp_path / "models" / "model.pt", weights_only=True)["0.weight"].isfinite().all()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\3\4 broken", {"progress": {"epoch": 1}}, {"network": {}, "optimizer": {}, "lr_scheduler": {}}],
    ids=["empty", "damaged", "no network", "no progress"],
)
def test_a_checkpoint_that_does_not_fit_is_named(content: Any, tmp_path: Path) -> None:
    file = tmp_path / "models" / "checkpoint.pt"
    file.parent.mkdir()
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(UserError, match=r"cannot resume from .*checkpoint.pt: damaged, or of other settings \(."):
        _Training(tmp_path, resume=True).run()


def test_an_empty_training_part_is_named(tmp_path: Path) -> None:
    training = _Training(tmp_path)
    training.trainer.state.epoch_length = 0
    with pytest.raises(UserError, match="the training part holds no image: check --dataset"):
        training.recorder._start(training.trainer)


def test_a_checkpoint_holds_no_code(tmp_path: Path) -> None:
    _Training(tmp_path, epochs=1).run()
    content = torch.load(tmp_path / "models" / "checkpoint.pt", weights_only=True)
    assert set(content) == {"progress", "network", "optimizer", "lr_scheduler"}
    assert content["progress"] == {
        "epoch": 1, "stopped_early": False, "best_metric": 0.1, "best_metric_epoch": 1,
    }  # fmt: skip


def test_wrappers_leave_no_prefix_in_a_state() -> None:
    network = torch.nn.Linear(1, 1)
    wrapped = torch.nn.Module()
    wrapped.module = network  # as DistributedDataParallel holds it
    assert plain_state(wrapped).keys() == network.state_dict().keys() == plain_state(network).keys()


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    save_atomically({"a": torch.ones(1)}, tmp_path / "x.pt")
    with pytest.raises(Exception, match="pickle|Can't"):
        save_atomically({"a": lambda: None}, tmp_path / "x.pt")
    assert torch.load(tmp_path / "x.pt", weights_only=True)["a"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.pt"]


def test_autocast_gives_float32_close_to_full_precision() -> None:
    network = torch.nn.Conv2d(1, 4, 3)
    image = torch.rand(2, 1, 16, 16)
    full, half = (AutocastInferer(amp=amp)(image, network) for amp in (False, True))
    assert full.dtype == half.dtype == torch.float32
    torch.testing.assert_close(full, half, atol=2e-2, rtol=2e-2)
    with pytest.raises(TypeError, match="expected True or False"):
        AutocastInferer(amp="true")  # type: ignore[arg-type]
