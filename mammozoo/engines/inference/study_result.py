# SPDX-License-Identifier: Apache-2.0
"""What a run on a study hands to those who tell of it: the result file and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Stands in every output.
NOTICE = "Research use only. Not a medical device, not for diagnosis."


@dataclass(frozen=True, kw_only=True)
class ImageResult:
    """What became of one input.

    Attributes
    ----------
    id : str
        Name of its folder in the output; says nothing of the patient.
    input : str
        What to call the input; says nothing of the patient.
    status : {"ok", "skipped", "incomplete", "failed"}
        Skipped: an image of a kind that the bundle does not read, as a specimen. Incomplete: predicted, but a DICOM
        object that was asked for could not be written; or not predicted because the image is flat.
    reason : str
        Empty when ``"ok"``.
    path : pathlib.Path
        The file. May hold a patient's name: not for results or logs.
    study : int
        Number of the study that it belongs to, from 1 in order of appearance; 0 = not known.
    laterality, view_position : str
        As in `mammozoo.io.dicom.read.Mammogram`; where the header is silent, what a manifest says.
    shape : (int, int) or None
        Rows and columns.
    pixel_spacing : (float, float) or None
        Row and column, in mm.
    dicom : bool
        Whether it is a DICOM file.
    flags, notes : tuple of str
        What the reader flags (implant, magnification, ...) and warns of.
    findings : tuple of mapping
        ``box_xyxy``, ``score``, ``area_px``, ``area_mm2``, by falling score.
    probability : float or None
        Of a classifier.
    files : tuple of str
        Written beside the image's id, by name.
    dropped : int
        Findings that were left out as too small; a note says by which size.
    """

    id: str
    input: str
    status: str
    reason: str = ""
    path: Path = field(repr=False)
    study: int = 0
    laterality: str = ""
    view_position: str = ""
    shape: tuple[int, int] | None = None
    pixel_spacing: tuple[float, float] | None = None
    dicom: bool = False
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()
    probability: float | None = None
    files: tuple[str, ...] = ()
    dropped: int = 0

    @property
    def predicted(self) -> bool:
        """Whether there is a prediction of it."""
        return self.status == "ok" or bool(self.files)

    @property
    def said(self) -> str:
        """What was found, in words."""
        if self.probability is not None:
            return f"probability {self.probability:.2f}"
        small = f" ({self.dropped} too small)" if self.dropped else ""
        return f"{len(self.findings) or 'no'} finding{'' if len(self.findings) == 1 else 's'}{small}"

    def to_dict(self) -> dict[str, Any]:
        """Everything but the path, ready for JSON."""
        return {name: value for name, value in vars(self).items() if name != "path"}


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """What became of all inputs.

    Attributes
    ----------
    bundle, version : str
    weights_sha256 : str
    threshold : float or None
    output_dir : pathlib.Path
    images : tuple of ImageResult
        One an input, in order.
    reports : tuple of str
        CAD reports, one per study, relative to the folder.
    """

    bundle: str
    version: str
    weights_sha256: str
    threshold: float | None
    output_dir: Path
    images: tuple[ImageResult, ...]
    reports: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[ImageResult, ...]:
        """Inputs of which something that was asked for is missing."""
        return tuple(image for image in self.images if image.status not in ("ok", "skipped"))

    def to_dict(self) -> dict[str, Any]:
        """The content of ``study.json``: nothing of the patient, no path of the input."""
        values = {name: value for name, value in vars(self).items() if name not in ("output_dir", "images")}
        return {"notice": NOTICE, **values, "images": [image.to_dict() for image in self.images]}
