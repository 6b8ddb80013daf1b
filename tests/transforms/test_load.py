# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from monai.data import MetaTensor
from monai.transforms import LoadImaged

from mammozoo.io.errors import MammogramError
from mammozoo.io.mg_writer import MammogramHeader, mammogram_bytes
from mammozoo.io.reader import MammogramReader
from mammozoo.transforms.load import LoadMammogramd

pytestmark = pytest.mark.filterwarnings("ignore:.*NvImgCodec.*:UserWarning", "ignore:PydicomReader:UserWarning")


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
    assert LoadImaged("image", reader=MammogramReader(), image_only=True)({"image": file})["image"].shape == (20, 30)
    with pytest.raises(MammogramError, match="wanted 'MG'"):
        LoadMammogramd("image")({"image": file})
