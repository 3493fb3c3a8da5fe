"""A training that is killed, and killed again, ends where an unbroken one ends.

Real processes and real SIGKILLs; ``tiny.py`` says what is trained.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TINY = Path(__file__).with_name("tiny.py")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}


def begin(folder, *flags):
    return subprocess.Popen(
        [sys.executable, TINY, folder, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def end(process, status=0):
    try:
        out, errors = process.communicate(timeout=900)
    finally:
        process.kill()
    assert process.returncode == status, errors[-2000:]
    return out


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What an unbroken training and one in three parts say, and their folders."""
    whole, broken = (tmp_path_factory.mktemp(name) for name in ("whole", "broken"))
    unbroken = begin(whole)
    said = [end(begin(broken, "--kill", "first", "1", "4"), -signal.SIGKILL)]
    said.append(end(begin(broken, "--kill", "second", "0", "-1"), -signal.SIGKILL))
    said.append(end(begin(broken)))
    return whole, broken, end(unbroken), said


def result(folder):
    return json.loads((folder / "results" / "tiny.json").read_text())


def test_the_kills_struck_where_they_should(outputs):
    _, _, _, (first, second, third) = outputs
    assert first.count("epoch") == 1  # killed in the second
    assert "first: goes on after epoch 1 of 3" in second
    assert "second" not in second  # killed before it could say that it was done
    assert "first: finished on" in third
    assert "second: goes on after epoch 1 of 3" in third


def test_the_curves_are_those_of_an_unbroken_training(outputs):
    whole, broken, *_ = outputs
    for a, b in zip(result(whole)["runs"], result(broken)["runs"], strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert len(a["history"][name]) == 3
            np.testing.assert_allclose(a["history"][name], b["history"][name], 1e-5)
        assert len(set(a["history"]["loss"])) == 3
    assert result(whole)["parts"] == 1
    assert result(broken)["parts"] == 3


def test_the_weights_are_those_of_an_unbroken_training(outputs):
    whole, broken, *_ = outputs
    with np.load(whole / "weights.npz") as a, np.load(broken / "weights.npz") as b:
        assert a.files == b.files
        assert len(a.files) > 20
        for name in a.files:
            np.testing.assert_allclose(a[name], b[name], 1e-5, 1e-6, err_msg=name)


def test_a_line_an_epoch_tells_accuracy_and_time(outputs):
    lines = [s for s in outputs[2].splitlines() if s.startswith("first: epoch")]
    number = r"\d\.\d{4}"
    assert len(lines) == 3
    assert re.fullmatch(
        rf"first: epoch 1 of 3, accuracy in training {number}, validation {number}, "
        r"\d+ (s|min), \d+ (s|min) left",
        lines[0],
    )
    assert "left" not in lines[2]


def test_other_settings_start_afresh_and_a_broken_file_too(outputs):
    folder = outputs[1]
    for path in (folder / "kept" / "tiny").glob("second*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    said = end(begin(folder, "--batch", "40"))
    assert "made with other settings (batch); it starts afresh" in said
    assert re.search(r"second: second\S+ is broken \(\w+\); it starts afresh", said)
    assert said.count(": epoch 1 of 3") == 2
