# SPDX-License-Identifier: Apache-2.0
"""Masks as NIfTI."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImaged

from mammozoo.io.errors import MammogramError
from mammozoo.io.raster.nifti import read_nifti, write_mask_nifti


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((9, 5), bool)
    mask[1, 0] = mask[7:, 3:] = True
    return mask


def test_round_trip(tmp_path: Path, mask: np.ndarray) -> None:
    file = write_mask_nifti(tmp_path / "mask.nii.gz", mask, pixel_spacing=(0.25, 0.125))
    back, spacing = read_nifti(file)
    np.testing.assert_array_equal(back, mask)
    assert back.dtype == np.uint8
    assert spacing == (0.25, 0.125)


def test_unknown_spacing_stays_unknown(tmp_path: Path, mask: np.ndarray) -> None:
    assert read_nifti(write_mask_nifti(tmp_path / "m.nii.gz", mask, pixel_spacing=None))[1] is None


def test_stored_form(tmp_path: Path, mask: np.ndarray) -> None:
    image = nib.load(write_mask_nifti(tmp_path / "m.nii.gz", mask, pixel_spacing=(0.2, 0.1)))
    assert image.shape == (5, 9, 1)
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_allclose(image.affine, np.diag([-0.1, -0.2, 1, 1]), atol=1e-7)
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-7)


# MONAI registers every reader it knows, and one of them complains of an absent GPU library.
@pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader")
def test_monai_loads_width_first_with_spacing(tmp_path: Path, mask: np.ndarray) -> None:
    file = write_mask_nifti(tmp_path / "m.nii.gz", mask, pixel_spacing=(0.2, 0.1))
    loaded = LoadImaged("label", image_only=True)({"label": str(file)})["label"]
    np.testing.assert_array_equal(np.asarray(loaded)[..., 0].T, mask)
    np.testing.assert_allclose(np.asarray(loaded.pixdim), [0.1, 0.2, 1], atol=1e-6)


def test_same_mask_same_bytes(tmp_path: Path, mask: np.ndarray) -> None:
    one = write_mask_nifti(tmp_path / "1.nii.gz", mask, pixel_spacing=None).read_bytes()
    assert one == write_mask_nifti(tmp_path / "2.nii.gz", mask, pixel_spacing=None).read_bytes()


@pytest.mark.parametrize(
    ("name", "shape", "spacing", "message"),
    [
        ("m.nii", (3, 3), None, "nii.gz"),
        ("m.nii.gz", (1, 3, 3), None, "(H, W)"),
        ("m.nii.gz", (3, 3), (0.0, 0.1), "positive"),
        ("m.nii.gz", (3, 3), (float("nan"), 0.1), "positive"),
    ],
)
def test_write_refuses(
    tmp_path: Path, name: str, shape: tuple[int, ...], spacing: tuple[float, float] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        write_mask_nifti(tmp_path / name, np.zeros(shape), pixel_spacing=spacing)


def test_read_takes_two_axes(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.eye(3, 2, dtype=np.int16) * 7, np.eye(4)), tmp_path / "a.nii")
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii")[0], 7 * np.eye(2, 3))


def test_read_refuses_volumes_and_damage(tmp_path: Path, mask: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 2), np.uint8), np.eye(4)), tmp_path / "volume.nii.gz")
    whole = write_mask_nifti(tmp_path / "m.nii.gz", mask, pixel_spacing=None).read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.nii.gz").write_bytes(b"no image")
    for name in ("volume.nii.gz", "cut.nii.gz", "text.nii.gz", "absent.nii.gz"):
        with pytest.raises(MammogramError, match=name):
            read_nifti(tmp_path / name)
