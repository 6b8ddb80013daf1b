# SPDX-License-Identifier: Apache-2.0
"""Errors that are the user's to mend, shown as one line on the command line."""

from __future__ import annotations

import sys
from collections.abc import Sized
from typing import NoReturn

__all__ = ["fail", "require_images"]


def fail(error: Exception) -> NoReturn:
    """Raise an error; under ``python -m monai.bundle`` end the program with its message alone.

    MONAI wraps what a configuration's items raise, and its last line then says nothing of the cause. In a host
    program (a notebook, an annotation server) the error is raised as it is.

    Parameters
    ----------
    error : Exception

    Raises
    ------
    Exception
        The error, or SystemExit with its message.
    """
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name.startswith("monai.bundle"):
        sys.exit(f"error: {error.args[0] if error.args else error}")
    raise error


def require_images(found: Sized) -> None:
    """Refuse an evaluation that has seen no image; MONAI's evaluator passes over an empty part with a warning.

    Parameters
    ----------
    found : sized
        What was gathered, a row an image.

    Raises
    ------
    ValueError
        As `fail` raises it.

    Examples
    --------
    >>> require_images([])
    Traceback (most recent call last):
    ...
    ValueError: the test part holds no image: check --dataset, --dataset_dir, --split_file and --fold
    """
    if not found:
        fail(ValueError("the test part holds no image: check --dataset, --dataset_dir, --split_file and --fold"))
