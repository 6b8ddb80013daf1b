# SPDX-License-Identifier: Apache-2.0
"""DICOM objects made from the files of a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from mammozoo.bundle.clinical import MAX_SEGMENTS, lesion_segments, write_clinical_objects, write_examination_report
from mammozoo.engines.inference.prediction_files import write_prediction
from mammozoo.io.clinical.seg import read_segmentation
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.errors import BadPixelsError

SHAPE = (120, 90)
ALGORITHM: dict[str, Any] = {"algorithm_name": "n" * 70, "algorithm_version": "1"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    view: dict[str, Any] = {"laterality": "L", "view_position": "CC", "pixel_spacing": (0.1, 0.1)}
    header = MammogramHeader(patient_id="SYNTHETIC-1", uid_key="1", study_key="1", **view)
    path = tmp_path / "source.dcm"
    path.write_bytes(mammogram_bytes(np.zeros(SHAPE, np.uint16), header))
    return path


def _predicted(folder: Path, lesions: int) -> Path:
    probability = np.zeros(SHAPE, np.float32)
    for number in range(lesions):
        row, column = divmod(number, 10)
        probability[4 + 10 * row : 10 + 10 * row, 3 + 8 * column : 8 + 8 * column] = 0.6 + number / 100
    write_prediction(folder, probability=probability, image=np.zeros(SHAPE, np.uint16), pixel_spacing=(0.1, 0.1))
    return folder


def _tracked(path: Path) -> set[str]:
    return {str(e.value) for e in pydicom.dcmread(path).iterall() if e.keyword in ("UID", "TrackingUID")}


@pytest.mark.parametrize("lesions", [0, 1, 3, MAX_SEGMENTS, MAX_SEGMENTS + 1])
def test_segments_are_the_findings_of_the_report(lesions: int, source: Path, tmp_path: Path) -> None:
    folder = _predicted(tmp_path / "out", lesions)
    seg, sr, overlay = write_clinical_objects(folder, source, ("seg", "sr", "overlay"), **ALGORITHM)
    read = read_segmentation(seg)
    assert len(read.labels) == (max(lesions, 1) if lesions <= MAX_SEGMENTS else 1)
    assert int((read.mask > 0).sum()) == 30 * lesions
    shared = _tracked(seg) & _tracked(sr)
    assert len(shared) == (lesions if lesions <= MAX_SEGMENTS else 0)  # all lesions are no single one
    assert pydicom.dcmread(overlay).Rows == SHAPE[0]


def test_many_lesions_share_a_segment() -> None:
    mask = np.zeros((3, 2 * MAX_SEGMENTS + 3), np.uint8)
    mask[1, ::2] = 1
    boxes = [{"box_xyxy": [x, 1, x + 1, 2], "area_px": 1} for x in range(0, mask.shape[1], 2)]
    assert lesion_segments(mask, boxes).max() == 1
    few = boxes[:3]
    assert lesion_segments(mask * (np.arange(mask.shape[1]) < 6), few[::-1])[1, :6].tolist() == [3, 0, 2, 0, 1, 0]
    assert lesion_segments(mask, few).max() == 1  # findings of another mask


def test_a_damaged_mask_is_said(source: Path, tmp_path: Path) -> None:
    folder = _predicted(tmp_path / "out", 1)
    (folder / "mask.png").write_bytes(b"no picture")
    for write in (_seg, _report):
        with pytest.raises(BadPixelsError, match="mask.png is absent or damaged"):
            write(folder, source)


def _seg(folder: Path, source: Path) -> Any:
    return write_clinical_objects(folder, source, ("seg",), **ALGORITHM)


def _report(folder: Path, source: Path) -> Any:
    return write_examination_report(folder / "cad.dcm", [(source, folder)], **ALGORITHM)
