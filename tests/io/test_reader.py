# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from monai.bundle import ConfigParser
from monai.data import list_data_collate
from monai.transforms import LoadImaged

from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.errors import MammogramError
from mammozoo.io.inspect import inspect_file, inspect_table
from mammozoo.io.raster.nifti import write_mask_nifti
from mammozoo.io.reader import MammogramReader

pytestmark = pytest.mark.filterwarnings("ignore:.*NvImgCodec.*:UserWarning")
PIXELS = (np.add.outer(np.arange(80) * 40, np.arange(48) * 9)).astype(np.uint16)  # not square, not symmetric


@pytest.fixture
def dicom(tmp_path: Path) -> Path:
    header = MammogramHeader(
        patient_id="CANARYID", patient_name="CANARY^NAME", laterality="L", view_position="MLO",
        pixel_spacing=(0.1, 0.2), uid_key="a", study_key="b", windows=[],
    )  # fmt: skip
    file = tmp_path / "image.dcm"
    file.write_bytes(mammogram_bytes(PIXELS, header))
    return file


def test_it_returns_a_transposed_view_and_complete_metadata(dicom: Path) -> None:
    reader = MammogramReader()
    found = reader.read(dicom)
    array, meta = reader.get_data(found)
    np.testing.assert_array_equal(array, PIXELS.T)
    assert np.shares_memory(array, found[0][1].pixels)
    assert (meta["laterality"], meta["view_position"]) == ("L", "MLO")
    np.testing.assert_allclose(meta["pixel_spacing"], (0.1, 0.2))
    np.testing.assert_allclose(np.diag(meta["affine"])[:2], (0.2, 0.1))
    assert "CANARY" not in repr(meta)


def test_monai_loads_and_collates_images_and_masks(dicom: Path, tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    assert cv2.imwrite(str(mask), (PIXELS > 2000).astype(np.uint8) * 255)
    config = {"_target_": "LoadImaged", "keys": ["image", "label"], "image_only": True,
              "reader": {"_target_": "mammozoo.io.reader.MammogramReader"}}  # fmt: skip
    load = ConfigParser(json.loads(json.dumps({"load": config}))).get_parsed_content("load")
    item = load({"image": str(dicom), "label": str(mask)})
    assert item["image"].shape == item["label"].shape == (48, 80)
    batch = list_data_collate([item, item])
    assert batch["image"].shape == (2, 48, 80)


@pytest.mark.parametrize("shape", [(48, 80), (48, 80, 1)])
def test_nifti_keeps_its_shape_and_spacing(tmp_path: Path, shape: tuple[int, ...]) -> None:
    file = tmp_path / "image.nii.gz"
    image = nibabel.Nifti1Image(PIXELS.T.reshape(shape).astype(np.int16), np.diag([-0.2, -0.1, 1, 1]))
    nibabel.save(image, file)
    array, meta = MammogramReader().get_data(MammogramReader().read(file))
    assert array.shape == shape
    np.testing.assert_allclose(meta["pixel_spacing"], (0.1, 0.2), rtol=1e-6)


def test_geometry_survives_reader_mask_png_and_nifti(dicom: Path, tmp_path: Path) -> None:
    """One pixel in a corner stays in that corner through every form."""
    mask = np.zeros(PIXELS.shape, np.uint8)
    mask[3, 40:44] = 1
    assert cv2.imwrite(str(tmp_path / "mask.png"), mask * 255)
    write_mask_nifti(tmp_path / "mask.nii.gz", mask, pixel_spacing=(0.1, 0.2))
    load = LoadImaged(["image", "png", "nifti"], reader=MammogramReader(), image_only=True)
    item = load({"image": dicom, "png": tmp_path / "mask.png", "nifti": tmp_path / "mask.nii.gz"})
    assert item["image"].shape == item["png"].shape
    np.testing.assert_array_equal(item["png"].numpy().T > 0, mask > 0)
    np.testing.assert_array_equal(item["nifti"].numpy()[..., 0].T > 0, mask > 0)


def test_a_bad_file_is_a_mammogram_error(tmp_path: Path) -> None:
    for name in ("bad.dcm", "bad.nii.gz"):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(MammogramError, match=r"bad\."):
            MammogramReader().read(tmp_path / name)


def test_inspection_of_good_and_bad_files(dicom: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.dcm").write_bytes(b"")
    reports = [inspect_file(dicom), inspect_file(tmp_path / "bad.dcm")]
    assert reports[0]["pixel_spacing"] == (0.1, 0.2)
    assert reports[1] == {"file": "bad.dcm", "error": "bad.dcm is empty"}
    lines = inspect_table(reports).splitlines()
    assert "80 x 48, 12 bit" in lines[1]
    assert "ERROR" in lines[2]
    assert "CANARY" not in json.dumps(reports)


def test_an_unexpected_presentation_intent_warns(dicom: Path) -> None:
    """The phantom is FOR PRESENTATION."""
    assert MammogramReader(intents=["FOR PRESENTATION"]).read(dicom)
    with pytest.warns(UserWarning, match="image.dcm is FOR PRESENTATION; expected FOR PROCESSING"):
        MammogramReader(intents=["FOR PROCESSING"]).read(dicom)
