# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page a study: the views as they hang, findings on and off, and what became of every file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..._typing import PathLike
from ...engines.inference.study_result import NOTICE, ImageResult, StudyResult
from ...io.write import write_text
from ..html import render
from ..text import plural
from .picture import ViewPicture, view_picture

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
        text = render("study.html.j2", title=title, notice=NOTICE, **_content(result, images))
        pages.append(write_text(folder / name, text))
    return pages


def hanging_places(images: Sequence[ImageResult]) -> dict[tuple[str, str], int]:
    """Choose the image of each place of the hanging: (view, side) to the index of the image."""
    places: dict[tuple[str, str], int] = {}
    for index in sorted(range(len(images)), key=lambda i: (bool(images[i].flags), i)):
        image = images[index]
        place = (image.view_position, image.laterality)
        if image.predicted and place[0] in _ROWS and place[1] in _SIDES:
            places.setdefault(place, index)
    return places


def _content(result: StudyResult, images: Sequence[ImageResult]) -> dict[str, Any]:
    """What the template shows."""
    shown = [image for image in images if image.predicted]
    hung = {place: images[index] for place, index in hanging_places(images).items()}
    order = [hung[view, side] for view in _ROWS for side in _SIDES if (view, side) in hung]
    further = [image for image in shown if image not in order]
    # Only one image hangs in a place; the others are told apart by their file.
    labels = {image.id: _view(image) for image in order}
    labels |= {image.id: " ".join(filter(None, [_view(image, unknown=""), image.input])) for image in further}
    widths = _widths(order)
    views = {image.id: _shown(result, image, label=labels[image.id], share=widths.get(image.id, 100.0))
             for image in [*order, *further]}  # fmt: skip
    hanging = {
        view: {side: views[hung[view, side].id] if (view, side) in hung else None for side in _SIDES}
        for view in _ROWS
        if any((view, side) in hung for side in _SIDES)
    }
    return {
        "lead": _lead(images, shown),
        "setting": _setting(result),
        "hanging": hanging,
        "further": [views[image.id] for image in further],
        "findings": [row for image in [*order, *further] for row in _finding_rows(image, labels[image.id])],
        "left_out": sum(max(0, len(image.findings) - MAX_FINDINGS) for image in shown),
        "nothing_found": _nothing_found(shown, result.threshold),
        "files": [_file_row(image) for image in images],
        "files_caption": _files_caption(images),
    }


def _lead(images: Sequence[ImageResult], shown: Sequence[ImageResult]) -> str:
    segmented = [image for image in shown if image.probability is None]
    count = plural(sum(len(image.findings) for image in shown), "finding")
    lead = plural(len(shown), "image") + (f" with {count}." if segmented or not shown else ".")
    failed = len(images) - len(shown)
    return f"{lead} {plural(failed, 'file')} could not be used: see below." if failed else lead


def _setting(result: StudyResult) -> dict[str, str]:
    setting = {"Bundle": f"{result.bundle} {result.version}", "Weights": f"SHA-256 {result.weights_sha256[:12]}"}
    return setting if result.threshold is None else {**setting, "Threshold": f"{result.threshold:g}"}


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


def _shown(result: StudyResult, image: ImageResult, *, label: str, share: float) -> dict[str, Any]:
    """One view: its picture and what is written on it and above it."""
    picture = view_picture(image.path, result.output_dir / image.id / "mask.png", laterality=image.laterality)
    said = _said(image, result.threshold)
    return {
        "id": image.id,
        "side": image.laterality if image.laterality in _SIDES else "",
        "label": label,
        "text": ", ".join([said, *image.flags, *(["shown mirrored"] if picture.mirrored else [])]),
        "share": share,
        "alt": f"Mammogram {_view(image, words=True)}, {said}",
        "picture": picture,
        "tags": [_tag(image, number, picture) for number in range(1, len(image.findings[:MAX_FINDINGS]) + 1)],
    }


def _said(image: ImageResult, threshold: float | None) -> str:
    if image.probability is None or threshold is None:
        return image.said
    return f"{image.said}, {'positive' if image.probability >= threshold else 'negative'}"


def _tag(image: ImageResult, number: int, picture: ViewPicture) -> dict[str, Any]:
    """Number beside a finding, on the side where the picture has room."""
    x1, y1, x2, y2 = picture.place(image.findings[number - 1]["box_xyxy"])
    turned, low = x2 > 85, y1 < 6
    return {
        "kind": f"{'turned ' if turned else ''}{'low' if low else ''}",
        "left": x1 if turned else x2,
        "top": y2 if low else y1,
        "row": _row_id(image, number),
        "label": f"finding {number} of {_view(image)}",
    }


def _finding_rows(image: ImageResult, label: str) -> list[dict[str, Any]]:
    rows = []
    for number, finding in enumerate(image.findings[:MAX_FINDINGS], start=1):
        area = finding.get("area_mm2")
        cells = [
            f"{label} {number}",
            ", ".join(f"{value:g}" for value in finding["box_xyxy"]),
            f"{finding['area_px']:,}".replace(",", " "),
            "unknown" if area is None else f"{area:,.1f}".replace(",", " "),
            _score(float(finding["score"])),
        ]
        rows.append({"cells": cells, "row": _row_id(image, number), "view": f"v-{image.id}"})
    return rows


def _nothing_found(shown: Sequence[ImageResult], threshold: float | None) -> str:
    """What a page without findings says; nothing of a classifier's."""
    at = "" if threshold is None else f" at threshold {threshold:g}"
    return f"No finding{at}." if any(image.probability is None for image in shown) else ""


def _score(score: float) -> str:
    """Three digits; certainty is not rounded to."""
    return "> 0.999" if 0.9995 <= score < 1 else f"{score:.3f}"


def _file_row(image: ImageResult) -> dict[str, Any]:
    view = "" if image.shape is None else _view(image)
    remarks = "; ".join([*filter(None, [image.reason]), *image.notes])
    return {"cells": [image.input, view, image.status, remarks], "bad": image.status != "ok"}


def _files_caption(images: Sequence[ImageResult]) -> str:
    bad = sum(image.status != "ok" for image in images)
    return f"{plural(len(images), 'file')}, {f'{bad} with a problem' if bad else 'all used'}."


def _view(image: ImageResult, *, words: bool = False, unknown: str = "view unknown") -> str:
    side = _WORDS.get(image.laterality, image.laterality) if words else image.laterality
    return " ".join(filter(None, [side, image.view_position])) or unknown


def _row_id(image: ImageResult, number: int) -> str:
    return f"v-{image.id}-{number}"
