# SPDX-License-Identifier: Apache-2.0
"""The ITK backend gives what our own decoders give, and refuses where ITK is wrong. Needs the extra ``itk``."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest

from mammozoo.io.dicom.read import read_mammogram
from mammozoo.io.dicom.writer import TRANSFER_SYNTAXES, MammogramHeader, mammogram_bytes
from mammozoo.io.errors import MammogramError, UnsupportedError
from mammozoo.io.reader import MammogramReader

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("itk", reason="needs the extra itk")

PIXELS = (np.add.outer(np.arange(80) * 40, np.arange(48) * 9) % 4096).astype(np.uint16)
HEADER = MammogramHeader(
    patient_id="P", laterality="L", view_position="MLO", pixel_spacing=(0.1, 0.2), uid_key="a", study_key="b",
    windows=((2000.0, 3000.0, "NORMAL"),),
)  # fmt: skip


def write(path: Path, *, syntax: str = "explicit", **tags: Any) -> Path:
    path.write_bytes(mammogram_bytes(PIXELS, HEADER, transfer_syntax=syntax))
    if tags:
        dataset = pydicom.dcmread(path)
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)
    return path


def both(path: Path, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    found = [read_mammogram(path, backend=name, **options) for name in ("itk", "pydicom")]
    assert found[0].voi == found[1].voi
    return found[0].pixels, found[1].pixels


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_every_syntax(tmp_path: Path, syntax: str) -> None:
    np.testing.assert_array_equal(*both(write(tmp_path / "a.dcm", syntax=syntax)))


@pytest.mark.parametrize(
    "tags",
    [
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        {"RescaleSlope": 2, "RescaleIntercept": -500},
        {"RescaleSlope": 0.5, "RescaleIntercept": 3},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2.1", "PresentationIntentType": "FOR PROCESSING"},
        {"PixelRepresentation": 1, "WindowCenter": 0},
    ],
    ids=lambda tags: next(iter(tags)),
)
def test_itks_own_rescale_and_inversion_are_taken_back(tmp_path: Path, tags: dict[str, Any]) -> None:
    np.testing.assert_array_equal(*both(write(tmp_path / "a.dcm", **tags)))


def test_reduced_and_without_window(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dcm")
    np.testing.assert_array_equal(*both(file, reduce=1))
    np.testing.assert_array_equal(*both(file, voi="none"))


@pytest.mark.parametrize(
    "tags", [{"HighBit": 15}, {"PhotometricInterpretation": "MONOCHROME1", "PixelRepresentation": 1}]
)
def test_where_itk_is_wrong_it_is_not_asked(tmp_path: Path, tags: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match="the ITK backend does not read"):
        read_mammogram(write(tmp_path / "a.dcm", **tags), backend="itk")


def test_damaged_pixels(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dcm", syntax="jpeg2000_lossless")
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(MammogramError):
        read_mammogram(file, backend="itk")


def test_monais_reader_form(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dcm")
    reader = MammogramReader(backend="itk")
    array, meta = reader.get_data(reader.read(file))
    np.testing.assert_array_equal(array, read_mammogram(file).pixels.T)
    assert (meta["laterality"], meta["view_position"]) == ("L", "MLO")


def test_warnings_as_errors_do_not_end_the_process(tmp_path: Path) -> None:
    """SWIG's modules end it when their DeprecationWarning is an error while they are loaded."""
    file = write(tmp_path / "a.dcm")
    read = f"read_mammogram({str(file)!r}, backend='itk').pixels.shape"
    code = f"from mammozoo.io.dicom.read import read_mammogram; print({read})"
    options = ["-W", "error::DeprecationWarning:sys", "-W", "error:builtin type:DeprecationWarning"]
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(PIXELS.shape)), done.stderr[-300:]


def test_a_refused_file_never_reaches_monais_itk_reader(tmp_path: Path) -> None:
    """MONAI's own reader of ITK, on which ``LoadImaged`` falls back, is not guarded so."""
    file = write(tmp_path / "a.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT")
    load = "from mammozoo.transforms.load import LoadMammogramd as Load"
    code = f"{load}\ntry: Load('image', backend='itk')({{'image': {str(file)!r}}})\nexcept Exception as e: print(e)"
    options = ["-W", "error::DeprecationWarning:sys", "-W", "error:builtin type:DeprecationWarning"]
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "a.dcm: Modality (0008,0060) is 'CT'; expected 'MG'")


def test_lossy_jpeg_of_eight_bits(tmp_path: Path) -> None:
    narrow = (PIXELS >> 4).astype(np.uint8)
    dataset = pydicom.dcmread(write(tmp_path / "a.dcm"))
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    del dataset.WindowCenter, dataset.WindowWidth
    dataset.PixelData = pydicom.encaps.encapsulate([imagecodecs.jpeg8_encode(narrow, level=95)])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    dataset.save_as(tmp_path / "a.dcm")
    ours, theirs = both(tmp_path / "a.dcm")
    assert np.abs(ours.astype(int) - theirs).max() <= 1
