# SPDX-License-Identifier: Apache-2.0
"""The page: well formed, escaped, readable without pictures, and nothing fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from mammozoo.report import html

NASTY = "<script>alert('x')</script> & \"quoted\""
_VOID = {"meta", "img", "source", "br", "wbr"}


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


@pytest.fixture(scope="module")
def text() -> str:
    figure = html.drawing(lambda: Figure(figsize=(1, 1)), alt=NASTY, dpi=20)
    grid = html.picture_grid([(np.zeros((4, 6, 3), np.uint8), NASTY, NASTY)])
    table = html.table(NASTY, [NASTY, "n"], [[NASTY, NASTY]])
    parts = [html.paragraph(NASTY, kind="note"), html.warning(NASTY), html.items([NASTY]), html.facts({NASTY: NASTY})]
    parts += [html.facts({NASTY: (NASTY, NASTY)}), table, html.beside(figure), grid]
    return html.page(NASTY, [html.section(NASTY, *parts), html.section(NASTY, level=3)], lead=NASTY, footer=NASTY)


def test_it_is_well_formed_and_everything_is_escaped(text: str) -> None:
    tags = [tag for tag, _ in check(text).seen]
    assert "script" not in tags
    assert tags.count("h1") == 1
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_nothing_is_fetched(text: str) -> None:
    links = [value for tag, attributes in check(text).seen for name, value in attributes.items()
             if name in ("src", "href", "srcset")]  # fmt: skip
    assert links
    assert all(str(link).startswith(("data:image/png;base64,", "#")) for link in links)
    assert not re.search(r"url\(|@import|https?:", text)
    assert "default-src 'none'" in text


def test_it_can_be_read_without_seeing_it(text: str) -> None:
    seen = check(text).seen
    assert all(attributes.get("alt") for tag, attributes in seen if tag == "img")
    assert all(attributes.get("scope") for tag, attributes in seen if tag == "th")
    assert dict(seen[0][1])["lang"] == "en"
    scrolling = [attributes for tag, attributes in seen if attributes.get("class") == "scroll"]
    assert scrolling
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in scrolling)


def test_figures_come_in_light_and_dark() -> None:
    drawn: list[Figure] = []

    def draw() -> Figure:
        drawn.append(Figure(figsize=(1, 1)))
        return drawn[-1]

    text = html.drawing(draw, alt="a", dpi=20)
    first, second = (figure.get_facecolor() for figure in drawn)
    assert sum(first[:3]) > 2.5 > 1 > sum(second[:3])
    assert 'media="(prefers-color-scheme: dark)"' in text
    assert html.drawing(draw, alt="a", dpi=20) == text  # the same bytes for the same figure


def test_the_contents_lead_to_every_section() -> None:
    text = html.page("t", [html.section("One thing"), html.section("Another")])
    assert '<a href="#one-thing">One thing</a>' in text
    assert '<h2 id="another">' in text
