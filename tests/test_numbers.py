"""Numbers in prose: each has a literal on its page or a figure in a stored result.

Looked at are percentages and decimals on pages that read a file of ``results/``. Each
must stand in a code cell of its page (a setting, or what an assert compares with), or
in the ``quoted`` block of a result that the page reads, with the digits quoted there.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "chapters").glob("*.ipynb"))
READS = r"results/([\w-]+\.json)"
NUMBER = r"(?<![\w.,/-])\d[\d,]*(?:\.\d+)?(?![\w]|\.\d)"
BETWEEN = r"(?:,? (?:and|or|to|against) |, |–| – )"
PERCENT = rf"{NUMBER}(?:(?: ?%)?{BETWEEN}{NUMBER})*(?= ?(?:%|per cent|percent))"
DECIMAL = r"(?<![\w.,/-])\d[\d,]*\.\d+(?![\w]|\.\d)"
NO_PROSE = (
    r"```\{code.*?```",
    r"(?m)^```\{(?:exercise|solution|note|admonition|tip|warning)[^\n]*$",
    r"(?m)^:\w+:.*$",
    r"\$\$.*?\$\$",
    r"(?<!\\)\$[^$\n]+\$",
    r"(?m)^#+ .*$",
    r"(?m)^\*{0,2}Needs:.*$",
    r"\{[\w:-]+\}`[^`]*`",
    r"`+[^`]*`+",
    r"\]\([^)]*\)",
    r"https?://\S+",
)


def sources(path, kind):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == kind]


def prose(text):
    """Markdown without code, formulas, headings, the time line and citations."""
    for pattern in NO_PROSE:
        text = re.sub(pattern, " ~ ", text, flags=re.S)
    return text


def numbers(text):
    """(number as written, its value, is a percentage) for each one to be traced."""
    text = prose(text)
    found = {}
    for list_of_some in re.finditer(PERCENT, text):
        for hit in re.finditer(NUMBER, list_of_some[0]):
            found[list_of_some.start() + hit.start()] = (hit[0], True)
    for hit in re.finditer(DECIMAL, text):
        found.setdefault(hit.start(), (hit[0], False))
    return [(w, float(w.replace(",", "")), p) for _, (w, p) in sorted(found.items())]


def literals(code):
    """Every number that stands in code cells."""
    found = set()
    for text in code:
        plain = re.sub(r"(?m)^\s*[%!].*$", "", text)
        for node in ast.walk(ast.parse(plain)):
            if isinstance(node, ast.Constant) and type(node.value) in (int, float):
                found.add(float(node.value))
    return found


def figures(quoted):
    """Every number in a ``quoted`` block."""
    if isinstance(quoted, dict):
        return {n for value in quoted.values() for n in figures(value)}
    if isinstance(quoted, list):
        return {n for value in quoted for n in figures(value)}
    return {float(quoted)} if isinstance(quoted, (int, float)) else set()


def untraced(markdown, code, quoted):
    """Numbers of the prose that come from nowhere, each with its sentence."""
    known, told = literals(code), figures(quoted)
    missing = []
    for text in markdown:
        for line in text.splitlines() if "$$" not in text else [text]:
            for word, value, percent in numbers(line):
                shares = {round(100 * n, 9) for n in known} if percent else set()
                if value not in known | told | shares:
                    missing.append(f"{word}{' %' if percent else ''}: {line.strip()}")
    return missing


def results_of(path):
    code = sources(path, "code")
    return sorted({name for text in code for name in re.findall(READS, text)})


READERS = [path for path in PAGES if results_of(path)]


@pytest.mark.parametrize("path", READERS, ids=lambda p: p.stem)
def test_numbers_of_the_prose_come_from_somewhere(path):
    records = [
        json.loads((ROOT / "results" / name).read_text()) for name in results_of(path)
    ]
    quoted = [record.get("quoted", {}) for record in records]
    missing = untraced(sources(path, "markdown"), sources(path, "code"), quoted)
    assert not missing, "\n".join(missing)


def test_some_pages_are_looked_at():
    assert {"07_a_cnn_in_numpy", "09_why_dense_networks_fail"} <= {
        path.stem for path in READERS
    }


@pytest.mark.parametrize(
    "path", sorted((ROOT / "results").glob("*.json")), ids=lambda p: p.stem
)
def test_a_result_that_a_page_reads_says_what_may_be_quoted(path):
    if any(path.name in results_of(page) for page in PAGES):
        assert figures(json.loads(path.read_text()).get("quoted")), "no quoted figures"


def test_quoted_figures_follow_from_the_runs():
    """Where they are a function of the runs alone, they are computed again."""
    code = (  # Keras gets a process of its own
        "import importlib, json\n"
        "names = 'numpy_cnn shift_sweep mnist_cnn augmentation initialisation'\n"
        "for name in names.split():\n"
        "    record = json.load(open(f'results/{name}.json'))\n"
        "    module = importlib.import_module(f'experiments.{name}')\n"
        "    runs = [record[k] for k in ('runs', 'old') if k in record]\n"
        "    assert module.quoted(*runs) == record['quoted'], name\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-1000:]


# --- the tracer itself -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It reads 98.7 % of them.", ["98.7 %"]),
        ("Errors fall to 7, 3 and 6 % here.", ["7 %", "3 %", "6 %"]),
        ("From 97.9 against 98.7 %, 1,000 times", ["97.9 %", "98.7 %"]),
        ("between 5% and 10%", ["5 %", "10 %"]),
        ("half of 50 per cent is a quarter", ["50 %"]),
        ("A rate of 0.05 for 3 epochs.", ["0.05"]),
        ("At 1,234.5 steps.", ["1234.5"]),
        ("It is 3.5.", ["3.5"]),
        ("$0.3$ and `0.4` and {cite}`a0.5b` and [x](a/0.6)", []),
        ("$$\n0.25 %\n$$\n## 1.5 A heading\nNeeds: NumPy 2.0 · about 4.5 s", []),
        ("55,000 pictures, three seeds, 28 × 28, section 3.", []),
    ],
)
def test_which_numbers_are_traced(text, found):
    said = [f"{v:g}{' %' if p else ''}" for _, v, p in numbers(text)]
    assert said == found


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("It is 98.7 % right.", []),  # quoted
        ("It is 98.8 % right.", ["98.8 %"]),
        ("It is 99 % right.", ["99 %"]),  # rounded otherwise than quoted
        ("It is 98.70 % right.", []),
        ("A rate of 0.05.", []),  # a literal
        ("A rate of 5 %.", []),  # the literal as a share
        ("A rate of 0.06.", ["0.06"]),
        ("Two of 21.5 and 13 %.", []),  # in a list of quoted figures; in an assert
        ("Minus 12.5 %", ["12.5 %"]),  # only in a string and in a comment
    ],
)
def test_a_number_from_nowhere_is_found(text, missing):
    code = ["%matplotlib inline\nrate = 0.05", "assert n == 13  # 12.5\nprint('12.5')"]
    quoted = [{"test accuracy": 98.7, "others": [21.5, 22], "words": "12.5"}]
    said = [line.split(":")[0] for line in untraced([text], code, quoted)]
    assert said == missing
