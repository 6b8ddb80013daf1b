# SPDX-License-Identifier: Apache-2.0
"""Configuration files as people read them: items by id, and a layout that keeps short things on one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._typing import PathLike
from .write import write_text

_WIDTH = 160


def read_json(path: PathLike) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_config(path: PathLike, config: Mapping[str, Any]) -> Path:
    """Write a configuration in the layout of `config_text`, atomically."""
    return write_text(path, config_text(config))


def config_text(config: Mapping[str, Any]) -> str:
    """Lay a configuration out: one item a line, arrays and objects that fit into 160 columns on one line."""
    lines = [f"    {json.dumps(key)}: {_laid_out(value, 4, len(json.dumps(key)) + 6)}" for key, value in config.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _laid_out(value: Any, indent: int, column: int) -> str:
    """One value, on one line where it fits after `column`."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or column + len(flat) < _WIDTH:
        return flat
    pad = " " * (indent + 4)
    if isinstance(value, dict):
        items = [
            f"{pad}{json.dumps(key)}: {_laid_out(item, indent + 4, indent + 7 + len(json.dumps(key)))}"
            for key, item in value.items()
        ]
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    lines = [pad + _laid_out(item, indent + 4, indent + 5) for item in value]
    return "[\n" + ",\n".join(lines) + "\n" + " " * indent + "]"


def _parts(name: str) -> list[str]:
    return name.replace("#", "::").split("::")


def get_item(config: Any, name: str) -> Any:
    """Item under an id such as ``network_def::dropout``; KeyError where there is none."""
    for part in _parts(name):
        try:
            config = config[int(part)] if isinstance(config, list) else config[part]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise KeyError(name) from error
    return config


def has_item(config: Any, name: str) -> bool:
    """Whether there is an item under an id."""
    try:
        get_item(config, name)
    except KeyError:
        return False
    return True


def set_item(config: Any, name: str, value: Any) -> None:
    """Set the item under an id; its parent must be there."""
    *parents, last = _parts(name)
    place = get_item(config, "::".join(parents)) if parents else config
    place[int(last) if isinstance(place, list) else last] = value
