# SPDX-License-Identifier: Apache-2.0
"""Data sets as records, their splits and what is odd in them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
