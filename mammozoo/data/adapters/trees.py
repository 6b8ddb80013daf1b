# SPDX-License-Identifier: Apache-2.0
"""Finding the folders and files of a data set in the trees that its mirrors make of it."""

from __future__ import annotations

from pathlib import Path

from ..._typing import PathLike

__all__ = ["files_by_stem", "find_file", "find_folder"]


def find_folder(root: PathLike, *names: str, depth: int = 4) -> Path | None:
    """Nearest folder of one of some names, at the bottom of a nest of folders of that name.

    Parameters
    ----------
    root : PathLike
    *names : str
        Compared without case.
    depth : int
        Levels below `root` that are searched, `root` itself included.

    Returns
    -------
    Path or None
        For ``ROI Masks/ROI Masks/*.tif`` (how some mirrors unpack) the inner folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "TIFF Images" / "TIFF Images").mkdir(parents=True)
    ...     find_folder(folder, "tiff images").relative_to(folder).as_posix()
    'TIFF Images/TIFF Images'
    """
    wanted = {name.lower() for name in names}
    level = [Path(root)]
    for _ in range(depth + 1):
        for folder in level:
            if folder.name.lower() in wanted:
                return _innermost(folder, wanted)
        level = [child for folder in level for child in _subfolders(folder)]
    return None


def _innermost(folder: Path, wanted: set[str]) -> Path:
    inner = next((child for child in _subfolders(folder) if child.name.lower() in wanted), None)
    return folder if inner is None else _innermost(inner, wanted)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []


def find_file(root: PathLike, *names: str, depth: int = 2) -> Path | None:
    """Nearest file of one of some names.

    Parameters
    ----------
    root : PathLike
    *names : str
        Compared without case.
    depth : int
        Levels of folders below `root` that are searched.

    Returns
    -------
    Path or None

    Examples
    --------
    >>> find_file(".", "no such file") is None
    True
    """
    wanted = {name.lower() for name in names}
    level = [Path(root)]
    for _ in range(depth + 1):
        for folder in level:
            found = [child for child in sorted(folder.glob("*")) if child.name.lower() in wanted and child.is_file()]
            if found:
                return found[0]
        level = [child for folder in level for child in _subfolders(folder)]
    return None


def files_by_stem(folder: PathLike | None, *suffixes: str) -> dict[str, Path]:
    """Files of a folder by their stem in capitals, blanks stripped; hidden and lock files are left out.

    Parameters
    ----------
    folder : PathLike or None
        None, or no folder: nothing.
    *suffixes : str
        In lower case, for example ``".tif"``.

    Returns
    -------
    dict of str to Path

    Examples
    --------
    >>> files_by_stem(None, ".tif")
    {}
    """
    if folder is None or not Path(folder).is_dir():
        return {}
    files = sorted(file for file in Path(folder).iterdir() if file.suffix.lower().strip() in suffixes)
    return {file.stem.strip().upper(): file for file in files if not file.name.startswith((".", "~$"))}
