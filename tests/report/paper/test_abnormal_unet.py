# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mammozoo.report.paper.abnormal_unet import print_abnormal_unet_tables
from mammozoo.report.paper.run import TableRun

ROOT = Path(__file__).resolve().parents[3]


def finish(results: Path, cell: str, dice: list[float]) -> None:
    """A finished cell of ten images of five patients."""
    folder = results / cell
    folder.mkdir()
    mean = sum(dice) / len(dice)
    figures = {"overall": {"dice": {"mean": mean, "n": len(dice), "interval": [mean - 0.1, mean + 0.1]}}}
    rate = {"rate": 0.5, "n": 4, "interval": [0.25, 0.75]}
    (folder / "metrics.json").write_text(json.dumps({**figures, "detection": {"small": rate}}))
    with (folder / "per_case.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "patient_id", "dice"])
        table.writerows([f"case{i}", f"patient{i // 2}", value] for i, value in enumerate(dice))


def test_what_was_not_run_says_so_with_its_command(tmp_path: Path) -> None:
    text = print_abnormal_unet_tables(root=ROOT, run=TableRun(results=tmp_path))
    assert "| Dice, mean" in text
    assert "not run" in text
    assert "--run paper no_patches_mixed_in`" in text
    assert "Fewer than two cells were run." in text


def test_ours_stands_beside_the_paper_with_n_and_difference(tmp_path: Path) -> None:
    finish(tmp_path, "paper", [0.5 + 0.01 * i for i in range(10)])
    finish(tmp_path, "no_patches_mixed_in", [0.4 + 0.01 * i for i in range(10)])
    text = print_abnormal_unet_tables(root=ROOT, run=TableRun(results=tmp_path))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    dice = next(row for row in rows if row[:2] == ["Dice, mean", "paper"])
    assert dice[2:] == ["0.545", "0.445 to 0.645", "0.579", "-0.034", "10", "55"]
    small = next(row for row in rows if row[:2] == ["Small (< 500 px)", "paper"])
    assert small[2:] == ["0.500", "0.250 to 0.750", "0.730", "-0.230", "4", "37"]
    gap = next(row for row in rows if row[0] == "paper")
    assert gap[1].startswith("+0.100")
    assert gap[-1] == "10 images, 5 patients"


def test_an_unknown_cell_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no cell 'hybrid'"):
        print_abnormal_unet_tables(root=ROOT, run=TableRun(results=tmp_path, data=tmp_path / "m.csv", cells=["hybrid"]))
