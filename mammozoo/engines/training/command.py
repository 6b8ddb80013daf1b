# SPDX-License-Identifier: Apache-2.0
"""What was asked for: the run id, the configuration files and the keys that differ from them."""

from __future__ import annotations

import contextvars
import difflib
import inspect
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pydoc import locate
from typing import Any

from fire.parser import DefaultParseValue
from monai.bundle import ComponentLocator, ConfigParser

from ..._errors import UserError
from ...io.config_json import get_item, has_item, read_json

#: Arguments of ``monai.bundle run`` itself.
_RUN_ARGUMENTS = {
    "run_id", "init_id", "final_id", "meta_file", "config_file", "logging_file", "tracking", "args_file",
}  # fmt: skip
_CURRENT: contextvars.ContextVar[Command | None] = contextvars.ContextVar("mammozoo_command", default=None)


@dataclass(frozen=True)
class Command:
    """One call of ``monai.bundle run``, from the command line or from Python."""

    run_id: str
    files: tuple[Path, ...]
    overrides: dict[str, Any] = field(default_factory=dict)
    typed: bool = False


def parse_command(arguments: Sequence[str]) -> Command:
    """Read the arguments of ``monai.bundle run`` as Fire reads them."""
    given: dict[str, Any] = {}
    positional: list[Any] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if not _is_flag(word):
            positional.append(DefaultParseValue(word))
            continue
        name, equals, text = word.lstrip("-").partition("=")
        if equals:
            given[name] = DefaultParseValue(text)
        elif waiting and not _is_flag(waiting[0]):
            given[name] = DefaultParseValue(waiting.pop(0))
        else:
            given[name.removeprefix("no") if name.startswith("no") else name] = not name.startswith("no")
    given = {key.replace("-", "_") if key.replace("-", "_") in _RUN_ARGUMENTS else key: v for key, v in given.items()}
    if given.get("args_file"):
        given = {**ConfigParser.load_config_file(given["args_file"]), **given}
    run_id = str(given.get("run_id", positional[0] if positional else "run"))
    files = given.get("config_file") or ()
    files = (files,) if isinstance(files, str) else files
    overrides = {key.replace("#", "::"): value for key, value in given.items() if key not in _RUN_ARGUMENTS}
    return Command(run_id, tuple(Path(str(file)).absolute() for file in files), overrides, typed=True)


def _is_flag(word: str) -> bool:
    return word.startswith("--") or (len(word) > 1 and word[0] == "-" and word[1].isalpha())


def current_command() -> Command | None:
    """Find what the running workflow was asked for; None in a workflow that somebody else's Python code started."""
    command = _CURRENT.get()
    if command is not None:
        return command
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is None or not spec.name.startswith("monai.bundle") or sys.argv[1:2] != ["run"]:
        return None
    return parse_command(sys.argv[2:])


@contextmanager
def running(command: Command) -> Iterator[None]:
    """Make a command the current one, for a workflow that this library starts."""
    token = _CURRENT.set(command)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def check_keys(overrides: Mapping[str, Any], *, files: Sequence[Path], typed: bool = False) -> None:
    """Refuse keys that no configuration file has (MONAI takes ``--epoch 1`` silently) and text in a boolean's place."""
    known: dict[str, Any] = {}
    for file in files:
        known |= {key.lstrip("+").replace("#", "::"): value for key, value in read_json(file).items()}
    for name, value in overrides.items():
        key = name.replace("#", "::")
        top, _, rest = key.lstrip("+").partition("::")
        if top not in known:
            raise UserError(f"unknown key --{key}: {_nearest(top, known)}")
        if rest and not has_item(known, f"{top}::{rest}") and not key.startswith("+"):
            _refuse_deep(key, known)
        expected = get_item(known, key) if has_item(known, key) else None
        if typed and value is None and expected is not None:
            raise UserError(f"--{key} None: MONAI drops a key without a value; write --{key} '$None'")
        if isinstance(expected, bool) and not isinstance(value, bool):
            raise UserError(f"--{key} is {value!r}; expected True or False, with a capital letter")
        if isinstance(expected, int | float) and not isinstance(expected, bool):
            _check_number(key, value)
        if isinstance(expected, list) and not isinstance(value, list | tuple) and not _is_expression(value):
            raise UserError(f"--{key} is {value!r}; expected a list such as {expected}")


def _check_number(key: str, value: Any) -> None:
    fits = value is None or (isinstance(value, int | float) and not isinstance(value, bool)) or _is_expression(value)
    if not fits:
        raise UserError(f"--{key} is {value!r}; expected a number")


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and value[:1] in ("$", "@", "%")


def _refuse_deep(key: str, known: Mapping[str, Any]) -> None:
    """A component takes further arguments of its class; anything else must be there."""
    parent, _, last = key.rpartition("::")
    if not has_item(known, parent):
        raise UserError(f"unknown key --{key}: there is no {parent}")
    place = get_item(known, parent)
    arguments = _arguments(place)
    if arguments is None or last in arguments:
        return
    near = _nearest(f"{parent}::{last}", [f"{parent}::{name}" for name in arguments])
    raise UserError(f"unknown key --{key}: {near}")


def _arguments(place: Any) -> list[str] | None:
    """Keys that an object of the configuration may have; None where its class takes any."""
    if not isinstance(place, dict):
        return []
    if "_target_" not in place:
        return list(place)
    target = ComponentLocator().get_component_module_name(place["_target_"]) or place["_target_"]
    name = f"{target}.{place['_target_']}" if isinstance(target, str) and "." not in place["_target_"] else target
    found = locate(name) if isinstance(name, str) else None
    parameters = inspect.signature(found).parameters.values() if callable(found) else []
    if not parameters or any(one.kind is one.VAR_KEYWORD for one in parameters):
        return None
    return [one.name for one in parameters] + list(place)


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean --{near[0]}?" if near else f"there are {', '.join(sorted(k for k in known if k[:1] != '_'))}"
