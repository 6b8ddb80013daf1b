# SPDX-License-Identifier: Apache-2.0
"""What makes a data set unfit to train on, found from its lists and the headers of its files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .._errors import UserError
from ..io.errors import MammogramError
from ..io.masks import misfit, same_aspect
from ..io.shape import image_shape
from .record import LABELS, Record, is_unknown

logger = logging.getLogger(__name__)

TASKS = ("segmentation", "detection", "classification")


def check_data(
    records: Sequence[Record],
    *,
    task: str = "segmentation",
    labels: Iterable[str] | None = LABELS,
    workers: int = 4,
) -> None:
    """Refuse a data set before anything is trained on it; only lists and headers are read.

    Parameters
    ----------
    records : sequence of Record
    task : {"segmentation", "detection", "classification"}
        Masks are looked at for the first two.
    labels : iterable of str, optional
        Words that a label may be; None takes any.
    workers : int
        Threads that read headers.

    Raises
    ------
    UserError
        If there is no image; a patient is unknown (``nan``, ``None``, nothing); a label is none of the words; a
        malignant image has no annotation; a mask is not one picture with its image (aspects differ by more than 2 %),
        or the header of an image or a mask cannot be read. The message names the first with file and line, and counts.

    Notes
    -----
    Benign images without annotation are logged. Labels of public data sets are not compared with their annotations:
    those follow other rules (`Record.origin` is empty).

    Examples
    --------
    >>> check_data([Record(id="a", image="a.png", patient_id="nan")])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    mammozoo._errors.UserError: image 'a': patient_id is 'nan'; expected one patient's name...
    """
    if task not in TASKS:
        raise UserError(f"task {task!r} is none of {', '.join(TASKS)}")
    if not records:
        raise UserError("the data set holds no image")
    _refuse(
        unknown_patients(records),
        lambda r: (
            f"patient_id is {r.patient_id!r}; expected one patient's name, or the image's own id where nobody knows it"
        ),
    )
    words = None if labels is None else tuple(labels)
    if words is not None:
        expected = f"expected {', '.join(words)}, or nothing where it is unknown"
        _refuse(unknown_labels(records, words), lambda r: f"label is {r.class_name!r}; {expected}")
    if task == "classification":
        return
    bare = unannotated(records)
    _refuse(
        [record for record in bare if record.class_name == "malignant"],
        lambda _: "label is 'malignant', and there is no mask; expected one, or no label",
    )
    if bare:
        logger.warning("%d images labelled benign have no mask, the first in %s", len(bare), bare[0].where)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = list(pool.map(mask_misfit, records))
    wrong = {id(record): text for record, text in zip(records, found, strict=True) if text}
    _refuse([record for record in records if id(record) in wrong], lambda r: wrong[id(r)])


def _refuse(records: Sequence[Record], say: Callable[[Record], str]) -> None:
    if records:
        more = f"; so in {len(records) - 1} further lines" if len(records) > 1 else ""
        raise UserError(f"{records[0].where}: {say(records[0])}{more}")


def unknown_patients(records: Iterable[Record]) -> list[Record]:
    """Records whose patient is a word for nothing known: they would count as one patient."""
    return [record for record in records if is_unknown(record.patient_id)]


def unknown_labels(records: Iterable[Record], labels: Sequence[str] = LABELS) -> list[Record]:
    """Records with a label that is none of the words."""
    return [record for record in records if record.class_name and record.class_name not in labels]


def unannotated(records: Iterable[Record]) -> list[Record]:
    """Records that a person has labelled benign or malignant, without any annotation of a lesion."""
    return [r for r in records if r.origin and r.class_name in ("benign", "malignant") and not r.has_lesion]


def mask_misfit(record: Record) -> str:
    """Say what is wrong with the sizes of a record's image and masks, from their headers; empty where they fit."""
    files = [file for file in (record.label_path, *(f.mask_path for f in record.findings)) if file is not None]
    if not files:
        return ""
    try:
        shape = image_shape(record.image)
        for file in files:
            found = image_shape(file)
            if not same_aspect(found, shape):
                return misfit(file, found, shape)
    except MammogramError as error:
        return str(error)
    return ""
