# SPDX-License-Identifier: Apache-2.0
"""The error that a user's input causes."""

from __future__ import annotations


class UserError(ValueError):
    """A fault of the input, the data or the configuration; the message says in one line what to change."""
