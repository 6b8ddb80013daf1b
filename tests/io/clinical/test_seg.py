# SPDX-License-Identifier: Apache-2.0
"""Segmentations, read back by highdicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from mammozoo.io.clinical.common import Tracking
from mammozoo.io.clinical.seg import KINDS, read_segmentation, write_segmentation
from mammozoo.io.errors import BadHeaderError, MammogramError, NotAnImageError

SOURCES = ("plain", "spaced", "capture")
SHAPE = (65, 47)


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("kind", KINDS)
def test_segmentation_reads_back(kind: str, make: str, examples: Any, tmp_path: Path) -> None:
    source, labels = getattr(examples, make)(), examples.labels
    array = np.linspace(0, 1, labels.size, dtype=np.float32).reshape(SHAPE) if kind == "fractional" else labels
    tracking = [Tracking.new(f"lesion {k}") for k in range(1 if kind == "fractional" else 2)]
    file = write_segmentation(tmp_path / "seg.dcm", array, source, kind=kind, tracking=tracking, **examples.algorithm)
    read = read_segmentation(file)
    np.testing.assert_allclose(read.mask, array, atol=0.5 / 255 + 1e-6 if kind == "fractional" else 0)
    assert read.mask.dtype == (np.float32 if kind == "fractional" else np.uint8)
    assert read.kind == kind
    assert read.tracking == tuple(tracking)
    assert read.algorithm == ("AUNet", "0.1.0")
    assert len(read.labels) == len(tracking)
    assert read.source_sop_instance_uid == pydicom.dcmread(source).SOPInstanceUID
    assert read_segmentation(file, source_sop_instance_uid=read.source_sop_instance_uid).labels == read.labels


@pytest.mark.parametrize("kind", KINDS)
def test_empty_mask_is_a_result(kind: str, examples: Any, tmp_path: Path) -> None:
    empty = np.zeros(SHAPE, np.float32 if kind == "fractional" else np.uint8)
    file = write_segmentation(tmp_path / "seg.dcm", empty, examples.plain(), kind=kind, **examples.algorithm)
    read = read_segmentation(file)
    assert read.labels == ("Lesion",)
    assert not read.mask.any()


def test_masks_of_bool_and_255_are_one_segment(examples: Any, tmp_path: Path) -> None:
    source = examples.plain()
    mask = examples.labels != 0
    for array in (mask, mask.astype(np.uint8) * 255):
        read = read_segmentation(write_segmentation(tmp_path / "seg.dcm", array, source, **examples.algorithm))
        np.testing.assert_array_equal(read.mask, mask)


def test_segment_says_where_and_by_what(examples: Any, tmp_path: Path) -> None:
    file = write_segmentation(tmp_path / "seg.dcm", examples.labels, examples.spaced(), **examples.algorithm)
    dataset = pydicom.dcmread(file)
    segment = dataset.SegmentSequence[1]
    region = segment.AnatomicRegionSequence[0]
    assert (region.CodeValue, region.AnatomicRegionModifierSequence[0].CodeMeaning) == ("76752008", "Right")
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Lesion"
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(value) for value in measures.PixelSpacing] == [0.07, 0.08]
    assert dataset.PatientOrientation == ["P", "FL"]


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((4, 4), np.uint8), {}, "native size"),
        (np.zeros(SHAPE, np.float32), {}, "threshold the probabilities"),
        (np.full(SHAPE, 3, np.uint8), {}, "without gaps"),
        (np.full(SHAPE, -1, np.int16), {}, "without gaps"),
        (np.full(SHAPE, 1.5, np.float32), {"kind": "fractional"}, "from 0 to 1"),
        (np.full(SHAPE, np.nan, np.float32), {"kind": "fractional"}, "from 0 to 1"),
        (np.zeros(SHAPE, np.uint8), {"kind": "fractional"}, "from 0 to 1"),
        (np.zeros(SHAPE, np.uint8), {"kind": "surface"}, "none of binary"),
        (np.zeros(SHAPE, np.uint8), {"tracking": []}, "tracking"),
        (np.zeros(SHAPE, np.uint8), {"algorithm_name": ""}, "algorithm_name"),
        (np.zeros(SHAPE, np.uint8), {"algorithm_version": "1" * 65}, "algorithm_version"),
    ],
)
def test_segmentation_refuses(
    array: np.ndarray, options: dict[str, Any], message: str, examples: Any, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        write_segmentation(tmp_path / "seg.dcm", array, examples.plain(), **examples.algorithm | options)
    assert not (tmp_path / "seg.dcm").exists()


def test_reading_refuses_other_files(examples: Any, tmp_path: Path) -> None:
    source = examples.plain()
    with pytest.raises(NotAnImageError, match="no DICOM segmentation"):
        read_segmentation(source)
    file = write_segmentation(tmp_path / "seg.dcm", examples.labels, source, **examples.algorithm)
    with pytest.raises(BadHeaderError, match="other image"):
        read_segmentation(file, source_sop_instance_uid="1.2.3")
    (tmp_path / "text.dcm").write_text("no DICOM")
    with pytest.raises(MammogramError):
        read_segmentation(tmp_path / "text.dcm")
    dataset = pydicom.dcmread(file)
    dataset.Rows = 60000
    dataset.save_as(tmp_path / "huge.dcm")
    with pytest.raises(BadHeaderError, match="over the limit"):
        read_segmentation(tmp_path / "huge.dcm")


def test_damaged_segmentations_raise_our_errors_only(examples: Any, tmp_path: Path) -> None:
    file = write_segmentation(tmp_path / "seg.dcm", examples.labels, examples.plain(), **examples.algorithm)
    data = file.read_bytes()
    rng = np.random.default_rng(0)
    damaged = tmp_path / "damaged.dcm"
    outcomes = set()
    for _ in range(40):
        copy = bytearray(data)
        for position in rng.integers(132, len(data), 8):
            copy[position] = rng.integers(256)
        damaged.write_bytes(bytes(copy[: rng.integers(200, len(data))]))
        try:
            outcomes.add(read_segmentation(damaged).kind)
        except MammogramError:
            outcomes.add("refused")
    assert "refused" in outcomes
