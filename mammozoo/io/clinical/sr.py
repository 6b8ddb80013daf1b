# SPDX-License-Identifier: Apache-2.0
"""Findings as a DICOM measurement report (TID 1500): regions, areas, certainties, side and view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ..._optional import optional_import
from ..._typing import Array, PathLike
from ..dicom.geometry import laterality, view_position
from ..dicom.spacing import pixel_spacing
from ..dicom.writer import seeded_uid
from . import codes
from .common import (
    CERTAINTY,
    RESEARCH_USE,
    Tracking,
    check_algorithm,
    check_file_name,
    own_errors,
    place,
    quietly,
    save,
)
from .outline import Region, finding_regions
from .source import read_source

__all__ = ["write_measurement_report"]


@own_errors()
def write_measurement_report(
    path: PathLike,
    findings: Sequence[Any],
    source_path: PathLike,
    *,
    mask: Array | None = None,
    algorithm_name: str,
    algorithm_version: str,
    finding_code: Code = codes.MAMMOGRAPHIC_MASS,
    tracking: Sequence[Tracking] | None = None,
    instance_number: int = 1,
) -> Path:
    """Write what was found on one mammogram as a TID 1500 measurement report.

    Parameters
    ----------
    path : path
        File to write; its name must not repeat a value of the patient module.
    findings : sequence of mappings or objects
        With box_xyxy (pixels, half-open), score (0 to 1) and optionally area_px and area_mm2. May be empty.
    source_path : path
        The image (DICOM).
    mask : (H, W) array, optional
        Non-zero is lesion, in the image's native size; gives the outlines. Without it they are the boxes.
    algorithm_name, algorithm_version : str
        At most 64 characters each.
    finding_code : pydicom.sr.coding.Code
        Type of the findings.
    tracking : sequence of Tracking, optional
        One a finding; by default those of a segmentation by the same algorithm.
    instance_number : int
        Position in the series: from 1, another for every image of a study.

    Returns
    -------
    pathlib.Path
        The file, a Comprehensive SR: each finding a planar region in pixels of the image, with area (mm2, or pixels
        where the spacing is unknown; three digits), certainty (whole percent), breast, side and view. Series and
        UIDs as of `mammozoo.io.clinical.seg.write_segmentation`.

    Raises
    ------
    MammogramError
        If the source is not an image that can be referred to.
    ValueError
        If a finding, the mask, the file name, tracking or an algorithm's name cannot be used.
    ImportError
        Without highdicom (extra ``clinic``).

    Notes
    -----
    A first group describes the image: side, view, and whether anything was found, so that an empty list of findings is
    a statement too. Side and view that the source does not give are absent. The score is written as Certainty of
    Finding; the parameters of the algorithm say that it is not a probability of cancer.

    References
    ----------
    PS3.16 TID 1500, 1410, 1501; PS3.3 A.35.3 and C.18.6 (spatial coordinates).

    Examples
    --------
    >>> import tempfile
    >>> from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
    >>> header = MammogramHeader(patient_id="SYNTHETIC-1", laterality="L", view_position="CC",
    ...                          pixel_spacing=(0.1, 0.1), uid_key="1", study_key="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder, "image.dcm")
    ...     _ = source.write_bytes(mammogram_bytes(np.zeros((8, 8), np.uint16), header))
    ...     write_measurement_report(Path(folder, "sr.dcm"), [{"box_xyxy": (1, 1, 4, 5), "score": 0.9}], source,
    ...                              algorithm_name="example", algorithm_version="1").name
    'sr.dcm'
    """
    highdicom = optional_import("highdicom", extra="clinic")
    check_algorithm(algorithm_name, algorithm_version)
    check_file_name(path, source_path)
    source = read_source(source_path)
    regions = finding_regions(
        findings,
        mask=mask,
        shape=(source.Rows, source.Columns),
        pixel_spacing=pixel_spacing(source)[0],
    )
    made_by = {"name": algorithm_name, "version": algorithm_version}
    if tracking is None:
        tracking = [Tracking.of(f"lesion {index}", source, **made_by) for index in range(1, len(regions) + 1)]
    if len(tracking) != len(regions):
        msg = f"{len(regions)} findings need as many tracking entries, got {len(tracking)}"
        raise ValueError(msg)
    where = place(source, "sr", **made_by)
    with quietly(source):
        writer = _Writer(highdicom.sr, source, algorithm_name, algorithm_version)
        groups = [
            writer.image_group(found=bool(regions)),
            *(writer.finding_group(region, item, finding_code) for region, item in zip(regions, tracking, strict=True)),
        ]
        dataset = highdicom.sr.ComprehensiveSR(
            evidence=[source],
            content=writer.report(groups)[0],
            series_instance_uid=where.series_uid,
            series_number=where.series_number,
            sop_instance_uid=where.instance_uid,
            instance_number=instance_number,
            manufacturer="MammoZoo",
            manufacturer_model_name=algorithm_name,
            software_versions=algorithm_version,
            series_description=where.description,
            specific_character_set="ISO_IR 192",
            is_complete=True,
        )
    dataset.PatientName = source.PatientName
    for element in dataset.iterall():
        if element.keyword == "NumericValue":
            element.value = f"{element.value:.10g}"  # 91 and not 91.0
    return save(path, dataset)


@dataclass(frozen=True)
class _Writer:
    """Content items of one image's report."""

    sr: ModuleType
    source: Dataset
    algorithm_name: str
    algorithm_version: str

    def report(self, groups: list[Any]) -> Any:
        """TID 1500: the root, its observer, its groups."""
        observer = self.sr.ObserverContext(
            observer_type=codes.DEVICE,
            observer_identifying_attributes=self.sr.DeviceObserverIdentifyingAttributes(
                uid=seeded_uid(f"device {self.algorithm_name} {self.algorithm_version}"),
                name=self.algorithm_name,
                manufacturer_name="MammoZoo",
                model_name=f"{self.algorithm_name} {self.algorithm_version}, {RESEARCH_USE.lower()}",
            ),
        )
        return self.sr.MeasurementReport(
            observation_context=self.sr.ObservationContext(observer_device_context=observer),
            procedure_reported=codes.MAMMOGRAPHY,
            imaging_measurements=groups,
            title=codes.MEASUREMENT_REPORT,
        )

    def image_group(self, *, found: bool) -> Any:
        """TID 1501: the whole image, and whether anything was found on it."""
        summary = codes.WITH_FINDINGS if found else codes.WITHOUT_FINDINGS
        image = Tracking.of("image", self.source, name=self.algorithm_name, version=self.algorithm_version)
        return self.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=self.sr.TrackingIdentifier(uid=image.uid, identifier=image.identifier),
            algorithm_id=self._algorithm(),
            finding_sites=self._sites(),
            qualitative_evaluations=[self.sr.QualitativeEvaluation(codes.CAD_SUMMARY, summary), *self._view()],
            source_images=[self.sr.SourceImageForMeasurementGroup.from_source_image(self.source)],
        )

    def finding_group(self, region: Region, tracking: Tracking, finding: Code) -> Any:
        """TID 1410: one region."""
        sr = self.sr
        unit = codes.PIXELS if region.area_mm2 is None else codes.SQUARE_MILLIMETER
        return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(uid=tracking.uid, identifier=tracking.identifier),
            referenced_region=sr.ImageRegion(
                graphic_type=sr.GraphicTypeValues.POLYLINE,
                graphic_data=np.asarray(region.outline, np.float64),
                source_image=sr.SourceImageForRegion.from_source_image(self.source),
            ),
            finding_type=finding,
            algorithm_id=self._algorithm(),
            finding_sites=self._sites(),
            measurements=[
                sr.Measurement(codes.AREA, region.area, unit),
                sr.Measurement(codes.CERTAINTY_OF_FINDING, region.certainty, codes.PERCENT),
            ],
            qualitative_evaluations=self._view() or None,
        )

    def _algorithm(self) -> Any:
        return self.sr.AlgorithmIdentification(
            name=self.algorithm_name, version=self.algorithm_version, parameters=[RESEARCH_USE.lower(), CERTAINTY]
        )

    def _sites(self) -> list[Any]:
        return [self.sr.FindingSite(codes.BREAST, laterality=codes.LATERALITIES.get(laterality(self.source)))]

    def _view(self) -> list[Any]:
        view = codes.VIEWS.get(view_position(self.source)[0])
        return [] if view is None else [self.sr.QualitativeEvaluation(codes.IMAGE_VIEW, view)]
