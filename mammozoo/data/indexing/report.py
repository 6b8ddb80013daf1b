# SPDX-License-Identifier: Apache-2.0
"""What a data set holds: counts, sizes, lesion shares, and what is missing or odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...functional.lesion_size import size_bin
from ..auditing.leaks import audit
from ..checks import unannotated, unknown_labels
from ..issue import Issue, issue
from ..record import LABELS, Record
from .measure import Measured, measure

__all__ = ["SHARE_EDGES", "IndexReport", "index_report"]

#: Bins of the lesion's share of the image, in percent.
SHARE_EDGES = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 100.0)
_BAR = 40  # characters of the longest bar


@dataclass(frozen=True)
class IndexReport:
    """Result of `index_report`."""

    images: int
    patients: int
    findings: int
    counts: Mapping[str, Mapping[str, int]]
    masks: Mapping[str, float]
    histogram: tuple[int, ...]
    issues: tuple[Issue, ...]
    pixels_checked: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "share_edges_percent": list(SHARE_EDGES)}

    def text(self) -> str:
        """Text rendering."""
        lines = [f"{self.images} images, {self.patients} patients, {self.findings} findings"]
        for name, table in self.counts.items():
            if not table:
                continue
            shown = ", ".join(f"{key or 'unknown'} {n}" for key, n in list(table.items())[:8])
            lines.append(f"{name}: {shown}" + (f", ... ({len(table)} values)" if len(table) > 8 else ""))
        lines += [*self._mask_lines(), *(f"odd {item}" for item in self.issues)]
        return "\n".join(lines if self.issues else [*lines, "nothing is missing or odd"])

    def _mask_lines(self) -> list[str]:
        if not self.masks["images"]:
            return ["no lesion masks"]
        lines = [
            f"masks: {self.masks['images']:.0f}, empty {self.masks['empty']:.0f}",
            f"positive pixels: {self.masks['positive_pixels']:.0f} of {self.masks['pixels']:.0f}, lesion to "
            f"background {self.masks['ratio']:.5f}; median an image {self.masks['median_positive_pixels']:.0f}",
            f"lesion share of the image: median {100 * self.masks['median_share']:.3f} %, "
            f"mean {100 * self.masks['mean_share']:.3f} %",
        ]
        tallest = max(self.histogram, default=0)
        for low, high, n in zip(SHARE_EDGES, SHARE_EDGES[1:], self.histogram, strict=False):
            bar = "#" * round(_BAR * n / tallest) if tallest else ""
            lines.append(f"{low:7.2f} to {high:6.2f} % {n:6d} {bar}".rstrip())
        return lines


def index_report(
    records: Sequence[Record],
    *,
    check_pixels: bool = False,
    workers: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> IndexReport:
    """Count and measure what a data set holds.

    Parameters
    ----------
    records : sequence of Record
    check_pixels : bool
        Whether to open every image (broken files, sizes of DICOM files, masks beside the breast); without it
        masks are read and images only by their headers.
    workers : int
        Threads.
    progress : callable, optional
        Called with (done, total) after every image.

    Returns
    -------
    IndexReport

    Notes
    -----
    A file that cannot be read is an issue with its reason; the rest goes on. Near-duplicates are the business
    of `mammozoo.data.auditing.leaks.audit`.

    Examples
    --------
    >>> print(index_report([]).text().splitlines()[0])
    0 images, 0 patients, 0 findings
    """
    measured = _measure_all(records, check_pixels=check_pixels, workers=workers, progress=progress)
    shares = np.array([m.positive / m.pixels for m in measured if m.positive])
    return IndexReport(
        images=len(records),
        patients=len({record.patient_id for record in records}),
        findings=sum(len(record.findings) or len(record.boxes) for record in records),
        counts=_counts(records, measured),
        masks=_mask_numbers(measured),
        histogram=tuple(np.histogram(100 * shares, bins=SHARE_EDGES)[0].tolist()),
        issues=_issues(records, measured),
        pixels_checked=check_pixels,
    )


def _measure_all(
    records: Sequence[Record],
    *,
    check_pixels: bool,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> list[Measured]:
    with ThreadPoolExecutor(max_workers=workers) as pool:
        jobs = [pool.submit(measure, record, check_pixels=check_pixels) for record in records]
        for done, _ in enumerate(as_completed(jobs), start=1):
            if progress is not None:
                progress(done, len(jobs))
    return [job.result() for job in jobs]


def _counts(records: Sequence[Record], measured: Sequence[Measured]) -> dict[str, dict[str, int]]:
    spacing = ["" if r.pixel_spacing is None else " x ".join(f"{mm:g}" for mm in r.pixel_spacing) for r in records]
    tables = {
        "class": Counter(record.class_name for record in records),
        "laterality": Counter(record.laterality for record in records),
        "view_position": Counter(record.view_position for record in records),
        "modality": Counter(record.modality for record in records),
        "size": Counter("" if m.shape is None else f"{m.shape[0]} x {m.shape[1]}" for m in measured),
        "pixel_spacing": Counter(spacing),
        "lesion_size": Counter(size_bin(224 * 224 * m.positive / m.pixels) for m in measured if m.pixels),
    }
    return {name: dict(table.most_common()) for name, table in tables.items()}


def _mask_numbers(measured: Sequence[Measured]) -> dict[str, float]:
    masked = [m for m in measured if m.pixels]
    full = [m for m in masked if m.positive]
    positive, pixels = sum(m.positive for m in full), sum(m.pixels for m in full)
    shares = [m.positive / m.pixels for m in full]
    return {
        "images": len(masked),
        "empty": len(masked) - len(full),
        "positive_pixels": positive,
        "pixels": pixels,
        "median_positive_pixels": float(np.median([m.positive for m in full])) if full else 0.0,
        "median_share": float(np.median(shares)) if full else 0.0,
        "mean_share": float(np.mean(shares)) if full else 0.0,
        "ratio": positive / (pixels - positive) if pixels > positive else 0.0,
    }


def _issues(records: Sequence[Record], measured: Sequence[Measured]) -> tuple[Issue, ...]:
    found: list[Issue] = []
    details: dict[tuple[str, str], list[str]] = {}
    for item in measured:
        for kind, detail, example in item.troubles:
            details.setdefault((kind, detail), []).append(example)
    for (kind, detail), examples in sorted(details.items()):
        found += issue(kind, detail, examples)
    known = {kind: [r.id for r in records if not getattr(r, kind)] for kind in ("laterality", "view_position")}
    for kind, ids in known.items():
        found += issue("unknown", f"images have no {kind}", ids)
    labels = [f"{record.id} {record.class_name!r}" for record in unknown_labels(records)]
    bare = [f"{record.id} ({record.class_name})" for record in unannotated(records)]
    found += issue("label", f"labels are none of {', '.join(LABELS)}", labels)
    found += issue("label", "images are labelled benign or malignant and have no annotation", bare)
    troubled = [f"{r.id}: {r.strata['mask_trouble']}" for r in records if r.strata.get("mask_trouble")]
    suspect = [record.id for record in records if record.strata.get("mask_suspect") == "1"]
    found += issue("mask", "masks are missing, resized or do not fit", troubled)
    found += issue("mask", "masks are marked as suspect by the data set", suspect)
    return (*found, *audit({"all": records}).warnings)
