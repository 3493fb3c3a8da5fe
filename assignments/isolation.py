"""What this course adds to nbgrader: cells restored, student code isolated."""

import ast
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from traitlets import Integer

COURSE = Path(__file__).resolve().parent
START = """\
import sys
sys.path.insert(0, {course!r})
import atexit
from student_process import StudentProcess
sys.path.remove({course!r})
__student__ = StudentProcess({folder!r}, {seconds})
atexit.register(__student__.stop)
"""


def given_cells(resources):
    """The cells of the notebook as the teacher wrote them: {grade_id: cell}."""
    where = resources["nbgrader"]
    with Gradebook(where["db_url"]) as gradebook:
        book = gradebook.find_notebook(where["notebook"], where["assignment"])
        points = {cell.name: cell.max_score for cell in book.grade_cells}
        answers = {cell.name for cell in book.solution_cells}
        return {
            cell.name: SimpleNamespace(
                type=cell.cell_type,
                source=cell.source,
                locked=cell.locked,
                checksum=cell.checksum,
                points=points.get(cell.name),
                answer=cell.name in answers,
            )
            for cell in book.source_cells
        }


class RestoreCells(NbGraderPreprocessor):
    """Puts every given cell back: those deleted, edited or with altered metadata."""

    def preprocess(self, nb, resources):
        given = given_cells(resources)
        found = {}
        for cell in nb.cells:
            grade_id = cell.metadata.pop("nbgrader", {}).get("grade_id")
            # JupyterLab copies a cell's name with it: of two answers with one name
            # the first counts, of two checks it does not matter
            if grade_id in given and grade_id not in found:
                found[grade_id] = cell
        place = 0
        for grade_id, truth in given.items():
            cell = found.get(grade_id)
            if cell is None:
                new = new_code_cell if truth.type == "code" else new_markdown_cell
                cell = new(truth.source)
                nb.cells.insert(place, cell)
                self.log.warning("Cell %s was missing; it is back", grade_id)
            elif truth.locked or cell.cell_type != truth.type:
                new = new_code_cell if truth.type == "code" else new_markdown_cell
                source = truth.source if truth.locked else cell.source
                nb.cells[position(nb, cell)] = cell = new(source)
            cell.metadata["nbgrader"] = {
                "schema_version": 3,
                "grade_id": grade_id,
                "grade": truth.points is not None,
                "solution": truth.answer,
                "task": False,
                "locked": truth.locked,
                "cell_type": truth.type,
                "checksum": truth.checksum,
            }
            if truth.points is not None:
                cell.metadata["nbgrader"]["points"] = truth.points
            place = position(nb, cell) + 1
        return nb, resources


def position(nb, wanted):
    """Where a cell stands (equal cells are not the same cell)."""
    return next(i for i, cell in enumerate(nb.cells) if cell is wanted)


class IsolatedExecute(Execute):
    """Runs the tests in the kernel and the student's cells in a process beside it.

    The kernel sees the given cells alone. A function that an answer cell was
    to define is, in the kernel, a stand-in that calls the student's process.
    """

    seconds = Integer(
        10, help="Time allowed for one student cell or one call of a function"
    ).tag(config=True)

    def preprocess(self, nb, resources, km=None):
        self.given = given_cells(resources)
        self.died = False
        handed_in = resources["metadata"]["path"]
        source = COURSE / "source" / resources["nbgrader"]["assignment"]
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            shutil.copytree(handed_in, folder, dirs_exist_ok=True)
            start = START.format(
                course=str(COURSE), folder=folder, seconds=self.seconds
            )
            resources["metadata"]["path"] = str(source)  # nothing of a student's
            nb.cells.insert(0, new_code_cell(start))
            try:
                return super().preprocess(nb, resources, km=km)
            finally:
                resources["metadata"]["path"] = handed_in
                del nb.cells[0]

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type != "code":
            return cell, resources
        written = cell.source
        if index > 0:
            cell.source = self.routed(cell)
        try:
            if self.died:
                raise DeadKernelError
            return super().preprocess_cell(cell, resources, index)
        except DeadKernelError:
            self.died = True
            text = "the kernel died in this cell or before it"
            cell.outputs.append(
                new_output(
                    "error", ename="DeadKernelError", evalue=text, traceback=[text]
                )
            )
            return cell, resources
        finally:
            cell.source = written

    def routed(self, cell):
        """The code that the kernel runs in place of `cell`."""
        truth = self.given.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if truth and truth.points is not None:  # a test
            return truth.source
        if truth and truth.locked:  # imports and tools: on both sides
            return f"{truth.source}\n__student__.run({truth.source!r}, given=True)"
        names = functions_in(truth.source) if truth else []
        bound = [f"{name} = __student__.function({name!r})" for name in names]
        return "\n".join([*bound, f"__student__.run({cell.source!r})"])


def functions_in(source):
    """Names of the functions that a given cell defines."""
    return [s.name for s in ast.parse(source).body if isinstance(s, ast.FunctionDef)]


class TagChecks(NbGraderPreprocessor):
    """Lets "Run All" go on past a check that is not yet met."""

    def preprocess_cell(self, cell, resources, index):
        if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code":
            cell.metadata["tags"] = ["raises-exception"]
        return cell, resources
