# SPDX-License-Identifier: Apache-2.0
"""Records and datalists: the functions that bundle JSON calls."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._errors import UserError
from .._paths import restore_path
from .._typing import PathLike
from ..functional.components import lesion_boxes
from . import manifest
from .adapters import cbis_ddsm, cdd_cesm, dmid, inbreast, mias
from .auditing.leaks import AuditReport, audit
from .checks import TASKS, check_data
from .masks import lesion_area_224, mask_file, record_mask
from .record import LABELS, Box, Record
from .split_file import read_split
from .splits import PARTS, Split, class_of, make_split, stratify

__all__ = ["audit_split", "datalist", "load_records", "prepare_dataset", "record_item", "records_split"]


def _phantom(dataset_dir: PathLike, **_: object) -> list[Record]:
    """Index synthetic exams; the options are those they were written with, which the folder knows."""
    folder = Path(dataset_dir)
    if (folder / "phantom.json").is_file() and (folder / "manifest.csv").is_file():
        return manifest.index(folder / "manifest.csv")
    if folder.suffix.lower() == ".csv" or folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        others = ", ".join(name for name in _DATASETS if name != "phantom")
        raise UserError(f"dataset_dir {folder} holds no synthetic exams, and dataset is 'phantom'; expected {others}")
    return []


#: Value of the bundles' `dataset` key -> function that indexes it.
_DATASETS: dict[str, Callable[..., list[Record]]] = {
    "phantom": _phantom,
    "manifest": manifest.index,
    "cbis_ddsm": cbis_ddsm.index,
    "inbreast": inbreast.index,
    "dmid": dmid.index,
    "cdd_cesm": cdd_cesm.index,
    "mias": mias.index,
}


def load_records(
    *, dataset: str, dataset_dir: PathLike, dataset_options: Mapping[str, Any] | None = None
) -> list[Record]:
    """Index a data set.

    Parameters
    ----------
    dataset : str
        ``phantom``, ``manifest``, ``cbis_ddsm``, ``inbreast``, ``dmid``, ``cdd_cesm`` or ``mias``.
    dataset_dir : PathLike
        Root folder of the data set; for ``manifest`` the CSV file; for ``phantom`` the folder into which
        `prepare_dataset` writes the synthetic exams.
    dataset_options : Mapping[str, Any], optional
        Further arguments of the data set's `index`.

    Returns
    -------
    list of Record
        Empty for phantoms that were not written yet: indexing writes nothing.

    Raises
    ------
    UserError
        If there is no such data set, its options are of another one, or its files are missing or malformed.

    Examples
    --------
    >>> load_records(dataset="elsewhere", dataset_dir=".")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    mammozoo._errors.UserError: dataset 'elsewhere' is none of phantom, manifest, cbis_ddsm...
    """
    if dataset not in _DATASETS:
        raise UserError(f"dataset {dataset!r} is none of {', '.join(_DATASETS)}")
    if not isinstance(dataset_dir, str | os.PathLike):
        raise UserError(f"dataset_dir is {dataset_dir!r}; expected a path")
    folder, function = restore_path(dataset_dir), _DATASETS[dataset]
    options = dict(dataset_options or {})
    known = inspect.signature(function).parameters
    unknown = [name for name in options if name not in known and dataset != "phantom"]
    if unknown:
        others = list(known)[1:] or "none"
        raise UserError(f"dataset_options {unknown} are none of dataset {dataset!r}; there are {others}")
    if dataset not in ("phantom", "manifest") and not folder.is_dir():
        raise UserError(f"there is no folder {folder}; expected that of data set {dataset!r}")
    return function(folder, **options)


def records_split(
    records: Sequence[Record],
    *,
    split_file: PathLike | None = None,
    fold: int | None = None,
    seed: int = 0,
    task: str = "segmentation",
    class_column: str | None = None,
    strict_split: bool = True,
) -> Split:
    """Split of records: from a file where one is given, else drawn from the seed."""
    if split_file is None:
        strata = stratify(records, task=task, class_column=class_column)
        return make_split(records, fold=fold, seed=seed, strata=strata)
    file = read_split(restore_path(split_file))
    if strict_split:
        file.check(records)
    return file.split(fold=fold)


def datalist(
    *,
    part: str,
    dataset: str,
    dataset_dir: PathLike,
    split_file: PathLike | None = None,
    fold: int | None = None,
    seed: int = 0,
    task: str = "segmentation",
    with_lesion_only: bool = False,
    classes: Mapping[str, int] | None = None,
    class_column: str | None = None,
    cache_dir: PathLike | None = None,
    strict_split: bool = True,
    dataset_options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Plain list of dicts for `monai.data.Dataset` and its kin.

    Parameters
    ----------
    part : {"train", "validation", "test", "all"}
    dataset, dataset_dir : str, path
        See `load_records`.
    split_file, fold, seed, strict_split
        See `records_split`.
    task : {"segmentation", "detection", "classification"}
    with_lesion_only : bool
        Leave out images whose mask is empty (segmentation) or that have no box (detection).
    classes : Mapping[str, int], optional
        Class name -> index, for classification; images of other classes are left out. Default: the sorted
        class names of all records, from 0.
    class_column : str, optional
        Stratum that holds the class; default: `Record.class_name`.
    cache_dir : PathLike, optional
        Folder, outside the data, for masks that have to be composed of several files or outlines; default:
        ``$MAMMOZOO_CACHE`` or the user's cache folder.
    dataset_options : Mapping[str, Any], optional
        Further arguments of the data set's `index`.

    Returns
    -------
    list of dict
        ``id, image`` (path), ``patient_id, laterality, view_position`` (``""`` where unknown), ``strata`` (dict of str;
        absent where there are none), and by task: ``label`` (mask path) for segmentation; ``box`` ((N, 4) list, xyxy
        pixels, half-open; boxes of the mask's components where the data set has none) and, where there is a mask,
        ``label`` for detection; ``label`` (class index) and ``class_name`` for classification.

    Raises
    ------
    UserError
        For an unknown part, task or class, a flag that is not a boolean (``True`` on the command line, not ``true``),
        data that `mammozoo.data.checks.check_data` refuses or that lack masks, and a split that does not fit.

    Notes
    -----
    For segmentation an image without any annotation counts as free of lesions: its mask is empty and is
    written to the cache. Images with findings but no mask are an error unless `with_lesion_only` drops them.

    Examples
    --------
    >>> datalist(part="some", dataset="manifest", dataset_dir="manifest.csv")
    Traceback (most recent call last):
    ...
    mammozoo._errors.UserError: part 'some' is none of train, validation, test, all
    """
    for name, flag in (("with_lesion_only", with_lesion_only), ("strict_split", strict_split)):
        if not isinstance(flag, bool):
            raise UserError(f"{name} is {flag!r}; expected True or False, with a capital letter")
    if part not in (*PARTS, "all"):
        raise UserError(f"part {part!r} is none of {', '.join(PARTS)}, all")
    if task not in TASKS:
        raise UserError(f"task {task!r} is none of {', '.join(TASKS)}")
    records = load_records(dataset=dataset, dataset_dir=dataset_dir, dataset_options=dataset_options)
    if not records:
        return []
    labels = None if task == "classification" and class_column else (*LABELS, *(classes or ()))
    check_data(records, task=task, labels=labels)
    chosen: Sequence[Record] = records
    if part != "all":
        split = records_split(
            records,
            split_file=split_file,
            fold=fold,
            seed=seed,
            task=task,
            class_column=class_column,
            strict_split=strict_split,
        )
        chosen = split.select(records, part)
    if task == "classification":
        return _classification(chosen, names=_class_names(records, column=class_column), classes=classes)
    if task == "detection":
        items = [{**record_item(record), **_detection(record, cache_dir=cache_dir)} for record in chosen]
        return [item for item in items if item["box"]] if with_lesion_only else items
    _check_masks(records, with_lesion_only=with_lesion_only)
    if with_lesion_only:
        chosen = [record for record in chosen if lesion_area_224(record) > 0]
    return [{**record_item(record), "label": mask_file(record, cache_dir=cache_dir)} for record in chosen]


def audit_split(
    *,
    dataset: str,
    dataset_dir: PathLike,
    split_file: PathLike | None = None,
    fold: int | None = None,
    seed: int = 0,
    task: str = "segmentation",
    class_column: str | None = None,
    strict_split: bool = True,
    dataset_options: Mapping[str, Any] | None = None,
    check_pixels: bool = True,
    workers: int = 4,
) -> AuditReport:
    """Audit the very split that `datalist` makes from the same arguments.

    Parameters
    ----------
    dataset, dataset_dir, split_file, fold, seed, task, class_column, strict_split, dataset_options
        See `datalist`.
    check_pixels, workers
        See `mammozoo.data.auditing.leaks.audit`.

    Returns
    -------
    AuditReport
        Its `reason` is the ``headline_reason`` of a score; None for a clean split.

    Examples
    --------
    ``audit_split(dataset="manifest", dataset_dir="manifest.csv").clean``.
    """
    records = load_records(dataset=dataset, dataset_dir=dataset_dir, dataset_options=dataset_options)
    if not records:
        return audit({})
    split = records_split(
        records,
        split_file=split_file,
        fold=fold,
        seed=seed,
        task=task,
        class_column=class_column,
        strict_split=strict_split,
    )
    return audit({part: split.select(records, part) for part in PARTS}, check_pixels=check_pixels, workers=workers)


def record_item(record: Record) -> dict[str, Any]:
    """What every item of a datalist says of its image; no empty ``strata``, which MONAI's collation turns into None."""
    names = ("id", "image", "patient_id", "laterality", "view_position")
    item: dict[str, Any] = {name: getattr(record, name) for name in names}
    return {**item, "strata": dict(record.strata)} if record.strata else item


def _check_masks(records: Sequence[Record], *, with_lesion_only: bool) -> None:
    if not any(record.has_mask for record in records):
        raise UserError(f"none of the {len(records)} images has a mask, which segmentation needs")
    boxes_only = [record.id for record in records if record.has_lesion and not record.has_mask]
    if boxes_only and not with_lesion_only:
        raise UserError(
            f"{len(boxes_only)} images have findings but no mask, for example {boxes_only[:3]}; "
            "with_lesion_only=True leaves them out, task='detection' may use their boxes"
        )


def _detection(record: Record, *, cache_dir: PathLike | None) -> dict[str, Any]:
    known: list[Box] = list(record.boxes) or [f.box for f in record.findings if f.box is not None]
    boxes = [list(box) for box in known]
    if not boxes and record.has_mask:
        boxes = lesion_boxes(record_mask(record)).tolist()
    item: dict[str, Any] = {"box": boxes}
    if record.has_mask:
        item["label"] = mask_file(record, cache_dir=cache_dir)
    return item


def _class_names(records: Sequence[Record], *, column: str | None) -> dict[str, str]:
    names = {record.id: class_of(record, column=column) for record in records}
    if not any(names.values()):
        columns = sorted({key for record in records for key in record.strata})
        raise UserError(f"no image has a class in {column or 'label'!r}; class_column may be one of {columns}")
    return names


def _classification(
    records: Sequence[Record], *, names: Mapping[str, str], classes: Mapping[str, int] | None
) -> list[dict[str, Any]]:
    found = sorted(set(names.values()) - {""})
    table = dict(classes) if classes is not None else {name: index for index, name in enumerate(found)}
    absent = sorted(set(table) - set(found))
    if absent:
        raise UserError(f"classes {absent} occur in no image; the data have {found}")
    chosen = [record for record in records if names[record.id] in table]
    return [{**record_item(r), "label": table[names[r.id]], "class_name": names[r.id]} for r in chosen]


def prepare_dataset(
    *,
    dataset: str,
    dataset_dir: PathLike,
    dataset_options: Mapping[str, Any] | None = None,
    task: str = "segmentation",
) -> None:
    """Write the synthetic exams where they are the data set and are absent; check any other data set.

    The second item of every ``run``: what is wrong with the data is said before anything is built. Building a data set
    never writes: before this step the phantom's datalist is empty.

    Parameters
    ----------
    dataset, dataset_dir : str, path
        See `load_records`.
    dataset_options : Mapping[str, Any], optional
        For phantoms the arguments of `mammozoo.phantom.write.ensure_phantom`.
    task : str
        See `mammozoo.data.checks.check_data`.

    Raises
    ------
    UserError
        As `load_records` and `mammozoo.data.checks.check_data`.

    Examples
    --------
    ``prepare_dataset(dataset="manifest", dataset_dir="manifest.csv")``
    """
    records = load_records(dataset=dataset, dataset_dir=dataset_dir, dataset_options=dataset_options)
    if dataset == "phantom":
        from ..phantom.write import ensure_phantom

        ensure_phantom(restore_path(dataset_dir), **dict(dataset_options or {}))
    else:
        check_data(records, task=task)
