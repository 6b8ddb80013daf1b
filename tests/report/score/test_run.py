# SPDX-License-Identifier: Apache-2.0
"""Pairing, scoring and comparing predictions of a small data set with known answers."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammozoo.data.auditing.leaks import AuditReport
from mammozoo.data.issue import Issue
from mammozoo.data.record import Record
from mammozoo.io.predictions.read import PredictedCase, Predictions, ScoredBox, find_predictions
from mammozoo.io.write import write_png
from mammozoo.metrics.matching import match_boxes
from mammozoo.report import html
from mammozoo.report.figures import froc_figure, lesion_precision_figure, size_figure
from mammozoo.report.score.cases import pair, score_cases
from mammozoo.report.score.pictures import worst_cases, worst_pictures
from mammozoo.report.score.run import ScoreOptions, evaluate, score_lines, score_predictions

QUICK = ScoreOptions(resamples=50)
SHAPE = (60, 40)


@pytest.fixture(autouse=True)
def _figures_unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are made, but not rendered: tests/test_cli_evaluate.py renders them."""
    monkeypatch.setattr(html, "_drawn", lambda draw, *_: (f"data:image/png;base64,{len(draw().axes)}", (1, 1)))


def _mask(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = 255
    return mask


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Eight images of four patients: i0 to i5 with a lesion of growing size, i6 and i7 without."""
    rng = np.random.default_rng(0)
    found = []
    for index in range(8):
        write_png(tmp_path / "data" / f"i{index}.png", rng.integers(20, 200, SHAPE, dtype=np.uint8))
        label = None
        if index < 6:
            label = str(write_png(tmp_path / "data" / f"i{index}_m.png", _mask((5, 5, 10 + index, 10 + index))))
        found.append(
            Record(
                id=f"i{index}",
                image=str(tmp_path / "data" / f"i{index}.png"),
                patient_id=f"p{index // 2}",
                laterality="L",
                view_position=("CC", "MLO")[index % 2],
                label_path=label,
                pixel_spacing=(0.5, 0.5) if index < 3 else None,
                strata={"density": "AB"[index % 2], "pathology": ("benign", "malignant")[index % 2]},
            )
        )
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Masks: i0 to i3 right, i4 missed, i5 absent, i6 rightly empty, i7 with a false lesion; and a stranger."""
    out = tmp_path / "model"
    for index in range(5):
        write_png(out / f"i{index}.png", _mask((5, 5, 10 + index, 10 + index)) if index < 4 else _mask())
    write_png(out / "i6.png", _mask())
    write_png(out / "i7.png", _mask((20, 20, 25, 25)))
    write_png(out / "stranger.png", _mask())
    return out


def _score(records: list[Record], source: Path, **changes: Any) -> Any:
    return score_predictions(records, find_predictions(source), name="model", options=replace(QUICK, **changes))


def test_masks_missing_and_extra_predictions(records: list[Record], folder: Path) -> None:
    score = _score(records, folder)
    inputs = score.metrics["inputs"]
    assert inputs["missing"] == {"count": 1, "examples": ["i5"]}
    assert inputs["extra"] == {"count": 1, "examples": ["stranger"]}
    found = score.metrics["segmentation"]
    assert found["overall"]["dice"]["mean"] == pytest.approx(4 / 6)  # the absent one counts as empty
    assert found["all_images"]["dice"]["mean"] == pytest.approx(5 / 8)
    assert found["false_positive_images"] == {"count": 1, "n": 2}
    assert found["overall"]["hausdorff_mm"]["n"] == 3
    assert score.metrics["headline"] == found["overall"]["dice"]["mean"]
    assert set(found["strata"]) == {"view_position", "density", "pathology"}
    assert score.metrics["resolution"].startswith("60 x 40")
    point = score.metrics["detection"]["operating_point"]
    assert (point["true_positives"], point["false_positives"], point["false_negatives"]) == (4, 1, 2)
    assert score.metrics["classification"]["target"].startswith("a lesion")
    rows = {row["id"]: row for row in score.rows()}
    assert (rows["i5"]["status"], rows["i5"]["dice"], rows["i4"]["status"]) == ("missing", 0.0, "ok")
    assert rows["i0"]["area_mm2"] == 25 * 0.25


def test_unusable_predictions_are_listed_and_count_as_absent(records: list[Record], folder: Path) -> None:
    (folder / "i0.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    write_png(folder / "i1.png", np.zeros((30, 40), np.uint8))  # another picture
    write_png(folder / "i2.png", np.kron(_mask((5, 5, 12, 12)), np.ones((2, 2), np.uint8)))  # the same, finer
    score = _score(records, folder)
    inputs = score.metrics["inputs"]
    assert inputs["failed"]["count"] == 2
    assert "damaged" in inputs["failed"]["examples"][0]
    assert "not one picture" in inputs["failed"]["examples"][1]
    assert inputs["resized"] == 1
    rows = {row["id"]: row for row in score.rows()}
    assert (rows["i0"]["dice"], rows["i1"]["dice"], rows["i2"]["dice"]) == (0.0, 0.0, 1.0)


def test_names_by_which_a_prediction_is_found(records: list[Record]) -> None:
    odd = replace(records[0], id="study 1/L", image="x/first.png")
    for name in ("study 1/L", "study_1__L", "first"):
        cases = {name: PredictedCase(id=name)}
        assert pair([odd, records[1]], Predictions(layout="t", cases=cases)).missing == ("i1",)
    with pytest.raises(ValueError, match="predictions are named"):
        pair(records, Predictions(layout="t", cases={"z": PredictedCase(id="z")}))


def test_boxes_are_scored_by_every_rule_as_by_the_metric(records: list[Record]) -> None:
    boxes = {"i0": [(5, 5, 10, 10, 0.9), (20, 20, 30, 30, 0.4)], "i1": [(6, 6, 20, 20, 0.8)]}
    cases = {
        name: PredictedCase(id=name, boxes=tuple(ScoredBox((a, b, c, d), s) for a, b, c, d, s in found))
        for name, found in boxes.items()
    }
    predictions = Predictions(layout="t", cases=cases, names_all=False)
    for hit in ("iou50", "iou20", "iou10", "centre", "centre_in_mask"):
        found = score_cases(records, predictions, pair(records, predictions).found, hit=hit)
        assert [case.status for case in found] == ["ok"] * 8
        assert found[0].match.truth_of_box.tolist() == [0, -1]
        rule = "centre" if hit == "centre_in_mask" else hit  # the lesions are boxes
        wanted = match_boxes([(6, 6, 20, 20)], [0.8], [(5, 5, 11, 11)], hit=rule)
        assert found[1].match.true_positives == wanted.true_positives
        assert found[7].match.truths == 0
    score = score_predictions(records, predictions, name="t", options=QUICK)
    assert score.metrics["segmentation"] is None
    assert score.metrics["headline_name"] == "Average precision over lesions, iou50"
    assert score.metrics["inputs"]["missing"]["count"] == 0


def test_boxes_of_another_size_are_scaled(records: list[Record]) -> None:
    box = ScoredBox((10, 10, 20, 20), 0.9)
    cases = {"i0": PredictedCase(id="i0", boxes=(box,), shape=(120, 80))}
    found = score_cases(records[:1], Predictions(layout="t", cases=cases), cases)
    assert found[0].match.true_positives == 1


def _scores(**values: float) -> Predictions:
    cases = {name: PredictedCase(id=name, score=value) for name, value in values.items()}
    return Predictions(layout="scores", cases=cases, threshold=0.3)


def test_classes_per_image_breast_and_patient(records: list[Record]) -> None:
    predictions = _scores(**{f"i{n}": value for n, value in enumerate((0.1, 0.8, 0.2, 0.7, 0.4, 0.3, 0.1, 0.9))})
    labelled = [replace(record, strata={**record.strata, "pathology": "benign"}) if index in (6, 7) else record
                for index, record in enumerate(records)]  # fmt: skip
    found = score_predictions(labelled, predictions, name="m", options=QUICK).metrics["classification"]
    assert found["target"] == "malignant against benign"
    assert found["thresholds"] == {"stated": 0.3, "half": 0.5}
    assert {name: unit["n"] for name, unit in found["units"].items()} == {"image": 8, "breast": 4, "patient": 4}
    assert found["units"]["patient"]["positives"] == 3
    assert found["units"]["patient"]["figures"]["half"]["auroc"]["estimate"] == 0.0
    assert found["units"]["image"]["figures"]["stated"]["sensitivity"]["estimate"] == 1.0
    other = score_predictions(labelled, predictions, name="m", options=replace(QUICK, positive=("benign",)))
    assert other.metrics["classification"]["target"] == "benign against malignant"
    with pytest.raises(ValueError, match=r"no image is of class \['cancer'\]"):
        score_predictions(records, predictions, name="m", options=replace(QUICK, positive=("cancer",)))


def test_logits_without_a_threshold_are_only_ranked(records: list[Record]) -> None:
    predictions = replace(_scores(**{f"i{n}": n - 3.0 for n in range(8)}), threshold=None)
    found = score_predictions(records, predictions, name="m", options=QUICK).metrics["classification"]
    assert set(found["units"]["image"]["figures"]["ranking"]) == {"auroc", "auprc"}


def test_nothing_to_compare_with(records: list[Record]) -> None:
    bare = [replace(record, label_path=None, strata={}) for record in records]
    with pytest.raises(ValueError, match="--positive"):
        score_predictions(bare, _scores(i0=0.5), name="m", options=QUICK)


def test_a_leak_leaves_no_headline(records: list[Record], folder: Path, tmp_path: Path) -> None:
    leak = Issue("patient", "patients in train and test", 1, ("p1",))
    audit = AuditReport(parts={}, leaks=(leak,), warnings=(), pixels_checked=True)
    score = evaluate(records, pred=folder, output_dir=tmp_path / "out", options=QUICK, audit=audit)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["headline"] is None
    assert "patients in train and test" in metrics["headline_reason"]
    assert "may not be quoted" in (tmp_path / "out" / "report.html").read_text()
    assert "no headline" in score_lines(score)[-1]


def test_two_models_are_compared_on_the_same_cases(records: list[Record], folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for index in range(8):
        write_png(other / f"i{index}.png", _mask((5, 5, 9, 9)) if index < 6 else _mask())
    ticks: list[int] = []
    out = tmp_path / "out"
    score = evaluate(
        records, pred=folder, compare=other, output_dir=out, options=QUICK, progress=lambda: ticks.append(1)
    )
    assert len(ticks) == 16
    found = score.metrics["comparison"]["segmentation"]
    with (tmp_path / "out" / "per_case.csv").open() as stream:
        dice = [float(row["dice"]) for row in csv.DictReader(stream)][:6]
    theirs = [2 * 16 / (16 + (5 + index) ** 2) for index in range(6)]
    assert found["dice"]["difference"] == pytest.approx(np.mean(dice) - np.mean(theirs))
    assert (found["dice"]["n"], found["dice"]["patients"]) == (6, 3)
    assert found["dice"]["test"]["name"].startswith("Wilcoxon")
    assert found["hd95"]["excluded"] == 2
    assert found["dice"]["test"]["p_holm"] >= found["dice"]["test"]["p"]
    page = (tmp_path / "out" / "report.html").read_text()
    for heading in ("Summary", "What was scored", "Segmentation", "Lesion detection", "Strata", "Comparison", "Worst"):
        assert f">{heading}" in page


def test_scores_are_compared_by_delong(records: list[Record], tmp_path: Path) -> None:
    labelled = [replace(record, class_name="1" if index >= 4 else "0") for index, record in enumerate(records)]
    for name, values in {"a": range(8), "b": (3, 1, 2, 0, 4, 7, 6, 5)}.items():
        lines = ["id,score", *(f"i{index},{value / 8}" for index, value in enumerate(values))]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    score = evaluate(
        labelled, pred=tmp_path / "a.csv", compare=tmp_path / "b.csv", output_dir=tmp_path / "out", options=QUICK
    )
    found = score.metrics["comparison"]["classification"]
    assert (found["unit"], found["first"], found["test"]["n"]) == ("patient", 1.0, {"positive": 2, "negative": 2})
    page = (tmp_path / "out" / "report.html").read_text()
    assert "AUROC per patient" in page
    assert "Calibration" in page


def test_the_worst_come_first_and_unreadable_images_are_left_out(records: list[Record], folder: Path) -> None:
    score = _score(records, folder)
    assert [case.record.id for case in worst_cases(score.cases, count=3)] == ["i5", "i4", "i3", "i7"]
    broken = [replace(case, record=replace(case.record, image="absent.png")) for case in score.cases[:1]]
    pictures = worst_pictures([*broken, *score.cases[1:]], count=6)
    assert [title for _, title, _ in pictures] == ["i5", "i4", "i3", "i2", "i1", "i7"]
    assert all(image.shape[2] == 3 and max(image.shape[:2]) == 880 for image, _, _ in pictures)


def test_figures_of_empty_groups_and_of_unranked_boxes() -> None:
    assert "none" in [text.get_text() for text in size_figure({"small": [0.5, 0.6], "large": []}).axes[0].texts]
    match = match_boxes([(0, 0, 4, 4)], [1.0], [(0, 0, 4, 4)])
    figure = froc_figure({"flat": [match], "none": [match_boxes([], [], [(0, 0, 1, 1)])]})
    assert "flat (no scores)" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


@pytest.mark.parametrize("limit", [None, 8.0])
def test_figures_of_a_model_that_finds_nothing(limit: float | None) -> None:
    cases = {"fused": [match_boxes([], [], [(0, 0, 1, 1)])], "other": [match_boxes([], [], [])]}
    for figure in (froc_figure(cases, limit=limit), lesion_precision_figure(cases)):
        assert len(figure.axes[0].get_legend().get_texts()) == 2
        assert all(np.nanmax(line.get_ydata(), initial=0.0) == 0 for line in figure.axes[0].get_lines())


def test_patients_are_hashed_unless_told(records: list[Record], folder: Path, tmp_path: Path) -> None:
    def patients(**options: Any) -> list[str]:
        evaluate(records, pred=folder, output_dir=tmp_path / "out", options=QUICK, **options)
        with (tmp_path / "out" / "per_case.csv").open() as stream:
            return [row["patient_id"] for row in csv.DictReader(stream)]

    hidden = patients()
    assert hidden == patients()
    assert [hidden.index(name) for name in hidden] == [0, 0, 2, 2, 4, 4, 6, 6]
    assert all(name.startswith("p-") and len(name) == 14 for name in hidden)
    assert patients(keep_ids=True) == [record.patient_id for record in records]
