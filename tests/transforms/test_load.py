# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import cv2
import imagecodecs
import nibabel
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
from mammozoo.io.write import write_png
from mammozoo.transforms.load import LoadMammogramd
from mammozoo.transforms.resize import AreaResized
from mammozoo.transforms.squeeze import LabelToMaskd

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
    with pytest.raises(MammogramError, match="expected 'MG'"):
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


def test_masks_are_read_by_their_own_rule(tmp_path: Path) -> None:
    image = write_png(tmp_path / "im.png", np.full((60, 40), 90, np.uint8))
    disk = cv2.circle(np.zeros((60, 40), np.uint8), (20, 30), 12, 255, -1)
    for name, content in (
        ("m.jpg", imagecodecs.jpeg8_encode(disk, level=75)),
        ("m.bmp", cv2.imencode(".bmp", disk)[1].tobytes()),
        ("half.png", cv2.imencode(".png", disk[::2, ::2])[1].tobytes()),
    ):
        (tmp_path / name).write_bytes(content)
        found = LoadMammogramd(["label", "image"])({"image": str(image), "label": str(tmp_path / name)})
        assert found["label"].shape == found["image"].shape == (40, 60)
        assert set(np.unique(found["label"])) == {0, 1}
        assert int(found["label"].sum()) == pytest.approx(np.count_nonzero(disk), rel=0.03), name
        np.testing.assert_array_equal(LabelToMaskd()(found)["label"], found["label"])


def test_several_masks_of_one_image_are_united(tmp_path: Path) -> None:
    image = str(write_png(tmp_path / "im.png", np.full((6, 4), 90, np.uint8)))
    parts = [np.zeros((6, 4), np.uint8), np.zeros((6, 4), np.uint8)]
    parts[0][0], parts[1][5] = 255, 1
    files = [str(write_png(tmp_path / f"m{n}.png", part)) for n, part in enumerate(parts)]
    found = LoadMammogramd(["image", "label"], keep_type=True)({"image": image, "label": files})
    assert found["label"].dtype == torch.uint8
    assert found["label"].T.tolist() == [[1] * 4, *[[0] * 4] * 4, [1] * 4]


def test_a_mask_of_another_picture_is_refused_by_name(tmp_path: Path) -> None:
    image = str(write_png(tmp_path / "im.png", np.full((6, 4), 90, np.uint8)))
    mask = str(write_png(tmp_path / "m.png", np.ones((4, 6), np.uint8)))
    with pytest.raises(ValueError, match=r"m\.png is 4 x 6, its image 6 x 4"):
        LoadMammogramd(["image", "label"])({"image": image, "label": mask})
    both = LoadMammogramd(["image", "label"], mask_keys=())({"image": image, "label": mask})
    assert both["label"].shape == (6, 4), "where the keys hold no masks, files are read as images"


def test_masks_are_reduced_with_their_images(tmp_path: Path) -> None:
    pixels = np.zeros((60, 40), np.uint8)
    pixels[10:30, 8:20] = 255
    file = str(write_png(tmp_path / "a.png", pixels))
    found = LoadMammogramd(["image", "label"], reduce=1)({"image": file, "label": file})
    np.testing.assert_array_equal(found["label"], found["image"] / 255)


def test_a_mask_of_an_image_of_one_slice(tmp_path: Path) -> None:
    """An annotator's NIfTI image is (W, H, 1); its mask is a picture."""
    pixels = np.arange(96 * 70, dtype=np.int16).reshape(96, 70)
    nibabel.save(nibabel.Nifti1Image(pixels.T[..., None], np.eye(4)), tmp_path / "image.nii.gz")
    mask = np.zeros((96, 70), np.uint8)
    mask[20:40, 10:30] = 255
    write_png(tmp_path / "mask.png", mask)
    loaded = LoadMammogramd(["image", "label"])(
        {"image": tmp_path / "image.nii.gz", "label": str(tmp_path / "mask.png")}
    )
    assert loaded["image"].shape == (70, 96, 1)
    np.testing.assert_array_equal(loaded["label"].numpy().reshape(70, 96), mask.T > 0)
