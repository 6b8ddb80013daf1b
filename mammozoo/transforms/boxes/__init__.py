# SPDX-License-Identifier: Apache-2.0
"""Transforms that take lesion boxes along."""
