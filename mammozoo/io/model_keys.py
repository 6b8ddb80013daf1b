# SPDX-License-Identifier: Apache-2.0
"""Read the keys of a configuration that weights were trained with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .._typing import PathLike
from .weights_record import recorded_weights, released_file, weights_fault

__all__ = ["read_model_keys"]

_OURS = ("mammozoo.networks.", "mammozoo.transforms.")


def read_model_keys(weights: PathLike) -> dict[str, Any]:
    """Read the keys beside weights.

    Parameters
    ----------
    weights : path
        ``models/model.pt`` has its keys in ``models/model.json``. Where it is not there the ``.safetensors`` of a
        release serves, whose keys stand in the bundle's metadata; those hold for no other file.

    Returns
    -------
    dict
        Empty where there are none.

    Raises
    ------
    ValueError
        If they are no JSON object, or one that could run code: an expression, or a class that is no network or
        transform of this library.

    Examples
    --------
    >>> read_model_keys("models/absent.pt")
    {}
    """
    path = released_file(weights)
    file = path.with_suffix(".json")
    if path.suffix != ".safetensors" and file.is_file():
        content = _read(file)
    else:
        record = recorded_weights(path)
        content = None if record is None or weights_fault(path) is not None else record.keys
    if content is None:
        return {}
    if not isinstance(content, dict):
        msg = f"the keys of {path.name} are no JSON object; training writes them into {file.name} beside it"
        raise ValueError(msg)
    _refuse_code(content, path.name)
    return content


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return ()  # no object either


def _refuse_code(value: Any, name: str) -> None:
    """They come with weights, perhaps from elsewhere, and become part of a configuration."""
    if isinstance(value, dict):
        target = value.get("_target_", _OURS[0])
        if not (isinstance(target, str) and target.startswith(_OURS)):
            msg = f"the keys of {name} name {target!r}; only networks and transforms of mammozoo may stand there"
            raise ValueError(msg)
        for item in value.values():
            _refuse_code(item, name)
    elif isinstance(value, list):
        for item in value:
            _refuse_code(item, name)
    elif isinstance(value, str) and value.startswith(("$", "@", "%")):
        msg = f"the keys of {name} hold the expression {value!r}; only plain values may stand there"
        raise ValueError(msg)
