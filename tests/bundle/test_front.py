# SPDX-License-Identifier: Apache-2.0
"""The front door: a bundle as one object, a study as one call, a training as another."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import mammozoo
from mammozoo._errors import UserError

NAME = "mammo_aunet_segmentation"
TINY: dict[str, Any] = {"width": 8, "spatial_size": [64, 64], "epochs": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def run(phantom_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One epoch, as a notebook would train it."""
    place = tmp_path_factory.mktemp("front") / "run"
    return mammozoo.train(NAME, run_dir=str(place), dataset_dir=str(phantom_dir), **TINY)


def test_training_returns_a_bundle(run: Path) -> None:
    assert run.name == "run"
    trained = mammozoo.load(run)
    assert trained.metadata["run"]["bundle"] == NAME
    assert "| `width` | `8` |" in trained.card
    with torch.inference_mode():
        assert trained.network(torch.rand(2, 3, 64, 64)).shape == (2, 2, 64, 64)


def test_a_deep_key_is_given_by_its_name(phantom_dir: Path, tmp_path: Path) -> None:
    keys: dict[str, Any] = {"run_dir": str(tmp_path / "run"), "dataset_dir": str(phantom_dir), **TINY}
    keys |= {"network_def::reduction": 4}
    run = mammozoo.train(NAME, **keys)
    config = json.loads((run / "configs" / "inference.json").read_text())
    assert config["network_def"]["reduction"] == 4


def test_a_study_is_one_call(run: Path, phantom_dir: Path, tmp_path: Path) -> None:
    files = sorted((phantom_dir / "images").glob("*.dcm"))[:2]
    bundle = mammozoo.load(run)
    result = bundle.predict(files, tmp_path / "out")
    assert [image.status for image in result.images] == ["ok", "ok"]
    assert (tmp_path / "out" / result.images[0].id / "mask.png").is_file()
    again = mammozoo.predict(str(files[0]), tmp_path / "again", bundle=run, options={"threshold": 0.9})
    assert again.threshold == 0.9
    assert again.weights_sha256 == result.weights_sha256


def test_all_images_of_a_manifest_are_scored(run: Path, phantom_dir: Path, tmp_path: Path) -> None:
    lines = (phantom_dir / "manifest.csv").read_text().splitlines()
    manifest = phantom_dir / "few.csv"
    manifest.write_text("\n".join(lines[:7]) + "\n")
    try:
        metrics = mammozoo.load(run).evaluate(manifest, tmp_path / "scored")
    finally:
        manifest.unlink()
    assert metrics == json.loads((tmp_path / "scored" / "metrics.json").read_text())
    assert 0 <= metrics["overall"]["dice"]["mean"] <= 1
    rows = (tmp_path / "scored" / "per_case.csv").read_text().splitlines()
    assert 1 < len(rows) <= 7


def test_a_file_is_read_as_a_mammogram(phantom_dir: Path) -> None:
    file = next((phantom_dir / "images").glob("*_L_CC.dcm"))
    mammogram = mammozoo.read(file)
    assert isinstance(mammogram, mammozoo.Mammogram)
    assert (mammogram.laterality, mammogram.view_position) == ("L", "CC")
    assert mammogram.pixels.shape == (256, 208)


def test_the_flagship_is_the_default() -> None:
    assert mammozoo.load().name == "mammo_mass_segmentation"
    assert "Research use only" in mammozoo.load().card


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no bundle 'mammo_anuet': .*or one of mammo_mass_segmentation, "):
        mammozoo.load("mammo_anuet")
    with pytest.raises(UserError, match="unknown key --epoch: did you mean --epochs"):
        mammozoo.train(NAME, run_dir=str(tmp_path / "run"), epoch=1)
    with pytest.raises(ValueError, match="reduction 64 leaves nothing"):
        mammozoo.train(NAME, run_dir=str(tmp_path / "run"), reduction=64, dataset="given", device="cpu")
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        mammozoo.laod  # noqa: B018
    assert set(mammozoo.__all__) <= set(dir(mammozoo))


@pytest.mark.slow
def test_the_import_takes_no_time() -> None:
    code = "import time; start = time.perf_counter(); import mammozoo; print(time.perf_counter() - start)"
    seconds = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds.append(float(done.stdout))
        time.sleep(0.1)
    assert min(seconds) < 0.2
