"""The assignment: graded by nbgrader itself, one course folder for all claims."""

import copy
import csv
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_raw_cell

ASSIGNMENTS = Path(__file__).parents[1] / "assignments"
NAME = "a1_convolution"
SOURCE = nbformat.read(ASSIGNMENTS / "source" / NAME / f"{NAME}.ipynb", as_version=4)


def by_id(nb):
    """The nbgrader cells of a notebook: {grade_id: cell}."""
    return {
        cell.metadata.nbgrader.grade_id: cell
        for cell in nb.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id")
    }


POINTS = {
    name: cell.metadata.nbgrader.points
    for name, cell in by_id(SOURCE).items()
    if cell.metadata.nbgrader.grade
}
ANSWERS = {
    name: re.sub(r"\n *### (BEGIN|END) SOLUTION", "", cell.source)
    for name, cell in by_id(SOURCE).items()
    if cell.metadata.nbgrader.solution
}


def wrong_source(answer, source=None, old=None, new=None, **_):
    """A wrong answer in full, or the reference with one piece replaced."""
    if source is not None:
        return source
    assert old in ANSWERS[answer], f"{old!r} is no longer in the answer {answer}"
    return ANSWERS[answer].replace(old, new)


WRONG = tomllib.loads(
    (Path(__file__).parent / "assignments" / "a1_wrong_answers.toml").read_text()
)


def packed(wrong, size=5):
    """Put wrong answers to different tasks together: {student: [names]}."""
    packs = []
    for name, what in wrong.items():
        for pack in packs:
            taken = {wrong[other]["answer"] for other in pack}
            if len(pack) < size and what["answer"] not in taken:
                pack.append(name)
                break
        else:
            packs.append([name])
    return {f"wrong_{i:02d}": pack for i, pack in enumerate(packs)}


PACKS = packed(WRONG)
PATCHES = """
import random
import sys

import numpy as np
import scipy.signal

class Anything(np.ndarray):
    __eq__ = __le__ = __ge__ = lambda self, other: True

def fine(*args, **kwargs):
    return True

compare = fine
np.testing.assert_allclose = np.testing.assert_array_equal = fine
np.allclose = np.array_equal = np.isclose = fine
np.asarray = lambda *args, **kwargs: np.ones(1).view(Anything)
np.random.default_rng = lambda seed=None: random.Random(0)
scipy.signal.correlate2d = correlate2d = convolve2d = fine
AssertionError = KeyError
sys.modules["numpy"].testing = None
get_ipython().input_transformers_post.append(lambda lines: ["pass"])
get_ipython().showtraceback = fine
"""


def set_answer(nb, answer, source):
    by_id(nb)[answer].source = source


def add_cell(nb, source, before="output_size"):
    nb.cells.insert(nb.cells.index(by_id(nb)[before]), new_code_cell(source))


def delete(nb, *names):
    nb.cells = [c for c in nb.cells if c not in [by_id(nb)[name] for name in names]]


def endless(nb):
    add_cell(nb, "while True:\n    pass")
    set_answer(
        nb, "corr2d", "def corr2d(x, w, stride=1):\n    while True:\n        pass"
    )


def forking(nb):
    """A child keeps the pipes open while the parent waits for ever."""
    sleep = "def turned(w):\n    import os, time\n    os.fork()\n    time.sleep(600)"
    set_answer(nb, "turned", sleep)


def stubborn(nb):
    loop = "    while True:\n        try:\n            while True: pass\n"
    loop += "        except BaseException: pass"
    set_answer(nb, "turned", f"def turned(w):\n{loop}")


def failing(nb):
    add_cell(nb, "raise SystemError('on purpose')")
    set_answer(nb, "turned", "def turned(w):\n    return w[")  # a syntax error
    set_answer(nb, "corr2d", "def corr2d(x, w, stride=1):\n    return x @ w @ x @ x")


def leaving(nb):
    add_cell(nb, "import os, sys\nsys.exit()")
    add_cell(nb, "exit()")
    set_answer(nb, "corr2d", "def corr2d(x, w, stride=1):\n    sys.exit(0)")
    set_answer(nb, "turned", "def turned(w):\n    os._exit(0)")


def killing(nb):
    add_cell(nb, "import os\nos.kill(os.getppid(), 9)", before="check_corr2d")


def deleting(nb):
    delete(nb, "setup", "turned", "check_turned", "check_corr2d", "parameters")


def patching(nb):
    add_cell(nb, PATCHES)


def pretending(nb):
    add_cell(
        nb,
        "class Yes(float):\n"
        "    __eq__ = __ge__ = __le__ = lambda self, other: True\n"
        "    __hash__ = None\n"
        "    shape, dtype = (), np.dtype(float)\n"
        "    def __array__(self, *args, **kwargs): return np.array(0.0)\n"
        "class Pretender:\n"
        "    def __getattr__(self, name): return self\n"
        "    def __call__(self, *args, **kwargs): return self\n"
        "    __eq__ = __ge__ = __le__ = lambda self, other: True\n"
        "    __hash__ = None\n",
    )
    for answer, source in ANSWERS.items():
        names = re.findall(r"^def (\w+)", source, re.M)
        made = "Yes()" if answer in ("output_size", "parameters") else "Pretender()"
        new = [f"def {name}(*args, **kwargs):\n    return {made}" for name in names]
        set_answer(nb, answer, "\n".join(new))


def visible(check):
    """A check cell as students see it."""
    hidden = r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS"
    return re.sub(hidden, "", by_id(SOURCE)[check].source, flags=re.S)


def memorising(nb):
    """Answers that know what the visible checks ask, and nothing else."""
    known, space = {}, {}
    exec(by_id(SOURCE)["setup"].source, space)
    for source in ANSWERS.values():
        exec(source, space)

    def noted(name, function):
        def call(*args, **kwargs):
            key = name + repr((args, kwargs))
            result = function(*args, **kwargs)
            known[key] = result.tolist() if hasattr(result, "tolist") else result
            return result

        return call

    names = {a: re.findall(r"^def (\w+)", s, re.M) for a, s in ANSWERS.items()}
    for functions in names.values():
        space.update({name: noted(name, space[name]) for name in functions})
    for check in POINTS:
        exec(visible(check), space)
    add_cell(
        nb,
        f"KNOWN = {known!r}\n"
        "def look_up(name, *given):\n"
        "    if name + repr(given) not in KNOWN:\n"
        "        raise ValueError('never seen')\n"
        "    found = KNOWN[name + repr(given)]\n"
        "    return np.array(found) if isinstance(found, list) else found\n",
    )
    for answer, functions in names.items():
        lines = [
            f"def {name}(*args, **kwargs):\n    return look_up({name!r}, args, kwargs)"
            for name in functions
        ]
        set_answer(nb, answer, "\n".join(lines))
    space = {}
    exec(by_id(SOURCE)["setup"].source, space)
    added = nb.cells[nb.cells.index(by_id(nb)["output_size"]) - 1]
    for cell in [added, *(by_id(nb)[answer] for answer in ANSWERS)]:
        exec(cell.source, space)
    for check in POINTS:
        exec(visible(check), space)  # not one of them fails


def tampering(nb):
    for name, cell in by_id(nb).items():
        if name in POINTS:
            cell.source = "pass"
            cell.metadata.nbgrader.points = 100
            cell.metadata.nbgrader.locked = False
            cell.metadata.tags = ["skip-execution"]
    by_id(nb)["check_turned"].metadata.nbgrader.schema_version = 1
    by_id(nb)["check_shift_gap"].metadata.nbgrader.solution = True
    check = by_id(nb)["check_corr2d"]
    nb.cells[nb.cells.index(check)] = new_raw_cell(
        check.source, metadata=check.metadata
    )
    twin = copy.deepcopy(by_id(nb)["check_parameters"])
    twin.id = "twin"
    nb.cells.append(twin)
    invented = copy.deepcopy(twin)
    invented.id = invented.metadata.nbgrader.grade_id = "gift"
    nb.cells.append(invented)


def shouting(nb):
    shout = "    print('x' * 99 + '\\n' * 200_000)\n    return w"
    set_answer(nb, "turned", ANSWERS["turned"].replace("    return w", shout))
    add_cell(nb, "for i in range(50_000):\n    print(i, file=sys.stderr)")
    add_cell(nb, "import sys, warnings\nwarnings.warn('look out')\n%timeit -n1 -r1 1")


def seeding(nb):
    seed = "    np.random.seed(0)\n    return w"
    set_answer(nb, "turned", ANSWERS["turned"].replace("    return w", seed))
    add_cell(nb, "import os\nos.environ['CHECK_SEED'] = '1'\nnp.random.seed(1)")


def hungry(nb):
    set_answer(nb, "turned", "def turned(w):\n    return np.ones((10**6, 10**6))")


ALL, NONE = set(POINTS), set()
# What students do to a notebook: (what, from the solved one?, the checks it fails).
BEHAVIOUR = {
    "solved": (lambda nb: None, True, NONE),
    "empty": (lambda nb: None, False, ALL),
    "endless": (endless, True, {"check_corr2d"}),
    "forking": (forking, True, {"check_turned"}),
    "stubborn": (stubborn, True, {"check_turned"}),
    "failing": (failing, True, {"check_turned", "check_corr2d"}),
    "leaving": (leaving, True, {"check_turned", "check_corr2d"}),
    "deleting": (deleting, True, {"check_turned", "check_parameters"}),
    "patching": (patching, False, ALL),
    "pretending": (pretending, False, ALL),
    "memorising": (memorising, True, ALL - {"check_horizontal_edges"}),
    "tampering": (tampering, False, ALL),
    "shouting": (shouting, True, NONE),
    "seeding": (seeding, True, NONE),
    "hungry": (hungry, True, {"check_turned"}),
}


def environment(home):
    """The variables of a fresh user: no settings of this machine's user leak in."""
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("CHECK_SEED")},
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        **{f"JUPYTER_{name}": str(home / name.lower()) for name in names},
        "OMP_NUM_THREADS": "1",
    }


def python(folder, *arguments, **variables):
    """Run a Python module or program in `folder` as a fresh user."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**environment(folder.parent / "home"), **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course folder with the students' version made."""
    folder = tmp_path_factory.mktemp("assignments") / "course"
    (folder.parent / "home").mkdir()
    leave = shutil.ignore_patterns(
        "release", "submitted", "autograded", "feedback", "gradebook.db", "__pycache__"
    )
    shutil.copytree(ASSIGNMENTS, folder, ignore=leave)
    with open(folder / "nbgrader_config.py", "a") as config:
        config.write("\nc.IsolatedExecute.seconds = 4\n")
    made = python(
        folder, "-m", "nbgrader", "generate_assignment", "--force", "--create", NAME
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def release(course):
    return nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def graded(course, release):
    """Everybody graded in one run: (scores by student and check, run, folder)."""
    solved = copy.deepcopy(release)
    for answer, source in ANSWERS.items():
        set_answer(solved, answer, source)
    books = {}
    for student, (change, from_solved, _) in BEHAVIOUR.items():
        books[student] = copy.deepcopy(solved if from_solved else release)
        change(books[student])
    for student, names in PACKS.items():
        books[student] = copy.deepcopy(solved)
        for name in names:
            source = wrong_source(**WRONG[name])
            set_answer(books[student], WRONG[name]["answer"], source)
    books["killing"] = copy.deepcopy(solved)
    killing(books["killing"])
    for student, nb in books.items():
        (course / "submitted" / student / NAME).mkdir(parents=True)
        nbformat.write(nb, course / "submitted" / student / NAME / f"{NAME}.ipynb")
    (course / "submitted" / "broken" / NAME).mkdir(parents=True)
    (course / "submitted" / "broken" / NAME / f"{NAME}.ipynb").write_text('{"cells": [')

    run = python(course, "-m", "nbgrader", "autograde", NAME)
    read = (
        "import json, nbgrader.api as api\n"
        "book = api.Gradebook('sqlite:///gradebook.db')\n"
        "print(json.dumps({s.student.id: {g.name: g.auto_score\n"
        "  for n in s.notebooks for g in n.grades}\n"
        f"  for s in book.assignment_submissions('{NAME}')}}))\n"
    )
    (course / "read_scores.py").write_text(
        "import os, sys\n"
        "os.environ['PATH'] = os.path.dirname(sys.executable) + os.pathsep"
        " + os.environ['PATH']\n" + read
    )
    scores = python(course, "read_scores.py")
    assert scores.returncode == 0, scores.stderr
    return json.loads(scores.stdout), run, course


def lost(scores):
    """The checks without full points; none may have anything in between."""
    assert set(scores) == set(POINTS)
    assert all(scores[name] in (0, POINTS[name]) for name in POINTS), scores
    return {name for name in POINTS if scores[name] != POINTS[name]}


def autograded(course, student):
    path = course / "autograded" / student / NAME / f"{NAME}.ipynb"
    return by_id(nbformat.read(path, as_version=4))


def errors(cell):
    return [out for out in cell.get("outputs", []) if out.output_type == "error"]


def test_the_source_keeps_no_outputs_and_no_execution_counts():
    code = [cell for cell in SOURCE.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_the_assignment_has_nine_tasks_and_twenty_points():
    titles = [
        line
        for cell in SOURCE.cells
        for line in cell.source.splitlines()
        if line.startswith("## Task")
    ]
    announced = [re.search(r"\((.*) points?\)", title)[1] for title in titles]
    points = [sum(int(n) for n in re.findall(r"\d+", text)) for text in announced]
    assert len(titles) == 9
    assert sum(points) == sum(POINTS.values()) == 20


def test_the_reference_solutions_satisfy_every_check(course):
    path = course / "source" / NAME / f"{NAME}.ipynb"
    run = python(
        course,
        *("-m", "nbconvert", "--to", "notebook", "--execute", str(path)),
        *("--output-dir", str(course.parent / "executed")),
    )
    assert run.returncode == 0, run.stderr


def test_the_release_holds_no_solution_and_no_hidden_test(release):
    text = "\n".join(cell.source for cell in release.cells)
    assert "SOLUTION" not in text
    assert "HIDDEN" not in text
    for name, cell in by_id(release).items():
        if name in ANSWERS:
            assert cell.source.count("raise NotImplementedError") == cell.source.count(
                "def "
            )
        if name in POINTS:
            assert "compare(" in cell.source  # a visible check is left
            assert "fresh_numbers" not in cell.source


def test_the_release_runs_to_its_end_and_each_check_says_what_is_missing(course):
    path = course / "release" / NAME / f"{NAME}.ipynb"
    run = python(
        course,
        *("-m", "nbconvert", "--to", "notebook", "--execute", str(path)),
        *("--output-dir", str(course.parent / "executed_release")),
    )
    assert run.returncode == 0, run.stderr
    done = nbformat.read(
        course.parent / "executed_release" / f"{NAME}.ipynb", as_version=4
    )
    for name, cell in by_id(done).items():
        problems = errors(cell)
        if name in POINTS:
            assert [p.evalue for p in problems] == ["this function is not written yet"]
        else:
            assert problems == []


@pytest.mark.parametrize("student", BEHAVIOUR)
def test_a_student_gets_the_right_grade_while(student, graded):
    scores, run, _ = graded
    assert student in scores, run.stderr[-3000:]
    assert lost(scores[student]) == BEHAVIOUR[student][2]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_loses_its_points_and_no_others(name, graded):
    scores, _, _ = graded
    student = next(student for student, names in PACKS.items() if name in names)
    others = {f for n in PACKS[student] if n != name for f in WRONG[n]["fails"]}
    assert lost(scores[student]) - others == set(WRONG[name]["fails"])


def test_an_answer_that_kills_the_grader_keeps_the_points_before_it(graded):
    scores, _, _ = graded
    before = {"check_output_size", "check_response_at"}
    assert lost(scores["killing"]) == ALL - before


def test_an_unreadable_file_is_named_and_stops_nobody_elses_grading(graded):
    scores, run, _ = graded
    assert run.returncode == 1
    named = re.findall(
        r"error processing assignment '\w+' for student '(\w+)'", run.stderr
    )
    assert named == ["broken"]
    assert set(scores) - {"broken"} == {*BEHAVIOUR, *PACKS, "killing"}


def test_time_outs_and_deleted_cells_are_told_in_the_graded_notebook(graded):
    _, run, course = graded
    (stopped,) = errors(autograded(course, "endless")["check_corr2d"])
    assert (stopped.ename, stopped.evalue) == (
        "TimeoutError",
        "stopped after 4 seconds",
    )
    assert "check_turned was missing" in run.stderr
    given = by_id(SOURCE)["check_turned"].source
    assert autograded(course, "deleting")["check_turned"].source == given


def test_what_is_printed_is_cut(graded):
    _, _, course = graded
    path = course / "autograded" / "shouting" / NAME / f"{NAME}.ipynb"
    assert path.stat().st_size < 300_000


def test_the_seed_in_a_failed_message_repeats_the_failure(graded, tmp_path):
    _, _, course = graded
    name = "only the example of the check is known"
    student = next(student for student, names in PACKS.items() if name in names)
    (failed,) = errors(autograded(course, student)["check_corr2d"])
    seed = re.search(r"\[CHECK_SEED=(\d+)\]", failed.evalue)[1]
    again = shutil.copytree(course, tmp_path / "course")
    run = python(
        again,
        *("-m", "nbgrader", "autograde", NAME, "--student", student, "--force"),
        CHECK_SEED=seed,
    )
    assert run.returncode == 0, run.stderr
    (repeated,) = errors(autograded(again, student)["check_corr2d"])
    assert repeated.evalue == failed.evalue


def test_the_exported_table_holds_every_students_points(graded):
    scores, _, course = graded
    run = python(course, "-m", "nbgrader", "export", "--to", "grades.csv")
    assert run.returncode == 0, run.stderr
    with open(course / "grades.csv", newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    for student in {*BEHAVIOUR, *PACKS}:
        want = sum(scores[student].values())
        assert float(rows[student]["score"]) == want
        assert float(rows[student]["max_score"]) == 20


@pytest.fixture(scope="module")
def border():
    """The module that carries values between a student's process and the tests."""
    spec = importlib.util.spec_from_file_location(
        "student_process", ASSIGNMENTS / "student_process.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype="float32").reshape(2, 3)[:, ::-1],
        np.zeros((0, 3), dtype=np.int64),
        np.float64(1.5),
        (1, [2.5, None, "three"], np.array([True, False])),
    ],
    ids=["view", "empty", "scalar", "nested"],
)
def test_a_value_crosses_the_border_unchanged(border, value):
    back = border.decode(json.loads(json.dumps(border.encode(value))))
    assert type(back) is type(value)
    assert getattr(back, "dtype", None) == getattr(value, "dtype", None)
    np.testing.assert_equal(back, value)


@pytest.mark.parametrize("value", [{1: 2}, np.array([object()]), len, 1j])
def test_nothing_but_plain_values_crosses_the_border(border, value):
    with pytest.raises(TypeError, match="cannot be graded"):
        border.encode(value)


FORKS = """
import os, time
if os.fork() == 0:
    time.sleep(8)
    open("lived_on", "w").close()
    os._exit(0)
time.sleep(600)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_what_a_student_forks_ends_at_the_time_limit_too(border, tmp_path):
    student = border.StudentProcess(str(tmp_path), seconds=3)
    with pytest.raises(TimeoutError, match="stopped after 3 seconds"):
        student.run(FORKS)
    assert not (tmp_path / "lived_on").exists(), "the child outlived the time limit"
