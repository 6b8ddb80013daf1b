# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page: text, tables and pictures in light and dark, nothing fetched, no script."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from .._typing import Array

__all__ = ["beside", "drawing", "facts", "items", "page", "paragraph", "picture_grid", "section", "table", "warning"]

# Colours of the axes and the text of a figure; the marks' own colours show on both.
_LIGHT = {"ink": "#1b1f24", "faint": "#c9ced6", "paper": "#ffffff"}
_DARK = {"ink": "#e6e9ee", "faint": "#4a515c", "paper": "#16191e"}

_SHOWN_DPI = 100  # of a figure on the page; it is drawn finer, for screens that show more

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--panel:#f5f7f9;--line:#d5dae0;--link:#0b57d0;
--alarm:#8a1c1c;--alarm-paper:#fdecea}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#a5adb8;--paper:#16191e;--panel:#1f242b;--line:#39404a;
--link:#8ab4f8;--alarm:#ffb4ab;--alarm-paper:#3b1d1d}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,"DejaVu Sans",sans-serif}
main,header,footer{max-width:72rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:2.5rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
p,ul,ol{max-width:46rem;margin:.5rem 0}
p,li{overflow-wrap:anywhere}
a{color:var(--link)}
.lead,.note,figcaption,caption,footer{color:var(--soft)}
nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;max-width:none}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(11rem,100%),1fr));gap:.75rem;margin:1rem 0}
.facts div{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}
.facts dt{font-size:.85rem;color:var(--soft)}
.facts dd{margin:0;font-size:1.15rem;font-weight:600;overflow-wrap:anywhere}
.facts small{display:block;font-size:.8rem;font-weight:400;color:var(--soft)}
.warning{border-left:.3rem solid var(--alarm);background:var(--alarm-paper);color:var(--alarm);padding:.6rem .9rem;
border-radius:.25rem;max-width:46rem;margin:1rem 0}
.scroll{overflow-x:auto;margin:.75rem 0 1.25rem}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.25rem 0}
caption span{display:block;position:sticky;left:0;width:max-content;max-width:min(46rem,100vw - 2rem)}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
thead th{border-bottom:2px solid var(--line);vertical-align:bottom}
tr>:first-child{text-align:left;padding-left:0}
tbody th{font-weight:500;white-space:normal;min-width:9rem;max-width:18rem;overflow-wrap:anywhere}
figure{margin:1rem 0}
figure img{display:block;max-width:100%;height:auto}
.figures{display:flex;flex-wrap:wrap;gap:0 1.5rem}
.figures figure{min-width:0}
figcaption{max-width:34rem}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(15rem,100%),1fr));gap:1rem;margin:1rem 0}
.pictures figure{margin:0;min-width:0;background:var(--panel);border:1px solid var(--line);border-radius:.5rem;
overflow:hidden}
.pictures img{width:100%;height:20rem;object-fit:contain;background:#000}
.pictures figcaption{padding:.5rem .7rem;font-size:.85rem;overflow-wrap:anywhere}
.pictures strong{color:var(--ink)}
footer{padding:2rem 1rem 3rem;font-size:.85rem}
@media print{.scroll{overflow:visible}h2{break-after:avoid}figure,tr{break-inside:avoid}}
"""


def page(title: str, sections: Iterable[str], *, lead: str = "", footer: str = "") -> str:
    """Put sections together as one HTML document.

    Parameters
    ----------
    title : str
        Plain text.
    sections : iterable of str
        HTML of this module's functions; a heading with an id goes into the contents.
    lead, footer : str
        Plain text under the title and at the end.

    Returns
    -------
    str

    Notes
    -----
    Its content policy forbids every request: nothing but inlined pictures and its own style can show.

    Examples
    --------
    >>> "default-src 'none'" in page("Demo", [])
    True
    """
    body = "\n".join(sections)
    entries = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body)
    links = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in entries)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#content">To the content</a>\n<header>\n<h1>{_text(title)}</h1>\n'
        f'<p class="lead">{_text(lead)}</p>\n<nav aria-label="Contents"><ul>{links}</ul></nav>\n</header>\n'
        f'<main id="content">\n{body}\n</main>\n<footer>{_text(footer)}</footer>\n</body>\n</html>\n'
    )


def _text(value: Any) -> str:
    return html.escape(str(value), quote=True)


def _breakable(text: str) -> str:
    """Let long names such as OVAL|LOBULATED break at their signs."""
    return re.sub(r"([_|/])", r"\1<wbr>", _text(text))


def section(title: str, *parts: str, level: int = 2) -> str:
    """Join a heading and what stands under it.

    Examples
    --------
    >>> section("What was scored")
    '<h2 id="what-was-scored">What was scored</h2>'
    """
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    head = f'<h2 id="{name}">{_text(title)}</h2>' if level == 2 else f"<h{level}>{_text(title)}</h{level}>"
    return "\n".join([head, *filter(None, parts)])


def paragraph(text: str, *, kind: str = "") -> str:
    """Wrap plain text.

    Examples
    --------
    >>> paragraph("a < b")
    '<p>a &lt; b</p>'
    """
    mark = f' class="{_text(kind)}"' if kind else ""
    return f"<p{mark}>{_text(text)}</p>"


def warning(text: str) -> str:
    """Set a sentence apart that must not be overlooked.

    Examples
    --------
    >>> warning("leak")
    '<p class="warning" role="note">leak</p>'
    """
    return f'<p class="warning" role="note">{_text(text)}</p>'


def items(texts: Sequence[str]) -> str:
    """List plain texts.

    Examples
    --------
    >>> items(["a"])
    '<ul><li>a</li></ul>'
    """
    return f"<ul>{''.join(f'<li>{_text(text)}</li>' for text in texts)}</ul>" if texts else ""


def facts(values: Mapping[str, str | tuple[str, str]]) -> str:
    """Show the few numbers that matter most.

    Parameters
    ----------
    values : mapping of str to str or (str, str)
        Name to value, or to value and a smaller line.

    Examples
    --------
    >>> facts({"Images": "12"})
    '<dl class="facts"><div><dt>Images</dt><dd>12</dd></div></dl>'
    """
    cards = []
    for name, value in values.items():
        main, small = value if isinstance(value, tuple) else (value, "")
        more = f"<small>{_text(small)}</small>" if small else ""
        cards.append(f"<div><dt>{_text(name)}</dt><dd>{_text(main)}{more}</dd></div>")
    return f'<dl class="facts">{"".join(cards)}</dl>'


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table that scrolls by itself on a narrow screen.

    Parameters
    ----------
    caption : str
    header : sequence of str
    rows : iterable of sequences of str
        The first cell names the row.

    Examples
    --------
    >>> "<caption><span>T</span></caption>" in table("T", ["a", "n"], [["x", "1"]])
    True
    """
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{_breakable(row[0])}</th>{"".join(f"<td>{_text(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(caption)}"><table>'
        f"<caption><span>{_text(caption)}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def beside(*figures: str) -> str:
    """Set figures beside each other where there is room.

    Examples
    --------
    >>> beside("<figure></figure>")
    '<div class="figures"><figure></figure></div>'
    """
    return f'<div class="figures">{"".join(figures)}</div>'


def drawing(draw: Callable[[], Figure], *, alt: str, caption: str = "", dpi: int = 160) -> str:
    """Draw a figure twice, for light and for dark, and inline both.

    Parameters
    ----------
    draw : callable
        Makes the figure; called once a theme under matplotlib settings of its colours.
    alt : str
        What the figure shows, for those who do not see it.
    caption : str
    dpi : int

    Returns
    -------
    str

    Examples
    --------
    >>> drawing(lambda: Figure(figsize=(1, 1)), alt="nothing").count("data:image/png")
    2
    """
    (light, size), (dark, _) = (_drawn(draw, colours, dpi) for colours in (_LIGHT, _DARK))
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{_text(alt)}" width="{size[0]}" height="{size[1]}"></picture>'
        f"<figcaption>{_text(caption or alt)}</figcaption></figure>"
    )


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
    return _uri(buffer.getvalue(), "png"), (width, height)


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def picture_grid(pictures: Iterable[tuple[Array, str, str]]) -> str:
    """Show pictures with their captions in as many columns as fit.

    Parameters
    ----------
    pictures : iterable of (image, title, text)
        RGB uint8 of shape (H, W, 3).

    Examples
    --------
    >>> picture_grid([(np.zeros((2, 2, 3), np.uint8), "case", "Dice 0.5")]).count("<figure>")
    1
    """
    cells = []
    for image, title, text in pictures:
        data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()
        height, width = image.shape[:2]
        cells.append(
            f'<figure><img loading="lazy" src="{_uri(data, "png")}" alt="{_text(f"{title}: {text}")}" '
            f'width="{width}" height="{height}"><figcaption><strong>{_text(title)}</strong><br>{_text(text)}'
            "</figcaption></figure>"
        )
    return f'<div class="pictures">{"".join(cells)}</div>' if cells else ""
