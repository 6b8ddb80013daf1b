# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from mammozoo.data import manifest


def _write(folder: Path, text: str, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_column_finds_its_place(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        "id,image,mask,boxes_xywh,patient_id,label,laterality,view,modality,density\n"
        'a,im/a.png,ma/a.png,"[[10, 20, 30, 40.5]]",p1,benign,LEFT,mlo,low_energy,3\n'
        "b,im/b.png,,,p2,,R,CC,subtracted,\n",
        "im/a.png",
        "im/b.png",
        "ma/a.png",
    )
    a, b = manifest.index(path)
    assert a.image == str(tmp_path / "im/a.png")
    assert a.label_path == str(tmp_path / "ma/a.png")
    assert a.boxes == ((10.0, 20.0, 40.0, 60.5),)
    assert (a.class_name, a.laterality, a.view_position, a.modality) == ("benign", "L", "MLO", "low_energy")
    assert a.strata == {"modality": "low_energy", "density": "3"}
    assert (b.label_path, b.boxes, b.class_name, b.has_lesion) == (None, (), "", False)


def test_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = _write(tmp_path, "\ufeffid,image,patient_id\na,a.png,p\n", "a.png")
    assert manifest.index(path)[0].id == "a"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("id,image\na,a.png\n", ValueError, r"columns \['patient_id'\] are missing"),
        ("id,image,patient_id,id\na,a.png,p,a\n", ValueError, r"columns \['id'\] stand twice"),
        ("id,image,patient_id\n", ValueError, "no image"),
        (
            "id,image,patient_id\na,a.png,p\na,a.png,p\n",
            ValueError,
            r"1 ids stand twice, for example \['a'\]",
        ),
        ("id,image,patient_id\na,b.png,p\n", FileNotFoundError, r"1 of 1 files are missing.*b\.png"),
        (
            "id,image,patient_id,mask\na,a.png,p,m.png\n",
            FileNotFoundError,
            r"1 of 2 files are missing.*m\.png",
        ),
        ("id,image,patient_id\na,,p\n", ValueError, "line 2: record 'a': image is empty"),
        ("id,image,patient_id\na,a.png\n", ValueError, "line 2: the number of fields"),
        ("id,image,patient_id\na,a.png,p,x\n", ValueError, "line 2: the number of fields"),
        ("id,image,patient_id,laterality\na,a.png,p,up\n", ValueError, "line 2: laterality 'up'"),
        ('id,image,patient_id,boxes_xywh\na,a.png,p,"[1, 2]"\n', ValueError, "line 2: boxes_xywh"),
        ('id,image,patient_id,boxes_xywh\na,a.png,p,"[[1, 2, 0, 4]]"\n', ValueError, "line 2: .*is empty"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        manifest.index(_write(tmp_path, text, "a.png"))


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no manifest at"):
        manifest.index(tmp_path / "manifest.csv")
