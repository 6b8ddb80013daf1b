# SPDX-License-Identifier: Apache-2.0
"""Weights that ship: equal copies, recorded hashes, refusal of anything else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from mammozoo.bundle.check import check_bundle
from mammozoo.bundle.weights import export_safetensors, record_weights, same_tensors
from mammozoo.io.errors import MammogramError
from mammozoo.io.weights_record import require_recorded_weights

pytest.importorskip("safetensors")


def _state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 3, generator=generator)
    return {"b.weight": weight, "a.tied": weight, "a.slice": weight.T[1:], "n": torch.tensor(3), "x": torch.zeros(0)}


def test_the_copy_is_equal_and_always_the_same(tmp_path: Path) -> None:
    torch.save(_state() | {"nan": torch.tensor(float("nan"))}, tmp_path / "model.pt")
    copy = export_safetensors(tmp_path / "model.pt")
    first = copy.read_bytes()
    assert same_tensors(tmp_path / "model.pt", copy)
    assert export_safetensors(tmp_path / "model.pt").read_bytes() == first
    torch.save(_state() | {"nan": torch.tensor(1.0)}, tmp_path / "other.pt")
    assert not same_tensors(tmp_path / "other.pt", copy)


def test_recorded_weights_pass_and_tampered_ones_do_not(zoo_bundle: Path) -> None:
    weights = zoo_bundle / "models" / "model.pt"
    torch.save(_state(), weights)
    record_weights(zoo_bundle)
    metadata = json.loads((zoo_bundle / "configs" / "metadata.json").read_text())
    assert list(metadata["weights"]) == ["model.pt", "model.safetensors"]
    assert check_bundle(zoo_bundle).clean, check_bundle(zoo_bundle).text()
    require_recorded_weights(weights)
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    assert "has another SHA-256" in check_bundle(zoo_bundle).text()
    with pytest.raises(MammogramError, match="is not the file that metadata.json records"):
        require_recorded_weights(weights)


def test_other_preprocessing_is_reported(zoo_bundle: Path) -> None:
    torch.save(_state(), zoo_bundle / "models" / "model.pt")
    record_weights(zoo_bundle)
    file = zoo_bundle / "configs" / "inference.json"
    config = json.loads(file.read_text())
    config["preprocessing"]["transforms"].append({"_target_": "ScaleIntensityd", "keys": "image"})
    file.write_text(json.dumps(config))
    assert "were released with preprocessing" in check_bundle(zoo_bundle).text()


def test_a_file_of_which_nothing_is_recorded_passes(tmp_path: Path, zoo_bundle: Path) -> None:
    torch.save(_state(), tmp_path / "mine.pt")
    require_recorded_weights(tmp_path / "mine.pt")
    shutil.copy(tmp_path / "mine.pt", zoo_bundle / "models" / "mine.pt")
    require_recorded_weights(zoo_bundle / "models" / "mine.pt")
