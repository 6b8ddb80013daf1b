# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import EnsureChannelFirstd, LoadImaged

from mammozoo.io.dicom.read import read_mammogram
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.errors import MammogramError
from mammozoo.io.reader import MammogramReader
from mammozoo.transforms.load import LoadMammogramd
from mammozoo.transforms.resize import AreaResized

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*NvImgCodec.*:UserWarning",
    "ignore:PydicomReader:UserWarning",
    "ignore:builtin type:DeprecationWarning",  # MONAI falls back on ITK where it is installed, which crashes on it
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    header = MammogramHeader(
        patient_id="P", laterality="R", view_position="CC", pixel_spacing=(0.1, 0.1), uid_key="a", study_key="b"
    )
    pixels = np.arange(30 * 20, dtype=np.uint16).reshape(30, 20)
    (tmp_path / "image.dcm").write_bytes(mammogram_bytes(pixels, header))
    return tmp_path / "image.dcm"


def test_it_loads_as_monai_does_with_our_reader(file: Path) -> None:
    ours = LoadMammogramd("image")({"image": file})["image"]
    theirs = LoadImaged("image", reader=MammogramReader(), image_only=True)({"image": file})["image"]
    assert isinstance(ours, MetaTensor)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.meta["laterality"] == "R"


def test_a_refusal_stands(file: Path) -> None:
    """MONAI's fallback would read another modality's image all the same."""
    dataset = pydicom.dcmread(file)
    dataset.SOPClassUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.2", "CT"
    dataset.save_as(file)
    fallen_back = LoadImaged("image", reader=MammogramReader(), image_only=True)({"image": file})["image"]
    assert fallen_back.squeeze().shape == (20, 30)
    with pytest.raises(MammogramError, match="wanted 'MG'"):
        LoadMammogramd("image")({"image": file})


@pytest.mark.parametrize("keep_type", [False, True])
def test_a_transposed_view_is_loaded_and_resized_as_the_rows_are(file: Path, keep_type: bool) -> None:
    image = LoadMammogramd("image", keep_type=keep_type)({"image": file})["image"]
    pixels = read_mammogram(file).pixels
    assert image.dtype == (torch.uint16 if keep_type else torch.float32)
    assert image.stride() == (1, 20)
    np.testing.assert_array_equal(image.numpy().T, pixels)
    small = AreaResized("image", (10, 15))({"image": image[None]})["image"]
    assert small.dtype == image.dtype
    expected = cv2.resize(pixels, (10, 15), interpolation=cv2.INTER_AREA)
    assert np.abs(small[0].numpy().T.astype(float) - expected).max() <= 0.5


def test_channel_first_as_monai_makes_it(file: Path) -> None:
    ours = LoadMammogramd("image", ensure_channel_first=True)({"image": file})["image"]
    theirs = EnsureChannelFirstd("image", channel_dim="no_channel")(LoadMammogramd("image")({"image": file}))["image"]
    np.testing.assert_array_equal(ours, theirs)
    assert ours.meta["original_channel_dim"] == 0
    assert LoadMammogramd("image", ensure_channel_first=True)({"image": [file, file]})["image"].shape == (2, 20, 30)


def test_reduced_reading_and_several_files(file: Path) -> None:
    load = LoadMammogramd("image", reduce=1)
    assert load({"image": file})["image"].shape == (10, 15)
    assert load({"image": [file, file]})["image"].shape == (2, 10, 15)
