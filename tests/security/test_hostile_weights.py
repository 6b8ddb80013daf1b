# SPDX-License-Identifier: Apache-2.0
"""Weights that would run code are refused by everything that opens weights, and nothing of them runs."""

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

from mammozoo.cli.main import main
from mammozoo.engines.training.stages import load_weights
from mammozoo.io.write import write_png
from mammozoo.networks.transfer import load_pretrained, read_state

BUNDLE = "mammo_abnormal_unet_segmentation"


class _Attack:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def _saved(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def _script(attack: _Attack) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model/code/__torch__.py", "def forward(self): pass")
        archive.writestr("model/data.pkl", pickle.dumps(attack))
        archive.writestr("model/constants.pkl", pickle.dumps(attack))
        archive.writestr("model/version", "3")
    return buffer.getvalue()


def _module(attack: _Attack) -> bytes:
    layer = torch.nn.Linear(1, 1)
    layer.attack = attack  # type: ignore[assignment]
    return _saved(layer)


CORPUS: dict[str, tuple[str, Callable[[_Attack], bytes]]] = {
    "object": ("model.pt", _saved),
    "hidden in a state dict": ("model.pt", lambda attack: _saved({"weight": torch.zeros(1), "extra": [attack]})),
    "old format": ("model.pt", lambda attack: _saved(attack, _use_new_zipfile_serialization=False)),
    "protocol 4": ("model.pt", lambda attack: _saved(attack, pickle_protocol=4)),
    "bare pickle": ("model.pt", pickle.dumps),
    "whole module": ("model.pt", _module),
    "torchscript": ("model.pt", _script),
    "pickle as safetensors": ("model.safetensors", pickle.dumps),
    "huge header": ("model.safetensors", lambda _: (2**62).to_bytes(8, "little") + b"{}"),
    "negative offsets": (
        "model.safetensors",
        lambda _: (59).to_bytes(8, "little") + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}       ',
    ),
    "empty": ("model.pt", lambda _: b""),
}


@pytest.fixture(params=CORPUS, ids=str)
def hostile(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """The file, and what its code would leave behind."""
    name, make = CORPUS[request.param]
    path, mark = tmp_path / name, tmp_path / "mark"
    path.write_bytes(make(_Attack(mark)))
    return path, mark


@pytest.mark.parametrize(
    "load",
    [
        read_state,
        lambda path: load_pretrained(torch.nn.Linear(1, 1), path),
        lambda path: load_weights(torch.nn.Linear(1, 1), path=path),
    ],
    ids=["read_state", "load_pretrained", "load_weights"],
)
def test_loaders_refuse(load: Callable[[Path], Any], hostile: tuple[Path, Path]) -> None:
    path, mark = hostile
    with pytest.raises(ValueError, match="cannot be read as tensors"):
        load(path)
    assert not mark.exists()


def test_commands_refuse(hostile: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, mark = hostile
    write_png(tmp_path / "film.png", np.zeros((8, 8), np.uint8))
    for command in (
        ["predict", str(tmp_path / "film.png"), "--bundle", BUNDLE, "--out", str(tmp_path / "out"), "--set", "width=4",
         "device=cpu", "--weights", str(path)],
        ["export", BUNDLE, "--weights", str(path), "--out", str(tmp_path / "model.ts"), "--set", "width=4"],
        ["weights", str(Path(__file__).resolve().parents[2] / "bundles" / BUNDLE), str(path)],
    ):  # fmt: skip
        assert main(command) == 1
        assert "it holds code, which is not run" in capsys.readouterr().err
        assert not mark.exists()
