# SPDX-License-Identifier: Apache-2.0
"""Segmentation networks."""
