# SPDX-License-Identifier: Apache-2.0
"""The floor of every reader: pydicom's header and imagecodecs' pixels, and nothing else."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import generate_frames

FLOOR = "pydicom header + imagecodecs"
CODECS = {
    "rle": lambda data: np.frombuffer(imagecodecs.dicomrle_decode(data, np.dtype("<u2")), "<u2").reshape(4096, 3328),
    "jpeg_lossless": imagecodecs.ljpeg_decode,
    "jpeg_ls_lossless": imagecodecs.jpegls_decode,
    "jpeg2000_lossless": imagecodecs.jpeg2k_decode,
    "htj2k_lossless": imagecodecs.htj2k_decode,
}


def bare(file: Path, syntax: str) -> np.ndarray:
    data = pydicom.dcmread(file).PixelData
    return CODECS[syntax](next(generate_frames(data, number_of_frames=1)))


def bare_raw(file: Path) -> np.ndarray:
    dataset = pydicom.dcmread(file)
    return np.frombuffer(dataset.PixelData, "<u2").reshape(dataset.Rows, dataset.Columns)
