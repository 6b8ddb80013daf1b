# SPDX-License-Identifier: Apache-2.0
"""Refuse misspelt keys and wrong types on the command line of ``monai.bundle run``."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow
from monai.bundle.utils import DEFAULT_EXP_MGMT_SETTINGS, MERGE_KEY

from ..._typing import PathLike
from .failures import fail

__all__ = ["check_overrides", "prepare_unless_replaced", "refuse_unknown_keys", "running_overrides"]

RECIPES = ("paper", "best")


def check_overrides(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Compare the top-level keys of a run with those of its configuration file.

    Parameters
    ----------
    given : mapping
        The top level of the configuration as it runs, overrides included.
    known : mapping
        The top level of the configuration file.

    Raises
    ------
    KeyError
        If ``given`` has a key that ``known`` lacks; the message names the nearest one.
    TypeError
        If a string stands where the file has ``true`` or ``false``: the command line passes lower-case
        ``true`` as a string, and a non-empty string counts as true whatever it says.
    ValueError
        If ``recipe`` is none of `RECIPES`: expressions that ask whether it is the paper's would take it for the other.

    Examples
    --------
    >>> check_overrides({"epochs": 1}, {"epochs": 100})
    """
    tracking: dict[str, Any] = DEFAULT_EXP_MGMT_SETTINGS["mlflow"]["configs"]  # type: ignore[assignment,index]
    allowed = {*known, *tracking, "_meta_", "save_execute_config"}
    for key, value in given.items():
        if key not in allowed:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean --{near[0]}?" if near else f"it has {', '.join(sorted(known))}"
            msg = f"the configuration has no key '{key}': {hint}"
            raise KeyError(msg)
        if isinstance(known.get(key), bool) and not isinstance(value, bool):
            msg = f"--{key} is {value!r}, which is no boolean: write --{key} True or --{key} False"
            raise TypeError(msg)
        if key == "recipe" and value not in RECIPES:
            msg = f"there is no recipe {value!r}; there are {' and '.join(RECIPES)}"
            raise ValueError(msg)


def refuse_unknown_keys(files: Sequence[PathLike]) -> None:
    """Check the running workflow's keys against its configuration files; the first item of every ``run``.

    MONAI itself accepts ``--epoch 1`` silently. The workflow is found on the call stack, because a
    configuration has no reference to the parser that reads it; outside a workflow nothing is checked.

    Parameters
    ----------
    files : sequence of paths
        The composed configuration, and its overlays.

    Raises
    ------
    KeyError, TypeError, ValueError
        As in `check_overrides`.
    """
    workflow = running_workflow()
    if workflow is None:
        return
    known: dict[str, Any] = {}
    for file in files:
        content = json.loads(Path(str(file)).read_text(encoding="utf-8"))
        known |= {key.lstrip(MERGE_KEY): value for key, value in content.items()}
    try:
        check_overrides(workflow.parser.get(), known)
    except (KeyError, TypeError, ValueError) as error:
        fail(error)


def prepare_unless_replaced(prepare: Callable[[], None]) -> None:
    """Prepare the data set, unless the running workflow was given plain data lists in its place.

    Annotation servers replace ``train#dataset#data`` by a list of image and label pairs; nothing else is needed then.

    Parameters
    ----------
    prepare : callable
        `mammozoo.data.lists.prepare_dataset` with its arguments.
    """
    workflow = running_workflow()
    keys = ("train#dataset#data", "validate#dataset#data")
    if workflow is None or not any(isinstance(workflow.parser.get(key), list) for key in keys):
        prepare()


def running_overrides(*files: PathLike) -> dict[str, Any]:
    """Keys that the running workflow has otherwise than its configuration files; none outside a workflow.

    A run that starts further runs of its bundle (folds, trials) hands these on.

    Parameters
    ----------
    *files : path
        The composed configuration, and its overlays.

    Returns
    -------
    dict
        Keys and values, unresolved; a change inside a dictionary has a deep key (``network_def::dropout``), so that an
        overlay's changes beside it stay.

    Examples
    --------
    >>> running_overrides("train.json")
    {}
    """
    workflow = running_workflow()
    if workflow is None:
        return {}
    known = ConfigParser()
    known.read_config([str(file) for file in files])
    known.resolve_macro_and_relative_ids()
    given = {key: value for key, value in workflow.parser.get().items() if not key.startswith("_") and key in known}
    return dict(_differences(given, known.get()))


def _differences(given: Mapping[str, Any], known: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        before = known.get(key)
        if isinstance(value, dict) and isinstance(before, dict) and before.keys() <= value.keys():
            yield from _differences(value, before, f"{place}{key}::")
        elif key not in known or value != before:
            yield f"{place}{key}", value


def running_workflow() -> ConfigWorkflow | None:
    """Find the workflow whose configuration called this code.

    Returns
    -------
    monai.bundle.ConfigWorkflow or None
        The nearest one on the call stack; None outside a workflow.
    """
    frame = inspect.currentframe()
    while frame is not None:
        candidate = frame.f_locals.get("self")
        if isinstance(candidate, ConfigWorkflow):
            return candidate
        frame = frame.f_back
    return None
