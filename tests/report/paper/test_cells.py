# SPDX-License-Identifier: Apache-2.0
"""Every cell of a paper's table is keys of its bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mammozoo.engines.training.command import check_keys

ROOT = Path(__file__).resolve().parents[3]
TABLES = sorted((ROOT / "configs" / "tables").glob("*.json"))


def _cells(value: Any) -> Iterator[dict[str, Any]]:
    """Keys of every cell, wherever the file keeps them."""
    if isinstance(value, dict):
        for name in ("cells", "inputs"):
            yield from (value[name].values() if isinstance(value.get(name), dict) else ())
        yield from ([value["set"]] if isinstance(value.get("set"), dict) else ())
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _cells(item)


@pytest.mark.parametrize("file", TABLES, ids=lambda path: path.stem)
def test_the_bundle_has_the_keys_of_every_cell(file: Path) -> None:
    table = json.loads(file.read_text(encoding="utf-8"))
    configs = ROOT / "bundles" / table["bundle"] / "configs"
    files = [configs / name for name in ("train.json", "evaluate.json")]
    cells = list(_cells(table))
    assert len(cells) >= 2
    for keys in cells:
        check_keys(keys, files=files)
