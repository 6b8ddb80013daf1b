# SPDX-License-Identifier: Apache-2.0
"""Result tables in Markdown from the per-case table, in the form of the abnormal-focused U-Net paper.

Table 1: overall metrics. Table 2: detection by lesion size. Table 3: Dice and IoU of the detected lesions.
Intervals and tests are computed elsewhere (`mammozoo.stats`) and handed in.

References
----------
Huang et al., Cureus 18(3):e105360 (2026), Tables 1-3.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Summary",
    "case_report",
    "detected_table",
    "detection_table",
    "markdown_table",
    "overall_table",
    "summarise",
]

Interval = tuple[float, float]
Row = Mapping[str, Any]

# Column of the per-case table -> its title, with the unit.
METRICS: Mapping[str, str] = {
    "dice": "Dice",
    "iou": "IoU",
    "accuracy": "Pixel accuracy",
    "hausdorff": "Hausdorff (px)",
}
# Size bins of the paper (Methods): pixels of the 224 x 224 grid, 500 and 1500 are medium.
STRATA: Mapping[str, str] = {
    "small": "Small (< 500 px)",
    "medium": "Medium (500-1500 px)",
    "large": "Large (> 1500 px)",
}
_NONE = "-"


@dataclass(frozen=True)
class Summary:
    """Location and spread of one column.

    Parameters
    ----------
    n : int
        Cases with a finite value.
    excluded : int
        Cases without one (for example no Hausdorff distance where a mask is empty).
    mean, median, sd : float
        NaN where n is too small; `sd` is the sample standard deviation (n - 1).

    Examples
    --------
    >>> summarise([0.0, 1.0, float("nan")]).excluded
    1
    """

    n: int
    excluded: int
    mean: float
    median: float
    sd: float


def summarise(values: Iterable[Any]) -> Summary:
    """Summarise a column of the per-case table.

    Parameters
    ----------
    values : iterable
        Numbers, numbers as text, or None, "" and NaN for "no value".

    Returns
    -------
    Summary

    Raises
    ------
    ValueError
        If a text is no number.

    Notes
    -----
    Without a finite value mean and median are NaN; with fewer than two the SD is NaN.

    Examples
    --------
    >>> summarise([0.2, 0.4]).mean
    0.30000000000000004
    """
    everything = list(values)
    numbers = [float(value) for value in everything if value not in (None, "")]
    finite = [value for value in numbers if math.isfinite(value)]
    return Summary(
        n=len(finite),
        excluded=len(everything) - len(finite),
        mean=statistics.fmean(finite) if finite else math.nan,
        median=statistics.median(finite) if finite else math.nan,
        sd=statistics.stdev(finite) if len(finite) > 1 else math.nan,
    )


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a Markdown table, the first column to the left and numbers to the right.

    Parameters
    ----------
    header : sequence of str
        Titles.
    rows : iterable of sequences of str
        Cells, as many as titles.

    Returns
    -------
    str
        Lines of equal width without a trailing line end.

    Examples
    --------
    >>> print(markdown_table(["a", "n"], [["x", "12"]]))
    | a   |   n |
    |:----|----:|
    | x   |  12 |
    """
    body = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    widths = [max(3, *(len(row[at]) for row in [list(header), *body])) for at in range(len(header))]
    lines = [
        "| " + " | ".join(_align(cell, width, left=at == 0) for at, (cell, width) in enumerate(cells)) + " |"
        for cells in (list(zip(row, widths, strict=True)) for row in [list(header), *body])
    ]
    rule = "|:" + "-" * (widths[0] + 1) + "|" + "".join("-" * (width + 1) + ":|" for width in widths[1:])
    return "\n".join([lines[0], rule, *lines[1:]])


def _align(cell: str, width: int, *, left: bool) -> str:
    return cell.ljust(width) if left else cell.rjust(width)


def _number(value: float | None, *, digits: int = 4) -> str:
    return _NONE if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _interval(interval: Interval | None, *, digits: int = 4, percent: bool = False) -> str:
    if interval is None or not all(math.isfinite(limit) for limit in interval):
        return _NONE
    factor = 100.0 if percent else 1.0
    return " to ".join(f"{factor * limit:.{digits}f}" for limit in interval)


def _digits(column: str) -> int:
    """Distances in pixels or mm have two decimals, as in the paper; ratios four."""
    return 2 if "hausdorff" in column or column.endswith(("_px", "_mm")) else 4


def overall_table(
    rows: Sequence[Row],
    *,
    metrics: Mapping[str, str] = METRICS,
    intervals: Mapping[str, Interval] | None = None,
    published: Mapping[str, float] | None = None,
) -> str:
    """Table 1: mean, median and SD of each metric over the images.

    Parameters
    ----------
    rows : sequence of mappings
        The per-case table.
    metrics : mapping of column to title
        What to show, in order.
    intervals : mapping of column to (low, high), optional
        95 % interval of the mean.
    published : mapping of column to number, optional
        The paper's means; they add a column and the difference (ours minus theirs).

    Returns
    -------
    str
        Markdown. "Excluded" counts the images without a value, which are in no mean.

    Examples
    --------
    >>> print(overall_table([{"dice": 0.5}, {"dice": 0.7}], metrics={"dice": "Dice"}).splitlines()[2])
    | Dice   |   2 |        0 | 0.6000 | 0.6000 | 0.1414 |                   - |
    """
    header = ["Metric", "n", "Excluded", "Mean", "Median", "SD", "95 % CI of the mean"]
    header += ["Paper", "Difference"] if published is not None else []
    body = []
    for column, title in metrics.items():
        summary = summarise(row.get(column) for row in rows)
        digits = _digits(column)
        cells = [title, str(summary.n), str(summary.excluded)]
        cells += [_number(value, digits=digits) for value in (summary.mean, summary.median, summary.sd)]
        cells.append(_interval((intervals or {}).get(column), digits=digits))
        if published is not None:
            paper = published.get(column)
            difference = None if paper is None else summary.mean - paper
            sign = "+" if difference is not None and difference > 0 else ""
            cells += [_number(paper, digits=digits), sign + _number(difference, digits=digits)]
        body.append(cells)
    return markdown_table(header, body)


def detection_table(
    rows: Sequence[Row],
    *,
    stratum: str = "size",
    detected: str = "detected",
    strata: Mapping[str, str] = STRATA,
    intervals: Mapping[str, Interval] | None = None,
) -> str:
    """Table 2: how many lesions of each stratum were detected.

    Parameters
    ----------
    rows : sequence of mappings
        The per-case table.
    stratum : str
        Column with the stratum; rows without one (no lesion) are not counted.
    detected : str
        Column that says whether the lesion was detected: boolean, 0 or 1, or "True" and "False".
    strata : mapping of value to title
        The strata in order; further values of the column follow under their own names.
    intervals : mapping of value to (low, high), optional
        95 % interval of the detection rate, as fractions; the key ``"all"`` is the last line's.

    Returns
    -------
    str
        Markdown with a last line over all strata.

    Raises
    ------
    ValueError
        If a value of `detected` is none of those.

    Examples
    --------
    >>> table = detection_table([{"size": "small", "detected": True}, {"size": "small", "detected": False}])
    >>> "50.0" in table
    True
    """
    counted = [row for row in rows if row.get(stratum) not in (None, "")]
    body = []
    for value, title in [*_strata(counted, stratum, strata), (None, "All")]:
        chosen = [row for row in counted if value is None or str(row[stratum]) == value]
        hits = sum(_truth(row[detected]) for row in chosen)
        rate = f"{100 * hits / len(chosen):.1f}" if chosen else _NONE
        interval = _interval((intervals or {}).get(value or "all"), digits=1, percent=True)
        body.append([title, str(len(chosen)), str(hits), str(len(chosen) - hits), rate, interval])
    return markdown_table(["Lesion size", "Lesions", "Detected", "Missed", "Detected (%)", "95 % CI (%)"], body)


def detected_table(
    rows: Sequence[Row],
    *,
    stratum: str = "size",
    detected: str = "detected",
    strata: Mapping[str, str] = STRATA,
    metrics: Mapping[str, str] | None = None,
) -> str:
    """Table 3: mean and SD of the metrics over the detected lesions of each stratum.

    Parameters
    ----------
    rows, stratum, detected, strata
        As in `detection_table`.
    metrics : mapping of column to title, optional
        By default Dice and IoU.

    Returns
    -------
    str
        Markdown; n counts the detected lesions only.

    Examples
    --------
    >>> table = detected_table([{"size": "small", "detected": 1, "dice": 0.5, "iou": 0.4}])
    >>> "0.500" in table
    True
    """
    shown = metrics or {name: METRICS[name] for name in ("dice", "iou")}
    counted = [row for row in rows if row.get(stratum) not in (None, "")]
    body = []
    for value, title in _strata(counted, stratum, strata):
        chosen = [row for row in counted if str(row[stratum]) == value and _truth(row[detected])]
        cells = [title, str(len(chosen))]
        for column in shown:
            summary = summarise(row.get(column) for row in chosen)
            cells.append(f"{_number(summary.mean, digits=3)} ± {_number(summary.sd, digits=3)}")
        body.append(cells)
    titles = [f"{title}, mean ± SD" for title in shown.values()]
    return markdown_table(["Lesion size", "Detected", *titles], body)


def _strata(rows: Sequence[Row], column: str, known: Mapping[str, str]) -> list[tuple[str, str]]:
    further = sorted({str(row[column]) for row in rows} - set(known))
    return [*known.items(), *((value, value) for value in further)]


def _truth(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in ("true", "1", "1.0"):
        return True
    if text in ("false", "0", "0.0"):
        return False
    msg = f"'detected' must be true or false, got {value!r}"
    raise ValueError(msg)


def case_report(
    rows: Sequence[Row],
    *,
    title: str,
    resolution: str,
    intervals: Mapping[str, Interval] | None = None,
    detection_intervals: Mapping[str, Interval] | None = None,
    published: Mapping[str, float] | None = None,
    headline_reason: str | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Write the text of ``report.md``: what was scored, and the three tables.

    Parameters
    ----------
    rows : sequence of mappings
        The per-case table with the columns of `METRICS`, ``size`` and ``detected``.
    title : str
        Name of the model and the data.
    resolution : str
        Grid on which it was scored, for example ``"224 x 224"``.
    intervals, published
        As in `overall_table`.
    detection_intervals
        As ``intervals`` in `detection_table`.
    headline_reason : str, optional
        Why these numbers may not be quoted (a leak between the splits); shown first.
    notes : sequence of str
        Lines for the end: tests with n and method, seeds, checksums.

    Returns
    -------
    str
        Markdown, ends with a line end.

    Examples
    --------
    >>> case_report([], title="Demo", resolution="224 x 224").splitlines()[0]
    '# Demo'
    """
    warning = [f"> **No headline figure:** {headline_reason}", ""] if headline_reason else []
    lesions = sum(row.get("size") not in (None, "") for row in rows)
    parts = [
        f"# {title}",
        "",
        "Research use only; not for diagnosis.",
        "",
        *warning,
        f"Images: {len(rows)}, with a lesion: {lesions}. Scored at {resolution}.",
        "",
        "## Table 1. Overall metrics",
        "",
        overall_table(rows, intervals=intervals, published=published),
        "",
        "## Table 2. Detection by lesion size",
        "",
        detection_table(rows, intervals=detection_intervals),
        "",
        "## Table 3. Segmentation of the detected lesions by size",
        "",
        detected_table(rows),
        "",
        *(["## Notes", "", *(f"- {note}" for note in notes), ""] if notes else []),
    ]
    return "\n".join(parts)
