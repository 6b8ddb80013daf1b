# SPDX-License-Identifier: Apache-2.0
"""Bundle tools: composing, checking, packaging and running."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
