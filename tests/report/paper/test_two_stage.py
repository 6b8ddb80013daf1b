# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, pstdev, stdev
from typing import Any

import numpy as np
import pytest

from mammozoo.cli.main import main
from mammozoo.engines.experiments import two_stage_cell
from mammozoo.engines.experiments.two_stage_cell import run_two_stage_cell
from mammozoo.engines.results.two_stage_summary import EvaluatedImage, summarise_two_stage
from mammozoo.io.write import write_csv, write_json
from mammozoo.metrics.matching import BoxMatch, HitRule
from mammozoo.report.paper.run import TableRun
from mammozoo.report.paper.two_stage import print_two_stage_tables
from mammozoo.report.paper.two_stage_figures import read_matches

ROOT = Path(__file__).resolve().parents[3]
BUNDLE = ROOT / "bundles" / "mammo_two_stage_segmentation"
SPEC = json.loads((ROOT / "configs" / "tables" / "two_stage.json").read_text(encoding="utf-8"))
RULES: tuple[HitRule, ...] = ("iou50", "iou20", "centre")


def _match(scores: list[float], hits: list[int]) -> BoxMatch:
    return BoxMatch(np.asarray(scores, float), np.asarray(hits, int), 1)


def _cell(folder: Path, *, seed: int, dice: float) -> None:
    """An evaluation of four images: the fusion finds every lesion, one scale every other."""
    images, rows, boxes = [], [], []
    for index in range(4):
        score = 0.8 + index / 100
        fused, single = _match([score], [0]), _match([score], [0 if index % 2 else -1])
        images.append(
            EvaluatedImage(
                patient=f"p{index // 2}",
                lesions=1,
                matches={hit: {"64x128": single, "single_scale": single, "fused": fused} for hit in RULES},
                lambdas={hit: dict.fromkeys((0.0, 0.5, 0.6, 0.7), fused) for hit in RULES},
                dice={"fused": dice, "single_scale": dice / 2, "one_stage": dice / 4},
                crop_dice=(0.9,),
            )
        )
        rows.append({"id": f"i{index}", "patient_id": f"p{index // 2}", "lesions": 1, "dice_fused": dice + index / 100})
        for name, match in (("64x128", single), ("fused", fused)):
            hits: dict[str, Any] = {hit: int(match.truth_of_box[0]) for hit in RULES}
            boxes.append({"id": f"i{index}", "set": name, "score": float(match.scores[0]), **hits})
    write_csv(folder / "per_case.csv", rows)
    write_csv(folder / "boxes.csv", boxes)
    summary = summarise_two_stage(images, seed=seed, resamples=20)
    write_json(folder / "metrics.json", {"resolution": "small", "single_scale": [64, 128], **summary})


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for seed, dice in enumerate((0.6, 0.8)):
        _cell(tmp_path / ("v19unetpp" if seed == 0 else f"v19unetpp_seed{seed}"), seed=seed, dice=dice)
    _cell(tmp_path / "unet", seed=0, dice=0.5)
    return tmp_path


def _line(text: str, *parts: str) -> list[str]:
    """The cells of the one table row that holds these texts."""
    (line,) = (line for line in text.splitlines() if line.startswith("|") and all(part in line for part in parts))
    return [cell.strip() for cell in line.split("|")[1:-1]]


@pytest.mark.parametrize("row", [SPEC["table_1"], *SPEC["table_4"], *SPEC["table_5"]], ids=str)
def test_printed_means_and_spreads_follow_from_the_printed_values(row: dict[str, Any]) -> None:
    misprinted = (row.get("cell"), row.get("setup")) == ("cascaded_unet", "single_scale")
    assert misprinted == (abs(mean(row["values"]) - row["mean"]) > 0.0006)
    error = stdev(row["values"]) / len(row["values"]) ** 0.5
    spread = pstdev(row["values"]) if row.get("setup") == "single_scale" else error
    assert misprinted or row["spread"] == pytest.approx(spread, abs=0.0008)


def test_what_was_not_run_says_so_with_its_commands(tmp_path: Path) -> None:
    text = print_two_stage_tables(root=ROOT, run=TableRun(results=tmp_path))
    assert text.count("## Table ") == 5
    assert _line(text, "one scale", "0.755 ± 0.017")[1] == "not run"
    assert "--repeats 5 --run v19unetpp unet cgan cascaded_unet" in text
    assert "training_detector" in text
    assert _line(text, "| 0.5", "FP/image")[4] == "0.222 ± 0.042", "the paper's mean of Table 2"


def test_finished_splits_give_means_errors_and_paired_differences(results: Path) -> None:
    text = print_two_stage_tables(root=ROOT, run=TableRun(results=results, repeats=5))
    row = _line(text, "v19U-Net++", "two stages, fused", "0.804 ± 0.016")
    assert row[2:4] == ["0.700 ± 0.100", "0.600, 0.800"]
    assert row[6] == "-0.104"
    assert row[7] == "2 x 4 images"
    assert _line(text, "U-Net", "one stage", "0.444 ± 0.011")[2] == "0.125"
    assert _line(text, "| fused", "2 x 4 images", "1.000 ± 0.000")[4] == "-", "the paper has no AP of fused boxes"
    assert _line(text, "ours, fused")[1].startswith("1.00@0.00 (+0.06 TPR, -0.22 FP")
    assert _line(text, "| U-Net ", "Dice, two stages, fused minus one stage", "+0.375")[5] == "4 images, 2 patients"
    gains = [line for line in text.splitlines() if line.startswith("| v19U-Net++") and "TPR at 1 FP/image" in line]
    assert [[cell.strip() for cell in line.split("|")[2:5:2]] for line in gains] == [["0", "+0.500"], ["1", "+0.500"]]
    assert "-0.100 (-0.100 to -0.100)" in text, "U-Net against v19U-Net++ on the same images"
    for name in ("figure_4.png", "figure_5.png"):
        assert (results / name).stat().st_size > 0
        assert name in text


def test_boxes_are_read_in_the_order_of_the_images(tmp_path: Path) -> None:
    write_csv(tmp_path / "per_case.csv", [{"id": "b", "lesions": 2}, {"id": "a", "lesions": 0}])
    boxes = [
        {"id": "a", "set": "fused", "score": 0.2, "iou50": -1},
        {"id": "b", "set": "32x64", "score": 0.9, "iou50": 1},
    ]
    write_csv(tmp_path / "boxes.csv", boxes)
    found = read_matches(tmp_path)
    assert [match.truths for match in found["fused"]] == [2, 0]
    assert [match.false_positives for match in found["fused"]] == [0, 1]
    assert [match.true_positives for match in found["32x64"]] == [1, 0]


def test_a_cell_shares_the_detector_of_its_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []

    def run_workflow(files: list[Path], run_id: str, overrides: dict[str, Any]) -> None:
        calls.append((run_id, overrides))

    def evaluate_run(run: Path, overrides: dict[str, Any]) -> None:
        calls.append(("evaluating", overrides))
        write_json(run / "metrics.json", {"done": True})

    monkeypatch.setattr(two_stage_cell, "run_workflow", run_workflow)
    monkeypatch.setattr(two_stage_cell, "evaluate_run", evaluate_run)
    options = {"seed": 2, "width": 4, "scales": [[32, 64]]}
    for name in ("unet", "cgan"):
        overrides = {**options, "segmenter": name}
        assert run_two_stage_cell(BUNDLE, folder=tmp_path / f"{name}_seed2", overrides=overrides) == {"done": True}
    assert [run for run, _ in calls] == ["training_detector", *["training_segmenter"] * 2, "evaluating"] * 2
    detectors = [overrides for run, overrides in calls if run == "training_detector"]
    assert detectors[0] == detectors[1], "one detector, which the second cell finds finished"
    assert detectors[0]["run_dir"] == str(tmp_path / "detector_seed2")
    assert "scales" not in detectors[0], "a key of evaluate.json alone"
    assert calls[3][1]["scales"] == [[32, 64]]
    assert calls[3][1]["detector_weights"] == str(tmp_path / "detector_seed2" / "models" / "detector.pt")
    assert [overrides.get("one_stage", False) for _, overrides in calls[1:3]] == [False, True]
    run_two_stage_cell(BUNDLE, folder=tmp_path / "cgan_seed2", overrides={**options, "segmenter": "cgan"})
    assert len(calls) == 8, "a finished cell is only read"
    with pytest.raises(ValueError, match="other options"):
        run_two_stage_cell(BUNDLE, folder=tmp_path / "v19_seed2", overrides={**options, "width": 8})


@pytest.mark.slow
def test_a_cell_is_run_from_the_command_line_and_resumed(
    phantom_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    sizes = ["spatial_size=[64,64]", "frame_size=[64,128]", "single_scale=[64,128]", "training_widths=[64]"]
    options = ["width=4", "detector_width=2", "epochs=1", "detector_epochs=1", "scales=[[32,64],[64,128]]", *sizes]
    command = ["tables", "two_stage", "--results", str(tmp_path), "--data", str(phantom_dir / "manifest.csv")]
    command += ["--run", "v19unetpp", "--set", *options, "resamples=20", "device=cpu"]
    assert main(command) == 0
    assert "width 4" in capsys.readouterr().out
    first = (tmp_path / "v19unetpp" / "metrics.json").stat().st_mtime_ns
    assert (tmp_path / "detector" / "models" / "detector.pt").is_file()
    assert main(command) == 0
    assert (tmp_path / "v19unetpp" / "metrics.json").stat().st_mtime_ns == first
