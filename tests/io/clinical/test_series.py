# SPDX-License-Identifier: Apache-2.0
"""Series as an archive wants them: one a study and kind, UIDs that a repeated run finds again, valid objects."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from mammozoo.io.clinical.secondary_capture import write_secondary_capture
from mammozoo.io.clinical.seg import write_segmentation
from mammozoo.io.clinical.sr import write_measurement_report

VIEWS = (("L", "CC"), ("R", "CC"), ("L", "MLO"), ("R", "MLO"))
# One value in all instances of a series (PS3.3 C.7.3, C.7.4, C.7.5).
OF_THE_SERIES = (
    "Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Laterality", "FrameOfReferenceUID",
    "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceSerialNumber", "BodyPartExamined",
)  # fmt: skip


def _headers(examples: Any, *, version: str = "0.1.0", name: str = "AUNet") -> dict[str, list[pydicom.Dataset]]:
    """Objects of four views, as `predict` writes them."""
    written: dict[str, list[pydicom.Dataset]] = {"seg": [], "sr": [], "overlay": []}
    for number, (side, view) in enumerate(VIEWS, start=1):
        source = examples.mammogram(f"view{number}", laterality=side, view=view)
        options = {"algorithm_name": name, "algorithm_version": version, "instance_number": number}
        out = examples.folder
        picture = np.zeros((*examples.shape, 3), np.uint8)
        for kind, file in {
            "seg": write_segmentation(out / "seg.dcm", examples.labels, source, **options),
            "sr": write_measurement_report(out / "sr.dcm", examples.findings, source, **options),
            "overlay": write_secondary_capture(out / "overlay.dcm", picture, source, **options),
        }.items():
            written[kind].append(pydicom.dcmread(file))
    return written


def test_the_views_of_a_study_share_one_series_a_kind(examples: Any) -> None:
    written = _headers(examples)
    for kind, objects in written.items():
        assert len({str(item.SOPInstanceUID) for item in objects}) == 4, kind
        assert [item.InstanceNumber for item in objects] == [1, 2, 3, 4]
        for keyword in OF_THE_SERIES:
            assert len({str(item.get(keyword)) for item in objects}) == 1, (kind, keyword)
        assert len(objects[0].SeriesDescription) <= 64
        assert objects[0].SeriesDescription.endswith("AUNet 0.1.0, RESEARCH USE ONLY")
    for keyword in ("SeriesInstanceUID", "SeriesNumber", "SeriesDescription"):
        assert len({str(objects[0][keyword].value) for objects in written.values()}) == 3, keyword


def test_a_repeated_run_replaces_and_another_algorithm_does_not(examples: Any) -> None:
    first, again = _headers(examples), _headers(examples)
    for kind, objects in first.items():
        assert [i.SOPInstanceUID for i in objects] == [i.SOPInstanceUID for i in again[kind]]
        assert objects[0].SeriesInstanceUID == again[kind][0].SeriesInstanceUID
        assert objects[0].SOPInstanceUID.startswith("2.25.")
    for other in (_headers(examples, version="0.2.0"), _headers(examples, name="UNet")):
        for kind, objects in first.items():
            assert objects[0].SeriesInstanceUID != other[kind][0].SeriesInstanceUID
            assert objects[0].SOPInstanceUID != other[kind][0].SOPInstanceUID
            assert objects[0].SeriesDescription != other[kind][0].SeriesDescription
            assert objects[0].SeriesNumber != other[kind][0].SeriesNumber


def test_the_cad_report_is_one_of_the_study(examples: Any, tmp_path: Path) -> None:
    one, two = (
        pydicom.dcmread(examples.cad(tmp_path / "cad.dcm", examples.mammogram(f"v{n}"))) for n in (1, 2)
    )  # fmt: skip
    assert (one.SOPInstanceUID, one.SeriesInstanceUID) == (two.SOPInstanceUID, two.SeriesInstanceUID)
    other = examples.mammogram("v3", StudyInstanceUID="1.2.3")
    assert pydicom.dcmread(examples.cad(tmp_path / "cad.dcm", other)).SOPInstanceUID != one.SOPInstanceUID


def test_kinds_of_segmentation_are_different_objects(examples: Any) -> None:
    files = examples.write_all(examples.plain())
    assert len({pydicom.dcmread(files[kind]).SOPInstanceUID for kind in ("binary", "fractional", "labelmap")}) == 3


def test_a_drawing_is_new_each_time(examples: Any, tmp_path: Path) -> None:
    uids = set()
    for _ in range(2):
        options = {"algorithm_name": None, "algorithm_version": "1"}
        file = write_segmentation(tmp_path / "seg.dcm", examples.labels, examples.plain(), **options)
        dataset = pydicom.dcmread(file)
        uids.add((str(dataset.SOPInstanceUID), str(dataset.SegmentSequence[0].TrackingUID)))
        assert dataset.SegmentSequence[0].SegmentAlgorithmType == "MANUAL"
    assert len(uids) == 2
    assert len({uid for pair in uids for uid in pair}) == 4


def test_long_names_keep_version_and_intended_use(examples: Any) -> None:
    objects = _headers(examples, name="n" * 64, version="10.20.30-rc1")
    for kind, (first, *_) in objects.items():
        assert len(first.SeriesDescription) == 64, kind
        assert first.SeriesDescription.endswith(" 10.20.30-rc1, RESEARCH USE ONLY")


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("make", ["plain", "spaced", "capture"])
def test_dciodvfy_finds_no_error(make: str, examples: Any) -> None:
    for kind, file in examples.write_all(getattr(examples, make)()).items():
        done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False)
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        assert not errors or kind == "labelmap", (kind, errors)  # its SOP class is newer than the tool's tables
