# SPDX-License-Identifier: Apache-2.0
"""``mammozoo evaluate`` on the synthetic exams."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mammozoo.cli.main import main
from mammozoo.data.manifest import index
from mammozoo.data.masks import record_mask
from mammozoo.io.write import write_png


@pytest.fixture(scope="module")
def masks(phantom_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The truth moved by two pixels, of all exams but the first."""
    folder = tmp_path_factory.mktemp("predicted")
    for record in index(phantom_dir / "manifest.csv")[1:]:
        write_png(folder / f"{record.id}.png", np.roll(record_mask(record) * np.uint8(255), 2, axis=0))
    return folder


def test_masks_of_dicom_exams(
    phantom_dir: Path, masks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scored"
    arguments = ["--pred", str(masks), "--truth", str(phantom_dir), "--out", str(out), "--resamples", "50"]
    assert main(["evaluate", *arguments, "--strata", "density,view_position", "--hit", "iou20"]) == 0
    printed = capsys.readouterr().out
    assert "missing: 1" in printed
    assert str(out / "report.html") in printed
    metrics = json.loads((out / "metrics.json").read_text())
    assert list(metrics["segmentation"]["strata"]) == ["density", "view_position"]
    assert metrics["detection"]["hit"] == "iou20"
    assert 0.3 < metrics["headline"] < 1
    with (out / "per_case.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 40
    page = (out / "report.html").read_text()
    assert page.count("<img") > 8
    assert str(phantom_dir) not in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--truth": "absent.csv"}, "no truth at"),
        ({"--pred": "absent"}, "no predictions at"),
        ({"--strata": "colour"}, "no column"),
        ({"--part": "test"}, "--split-file"),
    ],
)
def test_mistakes_are_said_without_a_traceback(
    phantom_dir: Path, masks: Path, changes: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"--pred": str(masks), "--truth": str(phantom_dir), "--resamples": "20", **changes}
    assert main(["evaluate", *(text for pair in options.items() for text in pair)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    assert "mammozoo evaluate --pred" in capsys.readouterr().out


def test_dicom_segmentations_are_found_by_the_image_they_refer_to(phantom_dir: Path, tmp_path: Path) -> None:
    from mammozoo.io.clinical.seg import write_segmentation
    from mammozoo.io.predictions.read import find_predictions
    from mammozoo.report.score.cases import pair, score_cases

    records = index(phantom_dir / "manifest.csv")
    record = next(record for record in records if record_mask(record).any())
    options = {"algorithm_name": "test", "algorithm_version": "1"}
    write_segmentation(tmp_path / "1.dcm", record_mask(record), record.image, **options)
    predictions = find_predictions(tmp_path)
    pairing = pair(records, predictions)
    assert (list(pairing.found), pairing.extra) == ([record.id], ())
    case = score_cases([record], predictions, pairing.found)[0]
    assert (case.status, case.row["dice"]) == ("ok", 1.0)
