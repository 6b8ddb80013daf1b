# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page a study: the views as they hang, findings on and off, and what became of every file."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from ...engines.inference.study_result import NOTICE, ImageResult, StudyResult
from ...io.write import write_text
from .picture import ViewPicture, view_picture
from .template import FIGURE, PAGE, STYLE

__all__ = ["hanging_places", "write_study_pages"]

_ROWS = ("CC", "MLO")
_SIDES = ("R", "L")  # the reader faces the patient: her right breast hangs at the left
_WORDS = {"R": "right", "L": "left"}
MAX_FINDINGS = 20  # an image; more hide the breast, and nobody reads them


def write_study_pages(result: StudyResult, output_dir: PathLike | None = None) -> list[Path]:
    """Write ``study.html``, or ``study_1.html``, ``study_2.html``, ... where the inputs are of several studies.

    Parameters
    ----------
    result : StudyResult
    output_dir : path, optional
        By default that of the result.

    Returns
    -------
    list of pathlib.Path

    Notes
    -----
    Inputs whose study is not known, those that could not be read among them, are listed on every page; where there is
    one study at most they count as its own. The pages name nobody: no name, number, date or path of the inputs.
    """
    folder = result.output_dir if output_dir is None else Path(output_dir)
    numbers = sorted({image.study for image in result.images if image.study}) or [0]
    pages = []
    for number in numbers:
        several = len(numbers) > 1
        images = [image for image in result.images if image.study in (0, number)]
        title = f"Mammograms, study {number} of {len(numbers)}" if several else "Mammograms"
        name = f"study_{number}.html" if several else "study.html"
        pages.append(write_text(folder / name, _page(result, images, title=title)))
    return pages


def hanging_places(images: Sequence[ImageResult]) -> dict[tuple[str, str], int]:
    """Choose the image of each place of the hanging.

    Parameters
    ----------
    images : sequence of ImageResult

    Returns
    -------
    dict
        (view, side) to the index of the image: the first readable one, those without flags (magnification, implant)
        before the others. Views and sides that are not known have no place.
    """
    places: dict[tuple[str, str], int] = {}
    for index in sorted(range(len(images)), key=lambda i: (bool(images[i].flags), i)):
        image = images[index]
        place = (image.view_position, image.laterality)
        if image.predicted and place[0] in _ROWS and place[1] in _SIDES:
            places.setdefault(place, index)
    return places


def _page(result: StudyResult, images: Sequence[ImageResult], *, title: str) -> str:
    shown = [image for image in images if image.predicted]
    places = hanging_places(images)
    order = [(view, side) for view in _ROWS for side in _SIDES]
    hung = [images[places[place]] for place in order if place in places]
    further = [image for image in shown if image not in hung]
    # Only one image hangs in a place; the others are told apart by their file.
    labels = {image.id: _view(image) for image in hung}
    labels |= {image.id: " ".join(filter(None, [_view(image, unknown=""), image.input])) for image in further}
    body = [
        _hanging(result, images, places) if hung else "",
        _further(result, further, labels, alone=not hung),
        _findings_table([*hung, *further], labels, result.threshold),
        _files_table(images),
    ]
    return PAGE.substitute(
        title=_text(title),
        style=STYLE,
        notice=_text(NOTICE),
        lead=_text(_lead(images)),
        facts=_facts(result),
        body="\n".join(body),
    )


def _lead(images: Sequence[ImageResult]) -> str:
    shown = [image for image in images if image.predicted]
    segmented = [image for image in shown if image.probability is None]
    count = _plural(sum(len(image.findings) for image in shown), "finding")
    lead = _plural(len(shown), "image") + (f" with {count}." if segmented or not shown else ".")
    failed = len(images) - len(shown)
    return f"{lead} {_plural(failed, 'file')} could not be used: see below." if failed else lead


def _facts(result: StudyResult) -> str:
    facts = {"Bundle": f"{result.bundle} {result.version}", "Weights": f"SHA-256 {result.weights_sha256[:12]}"}
    if result.threshold is not None:
        facts["Threshold"] = f"{result.threshold:g}"
    return "".join(f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>" for name, value in facts.items())


def _hanging(result: StudyResult, images: Sequence[ImageResult], places: Mapping[tuple[str, str], int]) -> str:
    """R CC | L CC over R MLO | L MLO, all at one scale, chest walls back to back."""
    widths = _widths([images[index] for index in places.values()])
    cells = []
    for view in _ROWS:
        if not any(place[0] == view for place in places):
            continue
        for side in _SIDES:
            index = places.get((view, side))
            if index is None:
                cells.append(f'<p class="absent {side}">{side} {view}: none</p>')
            else:
                cells.append(_figure(result, images[index], label=f"{side} {view}", share=widths[images[index].id]))
    return f'<section aria-label="Standard views"><div class="hanging">{"".join(cells)}</div></section>'


def _widths(images: Sequence[ImageResult]) -> dict[str, float]:
    """Share of its place that each image takes (percent): in mm where all spacings are known, else in pixels."""
    known = all(image.pixel_spacing for image in images)
    widths = {
        image.id: (image.shape or (1, 1))[1] * (image.pixel_spacing[1] if known and image.pixel_spacing else 1.0)
        for image in images
    }
    widest = max(widths.values(), default=1.0)
    # Films beside digital images have no common pixel; none becomes a stamp.
    return {name: max(100 * width / widest, 40.0) for name, width in widths.items()}


def _further(result: StudyResult, images: Sequence[ImageResult], labels: Mapping[str, str], *, alone: bool) -> str:
    if not images:
        return ""
    figures = "".join(_figure(result, image, label=labels[image.id], share=100.0) for image in images)
    heading = "Views" if alone else "Further views"
    return f'<section><h2>{heading}</h2><div class="further">{figures}</div></section>'


def _figure(result: StudyResult, image: ImageResult, *, label: str, share: float) -> str:
    picture = view_picture(image.path, result.output_dir / image.id / "mask.png", laterality=image.laterality)
    said = [_said(image, result.threshold), *image.flags, *(["shown mirrored"] if picture.mirrored else [])]
    return FIGURE.substitute(
        side=image.laterality if image.laterality in _SIDES else "",
        anchor=_anchor(image),
        name=_text(label),
        text=_text(", ".join(said)),
        share=f"{share:.4g}",
        data=picture.data,
        width=picture.width,
        height=picture.height,
        alt=_text(f"Mammogram {_view(image, words=True)}, {_said(image, result.threshold)}"),
        outline=picture.outline,
        tags="".join(_tag(image, number, picture) for number in range(1, len(image.findings[:MAX_FINDINGS]) + 1)),
    )


def _said(image: ImageResult, threshold: float | None) -> str:
    if image.probability is None or threshold is None:
        return image.said
    return f"{image.said}, {'positive' if image.probability >= threshold else 'negative'}"


def _tag(image: ImageResult, number: int, picture: ViewPicture) -> str:
    """Number beside a finding, on the side where the picture has room."""
    x1, y1, x2, y2 = picture.place(image.findings[number - 1]["box_xyxy"])
    turned, low = x2 > 85, y1 < 6
    kind = f"tag overlay{' turned' if turned else ''}{' low' if low else ''}"
    left, top = (x1 if turned else x2), (y2 if low else y1)
    label = f"finding {number} of {_view(image)}"
    return (
        f'<a class="{kind}" style="left:{left:.2f}%;top:{top:.2f}%" href="#{_anchor(image)}-{number}" '
        f'aria-label="{_text(label)}">{number}</a>'
    )


def _findings_table(images: Sequence[ImageResult], labels: Mapping[str, str], threshold: float | None) -> str:
    rows, left_out = [], 0
    for image in images:
        left_out += max(0, len(image.findings) - MAX_FINDINGS)
        for number, finding in enumerate(image.findings[:MAX_FINDINGS], start=1):
            area = finding.get("area_mm2")
            cells = (
                ", ".join(f"{value:g}" for value in finding["box_xyxy"]),
                f"{finding['area_px']:,}".replace(",", " "),
                "unknown" if area is None else f"{area:,.1f}".replace(",", " "),
                _score(float(finding["score"])),
            )
            link = f'<a href="#{_anchor(image)}">{_text(labels[image.id])}</a>'
            body = "".join(f'<td class="n">{_text(cell)}</td>' for cell in cells)
            rows.append(f'<tr id="{_anchor(image)}-{number}"><th scope="row">{link} {number}</th>{body}</tr>')
    if not rows:
        at = "" if threshold is None else f" at threshold {threshold:g}"
        nothing = f"No finding{at}." if any(image.probability is None for image in images) else ""
        return f"<section><h2>Findings</h2><p>{nothing}</p></section>" if nothing else ""
    note = f" {left_out} further findings of low score are in the findings.json files." if left_out else ""
    caption = f"By view and falling score. Boxes in pixels of the image as stored: x1, y1, x2, y2.{note}"
    heads = ("Finding", "Box", "Area, px", "Area, mm²", "Score")
    return f"<section><h2>Findings</h2>{_table(caption, heads, rows, numeric=range(1, 5))}</section>"


def _score(score: float) -> str:
    """Three digits; certainty is not rounded to."""
    return "> 0.999" if 0.9995 <= score < 1 else f"{score:.3f}"


def _files_table(images: Sequence[ImageResult]) -> str:
    rows = []
    for image in images:
        mark = "" if image.status == "ok" else ' class="bad"'
        remarks = "; ".join([*filter(None, [image.reason]), *image.notes])
        view = "" if image.shape is None else _text(_view(image))
        rows.append(
            f'<tr><th scope="row" class="name">{_text(image.input)}</th><td class="view">{view}</td>'
            f"<td{mark}>{_text(image.status)}</td><td>{_text(remarks)}</td></tr>"
        )
    bad = sum(image.status != "ok" for image in images)
    caption = f"{_plural(len(images), 'file')}, {f'{bad} with a problem' if bad else 'all used'}."
    return f"<section><h2>Files</h2>{_table(caption, ('File', 'View', 'Status', 'Remarks'), rows)}</section>"


def _table(caption: str, heads: Sequence[str], rows: Sequence[str], *, numeric: Sequence[int] = ()) -> str:
    marks = [' class="n"' if index in numeric else "" for index in range(len(heads))]
    head = "".join(f'<th scope="col"{mark}>{_text(name)}</th>' for mark, name in zip(marks, heads, strict=True))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(caption)}"><table><caption>{_text(caption)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _view(image: ImageResult, *, words: bool = False, unknown: str = "view unknown") -> str:
    side = _WORDS.get(image.laterality, image.laterality) if words else image.laterality
    return " ".join(filter(None, [side, image.view_position])) or unknown


def _anchor(image: ImageResult) -> str:
    return f"v-{_text(image.id)}"


def _plural(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _text(value: Any) -> str:
    return html.escape(str(value), quote=True)
