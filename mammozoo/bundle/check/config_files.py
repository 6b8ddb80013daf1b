# SPDX-License-Identifier: Apache-2.0
"""Read a bundle's configuration files as plain data, and walk and merge them as MONAI does."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

_MAX_BYTES = 4 << 20
_MAX_ITEMS = 200_000  # YAML aliases can make a small file enormous


class ConfigError(ValueError):
    """A configuration file cannot be read; the message says why."""


def read_config(path: Path) -> dict[str, Any]:
    """Read one JSON or YAML file."""
    if path.stat().st_size > _MAX_BYTES:
        msg = f"is larger than {_MAX_BYTES >> 20} MiB"
        raise ConfigError(msg)
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            content = json.loads(text, object_pairs_hook=_unique)
        else:
            content = importlib.import_module("yaml").safe_load(text)
    except ImportError as error:
        msg = "is YAML, which needs PyYAML to be checked"
        raise ConfigError(msg) from error
    except RecursionError as error:
        msg = "is nested too deeply"
        raise ConfigError(msg) from error
    except ConfigError:
        raise
    except Exception as error:  # yaml has its own error classes
        msg = f"cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise ConfigError(msg) from error
    if not isinstance(content, dict):
        msg = f"holds {type(content).__name__}, expected an object"
        raise ConfigError(msg)
    for count, _ in enumerate(walk(content)):
        if count > _MAX_ITEMS:
            msg = f"has more than {_MAX_ITEMS} items"
            raise ConfigError(msg)
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        msg = f"repeats the key '{next(name for name in names if names.count(name) > 1)}'"
        raise ConfigError(msg)
    return content


def walk(config: Any) -> Iterator[tuple[str, Any]]:
    """Every item of a configuration with its id, parents first, without recursion."""
    waiting: list[tuple[str, Any]] = [("", config)]
    while waiting:
        key, value = waiting.pop()
        if key:
            yield key, value
        if isinstance(value, dict):
            children = [(str(name), item) for name, item in value.items()]
        elif isinstance(value, list):
            children = [(str(index), item) for index, item in enumerate(value)]
        else:
            continue
        waiting += [(f"{key}::{name}" if key else name, item) for name, item in reversed(children)]


def is_overlay(config: Mapping[str, Any]) -> bool:
    """Whether a file is meant to be laid over another one: it has deep or adding keys."""
    return any("#" in key or "::" in key or key.startswith("+") for key in config)


def merged(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one configuration over another: a plain key replaces, ``a::b`` sets deep, ``+a`` adds."""
    result: dict[str, Any] = deepcopy(dict(base))
    for key, value in overlay.items():
        adds, name = key.startswith("+"), key.lstrip("+").replace("#", "::")
        parent, _, last = name.rpartition("::")
        try:
            place = get_item(result, parent) if parent else result
            slot: Any = int(last) if isinstance(place, list) else last
            if adds and isinstance(value, dict):
                place[slot].update(deepcopy(value))
            elif adds:
                place[slot].extend(deepcopy(value))
            else:
                place[slot] = deepcopy(value)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            msg = f"'{key}' fits nothing in the file under it"
            raise ConfigError(msg) from error
    return result


def get_item(config: Any, name: str) -> Any:
    """The item under an id."""
    for part in name.split("::"):
        config = config[int(part)] if isinstance(config, list) else config[part]
    return config
