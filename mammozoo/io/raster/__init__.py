# SPDX-License-Identifier: Apache-2.0
"""PNG, JPEG, TIFF, PGM, BMP and NIfTI files."""
