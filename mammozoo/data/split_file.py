# SPDX-License-Identifier: Apache-2.0
"""Splits as a JSON file with ids, seed and sha256."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._errors import UserError
from .._typing import PathLike
from ..io.table import read_json
from ..io.write import write_text
from .record import Record
from .splits import FOLDS, PARTS, Split, holdout, kfold

__all__ = ["SplitFile", "make_split_file", "read_split", "write_split"]

_FORMAT = "mammozoo-split-1"


@dataclass(frozen=True)
class SplitFile:
    """A hold-out split and five folds of the same patients, with every image they hold."""

    document: Mapping[str, Any] = field(hash=False)

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON of everything but the hash itself."""
        body = {key: value for key, value in self.document.items() if key != "sha256"}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def split(self, *, fold: int | None) -> Split:
        """Parts of the hold-out split (`fold` None) or of a fold."""
        folds = self.document.get("folds", [])
        if fold is not None and (type(fold) is not int or not 0 <= fold < len(folds)):
            raise UserError(
                f"fold {fold!r} is not in this split file; it has 0 to {len(folds) - 1}, or none for hold-out"
            )
        parts = self.document["holdout"] if fold is None else folds[fold]
        return Split(**{part: tuple(parts[part]) for part in PARTS})

    def patient_of(self, *, images: str) -> dict[str, str]:
        """Patient of every image id of one set."""
        return {image: patient for patient, ids in self.document["images"][images].items() for image in ids}

    def check(self, records: Sequence[Record]) -> str:
        """Make sure that records are exactly one of the file's image sets."""
        ids = {record.id for record in records}
        names: list[str] = list(self.document["images"])
        sets = {name: self.patient_of(images=name) for name in names}
        best = min(names, key=lambda name: len(ids ^ sets[name].keys()))
        missing, unknown = sorted(sets[best].keys() - ids), sorted(ids - sets[best].keys())
        if missing or unknown:
            msg = (
                f"the data do not fit the split file ({self.document['dataset']}, images {best!r}): "
                f"{len(missing)} of its {len(sets[best])} ids are missing from the data {missing[:3]}, "
                f"{len(unknown)} of the {len(ids)} data ids are unknown to it {unknown[:3]}; give the "
                "data that the split was made for, or strict_split=False to let its patients decide"
            )
            raise UserError(msg)
        wrong = [record.id for record in records if sets[best][record.id] != record.patient_id]
        if wrong:
            raise UserError(f"{len(wrong)} images have another patient than in the split file, for example {wrong[:3]}")
        return best


def make_split_file(
    sets: Mapping[str, Sequence[Record]],
    *,
    dataset: str,
    seed: int,
    strata: Mapping[str, str] | None = None,
    stratified_by: str = "",
    description: str = "",
    notes: Mapping[str, Any] | None = None,
) -> SplitFile:
    """Draw the hold-out split and the five folds of a data set, once."""
    first, *others = (list(records) for records in sets.values())
    known = {record.patient_id for record in first}
    drawn = first + [record for records in others for record in records if record.patient_id not in known]
    images = {name: _by_patient(records) for name, records in sets.items()}
    hold = holdout(drawn, seed=seed, strata=strata)
    folds = [kfold(drawn, fold=fold, seed=seed, strata=strata) for fold in range(FOLDS)]
    document: dict[str, Any] = {
        "format": _FORMAT,
        "dataset": dataset,
        "description": description,
        "seed": seed,
        "group_by": "patient_id",
        "stratified_by": stratified_by,
        "counts": {
            name: {
                "holdout": _counts(hold, patients),
                "folds": [_counts(split, patients) for split in folds],
                "holdout_strata": _strata_counts(hold, sets[name], strata or {}),
            }
            for name, patients in images.items()
        },
        "notes": dict(notes or {}),
        "holdout": hold.to_dict(),
        "folds": [split.to_dict() for split in folds],
        "images": images,
    }
    return SplitFile({"sha256": SplitFile(document).sha256, **document})


def _by_patient(records: Sequence[Record]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for record in sorted(records, key=lambda record: (record.patient_id, record.id)):
        table.setdefault(record.patient_id, []).append(record.id)
    return table


def _counts(split: Split, images: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
    counts = {}
    for part in PARTS:
        here = [patient for patient in split.patients(part) if patient in images]
        counts[part] = {"patients": len(here), "images": sum(len(images[patient]) for patient in here)}
    return counts


def _strata_counts(split: Split, records: Sequence[Record], strata: Mapping[str, str]) -> dict[str, dict[str, int]]:
    table = {}
    for part in PARTS:
        counts = Counter(strata.get(record.id, "") for record in split.select(records, part))
        table[part] = dict(sorted(counts.items()))
    return table


def write_split(path: PathLike, file: SplitFile) -> Path:
    """Write a split file, one part or patient a line, byte-stable.

    Parameters
    ----------
    path : PathLike
    file : SplitFile

    Returns
    -------
    Path

    Examples
    --------
    >>> import tempfile
    >>> records = [Record(id=f"i{n}", image="a.png", patient_id=f"p{n}") for n in range(10)]
    >>> file = make_split_file({"all": records}, dataset="demo", seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_split(write_split(Path(folder) / "split.json", file)).sha256 == file.sha256
    True
    """
    return write_text(path, _lines(dict(file.document), depth=0) + "\n")


def _lines(value: Any, *, depth: int) -> str:
    """JSON with one line for every list of plain values."""
    pad = "  " * (depth + 1)
    if isinstance(value, Mapping) and value:
        rows = [f"{pad}{json.dumps(key)}: {_lines(item, depth=depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + "  " * depth + "}"
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        rows = [pad + _lines(item, depth=depth + 1) for item in value]
        return "[\n" + ",\n".join(rows) + "\n" + "  " * depth + "]"
    return json.dumps(value, ensure_ascii=False)


def read_split(path: PathLike) -> SplitFile:
    """Read a split file and check its hash.

    Parameters
    ----------
    path : PathLike

    Returns
    -------
    SplitFile

    Raises
    ------
    UserError
        If there is no such file, or if it is not a split file, or was changed after it was written.

    Examples
    --------
    See `write_split`.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"no split file at {file}; give split_file an existing JSON, or none to draw it from the seed")
    document = read_json(file)
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise UserError(f"{file} is not a split file; expected a JSON object with format {_FORMAT!r}")
    result = SplitFile(document)
    if result.sha256 != document.get("sha256"):
        raise UserError(f"{file} was changed after it was written (sha256); fetch it again, or draw a new split")
    return result
