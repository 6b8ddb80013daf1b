# SPDX-License-Identifier: Apache-2.0
"""Listing of inputs: what is taken, skipped or refused, and under which id."""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    generate_uid,
)

from mammozoo.io.errors import MammogramError
from mammozoo.io.inputs import InputImage, list_inputs


def _write_dicom(
    path: Path, *, patient: dict[str, str], syntax: str = ExplicitVRLittleEndian, preamble: bool = True
) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"
    dataset.SOPInstanceUID = generate_uid()
    for keyword, value in patient.items():
        setattr(dataset, keyword, value)
    dataset.Rows = 4
    if preamble:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    else:
        pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True)
    return str(dataset.SOPInstanceUID)


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def _ids(images: list[InputImage]) -> list[str]:
    return [image.id for image in images]


def test_folder_takes_all_but_hidden_and_unrelated_files(tmp_path: Path) -> None:
    _touch(tmp_path, "b/IM0001", "a.png", "c.dcm", "b/1.2.3", ".hidden.dcm", ".git/x.dcm", "__MACOSX/a.png")
    _touch(tmp_path, "notes.txt", "m.csv", "x.JSON", "r.xml", "t.xlsx", "mask.nii.gz", "README", "b/DICOMDIR")
    images = list_inputs(tmp_path)
    assert [image.name for image in images] == ["a.png", "b/1.2.3", "b/IM0001", "c.dcm"]
    assert _ids(images) == ["a", "b__1.2.3", "b__IM0001", "c"]
    assert all(image.path.is_file() and not image.error for image in images)


def test_colliding_names_all_get_the_hash(tmp_path: Path) -> None:
    _touch(tmp_path, "a.png", "a.dcm", "A.tif", "b.png")
    images = {image.name: image.id for image in list_inputs(tmp_path)}
    assert images["a.png"] == f"a-{hashlib.sha256(b'a.png').hexdigest()[:8]}"
    assert images["b.png"] == "b"
    assert len({name.lower() for name in images.values()}) == 4


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "outside/secret.dcm", "in/real.dcm", "in/sub/other.dcm")
    (tmp_path / "in/link.dcm").symlink_to(tmp_path / "outside/secret.dcm")
    (tmp_path / "in/folder").symlink_to(tmp_path / "outside")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/broken.dcm").symlink_to(tmp_path / "absent")
    (tmp_path / "in/near.dcm").symlink_to(tmp_path / "in/real.dcm")
    errors = {image.name: image.error for image in list_inputs(tmp_path / "in")}
    assert set(errors) == {"link.dcm", "folder", "broken.dcm", "near.dcm", "real.dcm", "sub/other.dcm"}
    assert "leaves the folder" in errors["link.dcm"]
    assert "leaves the folder" in errors["folder"]
    assert "broken link" in errors["broken.dcm"]
    assert errors["near.dcm"] == errors["real.dcm"] == ""


def test_pipe_and_archive_in_a_folder_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dcm")
    _touch(tmp_path, "more.zip")
    errors = {image.name: image.error for image in list_inputs(tmp_path)}
    assert "neither a file" in errors["pipe.dcm"]
    assert "archive inside" in errors["more.zip"]


def test_one_file_whatever_it_is_called(tmp_path: Path) -> None:
    _touch(tmp_path, "text.dcm", "readme.txt")
    assert _ids(list_inputs(tmp_path / "text.dcm")) == ["text"]
    assert _ids(list_inputs(str(tmp_path / "readme.txt"))) == ["readme"]


@pytest.mark.parametrize("name", ["absent.dcm", "empty"])
def test_nothing_to_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MammogramError, match="no such file|no image"):
        list_inputs(tmp_path / name)


@pytest.mark.parametrize("name", ["study.zip", "study.part"])
def test_zip_is_extracted_into_the_work_folder(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("P1/a.png", b"x")
        archive.writestr("notes.txt", b"x")
    (image,) = list_inputs(tmp_path / name, work_dir=tmp_path / "work")
    assert (image.id, image.name) == ("P1__a", "P1/a.png")
    assert image.path.is_relative_to(tmp_path / "work")


def test_zip_without_work_folder_goes_to_a_private_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", b"x")
    (image,) = list_inputs(tmp_path / "a.zip")
    assert image.path.read_bytes() == b"x"
    assert image.path.parent.stat().st_mode & 0o077 == 0


def test_bad_zip_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\3\4 no zip")
    with pytest.raises(MammogramError, match="cannot be extracted"):
        list_inputs(tmp_path / "a.zip", work_dir=tmp_path / "work")
    assert not list((tmp_path / "work").iterdir())


def test_manifest(tmp_path: Path) -> None:
    _touch(tmp_path, "img/a.png", "img/b.png")
    rows = [
        "id,image,patient_id,laterality,density,vendor",
        "case 1,img/a.png,P1,L,B,x",
        ",img/b.png,P2,R,C,y",
        "../up,img/absent.png,P3,R,,",
        "case 1,img/b.png,P2,R,C,y",
        "none,,P4,,,",
    ]
    (tmp_path / "m.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    images = list_inputs(tmp_path / "m.csv")
    assert _ids(images)[1:3] == ["img__b", "..__up"]
    assert len(set(_ids(images))) == 5
    assert images[0].id.startswith("case_1-")
    assert images[0].strata == {"density": "B", "vendor": "x"}
    assert images[0].path == tmp_path / "img/a.png"
    assert [bool(image.error) for image in images] == [False, False, True, False, True]
    assert images[3].name == images[3].id


@pytest.mark.parametrize("content", [b"", b"id,path\na,b\n", b"\xff\xfe\x00"])
def test_bad_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(MammogramError, match=r"m\.csv"):
        list_inputs(tmp_path / "m.csv")


def test_dicomdir_names_files_below_it_only(tmp_path: Path) -> None:
    _touch(tmp_path, "secret.dcm", "cd/IMAGES/IM1", "cd/images2/im2")
    (tmp_path / "cd/IMAGES/LINK").symlink_to(tmp_path / "secret.dcm")
    records = []
    for kind, parts in [
        ("PATIENT", None),
        ("IMAGE", ["IMAGES", "IM1"]),
        ("IMAGE", ["IMAGES2", "IM2"]),
        ("IMAGE", ["..", "secret.dcm"]),
        ("IMAGE", ["IMAGES", "LINK"]),
        ("IMAGE", ["IMAGES", "ABSENT"]),
        ("IMAGE", [str(tmp_path / "secret.dcm")]),
    ]:
        record = Dataset()
        record.DirectoryRecordType = kind
        if parts is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # '..' is no valid CS, which is the point
                record.ReferencedFileID = parts
        records.append(record)
    directory = Dataset()
    directory.DirectoryRecordSequence = records
    directory.file_meta = FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    pydicom.dcmwrite(tmp_path / "cd/DICOMDIR", directory, enforce_file_format=True)
    images = list_inputs(tmp_path / "cd/DICOMDIR")
    assert [image.id for image in images if not image.error] == ["IMAGES__IM1", "IMAGES2__IM2"]
    assert images[1].path == tmp_path / "cd/images2/im2"
    assert ["outside" in image.error or "leaves" in image.error for image in images[2:]] == [
        True,
        True,
        False,
        True,
    ]


def test_damaged_dicomdir(tmp_path: Path) -> None:
    _touch(tmp_path, "DICOMDIR")
    with pytest.raises(MammogramError, match="DICOMDIR"):
        list_inputs(tmp_path / "DICOMDIR")


DOE = {"PatientName": "Doe^Jane", "PatientID": "P-007", "PatientSex": "F", "PatientBirthDate": "19700101"}


@pytest.mark.parametrize(
    ("relative", "hidden"),
    [
        ("P-007/a.dcm", True),
        ("study/p_007_LCC.dcm", True),
        ("doe, jane/a.dcm", True),
        ("x/jane.dcm", True),
        ("x/19700101-a.dcm", True),
        ("x/janet.dcm", False),
        ("F/a.dcm", False),
        ("study/P-0071.dcm", False),
    ],
)
def test_path_with_patient_value_is_hidden(tmp_path: Path, relative: str, hidden: bool) -> None:
    uid = _write_dicom(tmp_path / relative, patient=DOE)
    (image,) = list_inputs(tmp_path)
    if hidden:
        assert image.id == f"uid-{hashlib.sha256(uid.encode()).hexdigest()[:16]}"
        assert image.name == image.id
    else:
        assert image.name == relative


@pytest.mark.parametrize(
    ("syntax", "preamble"),
    [
        (ExplicitVRLittleEndian, True),
        (ImplicitVRLittleEndian, True),
        (DeflatedExplicitVRLittleEndian, True),
        (ImplicitVRLittleEndian, False),
    ],
)
def test_patient_value_is_found_in_every_syntax(tmp_path: Path, syntax: str, preamble: bool) -> None:
    _write_dicom(tmp_path / "P-007.dcm", patient=DOE, syntax=syntax, preamble=preamble)
    assert list_inputs(tmp_path)[0].id.startswith("uid-")


def test_copies_under_patient_names_get_ids_without_a_hash_of_the_path(tmp_path: Path) -> None:
    _write_dicom(tmp_path / "doe/a.dcm", patient=DOE)
    (tmp_path / "doe/b.dcm").write_bytes((tmp_path / "doe/a.dcm").read_bytes())
    one, two = _ids(list_inputs(tmp_path))
    assert one != two
    assert hashlib.sha256(b"doe/a.dcm").hexdigest()[:8] not in one + two


def test_without_instance_uid_the_id_is_of_the_content(tmp_path: Path) -> None:
    ids = []
    for side in ("L", "R"):
        file = tmp_path / f"doe_{side}.dcm"
        _write_dicom(file, patient=DOE | {"ImageLaterality": side})
        dataset = pydicom.dcmread(file)
        del dataset.SOPInstanceUID
        dataset.save_as(file)
        ids += _ids(list_inputs(file))
        assert ids[-1] == f"uid-{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}"
    assert ids[0] != ids[1]


def test_other_patient_ids_in_a_sequence_count(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.PatientID = "OLD-12"
    _write_dicom(tmp_path / "OLD-12.dcm", patient={"OtherPatientIDsSequence": [dataset]})  # type: ignore[dict-item]
    assert list_inputs(tmp_path)[0].id.startswith("uid-")


def test_listing_imports_neither_torch_nor_opencv() -> None:
    import subprocess
    import sys

    code = "import sys, mammozoo.io.inputs; sys.exit(bool({'torch', 'monai', 'cv2', 'pydicom'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_one_header_says_is_hidden_in_every_path(tmp_path: Path) -> None:
    """A damaged or refused neighbour cannot say whose it is; the others do."""
    _write_dicom(tmp_path / "in/a.dcm", patient=DOE | {"AccessionNumber": "ACC-99", "StudyDate": "20240131"})
    _touch(tmp_path, "in/Doe_Jane/empty.png", "in/2024-01-31/b.png", "in/x/acc-99.png", "in/c.png", "outside.png")
    (tmp_path / "in/doe.dcm").symlink_to(tmp_path / "outside.png")
    os.mkfifo(tmp_path / "in/jane.dcm")
    images = list_inputs(tmp_path / "in")
    assert sorted(image.name for image in images if not image.id.startswith(("uid-", "refused"))) == ["a.dcm", "c.png"]
    assert sum(image.id.startswith("refused") for image in images) == 2
    assert len({image.id for image in images}) == 7


def test_several_sources_go_by_their_common_folder(tmp_path: Path) -> None:
    _touch(tmp_path, "s/one/a.png", "s/two/a.png", "s/three/x/b.png")
    (tmp_path / "s/bad.zip").write_bytes(b"PK\3\4")
    sources = [tmp_path / "s" / name for name in ("one/a.png", "two/a.png", "three", "bad.zip", "absent.dcm")]
    images = list_inputs(sources)
    assert _ids(images) == ["one__a", "two__a", "three__x__b", "bad", "absent"]
    assert [bool(image.error) for image in images] == [False, False, False, True, True]
    assert str(tmp_path) not in images[-1].error
    with pytest.raises(MammogramError, match="no folder or file"):
        list_inputs([])


@pytest.mark.parametrize(("encoding", "delimiter"), [("cp1252", ";"), ("utf-16", "\t"), ("utf-8-sig", ",")])
def test_a_manifest_as_a_spreadsheet_saves_it(tmp_path: Path, encoding: str, delimiter: str) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    text = "id,image,ort\nm1,a.png,Köln\n".replace(",", delimiter)
    (tmp_path / "m.csv").write_text(text, encoding=encoding)
    (image,) = list_inputs(tmp_path / "m.csv")
    assert (image.id, image.error, image.strata) == ("m1", "", {"ort": "Köln"})


def test_a_manifest_says_side_view_and_patient(tmp_path: Path) -> None:
    _touch(tmp_path, "a.png")
    (tmp_path / "m.csv").write_text("image,patient_id,laterality,view\na.png,P1,left,mlo\n")
    (image,) = list_inputs(tmp_path / "m.csv")
    assert (image.laterality, image.view_position, image.patient_id) == ("left", "mlo", "P1")
    assert "P1" not in repr(image)
