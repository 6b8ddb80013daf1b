# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mammozoo.cli.main import main
from mammozoo.report.paper import aunet
from mammozoo.report.paper.aunet import print_aunet_tables
from mammozoo.report.paper.run import TableRun

ROOT = Path(__file__).resolve().parents[3]
SPEC = json.loads((ROOT / "configs" / "tables" / "aunet.json").read_text(encoding="utf-8"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not time the paper's networks in every test."""
    monkeypatch.setattr(aunet, "images_per_second", lambda network, **_: 1.0)


def test_all_seven_tables_stand_in_the_file() -> None:
    assert [table["number"] for table in SPEC["tables"]] == list(range(1, 8))
    assert [len(table["rows"]) for table in SPEC["tables"]] == [9, 5, 4, 8, 4, 4, 4]
    same = {row["id"]: row for table in SPEC["tables"] for row in table["rows"]}
    for table in SPEC["tables"]:
        for row in table["rows"]:
            if table["dataset"] == "cbis_ddsm":
                assert row["expected"] == same[row["id"]]["expected"], "one cell, one printed value"


def test_differences_that_the_text_states_hold_in_the_file() -> None:
    dice = {row["id"]: row["expected"].get("dice") for table in SPEC["tables"] for row in table["rows"]}
    assert dice["unet_res_basic"] - dice["unet_basic_basic"] == pytest.approx(0.039)
    assert dice["aunet"] - dice["unet_res_basic"] == pytest.approx(0.043)
    assert dice["aunet"] - dice["fusionnet"] == pytest.approx(0.020)


@pytest.mark.usefixtures("quick")
def test_what_was_not_run_says_so_with_its_command(tmp_path: Path) -> None:
    text = print_aunet_tables(root=ROOT, run=TableRun(results=tmp_path))
    assert text.count("## Table ") == 7
    assert "python -m monai.bundle run training" in text
    assert "--reduction 2" in text
    row = next(line for line in text.splitlines() if line.startswith("| AUNet (r = 16)") and "Parameters" in line)
    assert "75.5" in row


@pytest.mark.usefixtures("quick")
def test_a_finished_cell_is_read(tmp_path: Path) -> None:
    overall: dict[str, Any] = {
        name: {"mean": 0.5, "n": 7} for name in ("dice", "sensitivity", "area_difference", "row_hausdorff")
    }
    (tmp_path / "aunet").mkdir()
    (tmp_path / "aunet" / "metrics.json").write_text(json.dumps({"overall": overall}))
    text = print_aunet_tables(root=ROOT, run=TableRun(results=tmp_path))
    line = next(line for line in text.splitlines() if line.startswith("| r = 16") and "DSC" in line)
    assert [cell.strip() for cell in line.split("|")[3:8]] == ["0.500", "0.818", "-0.318", "7", "168"]


@pytest.mark.usefixtures("quick")
def test_a_cell_is_run_once_and_resumed(
    phantom_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    options = ["width=8", "spatial_size=[64,64]", "epochs=1", "device=cpu"]
    command = ["tables", "aunet", "--results", str(tmp_path), "--data", str(phantom_dir / "manifest.csv")]
    command += ["--run", "unet_basic_basic", "--set", *options]
    assert main(command) == 0
    first = (tmp_path / "unet_basic_basic" / "metrics.json").stat().st_mtime_ns
    assert "width 8" in capsys.readouterr().out
    assert main(command) == 0
    assert (tmp_path / "unet_basic_basic" / "metrics.json").stat().st_mtime_ns == first
    capsys.readouterr()
    assert main([*command[:-1], "device=cpu", "lr=0.1"]) == 1
    assert "other options" in capsys.readouterr().err


def test_wrong_requests(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["tables", "aunet", "--results", str(tmp_path), "--run"]) == 1
    assert "--run needs --data" in capsys.readouterr().err
    assert main(["tables", "aunet", "--results", str(tmp_path), "--data", "x.csv", "--run", "nonsense"]) == 1
    assert "no cell 'nonsense'" in capsys.readouterr().err
