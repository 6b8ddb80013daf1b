# SPDX-License-Identifier: Apache-2.0
"""Each kind of bad file gives one clear MammogramError, and nothing else."""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from mammozoo.io.dicom.read import read_mammogram
from mammozoo.io.dicom.writer import TRANSFER_SYNTAXES, MammogramHeader, mammogram_bytes
from mammozoo.io.errors import MammogramError, UnsupportedError
from mammozoo.io.inspect import inspect_file

SIZE = (64, 48)


def _valid(transfer_syntax: str = "explicit") -> bytes:
    rng = np.random.default_rng(0)
    pixels = (np.add.outer(np.arange(64) * 40, np.arange(48) * 20) + rng.integers(0, 9, SIZE)).astype(np.uint16)
    header = MammogramHeader(
        patient_id="P",
        laterality="L",
        view_position="CC",
        pixel_spacing=(0.1, 0.1),
        uid_key="image",
        study_key="study",
        windows=[],
    )
    return mammogram_bytes(pixels, header, transfer_syntax=transfer_syntax)


def _changed(tmp_path: Path, **tags: Any) -> Path:
    file = tmp_path / "bad.dcm"
    file.write_bytes(_valid())
    dataset: Dataset = pydicom.dcmread(file)
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(file)
    return file


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"Rows": 0}, r"Rows x Columns .* 0 x 48"),
        ({"Rows": 60000}, "60000 x 48"),
        ({"Columns": 0}, r"Rows x Columns .* 64 x 0"),
        ({"Columns": 20001}, "64 x 20001; expected 1 to 20000 each"),
        ({"Columns": None}, "Columns is absent"),
        ({"Rows": 65}, "PixelData .* holds 6144 bytes"),
        ({"PixelData": b"\0" * 100}, "holds 100 bytes"),
        ({"PixelData": None}, "has no PixelData"),
        ({"BitsStored": 17}, "BitsStored 17"),
        ({"BitsStored": 0}, "BitsStored 0"),
        ({"BitsAllocated": 32}, "BitsAllocated 32"),
        ({"BitsAllocated": None}, "BitsAllocated is absent"),
        ({"HighBit": 16}, "HighBit 16 .* the high bit within both"),
        ({"HighBit": 10}, "HighBit 10 .* the high bit within both"),
        ({"PhotometricInterpretation": None}, "PhotometricInterpretation .* is absent"),
        ({"PhotometricInterpretation": "PURPLE"}, "expected MONOCHROME1 or MONOCHROME2"),
        ({"SamplesPerPixel": 3}, "does not fit MONOCHROME2"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "Modality": "CT"}, "Modality .* is 'CT'; expected 'MG'"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "OT"}, "Modality .* is 'OT'; expected 'MG'"),
        (
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.50", "Modality": "SR", "PixelData": None},
            "is 'SR'; expected 'MG'",
        ),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.13.1.3"}, "tomosynthesis"),
        ({"NumberOfFrames": 3}, "has 3 frames"),
    ],
)
def test_header_errors_name_file_tag_and_expectation(tmp_path: Path, tags: dict[str, Any], message: str) -> None:
    with pytest.raises(MammogramError, match=message) as error:
        read_mammogram(_changed(tmp_path, **tags))
    assert "bad.dcm" in str(error.value)


@pytest.mark.parametrize("value", [b"NaN ", b"inf ", b"wide", b"    "])
@pytest.mark.parametrize("element", [b"\x28\0\x50\x10", b"\x28\0\x51\x10"])
def test_windows_that_are_no_numbers(tmp_path: Path, element: bytes, value: bytes) -> None:
    """Written byte by byte: pydicom would not write them."""
    file = _changed(tmp_path, WindowCenter="2000", WindowWidth="1000")
    content = file.read_bytes()
    place = content.index(element + b"DS\4\0") + 8
    file.write_bytes(content[:place] + value + content[place + 4 :])
    with pytest.raises(MammogramError, match=r"WindowCenter \(0028,1050\) or WindowWidth \(0028,1051\)"):
        read_mammogram(file, voi=0)
    found = read_mammogram(file)
    np.testing.assert_array_equal(found.pixels, read_mammogram(file, voi="none").pixels)
    assert "is empty or not a number" in found.warnings[0]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.3.4"])
def test_an_unknown_transfer_syntax_names_itself(tmp_path: Path, syntax: str) -> None:
    dataset = pydicom.dcmread(BytesIO(_valid("jpeg_ls_lossless")))
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset.save_as(tmp_path / "video.dcm", implicit_vr=False, little_endian=True)
    with pytest.raises(UnsupportedError, match=rf"video.dcm: no decoder for transfer syntax {syntax}; install pydicom"):
        read_mammogram(tmp_path / "video.dcm")


def test_tomosynthesis_is_named(tmp_path: Path) -> None:
    file = _changed(tmp_path, SOPClassUID="1.2.840.10008.5.1.4.1.1.13.1.3")
    with pytest.raises(UnsupportedError, match=r"bad.dcm is a breast tomosynthesis object; 2-D mammograms are read"):
        read_mammogram(file)
    assert read_mammogram(file, frame=0).kind == "tomosynthesis"


def _item(content: bytes) -> bytes:
    return b"\xfe\xff\0\xe0" + len(content).to_bytes(4, "little") + content


@pytest.mark.parametrize(
    ("offsets", "readable"),
    [
        ((), (True, True)),  # without a table the items are the frames
        ((0, 1), (True, True)),  # as it should be
        ((0, 0x7FFFFFF0), (True, False)),  # beyond the end
        ((1, 0), (False, True)),  # in disorder
        ((0, 0), (False, True)),
        (b"abc", (False, False)),  # no whole number of offsets
    ],
)
def test_wrong_offset_tables(tmp_path: Path, offsets: tuple[int, ...] | bytes, readable: tuple[bool, bool]) -> None:
    dataset = pydicom.dcmread(BytesIO(_valid("jpeg_ls_lossless")))
    frame = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    frame += b"\0" * (len(frame) % 2)
    places = [8 + len(frame) if offset == 1 else offset for offset in offsets]
    table = offsets if isinstance(offsets, bytes) else b"".join(place.to_bytes(4, "little") for place in places)
    dataset.NumberOfFrames = 2
    dataset.PixelData = _item(table) + 2 * _item(frame) + b"\xfe\xff\xdd\xe0" + bytes(4)
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(tmp_path / "bad.dcm")
    for number, well in enumerate(readable):
        if well:
            assert read_mammogram(tmp_path / "bad.dcm", frame=number).pixels.shape == SIZE
        else:
            with pytest.raises(MammogramError, match=r"bad.dcm: .*"):
                read_mammogram(tmp_path / "bad.dcm", frame=number)


def test_a_code_stream_of_another_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(BytesIO(_valid("jpeg2000_lossless")))
    dataset.Rows = 60
    dataset.save_as(tmp_path / "bad.dcm")
    with pytest.raises(MammogramError, match="the code stream is 64 x 48 .* the header states 60 x 48"):
        read_mammogram(tmp_path / "bad.dcm")


@pytest.mark.parametrize("last", ["50", "57", "70", "80", "81"])
def test_jpeg_without_its_end_is_truncated(tmp_path: Path, last: str) -> None:
    """libjpeg fills what is missing with gray; CharLS counted the zeros behind the end for seconds."""
    encode = {"50": imagecodecs.jpeg8_encode, "80": imagecodecs.jpegls_encode, "81": imagecodecs.jpegls_encode}
    narrow = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    dataset = pydicom.dcmread(BytesIO(_valid()))
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(f"1.2.840.10008.1.2.4.{last}")
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    whole = encode.get(last, imagecodecs.ljpeg_encode)(narrow)
    for data in (whole, whole[: len(whole) // 2]):
        dataset.PixelData = pydicom.encaps.encapsulate([data])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        dataset.save_as(tmp_path / "short.dcm")
        if data is whole:
            assert read_mammogram(tmp_path / "short.dcm").pixels.shape == SIZE
    with pytest.raises(MammogramError, match="no end of image"):
        read_mammogram(tmp_path / "short.dcm")


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the system's answer, since an administrator may read everything."""
    file = _changed(tmp_path)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(MammogramError, match="bad.dcm: permission denied"):
        read_mammogram(file)


def test_the_batch_goes_on(tmp_path: Path) -> None:
    for name, content in (("a.dcm", _valid()), ("b.dcm", b""), ("c.dcm", b"text"), ("d.dcm", _valid("rle"))):
        (tmp_path / name).write_bytes(content)
    reports = [inspect_file(tmp_path / f"{name}.dcm") for name in "abcd"]
    assert ["error" in report for report in reports] == [False, True, True, False]


def test_limits_are_checked_before_decoding(tmp_path: Path) -> None:
    with pytest.raises(MammogramError, match="at most 100 pixels"):
        read_mammogram(_changed(tmp_path), max_pixels=100)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"just some text, no image at all\n" * 40, "neither DICOM nor"),
        (b"\0" * 128 + b"DICM", "neither DICOM nor|cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n" + b"junk" * 20, "damaged|pixels are read"),
        (b"\xff\xd8\xff" + b"junk" * 20, "damaged|pixels are read"),
        (b"II*\0" + b"junk" * 20, "damaged|pixels are read"),
        (b"P5\n10 10\n255\n", "damaged|pixels are read"),
    ],
)
def test_files_that_are_no_images(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "text.dcm").write_bytes(content)
    with pytest.raises(MammogramError, match=message):
        read_mammogram(tmp_path / "text.dcm")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(MammogramError, match="there is no such file"):
        read_mammogram(tmp_path / "absent.dcm")
    with pytest.raises(MammogramError, match="it is a folder"):
        read_mammogram(tmp_path)


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_truncated_pixel_data(tmp_path: Path, syntax: str) -> None:
    (tmp_path / "short.dcm").write_bytes(_valid(syntax)[:-400])
    with pytest.raises(MammogramError):
        read_mammogram(tmp_path / "short.dcm")


def test_deflate_bomb(tmp_path: Path) -> None:
    content = _valid()
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(deflater.compress(b"\0" * (1 << 20)) for _ in range(64)) + deflater.flush()
    marker = b"1.2.840.10008.1.2.1\0"
    place = content.index(marker)
    meta_end = 144 + int.from_bytes(content[140:144], "little")
    head = bytearray(content[:meta_end])
    head[place : place + len(marker)] = b"1.2.840.10008.1.2.1."[: len(marker)]
    syntax = b"\x02\x00\x10\x00UI" + (22).to_bytes(2, "little") + b"1.2.840.10008.1.2.1.99"
    group = b"\x02\x00\x00\x00UL\x04\x00" + len(syntax).to_bytes(4, "little")
    (tmp_path / "bomb.dcm").write_bytes(b"\0" * 128 + b"DICM" + group + syntax + bomb)
    with pytest.raises(MammogramError, match="deflate bomb"):
        read_mammogram(tmp_path / "bomb.dcm", max_pixels=1_000_000)


def test_messages_hold_nothing_of_the_patient(tmp_path: Path) -> None:
    file = _changed(tmp_path, PatientName="CANARY^NAME", PatientID="CANARYID", BitsStored=99)
    with pytest.raises(MammogramError) as error:
        read_mammogram(file)
    assert "CANARY" not in str(error.value)


def _mutate_and_read(folder: Path, content: bytes, edits: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(content[: max(1, len(content) - cut)])
    for place, value in edits:
        damaged[place % len(damaged)] = value
    file = folder / "mutated.dcm"
    file.write_bytes(damaged)
    try:
        found = read_mammogram(file, max_pixels=1_000_000)
    except MammogramError:
        return
    assert found.pixels.ndim == 2


EDITS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=12)
CONTENTS = [_valid(syntax) for syntax in TRANSFER_SYNTAXES]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(index=st.integers(0, len(CONTENTS) - 1), edits=EDITS, cut=st.sampled_from([0, 0, 0, 7, 300]))
@pytest.mark.filterwarnings("ignore")
def test_mutated_files_raise_nothing_else(tmp_path: Path, index: int, edits: list[tuple[int, int]], cut: int) -> None:
    _mutate_and_read(tmp_path, CONTENTS[index], edits, cut)
