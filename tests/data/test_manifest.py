# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from mammozoo._errors import UserError
from mammozoo.data import manifest
from mammozoo.data.record import is_unknown


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
    ("text", "message"),
    [
        ("id,image\na,a.png\n", r"columns \['patient_id'\] are missing"),
        ("id,image,patient_id,id\na,a.png,p,a\n", r"columns \['id'\] stand twice"),
        ("id,image,patient_id\n", "no image"),
        (
            "id,image,patient_id\na,a.png,p\na,a.png,p\n",
            "line 3: duplicate id 'a', which line 2 has",
        ),
        (
            "id,image,patient_id\na,b.png,p\n",
            r"line 2: there is no image .*b\.png; paths in a manifest are relative to manifest.csv",
        ),
        (
            "id,image,patient_id,mask\na,a.png,p,m.png\n",
            r"line 2: there is no mask .*m\.png",
        ),
        ("id,image,patient_id\na,,p\n", "line 2: record 'a': image is empty"),
        ("id,image,patient_id\na,a.png\n", "line 2: the row has 2 fields; the header has 3"),
        ("id,image,patient_id\na,a.png,p,x\n", "line 2: the row has 4 fields; the header has 3"),
        ("id,image,patient_id,laterality\na,a.png,p,up\n", "line 2: laterality 'up'"),
        ('id,image,patient_id,boxes_xywh\na,a.png,p,"[1, 2]"\n', "line 2: boxes_xywh"),
        ('id,image,patient_id,boxes_xywh\na,a.png,p,"[[1, 2, 0, 4]]"\n', "line 2: .*is empty"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        manifest.index(_write(tmp_path, text, "a.png"))


def test_all_missing_files_are_counted(tmp_path: Path) -> None:
    path = _write(tmp_path, "id,image,patient_id\na,a.png,p\nb,b.png,p\nc,c.png,p\n", "a.png")
    with pytest.raises(UserError, match=r"line 3: there is no image .*b\.png \(2 of 3 files are missing\)"):
        manifest.index(path)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no manifest at"):
        manifest.index(tmp_path / "manifest.csv")
    _write(tmp_path, "")
    with pytest.raises(UserError, match=r"is a folder; expected a CSV file .*; it holds manifest\.csv"):
        manifest.index(tmp_path)
    with pytest.raises(UserError, match=r"manifest\.csv is empty; expected a header"):
        manifest.index(tmp_path / "manifest.csv")


def _excel(text: str, kind: str) -> bytes:
    return {
        "utf-8": text.encode(),
        "utf-8 with mark": text.encode("utf-8-sig"),
        "cp1252": text.encode("cp1252"),
        "unicode text": text.replace(",", "\t").encode("utf-16"),
        "utf-16 without mark": text.encode("utf-16-le"),
        "semicolons": text.replace(",", ";").encode("cp1252"),
        "sep line": ("sep=;\n" + text.replace(",", ";")).encode("cp1252"),
        "windows lines": text.replace("\n", "\r\n").encode(),
        "old mac lines": text.replace("\n", "\r").encode(),
        "empty columns and rows": (text.replace("\n", ",,\n") + ",,,,,,\n,,,,,,\n").encode(),
        "capitals": text.replace("id,image,patient_id", "ID, Image ,Patient_ID", 1).encode(),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "utf-8", "utf-8 with mark", "cp1252", "unicode text", "utf-16 without mark", "semicolons", "sep line",
        "windows lines", "old mac lines", "empty columns and rows", "capitals",
    ],
)  # fmt: skip
def test_as_a_spreadsheet_saves_it(tmp_path: Path, kind: str) -> None:
    path = _write(tmp_path, "", "a.png", "b.png")
    path.write_bytes(_excel("id,image,patient_id,label,ort\na,a.png,p,benign,Köln\nb,b.png,q,Malignant,Zürich\n", kind))
    records = manifest.index(path)
    assert [(record.id, record.class_name) for record in records] == [("a", "benign"), ("b", "malignant")]
    assert [record.strata for record in records] == [{"ort": "Köln"}, {"ort": "Zürich"}]
    assert records[1].origin.endswith("manifest.csv, line 4" if kind == "sep line" else "manifest.csv, line 3")


def test_a_workbook_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(UserError, match=r"m\.csv is an Excel workbook"):
        manifest.index(tmp_path / "m.csv")


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "null", "<NA>", "N/A", ""])
def test_words_for_nothing(tmp_path: Path, word: str) -> None:
    path = _write(
        tmp_path,
        f"id,image,patient_id,mask,boxes_xywh,label,laterality,view\na,a.png,{word},{word},{word},{word},{word},{word}\n",
        "a.png",
    )
    record = manifest.index(path)[0]
    assert (record.label_path, record.boxes, record.class_name, record.laterality, record.view_position) == (
        None, (), "", "", "",
    )  # fmt: skip
    assert is_unknown(record.patient_id), "which training refuses"


def test_separators_of_windows(tmp_path: Path) -> None:
    path = _write(tmp_path, "id,image,patient_id,mask\na,im\\a.png,p,ma\\a.png\n", "im/a.png", "ma/a.png")
    record = manifest.index(path)[0]
    assert Path(record.image) == tmp_path / "im" / "a.png"
    assert Path(str(record.label_path)) == tmp_path / "ma" / "a.png"
