"""What the whole book needs from Sphinx, in one place.

* The execution cache is keyed by what the pages import and read, not by their cells
  alone: a change in the package, the requirements or the data runs the pages again.
* The colours come from ``cnncourse/widgets/tokens.css``, for site and widgets alike.
"""

import hashlib
import os
import shutil
from pathlib import Path

import pooch

ROOT = Path(__file__).resolve().parent.parent
TOKENS = ROOT / "cnncourse" / "widgets" / "tokens.css"
KEPT_CACHES = 4


def _hash(*places):
    """A digest of every file in these places of the tree."""
    total = hashlib.sha256()
    for place in places:
        root = ROOT / place
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(path.relative_to(ROOT).as_posix().encode())
                total.update(path.read_bytes())
    return total


def digest():
    """A short digest of what pages compute with: package, requirements, data."""
    total = _hash("cnncourse", "chapters/quizzes", "results", "requirements.txt")
    total.update(os.environ.get("CNNCOURSE_OFFLINE", "").encode())
    data = Path(os.environ.get("CNNCOURSE_DATA") or pooch.os_cache("cnncourse"))
    for path in sorted(data.rglob("*")):
        if path.is_file():  # names and sizes: the sets are too large to read
            line = f"{path.relative_to(data)} {path.stat().st_size}"
            total.update(line.encode())
    return total.hexdigest()[:16]


def _key_the_cache(app, config):
    config.cnn_digest = digest()
    config.cnn_site_digest = _hash("_ext", "_templates", "_static").hexdigest()
    caches = ROOT / "_build" / "cache"
    here = caches / config.cnn_digest
    here.mkdir(parents=True, exist_ok=True)
    os.utime(here)
    config.nb_execution_cache_path = str(here)
    by_age = sorted(caches.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in by_age[KEPT_CACHES:]:
        shutil.rmtree(old, ignore_errors=True)
    config.html_static_path.append(str(TOKENS))


def _mend_roles(app, pagename, templatename, context, doctree):
    """docutils gives entries of a bibliography a role that its own list forbids."""
    if context.get("body"):
        context["body"] = context["body"].replace(
            'role="doc-biblioentry"', 'role="listitem"'
        )


def _leave_out(app, error):
    """Drop the files that no page loads: 20 MB of MathJax's other flavours and maps."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    unused = [*static.rglob("*.map"), *static.glob("scripts/fontawesome.js*")]
    flavours = set(static.glob("mathjax/*.js")) - {static / "mathjax" / "tex-chtml.js"}
    for path in [*unused, *flavours, static / "mathjax/output/svg.js"]:
        path.unlink(missing_ok=True)
    shutil.rmtree(static / "mathjax" / "output" / "svg", ignore_errors=True)


def setup(app):
    app.add_config_value("cnn_digest", "", "env")  # a change re-reads every page
    app.add_config_value("cnn_site_digest", "", "html")  # a change rewrites them
    app.add_config_value("comments_config", {}, "")  # Jupyter Book always sets it
    app.connect("config-inited", _key_the_cache)
    app.connect("html-page-context", _mend_roles)
    app.connect("build-finished", _leave_out, priority=900)
    app.add_css_file("tokens.css", priority=200)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
