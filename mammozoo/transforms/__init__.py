# SPDX-License-Identifier: Apache-2.0
"""MONAI transforms for mammograms, array and dictionary form side by side."""
