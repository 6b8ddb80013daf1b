# SPDX-License-Identifier: Apache-2.0
"""Networks of segmentation, detection and classification, one paper a file; `create_network` builds them by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
