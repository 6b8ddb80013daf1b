# SPDX-License-Identifier: Apache-2.0
"""Score a two-class network image by image: the table that every figure comes from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ignite.engine import Engine, Events

from ..._typing import Array, PathLike
from ...io.write import write_csv, write_json
from ...metrics.classification import by_group, compute_classification, youden_threshold
from ...stats.summary_classification import Unit, summarise_classification
from ..training.failures import require_images
from .split_record import Source, write_split

__all__ = ["ScoreTable", "score_units", "score_with_thresholds"]

Aggregation = Literal["max", "mean"]
Row = Mapping[str, Any]
_COUNTS = {"n", "positives", "threshold"}


class ScoreTable:
    """Handler of an evaluator over validation and test part: write ``per_case.csv`` and ``metrics.json``.

    Parameters
    ----------
    output_dir : path
    resolution : sequence of int
        [W, H] of the network's input, named beside the figures.
    aggregation : {"max", "mean"}
        Of the images' probabilities, for a breast and a patient.
    seed, resamples : int
        Of the bootstrap by patient.
    source
        As of `PerCaseTable`.

    Attributes
    ----------
    rows : list of dict
        ``id, part, patient_id, laterality, view_position``, strata, ``label`` and ``probability`` of every image.
    summary : dict
        The content of ``metrics.json``.
    """

    def __init__(
        self,
        output_dir: PathLike,
        *,
        resolution: Sequence[int],
        aggregation: Aggregation = "max",
        seed: int = 0,
        resamples: int = 2000,
        source: Source | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.resolution = f"{resolution[1]} x {resolution[0]} (height x width), the network's grid"
        self.aggregation: Aggregation = aggregation
        self.seed = seed
        self.resamples = resamples
        self.source = source
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}

    def attach(self, engine: Engine) -> None:
        """Register the handler on an evaluator."""
        engine.add_event_handler(Events.STARTED, lambda _: self.rows.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def _collect(self, engine: Engine) -> None:
        state: Any = engine.state
        for given, result in zip(state.batch, state.output, strict=True):
            row = {key: given.get(key, "") for key in ("id", "part", "patient_id", "laterality", "view_position")}
            score = {"label": int(given["label"]), "probability": float(result["pred"])}
            self.rows.append({**row, **(given.get("strata") or {}), **score})

    def _finish(self, engine: Engine) -> None:
        report = self.source.audit() if self.source else None
        result = score_with_thresholds(
            self.rows, aggregation=self.aggregation, seed=self.seed, resamples=self.resamples
        )
        leak = report is not None and not report.clean
        self.summary = {
            "headline": None if leak else result["units"]["patient"]["figures"]["validation"]["auroc"]["estimate"],
            "headline_reason": report.reason if leak and report else None,
            "headline_is": "AUROC per patient, test part",
            "resolution": self.resolution,
            "split_sha256": write_split(self.source, self.output_dir),
            **result,
            "audit": report.to_dict() if report else None,
        }
        write_csv(self.output_dir / "per_case.csv", self.rows)
        write_json(self.output_dir / "metrics.json", self.summary)


def score_units(rows: Sequence[Row], *, aggregation: Aggregation = "max") -> dict[str, Unit]:
    """Scores and labels per image, per breast and per patient."""
    scores, labels = [row["probability"] for row in rows], [row["label"] for row in rows]
    patients: list[Hashable] = [row["patient_id"] or row["id"] for row in rows]
    breasts: list[Hashable] = [(patient, row["laterality"]) for patient, row in zip(patients, rows, strict=True)]
    breast = by_group(scores, labels, breasts, how=aggregation)
    patient = by_group(scores, labels, patients, how=aggregation)
    return {
        "image": Unit(scores, labels, patients),
        "breast": Unit(breast.scores, breast.labels, [group[0] for group in breast.groups]),  # type: ignore[index]
        "patient": Unit(patient.scores, patient.labels, patient.groups),
    }


def score_with_thresholds(
    rows: Sequence[Row], *, aggregation: Aggregation = "max", seed: int = 0, resamples: int = 2000
) -> dict[str, Any]:
    """Choose a threshold a unit on the validation rows and score the test rows with it, and with 0.5."""
    chosen = [row for row in rows if row["part"] == "validation"]
    tested = [row for row in rows if row["part"] in ("test", "all")]
    require_images(tested)
    validation, test = (score_units(part, aggregation=aggregation) for part in (chosen, tested))
    found = {name: youden_threshold(unit.scores, unit.labels) for name, unit in validation.items()}
    thresholds = {name: value if math.isfinite(value) else 0.5 for name, value in found.items()}
    units, notes = {}, []
    for name, unit in test.items():
        measures = {"validation": _measure(thresholds[name]), "half": _measure(0.5)}
        result = summarise_classification({name: unit}, measures, headline=name, resamples=resamples, seed=seed)
        units[name], notes = result["units"][name], result["notes"]
    own = {name: compute_classification(u.scores, u.labels, threshold=0.5).auroc for name, u in validation.items()}
    return {
        "thresholds": thresholds,
        "threshold_method": "Youden on the validation part, per unit, frozen for the test part"
        + ("" if all(map(math.isfinite, found.values())) else "; 0.5 where the validation part holds one class"),
        "validation_auroc": own,
        "aggregation": aggregation,
        "seed": seed,
        "resamples": resamples,
        "units": units,
        "notes": [*notes, f"A breast's and a patient's probability is the {aggregation} over its images."],
    }


def _measure(threshold: float) -> Callable[[Array, Array], dict[str, float]]:
    def measure(scores: Array, labels: Array) -> dict[str, float]:
        figures = dataclasses.asdict(compute_classification(scores, labels, threshold=threshold))
        return {name: value for name, value in figures.items() if name not in _COUNTS}

    return measure
