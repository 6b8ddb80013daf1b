# SPDX-License-Identifier: Apache-2.0
"""One image of a data set, in the only form that everything downstream knows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from .._errors import UserError

__all__ = ["LABELS", "Box", "Finding", "Outline", "Record", "is_unknown", "laterality_code", "view_code"]

Box = tuple[float, float, float, float]
Outline = tuple[tuple[float, float], ...]

#: Words that a label may be; empty where it is unknown.
LABELS = ("normal", "benign", "malignant")
_LATERALITY = {"": "", "L": "L", "LEFT": "L", "LT": "L", "R": "R", "RIGHT": "R", "RT": "R", "B": "B"}
#: What tables say where they know nothing: pandas, Excel, SQL and people.
_UNKNOWN = {
    "", "-", "--", "?", "<na>", "n/a", "#n/a", "na", "nan", "nat", "none", "null", "nil", "unknown", "unk", "undefined",
    "missing", "anon", "anonymous", "anonymized", "anonymised", "removed", "not available", "not known",
}  # fmt: skip


def is_unknown(text: str) -> bool:
    """Whether a cell says that nothing is known, as ``nan``, ``None`` or nothing at all."""
    return text.strip().lower() in _UNKNOWN


def laterality_code(text: str) -> str:
    """Laterality as DICOM writes it: ``L``, ``R``, ``B`` (both) or empty, of ``left``, ``LT``, ``R``..."""
    try:
        return _LATERALITY[text.strip().upper()]
    except KeyError:
        raise UserError(f"laterality {text!r} is none of L, R, B, LEFT, RIGHT; leave it empty where unknown") from None


def view_code(text: str) -> str:
    """View position in capitals, without blanks; unknown views are kept as they are."""
    return text.strip().upper()


def _check_box(box: Box, *, owner: str) -> None:
    x1, y1, x2, y2 = box
    if not (0 < x2 - x1 < math.inf and 0 < y2 - y1 < math.inf):
        raise UserError(f"{owner}: box {box} is empty; expected (x1, y1, x2, y2) in pixels with x2 > x1 and y2 > y1")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One annotated lesion of an image.

    Parameters
    ----------
    kind : str
        What it is, in lower case: ``"mass"``, ``"calcification"``, ``"distortion"``, ``"asymmetry"``...
    box : Box, optional
        (x1, y1, x2, y2) in pixels of the stored image, half-open.
    outline : Outline
        Closed polygon, (x, y) vertices in pixels of the stored image (x = column); empty where none.
    mask_path : str, optional
        File with the mask of this finding alone.
    class_name : str
        Label of the finding, for example ``"benign"``; empty where unknown.
    attributes : Mapping[str, str]
        Descriptors under their own names (shape, margins, subtlety...).

    Examples
    --------
    >>> Finding(kind="mass", box=(1, 2, 5, 9)).box
    (1, 2, 5, 9)
    """

    kind: str
    box: Box | None = None
    outline: Outline = ()
    mask_path: str | None = None
    class_name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.box is not None:
            _check_box(self.box, owner=f"finding {self.kind!r}")


@dataclass(frozen=True, kw_only=True)
class Record:
    """One image with everything that is known about it.

    Parameters
    ----------
    id : str
        Name of the image, unique in its data set.
    image : str
        Path of the image file.
    patient_id : str
        Group that splits must keep together. Where a data set names no patient it is the image's own id
        and `strata` carries ``patient_known = "no"``.
    laterality : str
        ``"L"``, ``"R"``, ``"B"`` or ``""``.
    view_position : str
        ``"CC"``, ``"MLO"``, ``"ML"``... or ``""``.
    modality : str
        ``"MG"`` or a data set's own word (``"low_energy"``, ``"subtracted"``); ``""`` where unknown.
    label_path : str, optional
        One file with the mask of all lesions, in the geometry of the image. None where there is none, or
        where the mask has to be composed from `findings` (see `mammozoo.data.masks.record_mask`).
    boxes : tuple of Box
        Lesion boxes (x1, y1, x2, y2) in pixels of the stored image, half-open.
    class_name : str
        Label of the image; ``""`` where unknown.
    pixel_spacing : (float, float), optional
        (row, column) spacing in mm.
    findings : tuple of Finding
        The lesions one by one, where the data set tells them apart.
    strata : Mapping[str, str]
        Every further column (density, pathology, subtlety...).
    origin : str
        Where a person wrote it down: file and line of a manifest, item of a datalist; empty for public data sets.

    Raises
    ------
    UserError
        If the id, the image or the patient is empty, the laterality is not a code, or a box is empty.

    Examples
    --------
    >>> Record(id="a", image="a.png", patient_id="p1", laterality="L").laterality
    'L'
    """

    id: str
    image: str
    patient_id: str
    laterality: str = ""
    view_position: str = ""
    modality: str = "MG"
    label_path: str | None = None
    boxes: tuple[Box, ...] = ()
    class_name: str = ""
    pixel_spacing: tuple[float, float] | None = None
    findings: tuple[Finding, ...] = ()
    strata: Mapping[str, str] = field(default_factory=dict, hash=False)
    origin: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for name in ("id", "image", "patient_id"):
            if not getattr(self, name):
                raise UserError(f"record {self.id!r}: {name} is empty")
        if self.laterality not in {"", "L", "R", "B"}:
            raise UserError(f"record {self.id!r}: laterality {self.laterality!r} is none of '', 'L', 'R', 'B'")
        for box in self.boxes:
            _check_box(box, owner=f"record {self.id!r}")

    @property
    def has_mask(self) -> bool:
        """Whether a lesion mask exists or can be composed from the findings."""
        return self.label_path is not None or any(f.mask_path or f.outline for f in self.findings)

    @property
    def has_lesion(self) -> bool:
        """Whether any lesion is annotated (mask, box or finding), without opening a file."""
        return self.has_mask or bool(self.boxes) or bool(self.findings)

    @property
    def where(self) -> str:
        """What an error message calls it: its place in a file, else its id."""
        return self.origin or f"image {self.id!r}"
