"""Put a notebook's SVG figures into the page, so that they follow the page's theme.

A picture behind ``<img>`` cannot see the page's colours. Inlined, its ink (the exact
colour ``INK``, which the course's matplotlib style uses for all text and lines) becomes
the colour of the page's text, in light and in dark. Ids are made unique to the figure.
"""

import html
import re
from pathlib import Path

INK = "#1f2328"
ROLES = {  # what the style draws with, and what the page calls it
    "#0072b2": "var(--cnn-input)",
    "#e69f00": "var(--cnn-kernel)",
    "#009e73": "var(--cnn-output)",
    "#d55e00": "var(--cnn-grad)",
}
IMG = re.compile(r'<img\b[^>]*?\bsrc="[^"]*?_images/(?P<file>[^"]+\.svg)"[^>]*?/?>')
ALT = re.compile(r'\balt="([^"]*)"')
ID = re.compile(r'\bid="([^"]+)"')


def inline(svg, alt, prefix):
    """One figure as markup for the page.

    Args:
        svg: the text of an SVG file.
        alt: its text alternative; the picture is announced by it.
        prefix: put before every id, so that two figures never share one.

    Returns:
        The ``<svg>`` element as text.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.S)
    for name in set(ID.findall(svg)):
        safe = re.escape(name)
        svg = re.sub(rf'\bid="{safe}"', f'id="{prefix}{name}"', svg)
        svg = re.sub(rf'href="#{safe}"', f'href="#{prefix}{name}"', svg)
        svg = re.sub(rf"url\(#{safe}\)", f"url(#{prefix}{name})", svg)
    for colour, name in {INK: "currentColor", **ROLES}.items():
        svg = re.sub(colour, name, svg, flags=re.I)
    label = html.escape(html.unescape(alt), quote=True)
    head = f'<svg class="cnn-figure" role="img" aria-label="{label}"'
    svg = re.sub(r"^<svg", head, svg)
    return f'<div class="cnn-scroll" tabindex="0">{svg}</div>'  # phones scroll it


def _inline_all(app, pagename, templatename, context, doctree):
    body = context.get("body")
    if not body or "_images/" not in body:
        return
    count = 0

    def swap(match):
        nonlocal count
        count += 1
        alt = ALT.search(match[0])
        path = Path(app.outdir) / "_images" / match["file"]
        if not path.is_file():  # images are copied after the pages are written
            sources = [k for k, v in app.env.images.items() if v[1] == match["file"]]
            path = Path(app.srcdir) / sources[0]
        text = path.read_text(encoding="utf-8")
        return inline(text, alt[1] if alt else "", f"f{count}-")

    context["body"] = IMG.sub(swap, body)


def setup(app):
    app.connect("html-page-context", _inline_all)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
