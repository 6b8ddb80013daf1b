# SPDX-License-Identifier: Apache-2.0
"""Pages of one self-contained HTML file: their templates, inlined pictures, figures in light and in dark."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from .. import __version__
from . import text

# Colours of the axes and the text of a figure, those of the style sheet; the marks' own colours show on both.
_LIGHT = {"ink": "#1b1f24", "faint": "#c9ced6", "paper": "#ffffff"}
_DARK = {"ink": "#e6e9ee", "faint": "#4a515c", "paper": "#16191e"}

_SHOWN_DPI = 100  # of a figure on the page; it is drawn finer, for screens that show more and for the enlarged one


@dataclass(frozen=True)
class Drawing:
    """A figure ready to be inlined: data URIs of the light and the dark one, size on the page, what it shows."""

    light: str
    dark: str
    width: int
    height: int
    alt: str


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _breakable(value: object) -> Markup:
    """Let long names such as OVAL|LOBULATED break at their signs."""
    return Markup(re.sub(r"([_|/])", r"\1<wbr>", str(escape(value))))


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,  # of everything: what is shown comes from file names, manifests and predictions of others
    undefined=StrictUndefined,
    extensions=["jinja2.ext.do"],
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_SHOWN: dict[str, Callable[..., Any]] = {
    "breakable": _breakable, "digits_of": text.digits_of, "mean_sd": text.mean_sd, "number": text.number,
    "p_text": text.p_text, "sentence": text.sentence, "slug": _slug, "span": text.span,
}  # fmt: skip
_TEMPLATES.filters.update(_SHOWN)
_TEMPLATES.globals.update(
    version=__version__, TITLES=text.TITLES, SIZE_TITLES=text.SIZE_TITLES, CLASS_TITLES=text.CLASS_TITLES,
    THRESHOLDS=text.THRESHOLDS, plural=text.plural,
)  # fmt: skip


def render(template: str, **content: Any) -> str:
    """Fill a template of ``templates/``; every value is escaped."""
    return _TEMPLATES.get_template(template).render(content)


def drawing(draw: Callable[[], Figure], *, alt: str, dpi: int = 160) -> Drawing:
    """Draw a figure twice, for light and for dark: `draw` is called once a theme, under its colours."""
    (light, (width, height)), (dark, _) = (_drawn(draw, colours, dpi) for colours in (_LIGHT, _DARK))
    return Drawing(light, dark, width, height, alt)


def _drawn(draw: Callable[[], Figure], colours: Mapping[str, str], dpi: int) -> tuple[str, tuple[int, int]]:
    ink, faint, paper = colours["ink"], colours["faint"], colours["paper"]
    settings: dict[Any, Any] = {
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), ink),
        **dict.fromkeys(("axes.edgecolor", "grid.color"), faint),
        **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor", "legend.facecolor"), paper),
        "legend.edgecolor": faint,
        "boxplot.flierprops.markeredgecolor": ink,
    }
    with matplotlib.rc_context(settings):
        figure = draw()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    width, height = (figure.get_size_inches() * _SHOWN_DPI).round().astype(int).tolist()
    return data_uri(buffer.getvalue(), "png"), (width, height)


def data_uri(data: bytes, kind: str) -> str:
    """Inline an image: ``kind`` is "png" or "jpeg"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
