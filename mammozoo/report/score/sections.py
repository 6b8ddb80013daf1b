# SPDX-License-Identifier: Apache-2.0
"""The sections of an evaluation's page on masks, strata and lesions, each from its summary in ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...metrics.matching import BoxMatch
from .. import html
from ..distribution import distribution_figure
from ..tables import STRATA
from .figures import froc_figure, histogram_figure, lesion_precision_figure, size_figure
from .text import TITLES, digits_of, number, p_text, sentence, span

__all__ = ["detection_section", "segmentation_section", "strata_section"]

Row = Mapping[str, Any]
Summary = Mapping[str, Any]


def segmentation_section(summary: Summary, rows: Mapping[str, Sequence[Row]]) -> str:
    """Overlap, distances and detection by size.

    Parameters
    ----------
    summary : mapping
        Of `mammozoo.stats.summary.summarise_segmentation`.
    rows : mapping of str to sequence of mappings
        Name of a model, the first the summary's, to its scored images.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    ``segmentation_section(summarise_segmentation(rows), {"model": rows})``
    """
    lesions = {name: [row for row in table if row["size"]] for name, table in rows.items()}
    first = next(iter(lesions.values()))
    parts = [
        _overall(summary),
        _all_images(summary),
        html.section("By lesion size", _by_size(summary), level=3),
    ]
    if first:
        dice = {name: [float(row["dice"]) for row in table] for name, table in lesions.items()}
        sizes = {name: [float(row["dice"]) for row in first if row["size"] == name] for name in STRATA}
        parts += [
            html.drawing(
                lambda: size_figure(sizes),
                alt="Box plot of Dice in small, medium and large lesions, every image a dot.",
            ),
            html.section("Distribution of Dice", level=3),
            html.beside(
                html.drawing(lambda: histogram_figure(dice), alt="Histogram of Dice over the images with a lesion."),
                html.drawing(
                    lambda: distribution_figure(dice), alt="Share of images with a lesion at or below each Dice."
                ),
            ),
        ]
    return html.section("Segmentation", *parts)


def _overall(summary: Summary) -> str:
    body = []
    for name, found in summary["overall"].items():
        if not found["n"]:
            continue
        values = [number(found[key], digits=digits_of(name)) for key in ("mean", "median", "sd")]
        interval = span(found["interval"], digits=digits_of(name))
        body.append([TITLES.get(name, name), str(found["n"]), str(found["excluded"]), *values, interval])
    return html.table(
        f"The {summary['n_with_lesion']} images with a lesion, of {summary['n_images']} images of "
        f"{summary['n_patients']} patients. Excluded: undefined, as a distance where a mask is empty.",
        ["Metric", "n", "Excluded", "Mean", "Median", "SD", "95 % interval of the mean"],
        body,
    )


def _all_images(summary: Summary) -> str:
    normals = summary["false_positive_images"]
    if not normals["n"]:
        return html.paragraph("Every image has a lesion: means over positive images and over all images are the same.")
    body = [
        [TITLES[name], str(found["n"]), number(found["mean"]), number(found["median"]), span(found["interval"])]
        for name, found in summary["all_images"].items()
    ]
    caption = (
        f"All images. Of the {normals['n']} without lesion, {normals['count']} have a predicted pixel; on the others "
        "Dice is 1."
    )
    return html.table(caption, ["Metric", "n", "Mean", "Median", "95 % interval of the mean"], body)


def _by_size(summary: Summary) -> str:
    body = []
    for name, found in summary["detection"].items():
        hits = summary["detected_by_size"].get(name, {})
        rate = number(100 * found["rate"] if found["n"] else None, digits=1)
        spread = [_mean_sd(hits[key]) if hits else "" for key in ("dice", "iou")]
        title = STRATA.get(name, "All")
        counts = [str(found["n"]), str(found["detected"]), rate, span(found["interval"], digits=1, scale=100)]
        body.append([title, *counts, *spread])
    header = ["Lesion size", "Images", "Detected", "Detected (%)", "95 % interval (%)", "Dice of detected"]
    table = html.table(
        "Detected: IoU over 0.10 with the image's lesions. Sizes in pixels of the 224 x 224 grid. Dice and IoU here "
        "are of the detected lesions alone, mean ± SD.",
        [*header, "IoU of detected"],
        body,
    )
    tests = [summary["tests"][name] for name in ("kruskal_wallis_dice", "kruskal_wallis_dice_detected")]
    lines = [
        f"Dice over the sizes, {which}: {sentence(test)}"
        for which, test in zip(("all lesions", "detected lesions"), tests, strict=True)
    ]
    return table + html.items(lines)


def _mean_sd(found: Mapping[str, float]) -> str:
    mean, sd = number(found["mean"]), number(found["sd"])
    return mean if sd == "-" else f"{mean} ± {sd}"


def strata_section(summary: Summary) -> str:
    """Tables of Dice and detection by column; empty where there is none.

    Examples
    --------
    >>> strata_section({"strata": {}})
    ''
    """
    parts = []
    for column, groups in summary["strata"].items():
        body = [
            [
                value,
                str(found["n"]),
                str(found.get("patients", "-")),
                number(found["dice_mean"]),
                span(found.get("dice_interval")),
                number(found["dice_median"]),
                f"{100 * found['detected'] / found['n']:.1f}",
                span(found.get("detected_interval"), digits=1, scale=100),
                number(found.get("dice_detected_mean")),
            ]
            for value, found in groups.items()
        ]
        header = ["Value", "Images", "Patients", "Dice", "95 % interval", "Median", "Detected (%)", "95 % interval (%)"]
        title = column.replace("_", " ").capitalize()
        text = f"Images with a lesion by {title.lower()}"
        test = summary.get("strata_tests", {}).get(column)
        if test:
            adjusted = "" if test["note"] else f" After Holm over the columns: p {p_text(test['p_holm'])}."
            text += f". Dice over the values: {sentence(test, with_n=False)}{adjusted}"
        parts.append(html.section(title, html.table(text, [*header, "Dice of detected"], body), level=3))
    if not parts:
        return ""
    note = "Dice is over all images with a lesion, detected or not, unless it says otherwise."
    return html.section("Strata", html.paragraph(note), *parts)


def detection_section(summary: Summary, matches: Mapping[str, Sequence[BoxMatch]]) -> str:
    """FROC, average precision and the operating point.

    Parameters
    ----------
    summary : mapping
        Of `mammozoo.engines.detection.lesion_detection.summarise_detection`.
    matches : mapping of str to sequence of BoxMatch
        Name of a model, the first the summary's, to its images.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    ``detection_section(summarise_detection(cases, patients, hit="iou50"), {"model": cases})``
    """
    point = summary["operating_point"]
    cards: dict[str, str | tuple[str, str]] = {
        "Lesions": (str(summary["lesions"]), f"{summary['images']} images, {summary['normal_images']} without"),
        "Boxes": str(summary["boxes"]),
        "Sensitivity": (number(point["sensitivity"]), f"{point['true_positives']} found, score >= "
                        f"{point['threshold']:.3g}"),
        "False positives per image": (
            number(point["false_positives_per_image"]),
            f"per normal image {number(point['false_positives_per_normal_image'])}",
        ),
    }  # fmt: skip
    rule = f"A lesion is found when {summary['rule']}; one box finds one lesion, the best score first."
    if not summary["ranked"]:
        why = "The boxes have no scores that rank them, so there is one operating point and no curve."
        return html.section("Lesion detection", html.paragraph(rule), html.facts(cards), html.paragraph(why))
    precision = summary["average_precision"]
    cards["Average precision"] = (number(precision["estimate"]), f"95 %: {span(precision['interval'])}")
    body = [
        [
            f"{row['false_positives_per_image']:g}",
            number(row["sensitivity"]),
            span(row["interval"]),
            number(row["threshold"]),
        ]
        for row in summary["froc"]
    ]
    caption = (
        f"FROC over {summary['lesions']} lesions in {summary['images']} images of {summary['patients']} patients; mean "
        f"sensitivity {number(summary['mean_sensitivity'])}."
    )
    return html.section(
        "Lesion detection",
        html.paragraph(rule),
        html.facts(cards),
        html.table(caption, ["False positives per image", "Sensitivity", "95 % interval", "Score from"], body),
        html.beside(
            html.drawing(
                lambda: froc_figure(matches), alt="FROC curve: sensitivity against false positives per image."
            ),
            html.drawing(lambda: lesion_precision_figure(matches), alt="Precision-recall curve over lesions."),
        ),
    )
