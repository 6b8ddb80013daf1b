# SPDX-License-Identifier: Apache-2.0
"""Contrast-enhanced mammography as a two-class problem: which images, which classes, which patients.

Hold-out and cross-validation share one independent test part: the folds are those of the development patients, so an
ensemble of the folds' networks may be scored on the hold-out test part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._errors import UserError
from ..._paths import restore_path
from ..._typing import PathLike
from ..auditing.leaks import AuditReport, audit
from ..checks import check_data
from ..lists import load_records, record_item, records_split
from ..record import Record
from ..split_file import read_split
from ..splits import PARTS, Split

#: Class name -> label. Normal images are no part of the task.
CLASSES: Mapping[str, int] = {"benign": 0, "malignant": 1}
#: The same with normal images, which may be trained on.
LABELS: Mapping[str, int] = {"normal": 0, **CLASSES}
_KINDS = ("low_energy", "subtracted")


def select_modality(records: Sequence[Record], modality: str) -> list[Record]:
    """Images of one kind, in their order."""
    if modality not in (*_KINDS, "both"):
        raise UserError(f"modality {modality!r} is none of {', '.join(_KINDS)}, both")
    found = {record.modality for record in records} & set(_KINDS)
    wanted = set(_KINDS) if modality == "both" else {modality}
    if not found and modality != "both":
        return list(records)
    if not wanted <= found:
        raise UserError(
            f"modality {modality!r} needs {sorted(wanted)} images; the data have {sorted(found) or 'no such column'}"
        )
    kind = "subtracted" if modality == "both" else modality
    return [record for record in records if record.modality == kind]


def pair_views(records: Sequence[Record]) -> dict[str, str]:
    """Low-energy image of every subtracted image: the same patient, side and view."""
    views: dict[tuple[str, str, str], list[str]] = {}
    for record in records:
        if record.modality == "low_energy":
            views.setdefault(_view(record), []).append(record.image)
    chosen = [record for record in records if record.modality == "subtracted"]
    wrong = [record.id for record in chosen if len(views.get(_view(record), [])) != 1]
    if wrong:
        raise UserError(
            f"{len(wrong)} subtracted images have not exactly one low-energy image, for example {wrong[:3]}"
        )
    return {record.id: views[_view(record)][0] for record in chosen}


def _view(record: Record) -> tuple[str, str, str]:
    return record.patient_id, record.laterality, record.view_position


def development_fold(holdout: Split, fold: Split) -> Split:
    """Fold of a split file without the patients of the hold-out test part."""
    away = set(holdout.test)
    return Split(*(tuple(patient for patient in fold.patients(part) if patient not in away) for part in PARTS))


def prepare_contrast(
    *,
    dataset: str,
    dataset_dir: PathLike,
    dataset_options: Mapping[str, Any] | None = None,
    patients: int = 40,
    size: Sequence[int] = (512, 416),
) -> None:
    """Write synthetic contrast exams where they are the data set and are absent; check any other data set."""
    if dataset == "phantom" and not load_records(dataset=dataset, dataset_dir=dataset_dir):
        from ...phantom.write import ensure_phantom

        ensure_phantom(restore_path(dataset_dir), patients=patients, size=(int(size[0]), int(size[1])), modality="cem")
    elif dataset != "phantom":
        records = load_records(dataset=dataset, dataset_dir=dataset_dir, dataset_options=dataset_options)
        check_data(records, task="classification")


def contrast_datalist(
    *,
    part: str,
    dataset: str,
    dataset_dir: PathLike,
    modality: str = "subtracted",
    split_file: PathLike | None = None,
    fold: int | None = None,
    seed: int = 0,
    strict_split: bool = True,
    dataset_options: Mapping[str, Any] | None = None,
    with_normal: bool = False,
) -> list[dict[str, Any]]:
    """Benign and malignant images of one part, as plain dicts."""
    if part not in (*PARTS, "all"):
        raise UserError(f"part {part!r} is none of {', '.join(PARTS)}, all")
    records = load_records(dataset=dataset, dataset_dir=dataset_dir, dataset_options=dataset_options)
    if not records:
        return []
    check_data(records, task="classification")
    partners = pair_views(records) if modality == "both" else {}
    chosen, split = _parts(
        records, modality=modality, split_file=split_file, fold=fold, seed=seed, strict_split=strict_split
    )
    if with_normal:
        chosen = [record for record in select_modality(records, modality) if record.class_name in LABELS]
    wanted = chosen if part == "all" else split.select(chosen, part)
    return [_item(record, part=part, low_energy=partners.get(record.id)) for record in wanted]


def audit_contrast(
    *,
    dataset: str,
    dataset_dir: PathLike,
    modality: str = "subtracted",
    split_file: PathLike | None = None,
    fold: int | None = None,
    seed: int = 0,
    strict_split: bool = True,
    dataset_options: Mapping[str, Any] | None = None,
    check_pixels: bool = True,
    workers: int = 2,
) -> AuditReport:
    """Audit the very split that `contrast_datalist` makes from the same arguments."""
    records = load_records(dataset=dataset, dataset_dir=dataset_dir, dataset_options=dataset_options)
    if not records:
        return audit({})
    chosen, split = _parts(
        records, modality=modality, split_file=split_file, fold=fold, seed=seed, strict_split=strict_split
    )
    return audit({part: split.select(chosen, part) for part in PARTS}, check_pixels=check_pixels, workers=workers)


def _parts(
    records: Sequence[Record],
    *,
    modality: str,
    split_file: PathLike | None,
    fold: int | None,
    seed: int,
    strict_split: bool,
) -> tuple[list[Record], Split]:
    """Images of the task, and the split of their patients."""
    images = select_modality(records, modality)
    chosen = [record for record in images if record.class_name in CLASSES]
    missing = [name for name in CLASSES if all(record.class_name != name for record in chosen)]
    if missing:
        found = sorted({record.class_name for record in images})
        raise UserError(f"no image is labelled {' or '.join(missing)}; the data have the labels {found}")
    if split_file is not None:
        file = read_split(restore_path(split_file))
        if strict_split:
            file.check(images)
        holdout = file.split(fold=None)
        return chosen, holdout if fold is None else development_fold(holdout, file.split(fold=fold))
    holdout = records_split(chosen, seed=seed, task="classification")
    if fold is None:
        return chosen, holdout
    development = [record for record in chosen if holdout.part_of(record.patient_id) != "test"]
    return chosen, records_split(development, fold=fold, seed=seed, task="classification")


def _item(record: Record, *, part: str, low_energy: str | None) -> dict[str, Any]:
    label = {"label": LABELS[record.class_name], "class_name": record.class_name, "part": part}
    return {**record_item(record), **label, **({} if low_energy is None else {"low_energy": low_energy})}
