# SPDX-License-Identifier: Apache-2.0
"""One line for an error that a person can mend, in place of a traceback through MONAI."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sized
from types import TracebackType

from ..._errors import UserError
from ...io.errors import MammogramError
from .command import check_keys, current_command
from .run_folder import resume_line

__all__ = ["check_command", "error_line", "require_images"]


def check_command() -> None:
    """Check the keys of the running command, and end with one line where something fails; an item of ``initialize``.

    Raises
    ------
    UserError
        If a key is unknown or its value is of the wrong type.
    """
    command = current_command()
    if command is None:
        return
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name.startswith("monai.bundle"):
        sys.excepthook = _print_line
    check_keys(command.overrides, files=command.files, typed=command.typed)


def _print_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        again = resume_line()
        print("\nstopped" + (f"; continue with\n  {again}" if again else ""), file=sys.stderr)
        return
    if os.environ.get("MAMMOZOO_DEBUG"):
        traceback.print_exception(kind, error, trace)
    print(f"error: {error_line(error)}", file=sys.stderr)


def error_line(error: BaseException) -> str:
    """Say in one line what was at fault: the user error that others wrap, else the innermost cause with its class."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and inner not in chain:
        chain.append(inner)
    known = [one for one in chain if isinstance(one, UserError | MammogramError | OSError)]
    found = known[-1] if known else chain[-1]
    text = " ".join(str(found.args[0] if isinstance(found, KeyError) and found.args else found).split())
    if isinstance(found, ValueError | MammogramError | FileNotFoundError):
        return text
    return f"{type(found).__name__}: {text} (MAMMOZOO_DEBUG=1 shows the traceback)"


def require_images(found: Sized) -> None:
    """Refuse an evaluation that has seen no image; MONAI's evaluator passes over an empty part with a warning."""
    if not found:
        raise UserError("the test part holds no image: check --dataset, --dataset_dir, --split_file and --fold")
