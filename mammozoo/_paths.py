# SPDX-License-Identifier: Apache-2.0
"""Paths that go through MONAI's configurations, which take ``#`` for a separator and write ``::`` in its place."""

from __future__ import annotations

import os
from pathlib import Path

from ._typing import PathLike


def restore_path(path: PathLike) -> Path:
    """Undo what MONAI's parser does to ``#`` in a path."""
    text = os.fspath(path)
    if "::" not in text:
        return Path(text)
    found = Path()
    for part in Path(text).parts:
        found /= part if (found / part).exists() else part.replace("::", "#")
    return found


def config_path(path: PathLike) -> str:
    r"""Write a path as a configuration value that MONAI's parser leaves alone."""
    text = os.fspath(path)
    return _expression(text) if "#" in text or text[:1] in ("$", "@", "%", "+") else text


def config_text(value: str) -> str:
    """Write a value of any kind so that the parser leaves its ``#`` alone; references and expressions stay."""
    return _expression(value) if "#" in value and value[:1] not in ("$", "@", "%") else value


def _expression(text: str) -> str:
    return "$" + repr(text).replace("#", "\\x23").replace("@", "\\x40")
