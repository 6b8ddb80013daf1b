# SPDX-License-Identifier: Apache-2.0
"""The frame of a study's page: markup and style, nothing fetched, no script."""

from __future__ import annotations

from string import Template

__all__ = ["FIGURE", "PAGE", "STYLE"]

STYLE = """
:root{color-scheme:dark;--ink:#e9ecf1;--soft:#aab2be;--paper:#0c0e11;--panel:#171b20;--line:#39414c;--mark:#ffd60a;
--link:#8ab4f8;--alarm:#ffb4ab;--alarm-paper:#431a1a}
*{box-sizing:border-box}
body{margin:0 auto;max-width:88rem;padding:0 1rem 3rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,"DejaVu Sans",sans-serif}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;z-index:3;background:var(--paper);padding:.5rem}
.notice{max-width:none;margin:0 -1rem;padding:.55rem 1rem;background:var(--alarm-paper);color:var(--alarm);
font-weight:600}
h1{font-size:1.5rem;line-height:1.25;margin:1.1rem 0 .3rem}
h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
p{margin:.4rem 0;max-width:50rem}
.facts{display:flex;flex-wrap:wrap;gap:.3rem 1.6rem;margin:.4rem 0 0;color:var(--soft);font-size:.92rem}
.facts div{display:flex;gap:.45rem}.facts dd{margin:0;color:var(--ink);overflow-wrap:anywhere}
#overlays{position:absolute;opacity:0;width:1px;height:1px}
.toggle{position:sticky;top:.5rem;z-index:2;width:max-content;margin:1.1rem 0 .8rem auto;display:flex;gap:.6rem;
align-items:center;padding:.45rem .9rem;border:1px solid var(--line);border-radius:2rem;background:var(--panel);
cursor:pointer;font-size:.95rem}
.toggle::before{content:"";width:2.3rem;height:1.25rem;border-radius:1rem;border:1px solid var(--soft);
background:radial-gradient(circle at .6rem 50%,var(--soft) .42rem,transparent .46rem)}
#overlays:checked+.toggle::before{border-color:var(--mark);
background:radial-gradient(circle at 1.6rem 50%,var(--mark) .42rem,transparent .46rem)}
#overlays:focus-visible+.toggle{outline:3px solid var(--link);outline-offset:2px}
#overlays:not(:checked)~main .overlay{display:none}
.hanging{display:grid;grid-template-columns:1fr 1fr;gap:0 2px;max-width:72rem;margin:0 auto}
.hanging .R{justify-items:end;text-align:right}.hanging .L{justify-items:start}
.hanging>*{display:grid;grid-row:span 2;grid-template-rows:subgrid;row-gap:0;margin:0 0 .9rem;min-width:0}
.hanging figcaption,.hanging .absent{align-self:end}
.further{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(17rem,46%),1fr));gap:1rem}
.further figure{margin:0;min-width:0}
figcaption{padding:.15rem .35rem .35rem;font-size:.9rem;color:var(--soft);overflow-wrap:anywhere}
figcaption strong{color:var(--ink);margin-right:.35rem}
.absent{color:var(--soft);font-size:.9rem;padding:.15rem .35rem .35rem}
.picture{position:relative;background:#000;align-self:start}
.picture img{display:block;width:100%;height:auto}
.picture svg{position:absolute;inset:0;width:100%;height:100%;pointer-events:none}
.picture path{fill:none;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.rim{stroke:#000;stroke-width:3.5;stroke-opacity:.65}.line{stroke:var(--mark);stroke-width:1.6}
.tag{position:absolute;transform:translate(3px,-100%);padding:0 .3rem;border-radius:.2rem;background:#000b;
color:var(--mark);font:600 .82rem/1.25 system-ui,"DejaVu Sans",sans-serif;text-decoration:none}
.tag.turned{transform:translate(calc(-100% - 3px),-100%)}
.tag.low{transform:translate(3px,0)}.tag.low.turned{transform:translate(calc(-100% - 3px),0)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums;width:100%;max-width:72rem}
caption{text-align:left;color:var(--soft);padding-bottom:.3rem}
th,td{padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
thead th{color:var(--soft);font-weight:600}
tbody th{font-weight:500}
td.n,th.n{text-align:right}td.n{white-space:nowrap}tbody th{overflow-wrap:anywhere;min-width:6rem}
tr:target{background:#ffd60a26}figure:target figcaption strong{color:var(--mark)}
.name{overflow-wrap:anywhere;min-width:8rem}.view{white-space:nowrap}
.bad{color:var(--alarm);font-weight:600}
@media (max-width:40rem){
body{padding:0 .6rem 2rem}.notice{margin:0 -.6rem;padding:.5rem .6rem}
.tag{font-size:.72rem;padding:0 .2rem}figcaption{font-size:.8rem}
table{font-size:.82rem}th,td{padding-right:.55rem}
}
@media print{.toggle,.skip{display:none}figure,tr{break-inside:avoid}body{max-width:none}}
"""

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>$style</style>
</head>
<body>
<a class="skip" href="#content">To the images</a>
<p class="notice" role="note">$notice</p>
<header>
<h1>$title</h1>
<p>$lead</p>
<dl class="facts">$facts</dl>
</header>
<input type="checkbox" id="overlays" checked><label class="toggle" for="overlays">Findings on the images</label>
<main id="content">
$body
</main>
</body>
</html>
""")

FIGURE = Template("""<figure class="$side" id="$anchor"><figcaption><strong>$name</strong>$text</figcaption>
<div class="picture" style="width:$share%"><img src="$data" width="$width" height="$height" alt="$alt">
<svg class="overlay" viewBox="0 0 $width $height" preserveAspectRatio="none" aria-hidden="true">\
<path class="rim" d="$outline"/><path class="line" d="$outline"/></svg>$tags</div></figure>""")
