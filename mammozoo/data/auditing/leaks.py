# SPDX-License-Identifier: Apache-2.0
"""Leakage audit: what stands on both sides of a split, and what makes a score doubtful."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from ..checks import unknown_patients
from ..issue import Issue, issue
from ..record import Record, laterality_code
from .pixels import near_duplicates, pixel_warnings, read_pictures

#: A side and view at the end of a name: P_00001_LEFT_CC_1, P1_L_CM_MLO (DM, CM: kinds of acquisition).
_SIDE = re.compile(r"[_-](LEFT|RIGHT|L|R|LT|RT)(?:[_-](?:DM|CM))?(?:[_-](?:CC|MLO|ML|LM))?(?:[_-]\d+)?$", re.IGNORECASE)


@dataclass(frozen=True)
class AuditReport:
    """Result of `audit`."""

    parts: Mapping[str, Mapping[str, int]]
    leaks: tuple[Issue, ...]
    warnings: tuple[Issue, ...]
    pixels_checked: bool

    @property
    def clean(self) -> bool:
        """Whether no leak was found."""
        return not self.leaks

    @property
    def reason(self) -> str | None:
        """Why no headline figure can be given, in one line; None for a clean split."""
        return None if self.clean else "; ".join(str(leak) for leak in self.leaks)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"clean": self.clean, "reason": self.reason, **asdict(self)}

    def text(self) -> str:
        """Text rendering, one issue a line."""
        lines = [f"{name}: {n['images']} images, {n['patients']} patients" for name, n in self.parts.items()]
        lines += [f"LEAK {leak}" for leak in self.leaks] + [f"warning {item}" for item in self.warnings]
        if not self.pixels_checked:
            lines.append("pixels were not checked: near-duplicates and crops were not looked for")
        return "\n".join([*lines, "clean" if self.clean else "NOT clean"])


def audit(parts: Mapping[str, Sequence[Record]], *, check_pixels: bool = False, workers: int = 4) -> AuditReport:
    """Look for patients, breasts and pictures that stand in two parts of a split."""
    leaks = [
        *_shared(parts, kind="image", keys=lambda record: {record.id, record.image}),
        *_shared(parts, kind="patient", keys=lambda record: {_patient(record)}),
        *_shared(parts, kind="breast", keys=_breasts),
    ]
    warnings = [*_empty(parts), *_unknown_patients(parts), *_label_conflicts(parts), *_doubles(parts)]
    if check_pixels:
        pictures, broken = read_pictures(parts, workers=workers)
        across, within = near_duplicates(pictures)
        leaks += across
        warnings += [*broken, *within, *pixel_warnings(pictures)]
    return AuditReport(
        parts={
            name: {"images": len(records), "patients": len({record.patient_id for record in records})}
            for name, records in parts.items()
        },
        leaks=tuple(leaks),
        warnings=tuple(warnings),
        pixels_checked=check_pixels,
    )


def _patient(record: Record) -> str:
    return _SIDE.sub("", record.patient_id)


def _breasts(record: Record) -> set[str]:
    """Breast by patient and side, and by the image's own name where that names another patient."""
    found = _SIDE.search(record.patient_id) or _SIDE.search(record.id)
    side = record.laterality or (laterality_code(found[1]) if found else "")
    keys = {f"{_patient(record)} {side}"} if side else set()
    named = _SIDE.search(record.id)
    stem = record.id[: named.start()] if named else _patient(record)
    if named and not stem.startswith(_patient(record)):
        keys.add(f"{stem} {laterality_code(named[1])}")
    return keys


def _shared(
    parts: Mapping[str, Sequence[Record]], *, kind: str, keys: Callable[[Record], Iterable[str]]
) -> list[Issue]:
    """Keys that stand in two parts, an issue for each pair of parts."""
    found = {part: {key for record in records for key in keys(record)} for part, records in parts.items()}
    return [
        item
        for first, second in combinations(found, 2)
        for item in issue(kind, f"{kind} keys in {first} and {second}", found[first] & found[second])
    ]


def _empty(parts: Mapping[str, Sequence[Record]]) -> list[Issue]:
    return issue("empty", "parts have no image", [part for part, records in parts.items() if not records])


def _unknown_patients(parts: Mapping[str, Sequence[Record]]) -> list[Issue]:
    everything = [record for records in parts.values() for record in records]
    unnamed = [record.id for record in everything if record.strata.get("patient_known") == "no"]
    words = [f"{record.id} {record.patient_id!r}" for record in unknown_patients(everything)]
    return [
        *issue("patient_unknown", "images name no patient: a leak cannot be excluded", unnamed),
        *issue("patient_unknown", "images have a word for an unknown patient, which would count as one woman", words),
    ]


def _doubles(parts: Mapping[str, Sequence[Record]]) -> list[Issue]:
    """Ids and files that stand twice within a part."""
    doubles: list[str] = []
    for records in parts.values():
        for counts in (Counter(record.id for record in records), Counter(record.image for record in records)):
            doubles += [name for name, n in counts.items() if n > 1]
    return issue("double", "ids or files stand twice within a part", doubles)


def _label_conflicts(parts: Mapping[str, Sequence[Record]]) -> list[Issue]:
    classes: dict[str, set[str]] = {}
    normal = []
    for record in (record for records in parts.values() for record in records):
        for key in (record.image, *_breasts(record)):
            classes.setdefault(key, set()).add(record.class_name)
        if record.class_name.lower() == "normal" and (record.boxes or record.findings):
            normal.append(record.id)
    mixed = [f"{key}: {', '.join(sorted(names))}" for key, names in classes.items() if len(names - {""}) > 1]
    return [
        *issue("label_conflict", "images or breasts have more than one label", mixed),
        *issue("label_conflict", "images are labelled normal and have a finding", normal),
    ]
