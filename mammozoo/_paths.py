# SPDX-License-Identifier: Apache-2.0
"""Paths that go through MONAI's configurations, which take ``#`` for a separator and write ``::`` in its place."""

from __future__ import annotations

import os
from pathlib import Path

from ._typing import PathLike

__all__ = ["config_path", "config_text", "restore_path"]


def restore_path(path: PathLike) -> Path:
    """Undo what MONAI's parser does to ``#`` in a path.

    Parameters
    ----------
    path : path
        As a configuration gives it.

    Returns
    -------
    pathlib.Path
        With ``#`` in every part that holds ``::``, unless there is a file or folder of that very name.

    Examples
    --------
    >>> restore_path("absent/study ::12").as_posix()
    'absent/study #12'
    """
    text = os.fspath(path)
    if "::" not in text:
        return Path(text)
    found = Path()
    for part in Path(text).parts:
        found /= part if (found / part).exists() else part.replace("::", "#")
    return found


def config_path(path: PathLike) -> str:
    r"""Write a path as a configuration value that MONAI's parser leaves alone.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
        The path itself, or an expression that gives it where it holds ``#`` or begins with a sign of the parser's.

    Examples
    --------
    >>> config_path("a/b"), config_path("a #1")
    ('a/b', "$'a \\x231'")
    """
    text = os.fspath(path)
    return _expression(text) if "#" in text or text[:1] in ("$", "@", "%", "+") else text


def config_text(value: str) -> str:
    """Write a value of any kind so that the parser leaves its ``#`` alone; references and expressions stay."""
    return _expression(value) if "#" in value and value[:1] not in ("$", "@", "%") else value


def _expression(text: str) -> str:
    return "$" + repr(text).replace("#", "\\x23").replace("@", "\\x40")
