# SPDX-License-Identifier: Apache-2.0
"""Scores of whole images against classes: per image, per breast and per patient."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._typing import Array
from ...data.record import Record
from ...data.splits import class_of
from ...metrics.classification import by_group, compute_classification
from ...metrics.curves import compute_auroc, precision_recall_curve
from ...stats.summary_classification import Measure, Unit, summarise_classification
from .cases import ScoredCase

_FIGURES = (
    "auroc", "auprc", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "mcc",
    "brier", "ece",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Scores (n,) and labels 0 or 1 (n,) of images, what label 1 means, and how many images were left out."""

    target: str
    scores: Array
    labels: Array
    ids: list[str]
    patients: list[str]
    breasts: list[tuple[str, str]]
    left_out: int

    def unit(self, name: str) -> Unit:
        """Images, breasts or patients; a group has its highest score and is positive when an image of it is."""
        if name == "image":
            return Unit(self.scores, self.labels, self.patients)
        groups: Sequence[Any] = self.breasts if name == "breast" else self.patients
        grouped = by_group(self.scores, self.labels, groups)
        owners = [group[0] if isinstance(group, tuple) else group for group in grouped.groups]
        return Unit(grouped.scores, grouped.labels, owners)


def class_scores(
    cases: Sequence[ScoredCase], *, positive: Sequence[str] = (), column: str | None = None, of_images: bool
) -> ClassScores | None:
    """Collect scores and labels; None where not both classes occur."""
    records = [case.record for case in cases]
    labels, target = _labels(records, positive=positive, column=column, of_images=of_images)
    chosen = [
        (case, label)
        for case, label in zip(cases, labels, strict=True)
        if label is not None and math.isfinite(case.score)
    ]
    if len({label for _, label in chosen}) < 2:
        return None
    return ClassScores(
        target=target,
        scores=np.asarray([case.score for case, _ in chosen], dtype=float),
        labels=np.asarray([label for _, label in chosen]),
        ids=[case.record.id for case, _ in chosen],
        patients=[case.record.patient_id for case, _ in chosen],
        breasts=[(case.record.patient_id, case.record.laterality) for case, _ in chosen],
        left_out=len(cases) - len(chosen),
    )


def _labels(
    records: Sequence[Record], *, positive: Sequence[str], column: str | None, of_images: bool
) -> tuple[list[int | None], str]:
    names = [class_of(record, column=column) for record in records]
    if column is None and not any(names):
        names = [record.strata.get("pathology", "") for record in records]
    present = set(names) - {""}
    wanted = set(positive)
    if not wanted <= present:
        msg = f"no image is of class {sorted(wanted - present)}; there are {sorted(present)}"
        raise ValueError(msg)
    if not wanted and (of_images or column is not None):
        usual = ({name for name in present if name.lower() == "malignant"}, {"1"} if present == {"0", "1"} else set())
        wanted = next((found for found in usual if found), set())
    if wanted:
        others = sorted(present - wanted)
        target = f"{', '.join(sorted(wanted))} against {', '.join(others) or 'nothing'}"
        return [int(name in wanted) if name else None for name in names], target
    return [int(record.has_lesion) for record in records], "a lesion is annotated, against none"


def summarise_classes(
    classes: ClassScores, *, threshold: float | None = None, resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Figures per image, breast and patient, at a threshold that was chosen before and at 0.5."""
    thresholds = {} if threshold is None else {"stated": threshold}
    if ((classes.scores >= 0) & (classes.scores <= 1)).all():
        thresholds["half"] = 0.5
    measures: dict[str, Measure] = {name: _measure(value) for name, value in thresholds.items()}
    names = ["image", *(["breast"] if any(side for _, side in classes.breasts) else []), "patient"]
    summary = summarise_classification(
        {name: classes.unit(name) for name in names},
        measures or {"ranking": _ranking},
        resamples=resamples,
        seed=seed,
    )
    return {"target": classes.target, "left_out": classes.left_out, "thresholds": thresholds, **summary}


def _measure(threshold: float) -> Callable[[Array, Array], dict[str, float]]:
    def measure(scores: Array, labels: Array) -> dict[str, float]:
        found = dataclasses.asdict(compute_classification(scores, labels, threshold=threshold))
        return {name: found[name] for name in _FIGURES}

    return measure


def _ranking(scores: Array, labels: Array) -> dict[str, float]:
    return {
        "auroc": compute_auroc(scores, labels),
        "auprc": precision_recall_curve(scores, labels).average_precision,
    }
