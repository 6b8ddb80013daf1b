# SPDX-License-Identifier: Apache-2.0
"""The sections of an evaluation's page on classes, and on two models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import html
from .classes import ClassScores
from .figures import calibration_figure, paired_figure, precision_figure, roc_figure
from .text import CLASS_TITLES, THRESHOLDS, TITLES, digits_of, number, p_text, sentence, span

__all__ = ["classification_section", "comparison_section"]

Summary = Mapping[str, Any]


def classification_section(summary: Summary, classes: Mapping[str, ClassScores]) -> str:
    """Figures per image, breast and patient, with ROC and calibration.

    Parameters
    ----------
    summary : mapping
        Of `mammozoo.report.score.classes.summarise_classes`.
    classes : mapping of str to ClassScores
        Name of a model, the first the summary's, to its scores.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    ``classification_section(summarise_classes(scores), {"model": scores})``
    """
    parts = [html.paragraph(f"Positive: {summary['target']}. The headline is per {summary['headline']}.")]
    if summary["left_out"]:
        parts.append(html.paragraph(f"{summary['left_out']} images without class or without score are left out."))
    for name, unit in summary["units"].items():
        at = {key: THRESHOLDS.get(key, key) for key in unit["figures"]}
        for key, value in summary["thresholds"].items():
            at[key] = f"{value:g}" + (" (stated)" if key == "stated" else "")
        figures = list(unit["figures"].values())
        body = [
            [
                CLASS_TITLES.get(metric, metric),
                *(
                    cell
                    for found in figures
                    for cell in (number(found[metric]["estimate"]), span(found[metric]["interval"]))
                ),
            ]
            for metric in figures[0]
        ]
        header = ["Figure", *(cell for text in at.values() for cell in (f"Threshold {text}", "95 % interval"))]
        caption = f"Per {name}: n = {unit['n']}, positive {unit['positives']}, of {unit['patients']} patients"
        parts.append(html.table(caption, header, body))
        if unit["delong"]:
            found = unit["delong"]
            line = f"AUROC per {name} by DeLong: {number(found['auroc'])} ({span([found['low'], found['high']])})."
            parts.append(html.paragraph(line, kind="note"))
    unit_name = summary["headline"]
    arrays = {name: _arrays(scores, unit_name) for name, scores in classes.items()}
    drawings = [
        html.drawing(lambda: roc_figure(arrays, unit=unit_name), alt="ROC curve of the scores."),
        html.drawing(lambda: precision_figure(arrays, unit=unit_name), alt="Precision-recall curve of the scores."),
    ]
    if all(((scores >= 0) & (scores <= 1)).all() for scores, _ in arrays.values()):
        alt = "Share of positives against mean probability in ten bins; the larger the dot, the more cases."
        drawings.append(html.drawing(lambda: calibration_figure(arrays, unit=unit_name), alt=alt))
    parts.append(html.beside(*drawings))
    return html.section("Classification", *parts, *[html.items(summary["notes"])])


def _arrays(scores: ClassScores, unit: str) -> tuple[Any, Any]:
    found = scores.unit(unit)
    return found.scores, found.labels


def comparison_section(comparison: Summary, *, dice: tuple[Sequence[float], Sequence[float]] | None) -> str:
    """Paired differences of two sets of predictions.

    Parameters
    ----------
    comparison : mapping
        Of `mammozoo.report.score.compare.compare_scores`.
    dice : pair of sequences of float, optional
        Of the same images, for the picture.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    ``comparison_section(compare_scores(first, second), dice=None)``
    """
    names = (comparison["name"], comparison["other"])
    parts = [html.paragraph(f"Differences are {names[0]} minus {names[1]}, on the same images, resampled by patient.")]
    if "segmentation" in comparison:
        parts.append(_paired_table(comparison["segmentation"], names))
    if dice is not None and dice[0]:
        alt = "Dice of the two on each image with a lesion; below the diagonal the first is better."
        parts.append(html.drawing(lambda: paired_figure(*dice, names=names, label="Dice"), alt=alt))
    if "detection" in comparison:
        body = [
            [f"{row['false_positives_per_image']:g}", number(row["difference"]), span(row["interval"])]
            for row in comparison["detection"]
        ]
        header = ["False positives per image", "Difference of sensitivity", "95 % interval"]
        parts.append(html.table("FROC over lesions", header, body))
    if "classification" in comparison:
        found = comparison["classification"]
        interval = span([found["low"], found["high"]])
        cells = [number(found["first"]), number(found["second"]), number(found["difference"]), interval]
        header = ["Figure", *names, "Difference", "95 % interval", "p (DeLong)"]
        caption = f"AUROC per {found['unit']}. {sentence(found['test'])}"
        parts.append(html.table(caption, header, [["AUROC", *cells, p_text(found["test"]["p"])]]))
    return html.section("Comparison", *parts)


def _paired_table(found: Summary, names: tuple[str, str]) -> str:
    body = []
    for metric, item in found.items():
        digits = digits_of(metric)
        values = [number(item[key], digits=digits) for key in ("first", "second", "difference")]
        test = item["test"]
        tail = [span(item["interval"], digits=digits), p_text(test["p"]), p_text(test["p_holm"])]
        body.append([TITLES[metric], str(item["n"]), str(item["patients"]), *values, *tail])
    header = ["Metric", "n", "Patients", *names, "Difference", "95 % interval", "p", "p after Holm"]
    caption = "Images with a lesion. p: Wilcoxon signed-rank, two-sided; Holm over the rows of this table."
    return html.table(caption, header, body)
