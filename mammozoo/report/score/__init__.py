# SPDX-License-Identifier: Apache-2.0
"""Predictions against truth: the numbers, the figures and the page of `mammozoo evaluate`."""
