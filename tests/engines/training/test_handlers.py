# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedEvaluator, SupervisedTrainer

from mammozoo.engines.training.handlers import EarlyStop, EpochLog, SaveBestNetwork, SaveResumeState, save_atomically
from mammozoo.engines.training.inferers import AutocastInferer
from mammozoo.engines.training.stages import load_weights, run_stage, transfer_encoder

BATCHES = [{"image": torch.ones(2, 1), "label": torch.zeros(2, 1)}] * 2


def _stage(folder: Path, *, scores: list[float], epochs: int, patience: int = 0) -> dict[str, Any]:
    """A trainer of one linear layer whose validation metric follows a given list."""
    torch.manual_seed(0)
    network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    evaluator = SupervisedEvaluator("cpu", BATCHES, network, decollate=False)
    trainer = SupervisedTrainer(
        "cpu", epochs, BATCHES, network, optimizer, torch.nn.functional.mse_loss, decollate=False
    )

    def validate(engine: Any) -> None:
        score = scores[engine.state.epoch - 1]
        evaluator.state.metrics["val_dice"] = score
        if score > evaluator.state.best_metric:
            evaluator.state.best_metric, evaluator.state.best_metric_epoch = score, engine.state.epoch

    trainer.add_event_handler(Events.EPOCH_COMPLETED, validate)
    objects = {"network": network, "optimizer": optimizer}
    for handler in (
        EarlyStop(evaluator, patience=patience),
        EpochLog(folder / "history.csv", evaluator=evaluator, optimizer=optimizer),
        SaveBestNetwork(folder / "model.pt", evaluator=evaluator, network=network),
        SaveResumeState(folder / "checkpoint.pt", evaluator=evaluator, objects=objects),
    ):
        handler.attach(trainer)
    return {
        "trainer": trainer,
        "evaluator": evaluator,
        "objects": objects,
        "checkpoint": folder / "checkpoint.pt",
    }


def _epochs(folder: Path) -> list[int]:
    with (folder / "history.csv").open() as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def test_a_resumed_stage_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    scores = [0.1, 0.5, 0.2, 0.3]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run_stage(**_stage(whole, scores=scores, epochs=4))
    run_stage(**_stage(parts, scores=scores, epochs=2))
    resumed = _stage(parts, scores=scores, epochs=4)
    run_stage(**resumed, resume=True)
    assert _epochs(parts) == _epochs(whole) == [1, 2, 3, 4]
    assert resumed["evaluator"].state.best_metric_epoch == 2
    for file in ("model.pt", "checkpoint.pt"):
        one, two = (torch.load(folder / file, weights_only=True) for folder in (whole, parts))
        one, two = (content.get("network", content) for content in (one, two))
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_best_network_is_kept(tmp_path: Path) -> None:
    run_stage(**_stage(tmp_path, scores=[0.9], epochs=1))
    best = torch.load(tmp_path / "model.pt", weights_only=True)
    run_stage(**_stage(tmp_path, scores=[0.9, 0.1], epochs=2), resume=True)
    again = torch.load(tmp_path / "model.pt", weights_only=True)
    assert torch.equal(best["weight"], again["weight"])


def test_early_stopping_and_no_epoch_after_it(tmp_path: Path) -> None:
    scores = [0.5, 0.1, 0.1, 0.1, 0.1]
    run_stage(**_stage(tmp_path, scores=scores, epochs=5, patience=2))
    assert _epochs(tmp_path) == [1, 2, 3]
    run_stage(**_stage(tmp_path, scores=scores, epochs=5, patience=2), resume=True)
    assert _epochs(tmp_path) == [1, 2, 3]


def test_more_epochs_go_on_after_a_complete_run(tmp_path: Path) -> None:
    run_stage(**_stage(tmp_path, scores=[0.1, 0.2], epochs=2))
    run_stage(**_stage(tmp_path, scores=[0.1, 0.2, 0.3], epochs=3), resume=True)
    assert _epochs(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("call", [lambda s: run_stage(**s, resume="true"), lambda _: AutocastInferer(amp="true")])
def test_strings_are_no_booleans(tmp_path: Path, call: Any) -> None:
    with pytest.raises(TypeError, match="wanted True or False"):
        call(_stage(tmp_path, scores=[0.1], epochs=1))


def test_autocast_gives_float32_close_to_full_precision() -> None:
    network = torch.nn.Conv2d(1, 4, 3)
    image = torch.rand(2, 1, 16, 16)
    full, half = (AutocastInferer(amp=amp)(image, network) for amp in (False, True))
    assert full.dtype == half.dtype == torch.float32
    torch.testing.assert_close(full, half, atol=2e-2, rtol=2e-2)


def test_transfer_copies_the_encoder_only(tmp_path: Path) -> None:
    def network() -> torch.nn.Module:
        return torch.nn.ModuleDict({"encoder": torch.nn.Linear(1, 1), "decoder": torch.nn.Linear(1, 1)})

    first, second = network(), network()
    decoder = second["decoder"].weight.clone()
    save_atomically(first.state_dict(), tmp_path / "first.pt")
    transfer_encoder(
        second,
        source=tmp_path / "first.pt",
        prefixes=["encoder"],
        checkpoint=tmp_path / "none.pt",
        resume=False,
    )
    assert torch.equal(first["encoder"].weight, second["encoder"].weight)
    assert torch.equal(second["decoder"].weight, decoder)


def test_missing_files_say_what_to_do(tmp_path: Path) -> None:
    network = torch.nn.Linear(1, 1)
    with pytest.raises(FileNotFoundError, match="run pretraining"):
        transfer_encoder(network, source=tmp_path / "a.pt", prefixes=[""], checkpoint=tmp_path / "b.pt")
    with pytest.raises(FileNotFoundError, match=r"run training.*--weights"):
        load_weights(network, path=tmp_path / "a.pt")


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    save_atomically({"a": torch.ones(1)}, tmp_path / "x.pt")
    with pytest.raises(Exception, match="pickle|Can't"):
        save_atomically({"a": lambda: None}, tmp_path / "x.pt")
    assert torch.load(tmp_path / "x.pt", weights_only=True)["a"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.pt"]
