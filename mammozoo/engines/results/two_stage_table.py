# SPDX-License-Identifier: Apache-2.0
"""Score the two-stage system image by image: detection at every scale and fused, and Dice of every variant.

References
----------
.. [1] Yan et al., 2020, arXiv:2002.12079, Tables 1, 2, 4 and 5, Figures 4 and 5.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from torch import nn

from ..._typing import Array, PathLike
from ...functional.resize import resize
from ...io.write import write_csv, write_json
from ...metrics.matching import BoxMatch, HitRule, match_boxes
from ...metrics.overlap import compute_overlap
from ...networks.transfer import load_pretrained
from ...transforms.boxes.crops import crop_input, lesion_windows
from ..inference.multi_scale import ImageDetections, ScaleBoxes
from ..inference.two_stage import TwoStageInferer, segment_windows
from ..training.failures import require_images
from .split_record import Source, write_split
from .two_stage_summary import SINGLE, EvaluatedImage, summarise_two_stage

__all__ = ["Picture", "TwoStageTable", "load_one_stage"]

logger = logging.getLogger(__name__)

RULES: tuple[HitRule, ...] = ("iou50", "iou20", "centre")
BOX_COLUMNS = ("id", "set", "x1", "y1", "x2", "y2", "score", *RULES)
LONG_SIDE = 1024  # of the pictures


def load_one_stage(network: nn.Module, *, path: PathLike) -> nn.Module | None:
    """A copy of the segmenter with the weights of the one-stage training; None where there are none.

    Parameters
    ----------
    network : torch.nn.Module
        Of the same kind and width.
    path : path

    Returns
    -------
    torch.nn.Module or None

    Examples
    --------
    >>> load_one_stage(nn.Conv2d(3, 1, 1), path="absent.pt") is None
    True
    """
    if not Path(path).is_file():
        logger.info("no one-stage network to compare with: train it by `run training_segmenter --one_stage True`")
        return None
    other = copy.deepcopy(network)
    load_pretrained(other, path)
    return other


@dataclass(frozen=True, eq=False)
class Picture:
    """One image as it is drawn, reduced to a long side of 1024."""

    id: str
    image: Array
    truth: Array
    mask: Array
    boxes: Array
    scores: Array
    dice: float


class TwoStageTable:
    """Handler of an evaluator: collect one row an image, then write the tables and ``metrics.json``.

    ``per_case.csv`` has a row per image; ``boxes.csv`` a row per box of every scale and of the fusion, with the lesion
    that it found by each rule (-1: none).

    Parameters
    ----------
    output_dir : path
    inferer : TwoStageInferer
        The evaluator's own, with a low score threshold in its detector, so that the curves are long.
    network : torch.nn.Module
        The segmenter.
    one_stage : torch.nn.Module, optional
        Segments whole images.
    lambdas : sequence of float
        Fusion thresholds of Table 2.
    threshold : float
        Probability from which a pixel is lesion.
    resamples, seed : int
        Of the bootstrap.
    source
        As of `PerCaseTable`.

    Attributes
    ----------
    rows, boxes : list of dict
        Of the two tables.
    images : list of EvaluatedImage
    pictures : list of Picture
    summary : dict
        The content of ``metrics.json``.
    """

    def __init__(
        self,
        output_dir: PathLike,
        *,
        inferer: TwoStageInferer,
        network: nn.Module,
        one_stage: nn.Module | None = None,
        lambdas: Sequence[float] = (0.0, 0.5, 0.6, 0.7),
        threshold: float = 0.5,
        resamples: int = 1000,
        seed: int = 0,
        source: Source | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.inferer = inferer
        self.network = network
        self.one_stage = one_stage
        self.lambdas = tuple(lambdas)
        self.threshold = threshold
        self.resamples = resamples
        self.seed = seed
        self.source = source
        self.rows: list[dict[str, Any]] = []
        self.boxes: list[dict[str, Any]] = []
        self.images: list[EvaluatedImage] = []
        self.pictures: list[Picture] = []
        self.summary: dict[str, Any] = {}

    def attach(self, engine: Engine) -> None:
        """Register the handler on an evaluator."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self, engine: Engine) -> None:
        for part in (self.rows, self.boxes, self.images, self.pictures):
            part.clear()

    def _collect(self, engine: Engine) -> None:
        state: Any = engine.state
        for given, result, found in zip(state.batch, state.output, self.inferer.found, strict=True):
            image, truth = _rows(given["image"]), _rows(given["label"]) > 0.5
            truths = np.asarray(given["box"], np.float64).reshape(-1, 4)
            masks = self._masks(image, found, _rows(result["pred"]))
            dice = {name: None if mask is None else compute_overlap(mask, truth).dice for name, mask in masks.items()}
            crops = self._crop_dice(image, truth, truths)
            sets = self._sets(found)
            evaluated = self._detections(found, sets, truths, patient=str(given.get("patient_id") or given["id"]))
            evaluated = replace(evaluated, dice=dice, crop_dice=crops)
            self.images.append(evaluated)
            self.rows.append({**_identity(given), **evaluated.row()})
            self.boxes += _box_rows(str(given["id"]), sets, evaluated.matches)
            self.pictures.append(
                _picture(str(given["id"]), image, truth, masks["fused"], found=sets["fused"], dice=dice["fused"] or 0.0)
            )

    def _masks(self, image: Array, found: ImageDetections, fused: Array) -> dict[str, Array | None]:
        """Whole-image masks of every variant, True on lesion; None where a variant was not run."""
        single = found.at(self.inferer.single_scale, self.inferer.rule)
        maps = {"fused": fused, SINGLE: self.inferer.segment(image, single, self.network)[0]}
        masks: dict[str, Array | None] = {name: map_ >= self.threshold for name, map_ in maps.items()}
        masks["one_stage"] = None
        if self.one_stage is not None:
            windows = lesion_windows([], shape=image.shape, margin=1.0, whole_image=True)
            size, channels = self.inferer.size, self.inferer.channels
            whole = segment_windows(self.one_stage, image, windows, size=size, channels=channels)
            masks["one_stage"] = whole >= self.threshold
        return masks

    @torch.inference_mode()
    def _crop_dice(self, image: Array, truth: Array, boxes: Array) -> tuple[float, ...]:
        """Dice on the network's grid of the crop around each true lesion (Table 4 of)."""
        if not len(boxes):
            return ()
        size = self.inferer.size
        device = next(self.network.parameters()).device
        self.network.eval()
        dice = []
        for window in lesion_windows(boxes, shape=image.shape, margin=self.inferer.margin):
            crop = crop_input(image, window, size=size, channels=self.inferer.channels)
            probability = torch.sigmoid(self.network(crop[None].to(device)).float())[0, 0].cpu().numpy().T
            x1, y1, x2, y2 = window
            label = resize(np.ascontiguousarray(truth[y1:y2, x1:x2]).view(np.uint8), size=size, mode="nearest")
            dice.append(compute_overlap(probability >= self.threshold, label > 0).dice)
        return tuple(dice)

    def _sets(self, found: ImageDetections) -> dict[str, ScaleBoxes]:
        """Boxes of every scale, of the single scale and of the fusion."""
        scales = {f"{width}x{height}": found.at((width, height)) for width, height in found.sizes}
        width, height = self.inferer.single_scale
        return {**scales, SINGLE: scales[f"{width}x{height}"], "fused": found.fused(self.inferer.rule)}

    def _detections(
        self, found: ImageDetections, sets: Mapping[str, ScaleBoxes], truths: Array, *, patient: str
    ) -> EvaluatedImage:
        """Match the boxes of every scale and of every lambda to the lesions."""
        rule = self.inferer.rule
        lambdas = {value: found.fused(replace(rule, threshold=value)) for value in self.lambdas}
        return EvaluatedImage(
            patient=patient,
            lesions=len(truths),
            least_score=rule.score_threshold,
            matches={hit: {name: _match(boxes, truths, hit) for name, boxes in sets.items()} for hit in RULES},
            lambdas={hit: {value: _match(boxes, truths, hit) for value, boxes in lambdas.items()} for hit in RULES},
        )

    def _finish(self, engine: Engine) -> None:
        require_images(self.rows)
        audit = self.source.audit() if self.source else None
        leak = audit is not None and not audit.clean
        metrics = summarise_two_stage(self.images, seed=self.seed, resamples=self.resamples)
        self.summary = {
            "headline": None if leak else metrics["dice"]["fused"]["mean"],
            "headline_reason": audit.reason if leak and audit else None,
            "resolution": self._resolution(),
            "threshold": self.threshold,
            "fusion_threshold": self.inferer.rule.threshold,
            "single_scale": list(self.inferer.single_scale),
            "split_sha256": write_split(self.source, self.output_dir),
            **metrics,
            "audit": audit.to_dict() if audit else None,
        }
        write_csv(self.output_dir / "per_case.csv", self.rows)
        write_csv(self.output_dir / "boxes.csv", self.boxes, columns=BOX_COLUMNS)
        write_json(self.output_dir / "metrics.json", self.summary)

    def _resolution(self) -> str:
        scales = ", ".join(f"{width} x {height}" for width, height in self.inferer.detector.scales)
        crop = " x ".join(str(side) for side in self.inferer.size)
        return f"whole images as read; detector at {scales}; crops {crop} (width x height)"


def _match(found: ScaleBoxes, truths: Array, hit: HitRule) -> BoxMatch:
    return match_boxes(found.boxes, found.scores, truths, hit=hit)


def _box_rows(
    name: str, sets: Mapping[str, ScaleBoxes], matches: Mapping[HitRule, Mapping[str, BoxMatch]]
) -> list[dict[str, Any]]:
    """An image's rows of the table of boxes."""
    rows = []
    for key, found in sets.items():
        if key == SINGLE:  # it is one of the scales
            continue
        for index, (box, score) in enumerate(zip(found.boxes, found.scores, strict=True)):
            lesions = [int(matches[hit][key].truth_of_box[index]) for hit in RULES]
            rows.append(
                dict(zip(BOX_COLUMNS, (name, key, *box.round(1).tolist(), float(score), *lesions), strict=True))
            )
    return rows


def _identity(given: Mapping[str, Any]) -> dict[str, Any]:
    row = {key: given.get(key, "") for key in ("id", "patient_id", "laterality", "view_position")}
    return {**row, **given.get("strata", {})}


def _rows(tensor: Any) -> Array:
    """(1, W, H) tensor of MONAI -> (H, W) array."""
    return np.ascontiguousarray(tensor.detach().cpu().float().numpy()[0].T)


def _picture(name: str, image: Array, truth: Array, mask: Array | None, *, found: ScaleBoxes, dice: float) -> Picture:
    scale = min(1.0, LONG_SIDE / max(image.shape))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    low, high = float(image.min()), float(image.max())
    gray = resize((255 * (image - low) / max(high - low, 1e-6)).astype(np.uint8), size=size)
    predicted = np.zeros_like(truth) if mask is None else mask
    masks = [
        resize(np.ascontiguousarray(part).view(np.uint8), size=size, mode="nearest") > 0 for part in (truth, predicted)
    ]
    boxes = found.boxes * np.tile(np.divide(size, image.shape[::-1]), 2)
    return Picture(name, gray, masks[0], masks[1], boxes, found.scores, dice)
