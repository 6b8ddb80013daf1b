# SPDX-License-Identifier: Apache-2.0
"""Contrast-enhanced images and their split, as a bundle's JSON names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .._typing import PathLike
from .adapters.contrast import audit_contrast, contrast_datalist, prepare_contrast
from .auditing.leaks import AuditReport

__all__ = ["ContrastSource"]


@dataclass(frozen=True, kw_only=True)
class ContrastSource:
    """Benign and malignant contrast-enhanced images; nothing is read before a method asks for it.

    Parameters
    ----------
    dataset, dataset_dir, split_file, seed, strict_split, dataset_options
        As of `DataSource`.
    fold : int, optional
        None: 60/20/20 hold-out by patient; k: the k-th of five folds of the patients outside the hold-out test part, so
        that no fold sees it.
    modality : {"subtracted", "low_energy", "both"}
    with_normal : bool
        Add the normal images of the training patients as benign.
    """

    dataset: str
    dataset_dir: PathLike
    split_file: PathLike | None = None
    fold: int | None = None
    seed: int = 0
    modality: str = "subtracted"
    with_normal: bool = False
    strict_split: bool = True
    dataset_options: Mapping[str, Any] | None = None

    def prepare(self) -> None:
        """Write synthetic exams where they are the data set and are absent; check other data sets' files."""
        if self.dataset != "given":
            names = ("dataset", "dataset_dir", "dataset_options")
            prepare_contrast(**{name: getattr(self, name) for name in names})

    def items(self, part: str) -> list[dict[str, Any]]:
        """List the images of a part with ``label`` 0 (benign) or 1 (malignant)."""
        if self.dataset == "given":
            return []
        options = asdict(self) | {"with_normal": self.with_normal and part == "train"}
        return contrast_datalist(part=part, **options)

    def audit(self) -> AuditReport:
        """Audit the split for patients and images that stand in two parts."""
        options = asdict(self)
        options.pop("with_normal")
        return audit_contrast(**options)
