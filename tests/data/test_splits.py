# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mammozoo._errors import UserError
from mammozoo.data import splits
from mammozoo.data.record import Record
from mammozoo.data.split_file import make_split_file, read_split, write_split

ROOT = Path(__file__).resolve().parents[2]


def _records(patients: int, *, seed: int = 0) -> list[Record]:
    rng = random.Random(seed)
    records = []
    for patient in range(patients):
        for view in range(rng.choice((1, 2, 4))):
            class_name = rng.choice(("benign", "benign", "malignant"))
            records.append(
                Record(id=f"i{patient}-{view}", image="a.png", patient_id=f"p{patient}", class_name=class_name)
            )
    return records


@settings(max_examples=25, deadline=None)
@given(patients=st.integers(5, 60), seed=st.integers(0, 5))
def test_parts_hold_every_patient_once(patients: int, seed: int) -> None:
    records = _records(patients, seed=seed)
    split = splits.holdout(records, seed=seed, strata=splits.stratify(records, task="classification"))
    together = split.train + split.validation + split.test
    assert sorted(together) == sorted({record.patient_id for record in records})


def test_shares_and_strata_are_kept() -> None:
    records = _records(300)
    strata = splits.stratify(records, task="classification")
    split = splits.holdout(records, seed=1, strata=strata)
    for name in ("benign", "malignant"):
        counts = [sum(strata[r.id] == name for r in split.select(records, part)) for part in splits.PARTS]
        total = sum(counts)
        assert counts == pytest.approx([0.6 * total, 0.2 * total, 0.2 * total], abs=4)


def test_a_rare_stratum_reaches_every_part() -> None:
    records = _records(60)
    strata = {record.id: "common" for record in records} | {f"i{n}-0": "rare" for n in range(5)}
    split = splits.holdout(records, seed=0, strata=strata)
    rare = Counter(split.part_of(f"p{n}") for n in range(5))
    assert rare == {"train": 3, "validation": 1, "test": 1}


def test_folds_partition_the_patients() -> None:
    records = _records(100)
    strata = splits.stratify(records, task="classification")
    folds = [splits.kfold(records, fold=fold, seed=2, strata=strata) for fold in range(splits.FOLDS)]
    tested = [patient for fold in folds for patient in fold.test]
    assert sorted(tested) == sorted({record.patient_id for record in records})
    for fold in folds:
        assert len(fold.validation) == pytest.approx(0.1 * (100 - len(fold.test)), abs=2)


def test_same_seed_same_split_in_any_order() -> None:
    records = _records(50)
    shuffled = random.Random(1).sample(records, len(records))
    for fold in (None, 3):
        assert splits.make_split(records, fold=fold, seed=0) == splits.make_split(shuffled, fold=fold, seed=0)
    assert splits.holdout(records, seed=0) != splits.holdout(records, seed=1)


def test_a_drawn_split_never_changes() -> None:
    records = [Record(id=f"i{n}", image="a.png", patient_id=f"p{n}") for n in range(10)]
    assert splits.holdout(records, seed=0).test == ("p3", "p9")


@pytest.mark.parametrize(
    ("fold", "message"),
    [(5, "fold 5 does not exist"), (-1, "fold -1"), (True, "fold True"), ("1", "fold '1'")],
)
def test_no_such_fold(fold: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        splits.kfold(_records(20), fold=fold, seed=0)


def test_too_few_patients() -> None:
    with pytest.raises(ValueError, match="2 patients cannot fill 3 parts"):
        splits.holdout(_records(2), seed=0)


def test_a_patient_in_two_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="1 patients stand in two parts"):
        splits.Split(train=("a", "b"), validation=(), test=("a",))


def test_file_round_trip_and_determinism(tmp_path: Path) -> None:
    records = _records(30)
    files = [make_split_file({"all": records}, dataset="demo", seed=4) for _ in range(2)]
    paths = [write_split(tmp_path / f"{n}.json", file) for n, file in enumerate(files)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    read = read_split(paths[0])
    assert read.split(fold=None) == splits.holdout(records, seed=4)
    assert read.split(fold=2) == splits.kfold(records, fold=2, seed=4)
    assert read.check(records) == "all"


def test_patients_of_a_second_set_share_the_parts() -> None:
    first, second = (
        _records(30),
        [Record(id=f"x{n}", image="a.png", patient_id=f"p{n}") for n in range(25, 35)],
    )
    file = make_split_file({"first": first, "second": second}, dataset="demo", seed=0)
    split = file.split(fold=None)
    assert all(split.part_of(record.patient_id) for record in second)
    assert file.check(second) == "second"


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    path = write_split(tmp_path / "s.json", make_split_file({"all": _records(10)}, dataset="demo", seed=0))
    document = json.loads(path.read_text())
    document["holdout"]["train"].pop()
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match="was changed after it was written"):
        read_split(path)


@pytest.mark.parametrize("text", ["[]", '{"train": []}'])
def test_no_split_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(ValueError, match="is not a split file"):
        read_split(tmp_path / "s.json")
    with pytest.raises(UserError, match="no split file at"):
        read_split(tmp_path / "t.json")


def test_records_that_do_not_fit(tmp_path: Path) -> None:
    records = _records(10)
    file = make_split_file({"all": records}, dataset="demo", seed=0)
    with pytest.raises(ValueError, match=r"1 of its .* missing from the data"):
        file.check(records[1:])
    extra = Record(id="new", image="a.png", patient_id="p0")
    with pytest.raises(ValueError, match=r"1 of the .* unknown to it \['new'\]"):
        file.check([*records, extra])
    moved = Record(id=records[0].id, image="a.png", patient_id="somebody else")
    with pytest.raises(ValueError, match="1 images have another patient"):
        file.check([moved, *records[1:]])
    with pytest.raises(ValueError, match="fold 5 is not in this split file"):
        file.split(fold=5)


@pytest.mark.parametrize(
    ("name", "images", "patients"),
    [("cbis_ddsm", {"mass_training": 1231}, 691), ("cdd_cesm", {"subtracted": 811, "lesions": 512}, 260)],
)
def test_released_split_files(name: str, images: dict[str, int], patients: int) -> None:
    file = read_split(ROOT / "configs" / "splits" / f"{name}.json")
    assert {key: len(file.patient_of(images=key)) for key in file.document["images"]} == images
    for fold in (None, 0, 1, 2, 3, 4):
        split = file.split(fold=fold)
        assert len(split.train + split.validation + split.test) == patients
    hold = file.document["counts"][next(iter(images))]["holdout"]
    assert hold["train"]["images"] == pytest.approx(0.6 * next(iter(images.values())), abs=8)
