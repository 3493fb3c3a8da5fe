"""The kernel learner in the browser, on the site and in JupyterLab.

The page's figure starts at step 20 with the picture "noise" and learning rate 0.5,
and has the pictures "stripes" and "flat" as well.
"""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from cnncourse.widgets.kernel_learner import KernelLearner
from cnncourse.widgets.kernel_learner_still import cell_text, correlate, short
from cnncourse.widgets.kernel_playground_still import GREY, SIGNED

EDGE = [[0, -1, 0], [0, 2, 0], [0, -1, 0]]
NOISE = np.random.default_rng(1).random((30, 24))
STRIPES = np.tile(np.arange(24) // 4 % 2, (24, 1)).astype(float)
PICTURES = {"noise": NOISE, "stripes": STRIPES}
SETTLED = """() => new Promise((go) =>
  requestAnimationFrame(() => requestAnimationFrame(go)))"""
PIXELS = "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"


def settle(figure):
    """Wait until all that was asked for is on the screen."""
    figure.evaluate(SETTLED)


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def slider(figure):
    return figure.get_by_role("slider", name="step", exact=True)


def rate_slider(figure):
    return figure.get_by_role("slider", name="learning rate", exact=True)


def rate(figure):
    return figure.get_by_label("learning rate, number", exact=True)


def choose(figure, name):
    figure.get_by_label("picture", exact=True).select_option(name)
    settle(figure)


def step(figure):
    settle(figure)
    return int(slider(figure).input_value())


def status(figure):
    settle(figure)
    return figure.locator(".kl-status").inner_text()


def facts(figure):
    settle(figure)
    return figure.locator(".kl-facts").inner_text()


def kernel(figure, kind="learned"):
    settle(figure)
    return figure.locator(f".kl-{kind} td").all_inner_texts()


def loss(figure):
    """The loss as shown: a number, or one with a power of ten."""
    shown = re.search(r"loss (\S+?)(?: × 10(\S+?))?\. ", status(figure))
    power = (shown[2] or "⁰").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(shown[1]) * 10.0 ** int(power)


def set_slider(control, value):
    control.evaluate(
        "(c, v) => { c.value = v; c.dispatchEvent(new Event('input')); }", str(value)
    )


def test_before_any_touch_it_shows_a_kernel_half_learned(kernel_learner):
    assert step(kernel_learner) == 20
    expect(kernel_learner.get_by_label("picture", exact=True)).to_have_value("noise")
    expect(rate(kernel_learner)).to_have_value("0.5")
    assert re.match(r"Step 20 of \d+: loss 0\.0\d+\. Largest", status(kernel_learner))
    assert kernel(kernel_learner) != kernel(kernel_learner, "target")
    for name in ("x", "z", "y", "d"):
        canvas = kernel_learner.locator(f".kl-panel.kl-{name} canvas")
        said = canvas.get_attribute("aria-label")
        assert re.search(r"\d+ by \d+ pixels, from .+ to ", said), name
        assert canvas.bounding_box()["width"] >= 140
    path = kernel_learner.locator(".kl-line").get_attribute("d")
    assert path.count("L") > 100
    assert "converge. 0.5 is below" in facts(kernel_learner)


def test_step_and_back_go_one_step_and_stop_at_the_ends(kernel_learner):
    before = loss(kernel_learner)
    button(kernel_learner, "Step").click()
    assert step(kernel_learner) == 21
    assert loss(kernel_learner) < before
    button(kernel_learner, "Back").click()
    button(kernel_learner, "Back").click()
    assert step(kernel_learner) == 19
    set_slider(slider(kernel_learner), 0)
    settle(kernel_learner)
    expect(button(kernel_learner, "Back")).to_have_attribute("aria-disabled", "true")
    button(kernel_learner, "Back").click(force=True)
    assert step(kernel_learner) == 0
    slider(kernel_learner).focus()
    kernel_learner.page.keyboard.press("End")
    settle(kernel_learner)
    expect(button(kernel_learner, "Step")).to_have_attribute("aria-disabled", "true")
    assert "The kernel is found." in status(kernel_learner)


def test_the_keyboard_scrubs_and_the_slider_says_the_loss(kernel_learner):
    slider(kernel_learner).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight"):
        kernel_learner.page.keyboard.press(key)
    assert step(kernel_learner) == 22
    said = slider(kernel_learner).get_attribute("aria-valuetext")
    assert re.match(r"step 22, loss 0\.0\d", said)
    kernel_learner.page.keyboard.press("Home")
    assert step(kernel_learner) == 0


def test_a_press_and_a_drag_on_the_curve_scrub(kernel_learner):
    area, page = kernel_learner.locator(".kl-area"), kernel_learner.page
    area.scroll_into_view_if_needed()
    last, box = int(slider(kernel_learner).get_attribute("max")), area.bounding_box()
    y = box["y"] + 60
    page.mouse.move(box["x"] + box["width"] / 2, y)
    assert step(kernel_learner) == 20
    page.mouse.down()
    assert step(kernel_learner) == pytest.approx(last / 2, abs=0.01 * last)
    page.mouse.move(box["x"] + box["width"] + 90, y)
    assert step(kernel_learner) == last
    page.mouse.up()
    page.mouse.move(box["x"], y)
    assert step(kernel_learner) == last


def test_the_mark_stands_over_the_sliders_thumb(kernel_learner):
    last = int(slider(kernel_learner).get_attribute("max"))
    for t in (0, last // 3, last):
        set_slider(slider(kernel_learner), t)
        settle(kernel_learner)
        dot = kernel_learner.locator(".kl-dot").bounding_box()
        track = slider(kernel_learner).bounding_box()
        thumb = track["x"] + 9 + (track["width"] - 18) * t / last
        assert dot["x"] + dot["width"] / 2 == pytest.approx(thumb, abs=1.5)


def test_play_runs_on_and_pauses(kernel_learner):
    button(kernel_learner, "Play").click()
    expect(button(kernel_learner, "Pause")).to_be_visible()
    expect(kernel_learner.locator(".kl-status")).to_have_attribute("aria-live", "off")
    kernel_learner.page.wait_for_timeout(700)
    button(kernel_learner, "Pause").click()
    stopped = step(kernel_learner)
    assert stopped > 22
    expect(kernel_learner.locator(".kl-status")).to_have_attribute(
        "aria-live", "polite"
    )
    kernel_learner.page.wait_for_timeout(200)
    assert step(kernel_learner) == stopped


def test_a_rate_above_the_limit_diverges_and_is_stopped(kernel_learner):
    rate(kernel_learner).fill("2")
    assert "2 is above: the loss grows, the run diverges; stopped at step" in facts(
        kernel_learner
    )
    last = int(slider(kernel_learner).get_attribute("max"))
    assert last < 40
    set_slider(slider(kernel_learner), last)
    assert loss(kernel_learner) > 1e12
    assert not re.search(r"NaN|Infinity|undefined", kernel_learner.inner_text())
    expect(kernel_learner.locator(".kl-key")).to_be_visible()
    rate(kernel_learner).fill("0.5")
    assert "0.5 is below" in facts(kernel_learner)
    expect(kernel_learner.locator(".kl-key")).to_have_count(0)


def test_the_rates_slider_moves_the_number_and_back(kernel_learner):
    rate_slider(kernel_learner).focus()
    kernel_learner.page.keyboard.press("End")
    expect(rate(kernel_learner)).to_have_value("10")
    kernel_learner.page.keyboard.press("Home")
    expect(rate(kernel_learner)).to_have_value("0.0001")
    rate(kernel_learner).fill("1/100")
    settle(kernel_learner)
    assert float(rate_slider(kernel_learner).input_value()) == -2
    assert rate_slider(kernel_learner).get_attribute("aria-valuetext") == "0.01"


def test_text_that_is_no_rate_is_marked_said_and_kept(kernel_learner):
    rate(kernel_learner).fill("0,25")
    assert "0.25 is below" in facts(kernel_learner)
    rate(kernel_learner).fill("fast")
    fault = kernel_learner.locator(".kl-fault")
    expect(fault).to_contain_text("“fast” is no learning rate from 0.0001 to 10; 0.25")
    expect(rate(kernel_learner)).to_have_attribute("aria-invalid", "true")
    button(kernel_learner, "Step").click()
    expect(rate(kernel_learner)).to_have_value("fast")
    assert "0.25 is below" in facts(kernel_learner)
    rate(kernel_learner).press("Escape")
    expect(rate(kernel_learner)).to_have_value("0.25")
    expect(fault).to_have_text("")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stripes", "in these directions the picture says nothing"),
        ("flat", "(8 of 9 are 0)"),
    ],
)
def test_a_poor_picture_fits_with_another_kernel(kernel_learner, name, words):
    choose(kernel_learner, name)
    rate(kernel_learner).fill("0.2")
    settle(kernel_learner)
    last = int(slider(kernel_learner).get_attribute("max"))
    set_slider(slider(kernel_learner), last)
    assert "the kernel is another one" in status(kernel_learner)
    assert words in facts(kernel_learner)
    assert loss(kernel_learner) < 1e-6


def test_reset_brings_everything_back(kernel_learner):
    before = status(kernel_learner), facts(kernel_learner), kernel(kernel_learner)
    choose(kernel_learner, "stripes")
    rate(kernel_learner).fill("slow")
    set_slider(rate_slider(kernel_learner), -1)
    set_slider(slider(kernel_learner), 3)
    assert (status(kernel_learner), facts(kernel_learner)) != before[:2]
    button(kernel_learner, "Play").click()
    button(kernel_learner, "Reset").click()
    settle(kernel_learner)
    kernel_learner.page.wait_for_timeout(150)
    after = status(kernel_learner), facts(kernel_learner), kernel(kernel_learner)
    assert after == before
    expect(rate(kernel_learner)).to_have_value("0.5")
    expect(button(kernel_learner, "Play")).to_be_visible()


def test_nothing_moves_when_the_run_is_stepped_through(kernel_learner):
    parts = ".kl-panel, .kl-kernel, .kl-plot, .kl-status, .kl-facts, .kl-button"
    where = """(root, parts) => [...root.querySelectorAll(parts)].map((part) => {
      const box = part.getBoundingClientRect(), at = root.getBoundingClientRect();
      return [box.x - at.x, box.y - at.y, box.width, box.height].map(Math.round);
    })"""
    for lr in ("0.5", "3"):
        rate(kernel_learner).fill(lr)
        settle(kernel_learner)
        last = int(slider(kernel_learner).get_attribute("max"))
        set_slider(slider(kernel_learner), 0)
        settle(kernel_learner)
        before = kernel_learner.evaluate(where, parts)
        for t in (1, last // 2, last):
            set_slider(slider(kernel_learner), t)
            settle(kernel_learner)
            assert kernel_learner.evaluate(where, parts) == before, (lr, t)


def test_every_control_has_a_name_and_is_large_enough_to_touch(kernel_learner):
    controls = kernel_learner.locator("button, input, select").all()
    assert len(controls) == 8
    for control in controls:
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 24
        assert control.evaluate("(c) => c.ariaLabel || c.labels?.length || c.innerText")
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true"


# --- on a bare page, without a kernel -------------------------------------------


def test_browser_and_python_agree_at_every_kind_of_step(hosted):
    widget = KernelLearner(PICTURES, EDGE, steps=90)
    figure = hosted(widget)
    for name in PICTURES:
        for lr in (0.5, 0.03, 4):
            widget.choice, widget.lr = name, lr
            choose(figure, name)
            rate(figure).fill(str(lr))
            settle(figure)
            kernels, losses = widget.kernels(), widget.losses()
            assert slider(figure).get_attribute("max") == str(len(losses) - 1)
            for t in {0, 1, 7, len(losses) - 1}:
                set_slider(slider(figure), t)
                assert kernel(figure) == [cell_text(v, 2) for v in kernels[t].flat]
                assert f"loss {short(losses[t])}." in status(figure)


def test_the_pictures_are_painted_with_the_numbers_that_python_has(hosted):
    widget = KernelLearner(PICTURES, EDGE)
    figure = hosted(widget)
    x = widget.images["noise"]
    z, y, first = (
        correlate(x, w) for w in (np.array(EDGE), *widget.kernels()[[20, 0]])
    )
    scale = max(abs(z).max(), abs(first).max())

    def signed(map_):
        return SIGNED[np.rint(127.5 * (map_ / scale + 1)).astype(int)]

    for name, wanted in [
        ("x", GREY[np.rint(255 * x).astype(int)]),
        ("z", signed(z)),
        ("y", signed(y)),
        ("d", signed(y - z)),
    ]:
        data = figure.locator(f".kl-panel.kl-{name} canvas").evaluate(PIXELS)
        shown = np.reshape(data, (*wanted.shape[:2], 4))
        np.testing.assert_allclose(shown[..., :3], wanted, atol=2)
        assert (shown[..., 3] == 255).all()


def test_changes_reach_the_model_and_every_view_of_it(hosted):
    figure = hosted(KernelLearner(PICTURES, EDGE))
    page, other = figure.page, figure.page.locator(".cnn-kernel-learner").nth(1)
    button(figure, "Step").click()
    assert page.evaluate("saved.step") == 21
    assert step(other) == 21
    rate(figure).fill("0.1")
    assert page.evaluate("saved.lr") == 0.1
    expect(rate(other)).to_have_value("0.1")
    choose(other, "stripes")
    assert page.evaluate("saved.choice") == "stripes"
    expect(figure.get_by_label("picture", exact=True)).to_have_value("stripes")
    page.evaluate("model.set('step', 5)")
    assert step(figure) == step(other) == 5


def test_playing_to_the_end_stops_saves_once_and_play_starts_again(hosted):
    figure = hosted(KernelLearner(PICTURES, EDGE, steps=24))
    button(figure, "Play").click()
    expect(button(figure, "Play")).to_be_visible()
    assert step(figure) == 24
    assert figure.page.evaluate("[saves, saved.step]") == [1, 24]
    button(figure, "Play").click()
    assert step(figure) < 24
    expect(button(figure, "Play")).to_be_visible()
    assert step(figure) == 24


def test_with_less_motion_play_makes_a_few_calm_jumps(hosted):
    figure = hosted(KernelLearner(PICTURES, EDGE))
    figure.page.emulate_media(reduced_motion="reduce")
    button(figure, "Play").click()
    figure.page.wait_for_timeout(500)
    assert step(figure) == 20
    figure.page.wait_for_timeout(700)
    assert step(figure) == 40


def test_cleaning_up_removes_every_listener_node_and_timer(hosted):
    figure = hosted(KernelLearner(PICTURES, EDGE))
    page, left = figure.page, button(figure, "Reset").element_handle()
    button(figure, "Play").click()
    page.evaluate("views.forEach((undo) => undo())")
    assert page.evaluate("heard()") == 0
    at = page.evaluate("model.get('step')")
    assert page.evaluate("saved.step") == at
    left.evaluate("(reset) => reset.click()")
    page.wait_for_timeout(200)
    assert page.evaluate("model.get('step')") == at
    assert page.locator(".cnn-kernel-learner").count() == 0


@pytest.mark.parametrize("width", [300, 360, 760])
@pytest.mark.parametrize("lr", [0.5, 10])
def test_nothing_overflows_at_any_width(hosted, width, lr):
    figure = hosted(KernelLearner(PICTURES, -9.123 * np.ones((5, 5)), lr=lr))
    page = figure.page
    page.set_viewport_size({"width": width + 16, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width + 16
    for name in "xzyd":
        box = figure.locator(f".kl-panel.kl-{name} canvas").bounding_box()
        assert box["width"] >= 140


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(hosted, theme):
    from axe_playwright_python.sync_playwright import Axe

    figure = hosted(KernelLearner(PICTURES, EDGE, lr=1.5), theme)
    rate(figure).fill("no")
    settle(figure)
    found = Axe().run(figure.page, context=".cnn-kernel-learner")
    assert found.violations_count == 0, found.generate_report()
