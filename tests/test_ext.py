"""The book's own Sphinx extensions, without a build."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "_ext"))
import book  # noqa: E402
import coloured_math  # noqa: E402
import svg_figures  # noqa: E402

SVG = """<?xml version="1.0"?>
<!-- made by a program -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">
 <metadata>who and when</metadata>
 <defs><clipPath id="c1"><rect/></clipPath><path id="g"/></defs>
 <use href="#g" clip-path="url(#c1)" style="fill: #1F2328; stroke: #0072b2"/>
</svg>"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A small copy of the tree, and no data named."""
    monkeypatch.setattr(book, "ROOT", tmp_path)
    monkeypatch.delenv("CNNCOURSE_DATA", raising=False)
    monkeypatch.delenv("CNNCOURSE_OFFLINE", raising=False)
    monkeypatch.setattr(book.pooch, "os_cache", lambda name: tmp_path / "user" / name)
    (tmp_path / "cnncourse").mkdir()
    (tmp_path / "cnncourse" / "conv.py").write_text("a = 1\n")
    (tmp_path / "requirements.txt").write_text("numpy==2\n")
    return tmp_path


def test_the_digest_stays_when_nothing_changes(tree):
    assert book.digest() == book.digest()


@pytest.mark.parametrize(
    "file",
    [
        "cnncourse/conv.py",
        "requirements.txt",
        "results/new.json",
        "chapters/quizzes/q.json",
    ],
)
def test_a_change_that_pages_depend_on_changes_the_digest(tree, file):
    before = book.digest()
    (tree / file).parent.mkdir(parents=True, exist_ok=True)
    (tree / file).write_text("changed\n")
    assert book.digest() != before


def test_new_data_change_the_digest(tree, monkeypatch):
    before = book.digest()
    for name in ("one", "two"):
        (tree / name).mkdir()
        (tree / name / "mnist.npz").write_bytes(b"123")
    keys = []
    for name in ("one", "two"):
        monkeypatch.setenv("CNNCOURSE_DATA", str(tree / name))
        keys.append(book.digest())
    assert keys[0] == keys[1] != before  # what is in the folder counts, not its name
    (tree / "two" / "mnist.npz").write_bytes(b"1234")
    assert book.digest() != keys[1]


def test_data_in_the_users_cache_change_the_digest(tree):
    before = book.digest()
    (tree / "user" / "cnncourse" / "mnist").mkdir(parents=True)
    (tree / "user" / "cnncourse" / "mnist" / "images.gz").write_bytes(b"123")
    assert book.digest() != before


def test_a_renamed_file_changes_the_digest(tree):
    before = book.digest()
    (tree / "cnncourse" / "conv.py").rename(tree / "cnncourse" / "layer.py")
    assert book.digest() != before


def test_the_execution_cache_lies_where_the_digest_says(tree):
    config = SimpleNamespace(html_static_path=[])
    book._key_the_cache(None, config)
    assert Path(config.nb_execution_cache_path).name == book.digest()
    assert Path(config.nb_execution_cache_path).is_dir()


def test_an_inlined_figure_is_named_and_follows_the_theme():
    svg = svg_figures.inline(SVG, 'a &quot;line&quot; & "more"', "f1-")
    assert '<svg class="cnn-figure" role="img" aria-label="' in svg
    assert "a &quot;line&quot; &amp; &quot;more&quot;" in svg
    assert "fill: currentColor; stroke: var(--cnn-input)" in svg
    assert "#1F2328" not in svg
    assert "who and when" not in svg


def test_ids_of_two_inlined_figures_never_meet():
    svg = svg_figures.inline(SVG, "a", "f2-")
    assert 'id="f2-g"' in svg
    assert 'href="#f2-g"' in svg
    assert "url(#f2-c1)" in svg
    assert 'id="c1"' not in svg


@pytest.mark.parametrize(
    ("plain", "coloured"),
    [
        (r"y = w", r"{\class{cnn-y}{y}} = {\class{cnn-w}{w}}"),
        (r"x_{i+r}", r"{\class{cnn-x}{x}}_{i+r}"),
        (r"\hat x", r"\hat {\class{cnn-x}{x}}"),
        (r"\max(0, n)", r"\max(0, n)"),
        (r"\text{where x is}", r"\text{where x is}"),
        (r"\xi \sqrt{dx}", r"\xi \sqrt{dx}"),
    ],
)
def test_input_kernel_and_output_are_coloured_in_formulas(plain, coloured):
    assert coloured_math.coloured(plain) == coloured
