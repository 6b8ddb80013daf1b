# SPDX-License-Identifier: Apache-2.0
"""Nobody is named: the forms in which an export writes a patient's name, number and dates into paths."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from mammozoo.io.clinical.identity import hidden_id, identifying_values, patient_free_id
from mammozoo.io.clinical.identity_index import IdentityIndex, Value
from mammozoo.io.inputs import list_inputs


def _file(path: Path, **elements: Any) -> Path:
    """A header in UTF-8 with these elements."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.2", generate_uid()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def _named(path: str, *, name: str = "", born: str = "", number: str = "") -> bool:
    values = [Value("name", name), Value("date", born), Value("number", number)]
    return IdentityIndex(value for value in values if value.text).is_named_in(path)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Doe^Jane", "DoeJane_LCC.dcm"),
        ("Doe^Jane", "JaneDoe.dcm"),
        ("Doe^Jane", "janedoe1.dcm"),
        ("Doe^Jane", "LCCdoejane.dcm"),
        ("Doe^Jane", "study_xdoejanex/1.dcm"),
        ("Doe^Jane", "jdoe.dcm"),
        ("Doe^Jane", "DOEJ_RMLO.dcm"),
        ("Doe^Jane", "Doe/1.dcm"),
        ("Doe^Jane", "jane/doe/1.dcm"),
        ("Doe^Jane^Mary", "maryjanedoe.dcm"),
        ("Doe^Jane^Mary", "DOEJANEMARY"),
        ("Doe^Jane^^Dr", "dr.doe.dcm"),
        ("DOE JANE", "janedoe.dcm"),
        ("Doe, Jane", "doe_jane.dcm"),
        ("DoeJane", "doe-jane.dcm"),
        ("DOEJANE", "DOE_JANE.dcm"),
        ("García López^María", "Garcia_1.dcm"),
        ("García López^María", "lopezmaria.dcm"),
        ("García-López^María", "MARIALOPEZ_LCC.dcm"),
        ("Smith-Jones^Ann", "jones/1.dcm"),
        ("van den Berg^Jan", "vandenbergjan.dcm"),
        ("van den Berg^Jan", "berg.dcm"),
        ("McDonald^Fay", "mcdonald.dcm"),
        ("Li^Na", "LiNa.dcm"),
        ("Li^Na", "lina_lcc.dcm"),
        ("Schwarzenegger^Eva", "SCHWARZE.DCM"),
        ("O'Neill^Siobhán", "oneill_siobhan.dcm"),
        ("O'Neill^Siobhán", "Siobhan.dcm"),
    ],
)
def test_names_in_any_order_glued_and_in_part(name: str, path: str) -> None:
    assert _named(path, name=name)


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKD"])
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Müller^Jörg", "Müller.dcm"),
        ("Müller^Jörg", "Mueller_Joerg.dcm"),
        ("Müller^Jörg", "MULLER.dcm"),
        ("Mueller^Joerg", "Müller.dcm"),
        ("Mueller^Joerg", "muller_lcc.dcm"),
        ("Muller^Jorg", "Mueller.dcm"),
        ("Weiß^Ulla", "weiss.dcm"),
        ("Weiss^Ulla", "Weiß/1.dcm"),
        ("Ångström^Åse", "angstroem.dcm"),
        ("Sørensen^Bjørn", "sorensen.dcm"),
        ("Sørensen^Bjørn", "SoerensenBjoern.dcm"),
        ("Łukasiewicz^Ewa", "lukasiewicz.dcm"),
        ("Nováková^Jiřina", "novakova.dcm"),
        ("Đorđević^Ana", "djordjevic.dcm"),
        ("Öztürk^Işıl", "ozturk_isil.dcm"),
    ],
)
def test_marks_and_umlauts_in_both_forms(name: str, path: str, form: str) -> None:
    assert _named(unicodedata.normalize(form, path), name=name)
    assert _named(path, name=unicodedata.normalize(form, name))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("Иванова^Анна", "Ivanova.dcm"),
        ("Иванова^Анна", "iwanowa_anna.dcm"),
        ("Иванова^Анна", "ivanovaanna.dcm"),
        ("Иванова^Анна", "Иванова.dcm"),
        ("Ivanova^Anna", "Иванова.dcm"),
        ("Щукина^Юлия", "shchukina.dcm"),
        ("Щукина^Юлия", "Scukina.dcm"),
        ("Щукина^Юлия", "Yulia.dcm"),
        ("Щукина^Юлия", "Juliia.dcm"),
        ("Семёнова^Ольга", "semyonova.dcm"),
        ("Семёнова^Ольга", "semenova.dcm"),
        ("Шевченко^Ольга", "Olha.dcm"),
        ("Чайковская^Жанна", "Tchaikovskaya.dcm"),
        ("Παπαδοπούλου^Σοφία", "Papadopoulou.dcm"),
        ("Παπαδοπούλου^Σοφία", "sophia.dcm"),
        ("Papadopoulou^Sofia", "Παπαδοπούλου.dcm"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎.dcm"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "x山田太郎左.dcm"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "ヤマダ_1.dcm"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "taro_yamada.dcm"),
        ("Wang^XiaoDong=王^小东", "wangxiaodong.dcm"),
        ("Wang^XiaoDong=王^小东", "小东.dcm"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "홍길동.dcm"),
        ("Hong^Gildong=洪^吉洞=홍^길동", unicodedata.normalize("NFD", "홍길동.dcm")),
    ],
)
def test_names_in_other_alphabets(name: str, path: str) -> None:
    assert _named(path, name=name)


@pytest.mark.parametrize(
    "path",
    [
        "DOB19600102.dcm", "1960-01-02/1.dcm", "1960/01/02/1.dcm", "02011960.dcm", "01021960.dcm", "02.01.1960.dcm",
        "2.1.1960.dcm", "2_1_60.dcm", "600102.dcm", "020160.dcm", "010260.dcm", "x02-01-60x.dcm", "02JAN1960.dcm",
        "Jan 2, 1960.dcm", "2. Januar 1960.dcm", "19600102113000.dcm", "19600201.dcm", "mrn19600102l.dcm", "1960.1.2",
    ],
)  # fmt: skip
def test_dates_in_every_order(path: str) -> None:
    assert _named(path, born="19600102")


@pytest.mark.parametrize("born", ["1960-01-02", "1960.01.02", "02/01/1960", "19600102000000.00", "02011960"])
def test_dates_that_a_header_writes_otherwise(born: str) -> None:
    assert _named("19600102.dcm", born=born)


@pytest.mark.parametrize(
    ("number", "path"),
    [
        ("000123", "MRN000123.dcm"),
        ("000123", "MRN123.dcm"),
        ("000123", "123_LCC.dcm"),
        ("123", "pat000123.dcm"),
        ("000012", "patient12.dcm"),
        ("12", "0012/1.dcm"),
        ("P-007", "p_007_LCC.dcm"),
        ("P-007", "P7.dcm"),
        ("P007", "p-7.dcm"),
        ("AB12CD", "xab12cdx.dcm"),
        ("123-456", "123456.dcm"),
        ("123 456", "123-456.dcm"),
        ("HOSP.00123456", "123456.dcm"),
        ("DOE_JANE", "janedoe.dcm"),
        ("010160-1234", "0101601234.dcm"),
        ("１２３４５", "12345.dcm"),
    ],
)
def test_numbers_with_and_without_zeros_and_separators(number: str, path: str) -> None:
    assert _named(path, number=number)


@pytest.mark.parametrize(
    "path",
    [
        "janet.dcm", "P-0071.dcm", "study/P-1007.dcm", "IM12.dcm", "LCC.dcm", "F/a.dcm", "19600103.dcm", "1961.dcm",
        "0.dcm", "00000000.dcm", "doelling.dcm", "IMG0001.dcm", "1.2.840.113619.2.5", "left/cc_view/image.dcm",
        "mammogram_1.dcm", "dr_1.dcm",
    ],
)  # fmt: skip
def test_other_paths_keep_their_names(path: str) -> None:
    values = [
        Value("name", "Doe^Jane^^Dr"), Value("date", "19600102"), Value("date", "00000000"), Value("number", "P-007"),
        Value("number", "0"), Value("number", "12"), Value("number", "left"),
    ]  # fmt: skip
    assert not IdentityIndex(values).is_named_in(path)


def test_values_come_from_patient_and_visit_alone(tmp_path: Path) -> None:
    other = Dataset()
    other.PatientName, other.PatientID = "Old^Name", "OLD-12"
    path = _file(
        tmp_path / "a.dcm",
        PatientName="Müller^Eva=山田^太郎", PatientID="P-007", PatientBirthDate="19600102", PatientSex="F",
        PatientAge="045Y", OtherPatientIDsSequence=[other], StudyDate="20240131", AccessionNumber="ACC1",
        ReferringPhysicianName="House^Greg", StudyDescription="Screening",
    )  # fmt: skip
    assert {value for value in identifying_values(path) if "Ã" not in value.text and "Г" not in value.text} == {
        Value("name", "Müller^Eva=山田^太郎"), Value("number", "P-007"), Value("date", "19600102"),
        Value("name", "Old^Name"), Value("number", "OLD-12"), Value("date", "20240131"), Value("number", "ACC1"),
        Value("name", "House^Greg"),
    }  # fmt: skip
    assert patient_free_id(path, "house.dcm") == hidden_id(path)
    assert patient_free_id(path, "screening_045Y.dcm") is None


@pytest.mark.parametrize(("stated", "used"), [("", "utf-8"), ("", "latin-1"), ("ISO_IR 100", "utf-8"), ("", "cp1251")])
def test_names_under_a_wrong_character_set(stated: str, used: str, tmp_path: Path) -> None:
    name = "Иванова^Анна" if used == "cp1251" else "Müller^Jörg"
    path = _file(tmp_path / "a.dcm", PatientName="X" * len(name.encode(used)))
    data = path.read_bytes().replace(b"X" * len(name.encode(used)), name.encode(used))
    path.write_bytes(data.replace(b"ISO_IR 192", stated.encode().ljust(10)))
    assert patient_free_id(path, "ivanova.dcm" if used == "cp1251" else "mueller.dcm") is not None


def test_a_broken_element_hides_no_other(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.dcm", PatientName="Doe^Jane", PatientBirthDate="19600102")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"19600102", b"\xff\xfe600102"))
    assert patient_free_id(path, "doe.dcm") is not None


def test_the_look_up_is_linear_in_files() -> None:
    def letters(number: int) -> str:
        return "".join("bcdfghklmn"[int(digit)] for digit in f"{number:05d}")

    def seconds(patients: int) -> float:
        values = [Value("name", f"Fa{letters(n)}^Gi{letters(7 * n)}") for n in range(patients)]
        values += [Value("number", f"MR{n:07d}") for n in range(patients)]
        start = time.process_time()
        index = IdentityIndex(values)
        assert not any(index.is_named_in(f"case{n:05d}/LCC.dcm") for n in range(4 * patients))
        return time.process_time() - start

    seconds(100)
    assert seconds(4000) < 20 * seconds(500)  # quadratic: 64 times


def test_ids_of_a_folder_name_nobody(tmp_path: Path) -> None:
    _file(tmp_path / "DoeJane_LCC.dcm", PatientName="Doe^Jane", PatientBirthDate="19600102")
    _file(tmp_path / "2_Jan_1960" / "RCC.dcm")
    _file(tmp_path / "case7" / "RCC.dcm")
    (tmp_path / "janedoe.png").write_bytes(b"x")  # says nothing itself
    shown = [image.name for image in list_inputs(tmp_path)]
    assert sorted(name for name in shown if not name.startswith("uid-")) == ["case7/RCC.dcm"]
    assert len(set(shown)) == 4
