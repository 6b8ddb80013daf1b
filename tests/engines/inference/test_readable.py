# SPDX-License-Identifier: Apache-2.0
"""Which inputs reach a network: bad files, kinds of images it was not made for, and flat images do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from mammozoo.engines.inference.class_predictions import SaveClassPredictions
from mammozoo.engines.inference.predictions import SavePredictions
from mammozoo.engines.inference.readable import ReadableImages
from mammozoo.io.dicom.writer import MammogramHeader, mammogram_bytes
from mammozoo.io.write import write_png
from mammozoo.transforms.load import LoadMammogramd

TYPES = {
    "screening": [], "stereotactic": ["STEREO_SCOUT"], "recombined": ["POST_CONTRAST", "SUBTRACTION"],
    "low_energy": ["POST_CONTRAST", "", "LOW_ENERGY"], "synthetic": ["TOMOSYNTHESIS", "GENERATED_2D"],
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    pixels = (np.arange(80 * 60).reshape(80, 60) % 4096).astype(np.uint16)
    for kind, values in TYPES.items():
        header = MammogramHeader(
            patient_id="S-1", laterality="L", view_position="CC", pixel_spacing=(0.1, 0.1), uid_key=kind, study_key="s",
            image_type=("DERIVED", "PRIMARY", *values), patient_name="NOBODY",
        )  # fmt: skip
        (folder / f"{kind}.dcm").write_bytes(mammogram_bytes(pixels, header))
        if kind == "screening":
            (folder / "flat.dcm").write_bytes(mammogram_bytes(np.full_like(pixels, 700), header))
    dataset = pydicom.dcmread(folder / "screening.dcm")
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.save_as(folder / "tomosynthesis.dcm")
    write_png(folder / "film.png", (pixels // 16).astype(np.uint8))
    write_png(folder / "white.png", np.full((80, 60), 255, np.uint8))
    (folder / "empty.dcm").write_bytes(b"")
    return folder


def _statuses(study: Path, **options: Any) -> tuple[dict[str, str], dict[str, str], set[str]]:
    images = ReadableImages(study, LoadMammogramd("image"), **options)
    seen = {item["id"] for item in images}
    statuses = {status.id: status for status in images.statuses}
    assert seen == {name for name, status in statuses.items() if status.status == "ok"}
    return {n: s.status for n, s in statuses.items()}, {n: s.reason for n, s in statuses.items()}, seen


def test_other_kinds_and_flat_images_are_left_out(study: Path) -> None:
    statuses, reasons, seen = _statuses(study)
    assert seen == {"screening", "film"}
    assert statuses["empty"] == "failed"
    assert {name for name, status in statuses.items() if status == "incomplete"} == {"flat", "white"}
    assert "flat after reading" in reasons["flat"]
    skipped = {name for name, status in statuses.items() if status == "skipped"}
    assert skipped == {"stereotactic", "recombined", "low_energy", "synthetic", "tomosynthesis"}
    assert all(f"--include {kind} brings it in" in reasons[kind] for kind in skipped)


@pytest.mark.parametrize("kind", ["stereotactic", "synthetic", "tomosynthesis", "recombined"])
def test_what_is_included_is_read(study: Path, kind: str) -> None:
    assert _statuses(study, include=[kind])[2] == {"screening", "film", kind}


def test_a_network_for_contrast_images_refuses_ordinary_ones(study: Path) -> None:
    statuses, reasons, seen = _statuses(study, accepts=["recombined"])
    assert seen == {"recombined", "film"}  # a file that says nothing of its kind is the user's word
    assert statuses["screening"] == statuses["low_energy"] == "skipped"
    assert reasons["screening"].startswith("an ordinary mammogram: this network reads recombined; --include screening")
    assert _statuses(study, accepts=["recombined"], include=["screening"])[2] == {"recombined", "screening", "film"}


@pytest.mark.parametrize("options", [{"accepts": ["contrast"]}, {"include": ["stereo"]}])
def test_unknown_kinds_are_refused(study: Path, options: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match="no kind of image .*; there are screening, spot"):
        ReadableImages(study, LoadMammogramd("image"), **options)


@pytest.mark.parametrize("handler", [SavePredictions, SaveClassPredictions])
@pytest.mark.parametrize("threshold", [4, -0.1, 1.01, float("nan"), "high", "0,4", None, True])
def test_thresholds_outside_0_to_1_are_refused(handler: Any, threshold: Any, tmp_path: Path) -> None:
    dataset = ReadableImages(tmp_path, lambda item: item)
    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        handler(tmp_path, dataset=dataset, threshold=threshold)
    for good in (0, 0.5, 1):
        assert handler(tmp_path, dataset=dataset, threshold=good).threshold == good
