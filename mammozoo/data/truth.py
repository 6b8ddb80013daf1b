# SPDX-License-Identifier: Apache-2.0
"""The truth that predictions are scored against: any data set, a manifest, or a datalist file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._errors import UserError
from .._typing import PathLike
from ..io.table import read_json
from .auditing.leaks import AuditReport
from .lists import audit_split, load_records, records_split
from .record import Record

__all__ = ["audit_truth", "load_truth", "read_datalist"]


def load_truth(
    path: PathLike,
    *,
    dataset: str | None = None,
    part: str | None = None,
    split_file: PathLike | None = None,
    fold: int | None = None,
) -> list[Record]:
    """Index the images that predictions are wanted for.

    Parameters
    ----------
    path : PathLike
        A datalist JSON, a manifest CSV, or the folder of a data set (one with a ``manifest.csv`` needs no name).
    dataset : str, optional
        Kind of the data set, as in `mammozoo.data.lists.load_records`.
    part : str, optional
        ``train``, ``validation`` or ``test`` of the split file; of a datalist the name of a list (its only one needs
        no name).
    split_file : PathLike, optional
        Needed for a part of a data set.
    fold : int, optional
        Of the split file; None is the hold-out split.

    Returns
    -------
    list of Record

    Raises
    ------
    UserError
        If there is nothing at `path`, the kind of a folder is not known, a part is asked for without a split, or
        nothing is in it.

    Examples
    --------
    >>> load_truth("absent.csv")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    mammozoo._errors.UserError: there is no truth at absent.csv; give a datalist JSON, a manifest CSV...
    """
    source = Path(path)
    if not source.exists():
        raise UserError(f"there is no truth at {source}; give a datalist JSON, a manifest CSV or a data set's folder")
    if source.suffix.lower() == ".json" and dataset is None:
        return read_datalist(source, part=part)
    records = load_records(**_named(source, dataset))
    if part is None:
        return records
    if split_file is None:
        raise UserError(f"the {part} part of what? Give --split-file too")
    chosen = records_split(records, split_file=split_file, fold=fold).select(records, part)
    if not chosen:
        raise UserError(f"the {part} part of {split_file} holds no image of {source}")
    return list(chosen)


def audit_truth(
    path: PathLike, *, split_file: PathLike, dataset: str | None = None, fold: int | None = None
) -> AuditReport:
    """Audit the split whose part is scored."""
    source = Path(path)
    if source.suffix.lower() == ".json" and dataset is None:
        raise UserError(f"{source.name} is a datalist with its own parts: leave --split-file out and name --part")
    return audit_split(**_named(source, dataset), split_file=split_file, fold=fold)


def _named(source: Path, dataset: str | None) -> dict[str, Any]:
    """Arguments of `load_records`."""
    if dataset is not None:
        return {"dataset": dataset, "dataset_dir": source}
    manifest = source / "manifest.csv" if source.is_dir() else source
    if not manifest.is_file():
        raise UserError(f"{source} is a folder without manifest.csv: say what it is (--dataset cbis_ddsm, dmid...)")
    return {"dataset": "manifest", "dataset_dir": manifest}


def read_datalist(path: PathLike, *, part: str | None = None) -> list[Record]:
    r"""Read a datalist file: ours, or any list of ``image`` and ``label`` in MONAI's form."""
    file = Path(path)
    items = _items(read_json(file), part, name=file.name)
    return [_record(item, folder=file.parent, origin=f"{file}, item {n}") for n, item in enumerate(items, start=1)]


def _items(document: Any, part: str | None, *, name: str) -> Sequence[Any]:
    if isinstance(document, list) and part is None:
        return document
    content = document if isinstance(document, dict) else {}
    lists = {key: value for key, value in content.items() if isinstance(value, list)}
    chosen = part if part is not None else next(iter(lists)) if len(lists) == 1 else None
    if chosen is None or chosen not in lists:
        raise UserError(f"{name} holds the lists {list(lists)}; name one of them by --part")
    return lists[chosen]


def _record(item: Any, *, folder: Path, origin: str) -> Record:
    try:
        image, label = str(item["image"]), item.get("label")
        name = str(item.get("id") or Path(image).stem)
        spacing = item.get("pixel_spacing")
        is_mask = isinstance(label, str)
        return Record(
            id=name,
            image=str(folder / image),
            patient_id=str(item.get("patient_id") or name),
            laterality=item.get("laterality") or "",
            view_position=item.get("view_position") or "",
            label_path=str(folder / str(label)) if is_mask else None,
            boxes=tuple((float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in item.get("box") or ()),
            class_name=str(item.get("class_name") or ("" if is_mask or label is None else label)),
            pixel_spacing=(float(spacing[0]), float(spacing[1])) if spacing else None,
            strata={key: str(value) for key, value in (item.get("strata") or {}).items()},
            origin=origin,
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = error if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        raise UserError(f"{origin}: expected at least an image ({reason})") from error
