# SPDX-License-Identifier: Apache-2.0
"""Pure array functions: arrays in, arrays out, no files, no random state."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
