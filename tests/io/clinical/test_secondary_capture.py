# SPDX-License-Identifier: Apache-2.0
"""The overlay as a secondary capture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from mammozoo.io.clinical.secondary_capture import write_secondary_capture


def test_secondary_capture_holds_the_picture(examples: Any, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*examples.shape, 3)).astype(np.uint8)
    source, algorithm = examples.plain(), examples.algorithm
    same = pydicom.dcmread(write_secondary_capture(tmp_path / "same.dcm", picture, source, **algorithm))
    np.testing.assert_array_equal(same.pixel_array, picture)
    assert [float(value) for value in same.PixelSpacing] == [0.07, 0.08]
    assert (same.ImageLaterality, list(same.PatientOrientation)) == ("R", ["P", "FL"])
    origin = same.SourceImageSequence[0]
    assert origin.ReferencedSOPInstanceUID == pydicom.dcmread(source).SOPInstanceUID
    assert origin.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    small = pydicom.dcmread(write_secondary_capture(tmp_path / "small.dcm", picture[:3, :3], source, **algorithm))
    np.testing.assert_array_equal(small.pixel_array, picture[:3, :3])
    assert "PixelSpacing" not in small
    assert not small.PatientOrientation


@pytest.mark.parametrize(
    "overlay",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 4), "u1")],
)
def test_secondary_capture_refuses(overlay: np.ndarray, examples: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="RGB picture"):
        write_secondary_capture(tmp_path / "overlay.dcm", overlay, examples.plain(), **examples.algorithm)
