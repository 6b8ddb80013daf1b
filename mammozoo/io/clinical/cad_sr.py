# SPDX-License-Identifier: Apache-2.0
"""Findings as a Mammography CAD structured report (TID 4000), which mammography workstations read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.valuerep import DSfloat

from ..._typing import Array, PathLike
from ..dicom.geometry import laterality, pixel_spacing, view_position
from ..dicom.header import number, text
from . import codes
from .common import RESEARCH_USE, check_algorithm, check_file_name, clinical_dataset, read_source, reference, save
from .outline import Region, finding_regions

__all__ = ["SOP_CLASS", "write_cad_report"]

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.50"  # Mammography CAD SR Storage
_SERIES_NUMBER = 9003
# Position of the image in the tree, for references to it: root, second child (library), first entry.
_LIBRARY_ENTRY = [1, 2, 1]


def write_cad_report(
    path: PathLike,
    findings: Sequence[Any],
    source_path: PathLike,
    *,
    mask: Array | None = None,
    algorithm_name: str,
    algorithm_version: str,
    algorithm_parameters: Sequence[str] = (),
    finding_code: Code = codes.MAMMOGRAPHIC_DENSITY,
) -> Path:
    """Write what was found on one mammogram as a Mammography CAD SR.

    Parameters
    ----------
    path : path
        File to write; its name must not repeat a value of the patient module.
    findings : sequence of mappings or objects
        With box_xyxy (pixels, half-open) and score (0 to 1). May be empty: "without findings" is a result.
    source_path : path
        The mammogram (DICOM).
    mask : (H, W) array, optional
        Non-zero is lesion, in the image's native size; gives the outlines. Without it they are the boxes.
    algorithm_name, algorithm_version : str
        At most 64 characters each.
    algorithm_parameters : sequence of str
        For example ``"threshold 0.5"``.
    finding_code : pydicom.sr.coding.Code
        Type of the findings, of CID 6014; by default a density, which is what a mass is called on one image.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    MammogramError
        If the source is no image that can be referred to.
    ValueError
        If a finding, the mask, the file name or an algorithm's name cannot be used.

    Notes
    -----
    The score is written as Certainty of Finding in percent: how likely the finding is of its type. It is no
    probability of cancer, and none is written. Outline coordinates are columns and rows, 0, 0 the outer corner of the
    first pixel. View, laterality, orientation and spacing that the source lacks are absent from its library entry.
    No analysis (of density, symmetry, change) is attempted, and the report says so.

    References
    ----------
    PS3.16, TID 4000, 4001, 4003, 4006, 4015, 4017, 4019, 4020, 4021; PS3.3 A.35.5.

    Examples
    --------
    >>> import tempfile
    >>> from .mg_writer import MammogramHeader, mammogram_bytes
    >>> header = MammogramHeader(patient_id="SYNTHETIC-1", laterality="L", view_position="CC",
    ...                          pixel_spacing=(0.1, 0.1), uid_key="1", study_key="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder, "image.dcm")
    ...     _ = source.write_bytes(mammogram_bytes(np.zeros((8, 8), np.uint16), header))
    ...     write_cad_report(Path(folder, "cad.dcm"), [{"box_xyxy": (1, 1, 4, 5), "score": 0.9}], source,
    ...                      algorithm_name="example", algorithm_version="1").name
    'cad.dcm'
    """
    check_algorithm(algorithm_name, algorithm_version)
    check_file_name(path, source_path)
    source = read_source(source_path)
    regions = finding_regions(
        findings,
        mask=mask,
        shape=(source.Rows, source.Columns),
        pixel_spacing=pixel_spacing(source)[0],
    )
    algorithm = [
        _text("HAS PROPERTIES", codes.ALGORITHM_NAME, algorithm_name),
        _text("HAS PROPERTIES", codes.ALGORITHM_VERSION, algorithm_version),
        *(
            _text("HAS PROPERTIES", codes.ALGORITHM_PARAMETERS, item)
            for item in (*algorithm_parameters, RESEARCH_USE.lower())
        ),
    ]
    dataset = clinical_dataset(
        source,
        sop_class=SOP_CLASS,
        modality="SR",
        series_number=_SERIES_NUMBER,
        description="CAD findings",
        algorithm_name=algorithm_name,
        algorithm_version=algorithm_version,
    )
    _document(dataset, source)
    dataset.ContentSequence = [
        _code("HAS CONCEPT MOD", codes.LANGUAGE, codes.ENGLISH),
        _container("CONTAINS", codes.IMAGE_LIBRARY, [_library_entry(source)]),
        _impression(regions, algorithm, finding_code),
        _detections(algorithm, finding_code),
        _code("CONTAINS", codes.SUMMARY_OF_ANALYSES, codes.NOT_ATTEMPTED),
    ]
    return save(path, dataset)


def _document(dataset: Dataset, source: Dataset) -> None:
    """SR document series and general modules, and the root of the tree (PS3.3 C.17.1 to C.17.3)."""
    series, study = Dataset(), Dataset()
    series.ReferencedSOPSequence = [reference(source)]
    series.SeriesInstanceUID = source.SeriesInstanceUID
    study.ReferencedSeriesSequence = [series]
    study.StudyInstanceUID = source.StudyInstanceUID
    template = Dataset()
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
        items.append(_code(context, codes.IMAGE_LATERALITY, codes.BREAST_SIDES[side]))
    if view in codes.VIEWS:
        items.append(_code(context, codes.IMAGE_VIEW, codes.VIEWS[view]))
    orientation = [str(value) for value in source.get("PatientOrientation") or []]
    if len(orientation) == 2 and all(orientation):
        items.append(_text(context, codes.PATIENT_ORIENTATION_ROW, orientation[0]))
        items.append(_text(context, codes.PATIENT_ORIENTATION_COLUMN, orientation[1]))
    for name, keyword in (
        (codes.STUDY_DATE, "StudyDate"),
        (codes.STUDY_TIME, "StudyTime"),
        (codes.CONTENT_DATE, "ContentDate"),
        (codes.CONTENT_TIME, "ContentTime"),
    ):
        if value := text(source, keyword):
            items.append(_moment(context, name, value, kind="DATE" if keyword.endswith("Date") else "TIME"))
    for name, index in ((codes.HORIZONTAL_PIXEL_SPACING, 1), (codes.VERTICAL_PIXEL_SPACING, 0)):
        # The row names these two attributes: the detector's spacing, not that in the breast.
        spacing = number(source, "ImagerPixelSpacing", index=index) or number(source, "PixelSpacing", index=index)
        if spacing and spacing > 0:
            items.append(_number(context, name, 1000 * spacing, codes.MICROMETER))
    entry = _item("CONTAINS", "IMAGE", None, items)
    entry.ReferencedSOPSequence = [reference(source)]
    return entry


def _impression(regions: Sequence[Region], algorithm: Sequence[Dataset], finding: Code) -> Dataset:
    """TID 4001: the overall impression, and one individual impression a finding (TID 4003, 4006)."""
    summary = codes.WITH_FINDINGS if regions else codes.WITHOUT_FINDINGS
    return _code(
        "CONTAINS",
        codes.CAD_SUMMARY,
        summary,
        [
            _container(
                "INFERRED FROM",
                codes.INDIVIDUAL_IMPRESSION,
                [_intent(), _finding(region, algorithm, finding)],
            )
            for region in regions
        ],
    )


def _finding(region: Region, algorithm: Sequence[Dataset], finding: Code) -> Dataset:
    """TID 4006: type, algorithm, certainty and geometry (TID 4021)."""
    return _code(
        "CONTAINS",
        codes.SINGLE_IMAGE_FINDING,
        finding,
        [
            _intent(),
            *algorithm,
            _number("HAS PROPERTIES", codes.CERTAINTY_OF_FINDING, 100 * region.score, codes.PERCENT),
            _coordinates(codes.CENTER, "POINT", np.asarray(region.center)),
            _coordinates(codes.OUTLINE, "POLYLINE", region.outline),
        ],
    )


def _intent() -> Dataset:
    return _code("HAS CONCEPT MOD", codes.RENDERING_INTENT, codes.PRESENTATION_REQUIRED)


def _detections(algorithm: Sequence[Dataset], finding: Code) -> Dataset:
    """Rows 6 and 7 of the root: which detection ran, by which algorithm, on which image (TID 4015, 4017)."""
    performed = _code(
        "CONTAINS",
        codes.DETECTION_PERFORMED,
        finding,
        [*algorithm, _library_reference("HAS PROPERTIES")],
    )
    successful = _container("INFERRED FROM", codes.SUCCESSFUL_DETECTIONS, [performed])
    return _code("CONTAINS", codes.SUMMARY_OF_DETECTIONS, codes.SUCCEEDED, [successful])


def _item(relation: str, kind: str, name: Code | None, children: Sequence[Dataset] = ()) -> Dataset:
    item = Dataset()
    item.RelationshipType = relation
    item.ValueType = kind
    if name is not None:
        item.ConceptNameCodeSequence = [codes.code_item(name)]
    if children:
        item.ContentSequence = list(children)
    return item


def _container(relation: str, name: Code, children: Sequence[Dataset]) -> Dataset:
    item = _item(relation, "CONTAINER", name, children)
    item.ContinuityOfContent = "SEPARATE"
    return item


def _code(relation: str, name: Code, value: Code, children: Sequence[Dataset] = ()) -> Dataset:
    item = _item(relation, "CODE", name, children)
    item.ConceptCodeSequence = [codes.code_item(value)]
    return item


def _text(relation: str, name: Code, value: str) -> Dataset:
    item = _item(relation, "TEXT", name)
    item.TextValue = value
    return item


def _moment(relation: str, name: Code, value: str, *, kind: str) -> Dataset:
    item = _item(relation, kind, name)
    setattr(item, "Date" if kind == "DATE" else "Time", value)
    return item


def _number(relation: str, name: Code, value: float, unit: Code) -> Dataset:
    measured = Dataset()
    measured.NumericValue = DSfloat(round(value, 4), auto_format=True)
    measured.MeasurementUnitsCodeSequence = [codes.code_item(unit)]
    item = _item(relation, "NUM", name)
    item.MeasuredValueSequence = [measured]
    return item


def _coordinates(name: Code, graphic: str, points: Array) -> Dataset:
    item = _item("HAS PROPERTIES", "SCOORD", name, [_library_reference("SELECTED FROM")])
    item.GraphicType = graphic
    item.GraphicData = [float(value) for value in np.asarray(points, np.float32).ravel()]
    return item


def _library_reference(relation: str) -> Dataset:
    """Refer to the image's entry in the library instead of repeating it."""
    item = Dataset()
    item.RelationshipType = relation
    item.ReferencedContentItemIdentifier = _LIBRARY_ENTRY
    return item
