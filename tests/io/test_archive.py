# SPDX-License-Identifier: Apache-2.0
"""Zip archives: harmless ones come out whole, hostile ones leave nothing."""

from __future__ import annotations

import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mammozoo.io.archive import ArchiveLimits, extract_zip
from mammozoo.io.errors import MammogramError


def _zip(
    path: Path, entries: list[tuple[str | zipfile.ZipInfo, bytes]], compression: int = zipfile.ZIP_DEFLATED
) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of duplicate names
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, data in entries:
                archive.writestr(name, data, compression)
    return path


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def _patched(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def test_extracts_files_and_folders(tmp_path: Path) -> None:
    source = _zip(tmp_path / "a.zip", [("study/", b""), ("study/a.dcm", b"A" * 10), ("b", b"B"), ("deep/er/c", b"")])
    files = extract_zip(source, tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in files] == [
        "study/a.dcm",
        "b",
        "deep/er/c",
    ]
    assert files[0].read_bytes() == b"A" * 10
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_empty_archive(tmp_path: Path) -> None:
    assert extract_zip(_zip(tmp_path / "a.zip", []), tmp_path / "out") == []


def test_destination_with_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(FileExistsError, match="has content"):
        extract_zip(_zip(tmp_path / "a.zip", [("a", b"")]), tmp_path / "out")
    assert (tmp_path / "out" / "mine").exists()


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "parent": (lambda p: _zip(p, [("ok", b""), ("../evil", b"x")]), "entry 2 of 2 leaves the folder"),
    "deep parent": (lambda p: _zip(p, [("a/../../evil", b"x")]), "leaves the folder"),
    "backslash": (lambda p: _zip(p, [("..\\evil", b"x")]), "leaves the folder"),
    "absolute": (lambda p: _zip(p, [("/evil", b"x")]), "absolute"),
    "drive": (lambda p: _zip(p, [("C:/evil", b"x")]), "absolute"),
    "control": (lambda p: _zip(p, [("a\nb", b"x")]), "control characters"),
    "null": (
        lambda p: _patched(_zip(p, [("aZb", b"x")]), b"aZb", b"a\0b"),
        "control characters|cannot be extracted",
    ),
    "link": (lambda p: _zip(p, [(_info("l", stat.S_IFLNK | 0o777), b"/etc/passwd")]), "is a link"),
    "device": (lambda p: _zip(p, [(_info("d", stat.S_IFCHR | 0o666), b"")]), "neither a file nor a folder"),
    "pipe": (lambda p: _zip(p, [(_info("d", stat.S_IFIFO | 0o666), b"")]), "neither a file nor a folder"),
    "twice": (lambda p: _zip(p, [("a", b"1"), ("a", b"2")]), "repeats"),
    "twice but for case": (lambda p: _zip(p, [("a", b"1"), ("A", b"2")]), "repeats"),
    "file as folder": (lambda p: _zip(p, [("a", b"1"), ("a/b", b"2")]), "repeats"),
    "folder as file": (lambda p: _zip(p, [("a/b", b"1"), ("a", b"2")]), "repeats"),
    "bomb": (lambda p: _zip(p, [("a", bytes(8 << 20))]), "compressed more than 200-fold"),
    "bzip2": (lambda p: _zip(p, [("a", b"x" * 100)], zipfile.ZIP_BZIP2), "not stored or deflated"),
    "text": (lambda p: p.write_bytes(b"no zip") and p, "cannot be extracted"),
    "empty file": (lambda p: (p.touch(), p)[1], "cannot be extracted"),
    "wrong sum": (
        lambda p: _patched(_zip(p, [("a", b"hello")], zipfile.ZIP_STORED), b"hello", b"hallo"),
        "cannot be extracted",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archive_is_refused_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    make, message = HOSTILE[case]
    source = make(tmp_path / "a.zip")
    with pytest.raises(MammogramError, match=message):
        extract_zip(source, tmp_path / "work" / "out")
    assert not [path for path in (tmp_path / "work").rglob("*") if path.is_file()]
    assert {path.name for path in tmp_path.iterdir()} <= {"a.zip", "work"}


def test_encrypted_archive_is_named(tmp_path: Path) -> None:
    source = _zip(tmp_path / "a.zip", [("a", b"x")])
    data = bytearray(source.read_bytes())
    directory = data.index(b"PK\1\2")
    data[6] |= 1
    data[directory + 8] |= 1
    source.write_bytes(data)
    with pytest.raises(MammogramError, match="encrypted"):
        extract_zip(source, tmp_path / "out")


def test_size_that_was_declared_too_small(tmp_path: Path) -> None:
    source = _zip(tmp_path / "a.zip", [("a", b"x" * 1000)])
    data = bytearray(source.read_bytes())
    for magic, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        struct.pack_into("<I", data, data.index(magic) + offset, 10)
    source.write_bytes(data)
    with pytest.raises(MammogramError, match="cannot be extracted"):
        extract_zip(source, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("limits", "message"),
    [(ArchiveLimits(max_entries=1), "2 entries, at most 1"), (ArchiveLimits(max_total_bytes=19), "20 bytes")],
)
def test_limits(tmp_path: Path, limits: ArchiveLimits, message: str) -> None:
    source = _zip(tmp_path / "a.zip", [("a", b"x" * 10), ("b", b"y" * 10)])
    with pytest.raises(MammogramError, match=message):
        extract_zip(source, tmp_path / "out", limits=limits)


def test_messages_hold_no_entry_name(tmp_path: Path) -> None:
    for number, name in enumerate(("../DOE^JANE", "DOE^JANE/x\n", "DOE^JANE" + "/x" * 2000)):
        source = _zip(tmp_path / f"{number}.zip", [(name, b"x")])
        with pytest.raises(MammogramError) as caught:
            extract_zip(source, tmp_path / f"out{number}")
        assert "DOE" not in str(caught.value)
        assert caught.value.__cause__ is None
