# SPDX-License-Identifier: Apache-2.0
"""Images for processing (raw detector values) on a scale as if for presentation: bright is tissue.

References
----------
DICOM PS3.3, C.8.11.3.1.2: with sign -1 high values are little radiation, which is dense tissue; with +1 they are air.
Neither that nor LIN and LOG is a transformation for display, and PhotometricInterpretation says nothing of radiation:
it decides only where no sign is given.
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from ..._typing import Array
from ...functional.intensity import presentation_like
from .grayscale import Grayscale, GrayTable
from .header import PixelFormat, number, text
from .padding import padding_of


def shown_raw(stored: Array, dataset: Dataset, layout: PixelFormat) -> Grayscale:
    """Logarithm, unless the data are logarithms already, and polarity, each once; the output runs over 16 bits."""
    sign, relation = number(dataset, "PixelIntensityRelationshipSign"), text(dataset, "PixelIntensityRelationship")
    inverse = layout.photometric == "MONOCHROME1"
    air_is_bright = sign > 0 if sign else inverse
    warnings = []
    if not sign and not inverse:
        warnings.append("polarity of the raw data is not stated: taken as bright tissue")
    if inverse and not air_is_bright:
        warnings.append("PixelIntensityRelationshipSign (0028,1041) -1 contradicts MONOCHROME1: the sign was followed")
    padding = padding_of(dataset, layout)
    padded = None if padding is None else padding.holds(stored)
    if padding is not None and padded is not None and padded.any() and not padded.all():
        warnings += padding.remarks
        shown = stored[~padded]
    else:
        padding, shown = None, stored
    low, high = int(shown.min()), int(shown.max())
    values = np.arange(low, high + 1)
    if logarithmic := relation.upper().startswith("LOG"):
        table = (high - values if air_is_bright else values - low).astype(np.float64)
    else:
        table = presentation_like(values, invert_polarity=air_is_bright)
    if padding is not None:
        table[padding.holds(values)] = 0.0  # padding beyond the image's range is in no entry, which is 0 too
    scale = 65535 / table.max() if table.max() > 0 else 0.0
    levels = np.rint(table * scale).astype(np.uint16)
    label = "none (LOG data)" if logarithmic else "log"
    return GrayTable(levels, low, label, tuple(warnings)).apply(stored, in_place=True)
