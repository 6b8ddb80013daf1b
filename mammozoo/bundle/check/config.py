# SPDX-License-Identifier: Apache-2.0
"""Check what a bundle's configurations name and evaluate, and whether they are complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..findings import Finding
from .config_files import ConfigError, get_item, is_overlay, merged, read_config, walk
from .expression import DEFAULT_NAMES, expression_faults, imported_names, is_import, references
from .target import target_fault

# Properties that MONAI requires of a workflow (monai.bundle.properties), and the ids that its commands run.
REQUIRED = {
    "train": ("bundle_root", "device", "dataset_dir", "train::trainer", "train::trainer::max_epochs",
              "train::dataset", "train::inferer", "run"),
    "inference": ("bundle_root", "device", "dataset_dir", "dataset", "evaluator", "network_def", "inferer", "run"),
}  # fmt: skip
_UNSAFE_ARGUMENTS = {"allow_pickle": False, "weights_only": True, "_debug_": False}


def load_configs(bundle: Path) -> tuple[dict[str, dict[str, Any]], list[Finding]]:
    """Read every configuration under ``configs/``."""
    configs: dict[str, dict[str, Any]] = {}
    findings: list[Finding] = []
    for path in sorted((bundle / "configs").rglob("*")):
        if path.suffix not in (".json", ".yaml", ".yml") or not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(bundle).as_posix()
        try:
            configs[name] = read_config(path)
        except ConfigError as error:
            findings.append(Finding("config", name, str(error)))
    return configs, findings


def check_content(configs: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Judge every ``$`` expression, ``_target_``, macro and risky argument, wherever it stands."""
    names, findings = _names(configs)
    for file, config in configs.items():
        for key, value in walk(config):
            findings += [Finding(rule, file, message, key) for rule, message in _faults(key, value, names)]
    return findings


def _names(configs: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, str], list[Finding]]:
    """What the imports of all files bind; MONAI keeps them in one namespace."""
    names, findings = dict(DEFAULT_NAMES), []
    for file, config in configs.items():
        for key, value in walk(config):
            if not (isinstance(value, str) and value.startswith("$") and is_import(value)):
                continue
            for name, full in imported_names(value).items():
                if names.setdefault(name, full) != full:
                    message = f"binds '{name}' to '{full}', which elsewhere is '{names[name]}'"
                    findings.append(Finding("expression", file, message, key))
    return names, findings


def _faults(key: str, value: Any, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Rule and message of everything that is wrong with one item."""
    last = key.rpartition("::")[2]
    if last == "_target_":
        fault = target_fault(value) if isinstance(value, str) else "is no name"
        if isinstance(value, str) and value[:1] in "$@%":
            fault = f"{value!r} is computed; only a name that is defined in the file can be judged"
        if fault is not None:
            yield "target", fault
    elif last == "_mode_" and value not in ("default", "callable"):
        yield "target", f"mode {value!r} starts a debugger or is unknown"
    elif last in _UNSAFE_ARGUMENTS and value is not _UNSAFE_ARGUMENTS[last]:
        yield "target", f"{last} is {value!r}: it lets a file of the bundle run code"
    elif last == "pickle_module":
        yield "target", "chooses how pickles are read"
    elif key == "bundle_root" and isinstance(value, str) and (value.startswith(("/", "~")) or ".." in value):
        yield "config", f"bundle_root is {value!r}, which lies outside the bundle"
    if isinstance(value, str) and value.startswith("$") and last != "_target_":
        for fault in expression_faults(value, names=names):
            yield "expression", f"{fault} in {_short(value)}"
    if isinstance(value, str) and value.startswith("%") and any(end in value for end in (".json", ".yaml", ".yml")):
        yield "config", f"{value!r} reads another file, relative to where the command is run"


def _short(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:97]}...")


def check_completeness(configs: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Look for ids that MONAI needs and for references that lead nowhere."""
    findings: list[Finding] = []
    train = next((config for file, config in configs.items() if Path(file).stem == "train"), None)
    for file, config in configs.items():
        whole = dict(config)
        stem = Path(file).stem
        if train is not None and config is not train and (is_overlay(config) or "imports" not in config):
            try:
                whole = merged(train, config)
            except ConfigError as error:
                findings.append(Finding("config", file, str(error)))
                continue
        findings += [
            Finding("run-id" if name == "run" else "config", file, f"has no '{name}', which MONAI's workflows need")
            for name in REQUIRED.get(stem, ())
            if not _has(whole, name)
        ]
        own = {key.replace("#", "::").lstrip("+") for key in config}
        findings += [item for item in _dangling(file, whole) if _under(item.key, own)]
    return findings


def _has(config: Mapping[str, Any], name: str) -> bool:
    """Whether an id leads somewhere; what a macro stands for (`"trainer": "%base_trainer"`) is not followed."""
    place: Any = config
    for part in name.split("::"):
        if isinstance(place, str) and place.startswith("%"):
            return True
        try:
            place = get_item(place, part)
        except (KeyError, IndexError, ValueError, TypeError):
            return False
    return True


def _under(key: str, own: set[str]) -> bool:
    return any(key == item or key.startswith(f"{item}::") for item in own)


def _dangling(file: str, config: Mapping[str, Any]) -> Iterator[Finding]:
    for key, value in walk(config):
        if not isinstance(value, str):
            continue
        ids = references(value)
        if value.startswith("%") and ".json" not in value and ".y" not in value:
            ids = [value[1:].replace("#", "::")]
        for name in dict.fromkeys(ids):
            target = _absolute(key, name)
            if target and not target.startswith("_meta_") and not _has(config, target):
                yield Finding("reference", file, f"refers to '{target}', which the configuration lacks", key)


def _absolute(key: str, name: str) -> str:
    """An id that begins with separators is relative: one for the same level, one more for each level up."""
    levels = (len(name) - len(name.lstrip(":"))) // 2
    parts = key.split("::")
    return "::".join([*(parts[:-levels] if levels else []), name.lstrip(":")])
