"""TrainingMonitor: what it takes and says, and that a stop reaches a busy kernel."""

import json
import math
import os
import queue
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel

from cnncourse import numpy_nn as nn
from cnncourse.widgets import training_monitor as tm
from cnncourse.widgets import training_monitor_still as drawing
from cnncourse.widgets.training_monitor import TrainingMonitor

CASES = json.loads(
    Path(__file__).with_name("training_monitor_cases.json").read_text(encoding="utf-8")
)
RUN = {
    "loss": [0.9, 0.4, 0.2, 0.1],
    "accuracy": [0.7, 0.86, 0.93, 0.97],
    "val_loss": [0.6, 0.4, 0.35, 0.5],
    "val_accuracy": [0.8, 0.86, 0.9, 0.91],
    "seconds": [2.0, 4.0, 6.0, 8.5],
}


def first(n):
    return {name: values[:n] for name, values in RUN.items()}


def press(monitor):
    """What the browser sends when the button is pressed."""
    monitor._handle_custom_msg({"stop": True}, [])


# --- a run, epoch by epoch ---------------------------------------------------


def test_it_follows_a_run_to_its_end():
    monitor = TrainingMonitor(epochs=4, title="A run")
    assert (monitor.phase, monitor.best) == ("waiting", None)
    for n in range(1, 4):
        assert monitor.update(first(n)) is False
        assert monitor.phase == "training"
    assert monitor.update(RUN) is False
    assert (monitor.phase, monitor.best) == ("done", 3)
    assert monitor._run["history"] == RUN
    assert "Finished: 4 of 4 epochs in 8.5 s." in monitor._picture


def test_the_history_is_copied_not_kept():
    history = first(2)
    monitor = TrainingMonitor(epochs=4)
    monitor.update(history)
    history["loss"][0] = -7
    history["loss"].append(9)
    assert monitor._found["loss"] == [0.9, 0.4]


def test_stop_ends_a_real_training_after_the_epoch():
    rng = np.random.default_rng(0)
    x = rng.random((60, 4)).astype(np.float32)
    y = rng.integers(0, 2, 60)
    monitor = TrainingMonitor(epochs=50)

    def on_epoch(history):
        if len(history["loss"]) == 3:
            press(monitor)
        return monitor.update(history)

    net = nn.Sequential(nn.Dense(4, 2, rng=0))
    history = nn.fit(net, x, y, epochs=50, batch=20, rng=0, on_epoch=on_epoch)
    assert len(history["loss"]) == 3
    assert monitor.phase == "stopped"
    assert "Stopped on request after epoch 3 of 50" in monitor._picture
    # the press is spent: the next training runs through
    again = nn.fit(net, x, y, epochs=9, rng=0, on_epoch=monitor.update)
    assert len(again["loss"]) == 9
    assert monitor.phase == "training"
    monitor.finish()
    assert monitor.phase == "done"
    assert "Finished early, after epoch 9 of 50" in monitor._picture


def test_within_an_epoch_batch_says_that_stop_was_pressed():
    monitor = TrainingMonitor(epochs=2)
    assert monitor.batch(1, 10, 2.3, 0.1) is False
    press(monitor)
    assert monitor.batch(2, 10) is True
    assert monitor.update(first(1)) is True
    press(monitor)  # nothing trains any more
    assert monitor.update(first(1)) is False


def test_only_the_stop_message_stops():
    monitor = TrainingMonitor(epochs=2)
    for content in ({}, {"stop": False}, "stop", {"stop": True, "more": 1}, None):
        monitor._handle_custom_msg(content, [])
    assert monitor.update(first(1)) is False


def test_messages_are_few_and_an_epoch_is_not_lost_behind_its_batches(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(tm.time, "perf_counter", lambda: now[0])
    monitor = TrainingMonitor(epochs=1000)
    sent = []
    monitor.observe(lambda change: sent.append((now[0], change.new)), "_run")
    for epoch in range(1, 6):  # an epoch a second, a hundred batches each
        for k in range(100):
            now[0] += 0.01
            monitor.batch(k + 1, 100, 1.0, 0.5)
        monitor.update({"loss": [1.0] * epoch})
        assert len(sent[-1][1]["history"]["loss"]) == epoch, "sent at once"
    assert len(sent) <= 5 * 5 + 2
    times = [t for t, _ in sent]
    assert max(sum(t <= s < t + 1 for s in times) for t in times) <= 6


def test_a_run_that_starts_again_is_a_new_one():
    monitor = TrainingMonitor(epochs=4)
    monitor.update(first(3))
    monitor.update(first(1))
    assert monitor.phase == "training"
    assert len(monitor._found["loss"]) == 1
    monitor.update(RUN)
    monitor.batch(1, 3)
    assert monitor._found["loss"] == []


def test_a_longer_history_makes_the_run_longer_instead_of_ending_a_training():
    monitor = TrainingMonitor(epochs=2)
    monitor.update(RUN)
    assert (monitor.epochs, monitor.phase) == (4, "done")


def test_without_seconds_its_own_clock_counts_from_the_first_batch(monkeypatch):
    now = [50.0]
    monkeypatch.setattr(tm.time, "perf_counter", lambda: now[0])
    monitor = TrainingMonitor(epochs=2)
    for n in (1, 2):
        monitor.batch(1, 1)
        now[0] += 3
        monitor.update({"loss": [1.0] * n})
    assert monitor._found["seconds"] == [3, 6]
    blind = TrainingMonitor(epochs=2)
    blind.update({"loss": [1.0]})
    assert blind._found["seconds"] == []


def test_what_is_no_number_becomes_a_gap_and_is_named():
    nan = float("nan")
    monitor = TrainingMonitor.replay(
        {"loss": [1.0, np.float32(nan), math.inf], "val_loss": [2.0, nan, nan]}
    )
    assert monitor._run["history"]["loss"] == [1.0, None, None]
    assert "Diverged in epoch 2: the loss of epoch 2 is no number." in monitor._picture
    assert "nan" not in monitor._picture
    assert "NaN" not in json.dumps(monitor._run)


def test_targets_that_are_no_labels_have_no_accuracy():
    nan = float("nan")
    monitor = TrainingMonitor.replay({"loss": [1.0], "accuracy": [nan]})
    assert monitor._run["history"]["accuracy"] == []


def test_replay_is_finished_and_whole():
    monitor = TrainingMonitor.replay(RUN, title="Kept")
    assert (monitor.phase, monitor.epochs, monitor.best) == ("done", 4, 3)
    assert monitor.title == "Kept"
    assert monitor._run["history"] == RUN


def test_finish_before_the_first_epoch_is_no_success():
    monitor = TrainingMonitor(epochs=3)
    monitor.batch(1, 9)
    monitor.finish()
    assert monitor.phase == "broken"
    assert "Stopped before the first of 3 epochs was complete." in monitor._picture


class Events:
    """What a kernel's shell tells of its cells."""

    def __init__(self):
        self.known = []

    def register(self, name, fn):
        assert name == "post_run_cell"
        self.known.append(fn)

    def unregister(self, name, fn):
        self.known.remove(fn)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "Stopped after epoch 2 of 4, at 4.0 s."),
        (ValueError("the loss is nan"), "at 4.0 s: ValueError: the loss is nan"),
        (KeyboardInterrupt(), "at 4.0 s: KeyboardInterrupt"),
    ],
)
def test_a_cell_that_ends_before_the_training_does_is_told(error, words, monkeypatch):
    monitor, events = TrainingMonitor(epochs=4), Events()
    kernel = type("Kernel", (), {"shell": type("Shell", (), {"events": events})})
    monkeypatch.setattr(type(monitor.comm), "kernel", kernel, raising=False)
    monitor.update(first(1))
    monitor.update(first(2))
    assert len(events.known) == 1
    events.known[0](type("Result", (), {"error_in_exec": error}))
    assert monitor.phase == "broken"
    assert events.known == []
    assert words in monitor._picture
    monitor.update(first(3))  # it went on in another cell
    assert monitor.phase == "training"
    monitor.update(RUN)
    assert events.known == []


# --- what does not fit -------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"epochs": 0}, "epochs: 0 given; give a whole number from 1 to 10000"),
        ({"epochs": 2.0}, "epochs: 2.0 given"),
        ({"epochs": True}, "epochs: True given"),
        ({"epochs": "8"}, "epochs: '8' given"),
        ({"title": 3}, "title: 3 is no text"),
        ({"alt": 3}, "alt: 3 is no text"),
    ],
)
def test_a_bad_argument_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        TrainingMonitor(**{"epochs": 4, **arguments})


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (None, "history: None given; give a dict of lists with 'loss' in it"),
        ([1.0], "dict of lists"),
        ({"val_loss": [1.0]}, r"history: \['val_loss'\] given"),
        ({"loss": []}, r"history\['loss'\]: 0 epochs given"),
        ({"loss": 3.0}, r"history\['loss'\]: 3.0 given; give a list"),
        ({"loss": "12"}, r"history\['loss'\]: '12' given; give a list"),
        ({"loss": [1.0, "2"]}, r"history\['loss'\]\[1\]: '2' given; give a number"),
        ({"loss": [None]}, r"history\['loss'\]\[0\]: None given"),
        ({"loss": [1.0], "accuracy": [0.1, 0.2]}, r"2 numbers given, 'loss' has 1"),
        ({"loss": [1.0, 2.0], "val_loss": [1.0]}, r"history\['val_loss'\]: 1 numbers"),
        ({"loss": [1.0], "accuracy": [98.5]}, r"history\['accuracy'\].*0 to 1 fits"),
        ({"loss": [1.0, 1.0], "seconds": [2.0, 1.0]}, r"history\['seconds'\].*rise"),
        ({"loss": [1.0], "seconds": [math.nan]}, r"history\['seconds'\]"),
    ],
)
def test_a_history_that_does_not_fit_is_refused_and_changes_nothing(history, words):
    monitor = TrainingMonitor(epochs=4)
    monitor.update(first(2))
    before = monitor._state()["history"]
    with pytest.raises(ValueError, match=words):
        monitor.update(history)
    with pytest.raises(ValueError, match=words):
        TrainingMonitor.replay(history)
    assert monitor._state()["history"] == before
    assert monitor.phase == "training"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3, 2), "done: 3 given; give a whole number from 0 to 2"),
        ((1, 0), "of: 0 given"),
        ((1.0, 2), "done: 1.0 given"),
        ((1, 2, "low"), "loss: 'low' given; give a number"),
        ((1, 2, 0.3, True), "accuracy: True given"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        TrainingMonitor(epochs=4).batch(*arguments)


def test_what_a_run_is_made_of_cannot_be_assigned():
    monitor = TrainingMonitor(epochs=4)
    with pytest.raises(tm.traitlets.TraitError):
        monitor.epochs = 3
    with pytest.raises(AttributeError):
        monitor.phase = "done"


# --- words, axes and the still picture ---------------------------------------


@pytest.mark.parametrize("case", CASES["runs"], ids=lambda case: case["name"])
def test_sentences_agree_with_the_cases(case):
    run, epochs = case["run"], case["epochs"]
    assert drawing.phase_words(run, epochs) == case["phase"]
    assert drawing.findings(run["history"]) == case["findings"]
    assert (drawing.best(run["history"]) or 0) == case["best"]


def test_times_and_shares_agree_with_the_cases():
    for seconds, words in CASES["clock"]:
        assert drawing.clock(seconds) == words
    for share, words in CASES["percent"]:
        assert drawing.percent(share) == words


@pytest.mark.parametrize("case", CASES["axes"], ids=lambda case: case["name"])
def test_axes_agree_with_the_cases(case):
    make = {"loss": drawing.loss_axis, "accuracy": drawing.accuracy_axis}[case["kind"]]
    axis = make(case["values"])
    assert axis["log"] is case["log"]
    assert [axis["low"], axis["high"]] == pytest.approx(case["ends"])
    assert [label for _, label in axis["ticks"]] == case["labels"]
    at = [t for t, _ in axis["ticks"]]
    assert at[0] == 0
    assert at == sorted(at)
    for value in case["values"]:
        if value is not None:
            assert 0 <= drawing.height(value, axis) <= 1


def test_epochs_get_at_most_six_labels():
    for epochs, labels in CASES["epochs"]:
        assert drawing.epoch_ticks(epochs) == labels


def test_the_still_picture_has_both_panels_the_best_epoch_and_the_words():
    svg = ET.fromstring(TrainingMonitor.replay(RUN, title="A & B <C>")._picture)
    place = "{http://www.w3.org/2000/svg}"
    texts = [node.text for node in svg.findall(f"{place}text")]
    assert {"A & B <C>", "loss", "accuracy", "training", "validation"} <= set(texts)
    assert texts.count("best: 3") == 2
    assert "Finished: 4 of 4 epochs in 8.5 s." in texts
    dashes = [p.get("stroke-dasharray") for p in svg.findall(f"{place}path")]
    assert dashes.count("6 4") == 2, "training is dashed"
    assert int(svg.get("width")) <= 640
    assert "a sign of overfitting" in svg.find(f"{place}title").text


@pytest.mark.parametrize("epochs", [1, 2, 41, 10_000])
def test_any_number_of_epochs_can_be_drawn(epochs):
    loss = (1 / np.arange(1, epochs + 1)).tolist()
    monitor = TrainingMonitor.replay({"loss": loss, "val_loss": loss})
    ET.fromstring(monitor._picture)
    assert monitor.best == epochs


# --- a real kernel -----------------------------------------------------------

CELL = """
import time
from cnncourse.widgets import TrainingMonitor
monitor = TrainingMonitor(epochs=200)
print("comm", monitor.comm.comm_id, flush=True)
loss = []
for epoch in range(200):
    for k in range(4):
        end = time.perf_counter() + 0.05
        while time.perf_counter() < end:
            pass
        monitor.batch(k + 1, 4, 0.5)
    loss.append(1.0)
    if monitor.update({"loss": loss}):
        break
print("epochs", len(loss), monitor.phase, flush=True)
"""


def heard(client, wanted, seconds=120):
    """The text of the first stream message that begins so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        assert message["msg_type"] != "error", message["content"]
        text = message["content"].get("text", "")
        for line in text.splitlines():
            if line.startswith(wanted):
                return line.split()[1:]
    pytest.fail(f"the kernel never said {wanted!r}")


def test_the_stop_reaches_a_kernel_that_is_busy():
    env = {**os.environ, "OMP_NUM_THREADS": "1", "JUPYTER_PLATFORM_DIRS": "1"}
    manager, client = start_new_kernel(startup_timeout=120, env=env)
    try:
        # as JupyterLab does for widgets: a subshell takes their messages
        client.control_channel.send(client.session.msg("create_subshell_request", {}))
        subshell = client.get_control_msg(timeout=60)["content"]["subshell_id"]
        client.execute(CELL)
        (comm,) = heard(client, "comm")
        time.sleep(1)  # messages of the training have gone out by now
        data = {"method": "custom", "content": {"stop": True}}
        message = client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        message["header"]["subshell_id"] = subshell
        client.shell_channel.send(message)
        epochs, phase = heard(client, "epochs")
        assert phase == "stopped"
        assert 1 < int(epochs) < 100
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
