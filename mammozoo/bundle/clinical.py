# SPDX-License-Identifier: Apache-2.0
"""The DICOM objects of predicted images and their study, made from the files that the bundle wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .._typing import Array, PathLike
from ..functional.components import label_components
from ..io.clinical.cad_sr import CadImage, write_cad_report
from ..io.clinical.common import Tracking
from ..io.clinical.secondary_capture import write_secondary_capture
from ..io.clinical.seg import write_segmentation
from ..io.clinical.source import read_source
from ..io.clinical.sr import write_measurement_report
from ..io.errors import BadPixelsError

__all__ = [
    "CAD_FILE", "CLINICAL_FILES", "lesion_segments", "read_findings", "write_clinical_objects",
    "write_examination_report",
]  # fmt: skip

#: Kind of object -> its file in the image's folder.
CLINICAL_FILES = {"seg": "seg.dcm", "sr": "sr.dcm", "overlay": "overlay.dcm"}
#: The one object of a whole study.
CAD_FILE = "cad_sr.dcm"
# A segment is a frame of its own; a noisy mask of hundreds of pieces would make a file of hundreds of megabytes.
MAX_SEGMENTS = 20


def lesion_segments(mask: Array, findings: Sequence[Mapping[str, Any]]) -> Array:
    """Number the lesions of a mask as its findings are: the first finding is segment 1.

    Parameters
    ----------
    mask : numpy.ndarray of shape (H, W)
        Non-zero is lesion.
    findings : sequence of mapping
        ``box_xyxy`` and ``area_px`` of the mask's 8-connected components, in any order.

    Returns
    -------
    numpy.ndarray of shape (H, W), uint8
        0 = background. One segment for all lesions where there are more than 20, or where the findings are not the
        components of the mask (those of a detector are not).

    Examples
    --------
    >>> mask = np.array([[1, 0, 1]])
    >>> found = [{"box_xyxy": [2, 0, 3, 1], "area_px": 1}, {"box_xyxy": [0, 0, 1, 1], "area_px": 1}]
    >>> lesion_segments(mask, found).tolist()
    [[2, 0, 1]]
    """
    labels, statistics = label_components(mask)
    components = {
        (x, y, x + width, y + height, area): number
        for number, (x, y, width, height, area) in enumerate(statistics.tolist(), start=1)
    }
    keys: list[Any] = [(*(int(value) for value in item["box_xyxy"]), int(item["area_px"])) for item in findings]
    if len(keys) > MAX_SEGMENTS or len(components) != len(statistics) or set(keys) != set(components):
        return (mask != 0).astype(np.uint8)
    numbers = np.zeros(len(statistics) + 1, np.uint8)
    for segment, key in enumerate(keys, start=1):
        numbers[components[key]] = segment
    return np.asarray(numbers[labels])


def write_clinical_objects(
    folder: PathLike,
    source_path: PathLike,
    kinds: Iterable[str],
    *,
    algorithm_name: str,
    algorithm_version: str,
    instance_number: int = 1,
) -> tuple[Path, ...]:
    """Write segmentation, measurement report and overlay of one image as DICOM files.

    Parameters
    ----------
    folder : path
        Holds ``mask.png``, ``overlay.png`` and ``findings.json``; receives the files of `CLINICAL_FILES`.
    source_path : path
        The image (DICOM).
    kinds : iterable of {"seg", "sr", "overlay"}
    algorithm_name, algorithm_version : str
    instance_number : int
        Position of the image in its study, from 1.

    Returns
    -------
    tuple of pathlib.Path
        What was written.

    Raises
    ------
    MammogramError
        If the source is no image that can be referred to, or a file of the folder is damaged.
    ValueError
        If mask and image differ in size, or the name of the algorithm cannot be used.

    Notes
    -----
    A lesion has one tracking UID in the segmentation and in the measurement report, so that a viewer can tie its
    outline to its numbers.
    """
    here = Path(folder)
    options: dict[str, Any] = {
        "algorithm_name": algorithm_name[:64],
        "algorithm_version": algorithm_version[:64],
        "instance_number": instance_number,
    }
    written = []
    for kind in kinds:
        path = here / CLINICAL_FILES[kind]
        if kind == "overlay":
            write_secondary_capture(path, _picture(here / "overlay.png"), source_path, **options)
        elif kind == "seg":
            findings = read_findings(here)
            segments = lesion_segments(_picture(here / "mask.png"), findings)
            tracking = None
            if int(segments.max()) != len(findings):  # one segment, which is no single finding of the report
                source = read_source(source_path)
                tracking = [
                    Tracking.of("all lesions", source, name=algorithm_name[:64], version=algorithm_version[:64])
                ]
            write_segmentation(path, segments, source_path, tracking=tracking, **options)
        else:
            mask = _picture(here / "mask.png")
            write_measurement_report(path, read_findings(here), source_path, mask=mask, **options)
        written.append(path)
    return tuple(written)


def write_examination_report(
    path: PathLike,
    views: Sequence[tuple[Path, Path | None]],
    *,
    algorithm_name: str,
    algorithm_version: str,
    parameters: Sequence[str] = (),
) -> Path:
    """Write one CAD report (TID 4000) of all views of a study.

    Parameters
    ----------
    path : path
    views : sequence of (path, path or None)
        Each image (DICOM) and the folder of its results; None where the prediction failed.
    algorithm_name, algorithm_version : str
    parameters : sequence of str
        Of the algorithm: ``"threshold 0.5"``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    MammogramError, ValueError
        As `mammozoo.io.clinical.cad_sr.write_cad_report`.
    """
    return write_cad_report(
        path,
        [
            CadImage(source, failed=True)
            if folder is None
            else CadImage(source, read_findings(folder), _picture(folder / "mask.png"))
            for source, folder in views
        ],
        algorithm_name=algorithm_name[:64],
        algorithm_version=algorithm_version[:64],
        algorithm_parameters=parameters,
    )


def read_findings(folder: Path) -> list[dict[str, Any]]:
    """The findings of one image."""
    return list(json.loads((folder / "findings.json").read_text(encoding="utf-8")))


def _picture(path: Path) -> Array:
    """Read a PNG of ours as grey or RGB."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        msg = f"{path.name} is absent or damaged"
        raise BadPixelsError(msg)
    return np.asarray(image if image.ndim == 2 else image[..., ::-1])
