# SPDX-License-Identifier: Apache-2.0
"""A breast with a mass in a DICOM file, whatever its header says, and the grey levels that matter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from mammozoo.io.dicom import Mammogram

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
HEIGHT, WIDTH = 96, 64


class Grey(NamedTuple):
    """Medians of the air beside the breast, the breast and its mass."""

    air: float
    breast: float
    mass: float


@pytest.fixture
def breast() -> Callable[..., np.ndarray]:
    """Values (96, 64) of some bits: air 0, breast 0.4 and mass 0.85 of the range, with a little noise."""

    def make(bits: int = 12) -> np.ndarray:
        rng = np.random.default_rng(0)
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        inside = ((y - HEIGHT / 2) / (HEIGHT * 0.42)) ** 2 + (x / (WIDTH * 0.7)) ** 2 < 1
        mass = (y - HEIGHT * 0.45) ** 2 + (x - WIDTH * 0.3) ** 2 < (HEIGHT * 0.08) ** 2
        top = (1 << bits) - 1
        values = np.where(mass, 0.85, np.where(inside, 0.4, 0.0)) * top
        return np.rint(values + inside * rng.uniform(-0.004, 0.004, values.shape) * top).astype(np.uint16)

    return make


@pytest.fixture
def grey() -> Callable[[Any], Grey]:
    """The grey levels of a mammogram or of pixels."""

    def measure(image: Mammogram | np.ndarray) -> Grey:
        pixels = image.pixels if isinstance(image, Mammogram) else image
        places = (pixels[:6, -6:], pixels[44:52, 34:40], pixels[41:46, 17:22])
        return Grey(*(float(np.median(place)) for place in places))

    return measure


@pytest.fixture
def dicom(tmp_path: Path) -> Callable[..., Path]:
    """Write pixels (or `data`, a compressed frame) with the attributes of a left CC view and others; None removes."""

    def write(
        pixels: np.ndarray, *, bits: int = 12, syntax: str = EXPLICIT, data: bytes | None = None, **tags: Any
    ) -> Path:
        dataset = Dataset()
        allocated = tags.get("BitsAllocated", 8 if bits <= 8 else 16)
        values = {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2", "SOPInstanceUID": "1.2.3.4", "Modality": "MG",
            "PresentationIntentType": "FOR PRESENTATION", "ImageType": ["ORIGINAL", "PRIMARY"], "ImageLaterality": "L",
            "ViewPosition": "CC", "PatientOrientation": ["A", "R"], "ImagerPixelSpacing": [0.1, 0.1],
            "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "Rows": pixels.shape[0],
            "Columns": pixels.shape[1], "BitsAllocated": allocated, "BitsStored": bits, "HighBit": bits - 1,
            "PixelRepresentation": 0, **tags,
        }  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that no header should hold
            for keyword, value in values.items():
                if isinstance(value, tuple):  # a value with the VR that it is to have
                    dataset.add_new(keyword, *value)
                elif value is not None:
                    setattr(dataset, keyword, value)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = UID(syntax if "." in syntax else f"1.2.840.10008.1.2.4.{syntax}")
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
        order = ">" if syntax == BIG else "<"
        words = pixels.astype(f"{order}{'i' if pixels.dtype.kind == 'i' else 'u'}{allocated // 8}")
        dataset.PixelData = words.tobytes() if data is None else encapsulate([data])
        dataset["PixelData"].VR = "OW" if allocated == 16 and data is None else "OB"
        dataset["PixelData"].is_undefined_length = data is not None
        file = tmp_path / "image.dcm"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset.save_as(file, implicit_vr=syntax == IMPLICIT, little_endian=syntax != BIG, enforce_file_format=True)
        return file

    return write
