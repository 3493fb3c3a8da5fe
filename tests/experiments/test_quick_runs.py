"""Every experiment runs through in its quick form, on stand-ins; nothing changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(
    path.stem
    for path in (ROOT / "experiments").glob("[a-z]*.py")
    if "--quick" in path.read_text()
)


def written():
    """Every file that an experiment may write, with its content."""
    folders = (ROOT / "results", ROOT / "cnncourse" / "weights")
    return {p: p.read_bytes() for folder in folders for p in folder.glob("*")}


def test_every_experiment_has_a_quick_form():
    every = {path.stem for path in (ROOT / "experiments").glob("[a-z]*.py")}
    assert every - set(NAMES) <= {"listing", "digit_lab"}  # one trains nothing


@pytest.mark.parametrize("name", NAMES)
def test_a_quick_run_goes_through(name, tmp_path):
    before = written()
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{name}", "--quick"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=900,
        env=os.environ
        | {
            "CNNCOURSE_DATA": str(tmp_path),
            "CNNCOURSE_OFFLINE": "1",
            "CUDA_VISIBLE_DEVICES": "-1",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "quick run" in done.stdout
    assert written() == before
    assert not (ROOT / "experiments" / ".checkpoints" / name / "quick").exists()
