# SPDX-License-Identifier: Apache-2.0
"""Each kind of bad file gives one clear MammogramError, and nothing else."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from mammozoo.io.dicom import read_mammogram
from mammozoo.io.errors import MammogramError
from mammozoo.io.mg_writer import TRANSFER_SYNTAXES, MammogramHeader, mammogram_bytes

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
    import pydicom

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
        ({"Columns": None}, "Columns is absent"),
        ({"Rows": 65}, "PixelData .* holds 6144 bytes"),
        ({"PixelData": b"\0" * 100}, "holds 100 bytes"),
        ({"PixelData": None}, "has no PixelData"),
        ({"BitsStored": 17}, "BitsStored 17"),
        ({"BitsAllocated": 32}, "BitsAllocated 32"),
        ({"PhotometricInterpretation": None}, "PhotometricInterpretation .* is absent"),
        ({"PhotometricInterpretation": "PURPLE"}, "wanted MONOCHROME1 or MONOCHROME2"),
        ({"SamplesPerPixel": 3}, "does not fit MONOCHROME2"),
        ({"WindowCenter": 1, "WindowWidth": 0}, "do not make a LINEAR window"),
        ({"WindowCenter": 1, "WindowWidth": None}, "WindowWidth .* is empty or no number"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "Modality": "CT"}, "Modality .* is 'CT'; wanted 'MG'"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.13.1.3"}, "tomosynthesis"),
        ({"NumberOfFrames": 3}, "has 3 frames"),
    ],
)
def test_header_errors_name_file_tag_and_expectation(tmp_path: Path, tags: dict[str, Any], message: str) -> None:
    with pytest.raises(MammogramError, match=message) as error:
        read_mammogram(_changed(tmp_path, **tags))
    assert "bad.dcm" in str(error.value)


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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_200_000_mutations(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200_000):
        content = CONTENTS[rng.integers(len(CONTENTS))]
        count = int(rng.integers(1, 12))
        edits = list(zip(rng.integers(0, 5000, count).tolist(), rng.integers(0, 256, count).tolist(), strict=True))
        _mutate_and_read(tmp_path, content, edits, int(rng.choice([0, 0, 0, 7, 300])))
