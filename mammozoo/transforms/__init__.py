# SPDX-License-Identifier: Apache-2.0
"""MONAI transforms for mammograms, array and dictionary form side by side; the names are in ``__init__.pyi``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
