# SPDX-License-Identifier: Apache-2.0
"""Weights carry the keys they were trained with: ``models/model.json`` beside ``models/model.pt``.

Training writes the file; evaluation, inference and annotation read it, so that nobody has to repeat the width or the
size of the images on the command line.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from ..._typing import PathLike
from ...io.model_keys import read_model_keys
from ...io.write import write_json
from .failures import fail
from .overrides import running_overrides, running_workflow

__all__ = ["adopt_model_keys", "evaluated_keys", "save_model_keys"]

logger = logging.getLogger(__name__)


def save_model_keys(weights: PathLike, *, keys: Sequence[str]) -> None:
    """Write the running workflow's values of some keys beside weights; nothing outside a workflow.

    Parameters
    ----------
    weights : path
        ``models/model.pt`` gives ``models/model.json``.
    keys : sequence of str
        Top-level keys that say what the network is and what it is shown. References and expressions in them are
        evaluated; paths of weights to begin with (``pretrained_path``) become null, being of this machine.
    """
    workflow = running_workflow()
    if workflow is None or not keys:
        return
    write_json(Path(weights).with_suffix(".json"), evaluated_keys(workflow.parser, keys))


def evaluated_keys(parser: ConfigParser, keys: Iterable[str]) -> dict[str, Any]:
    """Evaluate the references and expressions in some keys of a configuration, without building anything they name.

    Parameters
    ----------
    parser : monai.bundle.ConfigParser
    keys : iterable of str
        Top-level keys.

    Returns
    -------
    dict
        Plain values; those of keys that end in ``pretrained_path`` are None.

    Examples
    --------
    >>> parser = ConfigParser({"width": 8, "network_def": {"_target_": "UNet", "width": "$2 * @width"}})
    >>> evaluated_keys(parser, ["network_def"])
    {'network_def': {'_target_': 'UNet', 'width': 16}}
    """
    return {key: _evaluated(parser, key, parser[key]) for key in keys}


def _evaluated(parser: ConfigParser, place: str, value: Any) -> Any:
    """Replace what refers to other keys by its value; classes stay named, nothing is built."""
    if isinstance(value, dict):
        return {
            key: None if key.endswith("pretrained_path") else _evaluated(parser, f"{place}::{key}", item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_evaluated(parser, f"{place}::{number}", item) for number, item in enumerate(value)]
    if isinstance(value, str) and value.startswith(("@", "$", "%")):
        return parser.get_parsed_content(place)
    return value


def adopt_model_keys(weights: Sequence[PathLike], *, files: Sequence[PathLike]) -> None:
    """Set the running workflow's keys to those its weights were trained with; the command line's own keys stay.

    Parameters
    ----------
    weights : sequence of paths
        All that the workflow will load.
    files : sequence of paths
        The configuration that runs: what differs from it was given on the command line.

    Raises
    ------
    ValueError
        If a file of keys is damaged, or has a key that the configuration lacks.
    """
    workflow = running_workflow()
    if workflow is None:
        return
    given = {key.partition("::")[0] for key in running_overrides(*files)}
    for path in weights:
        try:
            found = read_model_keys(path)
        except ValueError as error:
            fail(error)
        unknown = [key for key in found if key not in workflow.parser]
        if unknown:
            msg = f"the keys beside {Path(path).name} are of another bundle: the configuration has no '{unknown[0]}'"
            fail(ValueError(msg))
        adopted = {key: value for key, value in found.items() if key not in given}
        for key, value in adopted.items():
            workflow.parser[key] = value
        if adopted:
            logger.info("%s was trained with %s", Path(path).name, ", ".join(sorted(adopted)))
