"""Every rule of the house that a machine can check (CONTRIBUTING.md says why)."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cnncourse"
PAGES = sorted((ROOT / "chapters").glob("*.ipynb"))
SOURCES = sorted((ROOT / "assignments" / "source").glob("*/*.ipynb"))
WIDGETS = sorted(p.stem for p in (PACKAGE / "widgets").glob("*.js"))
STANDARD = sys.stdlib_module_names
ALLOWED = {  # part: (at the top of a file, inside functions as well)
    "data": ({"numpy"}, {"pooch", "sklearn", "scipy", "PIL", "tqdm", "requests"}),
    "numpy_nn": ({"numpy"}, set()),
    "torch_models": ({"torch", "numpy"}, set()),
    "keras_models": ({"keras", "tensorflow", "numpy"}, set()),
    "plots": ({"matplotlib", "numpy"}, {"matplotlib_inline", "IPython"}),
    "widgets": ({"anywidget", "traitlets", "numpy"}, set()),
}
TAGS = {"hide-input", "hide-output", "remove-cell", "raises-exception"}
FRAMEWORKS = {"torch", "tensorflow", "keras"}
LONGEST_CELL, WIDEST_LINE, MOST_CELLS = 25, 79, 40


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree):
    """(module, is at the top level, relative level) of each import."""
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top, 0
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", id(node) in top, node.level


MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if p.name != "__init__.py"]
MODULES += [p for p in sorted(PACKAGE.glob("*/__init__.py"))]


def short(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_a_part_imports_only_what_its_room_allows(path):
    top, inside = ALLOWED[part_of(path)]
    for module, at_top, level in imports(ast.parse(path.read_text())):
        name = module.split(".")[0]
        if level:
            assert level == 1, f"{module}: relative imports go one level, in a part"
        elif name not in STANDARD:
            fits = top if at_top else top | inside
            assert name in fits, f"{module} is imported; {sorted(fits)} fit here"


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_the_package_neither_prints_nor_shows(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name != "print", f"line {node.lineno} prints"
            assert not name.endswith("plt.show"), f"line {node.lineno} shows a figure"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=short)
def test_an_init_is_a_docstring_and_re_exports(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= 120
    assert ast.get_docstring(tree)
    kinds = (ast.Expr, ast.ImportFrom, ast.Assign)
    assert all(isinstance(node, kinds) for node in tree.body)


def test_importing_the_numpy_layers_loads_no_framework():
    code = "import sys, cnncourse.numpy_nn; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert not loaded & (FRAMEWORKS | {"matplotlib", "scipy", "sklearn"})


def public_things():
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            named = isinstance(node, (ast.FunctionDef, ast.ClassDef))
            if named and not node.name.startswith("_"):
                yield pytest.param(node, id=f"{short(path)}:{node.name}")


@pytest.mark.parametrize("node", list(public_things()))
def test_everything_public_has_a_docstring(node):
    assert ast.get_docstring(node)


def test_a_module_stays_small_enough_to_read():
    sizes = {short(p): len(p.read_text().splitlines()) for p in MODULES}
    assert {k: v for k, v in sizes.items() if v > 300} == {}


# --- widgets ---------------------------------------------------------------------


@pytest.mark.parametrize("stem", WIDGETS)
def test_a_widget_is_a_triple_that_stands_alone(stem):
    folder = PACKAGE / "widgets"
    js = (folder / f"{stem}.js").read_text()
    css = (folder / f"{stem}.css").read_text()
    assert (folder / f"{stem}.py").exists()
    assert "export default" in js
    for bad in (r"^\s*import\b", r"\bfetch\(", r"innerHTML", r"\beval\(", "https?://"):
        hit = re.search(bad, js.replace("http://www.w3.org/", ""), re.M)
        assert not hit, f"{stem}.js has {hit and hit[0]!r}"
    assert "@import" not in css
    assert "url(" not in css
    root = ".cnn-" + stem.replace("_", "-")
    plain = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    for selectors in re.findall(r"([^{}]+)\{", plain):
        if not selectors.strip().startswith("@"):
            while "(" in selectors:  # :is(a, b) is one selector
                selectors = re.sub(r"\([^()]*\)", "", selectors)
            for selector in selectors.split(","):
                assert root in selector, f"{stem}.css: {selector.strip()!r}"


def test_colours_of_widgets_come_from_the_tokens():
    for stem in WIDGETS:
        css = (PACKAGE / "widgets" / f"{stem}.css").read_text()
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b", css), stem


# --- pages -----------------------------------------------------------------------


def cells(path, kind=None):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        {**c, "source": "".join(c["source"])}
        for c in found
        if kind in (None, c["cell_type"])
    ]


def test_contents_and_files_agree():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [c["file"] for part in toc["parts"] for c in part["chapters"]]
    pages = {f"chapters/{path.stem}" for path in PAGES}
    assert pages == {name for name in listed if name.startswith("chapters/")}
    assert len(listed) == len(set(listed))
    for name in [toc["root"], *listed]:
        assert any((ROOT / name).with_suffix(s).exists() for s in (".md", ".ipynb")), (
            name
        )


@pytest.mark.parametrize("path", PAGES + SOURCES, ids=lambda p: p.stem)
def test_a_notebook_is_stored_without_results(path):
    notebook = json.loads(path.read_text())
    assert "widgets" not in notebook["metadata"]
    for cell in cells(path, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_a_page_keeps_to_its_size_and_tags(path):
    code = cells(path, "code")
    assert len(code) <= MOST_CELLS
    for cell in cells(path):
        tags = set(cell["metadata"].get("tags", []))
        assert tags <= TAGS, f"{tags - TAGS} in {cell['source'][:60]!r}"
        if cell["cell_type"] == "code":
            lines = cell["source"].splitlines()
            assert len(lines) <= LONGEST_CELL, cell["source"][:80]
            assert max(map(len, lines)) <= WIDEST_LINE, cell["source"][:80]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_a_page_has_the_shape_of_a_page(path):
    first = cells(path)[0]["source"]
    assert re.match(r"\(ch-[a-z0-9-]+\)=\n# ", first)
    assert "After this page you can" in first
    assert re.search(r"^\*{0,2}Needs:?\*{0,2}:? .*about \d+ s", first, re.M)
    text = "\n".join(c["source"] for c in cells(path, "markdown"))
    for title in ("## Summary", "## Exercises", "## Further reading"):
        assert f"\n{title}\n" in f"\n{text}\n"
    assert "Quiz.load(" in "".join(c["source"] for c in cells(path, "code"))
    imports_only = ast.parse(cells(path, "code")[0]["source"].replace("%", "#"))
    heads = (ast.Import, ast.ImportFrom, ast.Expr)
    assert all(isinstance(node, heads) for node in imports_only.body)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_every_section_of_a_page_is_checked(path):
    title, checked = None, True
    plain = ("Summary", "Exercises", "Further reading", "Quiz")
    for cell in cells(path):
        heading = re.search(r"^## (.+)$", cell["source"], re.M)
        if cell["cell_type"] == "markdown" and heading:
            assert checked, f"the section {title!r} has no Check cell"
            title, checked = heading[1], heading[1].startswith(plain)
        if cell["cell_type"] == "code" and re.search(
            r"^\s*(assert |np\.testing\.assert_)", cell["source"], re.M
        ):
            checked = True
    assert checked, f"the section {title!r} has no Check cell"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_every_figure_has_caption_label_and_text_alternative(path):
    for cell in cells(path, "code"):
        nb = cell["metadata"].get("mystnb", {})
        drawn = re.search(r"\bplt\.|\bplots\.(?!use_style)", cell["source"])
        if "figure" in nb or (drawn and "def " not in cell["source"]):
            where = cell["source"][:80]
            alt, figure = nb.get("image", {}).get("alt", ""), nb.get("figure", {})
            assert len(alt) > 20, f"no text alternative: {where}"
            assert figure.get("caption"), f"no caption: {where}"
            assert figure.get("name", "").startswith("fig-"), f"no label: {where}"


def test_what_pages_take_from_plots_is_there():
    tree = ast.parse((PACKAGE / "plots" / "__init__.py").read_text())
    there = {
        a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names
    }
    for path in PAGES:
        code = "\n".join(c["source"] for c in cells(path, "code"))
        assert set(re.findall(r"\bplots\.(\w+)", code)) <= there, path.name


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_every_column_of_a_table_has_a_name(path):
    for cell in cells(path, "markdown"):
        for head in re.findall(r"^(\|.*)\n\|[\s:|-]+\|\s*$", cell["source"], re.M):
            names = head.strip().strip("|").split("|")
            assert all(name.strip() for name in names), f"{path.name}: {head}"


def test_labels_of_figures_exercises_and_pages_are_unique():
    seen = {}
    for path in PAGES:
        for cell in cells(path):
            figure = cell["metadata"].get("mystnb", {}).get("figure", {})
            labels = re.findall(r"^:label: (\S+)$", cell["source"], re.M)
            labels += re.findall(r"^\(([\w-]+)\)=$", cell["source"], re.M)
            for label in [*labels, *filter(None, [figure.get("name")])]:
                assert label not in seen, f"{label}: {path.name} and {seen[label]}"
                seen[label] = path.name


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_a_page_uses_one_framework(path):
    code = "\n".join(c["source"] for c in cells(path, "code"))
    lines = "\n".join(re.findall(r"^\s*(?:import|from) .*", code, re.M))
    used = {f for f in FRAMEWORKS if re.search(rf"\b{f}(_models)?\b", lines)}
    assert used in (
        set(),
        {"torch"},
        {"keras"},
        {"tensorflow"},
        {"keras", "tensorflow"},
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_every_exercise_has_a_solution(path):
    text = "\n".join(c["source"] for c in cells(path, "markdown"))
    asked = set(re.findall(r"^:label: (ex-[\w-]+)$", text, re.M))
    solved = set(re.findall(r"\{solution(?:-start)?\} (ex-[\w-]+)", text))
    assert 3 <= len(asked) <= 6
    assert asked == solved
    folded = False  # JupyterLab folds a solution's words by itself, its code by this
    for cell in cells(path):
        folded |= "{solution-start}" in cell["source"]
        folded &= "{solution-end}" not in cell["source"]
        if folded and cell["cell_type"] == "code":
            hidden = cell["metadata"].get("jupyter", {})
            assert hidden.get("source_hidden"), cell["source"][:60]
            assert hidden.get("outputs_hidden"), cell["source"][:60]


@pytest.mark.parametrize("stem", WIDGETS)
def test_every_widget_is_used_on_some_page(stem):
    name = "".join(word.title() for word in stem.split("_"))
    assert any(name in path.read_text() for path in PAGES)


def test_every_layer_is_used_on_some_page():
    tree = ast.parse((PACKAGE / "numpy_nn" / "__init__.py").read_text())
    names = {
        a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names
    }
    text = "".join(path.read_text() for path in PAGES)
    names = {name for name in names if not name.endswith("_backward")}
    assert {name for name in names if name not in text} == set()


def test_every_result_that_a_page_quotes_exists():
    for path in PAGES:
        for name in re.findall(r"results/([\w-]+\.json)", path.read_text()):
            assert (ROOT / "results" / name).exists(), f"{path.name} quotes {name}"


# --- the tree ----------------------------------------------------------------------


def tracked():
    run = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return [ROOT / line for line in run.stdout.splitlines() if (ROOT / line).exists()]


def test_no_data_set_and_no_large_file_is_committed():
    for path in tracked():
        assert path.stat().st_size <= 2_000_000, short(path)
        assert not path.name.endswith(("-ubyte.gz", ".tar.gz", ".h5")), short(path)


def test_nothing_the_site_is_made_of_names_a_content_network():
    hosts = r"""["'(=\s](?:https?:)?//(?!www\.w3\.org)[a-z0-9-]+\.[a-z0-9.-]+"""
    for folder in ("_ext", "_static", "_templates", "cnncourse/widgets"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".js", ".css", ".html", ".svg"):
                found = re.search(hosts, path.read_text())
                assert not found, f"{short(path)}: {found and found[0]}"
    for path in PAGES:
        for cell in cells(path):
            found = re.search(r"<(script|link|img|iframe)\b", cell["source"])
            assert not found, f"{path.name}: raw {found and found[0]}"


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "assignments/README.md"]
)
def test_links_between_the_files_of_the_tree_lead_somewhere(name):
    path = ROOT / name
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_verb_in_the_readme_is_in_the_makefile():
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    used = set(re.findall(r"`make ([a-z]+)`", (ROOT / "README.md").read_text()))
    assert {"book", "test", "lab", "help"} <= used <= verbs


def test_requirements_are_exact_pins():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith(("#", "-e .")):
            assert re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", line), line


PLANNED = {"Clothes and small photos"}  # some networks wait for it


def test_pages_named_in_docstrings_exist():
    pages = [json.loads(p.read_text()) for p in PAGES]
    first = "\n".join("".join(page["cells"][0]["source"]) for page in pages)
    titles = set(re.findall(r"(?m)^# (.+)$", first))
    sources = [
        p for d in ("cnncourse", "experiments") for p in (ROOT / d).rglob("*.py")
    ]
    for path in sources:
        named = re.findall(r"pages?\s+\*([^*]+)\*", path.read_text())
        missing = {" ".join(name.split()) for name in named} - titles - PLANNED
        assert not missing, f"{path}: {missing}"
