# SPDX-License-Identifier: Apache-2.0
"""From what a user names (folder, file, zip, manifest, DICOMDIR) to a list of images with safe ids."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import stat
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from .._errors import UserError
from .._typing import PathLike
from .archive import extract_zip
from .clinical.identity import hidden_id, identifying_values
from .clinical.identity_index import IdentityIndex, Value
from .errors import MammogramError
from .table import read_table
from .write import path_digest, safe_id

__all__ = ["InputImage", "list_inputs", "require_outside"]

# Files that are plainly no images; what only might be none is listed, and the reader says what it is.
_UNRELATED = re.compile(
    r"^(authors|changelog|dicomdir|license|lockfile|md5sums|notice|readme|version)$|\.(bat|cfg|css|csv|db|dll|docx?|exe"
    r"|gif|html?|inf|ini|ipynb|js|jsonl?|log|mat|md|md5|nii|nii\.gz|np[yz]|nrrd|onnx|pdf|pptx?|pth?|py|rtf|safetensors"
    r"|sha256|sh|svg|toml|tsv|txt|xlsx?|xml|ya?ml)$",
    re.IGNORECASE,
)
_ARCHIVES = {".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip"}
# What a manifest's columns say of the image itself; every other column is a stratum.
_NO_STRATUM = {"boxes_xywh", "id", "image", "label", "laterality", "mask", "patient_id", "view"}
_SAID = {"laterality": "laterality", "view_position": "view", "patient_id": "patient_id"}
_MAX_DICOMDIR = 64 << 20  # bytes


@dataclass(frozen=True)
class InputImage:
    """One image of the input, or one thing that was refused."""

    id: str  # of its output folder: unique, also where case is ignored, and free of patient data
    path: Path  # may hold a patient's name: not for logs or results
    name: str  # what to call it in logs and results
    strata: Mapping[str, str] = field(default_factory=dict)  # further columns of a manifest
    error: str = ""  # why it was refused; empty = to be read
    laterality: str = ""
    view_position: str = ""
    patient_id: str = field(default="", repr=False)  # as the manifest says, not for logs or results


@dataclass(frozen=True)
class _Found:
    """A file before it has its id."""

    path: Path
    relative: str
    given_id: str = ""
    strata: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    row: Mapping[str, str] = field(default_factory=dict)


def list_inputs(source: PathLike | Sequence[PathLike], *, work_dir: PathLike | None = None) -> list[InputImage]:
    """Images of a folder, file, zip, manifest, DICOMDIR or several; what cannot be used is listed with its reason."""
    if isinstance(source, str | os.PathLike):
        return _named(_listed(Path(source), work_dir))
    paths = [Path(os.path.abspath(item)) for item in source]
    if not paths:
        msg = "no folder or file is named"
        raise MammogramError(msg)
    base = Path(os.path.commonpath([path.parent for path in paths]))
    return _named([item for path in paths for item in _one_of_several(path, base, work_dir)])


def require_outside(output_dir: PathLike, source: PathLike | Sequence[PathLike]) -> None:
    """Refuse an output folder inside the source: its results would be inputs of the next run."""
    folder = Path(output_dir).resolve()
    for item in [source] if isinstance(source, str | os.PathLike) else source:
        given = Path(item).resolve()
        if given.is_dir() and folder.is_relative_to(given):
            msg = f"the output {folder} lies inside the input {given}; choose a folder outside of it"
            raise ValueError(msg)


def _one_of_several(path: Path, base: Path, work_dir: PathLike | None) -> list[_Found]:
    relative = path.relative_to(base).as_posix()
    try:
        found = _listed(path, work_dir)
    except MammogramError as error:
        return [_Found(path, relative, error=str(error).replace(str(path), relative))]
    return [replace(item, relative=relative if item.path == path else f"{relative}/{item.relative}") for item in found]


def _listed(path: Path, work_dir: PathLike | None) -> list[_Found]:
    """Everything that one path names, in order."""
    if path.is_dir():
        found = sorted(_folder(path), key=lambda item: item.relative)
    elif not path.is_file():
        msg = f"no such file or folder: {path}"
        raise MammogramError(msg)
    elif path.name.upper() == "DICOMDIR":
        found = list(_dicomdir(path))
    elif path.suffix.lower() == ".csv":
        found = list(_manifest(path))
    elif path.suffix.lower() == ".zip" or _is_bare_zip(path):
        found = list(_zip(path, work_dir))
    else:
        found = [_Found(path, path.name)]
    if not found:
        msg = f"no image in {path}: it holds no file that could be DICOM, PNG, JPEG, TIFF or PGM"
        raise MammogramError(msg)
    return found


def _is_bare_zip(path: Path) -> bool:
    """Whether a file starts like a zip (a DICOM file may carry one in its tail)."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\3\4"
    except OSError:  # the reader says what is wrong with the file
        return False


def _folder(root: Path) -> Iterator[_Found]:
    """Walk a folder without following links to folders."""
    root = root.resolve()
    closed: list[OSError] = []
    for here, folders, files in os.walk(root, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        for name in sorted([*files, *links]):
            path = Path(here) / name
            if name.startswith(".") or _UNRELATED.search(name):
                continue
            reason = _refusal(path, root)
            if not reason and name in links:
                continue  # its target lies in the folder and is walked there
            yield _Found(path, path.relative_to(root).as_posix(), error=reason)
    for failure in closed:
        path = Path(failure.filename)
        yield _Found(path, path.relative_to(root).as_posix(), error=f"cannot be listed ({failure.strerror})")


def _refusal(path: Path, root: Path) -> str:
    """Say why a path below `root` may not be opened; empty = it may."""
    try:
        inside = path.resolve(strict=True).is_relative_to(root)
        mode = path.stat().st_mode
    except (OSError, RuntimeError) as error:
        return f"cannot be opened ({type(error).__name__}): absent, a broken link or not permitted"
    if not inside:
        return "refused: a link that leaves the folder; copy the file or name its own folder"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "refused: neither a file nor a folder"
    if path.suffix.lower() in _ARCHIVES:
        return "refused: an archive inside the input; extract it or pass it by itself"
    return ""


def _zip(path: Path, work_dir: PathLike | None) -> Iterator[_Found]:
    if work_dir is not None:
        Path(work_dir).mkdir(parents=True, exist_ok=True)
    target = Path(tempfile.mkdtemp(prefix="mammozoo-", dir=work_dir))
    if work_dir is None:
        atexit.register(shutil.rmtree, target, ignore_errors=True)
    try:
        extract_zip(path, target)
    except MammogramError:
        target.rmdir()
        raise
    yield from sorted(_folder(target), key=lambda item: item.relative)


def _manifest(path: Path) -> Iterator[_Found]:
    """Read the rows of a manifest; absolute paths are taken as they are."""
    try:
        table = read_table(path, ragged=True)
    except UserError as error:
        raise MammogramError(f"{path.name}: not a readable CSV ({error})") from error
    if "image" not in table.columns:
        msg = f"{path.name}: a manifest needs the column 'image', got {', '.join(table.columns) or 'no header'}"
        raise MammogramError(msg)
    for _, row in table.rows:
        relative = row["image"]
        image = path.parent / relative
        reason = ""
        if not relative:
            reason = "the row names no image"
        elif not _is_file(image):
            reason = "no such file; paths in a manifest are relative to the CSV"
        strata = {key: value for key, value in row.items() if key and key not in _NO_STRATUM}
        yield _Found(image, relative, given_id=row.get("id", ""), strata=strata, error=reason, row=row)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _dicomdir(path: Path) -> Iterator[_Found]:
    """Read the image records of a DICOMDIR; a record can only name a file below the DICOMDIR's folder."""
    import pydicom

    try:
        if path.stat().st_size > _MAX_DICOMDIR:
            msg = f"larger than {_MAX_DICOMDIR >> 20} MiB"
            raise ValueError(msg)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            records = [
                [str(part) for part in ([ids] if isinstance(ids, str) else ids)]
                for record in pydicom.dcmread(path).DirectoryRecordSequence
                if record.get("DirectoryRecordType") == "IMAGE" and (ids := record.get("ReferencedFileID"))
            ]
    except Exception as error:  # pydicom raises whatever a damaged file makes Python raise
        msg = f"{path.name}: not a readable DICOMDIR ({type(error).__name__}); pass its folder instead"
        raise MammogramError(msg) from error
    root = path.parent.resolve()
    for parts in records:
        relative = PurePosixPath(*parts).as_posix()
        if any(part in ("", ".", "..") or set(part) & set("/\\:\0") for part in parts):
            yield _Found(root, relative, error="refused: the DICOMDIR names a file outside its folder")
            continue
        # On a disk the names of a DICOMDIR, upper case by the standard, are often lower case.
        exact, lower = root.joinpath(*parts), root.joinpath(*(part.lower() for part in parts))
        image = lower if lower.exists() and not exact.exists() else exact
        yield _Found(image, relative, error=_refusal(image, root))


def _named(found: list[_Found]) -> list[InputImage]:
    """Give every file its id; where plain ids collide, all of them get the suffix, whatever their order."""
    hidden = _hidden_ids(found)
    plain = [
        safe_id(item.given_id or other or item.relative, keep_suffix=bool(item.given_id or other))
        for item, other in zip(found, hidden, strict=True)
    ]
    taken = {name for name, count in Counter(name.lower() for name in plain).items() if count > 1}
    images = []
    for number, (item, other, name) in enumerate(zip(found, hidden, plain, strict=True)):
        unique = name
        if name.lower() in taken:
            # The hash of a path that holds a patient's name could be guessed: the position is hashed instead.
            unique = f"{name}-{path_digest(f'{name}/{number}' if other else item.relative)[:8]}"
        while unique.lower() in taken:  # the same path twice in a manifest
            unique = f"{unique}-{number}"
        taken.add(unique.lower())
        shown = unique if other or item.given_id else item.relative
        says = {name: item.row.get(key, "").strip() for name, key in _SAID.items()}
        images.append(InputImage(unique, item.path, shown, strata=item.strata, error=item.error, **says))
    return images


def _hidden_ids(found: list[_Found]) -> list[str | None]:
    """Ids for the paths that repeat what any header of the list says of a patient; None for the others."""
    values: set[Value] = set()
    for item in found:
        if not item.error:
            values |= identifying_values(item.path)
    index = IdentityIndex(values)
    hidden = [not item.given_id and index.is_named_in(item.relative) for item in found]
    # What was refused is not opened, also not for its name.
    return [
        None if not hide else "refused" if item.error else hidden_id(item.path)
        for item, hide in zip(found, hidden, strict=True)
    ]
