# SPDX-License-Identifier: Apache-2.0
"""Figures 4 and 5 of the two-stage paper, from the tables of boxes that evaluations leave.

References
----------
Yan et al., arXiv:2002.12079, 2020, Figures 4 and 5.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..metrics.matching import BoxMatch
from .curves import write_figure
from .detection_curves import froc_figure, precision_recall_figure

__all__ = ["read_matches", "write_paper_figures"]


def read_matches(folder: Path, *, hit: str = "iou50") -> dict[str, list[BoxMatch]]:
    """Matched boxes of an evaluation, by set ("416x832", "fused") and image.

    Parameters
    ----------
    folder : Path
        With ``per_case.csv`` and ``boxes.csv``.
    hit : str
        Column of the lesions found: "iou50", "iou20" or "centre".

    Returns
    -------
    dict of str to list of BoxMatch
        In the order of ``per_case.csv``; images without a box of the set have an empty match.
    """
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
    """Draw precision and recall of every split at one scale, and the first split's FROC at every scale.

    Parameters
    ----------
    folders : sequence of Path
        An evaluation a split, the first split first.
    output_dir : Path

    Returns
    -------
    list of Path
        ``figure_4.png`` and ``figure_5.png``.
    """
    summaries = [json.loads((folder / "metrics.json").read_text(encoding="utf-8")) for folder in folders]
    matches = [read_matches(folder) for folder in folders]
    scale = "x".join(str(side) for side in summaries[0]["single_scale"])
    curves = {f"split {index + 1}": sets[scale] for index, sets in enumerate(matches) if scale in sets}
    stars = [
        (f"λ = {point['lambda']:g}", point["false_positives_per_image"], point["sensitivity"])
        for point in summaries[0]["lambdas"]["iou50"]
    ]
    files = [output_dir / "figure_4.png", output_dir / "figure_5.png"]
    write_figure(files[0], precision_recall_figure(curves, title=f"Precision and recall at {scale}, IoU at least 0.5"))
    write_figure(files[1], froc_figure(matches[0], points=stars, title="FROC of the first split, IoU at least 0.5"))
    return files
