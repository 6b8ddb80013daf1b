# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from mammozoo.io.write import write_csv
from mammozoo.report.paper import aunet
from mammozoo.report.paper.aunet import print_aunet_tables
from mammozoo.report.paper.comparisons import case_values, comparison_table
from mammozoo.report.paper.run import TableRun

ROOT = Path(__file__).resolve().parents[3]
ROWS = [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}, {"id": "c", "name": "C"}]


def _run(folder: Path, dice: list[float]) -> Path:
    rows = [{"id": f"i{k}", "patient_id": f"p{k // 2}", "dice": value} for k, value in enumerate(dice)]
    write_csv(folder / "per_case.csv", rows)
    overall = {n: {"mean": sum(dice) / len(dice), "n": len(dice)} for n in _METRICS}
    (folder / "metrics.json").write_text(json.dumps({"overall": overall}))
    return folder


_METRICS = ("dice", "sensitivity", "area_difference", "row_hausdorff")


def test_cases_are_averaged_over_runs_and_must_be_in_all(tmp_path: Path) -> None:
    folders = [_run(tmp_path / "a", [0.2, 0.4, 0.9]), _run(tmp_path / "b", [0.4, 0.6]), tmp_path / "absent"]
    found = case_values(folders)
    assert {name: patient for name, (_, patient) in found.items()} == {"i0": "p0", "i1": "p0"}
    assert [found[name][0] for name in ("i0", "i1")] == pytest.approx([0.3, 0.5])


def test_differences_and_adjusted_p_values(tmp_path: Path) -> None:
    base = [0.1 * k for k in range(10)]
    cases = {
        "a": case_values([_run(tmp_path / "a", [v + 0.05 + 0.001 * k for k, v in enumerate(base)])]),
        "b": case_values([_run(tmp_path / "b", base)]),
        "c": {},
    }
    text = comparison_table(ROWS, cases, reference="b")
    line = next(line for line in text.splitlines() if line.startswith("| A"))
    assert "+0.054" in line  # 0.05 + the mean of 0 to 0.009: 0.0545
    assert "0.001953" in line  # ten differences of one sign: 2 / 2**10
    assert "10 images, 5 patients" in line
    assert comparison_table(ROWS, cases, reference="c") == ""


def test_repeated_runs_show_their_spread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aunet, "images_per_second", lambda network, **_: 1.0)
    _run(tmp_path / "aunet", [0.5, 0.7])
    _run(tmp_path / "aunet_seed1", [0.6, 0.8])
    _run(tmp_path / "fusionnet", [0.4, 0.6])
    text = print_aunet_tables(root=ROOT, run=TableRun(results=tmp_path))
    line = next(line for line in text.splitlines() if line.startswith("| r = 16") and "DSC" in line)
    assert "0.650 ± 0.071 (2 runs)" in line
    assert "Against AUNet" in text
