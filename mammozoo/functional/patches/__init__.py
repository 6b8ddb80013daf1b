# SPDX-License-Identifier: Apache-2.0
"""Patches of a mammogram: where they lie, and how they are cut."""
