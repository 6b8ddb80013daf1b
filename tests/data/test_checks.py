# SPDX-License-Identifier: Apache-2.0
"""What training refuses and the index says, from one and the same manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mammozoo._errors import UserError
from mammozoo.data import audit_split, datalist, index_report, load_records, prepare_dataset
from mammozoo.data.checks import check_data
from mammozoo.data.record import Record
from mammozoo.io.write import write_png

SHAPE = (40, 30)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Eight patients with an image and a mask each."""
    lines = ["id,image,patient_id,mask,label"]
    for number in range(8):
        mask = np.zeros(SHAPE, np.uint8)
        mask[10 + number : 20 + number, 5:15] = 255
        write_png(tmp_path / f"im{number}.png", np.add.outer(np.arange(40), 3 * np.arange(30)).astype(np.uint8))
        write_png(tmp_path / f"m{number}.png", mask)
        label = ("benign", "malignant")[number % 2]
        lines.append(f"im{number},im{number}.png,p{number},m{number}.png,{label}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "manifest.csv"


def _edit(source: Path, *changes: tuple[str, str]) -> None:
    text = source.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    source.write_text(text)


def _said(source: Path) -> list[str]:
    records = load_records(dataset="manifest", dataset_dir=source)
    lines = index_report(records, check_pixels=True).text().splitlines()
    return [
        line for line in lines if line.startswith("odd") and "laterality" not in line and "view_position" not in line
    ]


def test_sound_data_pass(source: Path) -> None:
    prepare_dataset(dataset="manifest", dataset_dir=source)
    assert not [line for line in _said(source) if line.startswith(("odd mask", "odd label", "odd patient"))]


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "", "unknown", "<NA>", "#N/A", "ANONYMOUS"])
def test_unknown_patients(source: Path, word: str) -> None:
    _edit(source, (",p1,", f",{word},"), (",p4,", f",{word},"))
    shown = word or "unknown"
    assert any("patient" in line and shown in line and "im1" in line for line in _said(source))
    text = audit_split(dataset="manifest", dataset_dir=source, check_pixels=False).text()
    assert "warning patient_unknown: 2 images have a word for an unknown patient" in text
    with pytest.raises(UserError, match=rf"manifest\.csv, line 3: patient_id is '{shown}'.*; so in 1 further lines"):
        prepare_dataset(dataset="manifest", dataset_dir=source)


@pytest.mark.parametrize("word", ["malignent", "gutartig", "1", "BI-RADS 4"])
def test_unknown_labels(source: Path, word: str) -> None:
    _edit(source, ("m2.png,benign", f"m2.png,{word}"))
    assert f"odd label: 1 labels are none of normal, benign, malignant (im2 '{word}')" in _said(source)
    with pytest.raises(UserError, match=rf"line 4: label is '{word}'; expected normal, benign, malignant, or nothing"):
        prepare_dataset(dataset="manifest", dataset_dir=source)
    with pytest.raises(UserError, match=rf"line 4: label is '{word}'"):
        datalist(part="train", dataset="manifest", dataset_dir=source)


def test_classes_of_ones_own(source: Path) -> None:
    _edit(source, ("malignant", "cyst"))
    where = {"part": "all", "dataset": "manifest", "dataset_dir": source, "task": "classification"}
    items = datalist(**where, classes={"benign": 0, "cyst": 1})  # type: ignore[arg-type]
    assert sorted({item["class_name"] for item in items}) == ["benign", "cyst"]
    with pytest.raises(UserError, match="label is 'cyst'"):
        datalist(**where)  # type: ignore[arg-type]


def test_labels_in_capitals_are_the_same_words(source: Path) -> None:
    _edit(source, ("malignant", "Malignant "), ("benign", "BENIGN"))
    records = load_records(dataset="manifest", dataset_dir=source)
    assert {record.class_name for record in records} == {"benign", "malignant"}
    check_data(records)


def test_malignant_without_a_mask(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    _edit(source, (",m3.png,", ",,"), (",m5.png,", ",nan,"), (",m2.png,", ",,"))
    line = next(line for line in _said(source) if line.startswith("odd label"))
    assert "3 images are labelled benign or malignant and have no annotation" in line
    assert all(f"im{number} (" in line for number in (2, 3, 5))
    where = {"dataset": "manifest", "dataset_dir": source}
    for only in (True, False):
        with pytest.raises(UserError, match=r"line 5: label is 'malignant', and there is no mask.*1 further"):
            datalist(part="all", **where, with_lesion_only=only)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="line 5: label is 'malignant'"):
        prepare_dataset(**where)  # type: ignore[arg-type]
    _edit(source, (",,malignant", ",,"), (",nan,malignant", ",,normal"))
    with caplog.at_level(logging.WARNING):
        assert len(datalist(part="all", **where)) == 8  # type: ignore[arg-type]
    assert "1 images labelled benign have no mask" in caplog.text
    assert len(datalist(part="all", **where, with_lesion_only=True)) == 5  # type: ignore[arg-type]


@pytest.mark.parametrize("task", ["segmentation", "detection"])
@pytest.mark.parametrize("kind", ["transposed", "cropped"])
def test_masks_of_another_picture(source: Path, task: str, kind: str) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[5:9, 5:9] = 255
    write_png(source.with_name("m4.png"), mask.T if kind == "transposed" else mask[:30])
    assert any(line.startswith("odd mask: 1 masks do not fit their images (im4") for line in _said(source))
    with pytest.raises(UserError, match=r"line 6: mask .*m4\.png is 30 x .*, its image 40 x 30 \(rows x columns\)"):
        prepare_dataset(dataset="manifest", dataset_dir=source, task=task)
    with pytest.raises(UserError, match=r"m4\.png"):
        datalist(part="train", dataset="manifest", dataset_dir=source, task=task)
    check_data(load_records(dataset="manifest", dataset_dir=source), task="classification")


def test_masks_at_another_pitch_are_said_and_taken(source: Path) -> None:
    mask = np.zeros((80, 60), np.uint8)
    mask[20:40, 10:30] = 255
    write_png(source.with_name("m4.png"), mask)
    assert any(
        "another size than their images and are resized (im4 (80, 60) (40, 30))" in line for line in _said(source)
    )
    prepare_dataset(dataset="manifest", dataset_dir=source)


def _inverted(mask: np.ndarray) -> np.ndarray:
    return 255 - mask


def _soft(mask: np.ndarray) -> np.ndarray:
    soft = mask.copy()
    soft[:, 15] = mask[:, 14] // 3
    return soft


@pytest.mark.parametrize(
    ("change", "text"), [(_inverted, "cover more than half of their images"), (_soft, "masks with soft edges")]
)
def test_odd_masks_are_said(source: Path, change: Callable[[np.ndarray], np.ndarray], text: str) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:20, 5:15] = 255
    write_png(source.with_name("m0.png"), change(mask))
    assert any(line.startswith("odd mask") and text in line and "im0" in line for line in _said(source))


def test_an_unreadable_header(source: Path) -> None:
    source.with_name("im6.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match=r"line 8: .*im6\.png is damaged or no image"):
        prepare_dataset(dataset="manifest", dataset_dir=source)


def test_only_headers_are_read(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a pixel was decoded")

    for name in (
        "mammozoo.io.dicom.read.read_mammogram",
        "mammozoo.io.masks.read_mask",
        "mammozoo.data.masks.read_mask_file",
    ):
        monkeypatch.setattr(name, refuse)
    prepare_dataset(dataset="manifest", dataset_dir=source)


def test_labels_of_public_data_follow_their_own_rules() -> None:
    check_data([Record(id="a", image="a.png", patient_id="p", class_name="malignant")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset_dir": "absent.csv"}, "no manifest at .*absent.csv"),
        ({"dataset_dir": ""}, r"is a folder; expected a CSV file .*it holds manifest\.csv"),
        ({"dataset": "phantom", "dataset_dir": "manifest.csv"}, "holds no synthetic exams, and dataset is 'phantom'"),
        (
            {"dataset": "phantom", "dataset_dir": ""},
            "holds no synthetic exams, and dataset is 'phantom'; expected manifest",
        ),
        ({"dataset": "phantom", "dataset_dir": "absent.csv"}, "holds no synthetic exams"),
        ({"dataset": "manifests"}, "dataset 'manifests' is none of phantom, manifest"),
        ({"dataset": "cbis_ddsm", "dataset_dir": "absent"}, "there is no folder .*absent; expected that of data set"),
        ({"dataset_options": {"kinds": ["mass"]}}, r"dataset_options \['kinds'\] are none of dataset 'manifest'"),
        ({"fold": 9}, "fold 9 does not exist; expected"),
        ({"fold": "1"}, "fold '1' does not exist"),
        ({"split_file": "absent.json"}, "no split file at"),
        ({"strict_split": "true"}, "strict_split is 'true'; expected True or False"),
    ],
)
def test_the_mistakes_of_a_command_line(source: Path, options: dict[str, object], message: str) -> None:
    where = {"part": "train", "dataset": "manifest", "dataset_dir": "manifest.csv", **options}
    if isinstance(where["dataset_dir"], str):
        where["dataset_dir"] = source.parent / where["dataset_dir"]
    with pytest.raises(UserError, match=message) as caught:
        datalist(**where)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (0, r"manifest\.csv is empty"),
        (1, r"manifest\.csv holds a header and no image"),
        (3, "2 patients cannot fill 3 parts"),
    ],
)
def test_too_little(source: Path, lines: int, message: str) -> None:
    source.write_text("".join(source.read_text().splitlines(keepends=True)[:lines]))
    with pytest.raises(UserError, match=message):
        datalist(part="train", dataset="manifest", dataset_dir=source)


def test_synthetic_exams_replace_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds no synthetic exams"):
        prepare_dataset(dataset="phantom", dataset_dir=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
