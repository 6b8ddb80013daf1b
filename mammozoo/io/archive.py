# SPDX-License-Identifier: Apache-2.0
"""Extraction of zip archives that may be hostile."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .._typing import PathLike
from .errors import MammogramError

_ENCRYPTED = 0x1 | 0x40 | 0x2000  # zip general purpose flags: encrypted, strongly, with masked headers
_CHUNK = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may hold before it is refused."""

    max_entries: int = 20_000  # files and folders together
    max_total_bytes: int = 16 << 30  # extracted size of all files
    max_ratio: float = 200.0  # extracted over compressed size of a file; mammograms reach 10, deflate 1032
    ratio_free_bytes: int = 4 << 20  # a smaller file may have any ratio (an empty mask compresses 1000-fold)


def extract_zip(source: PathLike, destination: PathLike, *, limits: ArchiveLimits | None = None) -> list[Path]:
    """Extract an archive, owner-only, after every entry has been judged harmless; nothing stays behind of others."""
    limits = limits or ArchiveLimits()
    root = Path(destination)
    if root.exists() and any(root.iterdir()):
        msg = f"the folder to extract to has content: {root}; give a new one"
        raise FileExistsError(msg)
    label = Path(source).name
    try:
        with zipfile.ZipFile(source) as archive:
            entries = _judged(archive.infolist(), limits=limits, label=label)
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            return [
                _extract(archive, entry, root / name, limit=limits.max_total_bytes)
                for entry, name in entries
                if not entry.is_dir()
            ]
    except (*_DAMAGE, OSError) as error:
        _clear(root)
        # Messages of zipfile and the system quote entry names, which may hold a patient's: only the kind.
        kind = type(error).__name__
        msg = f"{label}: cannot be extracted ({kind}); is it a complete zip file, and is there space?"
        raise MammogramError(msg) from None
    except BaseException:
        _clear(root)
        raise


def _clear(root: Path) -> None:
    if root.exists():
        for item in root.iterdir():
            shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink(missing_ok=True)


def _judged(
    infos: list[zipfile.ZipInfo], *, limits: ArchiveLimits, label: str
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Return the entries with their relative paths, or raise for the first one that is refused."""
    if len(infos) > limits.max_entries:
        msg = f"{label}: {len(infos)} entries, at most {limits.max_entries} are extracted; split the archive"
        raise MammogramError(msg)
    total = sum(info.file_size for info in infos)
    if total > limits.max_total_bytes:
        msg = f"{label}: {total:,} bytes extracted, allowed {limits.max_total_bytes:,}; split the archive"
        raise MammogramError(msg)
    judged = []
    files: set[str] = set()
    folders: set[str] = set()
    for number, info in enumerate(infos, start=1):
        name = PurePosixPath(info.orig_filename.replace("\\", "/"))
        reason = _fault(info, name, limits=limits)
        key = name.as_posix().casefold()
        parents = {parent.as_posix().casefold() for parent in name.parents}
        repeated = key in files or (not info.is_dir() and key in folders) or not files.isdisjoint(parents)
        if reason is None and repeated:
            reason = "repeats the name of another entry"
        if reason is not None:
            msg = f"{label}: refused, since entry {number} of {len(infos)} {reason}"
            raise MammogramError(msg)
        folders |= parents | ({key} if info.is_dir() else set())
        if not info.is_dir():
            files.add(key)
        judged.append((info, name))
    return judged


def _fault(info: zipfile.ZipInfo, name: PurePosixPath, *, limits: ArchiveLimits) -> str | None:
    """Say what is wrong with one entry, or None."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    large = info.file_size > limits.ratio_free_bytes
    faults = {
        "has an absolute path": name.is_absolute() or re.match(r"[A-Za-z]:", name.as_posix()) is not None,
        "leaves the folder by '..'": ".." in name.parts,
        "has no name": not name.parts,
        "has control characters in its name": any(ord(char) < 32 for char in info.orig_filename),
        "is a link": kind == stat.S_IFLNK,
        "is neither a file nor a folder": kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK),
        "is encrypted; decrypt the archive first": bool(info.flag_bits & _ENCRYPTED),
        # bz2 and lzma blow up by a factor of a million within one read; scanners and PACS write deflate.
        "is not stored or deflated": info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
        f"is compressed more than {limits.max_ratio:g}-fold": large
        and info.file_size > limits.max_ratio * max(info.compress_size, 1),
    }
    return next((reason for reason, present in faults.items() if present), None)


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, *, limit: int) -> Path:
    """Write one entry; the declared size bounds what is read, and zipfile checks it and the CRC."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = 0
    with archive.open(info) as source, target.open("xb") as file:
        target.chmod(0o600)
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > min(info.file_size, limit):
                msg = "an entry is larger than it declares"
                raise zipfile.BadZipFile(msg)
            file.write(chunk)
    return target
