# SPDX-License-Identifier: Apache-2.0
"""Leaks between the parts of a split."""
