# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from monai.data import DataLoader, Dataset
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged

from mammozoo.data import manifest
from mammozoo.data.lists import audit_split, datalist, load_records, prepare_dataset
from mammozoo.data.masks import read_mask
from mammozoo.data.split_file import make_split_file, write_split
from mammozoo.io.write import write_png

PATIENTS = 12


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Manifest of twelve patients, two images each; the last three patients have no lesion."""
    rows = []
    for patient in range(PATIENTS):
        for view in ("CC", "MLO"):
            name = f"p{patient}-{view}"
            write_png(tmp_path / f"{name}.png", np.full((20, 16), patient, np.uint8))
            mask = np.zeros((20, 16), np.uint8)
            if patient < 9:
                mask[2:5, 3:7] = mask[10:12, 10:15] = 255
            write_png(tmp_path / f"{name}-mask.png", mask)
            label = ("benign", "malignant", "normal")[patient % 3]
            rows.append([name, f"{name}.png", f"{name}-mask.png", f"p{patient}", label, "L", view, "3"])
    with (tmp_path / "manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["id", "image", "mask", "patient_id", "label", "laterality", "view", "density"], *rows]
        )
    return tmp_path / "manifest.csv"


def _ids(source: Path, part: str, **options: object) -> set[str]:
    return {item["id"] for item in datalist(part=part, dataset="manifest", dataset_dir=source, **options)}  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader:UserWarning")  # LoadImage tries every reader of MONAI
def test_segmentation_items_feed_a_monai_dataset(source: Path) -> None:
    items = datalist(part="train", dataset="manifest", dataset_dir=source)
    assert set(items[0]) == {"id", "image", "label", "patient_id", "laterality", "view_position", "strata"}
    assert items[0]["strata"] == {"density": "3"}
    load = Compose([LoadImaged(["image", "label"], reader="PILReader"), EnsureChannelFirstd(["image", "label"])])
    batch = next(iter(DataLoader(Dataset(items, load), batch_size=2)))
    assert batch["label"].shape == (2, 1, 16, 20)


def test_parts_are_disjoint_and_complete(source: Path) -> None:
    parts = [_ids(source, part) for part in ("train", "validation", "test")]
    assert set().union(*parts) == _ids(source, "all")
    assert sum(map(len, parts)) == 2 * PATIENTS


def test_images_without_lesion_can_be_left_out(source: Path) -> None:
    assert len(_ids(source, "all", with_lesion_only=True)) == 18
    assert len(_ids(source, "all", with_lesion_only=True, task="detection")) == 18


def test_boxes_come_from_the_components(source: Path) -> None:
    items = datalist(part="all", dataset="manifest", dataset_dir=source, task="detection")
    assert items[0]["box"] == [[3, 2, 7, 5], [10, 10, 15, 12]]
    assert items[-1]["box"] == []


def test_boxes_of_the_data_come_first(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((9, 9), np.uint8))
    (tmp_path / "m.csv").write_text('id,image,patient_id,boxes_xywh\na,a.png,p,"[[1,2,3,4]]"\n')
    item = datalist(part="all", dataset="manifest", dataset_dir=tmp_path / "m.csv", task="detection")[0]
    assert item["box"] == [[1, 2, 4, 6]]
    assert "label" not in item
    with pytest.raises(ValueError, match="none of the 1 images has a mask"):
        datalist(part="all", dataset="manifest", dataset_dir=tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({}, {"benign": 0, "malignant": 1, "normal": 2}),
        ({"classes": {"benign": 0, "malignant": 1}}, {"benign": 0, "malignant": 1}),
        ({"class_column": "density"}, {"3": 0}),
    ],
)
def test_class_indices(source: Path, options: dict[str, object], labels: dict[str, int]) -> None:
    items = datalist(part="all", dataset="manifest", dataset_dir=source, task="classification", **options)  # type: ignore[arg-type]
    assert {item["class_name"]: item["label"] for item in items} == labels


def test_classes_are_the_same_in_every_part(source: Path) -> None:
    for part in ("train", "validation", "test"):
        for item in datalist(part=part, dataset="manifest", dataset_dir=source, task="classification"):
            assert item["label"] == ["benign", "malignant", "normal"].index(item["class_name"])


def test_the_split_file_decides(source: Path, tmp_path: Path) -> None:
    records = manifest.index(source)
    file = make_split_file({"all": records}, dataset="demo", seed=99)
    path = write_split(tmp_path / "split.json", file)
    wanted = {record.id for record in file.split(fold=None).select(records, "test")}
    assert _ids(source, "test", split_file=path) == wanted
    assert _ids(source, "test", split_file=path, fold=1) != wanted


def test_data_that_do_not_fit_the_split_file(source: Path, tmp_path: Path) -> None:
    records = manifest.index(source)
    path = write_split(tmp_path / "split.json", make_split_file({"all": records[:-2]}, dataset="demo", seed=0))
    with pytest.raises(ValueError, match="2 of the 24 data ids are unknown"):
        _ids(source, "train", split_file=path)
    parts = [_ids(source, part, split_file=path, strict_split=False) for part in ("train", "validation", "test")]
    assert sum(map(len, parts)) == 22


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"part": "training"}, ValueError, "part 'training' is none of"),
        ({"task": "tracking"}, ValueError, "task 'tracking' is none of"),
        (
            {"task": "classification", "classes": {"cyst": 0}},
            ValueError,
            r"classes \['cyst'\] occur in no image",
        ),
        ({"task": "classification", "class_column": "shape"}, ValueError, r"may be one of \['density'\]"),
        ({"with_lesion_only": "true"}, ValueError, "with_lesion_only is 'true'; expected True or False"),
        ({"dataset": "ddsm"}, ValueError, "dataset 'ddsm' is none of phantom, manifest"),
    ],
)
def test_what_is_wrong_is_said(source: Path, options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        datalist(**{"part": "all", "dataset": "manifest", "dataset_dir": source, **options})  # type: ignore[arg-type]


def test_phantoms_are_written_by_preparing_and_by_nothing_else(tmp_path: Path) -> None:
    folder, options = tmp_path / "phantom", {"patients": 4, "size": (64, 64)}
    assert datalist(part="train", dataset="phantom", dataset_dir=folder) == []
    assert not folder.exists()
    prepare_dataset(dataset="phantom", dataset_dir=folder, dataset_options=options)
    records = load_records(dataset="phantom", dataset_dir=folder, dataset_options=options)
    assert len({record.patient_id for record in records}) == 4
    assert datalist(part="train", dataset="phantom", dataset_dir=folder)


def test_the_split_in_use_is_audited(source: Path, tmp_path: Path) -> None:
    report = audit_split(dataset="manifest", dataset_dir=source, check_pixels=False)
    assert report.clean
    assert sum(part["images"] for part in report.parts.values()) == 2 * PATIENTS
    assert audit_split(dataset="phantom", dataset_dir=tmp_path / "phantom").parts == {}


def test_normal_images_without_annotation_get_an_empty_mask(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_png(tmp_path / f"{name}.png", np.full((9, 7), 255, np.uint8))
    (tmp_path / "m.csv").write_text("id,image,mask,patient_id\na,a.png,a.png,p\nb,b.png,,q\n")
    where = {"part": "all", "dataset": "manifest", "dataset_dir": tmp_path / "m.csv"}
    items = datalist(**where, cache_dir=tmp_path / "cache")
    assert read_mask(items[1]["label"]).shape == (9, 7)
    assert not read_mask(items[1]["label"]).any()


@pytest.mark.parametrize(("only", "count"), [(True, 1), (False, None)])
def test_findings_without_a_mask(tmp_path: Path, only: bool, count: int | None) -> None:
    write_png(tmp_path / "a.png", np.full((9, 7), 255, np.uint8))
    write_png(tmp_path / "b.png", np.full((9, 7), 255, np.uint8))
    (tmp_path / "m.csv").write_text('id,image,mask,patient_id,boxes_xywh\na,a.png,a.png,p,\nb,b.png,,q,"[[1,1,2,2]]"\n')
    where = {"part": "all", "dataset": "manifest", "dataset_dir": tmp_path / "m.csv", "with_lesion_only": only}
    if count is None:
        with pytest.raises(ValueError, match="1 images have findings but no mask"):
            datalist(**where)
    else:
        assert len(datalist(**where)) == count
