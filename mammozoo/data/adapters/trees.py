# SPDX-License-Identifier: Apache-2.0
"""Finding the folders and files of a data set in the trees that its mirrors make of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..._typing import PathLike


def walk(root: PathLike, *, depth: int) -> Iterator[Path]:
    """Folders from `root` down, level by level."""
    level = [Path(root)]
    for _ in range(depth + 1):
        yield from level
        level = [child for folder in level for child in _subfolders(folder)]


def _subfolders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []


def find_folder(root: PathLike, *names: str, depth: int = 4) -> Path | None:
    """Nearest folder of one of some names (without case), at the bottom of a nest of folders of that name."""
    wanted = {name.lower() for name in names}
    found = next((folder for folder in walk(root, depth=depth) if folder.name.lower() in wanted), None)
    while found and (inner := [child for child in _subfolders(found) if child.name.lower() in wanted]):
        found = inner[0]
    return found


def find_file(root: PathLike, *names: str, depth: int = 2) -> Path | None:
    """Nearest file of one of some names (without case)."""
    wanted = {name.lower() for name in names}
    files = (file for folder in walk(root, depth=depth) for file in sorted(folder.glob("*")))
    return next((file for file in files if file.name.lower() in wanted and file.is_file()), None)


def files_by_stem(folder: PathLike | None, *suffixes: str) -> dict[str, Path]:
    """Files of a folder by their stem in capitals, blanks stripped; hidden and lock files are left out."""
    if folder is None or not Path(folder).is_dir():
        return {}
    files = sorted(file for file in Path(folder).iterdir() if file.suffix.lower().strip() in suffixes)
    return {file.stem.strip().upper(): file for file in files if not file.name.startswith((".", "~$"))}
