# SPDX-License-Identifier: Apache-2.0
"""Row 1: a DICOM file to uint16 pixels and geometry, for every transfer syntax, against the bare codec and readers."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from common import Row, Run, dicom, package
from monai.data import ITKReader, PydicomReader
from pydicom.encaps import generate_frames

from mammozoo.io.dicom import read_mammogram

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


def readers(file: Path, *, itk: bool) -> dict[str, Run | None]:
    """What people read DICOM with today."""
    sdl, jpeg = package("dicomsdl"), package("pylibjpeg")
    pydicom_reader = PydicomReader()
    found: dict[str, Run | None] = {
        "pydicom + pylibjpeg": (lambda: pydicom.dcmread(file).pixel_array) if jpeg else None,
        "dicomsdl": (lambda: sdl.open(str(file)).pixelData()) if sdl else None,
        "MONAI PydicomReader": lambda: pydicom_reader.get_data(pydicom_reader.read(file)),
    }
    if itk:
        reader = ITKReader() if package("itk") else None
        found["MONAI ITKReader"] = (lambda: reader.get_data(reader.read(file))) if reader else None
    return found


def main() -> None:
    row = Row("1", "DICOM to uint16 pixels and geometry, 4096 x 3328, 12 bit")
    for window in (False, True):
        file = dicom("explicit", window=window)
        peers = {"plain read of the file": file.read_bytes, **({} if window else readers(file, itk=True))}
        case = "uncompressed, windowed" if window else "uncompressed"
        row.compare(case, lambda file=file: read_mammogram(file), peers, {"plain read of the file": 2.0}, repeats=9)
    for syntax in CODECS:
        file = dicom(syntax)
        peers = {FLOOR: lambda file=file, syntax=syntax: bare(file, syntax)}
        if syntax != "jpeg2000_lossless":  # all of them decode it with the same OpenJPEG, in seconds
            peers |= readers(file, itk=syntax == "jpeg_lossless")
        row.compare(syntax, lambda file=file: read_mammogram(file), peers, {FLOOR: 1.10})
    row.print()


if __name__ == "__main__":
    main()
