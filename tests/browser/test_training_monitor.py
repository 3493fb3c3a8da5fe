"""The training monitor in the browser; a real training is stopped in JupyterLab."""

import json
import re

import nbformat
import numpy as np
import pytest
from playwright.sync_api import expect

from cnncourse.widgets.training_monitor import TrainingMonitor
from cnncourse.widgets.training_monitor_still import percent, short

RUN = {
    "loss": [0.9, 0.4, 0.2, 0.1],
    "accuracy": [0.7, 0.86, 0.93, 0.97],
    "val_loss": [0.6, 0.4, 0.35, 0.5],
    "val_accuracy": [0.8, 0.86, 0.9, 0.91],
    "seconds": [2.0, 4.0, 6.0, 8.5],
}
NAN = float("nan")

STOPPED = [
    """import time
from cnncourse.widgets import TrainingMonitor
monitor = TrainingMonitor(epochs=2000)
history = {"loss": [], "accuracy": [], "seconds": []}
def train(epochs, batches=8):
    for name in history:
        history[name].clear()
    start = time.perf_counter()
    for epoch in range(1, epochs + 1):
        for k in range(batches):
            end = time.perf_counter() + 0.05
            while time.perf_counter() < end:
                pass  # busy, as a training is
            monitor.batch(k + 1, batches, 1 / epoch, 1 - 0.5 / epoch)
        history["loss"].append(1 / epoch)
        history["accuracy"].append(1 - 0.5 / epoch)
        history["seconds"].append(time.perf_counter() - start)
        if monitor.update(history):
            break""",
    "display(monitor)\ntrain(2000)",
    "print('epochs:', len(history['loss']), monitor.phase)",
    "monitor",
]


# a model as JupyterLab gives it: with a widget manager and with send
LIVE = """([state, source]) => {
  const listeners = new Map();
  window.sent = [];
  window.model = {
    widget_manager: {},
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      for (const fn of listeners.get(`change:${name}`) ?? []) fn();
    },
    call: (event) => (listeners.get(event) ?? []).forEach((fn) => fn()),
    on: (e, fn) => listeners.set(e, [...(listeners.get(e) ?? []), fn]),
    off: (e, fn) => listeners.set(e, listeners.get(e).filter((f) => f !== fn)),
    save_changes() { throw new Error("nothing is to be saved"); },
    send: (content) => window.sent.push(content),
  };
  window.heard = () => [...listeners.values()].flat().length;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  return import(url).then(({ default: widget }) => {
    window.show = () => {
      const el = document.body.appendChild(document.createElement("main"));
      return widget.render({ model: window.model, el });
    };
    window.undo = window.show();
  });
}"""


def part(n, **more):
    """What the kernel sends after n epochs of RUN."""
    monitor = TrainingMonitor(epochs=4)
    if n:
        monitor.update({name: values[:n] for name, values in RUN.items()})
    return {**monitor._run, "phase": "training", **more}


@pytest.fixture
def live(hosted):
    """A monitor that believes to be in JupyterLab, and a way to send it a run."""
    monitor = TrainingMonitor(epochs=4)
    page = hosted(monitor).page
    page.evaluate("views.forEach((undo) => undo())")
    keys = ("epochs", "title", "alt", "_run")
    state = {key: monitor.get_state()[key] for key in keys}
    page.evaluate(LIVE, [json.loads(json.dumps(state)), monitor._esm])

    def send(run):
        page.evaluate("(run) => model.set('_run', run)", run)

    figure = page.locator(".cnn-training-monitor").first
    figure.send = send
    return figure


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def slider(figure):
    return figure.get_by_role("slider", name="epoch", exact=True)


def phase(figure):
    return figure.locator(".tm-phase")


def numbers(figure):
    return figure.locator("tbody td").all_inner_texts()


def row(n, history=RUN):
    """The four numbers of an epoch, as the table has them."""
    values = [history[name][n - 1] for name in ("loss", "val_loss")]
    shares = [history[name][n - 1] for name in ("accuracy", "val_accuracy")]
    return [*map(short, values), *map(percent, shares)]


def settle(figure):
    """Wait until what changed is drawn."""
    figure.page.evaluate("() => new Promise((r) => requestAnimationFrame(() => r()))")
    figure.page.wait_for_timeout(30)


def places(figure):
    """Where the parts of the figure stand, wherever the page is scrolled to."""
    return figure.evaluate(
        """(root) => [...root.querySelectorAll(
            ".tm-meter, .tm-panel, .tm-button, .tm-table, .tm-says, input")]
          .map((part) => {
            const box = part.getBoundingClientRect(), at = root.getBoundingClientRect();
            return [box.x - at.x, box.y - at.y].map(Math.round);
          })"""
    )


def prompt(cell):
    return cell.locator(".jp-InputArea-prompt").first.inner_text().strip("[]: ")


def wait_for(cell, done):
    for _ in range(600):
        if done(prompt(cell)):
            return
        cell.page.wait_for_timeout(100)
    pytest.fail(f"the cell's prompt stays {prompt(cell)!r}")


def start_cell(page, number):
    """Run a cell and wait until it has begun; a kernel just up loses requests."""
    cell = page.locator(".jp-CodeCell").nth(number)
    for _ in range(10):
        cell.locator(".cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        for _ in range(20):
            if prompt(cell):
                return cell
            page.wait_for_timeout(100)
    pytest.fail(f"cell {number} did not start")


def run_cell(page, number):
    cell = start_cell(page, number)
    wait_for(cell, str.isdigit)
    return cell


@pytest.fixture
def notebook(lab, lab_tab):
    """Open a notebook with these cells in JupyterLab."""
    _, folder = lab

    def open_cells(name, sources):
        book = nbformat.v4.new_notebook()
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        book.cells = [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(book, folder / f"{name}.ipynb")
        return lab_tab(name, run=False)

    return open_cells


# --- on the page, on the site and in JupyterLab ----------------------------------


def test_before_any_touch_it_shows_a_whole_run(training_monitor):
    expect(phase(training_monitor)).to_contain_text(re.compile("Finished|Stopped"))
    for name in ("loss", "accuracy"):
        panel = training_monitor.get_by_role("img", name=f"{name} over the epochs")
        assert panel.locator(".tm-train").get_attribute("d")
        assert panel.locator(".tm-word").first.inner_text() == "training"
    last = int(slider(training_monitor).get_attribute("max"))
    assert last >= 1
    assert int(slider(training_monitor).input_value()) == last
    assert len([n for n in numbers(training_monitor) if n != "\u2013"]) >= 2


def test_the_slider_scrubs_by_keyboard_and_reset_goes_back(training_monitor):
    before = numbers(training_monitor)
    last = int(slider(training_monitor).get_attribute("max"))
    slider(training_monitor).focus()
    training_monitor.page.keyboard.press("Home")
    expect(training_monitor.locator("caption")).to_contain_text("epoch 1")
    assert (
        slider(training_monitor)
        .get_attribute("aria-valuetext")
        .startswith(f"epoch 1 of {last}")
    )
    assert training_monitor.locator(".tm-now").first.is_visible() == (last > 1)
    button(training_monitor, "Reset").click()
    assert numbers(training_monitor) == before
    expect(training_monitor.locator(".tm-now").first).to_be_hidden()


def test_replay_plays_pauses_and_reset_ends_it(training_monitor):
    button(training_monitor, "Replay").click()
    expect(phase(training_monitor)).to_contain_text("Replay:")
    expect(phase(training_monitor)).to_have_attribute("aria-live", "off")
    button(training_monitor, "Pause").click()
    held = phase(training_monitor).inner_text()
    training_monitor.page.wait_for_timeout(300)
    assert phase(training_monitor).inner_text() == held
    expect(button(training_monitor, "Go on")).to_be_visible()
    button(training_monitor, "Reset").click()
    expect(phase(training_monitor)).not_to_contain_text("Replay")
    expect(button(training_monitor, "Replay")).to_be_visible()


# --- on a bare page, as on the website -------------------------------------------


def test_without_a_kernel_there_is_no_stop_button(hosted):
    figure = hosted(TrainingMonitor.replay(RUN, title="Kept"))
    expect(button(figure, "Stop after this epoch")).to_have_count(0)
    expect(figure.locator(".tm-title")).to_have_text("Kept")
    expect(phase(figure)).to_have_text("Finished: 4 of 4 epochs in 8.5 s.")
    expect(figure.locator(".tm-flag").first).to_have_text("best: 3")
    expect(figure.locator(".tm-says")).to_contain_text("0.35 in epoch 3")
    expect(figure.locator(".tm-says")).to_contain_text("a sign of overfitting")


def test_every_epoch_has_the_numbers_that_python_has(hosted):
    figure = hosted(TrainingMonitor.replay(RUN))
    slider(figure).focus()
    figure.page.keyboard.press("Home")
    for n in range(1, 5):
        assert numbers(figure) == row(n)
        figure.page.keyboard.press("ArrowRight")


def test_training_is_dashed_and_validation_solid(hosted):
    figure = hosted(TrainingMonitor.replay(RUN))
    dash = "(path) => getComputedStyle(path).strokeDasharray"
    assert figure.locator(".tm-train").first.evaluate(dash) != "none"
    assert figure.locator(".tm-held").first.evaluate(dash) == "none"
    path = figure.locator(".tm-held").first.get_attribute("d")
    points = [float(p.split(",")[1]) for p in path[1:].split("L")]
    assert int(np.argmax(points)) == 2, "the lowest loss stands lowest"


def test_a_press_and_a_drag_on_the_curves_choose_an_epoch(hosted):
    figure = hosted(TrainingMonitor.replay(RUN))
    box = figure.locator(".tm-area").first.bounding_box()
    mouse, y = figure.page.mouse, box["y"] + 60
    mouse.move(box["x"] + 0.26 * box["width"], y)
    mouse.down()
    assert numbers(figure) == row(1)
    mouse.move(box["x"] + 0.52 * box["width"], y)
    assert numbers(figure) == row(2)
    mouse.up()
    mouse.move(box["x"] + box["width"], y)
    assert numbers(figure) == row(2)


def test_a_replay_lasts_six_seconds_and_shows_the_trainings_own_times(hosted):
    figure = hosted(TrainingMonitor.replay(RUN))
    clock = figure.page.clock  # the test's own: a busy machine changes nothing
    clock.install(time=0)
    clock.pause_at(1000)
    button(figure, "Replay").click()
    clock.run_for(3000)
    expect(phase(figure)).to_have_text("Replay: 4.3 s of 8.5 s of training.")
    expect(figure.locator(".tm-epochs")).to_contain_text("epoch 3 of 4")
    half = figure.locator(".tm-train").first.get_attribute("d")
    assert half.count("L") == 1, "two epochs are over after 4.3 of 8.5 s"
    assert numbers(figure) == row(2)
    expect(figure.locator(".tm-flag").first).to_have_text("best: 2")
    clock.run_for(2900)
    expect(button(figure, "Pause")).to_be_visible()
    clock.run_for(200)
    expect(button(figure, "Replay")).to_be_visible()
    assert numbers(figure) == row(4)
    expect(phase(figure)).to_contain_text("Finished")


def test_with_less_motion_a_replay_makes_few_jumps(hosted):
    figure = hosted(TrainingMonitor.replay(RUN))
    figure.page.emulate_media(reduced_motion="reduce")
    clock = figure.page.clock
    clock.install(time=0)
    clock.pause_at(1000)
    button(figure, "Replay").click()
    said = set()
    for _ in range(60):
        said.add(phase(figure).inner_text())
        clock.run_for(100)
    assert 5 <= len(said) <= 7


def test_two_views_of_a_run_show_the_same_epoch(hosted):
    figure = hosted(TrainingMonitor.replay(RUN))
    other = figure.page.locator(".cnn-training-monitor").nth(1)
    slider(figure).focus()
    figure.page.keyboard.press("Home")
    settle(figure)
    assert numbers(other) == numbers(figure) == row(1)
    assert figure.page.evaluate("saves") == 0, "a look is nobody else's business"


@pytest.mark.parametrize("n", [0, 3])
def test_an_unfinished_run_is_told_honestly_without_a_kernel(hosted, n):
    monitor = TrainingMonitor(epochs=8)
    monitor.batch(3, 9, 1.2, 0.4)
    if n:
        monitor.update({name: values[:n] for name, values in RUN.items()})
    monitor._run = monitor._state()
    figure = hosted(monitor)
    where = "after epoch 3 of 8" if n else "before the first of 8 epochs"
    expect(phase(figure)).to_contain_text(f"Stopped {where}")


def test_a_loss_that_is_no_number_is_a_gap_and_is_named(hosted):
    wild = {**RUN, "loss": [0.9, NAN, 3.0, 2.0], "val_loss": [0.6, NAN, NAN, 5.0]}
    figure = hosted(TrainingMonitor.replay(wild))
    expect(figure.locator(".tm-says")).to_contain_text("Diverged in epoch 2")
    assert figure.locator(".tm-train").first.get_attribute("d").count("M") == 2
    assert figure.locator(".tm-bad").first.get_attribute("d").count("M") == 2
    slider(figure).focus()
    for key in ("Home", "ArrowRight"):
        figure.page.keyboard.press(key)
    assert numbers(figure)[:2] == ["no number", "no number"]
    assert not re.search("NaN|null|undefined|Infinity", figure.inner_text())


def test_before_the_training_the_axes_stand_and_nothing_can_be_chosen(hosted):
    figure = hosted(TrainingMonitor(epochs=5))
    expect(phase(figure)).to_have_text("Training has not begun; epochs to come: 5.")
    expect(figure.locator(".tm-none").first).to_have_text("nothing yet")
    expect(slider(figure)).to_have_attribute("aria-disabled", "true")
    button(figure, "Replay").click(force=True)
    slider(figure).press("ArrowRight")
    expect(phase(figure)).to_contain_text("has not begun")


def test_nothing_moves_while_a_run_is_scrubbed_and_replayed(hosted):
    figure = hosted(TrainingMonitor.replay(RUN))
    before = places(figure)
    slider(figure).focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "End"):
        figure.page.keyboard.press(key)
        assert places(figure) == before, key
    button(figure, "Replay").click()
    for _ in range(4):
        figure.page.wait_for_timeout(150)
        assert places(figure) == before


@pytest.mark.parametrize("width", [300, 360, 760])
def test_nothing_overflows_at_any_width(hosted, width):
    loss = (1e9 / 10 ** np.arange(12.0)).tolist()
    long = {"loss": loss, "val_loss": loss, "accuracy": [1.0] * 12}
    figure = hosted(TrainingMonitor.replay(long, title="A long title " * 4))
    page = figure.page
    page.set_viewport_size({"width": width + 16, "height": 900})
    settle(figure)
    assert page.evaluate("document.documentElement.scrollWidth") <= width + 16
    assert figure.locator(".tm-area").first.bounding_box()["width"] >= 140
    for control in figure.locator("button:visible, input").all():
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 24
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", ["done", "waiting"])
def test_axe_finds_nothing(hosted, theme, state):
    from axe_playwright_python.sync_playwright import Axe

    monitor = TrainingMonitor.replay(RUN, title="Kept")
    figure = hosted(monitor if state == "done" else TrainingMonitor(epochs=4), theme)
    found = Axe().run(figure.page, context=".cnn-training-monitor")
    assert found.violations_count == 0, found.generate_report()


def test_cleaning_up_removes_every_listener_node_and_timer(hosted):
    figure = hosted(TrainingMonitor.replay(RUN))
    page, left = figure.page, slider(figure).element_handle()
    button(figure, "Replay").click()
    page.wait_for_timeout(100)
    page.evaluate("views.forEach((undo) => undo())")
    assert page.evaluate("heard()") == 0
    page.evaluate("model.set('_shown', 2)")
    left.evaluate("(s) => { s.value = 3; s.dispatchEvent(new Event('input')); }")
    page.wait_for_timeout(1800)  # an epoch of the replay would have ended
    assert page.evaluate("model.get('_shown')") == 2
    assert page.locator(".cnn-training-monitor").count() == 0


# --- with a kernel, played by the test -------------------------------------------


def test_a_live_run_shows_epoch_batch_and_time(live):
    expect(button(live, "Stop after this epoch")).to_be_visible()
    ring = {"loss": 0.25, "accuracy": 0.9}
    live.send(part(2, batch=[30, 120], now=ring, elapsed=4.5))
    expect(phase(live)).to_have_text("Epoch 3 of 4 is running.")
    expect(live.locator(".tm-batches")).to_contain_text("batch 30 of 120")
    bar = live.get_by_role("progressbar", name="batches", exact=True)
    expect(bar).to_have_attribute("aria-valuenow", "30")
    expect(live.locator(".tm-time")).to_have_text("4.5 s so far, about 3.5 s left")
    assert (
        live.locator(".tm-live").first.evaluate("(dot) => dot.style.left") == "56.25%"
    )
    expect(button(live, "Replay")).to_have_attribute("aria-disabled", "true")
    assert numbers(live) == row(2)
    live.send(part(3, batch=[0, 0], elapsed=6.0))
    expect(phase(live)).to_have_text("Epoch 4 of 4 is running.")
    assert numbers(live) == row(3)


def test_stop_sends_one_message_and_says_whether_it_was_heard(live):
    live.send(part(1))
    stop = button(live, "Stop after this epoch")
    stop.click()
    stop.click(force=True)
    assert live.page.evaluate("sent") == [{"stop": True}]
    expect(stop).to_have_attribute("aria-disabled", "true")
    expect(live.locator(".tm-hint")).to_have_text("Sent to the kernel.")
    live.send(part(1, stopping=True))
    expect(live.locator(".tm-hint")).to_contain_text("Heard")
    live.send(part(2, phase="stopped"))
    expect(phase(live)).to_contain_text("Stopped on request after epoch 2 of 4")
    expect(live.locator(".tm-hint")).to_be_empty()
    expect(button(live, "Replay")).not_to_have_attribute("aria-disabled", "true")


def test_a_stop_that_is_not_heard_is_owned_up_to(live):
    live.send(part(1))
    button(live, "Stop after this epoch").click()
    live.send(part(2))
    expect(live.locator(".tm-hint")).to_have_text("Sent to the kernel.")
    live.send(part(3))
    expect(live.locator(".tm-hint")).to_contain_text("Interrupt")


def test_a_view_opened_in_mid_training_shows_where_it_stands(live):
    live.send(part(2, batch=[30, 120], stopping=True))
    live.page.evaluate("() => { show(); }")
    later = live.page.locator(".cnn-training-monitor").nth(1)
    expect(phase(later)).to_contain_text("Epoch 3 of 4 is running. The training stops")
    expect(button(later, "Stop after this epoch")).to_have_attribute(
        "aria-disabled", "true"
    )
    assert numbers(later) == row(2)


def test_a_kernel_that_goes_is_told(live):
    live.send(part(3))
    live.page.evaluate("model.call('comm_live_update')")
    expect(phase(live)).to_contain_text(
        re.compile("Stopped after epoch 3 of 4.*the kernel is gone")
    )
    expect(button(live, "Stop after this epoch")).to_have_attribute(
        "aria-disabled", "true"
    )


def test_nothing_moves_while_it_trains(live):
    live.send(part(1))
    settle(live)
    before = places(live)
    for run in (part(1, batch=[1, 9]), part(2), part(2, stopping=True), part(3)):
        live.send(run)
        settle(live)
        assert places(live) == before


# --- a training in JupyterLab ----------------------------------------------------


def test_stop_ends_a_training_that_keeps_the_kernel_busy_in_lab(notebook):
    page = notebook("stopped", STOPPED)
    run_cell(page, 0)
    training = start_cell(page, 1)
    figure = training.locator(".cnn-training-monitor")
    # the first figure of a fresh JupyterLab may take a while to load
    expect(phase(figure)).to_contain_text(
        re.compile(r"Epoch \d+ of 2000 is running"), timeout=60_000
    )
    assert prompt(training) == "*"
    button(figure, "Stop after this epoch").click()
    expect(phase(figure)).to_contain_text("Stopped on request", timeout=30_000)
    wait_for(training, str.isdigit)
    expect(figure.locator(".tm-phase")).to_contain_text(
        "Stopped on request after epoch"
    )
    # what comes after it runs
    said = run_cell(page, 2).locator(".jp-OutputArea-output").inner_text()
    epochs, ended = said.removeprefix("epochs: ").split()
    assert ended == "stopped"
    assert 1 <= int(epochs) < 2000
    assert f"after epoch {epochs} of 2000" in phase(figure).inner_text()
    # a view made afterwards has the same state, and the kernel is as before
    again = run_cell(page, 3).locator(".cnn-training-monitor")
    expect(phase(again)).to_contain_text(f"after epoch {epochs} of 2000")
    assert numbers(again) == numbers(figure)
