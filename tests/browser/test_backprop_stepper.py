"""The backprop stepper in the browser, on the site and in JupyterLab.

The page's first one is the worked example: x of 1 to 9, w of 1 2 3 4, δ of 1 −1 2 0.5.
"""

import pytest
from playwright.sync_api import expect

from cnncourse.widgets.backprop_stepper import BackpropStepper

X, K, D = [[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 2], [3, 4]], [[1, -1], [2, 0.5]]
DX = ["1", "1", "−2", "5", "5.5", "−3", "6", "9.5", "2"]
CHOICES = {"dw": "dw (kernel)", "dx": "dx (input)", "db": "db (bias)"}


@pytest.fixture
def stepper(backprop_stepper):
    """The page's first figure, showing dw and its entry [0, 1]."""
    backprop_stepper.get_by_role("button", name=CHOICES["dw"]).click()
    backprop_stepper.locator(".bs-entry").nth(1).click()
    while entries(backprop_stepper)[2]:
        button(backprop_stepper, "Back").click()
    return backprop_stepper


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def choose(figure, what):
    button(figure, CHOICES[what]).click()


def cell(figure, name):
    return figure.get_by_label(name, exact=True)


def entries(figure):
    """The texts of the result's cells: "" where nothing is computed yet."""
    return figure.locator(".bs-entry").all_inner_texts()


def labels(figure, panel):
    """The small labels laid on a grid."""
    found = figure.locator(f".bs-{panel} .bs-tap").all_inner_texts()
    return [text for text in found if text]


def sentence(figure):
    return figure.locator(".bs-sum .bs-now")


def line(figure, name):
    return figure.locator(f".bs-{name} .bs-now")


def press(figure, *keys):
    for key in keys:
        figure.page.keyboard.press(key)


def boxes(figure):
    return figure.evaluate(
        """root => [root, ...root.querySelectorAll(".bs-panel, .bs-bar, .bs-line")]
        .map(node => { const b = node.getBoundingClientRect(),
                             a = root.getBoundingClientRect();
                       return [b.x - a.x, b.y - a.y, b.width, b.height]; })"""
    )


def test_the_page_starts_it_at_the_first_entry(backprop_stepper):
    assert entries(backprop_stepper) == ["9.5", "", "", ""]
    expect(sentence(backprop_stepper)).to_have_text(
        "dw[0, 0] = 1·1 + 2·(−1) + 4·2 + 5·0.5 = 9.5"
    )


def test_it_shows_delta_on_the_pixels_that_met_the_weight(stepper):
    expect(sentence(stepper)).to_have_text("dw[0, 1] = 2·1 + 3·(−1) + 5·2 + 6·0.5 = 12")
    assert labels(stepper, "x") == ["×1", "×−1", "×2", "×0.5"]
    marked = stepper.locator(".bs-x .bs-in input")
    assert [box.input_value() for box in marked.all()] == ["2", "3", "5", "6"]
    expect(stepper.locator(".bs-x .bs-window")).to_be_visible()
    expect(stepper.locator(".bs-w .bs-chosen input")).to_have_value("2")
    expect(line(stepper, "rule")).to_contain_text("valid cross-correlation")
    expect(line(stepper, "check")).to_contain_text("from 162.5 to 174.5: by 12")
    assert entries(stepper) == ["9.5", "12", "", ""]


def test_step_and_back_move_by_one_and_stop_at_the_ends(stepper):
    step, back = button(stepper, "Step"), button(stepper, "Back")
    step.click()
    expect(sentence(stepper)).to_contain_text("dw[1, 0] = 4·1 + 5·(−1)")
    step.click()
    assert entries(stepper) == ["9.5", "12", "17", "19.5"]
    expect(step).to_have_attribute("aria-disabled", "true")
    expect(step).to_be_focused()
    press(stepper, "Space")
    for _ in range(4):
        back.click()
    expect(back).to_have_attribute("aria-disabled", "true")
    assert entries(stepper) == [""] * 4
    expect(sentence(stepper)).to_contain_text("Nothing is computed yet")
    expect(stepper.locator(".bs-x .bs-window")).to_be_hidden()
    assert labels(stepper, "x") == []


def test_play_steps_by_itself_until_it_is_paused(stepper):
    choose(stepper, "dx")
    stepper.locator(".bs-entry").nth(0).click()
    button(stepper, "Play").click()
    expect(sentence(stepper)).to_have_attribute("aria-live", "off")
    expect(sentence(stepper)).to_contain_text("dx[0, 2]")
    button(stepper, "Pause").click()
    expect(sentence(stepper)).to_have_attribute("aria-live", "polite")
    held = sentence(stepper).inner_text()
    stepper.page.wait_for_timeout(1100)
    expect(sentence(stepper)).to_have_text(held)


def test_play_ends_at_the_last_entry_and_starts_over(stepper):
    stepper.locator(".bs-entry").nth(2).click()
    button(stepper, "Play").click()
    expect(sentence(stepper)).to_contain_text("= 19.5")
    button(stepper, "Play").click()  # it paused by itself
    expect(sentence(stepper)).to_contain_text("dw[0, 0]")
    expect(button(stepper, "Pause")).to_be_visible()
    choose(stepper, "db")  # stops it
    button(stepper, "Play").click()
    expect(sentence(stepper)).to_contain_text("= 2.5")


def test_an_entry_can_be_chosen_and_looking_back_keeps_the_later_ones(stepper):
    choose(stepper, "dx")
    button(stepper, "dx[2, 1], not computed yet").click()
    assert entries(stepper) == [*DX[:8], ""]
    button(stepper, "dx[0, 2] is −2").click()
    expect(sentence(stepper)).to_have_text("dx[0, 2] = (−1)·2 = −2")
    assert entries(stepper) == [*DX[:8], ""]
    expect(button(stepper, "dx[0, 2] is −2")).to_have_attribute("aria-current", "true")
    button(stepper, "Back").click()  # takes back what came after
    assert entries(stepper) == [*DX[:2], *[""] * 7]


def test_arrow_keys_walk_the_result(stepper):
    choose(stepper, "dx")
    stepper.locator(".bs-entry").nth(4).focus()
    press(stepper, "ArrowUp")
    expect(sentence(stepper)).to_contain_text("dx[0, 1]")
    press(stepper, "ArrowRight", "ArrowRight")  # on to the next row
    expect(sentence(stepper)).to_contain_text("dx[1, 0]")
    press(stepper, "End", "ArrowDown")
    expect(sentence(stepper)).to_contain_text("dx[2, 2]")
    assert entries(stepper) == DX
    press(stepper, "Home", "ArrowLeft")
    expect(button(stepper, "dx[0, 0] is 1")).to_be_focused()
    assert stepper.locator(".bs-entry[tabindex='0']").count() == 1


def test_dx_slides_the_turned_kernel_over_delta_between_zeros(stepper):
    choose(stepper, "dx")
    expect(sentence(stepper)).to_have_text(
        "dx[1, 1] = 1·4 + (−1)·3 + 2·2 + 0.5·1 = 5.5"
    )
    assert labels(stepper, "d") == ["×4", "×3", "×2", "×1"]
    assert stepper.locator(".bs-d .bs-ring").count() == 12
    assert stepper.locator(".bs-t .bs-cell").all_inner_texts() == [*"4321"]
    expect(stepper.locator(".bs-x .bs-chosen input")).to_have_value("5")
    expect(line(stepper, "why")).to_contain_text("by y[0, 1] through w[1, 0]")
    stepper.locator(".bs-entry").nth(0).click()
    expect(sentence(stepper)).to_have_text("dx[0, 0] = 1·1 = 1")
    assert labels(stepper, "d") == ["×4", "×3", "×2", "×1"]  # three of them on zeros


def test_without_the_turn_the_wrong_entries_are_marked_beside_the_truth(stepper):
    choose(stepper, "dx")
    turn = stepper.get_by_label("turn the kernel")
    turn.uncheck()
    expect(sentence(stepper)).to_have_text(
        "Without the turn: 1·1 + (−1)·2 + 2·3 + 0.5·4 = 7, but the true gradient is 5.5"
    )
    assert labels(stepper, "d") == ["×1", "×2", "×3", "×4"]
    assert labels(stepper, "r") == ["≠ 1", "≠ 1", "≠ −2", "≠ 5", "≠ 5.5"]
    expect(line(stepper, "why")).to_contain_text("9 of 9 entries are wrong")
    expect(line(stepper, "check")).to_contain_text("by 5.5")
    expect(stepper.locator(".bs-entry[aria-current='true']")).to_have_attribute(
        "aria-label", "dx[1, 1] is 7, but the true gradient is 5.5"
    )
    turn.check()
    assert labels(stepper, "r") == []
    assert entries(stepper)[:5] == DX[:5]


def test_a_kernel_that_the_turn_leaves_alone_makes_no_mistake(stepper):
    choose(stepper, "dx")
    cell(stepper, "kernel w[1, 1]").fill("1")
    cell(stepper, "kernel w[1, 0]").fill("2")
    stepper.get_by_label("turn the kernel").uncheck()
    expect(line(stepper, "why")).to_contain_text("no entry is wrong")
    assert labels(stepper, "r") == []


def test_db_is_the_sum_of_all_delta(stepper):
    choose(stepper, "db")
    expect(sentence(stepper)).to_have_text("db = 1 + (−1) + 2 + 0.5 = 2.5")
    assert entries(stepper) == ["2.5"]
    expect(stepper.locator(".bs-d .bs-in")).to_have_count(4)
    expect(stepper.locator(".bs-x .bs-in")).to_have_count(0)
    expect(stepper.get_by_label("turn the kernel")).to_be_hidden()


def test_each_gradient_remembers_its_place_and_tells_which_is_on(stepper):
    button(stepper, "Step").click()
    choose(stepper, "dx")
    stepper.locator(".bs-entry").nth(7).click()
    choose(stepper, "dw")
    assert entries(stepper) == ["9.5", "12", "17", ""]
    choose(stepper, "dx")
    expect(sentence(stepper)).to_contain_text("dx[2, 1]")
    pressed = stepper.locator("[aria-pressed='true']")
    assert pressed.all_inner_texts() == [CHOICES["dx"]]


def test_an_edited_number_counts_at_once_and_reset_undoes_it(stepper):
    delta = cell(stepper, "δ[0, 0]")
    delta.click()
    press(stepper, "3", "Enter")  # clicking selects, typing replaces
    expect(sentence(stepper)).to_contain_text("2·3 + 3·(−1) + 5·2 + 6·0.5 = 16")
    expect(cell(stepper, "δ[1, 0]")).to_be_focused()
    cell(stepper, "input x[0, 1]").fill("-1/2")
    expect(sentence(stepper)).to_contain_text("(−0.5)·3")
    cell(stepper, "input x[0, 1]").blur()
    expect(cell(stepper, "input x[0, 1]")).to_have_value("−0.5")
    choose(stepper, "dx")
    cell(stepper, "kernel w[1, 1]").fill("0")  # the reader may edit δ between zeros too
    cell(stepper, "δ[1, 1]").fill("2")
    expect(sentence(stepper)).to_have_text("dx[1, 1] = 3·0 + (−1)·3 + 2·2 + 2·1 = 3")
    button(stepper, "Reset").click()
    choose(stepper, "db")
    expect(sentence(stepper)).to_contain_text("= 2.5")
    expect(cell(stepper, "input x[0, 1]")).to_have_value("2")


@pytest.mark.parametrize("text", ["abc", "", "1e999", "10000"])
def test_a_bad_entry_is_marked_and_the_last_good_value_counts(stepper, text):
    here = cell(stepper, "δ[0, 1]")
    here.fill(text)
    here.blur()
    expect(here).to_have_attribute("aria-invalid", "true")
    expect(here).to_have_value(text)
    message = stepper.get_by_role("status")
    expect(message).to_contain_text("does not fit: a number from −9999 to 9999")
    button(stepper, "Step").click()
    expect(sentence(stepper)).to_contain_text("5·(−1)")
    expect(here).to_have_value(text)
    here.fill("1/4")
    here.blur()
    expect(here).to_have_value("0.25")
    expect(here).not_to_have_attribute("aria-invalid", "true")
    expect(message).to_be_empty()


def test_arrow_keys_walk_the_numbers_and_escape_takes_an_entry_back(stepper):
    cell(stepper, "input x[0, 0]").focus()
    press(stepper, "ArrowDown", "ArrowRight")
    here = cell(stepper, "input x[1, 1]")
    expect(here).to_be_focused()
    press(stepper, "7", "7")
    expect(sentence(stepper)).to_contain_text("77·2")
    press(stepper, "Escape")
    expect(here).to_have_value("5")
    expect(sentence(stepper)).to_contain_text("= 12")
    press(stepper, "Tab")  # one tab stop a grid
    assert stepper.locator(".bs-w input:focus").count() == 1


def test_stride_and_padding_resize_delta_and_spread_it(stepper):
    stepper.get_by_label("padding").select_option("1")
    assert stepper.locator(".bs-d input").count() == 16
    expect(cell(stepper, "δ[1, 1]")).to_have_value("0.5")  # kept
    expect(cell(stepper, "δ[3, 3]")).to_have_value("1")  # new
    assert stepper.locator(".bs-x .bs-ring").count() == 16
    stepper.get_by_label("stride").select_option("2")
    assert stepper.locator(".bs-d input").count() == 4
    # δ spread by the stride: four products, five softer zeros between them
    expect(stepper.locator(".bs-x .bs-between")).to_have_count(5)
    assert labels(stepper, "x").count("×0") == 5
    expect(sentence(stepper)).to_have_text("dw[0, 1] = 0·1 + 0·(−1) + 4·2 + 6·0.5 = 11")
    choose(stepper, "dx")
    expect(stepper.locator(".bs-d .bs-between")).to_have_count(5)
    expect(line(stepper, "rule")).to_contain_text("1 between neighbours (stride − 1)")
    expect(line(stepper, "rule")).to_contain_text("padding is left out")
    button(stepper, "Reset").click()
    expect(stepper.get_by_label("stride")).to_have_value("1")


def test_nothing_moves_while_stepping(stepper):
    choose(stepper, "dx")
    for turned in (True, False):
        stepper.get_by_label("turn the kernel").set_checked(turned)
        stepper.locator(".bs-entry").nth(0).focus()
        press(stepper, "Home")
        still = boxes(stepper)
        for _ in range(8):
            press(stepper, "ArrowRight")
            assert boxes(stepper) == still


@pytest.mark.parametrize("width", [360, 760])
def test_taking_the_turn_away_moves_no_grid(hosted, width):
    figure = hosted(BackpropStepper(X, K, D, what="dx"))
    figure.page.set_viewport_size({"width": width, "height": 900})
    place = """root => root.querySelector(".bs-stage").getBoundingClientRect().y
        - root.getBoundingClientRect().y"""
    before = figure.evaluate(place)
    figure.get_by_label("turn the kernel").uncheck()
    expect(line(figure, "rule")).to_contain_text("Wrong on purpose")
    assert figure.evaluate(place) == before


def test_on_a_phone_the_buttons_stand_between_the_grids_and_the_sentences(hosted):
    figure = hosted(BackpropStepper(X, K, D, what="dx"))
    tops = {}
    for width in (360, 760):
        figure.page.set_viewport_size({"width": width, "height": 900})
        for name in ("stage", "steps", "sum", "settings"):
            tops[name, width] = figure.locator(f".bs-{name}").bounding_box()["y"]
    assert tops["stage", 360] < tops["steps", 360] < tops["sum", 360]
    assert tops["stage", 760] < tops["sum", 760] < tops["steps", 760]
    for width in (360, 760):
        assert tops["settings", width] > max(tops["sum", width], tops["steps", width])


def test_neither_a_fraction_nor_a_message_moves_anything(stepper):
    still = boxes(stepper)
    here = cell(stepper, "input x[2, 2]")
    for text in ("1/9", "nonsense, and long", "-1/9"):
        here.fill(text)
        here.blur()
        assert boxes(stepper) == still


def test_every_control_has_a_name_and_is_large_enough_to_touch(stepper):
    choose(stepper, "dx")
    for control in stepper.locator("button, input, select").all():
        name = control.evaluate(
            "c => c.getAttribute('aria-label') || c.labels?.[0]?.innerText"
            " || c.innerText"
        )
        assert name
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 24, name
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true", name


def test_edits_reach_the_model_and_every_view_of_it(hosted):
    figure = hosted(BackpropStepper(X, K, D))
    page, other = figure.page, figure.page.locator(".cnn-backprop-stepper").nth(1)
    cell(figure, "δ[0, 0]").fill("2,5")
    assert page.evaluate("saved.dy") == [[2.5, -1], [2, 0.5]]
    expect(cell(other, "δ[0, 0]")).to_have_value("2.5")
    choose(other, "dx")
    assert page.evaluate("[saved.what, saved.entry]") == ["dx", [1, 1]]
    assert entries(figure) == entries(other)
    figure.get_by_label("stride").select_option("2")
    assert page.evaluate("[saved.stride, saved.dy]") == [2, [[2.5]]]
    page.evaluate("model.set('stride', 1)")  # as Python would: dy comes a moment later
    expect(cell(figure, "δ[1, 1]")).to_have_value("1")
    page.evaluate("model.set('image', [[1, 2]])")  # too small for the kernel, for now
    page.evaluate("model.set('kernel', [[1, 2]])")
    expect(figure.locator(".bs-x input")).to_have_count(2)
    assert entries(figure) == entries(other) == ["", ""]  # the old entry is gone
    page.evaluate("model.set('entry', [0, 1])")
    assert entries(other) == ["2.5", "5"]


def test_a_padding_that_does_not_fit_is_said_and_the_last_one_stays(hosted):
    figure = hosted(BackpropStepper([[1, 2]], [[1], [2], [3]], [[1] * 4], padding=1))
    padding = figure.get_by_label("padding")
    padding.select_option("0")
    expect(figure.get_by_role("status")).to_contain_text(
        "Padding 0 does not fit: the kernel is 3 × 1, the padded input only 1 × 2"
    )
    expect(padding).to_have_value("1")
    assert figure.locator(".bs-d input").count() == 4
    padding.select_option("2")
    expect(figure.get_by_role("status")).to_be_empty()


def test_cleaning_up_removes_every_listener_timer_and_node(hosted):
    figure = hosted(BackpropStepper(X, K, D, entry=()))
    page, left = figure.page, button(figure, "Reset").element_handle()
    button(figure, "Play").click()
    page.evaluate("views.forEach((undo) => undo())")
    assert page.evaluate("heard()") == 0
    assert page.locator(".cnn-backprop-stepper").count() == 0
    before = page.evaluate("model.get('entry')")
    left.evaluate("(reset) => reset.click()")
    page.wait_for_timeout(1100)
    assert page.evaluate("model.get('entry')") == before == [0, 0]


LARGE = ([[998.75] * 8] * 8, [[-0.1234] * 5] * 5, [[-12.5] * 10] * 10, 1, 3)


@pytest.mark.parametrize("what", CHOICES)
@pytest.mark.parametrize("width", [300, 360, 760])
def test_nothing_overflows_at_any_width(hosted, width, what):
    for sizes in ((X, K, D), LARGE):
        figure = hosted(BackpropStepper(*sizes, what=what))
        page = figure.page
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for area in figure.locator(".bs-scroll").all():
            if area.evaluate("a => a.scrollWidth > a.clientWidth"):
                assert area.locator("[tabindex='0']").count()


def test_at_full_width_the_worked_example_stands_in_one_row(hosted):
    for what in CHOICES:
        figure = hosted(BackpropStepper(X, K, D, what=what))
        tops = {p.bounding_box()["y"] for p in figure.locator(".bs-stage > *").all()}
        assert len(tops) == 1


def test_stride_two_on_five_by_five_stands_in_one_row_too(hosted):
    """In 688 px, the width of the site's text; the bare page has margins of 8."""
    image = [[5 * i + j + 1 for j in range(5)] for i in range(5)]
    figure = hosted(BackpropStepper(image, K, D, stride=2, what="dx", entry=()))
    figure.page.set_viewport_size({"width": 704, "height": 900})
    expect(sentence(figure)).to_contain_text("press Step")
    tops = {p.bounding_box()["y"] for p in figure.locator(".bs-stage > *").all()}
    assert len(tops) == 1


def test_a_grid_wider_than_the_screen_keeps_the_window_in_sight(hosted):
    figure = hosted(BackpropStepper(*LARGE, what="dx", entry=(0, 0)))
    figure.page.set_viewport_size({"width": 300, "height": 900})
    figure.locator(".bs-entry").nth(0).focus()
    for key in ("End", "Home"):
        press(figure, key)
        figure.page.wait_for_timeout(300)  # the window glides
        scroll = figure.locator(".bs-d .bs-scroll").bounding_box()
        window = figure.locator(".bs-d .bs-window").bounding_box()
        assert scroll["x"] - 1 <= window["x"]
        assert window["x"] + window["width"] <= scroll["x"] + scroll["width"] + 1


def test_reduced_motion_stops_the_gliding_not_the_steps(hosted):
    figure = hosted(BackpropStepper(X, K, D))
    window = figure.locator(".bs-x .bs-window")
    button(figure, "Step").click()
    assert window.evaluate("w => getComputedStyle(w).transitionDuration") == "0.22s"
    figure.page.emulate_media(reduced_motion="reduce")
    assert window.evaluate("w => getComputedStyle(w).transitionDuration") == "0s"
    button(figure, "Step").click()
    expect(sentence(figure)).to_contain_text("= 19.5")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("what", CHOICES)
def test_axe_finds_nothing(hosted, what, theme):
    from axe_playwright_python.sync_playwright import Axe

    figure = hosted(BackpropStepper(X, K, D, what=what))
    page = figure.page
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.add_style_tag(content="body { background: var(--cnn-paper) }")
    if what == "dx":
        figure.get_by_label("turn the kernel").uncheck()
    found = Axe().run(page, context=".cnn-backprop-stepper").response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
