# SPDX-License-Identifier: Apache-2.0
"""Statistics over per-case tables."""
