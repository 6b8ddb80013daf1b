# SPDX-License-Identifier: Apache-2.0
"""What objects repeat of their source: identity and study, valid values, nothing else; and nothing in logs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.config import disable_value_validation
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from mammozoo.io.clinical.seg import read_segmentation, write_segmentation
from mammozoo.io.clinical.source import IDENTITY, is_valid_moment, read_source
from mammozoo.io.clinical.sr import write_measurement_report
from mammozoo.io.errors import BadHeaderError, MammogramError, NotAnImageError, UnsupportedError

SOURCES = ("plain", "spaced", "capture")
BAD_DATES = (
    "00000000", "19600000", "20240230", "20230229", "19601301", "1960", "196001", "1960.01.02", "1960-01-02",
    "1960/01/02", "02011960", "19600102120000", "ABCDEFGH", "0", "19600102-19610102", "9999999",
)  # fmt: skip
BAD_TIMES = (
    "256060",
    "246000",
    "126000",
    "120061",
    "12:00:00",
    "1",
    "120",
    "12000",
    "120000.1234567",
    "noon",
    "-10000",
)
GOOD = {
    "DA": ("", "20240229", "19000101", "00010101"),
    "TM": ("", "00", "2359", "235960", "120000.5", "120000.123456"),
    "DT": ("", "2024", "202402", "20240229", "2024022912", "20240229120000.5+0100", "2024-0500"),
}
BAD = {
    "DA": BAD_DATES,
    "TM": BAD_TIMES,
    "DT": ("0000", "202413", "20240230", "2024022925", "20240229120000+1500", "2024-02-29", "20240229T12"),
}
# What the modules of patient, study and trial may hold beside identity (PS3.3 C.7.1, C.7.2).
PERSONAL = (
    "OtherPatientNames", "OtherPatientIDs", "PatientBirthName", "PatientMotherBirthName", "PatientAddress",
    "PatientTelephoneNumbers", "PatientComments", "Allergies", "MedicalAlerts", "Occupation", "SmokingStatus",
    "AdditionalPatientHistory", "PregnancyStatus", "LastMenstrualDate", "PatientReligiousPreference", "EthnicGroup",
    "ResponsiblePerson", "ResponsibleOrganization", "PatientAge", "PatientSize", "PatientWeight", "PatientState",
    "MilitaryRank", "CountryOfResidence", "RegionOfResidence", "PatientBirthTime", "InsurancePlanIdentification",
    "AdmissionID", "AdmittingDate", "AdmittingDiagnosesDescription", "ReasonForVisit", "ServiceEpisodeID",
    "ServiceEpisodeDescription", "RequestingService", "RequestingPhysician", "ReasonForTheRequestedProcedure",
    "ReasonForStudy", "RequestedProcedureDescription", "StudyDescription", "ConsultingPhysicianName",
    "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy", "PerformingPhysicianName", "OperatorsName",
    "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName", "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID", "ClinicalTrialSubjectID", "ClinicalTrialSiteName", "PerformedProcedureStepDescription",
    "CommentsOnThePerformedProcedureStep", "InterpretationText",
)  # fmt: skip


@pytest.mark.parametrize("vr", ["DA", "TM", "DT"])
def test_moments(vr: str) -> None:
    assert [value for value in GOOD[vr] if not is_valid_moment(value, vr)] == []
    assert [value for value in BAD[vr] if is_valid_moment(value, vr)] == []


def _overwritten(path: Path, values: dict[str, str]) -> Path:
    """Put values into a file as they are, valid or not."""
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        tag, data = Tag(tag_for_keyword(keyword) or 0), (value + " " * (len(value) % 2)).encode()
        dataset._dict[tag] = RawDataElement(tag, dictionary_VR(tag), len(data), data, 0, False, True)
    dataset.save_as(path)
    return path


DATES = ("PatientBirthDate", "StudyDate", "ContentDate", "AcquisitionDate", "SeriesDate")
TIMES = ("StudyTime", "ContentTime", "AcquisitionTime", "SeriesTime")


@pytest.mark.parametrize(("keywords", "values"), [(DATES, BAD_DATES), (TIMES, BAD_TIMES)])
def test_invalid_moments_are_empty(keywords: tuple[str, ...], values: tuple[str, ...], examples: Any) -> None:
    path = examples.plain()
    for value in values:
        source = read_source(_overwritten(path, dict.fromkeys(keywords, value)))
        assert [source.get(keyword) for keyword in keywords] == [""] * len(keywords), value


@pytest.mark.parametrize(("day", "time"), [("00000000", "256060"), ("19600000", "12:00:00"), ("2024-02-30", "")])
def test_objects_of_invalid_moments_are_written(day: str, time: str, examples: Any) -> None:
    source = _overwritten(examples.plain(), dict.fromkeys(DATES, day) | dict.fromkeys(TIMES, time))
    for kind, file in examples.write_all(source).items():
        written = pydicom.dcmread(file)
        assert (written.PatientBirthDate, written.StudyDate, written.StudyTime) == ("", "", ""), kind
        assert str(written.PatientName) == "CANARY^NAME"
        assert day.encode() not in file.read_bytes()


def test_objects_carry_identity_and_study_and_nothing_else(examples: Any) -> None:
    source = examples.mammogram()
    dataset = pydicom.dcmread(source)
    with disable_value_validation():
        for keyword in PERSONAL:
            vr = dictionary_VR(keyword)
            setattr(dataset, keyword, {"US": 3, "DA": "19771231", "TM": "101112", "DS": "71.5"}.get(vr, "SECRET"))
        dataset.OtherPatientIDsSequence = [Dataset()]
        dataset.OtherPatientIDsSequence[0].PatientID = "SECRET"
        dataset.IssuerOfPatientID = "HOSPITAL"
        dataset.PatientBirthDate = "19600102"
        dataset.add_new(0x00091010, "LO", "SECRET")
        dataset.save_as(source)
    for kind, file in examples.write_all(source).items():
        written = pydicom.dcmread(file)
        found = {e.keyword for e in written if e.tag.group in (0x0010, 0x0012, 0x0032, 0x0038, 0x4008)}
        assert found <= set(IDENTITY), kind
        assert not {keyword for keyword in PERSONAL if keyword in written}, kind
        assert not any(e.keyword in PERSONAL for e in written.iterall()), kind
        assert b"SECRET" not in file.read_bytes()
        assert b"19771231" not in file.read_bytes()
        assert (written.PatientID, written.IssuerOfPatientID, written.PatientBirthDate) == (
            "CANARY-ID-7", "HOSPITAL", "19600102",
        )  # fmt: skip


@pytest.mark.parametrize("make", SOURCES)
def test_every_object_belongs_to_the_study_of_its_source(make: str, examples: Any) -> None:
    path = getattr(examples, make)()
    source = pydicom.dcmread(path)
    uids = {str(source.SOPInstanceUID)}
    for kind, file in examples.write_all(path).items():
        assert file.read_bytes()[:132] == bytes(128) + b"DICM", kind
        written = pydicom.dcmread(file)
        assert written.StudyInstanceUID == source.StudyInstanceUID
        assert written.SeriesInstanceUID != source.SeriesInstanceUID
        assert written.file_meta.MediaStorageSOPInstanceUID == written.SOPInstanceUID
        assert (written.PatientID, str(written.PatientName)) == ("CANARY-ID-7", "CANARY^NAME")
        assert written.PatientSex == ("F" if source.PatientSex == "F" else "")
        references = {str(e.value) for e in written.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        assert references == {str(source.SOPInstanceUID)}, kind
        assert not any(e.tag.is_private for e in written.iterall())
        uids.add(str(written.SOPInstanceUID))
    assert len(uids) == 7


@pytest.mark.parametrize("value", ["CC", ["A", "X"], ["A"], ["A", "R", "H"]])
def test_an_orientation_that_is_none_is_not_passed_on(value: Any, examples: Any) -> None:
    """CBIS-DDSM writes the view where the directions of row and column belong."""
    with disable_value_validation():
        for kind, path in examples.write_all(examples.mammogram(PatientOrientation=value)).items():
            assert not pydicom.dcmread(path).get("PatientOrientation"), kind
    written = examples.write_all(examples.mammogram(PatientOrientation=["A", "FR"]))
    for kind in ("binary", "overlay"):
        assert list(pydicom.dcmread(written[kind]).PatientOrientation) == ["A", "FR"]


@pytest.mark.parametrize("prefix", ["CANARY-ID-7_", "canary ", "NameCanary"])
def test_file_names_without_identity(prefix: str, examples: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="repeats a value of the patient module") as caught:
        examples.write_all(examples.plain(), prefix=prefix)
    assert not re.search("canary", str(caught.value), re.IGNORECASE)
    assert {path.name for path in tmp_path.iterdir()} == {"source.dcm"}


def test_names_in_other_character_sets_survive(examples: Any) -> None:
    name = "Yamada^Tarou=山田^太郎"
    source = examples.mammogram(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=name)
    for kind, file in examples.write_all(source).items():
        written = pydicom.dcmread(file)
        assert (str(written.PatientName), written.SpecificCharacterSet) == (name, "ISO_IR 192"), kind


def test_nothing_of_the_patient_is_logged(examples: Any, caplog: pytest.LogCaptureFixture) -> None:
    source = examples.plain()
    data = source.read_bytes()
    for old, new in ((b"CANARY^NAME ", b"CANARY NAME "), (b"055Y", b"CNRY"), (b"CANARY-ID-7 ", b"CANARY\\ID-7 ")):
        assert old in data
        data = data.replace(old, new)
    source.write_bytes(data)
    caplog.set_level("DEBUG")
    for file in examples.write_all(source).values():
        assert str(pydicom.dcmread(file).PatientName) == "CANARY NAME"
    assert not re.search("CANARY|CNRY", caplog.text)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"SeriesInstanceUID": None}, BadHeaderError, "no SeriesInstanceUID"),
        ({"NumberOfFrames": 3}, UnsupportedError, "3 frames"),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, NotAnImageError, "CT"),
    ],
)
def test_sources_that_cannot_be_referred_to(
    changes: dict[str, Any], error: type[Exception], message: str, examples: Any, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        examples.cad(tmp_path / "cad.dcm", examples.mammogram(**changes))


def test_missing_extra_is_named(examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    source, options = examples.plain(), examples.algorithm
    for call in (
        lambda: write_segmentation(tmp_path / "o.dcm", np.zeros(examples.shape, bool), source, **options),
        lambda: write_measurement_report(tmp_path / "o.dcm", [], source, **options),
        lambda: read_segmentation(source),
    ):
        with pytest.raises(ImportError, match=r"mammozoo\[clinic\]"):
            call()
    assert examples.cad(tmp_path / "cad.dcm", source).exists()


def test_damaged_headers_raise_our_errors_only(examples: Any) -> None:
    whole, rng = examples.plain().read_bytes(), np.random.default_rng(0)
    path, end = examples.folder / "source.dcm", whole.index(b"\xe0\x7f\x10\x00")
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(132, end, rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            examples.cad(examples.folder / "cad.dcm", path)
            write_measurement_report(examples.folder / "sr.dcm", [], path, **examples.algorithm)
            outcomes.add("written")
        except (MammogramError, ValueError) as error:
            outcomes.add("named" if "CANARY" in str(error) else "refused")
    assert outcomes == {"written", "refused"}


@pytest.mark.parametrize("uid", ["1.2.x", "12345", "1..2", "1." + "2" * 64, "CANARY"])
def test_uids_that_are_none_are_refused(uid: str, examples: Any, tmp_path: Path) -> None:
    with disable_value_validation():
        source = examples.mammogram(StudyInstanceUID=uid)
    with pytest.raises(BadHeaderError, match="no StudyInstanceUID that is a UID"):
        examples.cad(tmp_path / "cad.dcm", source)
