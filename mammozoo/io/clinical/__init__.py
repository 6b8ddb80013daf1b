# SPDX-License-Identifier: Apache-2.0
"""DICOM objects that are written into a study: segmentations, reports, secondary captures."""
