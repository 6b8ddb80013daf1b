# SPDX-License-Identifier: Apache-2.0
"""What was found in an examination as one Mammography CAD report (TID 4000), which mammography workstations read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ..._typing import Array, PathLike
from ..dicom.geometry import laterality, view_position
from ..dicom.header import number as header_number
from ..dicom.header import text
from ..dicom.spacing import pixel_spacing
from . import codes, content
from .common import (
    CERTAINTY,
    RESEARCH_USE,
    check_algorithm,
    check_file_name,
    clinical_dataset,
    own_errors,
    place,
    reference,
    save,
)
from .outline import Region, finding_regions
from .source import read_source

__all__ = ["SOP_CLASS", "CadImage", "write_cad_report"]

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.50"  # Mammography CAD SR Storage


@dataclass(frozen=True)
class CadImage:
    """One view of the examination and what was found on it."""

    source_path: PathLike
    findings: Sequence[Any] = ()
    mask: Array | None = field(default=None, repr=False)
    failed: bool = False


@own_errors()
def write_cad_report(
    path: PathLike,
    images: Sequence[CadImage],
    *,
    algorithm_name: str,
    algorithm_version: str,
    algorithm_parameters: Sequence[str] = (),
    finding_code: Code = codes.MAMMOGRAPHIC_DENSITY,
) -> Path:
    """Write what was found on the views of one examination as a Mammography CAD SR.

    Parameters
    ----------
    path : path
        File to write; its name must not repeat a value of the patient module.
    images : sequence of CadImage
        All views of one study.
    algorithm_name, algorithm_version : str
        At most 64 characters each.
    algorithm_parameters : sequence of str
        For example ``"threshold 0.5"``.
    finding_code : pydicom.sr.coding.Code
        Type of the findings, of CID 6014; by default a density, which is what a mass is called on one image.

    Returns
    -------
    pathlib.Path
        The file. Series and instance UID are derived from the study's UID, the algorithm and its version: a repeated
        run replaces.

    Raises
    ------
    MammogramError
        If a source is not an image that can be referred to.
    ValueError
        If the images are none or of several studies, or a finding, a mask, the file name or an algorithm's name cannot
        be used.

    Notes
    -----
    The score is written as Certainty of Finding in whole percent; the parameters of the algorithm say that it is no
    probability of cancer, and none is written. Outline coordinates are columns and rows, 0, 0 the outer corner of the
    first pixel. What a source lacks of view, laterality, orientation and spacing is absent from its library entry.
    Findings of two views are not related to each other; no analysis (of density, symmetry, change) is attempted, and
    the report says so.

    References
    ----------
    PS3.16, TID 4000, 4001, 4003, 4006, 4015, 4017, 4019, 4020, 4021; PS3.3 A.35.5.

    Examples
    --------
    >>> import tempfile
    >>> from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
    >>> header = MammogramHeader(patient_id="SYNTHETIC-1", laterality="L", view_position="CC",
    ...                          pixel_spacing=(0.1, 0.1), uid_key="1", study_key="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder, "image.dcm")
    ...     _ = source.write_bytes(mammogram_bytes(np.zeros((8, 8), np.uint16), header))
    ...     view = CadImage(source, [{"box_xyxy": (1, 1, 4, 5), "score": 0.9}])
    ...     write_cad_report(Path(folder, "cad.dcm"), [view], algorithm_name="example", algorithm_version="1").name
    'cad.dcm'
    """
    check_algorithm(algorithm_name, algorithm_version)
    for image in images:
        check_file_name(path, image.source_path)
    views = [_View.read(image, number) for number, image in enumerate(images, start=1)]
    if len({str(view.source.StudyInstanceUID) for view in views}) != 1:
        msg = f"a CAD report tells of one study; got {len(views)} images, which are none or of several studies"
        raise ValueError(msg)
    source, made_by = views[0].source, {"name": algorithm_name, "version": algorithm_version}
    algorithm = [
        content.text_item("HAS PROPERTIES", codes.ALGORITHM_NAME, algorithm_name),
        content.text_item("HAS PROPERTIES", codes.ALGORITHM_VERSION, algorithm_version),
        *(
            content.text_item("HAS PROPERTIES", codes.ALGORITHM_PARAMETERS, item)
            for item in (*algorithm_parameters, CERTAINTY, RESEARCH_USE.lower())
        ),
    ]
    where = place(source, "cad", of="StudyInstanceUID", **made_by)
    dataset = clinical_dataset(source, where, sop_class=SOP_CLASS, modality="SR", instance_number=1, **made_by)
    _document(dataset, views)
    dataset.ContentSequence = [
        content.code("HAS CONCEPT MOD", codes.LANGUAGE, codes.ENGLISH),
        content.container("CONTAINS", codes.IMAGE_LIBRARY, [_library_entry(view.source) for view in views]),
        _impression(views, algorithm, finding_code),
        _detections(views, algorithm, finding_code),
        content.code("CONTAINS", codes.SUMMARY_OF_ANALYSES, codes.NOT_ATTEMPTED),
    ]
    return save(path, dataset)


@dataclass(frozen=True)
class _View:
    """An image, its regions, and where its entry is in the tree."""

    source: Dataset
    regions: tuple[Region, ...]
    failed: bool
    entry: tuple[int, int, int]  # root, second child (library), n-th entry

    @classmethod
    def read(cls, image: CadImage, number: int) -> _View:
        source = read_source(image.source_path)
        regions = finding_regions(
            () if image.failed else image.findings,
            mask=image.mask,
            shape=(source.Rows, source.Columns),
            pixel_spacing=pixel_spacing(source)[0],
        )
        return cls(source, regions, image.failed, (1, 2, number))


def _document(dataset: Dataset, views: Sequence[_View]) -> None:
    """SR document series and general modules, and the root of the tree (PS3.3 C.17.1 to C.17.3)."""
    series: dict[str, Dataset] = {}
    for view in views:
        item = series.setdefault(str(view.source.SeriesInstanceUID), Dataset())
        item.SeriesInstanceUID = view.source.SeriesInstanceUID
        item.ReferencedSOPSequence = [*item.get("ReferencedSOPSequence", ()), reference(view.source)]
    study, template = Dataset(), Dataset()
    study.ReferencedSeriesSequence = list(series.values())
    study.StudyInstanceUID = dataset.StudyInstanceUID
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "4000"
    for keyword, value in {
        "ReferencedPerformedProcedureStepSequence": [],
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED",
        "PerformedProcedureCodeSequence": [],
        "CurrentRequestedProcedureEvidenceSequence": [study],
        "ValueType": "CONTAINER",
        "ConceptNameCodeSequence": [codes.code_item(codes.MAMMOGRAPHY_CAD_REPORT)],
        "ContinuityOfContent": "SEPARATE",
        "ContentTemplateSequence": [template],
    }.items():
        setattr(dataset, keyword, value)


def _library_entry(source: Dataset) -> Dataset:
    """TID 4020: the image, and what its header says of how it was taken."""
    context = "HAS ACQ CONTEXT"
    side, view = laterality(source), view_position(source)[0]
    items: list[Dataset] = []
    if side:
        items.append(content.code(context, codes.IMAGE_LATERALITY, codes.BREAST_SIDES[side]))
    if view in codes.VIEWS:
        items.append(content.code(context, codes.IMAGE_VIEW, codes.VIEWS[view]))
    orientation = [str(value) for value in source.get("PatientOrientation") or []]
    if len(orientation) == 2 and all(orientation):
        items.append(content.text_item(context, codes.PATIENT_ORIENTATION_ROW, orientation[0]))
        items.append(content.text_item(context, codes.PATIENT_ORIENTATION_COLUMN, orientation[1]))
    for name, keyword in (
        (codes.STUDY_DATE, "StudyDate"),
        (codes.STUDY_TIME, "StudyTime"),
        (codes.CONTENT_DATE, "ContentDate"),
        (codes.CONTENT_TIME, "ContentTime"),
    ):
        if value := text(source, keyword):
            kind = "DATE" if keyword.endswith("Date") else "TIME"
            items.append(content.moment(context, name, value, kind=kind))
    for name, index in ((codes.HORIZONTAL_PIXEL_SPACING, 1), (codes.VERTICAL_PIXEL_SPACING, 0)):
        # The row names these two attributes: the detector's spacing, not that in the breast.
        found = [header_number(source, keyword, index=index) for keyword in ("ImagerPixelSpacing", "PixelSpacing")]
        if spacing := next((value for value in found if value and value > 0), None):
            items.append(content.number(context, name, round(1000 * spacing, 1), codes.MICROMETER))
    entry = content.item("CONTAINS", "IMAGE", None, items)
    entry.ReferencedSOPSequence = [reference(source)]
    return entry


def _impression(views: Sequence[_View], algorithm: Sequence[Dataset], finding: Code) -> Dataset:
    """TID 4001: the overall impression, and one individual impression a finding (TID 4003, 4006)."""
    found, failed = any(view.regions for view in views), sum(view.failed for view in views)
    if failed == len(views):
        summary = codes.NONE_SUCCEEDED
    elif failed:
        summary = codes.PARTLY_WITH_FINDINGS if found else codes.PARTLY_WITHOUT_FINDINGS
    else:
        summary = codes.WITH_FINDINGS if found else codes.WITHOUT_FINDINGS
    impressions = [
        content.container(
            "INFERRED FROM",
            codes.INDIVIDUAL_IMPRESSION,
            [_intent(), _finding(region, algorithm, finding, image=view.entry)],
        )
        for view in views
        for region in view.regions
    ]
    return content.code("CONTAINS", codes.CAD_SUMMARY, summary, impressions)


def _finding(region: Region, algorithm: Sequence[Dataset], finding: Code, *, image: Sequence[int]) -> Dataset:
    """TID 4006: type, algorithm, certainty and geometry (TID 4021)."""
    return content.code(
        "CONTAINS",
        codes.SINGLE_IMAGE_FINDING,
        finding,
        [
            _intent(),
            *algorithm,
            content.number("HAS PROPERTIES", codes.CERTAINTY_OF_FINDING, region.certainty, codes.PERCENT),
            content.coordinates(codes.CENTER, "POINT", np.round(region.center, 1), image=image),
            content.coordinates(codes.OUTLINE, "POLYLINE", region.outline, image=image),
        ],
    )


def _intent() -> Dataset:
    return content.code("HAS CONCEPT MOD", codes.RENDERING_INTENT, codes.PRESENTATION_REQUIRED)


def _detections(views: Sequence[_View], algorithm: Sequence[Dataset], finding: Code) -> Dataset:
    """Row 6 of the root: which detection ran, by which algorithm, on which images (TID 4015, 4017)."""
    parts: Mapping[Code, list[_View]] = {
        codes.SUCCESSFUL_DETECTIONS: [view for view in views if not view.failed],
        codes.FAILED_DETECTIONS: [view for view in views if view.failed],
    }
    children = [
        content.container("INFERRED FROM", name, [_performed(of, algorithm, finding)])
        for name, of in parts.items()
        if of
    ]
    failed = len(parts[codes.FAILED_DETECTIONS])
    status = codes.FAILED if failed == len(views) else codes.PARTIALLY_SUCCEEDED if failed else codes.SUCCEEDED
    return content.code("CONTAINS", codes.SUMMARY_OF_DETECTIONS, status, children)


def _performed(views: Sequence[_View], algorithm: Sequence[Dataset], finding: Code) -> Dataset:
    images = [content.same_item("HAS PROPERTIES", view.entry) for view in views]
    return content.code("CONTAINS", codes.DETECTION_PERFORMED, finding, [*algorithm, *images])
