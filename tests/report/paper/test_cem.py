# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mammozoo.engines.results.score_table import score_with_thresholds
from mammozoo.io.write import write_csv, write_json
from mammozoo.report.paper.cem import auroc_difference, print_cem_tables
from mammozoo.report.paper.run import TableRun

ROOT = Path(__file__).resolve().parents[3]


def _rows(scores: tuple[float, ...]) -> list[dict[str, Any]]:
    return [
        {"id": f"i{n}", "part": "test", "patient_id": f"p{n}", "laterality": "L", "label": n % 2, "probability": p}
        for n, p in enumerate(scores)
    ]


GOOD, POOR = _rows((0.1, 0.9, 0.2, 0.8, 0.3, 0.7)), _rows((0.9, 0.8, 0.2, 0.1, 0.3, 0.7))


def test_the_difference_is_paired() -> None:
    found = auroc_difference(GOOD, list(reversed(POOR)), resamples=200)
    assert found.estimate == pytest.approx(1 - 4 / 9)
    assert found.low <= found.estimate <= found.high
    with pytest.raises(ValueError, match="same images"):
        auroc_difference(GOOD, POOR[1:])


def test_every_backbone_of_the_table_exists() -> None:
    from mammozoo.networks import create_network

    spec = json.loads((ROOT / "configs" / "tables" / "cem.json").read_text())
    assert len(spec["backbones"]) == 11
    with pytest.raises(ValueError, match="there are|did you mean") as error:
        create_network("no such network")
    assert all(name in str(error.value) for name in spec["backbones"])


def test_a_finished_pair_gives_figures_and_a_difference(tmp_path: Path) -> None:
    for name, rows in (("mask", GOOD), ("original", POOR)):
        folder = tmp_path / f"resnet50_{name}"
        write_csv(folder / "per_case.csv", rows)
        scored = score_with_thresholds(rows, resamples=9)
        write_json(folder / "metrics.json", {"resolution": "8 x 8 (a grid)", **scored})
    text = print_cem_tables(root=ROOT, run=TableRun(results=tmp_path))
    assert "+0.556" in text
    assert "0.931" in text
    assert "+0.069" in text
    assert "Not run: vgg16_original" in text


def test_unknown_cells_and_missing_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no cell 'resnet9_mask'"):
        print_cem_tables(root=ROOT, run=TableRun(results=tmp_path, data=tmp_path, cells=["resnet9_mask"]))
    with pytest.raises(ValueError, match="--run needs --data"):
        print_cem_tables(root=ROOT, run=TableRun(results=tmp_path, cells=[]))
