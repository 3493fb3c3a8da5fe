"""What experiments keep and write: whole or not at all, and clear words otherwise."""

import argparse
import errno
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from experiments import _checkpoints, _record, _runner, listing

ROOT = Path(__file__).resolve().parents[2]
ANY = {"settings": {"epochs": 3}}


def fits(found, arrays):
    return None if found == ANY or "epoch" in found else "made with other settings"


@pytest.fixture
def folder(tmp_path):
    made = _checkpoints.Folder(tmp_path / "kept")
    yield made
    made.close()


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts an experiment whose folders are the test's."""
    monkeypatch.setattr(_checkpoints, "CHECKPOINTS", tmp_path / "kept")
    monkeypatch.setattr(_record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(sys, "argv", ["x", "--fresh"])

    def started(quick=False, fresh=False):
        options = argparse.Namespace(quick=quick, fresh=fresh)
        return _runner.experiment("probe", options, ["numpy"])

    return started


@pytest.fixture
def full_disk(monkeypatch):
    """Every file is refused at the moment when it goes to the disk."""

    def fsync(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    return lambda: monkeypatch.setattr(os, "fsync", fsync)


# --- checkpoints -------------------------------------------------------------------


def test_what_is_kept_comes_back(folder):
    weights = {"model/0": np.arange(6.0).reshape(2, 3), "model/1": np.float32([])}
    folder.save("a run, seed 0", ANY, weights)
    found, arrays, words = folder.load("a run, seed 0", fits)
    assert (found, words) == (ANY, [])
    for name, value in weights.items():
        np.testing.assert_array_equal(arrays[name], value, strict=True)
    assert folder.load("a run, seed 1", fits) == (None, {}, [])


def test_labels_that_look_alike_do_not_meet(folder):
    folder.save("rate 0.1", {"epoch": 1})
    folder.save("rate 0-1", {"epoch": 2})
    assert folder.load("rate 0.1", fits)[0] == {"epoch": 1}


def newest(folder):
    return next(folder.path.glob("*.now.npz"))


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def turn_a_byte(path):
    content = bytearray(path.read_bytes())
    content[content.find(b"\x07" * 64) + 9] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "harm", [cut, turn_a_byte, lambda p: p.write_bytes(b""), lambda p: p.unlink()]
)
def test_a_broken_file_is_named_and_the_one_before_is_used(folder, harm):
    sevens = {"model/0": np.full(64, 7, np.uint8)}
    for epoch in (1, 2):
        folder.save("run", {"epoch": epoch}, sevens)
    path = newest(folder)
    harm(path)
    found, arrays, words = folder.load("run", fits)
    assert found == {"epoch": 1}
    np.testing.assert_array_equal(arrays["model/0"], sevens["model/0"])
    assert words == [] if not path.exists() else path.name in words[0]
    assert not words or "broken" in words[0]


def test_two_broken_files_mean_a_fresh_start(folder):
    for epoch in (1, 2):
        folder.save("run", {"epoch": epoch})
    for path in folder.path.glob("*.npz"):
        cut(path)
    found, arrays, words = folder.load("run", fits)
    assert (found, arrays, len(words)) == (None, {}, 2)


def test_a_finished_run_is_one_file(folder):
    for done in (False, False, True):
        folder.save("run", {"epoch": 1}, done=done)
    assert [p.suffix for p in folder.path.glob("run*")] == [".npz"]


def test_other_settings_are_refused_by_name(start, capsys):
    with start() as run:
        assert run.once("step", lambda: 1, x=np.arange(3), rate=0.1) == 1
        assert run.once("step", lambda: 2, x=np.arange(3), rate=0.1) == 1
    with start() as run:
        assert run.once("step", lambda: 3, x=np.arange(3) + 1, rate=0.1) == 3
        assert run.once("step", lambda: 4, x=np.arange(3) + 1, rate=0.2) == 4
    lines = capsys.readouterr().out.splitlines()
    assert "kept" in lines[0]
    assert "other settings (x)" in lines[1]
    assert "starts afresh" in lines[1]
    assert "other settings (rate)" in lines[2]


def test_fresh_forgets_and_quick_has_a_folder_of_its_own(start):
    with start() as run:
        run.once("step", lambda: 1)
    with start(quick=True) as run:
        assert run.once("step", lambda: 2) == 2
    with start(quick=True) as run:
        assert run.once("step", lambda: 3) == 3  # a finished quick run goes
    with start() as run:
        assert run.once("step", lambda: 4) == 1
    with start(fresh=True) as run:
        assert run.once("step", lambda: 5) == 5


def test_one_process_at_a_time(start):
    with start(), pytest.raises(SystemExit, match="running already"), start():
        pass


# --- results -----------------------------------------------------------------------


class Pictures:
    name, source = "MNIST", "a test"
    x_train = x_val = x_test = np.zeros((4, 1, 2, 2))


def test_a_result_says_how_it_came_about(start, tmp_path):
    asked = []

    def loader(strict=False):
        asked.append(strict)
        return Pictures

    with start() as run:
        run.load(loader)
        run.once("step", lambda: 1)
    with start() as run:
        run.load(loader)
        run.once("step", lambda: 1)
        run.once("step 2", lambda: 2)
        run.write({"epochs": 1}, [{"seed": 3}, {"seed": 1}], {"answer": 42.0})
    record = json.loads((tmp_path / "results" / "probe.json").read_text())
    assert asked == [True, True]
    assert record["command"] == "python -m experiments.probe"
    assert record["date"] == datetime.now(UTC).date().isoformat()
    assert record["seeds"] == [1, 3]
    assert record["parts"] == 2
    assert record["data"] == {
        "name": "MNIST",
        "source": "a test",
        **{"train": 4, "val": 4, "test": 4},
    }
    assert record["versions"]["numpy"] == np.__version__
    assert record["quoted"] == {"answer": 42.0}
    assert record["device"]
    assert record["peak_memory_mib"] > 10
    assert 0 <= record["wall_seconds"] < 60


def test_a_quick_run_writes_no_result(start, tmp_path, capsys):
    with start(quick=True) as run:
        run.load(lambda: Pictures)  # not strict
        run.write({}, [], {})
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "kept" / "probe" / "quick").exists()
    assert "as it was" in capsys.readouterr().out


@pytest.mark.parametrize("bad", [{"answer": {1}}, {"answer": float("nan")}])
def test_a_result_that_cannot_be_written_leaves_the_old_one(start, tmp_path, bad):
    for quoted in ({"answer": 1.0}, bad):
        with start() as run:
            if quoted is bad:
                with pytest.raises((TypeError, ValueError)):
                    run.write({}, [], quoted)
            else:
                run.write({}, [], quoted)
    assert [p.name for p in (tmp_path / "results").iterdir()] == ["probe.json"]
    text = (tmp_path / "results" / "probe.json").read_text()
    assert json.loads(text)["quoted"] == {"answer": 1.0}


# --- what runs out -----------------------------------------------------------------


def test_a_full_disk_is_said_in_words_and_the_old_file_stays(start, full_disk):
    with start() as run:
        run.folder.save("run", {"epoch": 1})
        before = newest(run.folder).read_bytes()
        names = sorted(p.name for p in run.folder.path.iterdir())
        full_disk()
        with pytest.raises(SystemExit, match="The disk is full") as stop:
            run.folder.save("run", {"epoch": 2})
        assert str(run.folder.path) in str(stop.value)
        assert newest(run.folder).read_bytes() == before
        assert sorted(p.name for p in run.folder.path.iterdir()) == names


def test_a_full_disk_ends_the_command_with_status_1_and_no_traceback(tmp_path):
    code = (
        "import errno, os, argparse, pathlib\n"
        "from experiments import _checkpoints, _record, _runner\n"
        f"_checkpoints.CHECKPOINTS = pathlib.Path({str(tmp_path)!r}) / 'kept'\n"
        f"_record.RESULTS = pathlib.Path({str(tmp_path)!r}) / 'results'\n"
        "def fsync(_): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "os.fsync = fsync\n"
        "options = argparse.Namespace(quick=False, fresh=False)\n"
        "with _runner.experiment('probe', options) as run:\n"
        "    run.write({}, [], {'answer': 1})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert "The disk is full" in done.stderr
    assert str(tmp_path / "results") in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "results").iterdir()) == []


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("failed to allocate"),
        RuntimeError("RESOURCE_EXHAUSTED: out of memory"),
    ],
)
def test_too_little_memory_names_what_to_lower(start, error):
    def runs_out():
        with start() as run:
            run.where, run.batch = " in 'he, seed 0'", " (it is 100)"
            raise error

    with pytest.raises(SystemExit, match=r"Out of memory in 'he, seed 0'") as stop:
        runs_out()
    assert "`batch` in experiments/probe.py needs less (it is 100)" in str(stop.value)


def test_other_errors_stay_what_they_are(start):
    with pytest.raises(RuntimeError, match="something else"), start():
        raise RuntimeError("something else")


def test_stopping_by_hand_says_how_to_go_on(start, capsys):
    with pytest.raises(SystemExit) as stop, start():
        raise KeyboardInterrupt
    assert stop.value.code == 130
    assert "`python -m experiments.probe` goes on" in capsys.readouterr().out


# --- make results ------------------------------------------------------------------


def test_the_listing_tells_age_time_device_and_pages(tmp_path):
    record = {"date": "2026-01-01", "wall_seconds": 1800.4, "device": "CPU, 2 cores"}
    (tmp_path / "a.json").write_text(json.dumps(record))
    (tmp_path / "b.json").write_text(json.dumps({**record, "wall_seconds": 12.4}))
    (tmp_path / "c.json").write_text("{")
    code = {"cell_type": "code", "source": ['Path("../results/a.json")']}
    words = {"cell_type": "markdown", "source": ["see `results/b.json`"]}
    page = tmp_path / "07_page.ipynb"
    page.write_text(json.dumps({"cells": [code, words]}))
    rows = list(listing.rows(tmp_path, tmp_path, date(2026, 1, 12)))
    assert rows[0] == ("a.json", "11 days", "30 min", "CPU, 2 cores", "07_page")
    assert rows[1] == ("b.json", "11 days", "12 s", "CPU, 2 cores", "no page")
    assert rows[2][0] == "c.json"
    assert "not readable" in rows[2][3]
    lines = listing.table(rows).splitlines()
    assert len(lines) == 4
    assert lines[0].index("took") == lines[1].index("30 min")


def test_every_stored_result_can_be_listed():
    today = datetime.now(UTC).date()
    rows = list(listing.rows(ROOT / "results", ROOT / "chapters", today))
    assert len(rows) == len(list((ROOT / "results").glob("*.json")))
    assert [row for row in rows if "not readable" in row[3]] == []
