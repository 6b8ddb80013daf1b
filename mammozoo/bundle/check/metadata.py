# SPDX-License-Identifier: Apache-2.0
"""Check a bundle's ``metadata.json``: required fields, tensors, version and changelog."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..findings import Finding

FILE = "configs/metadata.json"
# MONAI's schema of 2024-07-25: what must be there, and the type of what may be.
REQUIRED = (
    "schema", "version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version", "task",
    "description", "authors", "copyright", "network_data_format",
)  # fmt: skip
_TYPES: dict[str, type] = {
    **dict.fromkeys(REQUIRED, str),
    "required_packages_version": dict, "network_data_format": dict, "changelog": dict, "eval_metrics": dict,
    "supported_apps": dict, "references": list, "data_source": str, "data_type": str, "image_classes": str,
    "label_classes": str, "pred_classes": str, "intended_use": str, "weights": dict,
}  # fmt: skip
_TENSOR: dict[str, type | tuple[type, ...]] = {
    "type": str, "format": str, "num_channels": int, "spatial_shape": list, "dtype": str, "value_range": list,
}  # fmt: skip
_SIZE = re.compile(r"\*|[\dpn\s*+()-]+")  # "*", "16*n", "2**p*n": numbers, p, n and arithmetic
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def check_metadata(metadata: Mapping[str, Any]) -> list[Finding]:
    """Compare metadata with MONAI's schema and with the rules that keep versions findable."""
    return [Finding(rule, FILE, message, key) for rule, key, message in _faults(metadata)]


def _faults(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in REQUIRED:
        if name not in metadata:
            old = name == "required_packages_version" and "optional_packages_version" in metadata
            yield "metadata", name, f"is missing{'; its old name is optional_packages_version' * old}"
    for name, kind in _TYPES.items():
        if name in metadata and not isinstance(metadata[name], kind):
            yield "metadata", name, f"is {type(metadata[name]).__name__}, expected {kind.__name__}"
    if not all(isinstance(item, str) for item in _as(list, metadata.get("references"))):
        yield "metadata", "references", "must be a list of strings"
    for name, value in metadata.items():
        if name.endswith("_data_format") and isinstance(value, dict):
            yield from _format_faults(name, value)
    yield from _version_faults(metadata)


def _as(kind: type, value: Any) -> Any:
    return value if isinstance(value, kind) else kind()


def _format_faults(name: str, value: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for side in ("inputs", "outputs"):
        if not isinstance(value.get(side), dict):
            yield "metadata", f"{name}::{side}", "is missing"
        for tensor, fields in _as(dict, value.get(side)).items():
            if isinstance(fields, dict):
                yield from _tensor_faults(f"{name}::{side}::{tensor}", fields)
    if name == "network_data_format":
        for side, tensor in (("inputs", "image"), ("outputs", "pred")):
            if tensor not in _as(dict, value.get(side)):
                yield "metadata", f"{name}::{side}", f"has no '{tensor}', the only one that MONAI verifies"


def _tensor_faults(key: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, kind in _TENSOR.items():
        if name not in fields:
            yield "metadata", f"{key}::{name}", "is missing"
        elif not isinstance(fields[name], kind):
            yield "metadata", f"{key}::{name}", f"is {type(fields[name]).__name__}"
    for size in _as(list, fields.get("spatial_shape")):
        fits = isinstance(size, int) or (isinstance(size, str) and len(size) < 40 and _SIZE.fullmatch(size))
        if not fits:
            yield (
                "metadata",
                f"{key}::spatial_shape",
                f"has {size!r}; expected a number, * or an expression of p and n",
            )
    if not all(isinstance(item, int | float) for item in _as(list, fields.get("value_range"))):
        yield "metadata", f"{key}::value_range", "must hold numbers"


def _version_faults(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    version = metadata.get("version")
    if not isinstance(version, str):
        return
    if not _VERSION.fullmatch(version):
        yield "version", "version", f"is {version!r}, expected three numbers with dots"
        return
    if any(len(part) > 1 for part in version.split(".")):
        yield "version", "version", f"{version}: MONAI sorts versions as strings, so every part must have one digit"
    changelog = _as(dict, metadata.get("changelog"))
    if version not in changelog:
        yield "version", "changelog", f"has no entry for version {version}"
    known = [item for item in changelog if _VERSION.fullmatch(item)]
    newest = max(known, key=lambda item: [int(part) for part in item.split(".")], default=version)
    if version in changelog and newest != version:
        yield "version", "changelog", f"is ahead of the version: its newest entry is {newest}, the version {version}"
