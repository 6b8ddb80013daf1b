# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mammozoo.data.adapters.contrast import (
    audit_contrast,
    contrast_datalist,
    development_fold,
    pair_views,
    prepare_contrast,
    select_modality,
)
from mammozoo.data.record import Record
from mammozoo.data.split_file import make_split_file, write_split
from mammozoo.data.splits import PARTS, Split, kfold, make_split


def _record(patient: int, *, kind: str = "subtracted", label: str = "benign") -> Record:
    name = f"p{patient}_{kind}"
    return Record(
        id=name, image=f"{name}.png", patient_id=f"p{patient}", laterality="L", view_position="CC", modality=kind,
        class_name=label,
    )  # fmt: skip


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Forty patients, one image each, without a column for the kind; one in four is normal."""
    lines = ["id,image,patient_id,laterality,view,label"]
    for n in range(40):
        (tmp_path / f"{n}.png").write_bytes(b"")
        lines.append(f"i{n},{n}.png,p{n},L,CC,{('normal', 'benign', 'malignant', 'benign')[n % 4]}")
    file = tmp_path / "manifest.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_one_kind_is_chosen_by_name() -> None:
    records = [_record(1, kind=kind) for kind in ("low_energy", "subtracted")]
    assert [r.modality for r in select_modality(records, "low_energy")] == ["low_energy"]
    assert [r.modality for r in select_modality(records, "both")] == ["subtracted"]
    assert select_modality([replace(records[0], modality="MG")], "subtracted")[0].modality == "MG"


@pytest.mark.parametrize(
    ("kinds", "modality", "match"),
    [
        (("low_energy",), "subtracted", "needs"),
        (("MG",), "both", "no such column"),
        (("subtracted",), "both", "needs"),
        (("subtracted",), "colour", "none of"),
    ],
)
def test_an_absent_kind_is_refused(kinds: tuple[str, ...], modality: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        select_modality([_record(1, kind=kind) for kind in kinds], modality)


def test_a_pair_is_one_patient_side_and_view() -> None:
    records = [_record(n, kind=kind) for n in (1, 2) for kind in ("low_energy", "subtracted")]
    assert pair_views(records)["p2_subtracted"] == "p2_low_energy.png"
    with pytest.raises(ValueError, match="1 subtracted images have not exactly one"):
        pair_views(records[1:])


def test_normal_images_are_left_out_and_labels_are_fixed(manifest: Path) -> None:
    items = contrast_datalist(part="all", dataset="manifest", dataset_dir=manifest)
    assert {(item["class_name"], item["label"]) for item in items} == {("benign", 0), ("malignant", 1)}
    assert len(items) == 30


def test_normal_images_may_be_negatives_to_train_on(manifest: Path, tmp_path: Path) -> None:
    from mammozoo.data.manifest import index

    records = index(manifest)
    file = write_split(tmp_path / "split.json", make_split_file({"all": records}, dataset="demo", seed=3))
    options = {"part": "train", "dataset": "manifest", "dataset_dir": manifest, "split_file": file}
    plain, more = contrast_datalist(**options), contrast_datalist(**options, with_normal=True)
    added = [item for item in more if item not in plain]
    assert len(more) > len(plain) == len(more) - len(added)
    assert {(item["class_name"], item["label"]) for item in added} == {("normal", 0)}
    assert {item["patient_id"] for item in added} <= set(make_split(records, fold=None, seed=3).train)


@pytest.mark.parametrize("fold", [None, 0, 1, 2, 3, 4])
def test_parts_share_no_patient(manifest: Path, fold: int | None) -> None:
    options = {"dataset": "manifest", "dataset_dir": manifest, "fold": fold}
    parts = [{item["patient_id"] for item in contrast_datalist(part=part, **options)} for part in PARTS]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert all(parts)


def test_no_fold_holds_a_patient_of_the_test_part(manifest: Path) -> None:
    held = {item["id"] for item in contrast_datalist(part="test", dataset="manifest", dataset_dir=manifest)}
    tested = []
    for fold in range(5):
        for part in PARTS:
            found = [i["id"] for i in contrast_datalist(part=part, dataset="manifest", dataset_dir=manifest, fold=fold)]
            assert not held & set(found)
            tested += found if part == "test" else []
    assert len(tested) == len(set(tested)) == 30 - len(held)


def test_a_split_file_decides(manifest: Path, tmp_path: Path) -> None:
    from mammozoo.data.manifest import index

    records = index(manifest)
    file = write_split(tmp_path / "split.json", make_split_file({"all": records}, dataset="demo", seed=3))
    options = {"dataset": "manifest", "dataset_dir": manifest, "split_file": file}
    wanted = development_fold(make_split(records, fold=None, seed=3), kfold(records, fold=2, seed=3))
    found = {item["patient_id"] for item in contrast_datalist(part="train", fold=2, **options)}
    assert found <= set(wanted.train)
    assert not found & set(make_split(records, fold=None, seed=3).test)


def test_the_audit_refuses_one_patient_on_both_sides(tmp_path: Path) -> None:
    """A side in the patient's name makes one woman two patients: the audit reads the name."""
    lines = ["id,image,patient_id,laterality,view,label"]
    for n in range(12):
        for side in ("LEFT", "RIGHT"):
            (tmp_path / f"{n}{side}.png").write_bytes(b"")
            lines.append(f"P_{n}_{side}_CC,{n}{side}.png,P_{n}_{side},{side[0]},CC,{('benign', 'malignant')[n % 2]}")
    file = tmp_path / "manifest.csv"
    file.write_text("\n".join(lines) + "\n")
    report = audit_contrast(dataset="manifest", dataset_dir=file, check_pixels=False)
    assert not report.clean
    assert "patient" in str(report.reason)


def test_a_split_cannot_hold_a_patient_twice() -> None:
    with pytest.raises(ValueError, match="1 patients stand in two parts"):
        Split(train=("a", "b"), validation=(), test=("a",))


def test_labels_of_another_task_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "m.csv").write_text("id,image,patient_id,label\na,a.png,p,cyst\n")
    with pytest.raises(ValueError, match=r"m\.csv, line 2: label is 'cyst'; expected normal, benign, malignant"):
        contrast_datalist(part="all", dataset="manifest", dataset_dir=tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("id,image,patient_id,label\na,a.png,p,normal\n")
    with pytest.raises(ValueError, match=r"benign or malignant; the data have the labels \['normal'\]"):
        contrast_datalist(part="all", dataset="manifest", dataset_dir=tmp_path / "m.csv")
    for word in ("nan", "None"):
        (tmp_path / "m.csv").write_text(f"id,image,patient_id,label\na,a.png,{word},benign\n")
        with pytest.raises(ValueError, match=f"line 2: patient_id is '{word}'"):
            prepare_contrast(dataset="manifest", dataset_dir=tmp_path / "m.csv")


def test_phantoms_are_written_once_and_left_alone(tmp_path: Path) -> None:
    assert contrast_datalist(part="train", dataset="phantom", dataset_dir=tmp_path / "p") == []
    prepare_contrast(dataset="phantom", dataset_dir=tmp_path / "p", patients=1, size=(64, 64))
    stamp = (tmp_path / "p" / "manifest.csv").stat().st_mtime_ns
    prepare_contrast(dataset="phantom", dataset_dir=tmp_path / "p", patients=3, size=(64, 64))
    assert (tmp_path / "p" / "manifest.csv").stat().st_mtime_ns == stamp
