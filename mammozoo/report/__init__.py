# SPDX-License-Identifier: Apache-2.0
"""Reports: an evaluation's tables, curves and pictures, a study's page, a paper's tables."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
