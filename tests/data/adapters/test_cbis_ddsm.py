# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mammozoo._errors import UserError
from mammozoo.data.adapters import cbis_ddsm
from mammozoo.data.adapters.matching import choose_mask, is_binary
from mammozoo.data.masks import record_mask
from mammozoo.data.record import Record
from mammozoo.io.write import write_png

TREES = ("cbis_tcia", "cbis_nbia", "cbis_kaggle")


def _by_id(trees: ModuleType, tree: str, root: Path, **options: str) -> dict[str, Record]:
    return {record.id: record for record in cbis_ddsm.index(getattr(trees, tree)(root), **options)}


@pytest.mark.parametrize("tree", TREES)
def test_swapped_masks_are_found_and_joined(trees: ModuleType, tmp_path: Path, tree: str) -> None:
    record = _by_id(trees, tree, tmp_path)["P_00001_LEFT_CC"]
    wanted = (trees.disk(x=10, y=20) | trees.disk(x=28, y=40)) > 0
    assert np.count_nonzero(record_mask(record) != wanted) <= (8 if tree == "cbis_kaggle" else 0)
    assert record.label_path is None
    assert [finding.class_name for finding in record.findings] == ["benign", "malignant"]
    assert record.class_name == "malignant"
    assert record.strata["n_masses"] == "2"
    assert record.strata["assessment"] == "5"


@pytest.mark.parametrize("tree", TREES)
def test_a_mask_at_another_pitch_is_resized(trees: ModuleType, tmp_path: Path, tree: str) -> None:
    record = _by_id(trees, tree, tmp_path)["P_00145_LEFT_CC"]
    assert record.strata["mask_trouble"] == "resized"
    assert record_mask(record).shape == trees.SHAPE
    assert record_mask(record).mean() == pytest.approx((trees.disk() > 0).mean(), rel=0.15)


def test_a_single_mask_is_used_as_it_is(trees: ModuleType, tmp_path: Path) -> None:
    record = _by_id(trees, "cbis_tcia", tmp_path)["P_00004_RIGHT_MLO"]
    assert record.label_path is not None
    assert record.label_path.endswith("Mass-Training_P_00004_RIGHT_MLO_1/2.1/3.1.222/000001.dcm")
    assert (record.laterality, record.view_position, record.patient_id) == ("R", "MLO", "P_00004")


@pytest.mark.parametrize(("split", "ids"), [("training", 2), ("test", 1), ("both", 3)])
def test_official_split(trees: ModuleType, tmp_path: Path, split: str, ids: int) -> None:
    records = _by_id(trees, "cbis_tcia", tmp_path, official_split=split)
    assert len(records) == ids


def test_columns_in_either_spelling_and_paths_with_newlines(trees: ModuleType, tmp_path: Path) -> None:
    trees.cbis_tables(tmp_path)
    rows = cbis_ddsm.read_descriptions(tmp_path, abnormality="mass", official_split="both")
    assert {row["breast_density"] for row in rows} == {"3"}
    assert all(row["roi_mask_file_path"].endswith(".dcm") for row in rows)


def test_images_that_were_not_fetched_are_left_out(trees: ModuleType, tmp_path: Path) -> None:
    root = trees.cbis_tcia(tmp_path)
    (root / "Mass-Test_P_00145_LEFT_CC" / "1.1" / "9.9.11111" / "000000.dcm").unlink()
    (root / "Mass-Training_P_00004_RIGHT_MLO_1" / "2.1" / "3.1.222" / "000001.dcm").unlink()
    records = {record.id: record for record in cbis_ddsm.index(root)}
    assert sorted(records) == ["P_00001_LEFT_CC", "P_00004_RIGHT_MLO"]
    assert records["P_00004_RIGHT_MLO"].strata["mask_trouble"] == "no mask"
    assert not records["P_00004_RIGHT_MLO"].has_mask


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"abnormality": "cyst"}, "abnormality 'cyst'"),
        ({"official_split": "validation"}, "official_split 'validation'"),
    ],
)
def test_unknown_arguments(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cbis_ddsm.index(tmp_path, **options)


def test_a_missing_table_is_named(trees: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lacks calc_case_description_train_set"):
        cbis_ddsm.index(trees.cbis_tcia(tmp_path), abnormality="all")


def test_the_largest_file_is_the_image_when_no_series_tells(tmp_path: Path) -> None:
    files = [tmp_path / "a.dcm", tmp_path / "b.dcm"]
    files[0].write_bytes(b"1")
    files[1].write_bytes(b"22")
    assert cbis_ddsm.full_image(files, uid="1.2") == files[1]
    assert cbis_ddsm.full_image([], uid="1.2") is None


def test_masks_by_content(trees: ModuleType, tmp_path: Path) -> None:
    crop = write_png(tmp_path / "crop.png", trees.film(0, (12, 8)))
    mask = write_png(tmp_path / "mask.png", trees.disk())
    texture = write_png(tmp_path / "texture.png", trees.film(0))
    wide = write_png(tmp_path / "wide.png", trees.disk((60, 80)))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    assert choose_mask([crop, mask], image=texture) == (mask, "")
    assert choose_mask([texture, mask], image=texture) == (mask, "")
    assert choose_mask([tmp_path / "broken.png", mask], image=texture) == (mask, "")
    assert choose_mask([crop, wide], image=texture) == (None, "mask does not fit")
    assert choose_mask([crop], image=texture) == (None, "no mask")
    assert choose_mask([mask], image=tmp_path / "broken.png") == (None, "the image cannot be read")
    assert not is_binary(np.zeros((4, 4)))
