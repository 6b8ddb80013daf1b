# SPDX-License-Identifier: Apache-2.0
"""Import of packages that are installed by an extra."""

from __future__ import annotations

import importlib
from types import ModuleType


def optional_import(module: str, *, extra: str) -> ModuleType:
    """Import a module or say which extra installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = f"{module} is needed here and could not be imported ({error}): `pip install mammozoo[{extra}]`"
        raise ImportError(msg) from error
