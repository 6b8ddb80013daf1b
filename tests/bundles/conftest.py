# SPDX-License-Identifier: Apache-2.0
"""Every bundle trained once for one epoch at its smallest, on synthetic exams."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mammozoo.bundle.inference import find_bundle
from mammozoo.engines.experiments.grid import run_workflow

ABNORMAL, AUNET, MASS = (f"mammo_{name}_segmentation" for name in ("abnormal_unet", "aunet", "mass"))
CEM, TWO_STAGE = "mammo_cem_classification", "mammo_two_stage_segmentation"
_FRAMES = {"frame_size": [64, 128], "single_scale": [64, 128], "detector_width": 2}
#: Keys of a network that trains in seconds; `train.json` has them all.
TINY: dict[str, dict[str, Any]] = {
    ABNORMAL: {"width": 4, "batch_size": 4, "lr": 3e-3, "pretrain_epochs": 1},
    AUNET: {"width": 8},
    CEM: {"backbone": "resnet18", "width": 8},
    MASS: {"width": 4},
    TWO_STAGE: {
        "width": 4, "training_widths": [64], "detector_epochs": 1, "detector_batch_size": 4, **_FRAMES,
    },
}  # fmt: skip
#: Keys of an evaluation and of a prediction whose defaults are too large for a test.
SCALES: dict[str, Any] = {"scales": [[32, 64], [64, 128]]}
EVALUATION: dict[str, dict[str, Any]] = {
    CEM: {"resamples": 20},
    MASS: {"flip_average": False},
    TWO_STAGE: {"resamples": 20, **SCALES},
}
SHARED: dict[str, Any] = {"spatial_size": [64, 64], "epochs": 1, "device": "cpu"}


@pytest.fixture(autouse=True)
def _import_path() -> Iterator[None]:
    """A bundle puts itself on the path; the next test shall not find it there."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(scope="session")
def exams(phantom_dir: Path, contrast_dir: Path) -> Callable[[str], Path]:
    """The synthetic data set that fits a bundle."""
    return lambda name: contrast_dir if name == CEM else phantom_dir


@pytest.fixture(scope="session")
def tiny() -> Callable[[str], dict[str, Any]]:
    """Keys that make a bundle's training small."""
    return lambda name: {**SHARED, **TINY[name]}


@pytest.fixture(scope="session")
def run_bundle(exams: Callable[[str], Path], tiny: Callable[[str], dict[str, Any]]) -> Callable[..., Path]:
    """Run a run id of a bundle's train.json, small, on its synthetic exams; returns the run folder."""

    def _run(name: str, run_dir: Path, run_id: str = "training", **keys: Any) -> Path:
        bundle = find_bundle(name).path
        places = {"bundle_root": str(bundle), "run_dir": str(run_dir), "dataset_dir": str(exams(name))}
        run_workflow([bundle / "configs" / "train.json"], run_id, {**tiny(name), **places, **keys})
        return run_dir

    return _run


@pytest.fixture(scope="session")
def run_of(run_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run folder of a bundle, trained once for all tests."""
    return functools.cache(lambda name: run_bundle(name, tmp_path_factory.mktemp("runs") / name))


@pytest.fixture(scope="session")
def evaluation_of(run_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """What the evaluation of that run wrote, by the run's own files."""

    def _evaluate(name: str) -> Path:
        run, out = run_of(name), tmp_path_factory.mktemp("evaluations") / name
        files = [run / "configs" / file for file in ("train.json", "evaluate.json")]
        run_workflow(files, "evaluating", {"output_dir": str(out), **EVALUATION.get(name, {})})
        return out

    return functools.cache(_evaluate)
