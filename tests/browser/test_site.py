"""The built site as a reader meets it: alive, quiet, linked, accessible."""

import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"]] + [c["file"] for p in TOC["parts"] for c in p["chapters"]]
LIMIT_ALL, LIMIT_OURS = 1_100_000, 60_000  # bytes of JS and CSS, gzipped
OURS = ("widget_host", "tokens", "book", "quiz")


class Anchors(HTMLParser):
    """Every id, link, image and loaded file of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.unnamed, self.loaded = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.add(attrs["id"])
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        if tag == "img" and not attrs.get("alt", "").strip():
            self.unnamed.append(attrs.get("src"))
        if tag == "svg" and attrs.get("class") == "cnn-figure":
            if not attrs.get("aria-label", "").strip():
                self.unnamed.append("an inlined figure")
        for key in ("src", "data", "poster"):
            if key in attrs:
                self.loaded.append(attrs[key])
        if tag == "link" and attrs.get("rel") not in ("canonical",):
            self.loaded.append(attrs.get("href", ""))


@pytest.fixture(scope="module")
def pages(site):
    return {
        path: Anchors(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }


@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_the_contents_is_built(site, name):
    assert (site / f"{name}.html").exists()


def test_every_link_inside_the_site_leads_somewhere(site, pages):
    dead = []
    for path, page in pages.items():
        for href in page.links:
            if re.match(r"[a-z]+:", href):
                continue
            file, anchor = urldefrag(href)
            target = (path.parent / unquote(file)).resolve() if file else path
            found = target.exists()
            if found and anchor and target in pages:
                found = unquote(anchor) in pages[target].ids
            if not found:
                dead.append(f"{path.relative_to(site)} → {href}")
    assert not dead


def test_every_picture_has_a_text_alternative(pages):
    assert {p.name: a.unnamed for p, a in pages.items() if a.unnamed} == {}


def test_no_page_loads_a_file_from_another_host(pages):
    outside = [
        (path.name, url)
        for path, page in pages.items()
        for url in page.loaded
        if re.match(r"(https?:)?//", url)
    ]
    assert not outside


def test_every_figure_of_the_notebooks_is_on_the_site(site):
    """A page whose cells were not executed shows no figures and no living ones."""
    for source in (ROOT / "chapters").glob("*.ipynb"):
        cells = json.loads(source.read_text())["cells"]
        wanted = sum("figure" in c["metadata"].get("mystnb", {}) for c in cells)
        text = (site / "chapters" / f"{source.stem}.html").read_text()
        figures = text.count('class="cnn-figure"')
        assert figures >= wanted > 0, f"{source.name}: {figures} of {wanted} figures"
        assert 'class="cnn-host"' in text, source.name


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_is_quiet_fits_and_passes_axe(visit, site, name, width, theme):
    from axe_playwright_python.sync_playwright import Axe

    one = visit(viewport={"width": width, "height": 800})
    one.page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    one.page.add_init_script(f"localStorage.setItem('mode', '{theme}')")
    one.open(site / f"{name}.html")
    if one.page.locator("script[src*=mathjax]").count():
        one.page.wait_for_function("window.MathJax?.startup?.promise")
        one.page.evaluate("() => MathJax.startup.promise")
    assert one.page.locator("mjx-merror").count() == 0, "a formula is faulty"
    assert one.page.locator(".cnn-host-error").count() == 0
    assert one.strangers == []
    assert one.faults == []
    size = one.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert size[0] <= size[1], f"{size[0]} px of page in {size[1]} px of window"
    report = Axe().run(one.page)
    faults = [
        f"{v['id']}: {v['help']} at {v['nodes'][0]['target']}"
        for v in report.response["violations"]
    ]
    one.close()
    assert not faults, "\n".join(faults)


def test_the_search_finds_a_word_without_a_server(visit, site):
    one = visit()
    one.page.goto((site / "search.html").as_uri() + "?q=kernel")
    one.page.wait_for_selector("#search-results li a")
    assert one.strangers == []
    # a browser lets no page read another file for the summaries; on a server it may
    assert [f for f in one.faults if "fetch" not in f and "ERR" not in f] == []
    one.close()


def test_code_can_be_copied(visit, site):
    one = visit(permissions=["clipboard-read", "clipboard-write"])
    one.open(site / "chapters" / "02_convolution.html")
    one.page.locator("div.highlight").first.hover()
    one.page.locator("button.copybtn").first.click()
    copied = one.page.evaluate("navigator.clipboard.readText()")
    one.close()
    assert "import" in copied


def test_the_theme_button_switches_to_dark_and_back(visit, site):
    one = visit()
    one.open(site / "notation.html")
    seen = set()
    for _ in range(3):
        one.page.locator("button.theme-switch-button").first.click()
        seen.add(one.page.locator("html").get_attribute("data-theme"))
    one.close()
    assert seen == {"light", "dark"}


def test_without_javascript_every_living_figure_shows_its_still_picture(visit, site):
    one = visit(java_script_enabled=False)
    one.page.goto((site / "chapters" / "02_convolution.html").as_uri())
    hosts = one.page.locator(".cnn-host")
    stills = one.page.locator(".cnn-host .cnn-still > *")
    assert hosts.count() > 0
    assert stills.count() == hosts.count()
    one.close()


def test_a_page_loads_little_code(site):
    """Bytes of JavaScript and CSS, gzipped, that a page loads, and ours among them."""
    path = site / "chapters" / "02_convolution.html"
    text = path.read_text()
    page = Anchors(text)
    sizes = {}
    for url in page.loaded:
        file = (path.parent / url.split("?")[0]).resolve()
        if file.suffix in (".js", ".css"):
            sizes[file.name] = len(gzip.compress(file.read_bytes()))
    modules = re.search(r'id="cnn-widgets">(.*?)</script>', text, re.S)[1]
    code = json.loads(modules.replace("<\\/", "</"))["modules"]
    for name, parts in code.items():
        sizes[f"quiz-{name}"] = len(gzip.compress("".join(parts.values()).encode()))
    ours = sum(v for k, v in sizes.items() if k.split("-")[0].split(".")[0] in OURS)
    assert sum(sizes.values()) <= LIMIT_ALL, sizes
    assert ours <= LIMIT_OURS, sizes
