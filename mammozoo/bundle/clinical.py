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

#: Kind of object -> its file in the image's folder.
CLINICAL_FILES = {"seg": "seg.dcm", "sr": "sr.dcm", "overlay": "overlay.dcm"}
#: The one object of a whole study.
CAD_FILE = "cad_sr.dcm"
# A segment is a frame of its own; a noisy mask of hundreds of pieces would make a file of hundreds of megabytes.
MAX_SEGMENTS = 20


def lesion_segments(mask: Array, findings: Sequence[Mapping[str, Any]]) -> Array:
    """Number the lesions of a mask as its findings are: the first finding is segment 1."""
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
    """Write segmentation, measurement report and overlay of one image as DICOM files."""
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
            if int(segments.max()) != len(findings):  # one segment, which is not a single finding of the report
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
    """Write one CAD report (TID 4000) of all views of a study."""
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
