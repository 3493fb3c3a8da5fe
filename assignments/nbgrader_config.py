"""nbgrader's settings for this course folder; README.md explains them."""

import os
import sys
import warnings
from pathlib import Path

from sqlalchemy.exc import SAWarning

COURSE = Path(__file__).resolve().parent
sys.path.insert(0, str(COURSE))
# nbgrader calls the program `alembic`: let it find this environment's.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
)

from isolation import IsolatedExecute, RestoreCells, TagChecks  # noqa: E402
from nbgrader.converters import Autograde, GenerateAssignment  # noqa: E402
from nbgrader.preprocessors import DeduplicateIds, Execute  # noqa: E402

# nbgrader's database layer repeats one about its own objects, screens of it
warnings.filterwarnings("ignore", category=SAWarning)

c = get_config()  # noqa: F821


def usual(converter, name):
    """A list of nbgrader's own preprocessors, as it ships."""
    return converter.class_traits()[name].default()


c.CourseDirectory.course_id = "cnncourse"
c.CourseDirectory.root = str(COURSE)

# Students' version: a stub that says what is missing; "Run All" goes on past a check.
c.ClearSolutions.code_stub = {
    "python": "# YOUR ANSWER: replace the next line.\n"
    'raise NotImplementedError("this function is not written yet")'
}
c.GenerateAssignment.preprocessors = [
    *usual(GenerateAssignment, "preprocessors"),
    TagChecks,
]

# Grading: given cells put back, student code in a process of its own.
c.Autograde.sanitize_preprocessors = [
    RestoreCells if step is DeduplicateIds else step
    for step in usual(Autograde, "sanitize_preprocessors")
]
c.Autograde.autograde_preprocessors = [
    IsolatedExecute if step is Execute else step
    for step in usual(Autograde, "autograde_preprocessors")
]
c.IsolatedExecute.seconds = 10  # one student cell, or one call of a function
c.IsolatedExecute.timeout = 120  # one whole test cell
c.IsolatedExecute.interrupt_on_timeout = True
