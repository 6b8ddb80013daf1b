# SPDX-License-Identifier: Apache-2.0
"""What a bundle's metadata say of its weights: their SHA-256 and the preprocessing they were trained with."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._typing import PathLike
from .errors import MammogramError

__all__ = [
    "WeightsRecord",
    "file_sha256",
    "preprocessing_fingerprint",
    "recorded_weights",
    "released_file",
    "require_recorded_weights",
    "weights_fault",
]

_REFERENCE = re.compile(r"@\w*(?:::\w*)*")


@dataclass(frozen=True)
class WeightsRecord:
    """One entry of ``weights`` in a bundle's ``metadata.json``.

    Parameters
    ----------
    file : str
        Name of the file in ``models/``.
    sha256 : str
        64 hex digits.
    preprocessing : str or None
        `preprocessing_fingerprint` of the ``inference.json`` that the weights were released with.
    threshold : float or None
        Of a classifier, found with these weights.
    keys : object
        Of the configuration, as the weights were trained with them (`mammozoo.io.model_keys`); None says nothing.
    """

    file: str
    sha256: str
    preprocessing: str | None = None
    threshold: float | None = None
    keys: Any = None


def file_sha256(path: PathLike) -> str:
    """Hash a file without holding it in memory.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
        SHA-256, 64 hex digits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     file_sha256(file.name)[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def recorded_weights(path: PathLike) -> WeightsRecord | None:
    """Find what the metadata of the bundle around a weights file say of it.

    Parameters
    ----------
    path : path
        ``BUNDLE/models/model.pt`` or another file in that folder.

    Returns
    -------
    WeightsRecord or None
        None if the file lies in no bundle, or the bundle's metadata do not list it.
    """
    path = Path(path)
    metadata = path.resolve().parent.parent / "configs" / "metadata.json"
    try:
        entry = json.loads(metadata.read_text(encoding="utf-8"))["weights"][path.name]
        return WeightsRecord(
            file=path.name,
            sha256=str(entry["sha256"]),
            preprocessing=entry.get("preprocessing"),
            threshold=None if entry.get("threshold") is None else float(entry["threshold"]),
            keys=entry.get("keys"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def released_file(path: PathLike) -> Path:
    """Find the file that serves in place of weights that are not there.

    Parameters
    ----------
    path : path
        ``models/model.pt``: what training writes.

    Returns
    -------
    pathlib.Path
        The path itself, or the ``.safetensors`` beside it if only that is there: a clone holds the released weights in
        that form alone.

    Examples
    --------
    >>> released_file("absent/model.pt").name
    'model.pt'
    """
    path = Path(path)
    copy = path.with_suffix(".safetensors")
    return copy if copy.is_file() and not path.is_file() else path


def weights_fault(path: PathLike) -> str | None:
    """Say how a weights file differs from what its bundle's metadata record.

    Parameters
    ----------
    path : path

    Returns
    -------
    str or None
        None if the hash is the recorded one, or none is recorded.
    """
    record = recorded_weights(path)
    if record is None:
        return None
    found = file_sha256(path)
    if found == record.sha256.lower():
        return None
    return (
        f"{Path(path).name} is not the file that metadata.json records: its SHA-256 begins with {found[:12]}, "
        f"recorded is {record.sha256[:12]}; it was retrained here, damaged or replaced"
    )


def require_recorded_weights(path: PathLike) -> None:
    """Stop unless a weights file is the one that its bundle's metadata record.

    Parameters
    ----------
    path : path

    Raises
    ------
    MammogramError
        If the hashes differ. A file of which nothing is recorded passes: the caller named it.
    """
    fault = weights_fault(path)
    if fault is not None:
        msg = f"{fault}; get the bundle again (in a clone: remove the file), or name these weights (--weights PATH)"
        raise MammogramError(msg)


def preprocessing_fingerprint(config: Mapping[str, Any]) -> str | None:
    """Hash how a configuration prepares an image: ``preprocessing`` and everything it refers to.

    Parameters
    ----------
    config : mapping
        An ``inference.json``, as in the file or as it runs (macros resolved, command-line keys set).

    Returns
    -------
    str or None
        16 hex digits; None if there is no ``preprocessing``.

    Notes
    -----
    Descriptions (``_desc_``) do not count. A reference that leads nowhere, or back to itself, counts by its name.

    Examples
    --------
    >>> transform = {"_target_": "Resized", "keys": "image", "spatial_size": "@size"}
    >>> small, large = ({"preprocessing": transform, "size": [size, size]} for size in (64, 128))
    >>> preprocessing_fingerprint(small) == preprocessing_fingerprint(large)
    False
    """
    if config.get("preprocessing") is None:
        return None
    content = _expanded(config["preprocessing"], config, ())
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _expanded(value: Any, config: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Replace references and macros by what they mean, recursively."""
    if isinstance(value, Mapping):
        return {str(key): _expanded(item, config, path) for key, item in value.items() if key != "_desc_"}
    if isinstance(value, list | tuple):
        return [_expanded(item, config, path) for item in value]
    if not isinstance(value, str):
        return value
    text = value.replace("#", "::")
    if text.startswith("%") or _REFERENCE.fullmatch(text):
        return _target(text[1:], config, path)
    if text.startswith("$"):
        return [text, {name: _target(name[1:], config, path) for name in _REFERENCE.findall(text)}]
    return value


def _target(name: str, config: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    if name in path:
        return f"@{name}"
    content: Any = config
    for part in name.split("::"):
        try:
            content = content[part] if isinstance(content, Mapping) else content[int(part)]
        except (KeyError, IndexError, ValueError, TypeError):
            return f"@{name}"
    return _expanded(content, config, (*path, name))
