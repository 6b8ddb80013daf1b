# SPDX-License-Identifier: Apache-2.0
"""Boxes: geometry, anchors, the detector's frame, decoding, fusion."""
