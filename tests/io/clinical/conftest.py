# SPDX-License-Identifier: Apache-2.0
"""Mammograms of three kinds, two lesions, and every object that is written of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from mammozoo.io.clinical.cad_sr import CadImage, write_cad_report
from mammozoo.io.clinical.secondary_capture import write_secondary_capture
from mammozoo.io.clinical.seg import KINDS, write_segmentation
from mammozoo.io.clinical.sr import write_measurement_report
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes

SHAPE = (65, 47)
HEADER: dict[str, Any] = {
    "patient_id": "CANARY-ID-7", "patient_name": "CANARY^NAME", "pixel_spacing": (0.07, 0.08), "study_key": "a",
    "patient_age": "055Y",
}  # fmt: skip


class Examples:
    """Files in one folder; the mammogram is a right MLO view unless said otherwise."""

    shape = SHAPE
    algorithm = {"algorithm_name": "AUNet", "algorithm_version": "0.1.0"}  # noqa: RUF012
    findings = (
        {"box_xyxy": (12, 10, 26, 31), "score": 0.9137, "area_px": 260, "area_mm2": None},
        {"box_xyxy": (5, 50, 9, 55), "score": 0.5},
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def labels(self) -> np.ndarray:
        labels = np.zeros(SHAPE, np.uint8)
        labels[10:30, 12:25] = 1
        labels[30, 25] = 1
        labels[50:55, 5:9] = 2
        return labels

    def mammogram(self, name: str = "source", *, laterality: str = "R", view: str = "MLO", **changes: Any) -> Path:
        """A mammogram with elements set, or removed by None."""
        path = self.folder / f"{name}.dcm"
        header = MammogramHeader(laterality=laterality, view_position=view, uid_key=f"a {name}", **HEADER)
        path.write_bytes(mammogram_bytes(np.full(SHAPE, 7, np.uint16), header))
        if changes:
            dataset = pydicom.dcmread(path)
            for keyword, value in changes.items():
                if value is None:
                    del dataset[keyword]
                else:
                    setattr(dataset, keyword, value)
            dataset.save_as(path)
        return path

    def plain(self) -> Path:
        """A mammogram with ImagerPixelSpacing only."""
        return self.mammogram()

    def spaced(self) -> Path:
        """The trap of segmentation readers: PixelSpacing without SliceThickness."""
        return self.mammogram(PixelSpacing=[0.07, 0.08], PixelSpacingCalibrationType="GEOMETRY")

    def capture(self) -> Path:
        """A secondary capture that says Modality MG and little else, as of CBIS-DDSM."""
        absent = (
            "ImagerPixelSpacing", "ImageLaterality", "ViewPosition", "ViewCodeSequence", "PatientOrientation",
            "StudyTime", "AccessionNumber", "ReferringPhysicianName", "SeriesDescription", "PatientBirthDate",
        )  # fmt: skip
        capture = "1.2.840.10008.5.1.4.1.1.7"
        return self.mammogram(SOPClassUID=capture, PatientSex="FEMALE", **dict.fromkeys(absent))

    def cad(self, path: Path, source: Path, *, mask: Any = None, findings: Any = findings, **options: Any) -> Path:
        """A CAD report of one view."""
        return write_cad_report(path, [CadImage(source, findings, mask)], **self.algorithm | options)

    def write_all(self, source: Path, *, prefix: str = "", **options: Any) -> dict[str, Path]:
        """Segmentations of all kinds, both reports and the overlay of one view."""
        labels, options = self.labels, self.algorithm | options
        mask = labels != 0
        out = {kind: self.folder / f"{prefix}{kind}.dcm" for kind in (*KINDS, "sr", "cad", "overlay")}
        write_segmentation(out["binary"], labels, source, **options)
        write_segmentation(out["fractional"], mask * np.float32(0.5), source, kind="fractional", **options)
        write_segmentation(out["labelmap"], labels, source, kind="labelmap", **options)
        write_measurement_report(out["sr"], self.findings, source, mask=mask, **options)
        write_cad_report(out["cad"], [CadImage(source, self.findings, mask)], **options)
        write_secondary_capture(out["overlay"], np.zeros((*SHAPE, 3), np.uint8), source, **options)
        return out

    @staticmethod
    def walk(item: Dataset) -> Iterator[Dataset]:
        """All content items of a report."""
        yield item
        for child in item.get("ContentSequence", []):
            yield from Examples.walk(child)

    @staticmethod
    def name(item: Dataset) -> str:
        """What the item is."""
        return str(item.ConceptNameCodeSequence[0].CodeMeaning) if "ConceptNameCodeSequence" in item else ""

    @staticmethod
    def value(item: Dataset) -> str:
        """What a CODE says."""
        return str(item.ConceptCodeSequence[0].CodeMeaning)


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    return Examples(tmp_path)
