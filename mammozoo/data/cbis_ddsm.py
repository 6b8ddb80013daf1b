# SPDX-License-Identifier: Apache-2.0
"""CBIS-DDSM, the adapter that scripts import most, under its short name."""

from .adapters.cbis_ddsm import index

__all__ = ["index"]
