# SPDX-License-Identifier: Apache-2.0
"""Compose the bundles' JSON configurations from shared fragments, with MONAI's own merge.

``bundles/X/recipe.json`` names, for each file in ``bundles/X/configs``, the fragments of ``configs/`` that it is
made of and the differences (``set``). The result is written flat and is committed: nothing is resolved at run
time. A fragment never includes a fragment, and two fragments never set the same key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle.utils import MERGE_KEY, merge_kv

from .._typing import PathLike
from ..io.write import write_text

__all__ = ["ComposeError", "compose", "compose_bundle", "drift", "find_bundles"]


class ComposeError(ValueError):
    """A recipe or a fragment breaks a rule; the message names the file, the key and the rule."""


def compose(fragments: Mapping[str, Mapping[str, Any]], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge fragments, then the recipe's own settings.

    Parameters
    ----------
    fragments : mapping of str to mapping
        Name and content of each fragment, in order. A key ``+id`` adds the entries of a dictionary or list to
        what an earlier fragment set under ``id``; no two fragments may set the same key or entry. A deep key
        (``validate#handlers``) belongs to an overlay and is kept for MONAI to merge.
    changes : mapping
        The recipe's ``set``, in MONAI's merge grammar: ``key`` replaces, ``a::b`` sets deep, ``+id`` adds.

    Returns
    -------
    dict
        The flat configuration, keys in the order in which they were first set.

    Raises
    ------
    ComposeError
        If two fragments set the same key, or ``changes`` names a deep key whose parent does not exist.

    Examples
    --------
    >>> compose({"base": {"lr": 1e-4, "train": {}}, "data": {"+train": {"dataset": 1}}}, {"lr": 3e-4})
    {'lr': 0.0003, 'train': {'dataset': 1}}
    """
    owner: dict[str, str] = {}
    parser = ConfigParser(config={})
    overlay: dict[str, Any] = {}
    for name, content in fragments.items():
        for key, value in content.items():
            for claimed in _claims(key, value):
                if claimed in owner:
                    msg = f"fragments '{owner[claimed]}' and '{name}' both set '{claimed}'; let the recipe's set decide"
                    raise ComposeError(msg)
                owner[claimed] = name
            if key.startswith(MERGE_KEY) and key[1:] not in parser:
                msg = f"fragment '{name}' adds to '{key[1:]}', which no earlier fragment sets"
                raise ComposeError(msg)
            if _is_deep(key):
                overlay[key] = value
            else:
                merge_kv(parser, key, deepcopy(value))
    for key, value in changes.items():
        parent = key.lstrip(MERGE_KEY).replace("#", "::").rpartition("::")[0]
        if parent and parent not in parser and not overlay:
            msg = f"set '{key}': there is no '{parent}'"
            raise ComposeError(msg)
        if parent and parent not in parser:
            overlay[key] = value
        else:
            merge_kv(parser, key, deepcopy(value))
    return {**parser.get(), **deepcopy(overlay)}


def _is_deep(key: str) -> bool:
    """A deep key in a fragment makes the file an overlay: it stays as it is, for MONAI to merge at run time."""
    return "#" in key or "::" in key


def _claims(key: str, value: Any) -> Iterable[str]:
    """Keys that an entry of a fragment sets: itself, or the entries that it adds to a dictionary."""
    if not key.startswith(MERGE_KEY):
        return [key]
    return [f"{key[1:]}::{entry}" for entry in value] if isinstance(value, dict) else []


def compose_bundle(bundle: PathLike, *, fragments_dir: PathLike) -> dict[str, str]:
    """Compose every configuration of one bundle.

    Parameters
    ----------
    bundle : path
        A folder with ``recipe.json``: ``{"train.json": {"fragments": [...], "set": {...}}, ...}``.
    fragments_dir : path
        The folder of the shared fragments.

    Returns
    -------
    dict
        File name (``"train.json"``) to its text, ending in a newline.

    Raises
    ------
    ComposeError
        If a fragment is missing or a rule is broken.
    """
    bundle = Path(bundle)
    recipe = json.loads((bundle / "recipe.json").read_text(encoding="utf-8"))
    texts = {}
    for file, entry in recipe.items():
        if file.startswith("_"):
            continue
        try:
            fragments = {name: _read_fragment(Path(fragments_dir), name) for name in entry["fragments"]}
            content = compose(fragments, _with_bundle_name(entry.get("set", {}), bundle.name))
        except ComposeError as error:
            msg = f"{bundle.name}/recipe.json, {file}: {error}"
            raise ComposeError(msg) from error
        content = _with_bundle_name(content, bundle.name)
        texts[file] = json.dumps(content, indent=4, ensure_ascii=False) + "\n"
    return texts


def _read_fragment(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    if not path.is_file():
        msg = f"there is no fragment '{name}' in {folder}"
        raise ComposeError(msg)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if not key.startswith("_")}


def _with_bundle_name(value: Any, name: str) -> Any:
    """Put the bundle's folder name where a fragment says ``BUNDLE_NAME``."""
    text = json.dumps(value).replace("BUNDLE_NAME", name)
    return json.loads(text)


def find_bundles(root: PathLike) -> list[Path]:
    """List the bundle folders (those with a recipe) under ``root/bundles``, sorted by name."""
    return sorted(path.parent for path in Path(root, "bundles").glob("*/recipe.json"))


def drift(root: PathLike, *, write: bool = False) -> list[str]:
    """Compare every composed configuration with the committed one, or write it.

    Parameters
    ----------
    root : path
        The project's root, with ``bundles/`` and ``configs/``.
    write : bool
        Write what differs.

    Returns
    -------
    list of str
        The files, relative to the root, whose committed text differs from the composed one.
    """
    changed = []
    for bundle in find_bundles(root):
        for file, text in compose_bundle(bundle, fragments_dir=Path(root, "configs")).items():
            path = bundle / "configs" / file
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                changed.append(str(path.relative_to(root)))
                if write:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_text(path, text)
    return changed
