# SPDX-License-Identifier: Apache-2.0
"""Reading and writing files: DICOM, raster images, NIfTI, archives."""
