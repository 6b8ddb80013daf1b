# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mammozoo.data.auditing.leaks import audit
from mammozoo.data.issue import Issue, issue
from mammozoo.data.record import Finding, Record
from mammozoo.io.write import write_png

Parts = dict[str, list[Record]]


def _image(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(size=(160, 120)).astype(np.float32), (0, 0), 4)
    breast = cv2.circle(np.zeros((160, 120), np.float32), (0, 80), 60, 1, -1)
    return np.clip(cv2.GaussianBlur(breast, (0, 0), 2) * (140 + 700 * texture), 0, 255).astype(np.uint8)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    """Two parts of three patients each, both breasts, one view."""
    table: Parts = {"train": [], "test": []}
    for number in range(12):
        patient, side = f"P{number // 2}", "LR"[number % 2]
        name = f"{patient}_{side}_CC"
        path = write_png(tmp_path / f"{name}.png", _image(number))
        record = Record(id=name, image=str(path), patient_id=patient, laterality=side, class_name="benign")
        table["train" if number < 6 else "test"].append(record)
    return table


def _kinds(found: tuple[Issue, ...]) -> list[str]:
    return [item.kind for item in found]


def test_a_clean_split_passes(parts: Parts) -> None:
    report = audit(parts, check_pixels=True)
    assert report.clean
    assert report.reason is None
    assert report.warnings == ()
    assert report.parts == {"train": {"images": 6, "patients": 3}, "test": {"images": 6, "patients": 3}}


def test_a_planted_patient_is_found(parts: Parts) -> None:
    parts["test"].append(replace(parts["test"][0], id="new", image="new.png", patient_id="P1", laterality=""))
    report = audit(parts)
    assert _kinds(report.leaks) == ["patient"]
    assert report.leaks[0].examples == ("P1",)
    assert report.reason == "patient: 1 patient keys in train and test (P1)"


def test_a_planted_breast_is_found_behind_ids_of_images(parts: Parts) -> None:
    """Whoever groups by case names has a patient an image: CC in one part and MLO in the other."""
    split = {name: [replace(r, patient_id=r.id, laterality="") for r in records] for name, records in parts.items()}
    split["test"].append(replace(split["train"][0], id="P0_L_MLO", image="x.png", patient_id="P0_L_MLO"))
    assert _kinds(audit(split).leaks) == ["patient", "breast"]


def test_a_planted_breast_is_found_behind_wrong_patients(parts: Parts) -> None:
    split = {
        name: [replace(r, patient_id=f"{name}-{n}") for n, r in enumerate(records)] for name, records in parts.items()
    }
    split["test"].append(replace(split["train"][0], id="P0_L_MLO", image="x.png", patient_id="other"))
    report = audit(split)
    assert _kinds(report.leaks) == ["breast"]
    assert report.leaks[0].examples == ("P0 L",)


@pytest.mark.parametrize("change", ["re-encoded", "resized", "mirrored"])
def test_a_planted_duplicate_is_found(parts: Parts, tmp_path: Path, change: str) -> None:
    image = _image(2)
    if change == "resized":
        image = cv2.resize(image, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    elif change == "mirrored":
        image = image[:, ::-1]
    path = tmp_path / "copy.jpg"
    path.write_bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 50])[1].tobytes())
    parts["test"].append(Record(id="copy", image=str(path), patient_id="Q", class_name="malignant"))
    assert audit(parts).clean
    report = audit(parts, check_pixels=True)
    assert _kinds(report.leaks) == ["near_duplicate"]
    assert report.leaks[0].detail == "near-duplicate pairs in train and test"
    assert report.leaks[0].examples[0].startswith("P1_L_CC = copy" + (" mirrored" * (change == "mirrored")))
    assert _kinds(report.warnings) == ["label_conflict"]


def test_a_double_within_a_part_is_a_warning(parts: Parts) -> None:
    parts["train"].append(replace(parts["train"][0], id="again"))
    report = audit(parts, check_pixels=True)
    assert report.clean
    assert _kinds(report.warnings) == ["double", "near_duplicate"]


def test_the_same_file_in_two_parts(parts: Parts) -> None:
    parts["test"].append(replace(parts["train"][0], id="again", patient_id="Q"))
    assert _kinds(audit(parts).leaks) == ["image"]


def test_label_conflicts(parts: Parts) -> None:
    first, second = parts["train"][:2]
    parts["train"][0] = replace(first, class_name="normal", findings=(Finding(kind="mass", box=(1, 1, 5, 5)),))
    parts["train"].append(replace(first, id="P0_L_MLO", image="b.png", class_name="malignant"))
    details = [item.detail for item in audit(parts).warnings]
    assert details == ["images or breasts have more than one label", "images are labelled normal and have a finding"]
    assert second.class_name == "benign"


def test_a_normal_image_with_a_mask(parts: Parts, tmp_path: Path) -> None:
    mask = write_png(tmp_path / "m.png", np.full((160, 120), 255, np.uint8))
    empty = write_png(tmp_path / "e.png", np.zeros((160, 120), np.uint8))
    for part, file in (("train", mask), ("test", empty)):
        parts[part] = [replace(r, class_name="normal", label_path=str(file)) for r in parts[part]]
    (warning,) = audit(parts, check_pixels=True).warnings
    assert (warning.kind, warning.count) == ("label_conflict", 6)


def test_crops_broken_and_blank_files_are_named(parts: Parts, tmp_path: Path) -> None:
    crop = write_png(tmp_path / "crop.png", _image(5)[60:100, 5:40])
    blank = write_png(tmp_path / "blank.png", np.zeros((160, 120), np.uint8))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    for path in (crop, blank, tmp_path / "broken.png"):
        parts["train"].append(Record(id=path.stem, image=str(path), patient_id=f"X{path.stem}"))
    report = audit(parts, check_pixels=True)
    assert report.clean
    assert {item.kind: item.examples[0][:6] for item in report.warnings} == {
        "unreadable": "broken",
        "blank": "blank",
        "crop": "crop",
    }


def test_unknown_patients_and_empty_parts(parts: Parts) -> None:
    parts["train"] = [replace(record, strata={"patient_known": "no"}) for record in parts["train"]]
    report = audit({**parts, "validation": []})
    assert _kinds(report.warnings) == ["empty", "patient_unknown"]


def test_the_report_can_be_written(parts: Parts) -> None:
    parts["test"].append(parts["train"][0])
    report = audit(parts)
    document = json.loads(json.dumps(report.to_dict()))
    assert document["clean"] is False
    assert document["leaks"][0]["kind"] == "image"
    assert "NOT clean" in report.text()
    assert "LEAK patient" in report.text()


def test_issue_counts_all_and_shows_five() -> None:
    (item,) = issue("double", "ids stand twice", [f"i{n}" for n in range(9)])
    assert (item.count, len(item.examples)) == (9, 5)
    assert str(item).endswith("i4, ...)")
