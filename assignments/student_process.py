"""A student's code in a process of its own; the tests speak to it in JSON.

Grader's side: `StudentProcess`. Student's side: this file, run as a program.
Only text, numbers, lists, tuples and arrays of numbers cross the border, as
copies. So whatever the student's code patches, redefines or breaks, it does so
in its own process: the tests run on an untouched NumPy.
"""

import base64
import builtins
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import numpy as np

LONGEST_REPLY = 64 * 2**20  # characters
LONGEST_PRINT = 2000  # characters shown of what a student's code prints
MEMORY = 4 * 2**30  # bytes of address space
CPU_SECONDS = 600  # the end of a process that nobody stopped
PATIENCE = 100  # seconds for what is known to end: a start, the teacher's cells


def encode(value):
    """Turn `value` into something JSON can hold, or raise TypeError."""
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biuf":
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"array": [value.dtype.str, list(value.shape), data]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [encode(item) for item in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"a {type(value).__name__} cannot be graded; numbers, text, lists, tuples "
        "and arrays of numbers can"
    )


def decode(value):
    """The inverse of `encode`; builds plain objects only."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind in ("list", "tuple"):
        items = [decode(item) for item in content]
        return tuple(items) if kind == "tuple" else items
    dtype, shape, data = content
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        raise TypeError(f"an array of {dtype} cannot be graded; arrays of numbers can")
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()[()]


class StudentProcess:
    """Runs a student's cells and calls a student's functions.

    Args:
        folder: working folder of the student's code.
        seconds: time allowed for one cell, or for one call of a function.
    """

    def __init__(self, folder, seconds):
        self.folder, self.seconds = folder, seconds
        self.cells = []  # what a new process must run to be where the old one was
        self.process = None

    def start(self):
        """Start the process where there is none, and bring it up to date."""
        if self.process is not None:
            return
        # As text, so that the course folder's place is not told.
        program = Path(__file__).read_text(encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env={**os.environ, "PWD": self.folder, "OLDPWD": ""},
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self.ask(PATIENCE, do="run", source="")
        for source in self.cells:
            self.ask(PATIENCE, do="run", source=source)

    def stop(self):
        if self.process is None:
            return
        kill(self.process)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        self.process = None

    def ask(self, seconds, **message):
        """Send one message and return the reply; a process that fails is stopped."""
        late = threading.Event()

        def give_up(process=self.process):
            late.set()
            kill(process)

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline(LONGEST_REPLY)
            if not line.endswith("\n"):
                raise OSError
            return json.loads(line)
        except OSError:
            self.stop()
            if late.is_set():
                raise TimeoutError(f"stopped after {seconds} seconds") from None
            raise RuntimeError("this code ended its own process") from None
        except BaseException:
            self.stop()
            raise
        finally:
            timer.cancel()

    def run(self, source, given=False):
        """Run a student's cell, or a given one; raise what it raises."""
        self.start()
        reply = self.ask(PATIENCE if given else self.seconds, do="run", source=source)
        self.cells.append(source)
        report(reply)

    def function(self, name):
        """The student's function `name`, to be called as if it were here."""

        def call(*args, **kwargs):
            given = [*args, *kwargs.values()]
            message = {"name": name, "given": encode(given), "keywords": list(kwargs)}
            self.start()
            reply = self.ask(self.seconds, do="call", **message)
            for before, after in zip(given, decode(reply["given"]), strict=True):
                if isinstance(before, np.ndarray) and not same(before, after):
                    if before.shape != np.shape(after):
                        raise ValueError("the function changed its argument's shape")
                    before[...] = after  # a change in place is seen here too
            report(reply)
            return decode(reply["value"])

        return call


def same(before, after):
    """Whether an argument came back as it went."""
    return np.array_equal(before, after, equal_nan=before.dtype.kind == "f")


def kill(process):
    """End a process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError):  # Windows; already gone
        process.kill()


def report(reply):
    """Print what the student's code printed and raise what it raised."""
    if reply["printed"]:
        print(reply["printed"])
    if reply["error"]:
        name, text, *where = reply["error"]
        kind = getattr(builtins, name, None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            kind = RuntimeError
        try:
            error = kind(text)
        except TypeError:  # UnicodeDecodeError and the like want more
            error = RuntimeError(text)
        for lines in where:
            error.add_note(lines)  # shown where the error ends the check
        raise error from None


class ShortMemory:
    """A text file that keeps the beginning of what is written to it."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text[: LONGEST_PRINT + 1 - len(self.text)]
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False

    def read(self):
        cut = len(self.text) > LONGEST_PRINT
        return self.text[:LONGEST_PRINT] + (" ... (cut)" if cut else "")


def name_of(error):
    """The nearest built-in name of an exception, and its text."""
    names = [kind.__name__ for kind in type(error).__mro__]
    known = next(name for name in names if hasattr(builtins, name))
    return [known, f"{error}"[:LONGEST_PRINT]]


def answer(shell, message):
    """Do what one message asks; return everything but the prints."""
    if message["do"] == "run":
        result = shell.run_cell(message["source"])
        error = result.error_before_exec or result.error_in_exec
        return {"error": error and name_of(error)}
    name, given = message["name"], decode(message["given"])
    split = len(given) - len(message["keywords"])
    keywords = dict(zip(message["keywords"], given[split:], strict=True))
    value, error = None, None
    try:
        if name not in shell.user_ns:
            raise NameError(f"{name} is not defined")
        value = encode(shell.user_ns[name](*given[:split], **keywords))
    except BaseException as problem:
        where = traceback.extract_tb(problem.__traceback__)[1:]
        lines = [f"  {step.name}: {step.line}" for step in where if step.line]
        error = [*name_of(problem), "\n".join(lines)[:LONGEST_PRINT]]
    return {"error": error, "value": value, "given": encode(given)}


def main():
    """Serve messages from the pipe that was standard input."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    except (ImportError, ValueError, OSError):  # not on every system
        pass
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    config = Config({"HistoryManager": {"enabled": False}})
    config.InteractiveShell.colors = "NoColor"
    shell = InteractiveShell.instance(config=config)
    for line in requests:
        sys.stdout = sys.stderr = printed = ShortMemory()
        reply = answer(shell, json.loads(line))
        replies.write(json.dumps({**reply, "printed": printed.read()}) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
