# SPDX-License-Identifier: Apache-2.0
"""Import of packages that are installed by an extra."""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["optional_import"]


def optional_import(module: str, *, extra: str) -> ModuleType:
    """Import a module or say which extra installs it.

    Parameters
    ----------
    module : str
        Full module name, for example ``"highdicom"``.
    extra : str
        The extra of this project that brings it, for example ``"clinic"``.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If the module cannot be imported; the message names the extra.

    Examples
    --------
    >>> optional_import("json", extra="none").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = f"{module} is needed here and could not be imported ({error}): `pip install mammozoo[{extra}]`"
        raise ImportError(msg) from error
