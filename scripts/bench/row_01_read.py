# SPDX-License-Identifier: Apache-2.0
"""Row 1: a DICOM file to uint16 pixels and geometry, for every transfer syntax, against the bare codec and readers."""

from __future__ import annotations

from pathlib import Path

import pydicom
from codecs_alone import CODECS, FLOOR, bare
from common import Row, Run, dicom, package
from monai.data import ITKReader, PydicomReader

from mammozoo.io.dicom.read import read_mammogram


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
    row = Row(1, "DICOM to uint16 pixels and geometry, 4096 x 3328, 12 bit")
    for window in (False, True):
        file = dicom("explicit", window=window)
        case = "uncompressed, windowed" if window else "uncompressed"
        plain = {"plain read of the file": file.read_bytes}
        row.compare(case, lambda file=file: read_mammogram(file), plain, {"plain read of the file": 2.0}, repeats=11)
    row.compare("uncompressed", lambda: read_mammogram(dicom("explicit")), readers(dicom("explicit"), itk=True), {})
    for syntax in CODECS:
        file = dicom(syntax)
        floor = {FLOOR: lambda file=file, syntax=syntax: bare(file, syntax)}
        often = 11 if syntax in ("rle", "htj2k_lossless") else 5
        row.compare(syntax, lambda file=file: read_mammogram(file), floor, {FLOOR: 1.10}, repeats=often)
        if syntax != "jpeg2000_lossless":  # all of them decode it with the same OpenJPEG, in seconds
            peers = readers(file, itk=syntax == "jpeg_lossless")
            row.compare(syntax, lambda file=file: read_mammogram(file), peers, {})
    row.print()


if __name__ == "__main__":
    main()
