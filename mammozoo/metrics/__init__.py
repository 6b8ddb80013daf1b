# SPDX-License-Identifier: Apache-2.0
"""Metrics: a pure function first, a cumulative class second; the names are in ``__init__.pyi``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
