# SPDX-License-Identifier: Apache-2.0
"""CBIS-DDSM in its three trees: TCIA's CSV paths, the NBIA retriever's folders, and the JPEG mirror on Kaggle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..._errors import UserError
from ..._typing import PathLike
from ..record import Finding, Record, laterality_code, view_code
from .matching import choose_mask
from .spreadsheet import read_rows
from .trees import find_file, find_folder, walk

Row = Mapping[str, str]
Files = Callable[[Row, str], list[Path]]
_KINDS = {"mass": "Mass", "calc": "Calc"}
_COLUMNS = ("patient_id", "left_or_right_breast", "image_view", "abnormality_id", "pathology")
_SPLITS = {"training": "train", "test": "test"}


def index(root: PathLike, *, abnormality: str = "mass", official_split: str = "both") -> list[Record]:
    """Index CBIS-DDSM."""
    rows = read_descriptions(root, abnormality=abnormality, official_split=official_split)
    files = _kaggle_files(root) or _tree_files(root)
    if files is None:
        known = "folders such as Mass-Training_P_00001_LEFT_CC, or a folder jpeg/<series uid>"
        raise UserError(f"{root} is not a download of CBIS-DDSM; expected {known}")
    images: dict[str, list[Row]] = {}
    for row in rows:
        images.setdefault(case_name(row), []).append(row)
    records = [
        record
        for group in images.values()
        if (record := _record(group, files=files, prefix=abnormality == "all")) is not None
    ]
    if not records:
        raise UserError(f"{root}: none of the {len(images)} images of the tables is there; is the download complete?")
    return records


def read_descriptions(root: PathLike, *, abnormality: str, official_split: str) -> list[dict[str, str]]:
    """Rows of the description tables, with ``kind`` and ``official_split`` added."""
    kinds = tuple(_KINDS) if abnormality == "all" else (abnormality,)
    splits = tuple(_SPLITS) if official_split == "both" else (official_split,)
    if not set(kinds) <= set(_KINDS) or not set(splits) <= set(_SPLITS):
        raise UserError(
            f"abnormality {abnormality!r}, official_split {official_split!r}: expected mass, calc or all, and "
            "training, test or both"
        )
    rows = []
    for kind in kinds:
        for split in splits:
            name = f"{kind}_case_description_{_SPLITS[split]}_set.csv"
            table = find_file(root, name)
            if table is None:
                raise UserError(f"{root} lacks {name}; fetch it from the collection's page and put it there")
            found = read_rows(table)
            missing = [name for name in _COLUMNS if any(name not in row for row in found)]
            if missing:
                raise UserError(f"{table}: columns {missing} are missing; fetch the table again")
            rows += [{**row, "kind": kind, "official_split": split} for row in found]
    return rows


def case_name(row: Row) -> str:
    """Name of the case folder of an image; ``_1``, ``_2`` are added for its abnormalities."""
    split = row["official_split"].capitalize()
    return f"{_KINDS[row['kind']]}-{split}_{row['patient_id']}_{row['left_or_right_breast']}_{row['image_view']}"


def series_uid(path: str) -> str:
    """Series UID in a path of the tables: the folder of the file."""
    parts = path.strip().split("/")
    return parts[-2] if len(parts) > 1 else ""


def pathology_class(text: str) -> str:
    """Class of a pathology: ``BENIGN_WITHOUT_CALLBACK`` is benign."""
    return text.strip().lower().split("_")[0]


def cases_folder(root: PathLike, *, depth: int = 3) -> Path | None:
    """Folder whose children are case folders, at some level below the root."""
    names = ("Mass-*", "Calc-*")
    cases = (child for folder in walk(root, depth=depth) for name in names for child in folder.glob(name))
    return next((case.parent for case in cases if case.is_dir()), None)


def full_image(files: Sequence[Path], *, uid: str) -> Path | None:
    """The whole mammogram among the files of a case folder."""
    if len(files) > 1:
        named = [file for file in files if uid in file.parts or file.parent.name.endswith(f"-{uid[-5:]}")]
        files = named if named else sorted(files, key=lambda file: -file.stat().st_size)
    return files[0] if files else None


def _tree_files(root: PathLike) -> Files | None:
    """TCIA and NBIA: whatever a case folder holds at any depth, never by the file names of the tables."""
    cases = cases_folder(root)
    if cases is None:
        return None

    def files(row: Row, what: str) -> list[Path]:
        suffix = "" if what == "image" else f"_{row['abnormality_id']}"
        return sorted((cases / f"{case_name(row)}{suffix}").rglob("*.dcm"))

    return files


def _kaggle_files(root: PathLike) -> Files | None:
    """JPEG mirror: folders by series UID. Its own ``dicom_info.csv`` mislabels series and is not used."""
    jpeg = find_folder(root, "jpeg")
    if jpeg is None:
        return None

    def files(row: Row, what: str) -> list[Path]:
        columns = ("image_file_path",) if what == "image" else ("roi_mask_file_path", "cropped_image_file_path")
        uids = dict.fromkeys(series_uid(row.get(column, "")) for column in columns)
        return [file for uid in uids if uid for file in sorted((jpeg / uid).glob("*.jpg"))]

    return files


def _record(rows: Sequence[Row], *, files: Files, prefix: bool) -> Record | None:
    first = rows[0]
    image = full_image(files(first, "image"), uid=series_uid(first.get("image_file_path", "")))
    if image is None:
        return None
    chosen = [choose_mask(files(row, "roi"), image=image) for row in rows]
    findings = tuple(_finding(row, mask) for row, (mask, _) in zip(rows, chosen, strict=True))
    name = f"{first['patient_id']}_{first['left_or_right_breast']}_{first['image_view']}"
    classes = {finding.class_name for finding in findings}
    single = chosen[0][0] if len(chosen) == 1 else None
    return Record(
        id=f"{first['kind']}_{name}" if prefix else name,
        image=str(image),
        patient_id=first["patient_id"],
        laterality=laterality_code(first["left_or_right_breast"]),
        view_position=view_code(first["image_view"]),
        label_path=None if single is None else str(single),
        class_name="malignant" if "malignant" in classes else "benign",
        findings=findings,
        strata={
            "official_split": first["official_split"],
            "density": first.get("breast_density", ""),
            f"n_{'masses' if first['kind'] == 'mass' else 'calcifications'}": str(len(rows)),
            "pathology": "malignant" if "malignant" in classes else "benign",
            "assessment": max(row.get("assessment", "") for row in rows),
            "subtlety": min(row.get("subtlety", "") for row in rows),
            "shapes": "|".join(row.get("mass_shape", row.get("calc_type", "")) for row in rows),
            "margins": "|".join(row.get("mass_margins", row.get("calc_distribution", "")) for row in rows),
            "mask_trouble": "; ".join(dict.fromkeys(trouble for _, trouble in chosen if trouble)),
        },
    )


def _finding(row: Row, mask: Path | None) -> Finding:
    names = ("mass_shape", "mass_margins", "calc_type", "calc_distribution", "assessment", "subtlety")
    return Finding(
        kind="mass" if row["kind"] == "mass" else "calcification",
        mask_path=str(mask) if mask is not None else None,
        class_name=pathology_class(row["pathology"]),
        attributes={name: row[name] for name in names if name in row},
    )
