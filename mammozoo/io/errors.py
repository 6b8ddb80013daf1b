# SPDX-License-Identifier: Apache-2.0
"""The errors that reading images may raise."""

from __future__ import annotations

__all__ = ["MammogramError"]


class MammogramError(Exception):
    """An image, archive or list of images cannot be used; the message says why and what to do."""
