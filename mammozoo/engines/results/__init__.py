# SPDX-License-Identifier: Apache-2.0
"""What an evaluation writes: a row per image, metrics, splits."""
