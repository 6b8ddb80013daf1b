# SPDX-License-Identifier: Apache-2.0
"""The MONAI Label app."""
