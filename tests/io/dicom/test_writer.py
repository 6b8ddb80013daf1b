# SPDX-License-Identifier: Apache-2.0
"""Synthetic mammograms as DICOM files, read back by pydicom and imagecodecs."""

from __future__ import annotations

import dataclasses
from io import BytesIO

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_voi_lut

from mammozoo.io.dicom.writer import TRANSFER_SYNTAXES, MammogramHeader, mammogram_bytes, seeded_uid

HEADER = MammogramHeader(
    patient_id="SYNTHETIC-7",
    laterality="R",
    view_position="MLO",
    pixel_spacing=(0.234375, 0.234375),
    uid_key="a 1",
    study_key="a",
    windows=((1850.0, 3500.0, "NORMAL"), (1950.0, 2600.0, "HARDER")),
    patient_age="055Y",
)


def _pixels(shape: tuple[int, int] = (65, 47)) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 4096, shape).astype(np.uint16)
    pixels[:20] = 7  # runs, for RLE
    pixels[0, 0], pixels[-1, -1] = 0, 4095
    return pixels


# What pydicom alone has no decoder for.
DECODERS = {
    TRANSFER_SYNTAXES["jpeg_lossless"]: imagecodecs.ljpeg_decode,
    TRANSFER_SYNTAXES["jpeg_ls_lossless"]: imagecodecs.jpegls_decode,
    TRANSFER_SYNTAXES["htj2k_lossless"]: imagecodecs.htj2k_decode,
}


def _decode(dataset: pydicom.Dataset) -> np.ndarray:
    decode = DECODERS.get(dataset.file_meta.TransferSyntaxUID)
    return decode(next(generate_frames(dataset.PixelData, number_of_frames=1))) if decode else dataset.pixel_array


@pytest.mark.parametrize("shape", [(65, 47), (64, 48), (1, 1)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("transfer_syntax", TRANSFER_SYNTAXES)
def test_reads_back_exactly(transfer_syntax: str, photometric: str, shape: tuple[int, int]) -> None:
    pixels = _pixels(shape)
    data = mammogram_bytes(pixels, HEADER, photometric=photometric, transfer_syntax=transfer_syntax)
    dataset = pydicom.dcmread(BytesIO(data))
    stored = _decode(dataset)
    np.testing.assert_array_equal(stored, pixels if photometric == "MONOCHROME2" else 4095 - pixels)
    assert dataset.file_meta.TransferSyntaxUID == TRANSFER_SYNTAXES[transfer_syntax]
    assert data[:128] == bytes(128)


def test_header_follows_the_arguments() -> None:
    dataset = pydicom.dcmread(BytesIO(mammogram_bytes(_pixels(), HEADER)))
    assert dataset.SOPClassUID == pydicom.uid.DigitalMammographyXRayImageStorageForPresentation
    assert (dataset.ImageLaterality, dataset.ViewPosition) == ("R", "MLO")
    assert dataset.ViewCodeSequence[0].CodeValue == "399368009"
    assert dataset.PatientOrientation == ["P", "FL"]
    assert (dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit) == (16, 12, 11)
    assert [float(value) for value in dataset.ImagerPixelSpacing] == [0.234375, 0.234375]
    assert dataset.WindowCenterWidthExplanation == ["NORMAL", "HARDER"]
    assert (dataset.PatientID, dataset.PatientIdentityRemoved) == ("SYNTHETIC-7", "YES")
    assert "PixelSpacing" not in dataset
    assert "ContrastBolusAgent" not in dataset
    assert all(e.VR != "UN" for e in dataset)


def test_monochrome1_shows_the_same_picture_inverted() -> None:
    shown = {}
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        dataset = pydicom.dcmread(BytesIO(mammogram_bytes(_pixels(), HEADER, photometric=photometric)))
        shown[photometric] = apply_voi_lut(dataset.pixel_array, dataset, index=1)
        assert dataset.PresentationLUTShape == {"1": "INVERSE", "2": "IDENTITY"}[photometric[-1]]
    np.testing.assert_allclose(shown["MONOCHROME1"], 4095 - shown["MONOCHROME2"], atol=1e-6)


def test_uids_are_valid_and_follow_their_keys() -> None:
    first = pydicom.dcmread(BytesIO(mammogram_bytes(_pixels(), HEADER)))
    other = dataclasses.replace(HEADER, uid_key="a 2")
    second = pydicom.dcmread(BytesIO(mammogram_bytes(_pixels(), other)))
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.file_meta.MediaStorageSOPInstanceUID == first.SOPInstanceUID
    assert pydicom.uid.UID(seeded_uid("x")).is_valid
    assert mammogram_bytes(_pixels(), HEADER) == mammogram_bytes(_pixels(), HEADER)


@pytest.mark.parametrize(
    ("pixels", "changes", "options", "message"),
    [
        (np.zeros((4, 4), np.float32), {}, {}, "uint16"),
        (np.full((4, 4), 4096, np.uint16), {}, {}, "12 bits"),
        (np.zeros((0, 4), np.uint16), {}, {}, "expected a"),
        (np.zeros((4, 4, 1), np.uint16), {}, {}, "expected a"),
        (np.zeros((4, 4), np.uint16), {"laterality": "B"}, {}, "laterality 'B' is none of L, R"),
        (np.zeros((4, 4), np.uint16), {"view_position": "XCC"}, {}, "view_position"),
        (np.zeros((4, 4), np.uint16), {}, {"photometric": "RGB"}, "photometric"),
        (np.zeros((4, 4), np.uint16), {}, {"transfer_syntax": "jpeg"}, "transfer_syntax"),
    ],
)
def test_refuses_what_it_cannot_write(
    pixels: np.ndarray, changes: dict[str, str], options: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        mammogram_bytes(pixels, dataclasses.replace(HEADER, **changes), **options)
