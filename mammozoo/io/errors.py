# SPDX-License-Identifier: Apache-2.0
"""The errors that reading images may raise."""

from __future__ import annotations

__all__ = ["BadHeaderError", "BadPixelsError", "MammogramError", "NotAnImageError", "UnsupportedError"]


class MammogramError(Exception):
    """An image, archive or list of images cannot be used; the message says why and what to do."""


class NotAnImageError(MammogramError):
    """The file holds no mammogram: empty, text, another modality, an object without pixels."""


class BadHeaderError(MammogramError):
    """An attribute is missing, absurd or contradicts another."""


class BadPixelsError(MammogramError):
    """The pixel data are truncated, of a wrong length or cannot be decoded."""


class UnsupportedError(MammogramError):
    """A valid object of a kind that is not read: multi-frame, colour, an unknown transfer syntax."""
