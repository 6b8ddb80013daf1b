# SPDX-License-Identifier: Apache-2.0
"""INbreast: 410 full-field digital mammograms with contours."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from xml.parsers.expat import ExpatError

from ..._errors import UserError
from ..._typing import PathLike
from ..record import Finding, Outline, Record, view_code
from .spreadsheet import read_rows
from .trees import files_by_stem, find_file, find_folder

_SPACING = 0.07  # mm
_NAME = re.compile(r"(\d+)_([0-9a-f]{16})_MG_([LR])_(CC|ML|MLO)_ANON", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", re.IGNORECASE)


def index(root: PathLike, *, kinds: Sequence[str] = ("mass",), spiculated: bool = False) -> list[Record]:
    """Index INbreast."""
    dicoms, xml = find_folder(root, "AllDICOMs"), find_folder(root, "AllXML")
    table = find_file(root, "INbreast.csv", depth=3)
    if dicoms is None or xml is None or table is None:
        parts = (("AllDICOMs", dicoms), ("AllXML", xml), ("INbreast.csv", table))
        raise UserError(
            f"{root} lacks {[name for name, found in parts if found is None]}; expected the unpacked release"
        )
    rows = {row.get("file_name", ""): row for row in read_rows(table)}
    outlines = files_by_stem(xml, ".xml")
    wanted = {*kinds, *(["spiculated"] if spiculated else [])}
    return [_record(path, rows=rows, outlines=outlines, wanted=wanted) for path in sorted(dicoms.glob("*.dcm"))]


def _record(
    path: Path, *, rows: Mapping[str, Mapping[str, str]], outlines: Mapping[str, Path], wanted: Container[str]
) -> Record:
    name, patient, side, view = parse_name(path.name)
    # Images of BI-RADS 1 have no XML file: they have no finding.
    found = read_rois(outlines[name]) if name in outlines else ()
    row = rows.get(name, {})
    return Record(
        id=name,
        image=str(path),
        patient_id=patient,
        laterality=side,
        view_position=view,
        class_name=birads_class(row.get("bi_rads", "")),
        pixel_spacing=(_SPACING, _SPACING),
        findings=tuple(item for item in found if item.kind in wanted),
        strata={
            "birads": row.get("bi_rads", ""),
            "density": row.get("acr", ""),
            "acquisition_date": row.get("acquisition_date", ""),
            "findings": "|".join(sorted({item.kind for item in found})),
        },
    )


def parse_name(name: str) -> tuple[str, str, str, str]:
    """Image number, patient, side and view of a file name; the table's own patient column reads "removed"."""
    match = _NAME.match(name)
    if match is None:
        raise UserError(f"{name!r} is no INbreast file name; expected <id>_<16 hex digits>_MG_<L|R>_<CC|ML>_ANON.dcm")
    number, patient, side, view = match.groups()
    return number, patient.lower(), side.upper(), "MLO" if view.upper() == "ML" else view_code(view)


def roi_kind(name: str) -> str:
    """Kind of a region, through the spellings of the files."""
    word = name.strip().lower()
    stems = {
        "mass": "mass",
        "spiculated": "spiculated",
        "espiculated": "spiculated",
        "calcification": "calcification",
        "cluster": "cluster",
        "distortion": "distortion",
        "asymmetry": "asymmetry",
        "assymetry": "asymmetry",
    }
    return next((kind for stem, kind in stems.items() if word.startswith(stem)), "other")


def parse_points(points: Sequence[str]) -> Outline:
    """Vertices of an outline, from strings such as ``"(2213.84, 1107.03)"`` (x = column, y = row)."""
    numbers = [[float(number) for number in _NUMBER.findall(point)] for point in points]
    return tuple((x, y) for x, y, *_ in numbers)


def read_rois(path: PathLike) -> tuple[Finding, ...]:
    """Regions of one XML file, read by key: the order of the keys differs between files."""
    try:
        document = plistlib.loads(Path(path).read_bytes(), fmt=plistlib.FMT_XML)
        rois = [roi for image in document["Images"] for roi in image["ROIs"]]
        found = [(str(roi.get("Name", "")), parse_points(roi.get("Point_px", []))) for roi in rois]
    except (KeyError, TypeError, ValueError, ExpatError, plistlib.InvalidFileException) as error:
        raise UserError(f"{path} is no INbreast property list ({error!r})") from error
    return tuple(
        Finding(kind=roi_kind(name), outline=points, attributes={"name": name}) for name, points in found if points
    )


def birads_class(birads: str) -> str:
    """Class by convention: BI-RADS 1 to 3 benign, 4a to 6 malignant."""
    digit = birads.strip()[:1]
    return "benign" if digit in {"1", "2", "3"} else "malignant" if digit in {"4", "5", "6"} else ""
