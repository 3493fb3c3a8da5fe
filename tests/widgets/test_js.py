"""Run the node tests of the widgets' pure functions."""

import shutil
import subprocess
from pathlib import Path

import playwright
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OWN = Path(playwright.__file__).parent / "driver" / "node"  # comes with Playwright
NODE = shutil.which("node") or str(OWN)


def test_every_widget_has_node_tests():
    widgets = {path.stem for path in (ROOT / "cnncourse/widgets").glob("*.js")}
    assert widgets == {p.name.removesuffix(".test.js") for p in HERE.glob("*.test.js")}


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.js")), ids=lambda p: p.stem)
def test_node_tests_pass(path):
    run = subprocess.run(
        [NODE, "--test", str(path)], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
