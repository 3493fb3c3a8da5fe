"""What the whole book needs from Sphinx, in one place.

* The execution cache is keyed by what the pages import and read, not by their cells
  alone: a change in the package, the requirements or the data runs the pages again.
* The colours come from ``cnncourse/widgets/tokens.css``, for site and widgets alike.
"""

import hashlib
import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOKENS = ROOT / "cnncourse" / "widgets" / "tokens.css"
KEPT_CACHES = 4


def _files():
    """Every file of ours that can change what a page computes."""
    for folder in ("cnncourse", "chapters/quizzes", "results"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
    yield ROOT / "requirements.txt"


def digest():
    """A short digest of package, requirements, quizzes, results and data at hand."""
    total = hashlib.sha256()
    for path in _files():
        total.update(path.relative_to(ROOT).as_posix().encode())
        total.update(path.read_bytes())
    data = os.environ.get("CNNCOURSE_DATA", "")
    total.update(data.encode())
    if data and Path(data).is_dir():
        for path in sorted(Path(data).rglob("*")):
            if path.is_file():  # names and sizes: the sets are too large to read
                line = f"{path.relative_to(data)} {path.stat().st_size}"
                total.update(line.encode())
    return total.hexdigest()[:16]


def _key_the_cache(app, config):
    config.cnn_digest = digest()
    caches = ROOT / "_build" / "cache"
    here = caches / config.cnn_digest
    here.mkdir(parents=True, exist_ok=True)
    os.utime(here)
    config.nb_execution_cache_path = str(here)
    by_age = sorted(caches.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in by_age[KEPT_CACHES:]:
        shutil.rmtree(old, ignore_errors=True)
    config.html_static_path.append(str(TOKENS))


def setup(app):
    app.add_config_value("cnn_digest", "", "env")  # a change re-reads every page
    app.add_config_value("comments_config", {}, "")  # Jupyter Book always sets it
    app.connect("config-inited", _key_the_cache)
    app.add_css_file("tokens.css", priority=200)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
