# SPDX-License-Identifier: Apache-2.0
"""Everything that is known of one set of predictions after scoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...io.predictions.read import Predictions
from ...metrics.matching import BoxMatch
from .cases import Pairing, ScoredCase
from .classes import ClassScores


@dataclass(frozen=True, eq=False)
class Score:
    """Everything that is known of one set of predictions after scoring."""

    name: str
    predictions: Predictions
    pairing: Pairing
    cases: list[ScoredCase]
    classes: ClassScores | None
    metrics: dict[str, Any]
    mask_threshold: float | None = None

    @property
    def matches(self) -> list[BoxMatch]:
        """Matched boxes of the images whose lesions are known."""
        return [case.match for case in self.cases if case.match is not None]

    @property
    def segmented(self) -> list[ScoredCase]:
        """Cases with a mask to compare with."""
        return [case for case in self.cases if case.segmented]

    def rows(self) -> list[dict[str, Any]]:
        """Rows of ``per_case.csv``."""
        return [{**case.row, **_counts(case), "status": case.status, "note": case.note} for case in self.cases]


def _counts(case: ScoredCase) -> dict[str, Any]:
    counts: dict[str, Any] = {"score": case.score}
    if case.match is not None:
        names = ("truths", "true_positives", "false_positives", "false_negatives")
        counts.update({f"boxes_{name}" if name != "truths" else "lesions": getattr(case.match, name) for name in names})
    return counts
