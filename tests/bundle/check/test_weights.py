# SPDX-License-Identifier: Apache-2.0
"""Weights and arrays that could run code are found without loading them."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mammozoo.bundle.check.run_check import check_bundle
from mammozoo.bundle.check.weights import pickle_globals


class _Attack:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


def _saved(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def _pickled(content: Any) -> bytes:
    return pickle.dumps(content)


def _array(content: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, content, allow_pickle=True)
    return buffer.getvalue()


def _archive(content: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, content)
    return buffer.getvalue()


def _script(_: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model/code/__torch__.py", "def forward(self): pass")
        archive.writestr("model/data.pkl", pickle.dumps({}))
    return buffer.getvalue()


CORPUS: list[tuple[str, Callable[[Any], bytes]]] = [
    ("model.pt", _saved),
    ("model.pt", lambda content: _saved(content, pickle_protocol=4)),
    ("model.pt", lambda content: _saved(content, _use_new_zipfile_serialization=False)),
    ("model.pt", lambda content: _saved({"epoch": 1, "state": {"hidden": content}})),
    ("model.pt", _pickled),
    ("model.pt", _script),
    ("model.pt", lambda _: b""),
    ("detector.pth", _pickled),
    ("model.ts", _script),
    ("cache.pkl", _pickled),
    ("mask.npy", lambda content: _array(np.array([content], dtype=object))),
    ("masks.npz", lambda content: _archive(np.array([content], dtype=object))),
    ("model.safetensors", lambda _: b"\xff" * 20),
    ("model.safetensors", lambda _: (2).to_bytes(8, "little") + b"{}" + b"appended"),
]


@pytest.mark.parametrize(("name", "make"), CORPUS, ids=[f"{i}-{name}" for i, (name, _) in enumerate(CORPUS)])
def test_hostile_files_are_refused(name: str, make: Callable[[Any], bytes], zoo_bundle: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (zoo_bundle / "models" / name).write_bytes(make(_Attack(f"touch {mark}")))
    findings = check_bundle(zoo_bundle).findings
    reasons = [item.message for item in findings if item.rule == "weights" and "no SHA-256" not in item.message]
    assert reasons, findings
    assert not mark.exists()


def test_a_name_cannot_be_hidden_behind_harmless_strings() -> None:
    # Pushes posix and system, then two harmless strings that are dropped again before the name is formed.
    data = b"\x80\x04\x8c\x05posix\x8c\x06system\x8c\x05torch\x8c\x04Size00\x93."
    assert pickle.loads(data) is os.system
    assert pickle_globals(data) == {"?.?"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_state_dicts_pass(dtype: torch.dtype, zoo_bundle: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    state = {**network.state_dict(), "more": torch.zeros(2).to(dtype), "parameter": torch.nn.Parameter(torch.zeros(1))}
    optimizer = torch.optim.Adam(network.parameters())
    torch.save(state, zoo_bundle / "models" / "model.pt")
    torch.save({"network": state, "optimizer": optimizer.state_dict(), "epoch": 3}, zoo_bundle / "models" / "resume.pt")
    np.save(zoo_bundle / "models" / "mean.npy", np.zeros(3))
    messages = [item.message for item in check_bundle(zoo_bundle).findings]
    assert messages == ["has no SHA-256 in the metadata's weights"] * 2
