# SPDX-License-Identifier: Apache-2.0
"""The page of an evaluation, ``report.html``: of `mammozoo evaluate` and of the bundles' own evaluations alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from ..._typing import PathLike
from ...io.write import write_text
from ...metrics.matching import BoxMatch
from .. import html
from .class_section import classification_section, comparison_section
from .classes import ClassScores
from .compare import paired_values
from .pictures import Picture, worst_pictures
from .sections import detection_section, segmentation_section, strata_section
from .text import number, span

if TYPE_CHECKING:
    from .run import Score

__all__ = ["PageContent", "score_page", "write_page"]

_NOTICE = "Research use only; not for diagnosis."


@dataclass(frozen=True, kw_only=True, eq=False)
class PageContent:
    """What a page shows; what is empty is left out.

    Attributes
    ----------
    title : str
    metrics : mapping
        ``headline, headline_name, headline_interval, headline_reason, resolution, inputs, segmentation, detection,
        classification, comparison``, as in ``metrics.json``.
    rows : mapping of str to sequence of mappings
        Name of a model to its scored images.
    matches : mapping of str to sequence of BoxMatch
    classes : mapping of str to ClassScores
    dice : pair of sequences of float or None
        Of two models on the same images.
    pictures : sequence of (image, title, text)
        Worst cases.
    notes : sequence of str
    """

    title: str
    metrics: Mapping[str, Any]
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    matches: Mapping[str, Sequence[BoxMatch]] = field(default_factory=dict)
    classes: Mapping[str, ClassScores] = field(default_factory=dict)
    dice: tuple[Sequence[float], Sequence[float]] | None = None
    pictures: Sequence[Picture] = ()
    notes: Sequence[str] = ()


def write_page(path: PathLike, content: PageContent) -> Path:
    """Write the page as one HTML file that needs nothing else.

    Parameters
    ----------
    path : path
    content : PageContent

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = write_page(f"{folder}/report.html", PageContent(title="Demo", metrics={"resolution": "8 x 8"}))
    ...     "<h1>Demo</h1>" in file.read_text()
    True
    """
    metrics = content.metrics
    sections = [_summary(metrics)]
    if metrics.get("inputs"):
        sections.append(_inputs(metrics["inputs"]))
    if metrics.get("segmentation"):
        sections.append(segmentation_section(metrics["segmentation"], content.rows))
    if metrics.get("detection"):
        sections.append(detection_section(metrics["detection"], content.matches))
    if metrics.get("classification"):
        sections.append(classification_section(metrics["classification"], content.classes))
    if metrics.get("segmentation"):
        sections.append(strata_section(metrics["segmentation"]))
    if metrics.get("comparison"):
        sections.append(comparison_section(metrics["comparison"], dice=content.dice))
    if content.pictures:
        sections.append(_worst(content.pictures))
    if content.notes:
        sections.append(html.section("Notes", html.items(content.notes)))
    footer = f"Written by MammoZoo {__version__}. {_NOTICE}"
    return write_text(path, html.page(content.title, filter(None, sections), lead=_NOTICE, footer=footer))


def _summary(metrics: Mapping[str, Any]) -> str:
    cards: dict[str, str | tuple[str, str]] = {}
    name = metrics.get("headline_name")
    if name and not metrics.get("headline_reason"):
        cards[name] = (number(metrics["headline"]), f"95 %: {span(metrics.get('headline_interval'))}")
    found = metrics.get("segmentation")
    if found:
        hits = found["detection"]["all"]
        cards["Images"] = (str(found["n_images"]), f"{found['n_patients']} patients")
        cards["With a lesion"] = (str(found["n_with_lesion"]), f"{hits['detected']} detected at IoU > 0.10")
    elif metrics.get("inputs"):
        cards["Images"] = (str(metrics["inputs"]["images"]), f"{metrics['inputs']['patients']} patients")
    if not (found or metrics.get("detection")):
        return html.section("Summary", _alarm(metrics), html.facts(cards))
    grid, _, more = str(metrics["resolution"]).partition(" (")
    cards["Scored at"] = (grid, more.replace("), ", ", "))
    return html.section("Summary", _alarm(metrics), html.facts(cards))


def _alarm(metrics: Mapping[str, Any]) -> str:
    reason = metrics.get("headline_reason")
    return html.warning(f"No headline figure: {reason}. The numbers below may not be quoted.") if reason else ""


def _inputs(inputs: Mapping[str, Any]) -> str:
    lines = [f"{inputs['layout']}: {inputs['predictions']} predictions for {inputs['images']} images of the truth."]
    if inputs["resized"]:
        lines.append(f"{inputs['resized']} predictions were brought to the truth's grid by nearest neighbour.")
    absent = inputs["missing"]["count"] + inputs["failed"]["count"]
    parts = [html.items(lines)]
    if absent:
        text = (
            f"Images without prediction: {inputs['missing']['count']}; unusable predictions: "
            f"{inputs['failed']['count']}. They count as images in which nothing was found"
        )
        normal = inputs["absent_without_lesion"]
        text += f", which is right on the {normal} of them without lesion." if normal else "."
        parts.append(html.warning(text))
    titles = {"missing": "Without prediction", "failed": "Unusable predictions", "extra": "Predictions for no image"}
    for key, title in titles.items():
        found = inputs[key]
        if found["count"]:
            more = found["count"] - len(found["examples"])
            shown = [*found["examples"], *([f"and {more} more"] if more else [])]
            parts += [html.section(f"{title} ({found['count']})", html.items(shown), level=3)]
    return html.section("What was scored", *parts)


def _worst(pictures: Sequence[Picture]) -> str:
    text = "Blue outline: truth. Yellow outline: prediction. Cut to the breast; the outlines run around the lesions."
    return html.section("Worst cases", html.paragraph(text), html.picture_grid(pictures))


def score_page(path: PathLike, score: Score, *, other: Score | None, title: str) -> Path:
    """Write the page of a score.

    Parameters
    ----------
    path : path
    score : Score
    other : Score or None
        With which it was compared.
    title : str

    Returns
    -------
    pathlib.Path

    Examples
    --------
    ``score_page("report.html", score, other=None, title="Evaluation")``
    """
    both = [score, *([other] if other is not None else [])]
    segmentation = score.metrics["segmentation"]
    shared = paired_values(score, other, "dice")[:2] if other is not None and segmentation else None
    return write_page(
        path,
        PageContent(
            title=title,
            metrics=score.metrics,
            rows={item.name: [case.row for case in item.segmented] for item in both if item.segmented},
            matches={item.name: item.matches for item in both if item.matches},
            classes={item.name: item.classes for item in both if item.classes is not None},
            dice=shared,
            pictures=worst_pictures(score.cases, mask_threshold=score.mask_threshold),
            notes=segmentation["notes"] if segmentation else [],
        ),
    )
