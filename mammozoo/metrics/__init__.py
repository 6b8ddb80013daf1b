# SPDX-License-Identifier: Apache-2.0
"""Metrics: a pure function first, a cumulative class second."""
