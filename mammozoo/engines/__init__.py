# SPDX-License-Identifier: Apache-2.0
"""Training, inference, evaluation and experiments: what connects the bundles to MONAI's and Ignite's engines."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
