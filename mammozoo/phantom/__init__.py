# SPDX-License-Identifier: Apache-2.0
"""Synthetic mammograms with known lesions."""
