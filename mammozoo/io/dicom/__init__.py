# SPDX-License-Identifier: Apache-2.0
"""DICOM files: reading mammograms, and writing synthetic ones."""

from .read import Mammogram, read_mammogram

__all__ = ["Mammogram", "read_mammogram"]
