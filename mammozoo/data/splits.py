# SPDX-License-Identifier: Apache-2.0
"""Patient-grouped, stratified, seeded splits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from .._errors import UserError
from ..functional.lesion_size import size_bin
from .masks import lesion_area_224
from .record import Record

__all__ = ["FOLDS", "PARTS", "Split", "allocate", "class_of", "holdout", "kfold", "make_split", "stratify"]

PARTS = ("train", "validation", "test")
#: Shares of the hold-out split.
HOLDOUT_SHARES = (0.6, 0.2, 0.2)
FOLDS = 5
#: Share of the training patients that validates, in a fold of the cross-validation and in an official split.
VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Split:
    """Patients of the three parts.

    Parameters
    ----------
    train, validation, test : tuple of str
        Patient ids, sorted; no patient is in two parts.

    Raises
    ------
    UserError
        If a patient is in two parts.

    Examples
    --------
    >>> Split(train=("a",), validation=("b",), test=()).part_of("b")
    'validation'
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        counts = Counter(patient for part in PARTS for patient in self.patients(part))
        doubled = [patient for patient, n in counts.items() if n > 1]
        if doubled:
            raise UserError(f"{len(doubled)} patients stand in two parts, for example {doubled[:5]}")

    def patients(self, part: str) -> tuple[str, ...]:
        """Patients of a part, by its name."""
        if part not in PARTS:
            raise UserError(f"part {part!r} is none of {', '.join(PARTS)}")
        return tuple(getattr(self, part))

    def part_of(self, patient: str) -> str | None:
        """Name of the part that holds a patient; None where no part does."""
        return next((part for part in PARTS if patient in self.patients(part)), None)

    def select(self, records: Iterable[Record], part: str) -> list[Record]:
        """Records whose patient is in a part, in their order."""
        wanted = set(self.patients(part))
        return [record for record in records if record.patient_id in wanted]

    def to_dict(self) -> dict[str, list[str]]:
        """Parts as plain lists."""
        return {field.name: list(getattr(self, field.name)) for field in fields(self)}


def allocate(
    groups: Mapping[str, Mapping[str, int]], shares: Sequence[float], *, seed: int, salt: str = ""
) -> list[list[str]]:
    """Deal groups (patients) into parts so that every stratum has the wanted shares."""
    if abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0:
        raise UserError(f"shares are {tuple(shares)}; expected positive numbers that add up to 1")
    if len(groups) < len(shares):
        raise UserError(f"{len(groups)} patients cannot fill {len(shares)} parts; give more data or use part='all'")
    names = sorted({name for counts in groups.values() for name in counts})
    # One column for the patients themselves, one for the images of each stratum.
    table = {group: np.array([1.0, *(n.get(name, 0) for name in names)]) for group, n in groups.items()}
    total = np.sum(list(table.values()), axis=0)
    target = np.outer(shares, total)
    scale = np.sqrt(np.maximum(target, 1e-9))
    have = np.zeros_like(target)
    parts: list[list[str]] = [[] for _ in shares]
    rarest = {group: min(total[1:][row[1:] > 0], default=0.0) for group, row in table.items()}
    for group in sorted(groups, key=lambda name: (rarest[name], _draw(name, seed=seed, salt=salt))):
        gap, step = (have - target) / scale, table[group] / scale
        cost = ((gap + step) ** 2 - gap**2).sum(axis=1)
        best = int(np.argmin(np.round(cost, 9)))
        parts[best].append(group)
        have[best] += table[group]
    return [sorted(part) for part in parts]


def _draw(name: str, *, seed: int, salt: str) -> str:
    return hashlib.sha256(f"{seed}|{salt}|{name}".encode()).hexdigest()


def _groups(records: Iterable[Record], strata: Mapping[str, str]) -> dict[str, Counter[str]]:
    groups: dict[str, Counter[str]] = {}
    for record in records:
        groups.setdefault(record.patient_id, Counter())[strata.get(record.id, "")] += 1
    return groups


def stratify(records: Iterable[Record], *, task: str, class_column: str | None = None) -> dict[str, str]:
    """Stratum of every record for a task."""
    if task not in {"segmentation", "detection", "classification"}:
        raise UserError(f"task {task!r} is none of segmentation, detection, classification")
    records = list(records)
    if task != "classification" and any(record.has_mask for record in records):
        return {record.id: size_bin(lesion_area_224(record)) for record in records}
    return {record.id: class_of(record, column=class_column) for record in records}


def class_of(record: Record, *, column: str | None) -> str:
    """Class of a record: its `class_name`, or one of its strata by name (``""`` where it has none)."""
    return record.class_name if column is None else record.strata.get(column, "")


def holdout(records: Iterable[Record], *, seed: int, strata: Mapping[str, str] | None = None) -> Split:
    """60/20/20 split by patient."""
    parts = allocate(_groups(records, strata or {}), HOLDOUT_SHARES, seed=seed, salt="holdout")
    return Split(*map(tuple, parts))


def kfold(records: Iterable[Record], *, fold: int, seed: int, strata: Mapping[str, str] | None = None) -> Split:
    """One fold of the five-fold cross-validation by patient."""
    if type(fold) is not int or not 0 <= fold < FOLDS:
        raise UserError(
            f"fold {fold!r} does not exist; expected an integer from 0 to {FOLDS - 1}, or none for hold-out"
        )
    groups = _groups(records, strata or {})
    test = allocate(groups, [1 / FOLDS] * FOLDS, seed=seed, salt="folds")[fold]
    rest = {patient: counts for patient, counts in groups.items() if patient not in set(test)}
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE)
    train, validation = allocate(rest, shares, seed=seed, salt=f"fold {fold}")
    return Split(tuple(train), tuple(validation), tuple(test))


def make_split(
    records: Iterable[Record], *, fold: int | None, seed: int, strata: Mapping[str, str] | None = None
) -> Split:
    """Hold-out split (`fold` None) or one fold of the cross-validation."""
    if fold is None:
        return holdout(records, seed=seed, strata=strata)
    return kfold(records, fold=fold, seed=seed, strata=strata)
