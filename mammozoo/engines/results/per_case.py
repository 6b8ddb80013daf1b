# SPDX-License-Identifier: Apache-2.0
"""Score an evaluation case by case: the table that every figure comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events

from ..._typing import Array, PathLike
from ...functional.lesion_size import area_224, size_bin
from ...io.write import write_csv, write_json
from ...metrics.detection import is_detected
from ...metrics.matching import BoxMatch, HitRule
from ...metrics.overlap import compute_overlap
from ...metrics.surface import compute_surface, row_hausdorff
from ...stats.summary import summarise_segmentation
from ..detection.lesion_detection import match_lesions, predicted_boxes, summarise_detection
from ..training.failures import require_images
from .split_record import Source, write_split

__all__ = ["Case", "PerCaseTable", "score_case"]


@dataclass(frozen=True)
class Case:
    """One scored image, as (H, W) arrays on the scoring grid."""

    id: str
    image: Array
    truth: Array
    probability: Array


def score_case(prediction: Array, truth: Array) -> dict[str, Any]:
    """Score one predicted mask against the truth on the same grid."""
    overlap = compute_overlap(prediction, truth)
    surface = compute_surface(prediction, truth)
    area = area_224(truth)
    lesion = bool(np.any(truth))
    return {
        **dataclasses.asdict(overlap),
        **dataclasses.asdict(surface),
        "row_hausdorff": row_hausdorff(prediction, truth),
        "detected": is_detected(overlap.iou) if lesion else None,
        "area_224": area,
        "size": size_bin(area) if lesion else "",
    }


class PerCaseTable:
    """Handler of an evaluator: collect one row a case, then write ``per_case.csv`` and ``metrics.json``.

    Parameters
    ----------
    output_dir : path
    threshold : float
        Probability from which a pixel is lesion.
    seed : int
        Seed of the bootstrap intervals.
    source : mammozoo.data.DataSource, optional
        Its split is audited when the run is over (a leak sets the headline to null) and written to ``split.json``.
    hit : str
        Rule by which a box of the prediction's components hits a lesion (`mammozoo.metrics.matching.match_boxes`).

    Attributes
    ----------
    rows : list of dict
        The per-case table.
    cases : list of Case
        The same cases' arrays, for pictures.
    matches : list of BoxMatch
        The same cases' components against their lesions.
    summary : dict
        The content of ``metrics.json``.
    """

    def __init__(
        self,
        output_dir: PathLike,
        *,
        threshold: float = 0.5,
        seed: int = 0,
        source: Source | None = None,
        hit: HitRule = "iou50",
    ) -> None:
        self.output_dir = Path(output_dir)
        self.threshold = threshold
        self.seed = seed
        self.source = source
        self.hit = hit
        self.rows: list[dict[str, Any]] = []
        self.cases: list[Case] = []
        self.matches: list[BoxMatch] = []
        self.summary: dict[str, Any] = {}
        self.native = False  # scored on whole images rather than on the network's grid

    def attach(self, engine: Engine) -> None:
        """Register the handler on an evaluator."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self, engine: Engine) -> None:
        self.rows.clear()
        self.cases.clear()
        self.matches.clear()

    def _collect(self, engine: Engine) -> None:
        state: Any = engine.state
        for given, result in zip(state.batch, state.output, strict=True):
            probability = _rows(result["probability"])
            native = "native_label" in given
            truth = _rows(given["native_label"] if native else result["label"]) > 0.5
            image = _rows(given["native_image" if native else "image"])
            self.native = native
            case = Case(given["id"], _bytes(image), truth, probability.astype(np.float16))
            self.cases.append(case)
            mask = probability >= self.threshold
            self.rows.append({**_identity(given), **score_case(mask, truth)})
            self.matches.append(match_lesions(*predicted_boxes(mask, probability), hit=self.hit, mask=truth))

    def _finish(self, engine: Engine) -> None:
        require_images(self.rows)
        audit = self.source.audit() if self.source else None
        metrics = summarise_segmentation(self.rows, seed=self.seed)
        leak = audit is not None and not audit.clean
        self.summary = {
            "headline": None if leak else metrics["overall"]["dice"]["mean"],
            "headline_reason": audit.reason if leak and audit else None,
            "resolution": self._resolution(),
            "threshold": self.threshold,
            "split_sha256": write_split(self.source, self.output_dir),
            **metrics,
            "lesion_detection": summarise_detection(
                self.matches, [row["patient_id"] for row in self.rows], hit=self.hit, seed=self.seed
            ),
            "audit": audit.to_dict() if audit else None,
        }
        write_csv(self.output_dir / "per_case.csv", self.rows)
        write_json(self.output_dir / "metrics.json", self.summary)

    def _resolution(self) -> str:
        sizes = sorted({case.truth.shape for case in self.cases})
        size = f"{sizes[0][0]} x {sizes[0][1]} (height x width)" if len(sizes) == 1 else f"{len(sizes)} sizes"
        return size + (", whole images as read" if self.native else ", the network's grid")


def _identity(given: Mapping[str, Any]) -> dict[str, Any]:
    row = {key: given.get(key, "") for key in ("id", "patient_id", "laterality", "view_position")}
    return {**row, **given.get("strata", {})}


def _rows(tensor: Any) -> Array:
    """(1, W, H) tensor of MONAI -> (H, W) array."""
    return np.asarray(tensor.detach().cpu().float().numpy()[0].T)


def _bytes(image: Array) -> Array:
    low, high = float(image.min()), float(image.max())
    scaled = (image - low) / max(high - low, 1e-6)
    return np.asarray((255 * scaled).round().astype(np.uint8))
