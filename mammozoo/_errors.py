# SPDX-License-Identifier: Apache-2.0
"""The error that a user's input causes, and the check of a flag."""

from __future__ import annotations


class UserError(ValueError):
    """A fault of the input, the data or the configuration; the message says in one line what to change."""


def check_flag(name: str, value: object) -> None:
    """Refuse what is not a boolean; ``--name false`` arrives as text, which Python takes for true.

    Raises
    ------
    TypeError
        If the value is not a boolean.
    """
    if not isinstance(value, bool):
        msg = f"{name} is {value!r}; expected True or False (on the command line: --{name} True)"
        raise TypeError(msg)
