# SPDX-License-Identifier: Apache-2.0
"""One data set and its split, as a bundle's JSON names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .._typing import PathLike
from .auditing.leaks import AuditReport
from .lists import audit_split, datalist, prepare_dataset

__all__ = ["DataSource"]


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A data set and the split that divides it; nothing is read before a method asks for it.

    Parameters
    ----------
    dataset : str
        ``phantom``, ``manifest``, ``cbis_ddsm``, ``inbreast``, ``dmid``, ``cdd_cesm``, ``mias``, or ``given`` where the
        lists of images are set in the configuration itself.
    dataset_dir : path
        Its folder; for ``manifest`` the CSV file; for ``phantom`` the folder that `prepare` writes.
    split_file : path, optional
        Patients of the parts; without it the split is drawn from the seed.
    fold : int, optional
        None: 60/20/20 hold-out by patient; k: the k-th of five folds.
    seed : int
    task : {"segmentation", "detection", "classification"}
    with_lesion_only : bool
        Leave out images without a lesion.
    strict_split : bool
        Whether ids that the split file lacks are an error.
    classes : mapping of str to int, optional
        Class name to index, for classification.
    class_column : str, optional
        Column of the class.
    cache_dir : path, optional
        Folder for masks that have to be composed of several files.
    dataset_options : mapping, optional
        Further arguments of the data set's reader.

    Examples
    --------
    >>> DataSource(dataset="phantom", dataset_dir="absent").items("train")
    []
    """

    dataset: str
    dataset_dir: PathLike
    split_file: PathLike | None = None
    fold: int | None = None
    seed: int = 0
    task: str = "segmentation"
    with_lesion_only: bool = False
    strict_split: bool = True
    classes: Mapping[str, int] | None = None
    class_column: str | None = None
    cache_dir: PathLike | None = None
    dataset_options: Mapping[str, Any] | None = None

    def prepare(self) -> None:
        """Write synthetic exams where they are the data set and are absent; check other data sets' files."""
        if self.dataset != "given":
            names = ("dataset", "dataset_dir", "dataset_options", "task")
            prepare_dataset(**{name: getattr(self, name) for name in names})

    def items(self, part: str) -> list[dict[str, Any]]:
        """List the images of ``"train"``, ``"validation"``, ``"test"`` or ``"all"`` for `monai.data.Dataset`."""
        if self.dataset == "given":
            return []
        return datalist(part=part, **asdict(self))

    def audit(self) -> AuditReport:
        """Audit the split for patients and images that stand in two parts."""
        options = asdict(self)
        for name in ("with_lesion_only", "classes", "cache_dir"):
            options.pop(name)
        return audit_split(**options)
