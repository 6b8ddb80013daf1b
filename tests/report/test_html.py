# SPDX-License-Identifier: Apache-2.0
"""The pages' frame: well formed, escaped, readable without pictures, and nothing fetched."""

from __future__ import annotations

import configparser
import re
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError
from matplotlib.figure import Figure

from mammozoo.bundle.check.files import library_files
from mammozoo.report import html
from mammozoo.report.score.page import PageContent, write_page
from mammozoo.stats.summary import summarise_segmentation

NASTY = "<script>alert('x')</script> & \"quoted\" {{ 7 * 7 }} {% raw %}"
_VOID = {"meta", "img", "source", "br", "wbr"}
ROOT = Path(__file__).resolve().parents[2]


class _Checker(HTMLParser):
    """Collects tags and fails on a closing tag that closes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(text: str) -> _Checker:
    checker = _Checker()
    checker.feed(text)
    assert not checker.open
    return checker


def _row(index: int) -> dict[str, object]:
    metrics = dict.fromkeys(("dice", "iou", "accuracy", "sensitivity", "specificity", "hausdorff"), 0.5)
    size = ("small", "large", "")[index % 3]
    identity = {"id": f"{NASTY}{index}", "patient_id": f"p{index}", NASTY: f"{NASTY}{index % 2}"}
    return {**identity, **metrics, "detected": bool(size), "area_224": 9 * index, "size": size}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page on which every text of others is hostile."""
    rows = [_row(index) for index in range(9)]
    found = {"count": 30, "examples": [NASTY]}
    inputs = {"layout": NASTY, "predictions": 1, "images": 2, "resized": 1, "patients": 1, "absent_without_lesion": 1,
              "missing": found, "failed": found, "extra": found}  # fmt: skip
    test = {"name": NASTY, "note": "", "statistic": 1.0, "p": 0.5, "p_holm": 0.5, "n": {NASTY: 3}}
    paired = {"dice": {"n": 3, "patients": 3, "first": 0.5, "second": 0.5, "difference": 0.0, "interval": [0.0, 0.0],
                       "test": test}}  # fmt: skip
    metrics = {
        "headline": 0.5, "headline_name": NASTY, "headline_interval": [0.4, 0.6], "headline_reason": NASTY,
        "resolution": f"8 x 8 ({NASTY})", "inputs": inputs, "comparison": {"name": NASTY, "other": NASTY + "2",
        "segmentation": paired}, "segmentation": summarise_segmentation(rows, resamples=9, strata=[NASTY]),
    }  # fmt: skip
    content = PageContent(
        title=NASTY,
        metrics=metrics,
        rows={"$x$": rows},
        dice=([0.5], [0.5]),
        pictures=[(np.zeros((4, 6, 3), np.uint8), NASTY, NASTY)],
        notes=[NASTY],
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "_drawn", lambda *_: ("data:image/png;base64,AA==", (1, 1)))
        return write_page(tmp_path_factory.mktemp("page") / "report.html", content).read_text(encoding="utf-8")


def test_it_is_well_formed_and_everything_is_escaped(text: str) -> None:
    tags = [tag for tag, _ in check(text).seen]
    assert not {"script", "iframe", "object", "form"} & set(tags)
    assert tags.count("h1") == 1
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 20
    assert "{{ 7 * 7 }}" in text, "a text is no template"
    attributes = {name for _, found in check(text).seen for name in found}
    assert not any(name.startswith("on") for name in attributes)


def test_nothing_is_fetched(text: str) -> None:
    links = [value for tag, attributes in check(text).seen for name, value in attributes.items()
             if name in ("src", "href", "srcset")]  # fmt: skip
    assert links
    assert all(re.match(r"data:image/(png|jpeg);base64,|#", str(link)) for link in links)
    assert not re.search(r"url\(|@import|https?:", text)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text


def test_it_can_be_read_without_seeing_it(text: str) -> None:
    seen = check(text).seen
    assert all(attributes.get("alt") for tag, attributes in seen if tag == "img")
    assert all(attributes.get("scope") for tag, attributes in seen if tag == "th")
    assert dict(seen[0][1])["lang"] == "en"
    scrolling = [attributes for tag, attributes in seen if attributes.get("class") == "scroll"]
    assert scrolling
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in scrolling)


def test_every_link_leads_somewhere_and_every_picture_can_be_enlarged(text: str) -> None:
    seen = check(text).seen
    ids = [str(attributes["id"]) for _, attributes in seen if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = {str(attributes["href"]).removeprefix("#") for tag, attributes in seen if tag == "a"}
    assert links <= set(ids)
    assert {"summary", "what-was-scored", "segmentation", "strata", "comparison", "worst-cases", "notes"} <= links
    opened = [attributes for tag, attributes in seen if tag == "a" and attributes.get("class") == "open"]
    assert len(opened) == sum(tag == "img" for tag, _ in seen)
    assert all(str(attributes["aria-label"]).startswith("Enlarge: ") for attributes in opened)


def test_every_cell_of_a_card_carries_its_column(text: str) -> None:
    assert all(attributes.get("data-label") for tag, attributes in check(text).seen if tag == "td")


def test_figures_come_in_light_and_dark() -> None:
    drawn: list[Figure] = []

    def draw() -> Figure:
        drawn.append(Figure(figsize=(1, 1)))
        return drawn[-1]

    found = html.drawing(draw, alt="a", dpi=20)
    first, second = (figure.get_facecolor() for figure in drawn)
    assert sum(first[:3]) > 2.5 > 1 > sum(second[:3])
    assert found.light != found.dark
    assert (found.width, found.height) == (100, 100)
    assert html.drawing(draw, alt="a", dpi=20) == found  # the same bytes for the same figure


def test_what_a_template_lacks_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(UndefinedError, match="is undefined"):
        html.render("score.html.j2")


def test_the_templates_travel_with_the_library() -> None:
    """In a wheel by setup.cfg, in a release by the list of the library's files; so do the annotator's pages."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = {package: lines.split() for package, lines in parser["options.package_data"].items()}
    files = library_files()
    for folder, package in (("report/templates", "mammozoo.report"), ("label/web", "mammozoo.label")):
        inside = [path for path in (ROOT / "mammozoo" / folder).iterdir() if path.is_file()]
        assert inside
        for path in inside:
            assert f"mammozoo/{folder}/{path.name}" in files
            assert any(fnmatch(f"{path.parent.name}/{path.name}", pattern) for pattern in patterns[package]), path
