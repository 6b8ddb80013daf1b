# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mammozoo.io.weights_record import file_sha256, preprocessing_fingerprint, recorded_weights, weights_fault

CONFIG: dict[str, Any] = {
    "size": [64, 64],
    "resize": {"_target_": "Resized", "spatial_size": "@size", "_desc_": "a remark"},
    "load": [{"_target_": "LoadImaged"}],
    "preprocessing": {"_target_": "Compose", "transforms": "$@load + [@resize]"},
    "lr": 1e-3,
}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"lr": 1e-4}, True),
        ({"resize": {"_target_": "Resized", "spatial_size": "@size"}}, True),
        ({"size": [32, 64]}, False),
        ({"load": []}, False),
        ({"preprocessing": {"_target_": "Compose", "transforms": "$[@resize] + @load"}}, False),
        ({"preprocessing": None}, False),
    ],
)
def test_the_fingerprint_follows_references(changes: dict[str, Any], same: bool) -> None:
    assert (preprocessing_fingerprint(CONFIG) == preprocessing_fingerprint(CONFIG | changes)) == same


def test_macros_and_circles() -> None:
    macro = CONFIG | {"preprocessing": "%other", "other": CONFIG["preprocessing"]}
    assert preprocessing_fingerprint(macro) == preprocessing_fingerprint(CONFIG)
    circle = {"preprocessing": "@a", "a": ["@b"], "b": "@a"}
    assert preprocessing_fingerprint(circle) == preprocessing_fingerprint(circle)


@pytest.mark.parametrize("metadata", ["", "[]", "{}", '{"weights": []}', '{"weights": {"model.pt": {}}}'])
def test_without_a_record_there_is_no_fault(metadata: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "configs").mkdir()
    (tmp_path / "models" / "model.pt").write_bytes(b"1")
    (tmp_path / "configs" / "metadata.json").write_text(metadata)
    assert recorded_weights(tmp_path / "models" / "model.pt") is None
    assert weights_fault(tmp_path / "models" / "model.pt") is None


def test_a_recorded_hash_is_compared(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "configs").mkdir()
    path = tmp_path / "models" / "model.pt"
    path.write_bytes(b"1")
    entry = {"sha256": file_sha256(path).upper(), "preprocessing": "x"}
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps({"weights": {"model.pt": entry}}))
    assert weights_fault(path) is None
    path.write_bytes(b"2")
    assert "retrained here, damaged or replaced" in str(weights_fault(path))
