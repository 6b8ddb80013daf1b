# SPDX-License-Identifier: Apache-2.0
"""Figures 4 and 5 of the two-stage paper (Yan et al., arXiv:2002.12079), from the boxes that evaluations leave."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...metrics.matching import BoxMatch
from ..curves import write_figure
from ..figures import froc_figure, lesion_precision_figure
from ..two_stage import HIT, lambda_points


def read_matches(folder: Path, *, hit: str = HIT) -> dict[str, list[BoxMatch]]:
    """Matched boxes of an evaluation's ``boxes.csv``, by set ("416x832", "fused"), in the order of its images."""
    with (folder / "per_case.csv").open(encoding="utf-8") as file:
        lesions = {row["id"]: int(row["lesions"]) for row in csv.DictReader(file)}
    found: dict[str, dict[str, list[tuple[float, int]]]] = {}
    with (folder / "boxes.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            boxes = found.setdefault(row["set"], {}).setdefault(row["id"], [])
            boxes.append((float(row["score"]), int(row[hit])))
    return {
        name: [
            BoxMatch(
                np.array([score for score, _ in images.get(image, [])], dtype=float),
                np.array([lesion for _, lesion in images.get(image, [])], dtype=int),
                truths,
            )
            for image, truths in lesions.items()
        ]
        for name, images in found.items()
    }


def write_paper_figures(folders: Sequence[Path], *, output_dir: Path) -> list[Path]:
    """Draw precision and recall of every split at one scale, and the first split's FROC at every scale."""
    summaries = [json.loads((folder / "metrics.json").read_text(encoding="utf-8")) for folder in folders]
    matches = [read_matches(folder) for folder in folders]
    scale = "x".join(str(side) for side in summaries[0]["single_scale"])
    curves = {f"split {index + 1}": sets[scale] for index, sets in enumerate(matches) if scale in sets}
    title = f"Precision and recall at {scale}, IoU at least 0.5"
    first = "FROC of the first split, IoU at least 0.5"
    return [
        write_figure(output_dir / "figure_4.png", lesion_precision_figure(curves, title=title)),
        write_figure(
            output_dir / "figure_5.png",
            froc_figure(matches[0], points=lambda_points(summaries[0]), title=first, limit=8.0),
        ),
    ]
