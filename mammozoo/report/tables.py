# SPDX-License-Identifier: Apache-2.0
"""Tables in Markdown, and ``report.md`` of a segmentation in the form of the abnormal-focused U-Net paper.

References
----------
Huang et al., Cureus 18(3):e105360 (2026), Tables 1-3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .text import SIZE_TITLES, mean_sd, number, span

Summary = Mapping[str, Any]
#: Metrics of Table 1 -> title and digits: distances in pixels have two, as in the paper, ratios four.
METRICS = {
    "dice": ("Dice", 4),
    "iou": ("IoU", 4),
    "accuracy": ("Pixel accuracy", 4),
    "hausdorff": ("Hausdorff (px)", 2),
}


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a Markdown table, the first column to the left and numbers to the right."""
    body = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    widths = [max(3, *(len(row[at]) for row in [list(header), *body])) for at in range(len(header))]
    lines = []
    for row in [list(header), *body]:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("| " + " | ".join([row[0].ljust(widths[0]), *cells[1:]]) + " |")
    rule = "|:" + "-" * (widths[0] + 1) + "|" + "".join("-" * (width + 1) + ":|" for width in widths[1:])
    return "\n".join([lines[0], rule, *lines[1:]])


def markdown_report(
    title: str, lead: str, sections: Mapping[str, str], *, notes: Sequence[str] = (), reason: str | None = None
) -> str:
    """Put a report together: why it has no headline, its lead, its sections as far as they hold anything, its notes."""
    parts = [f"# {title}", "Research use only; not for diagnosis."]
    parts += [f"> **No headline figure:** {reason}"] if reason else []
    all_sections = {**sections, "Notes": "\n".join(f"- {note}" for note in notes)}
    parts += [lead, *(f"## {name}\n\n{text}" for name, text in all_sections.items() if text)]
    return "\n\n".join(parts) + "\n"


def case_report(summary: Summary, *, title: str) -> str:
    """Text of ``report.md``, from the content of ``metrics.json``: what was scored, and the paper's three tables."""
    lead = (
        f"Images: {summary['n_images']}, with a lesion: {summary['n_with_lesion']}. Scored at {summary['resolution']}."
    )
    sections = {
        "Table 1. Overall metrics": overall_table(summary),
        "Table 2. Detection by lesion size": detection_table(summary),
        "Table 3. Segmentation of the detected lesions by size": detected_table(summary),
    }
    return markdown_report(title, lead, sections, notes=summary["notes"], reason=summary.get("headline_reason"))


def overall_table(summary: Summary) -> str:
    """Table 1: mean, median and SD over the images with a lesion; "Excluded" have no value and are in no mean."""
    body = []
    for name, (title, digits) in METRICS.items():
        found = summary["overall"][name]
        values = [number(found[key], digits=digits) for key in ("mean", "median", "sd")]
        body.append([title, str(found["n"]), str(found["excluded"]), *values, span(found["interval"], digits=digits)])
    return markdown_table(["Metric", "n", "Excluded", "Mean", "Median", "SD", "95 % CI of the mean"], body)


def detection_table(summary: Summary) -> str:
    """Table 2: how many images with a lesion were detected, by the size of their lesions."""
    body = []
    for name, title in {**SIZE_TITLES, "all": "All"}.items():
        found = summary["detection"][name]
        counts = [str(count) for count in (found["n"], found["detected"], found["n"] - found["detected"])]
        rate = number(100 * found["detected"] / found["n"], digits=1) if found["n"] else "-"
        body.append([title, *counts, rate, span(found["interval"], digits=1, scale=100)])
    return markdown_table(["Lesion size", "Lesions", "Detected", "Missed", "Detected (%)", "95 % CI (%)"], body)


def detected_table(summary: Summary) -> str:
    """Table 3: Dice and IoU of the detected lesions alone, by size."""
    body = []
    for name, title in SIZE_TITLES.items():
        found = summary["detected_by_size"][name]
        body.append([title, str(found["n"]), mean_sd(found["dice"]), mean_sd(found["iou"])])
    return markdown_table(["Lesion size", "Detected", "Dice, mean ± SD", "IoU, mean ± SD"], body)
