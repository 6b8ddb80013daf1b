# SPDX-License-Identifier: Apache-2.0
"""What a bundle's metadata say of its weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mammozoo.io.errors import MammogramError
from mammozoo.io.weights import file_sha256, recorded_weights, released_file, require_recorded_weights, weights_fault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for folder in ("models", "configs"):
        (tmp_path / folder).mkdir()
    file = tmp_path / "models" / "model.pt"
    file.write_bytes(b"1")
    return file


def _record(path: Path, text: str) -> None:
    (path.parents[1] / "configs" / "metadata.json").write_text(text)


@pytest.mark.parametrize("metadata", ["", "[]", "{}", '{"weights": []}', '{"weights": {"model.pt": {}}}'])
def test_without_a_record_there_is_no_fault(metadata: str, path: Path) -> None:
    _record(path, metadata)
    assert recorded_weights(path) is None
    assert weights_fault(path) is None
    require_recorded_weights(path)


def test_a_recorded_hash_is_compared(path: Path) -> None:
    _record(path, json.dumps({"weights": {"model.pt": {"sha256": file_sha256(path).upper()}}}))
    assert weights_fault(path) is None
    path.write_bytes(b"2")
    assert "it is damaged or was replaced" in str(weights_fault(path))
    with pytest.raises(MammogramError, match=rf"To run it all the same, name it: --weights {path}\. .*move this one"):
        require_recorded_weights(path)
    assert path.read_bytes() == b"2"


def test_a_safetensors_file_serves_where_it_is_alone(path: Path) -> None:
    copy = path.with_suffix(".safetensors")
    copy.write_bytes(b"3")
    assert released_file(path) == path
    path.unlink()
    assert released_file(path) == copy
    copy.unlink()
    assert released_file(path) == path
