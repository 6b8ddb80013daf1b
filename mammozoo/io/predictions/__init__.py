# SPDX-License-Identifier: Apache-2.0
"""Predictions in the layouts that people have them in."""
