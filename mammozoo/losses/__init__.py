# SPDX-License-Identifier: Apache-2.0
"""Loss functions."""
