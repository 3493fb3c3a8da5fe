"""The convolution stepper in the browser, on the site and in JupyterLab.

The page's first stepper is the worked example: a 4 × 4 input of 1 to 16, the kernel
1 2 3 4, output cell 5 of 44, 54, 64, 84, 94, 104, 124, 134, 144.
"""

import re

import pytest
from playwright.sync_api import expect

from cnncourse.widgets.conv_stepper import ConvStepper

HOSTED_WIDTH = 390
OUTPUTS = [44, 54, 64, 84, 94, 104, 124, 134, 144]


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def cell(figure, name):
    return figure.get_by_label(name, exact=True)


def entries(figure):
    """The texts of the output cells: "" where nothing is computed yet."""
    return figure.locator(".y button").all_inner_texts()


def sentence(figure):
    return figure.locator(".now[aria-live]")


def press(figure, *keys):
    for key in keys:
        figure.page.keyboard.press(key)


def test_before_any_touch_it_shows_a_window_its_sum_and_what_is_done(conv_stepper):
    expect(sentence(conv_stepper)).to_have_text(
        "y[1, 2] = 7·1 + 8·2 + 11·3 + 12·4 = 104"
    )
    assert entries(conv_stepper) == [*map(str, OUTPUTS[:6]), "", "", ""]
    assert conv_stepper.locator(".x .in .tap").all_inner_texts() == [
        *("×1", "×2", "×3", "×4")
    ]
    expect(conv_stepper.locator(".x .window")).to_be_visible()
    expect(conv_stepper).to_contain_text("⌊(4 + 2·0 − 2)/1⌋ + 1 = 3")


def test_step_and_back_move_by_one_and_stop_at_the_ends(conv_stepper):
    button(conv_stepper, "Step").click()
    expect(sentence(conv_stepper)).to_contain_text("y[2, 0] = 9·1")
    for _ in range(2):
        button(conv_stepper, "Step").click()
    assert entries(conv_stepper) == [*map(str, OUTPUTS)]
    step, back = button(conv_stepper, "Step"), button(conv_stepper, "Back")
    expect(step).to_have_attribute("aria-disabled", "true")
    expect(step).to_be_focused()  # Space there must not scroll the page
    press(conv_stepper, "Space")
    assert entries(conv_stepper) == [*map(str, OUTPUTS)]
    for _ in range(9):
        back.click()
    expect(back).to_have_attribute("aria-disabled", "true")
    expect(back).to_be_focused()
    assert entries(conv_stepper) == [""] * 9
    expect(sentence(conv_stepper)).to_contain_text("Nothing is computed yet")
    expect(conv_stepper.locator(".x .window")).to_be_hidden()


def test_play_steps_by_itself_until_it_is_paused(conv_stepper):
    play = conv_stepper.locator(".bar button").nth(1)
    play.click()
    expect(play).to_have_text("Pause")
    expect(sentence(conv_stepper)).to_have_attribute("aria-live", "off")
    expect(sentence(conv_stepper)).to_contain_text("y[2, 1]")
    play.click()
    expect(play).to_have_text("Play")
    expect(sentence(conv_stepper)).to_have_attribute("aria-live", "polite")
    held = entries(conv_stepper)
    conv_stepper.page.wait_for_timeout(1000)
    assert entries(conv_stepper) == held


def test_play_ends_at_the_last_cell_and_starts_over(conv_stepper):
    button(conv_stepper, "y[2, 1], not computed yet").click()
    play = conv_stepper.locator(".bar button").nth(1)
    play.click()
    expect(play).to_have_text("Play")
    expect(sentence(conv_stepper)).to_contain_text("= 144")
    play.click()
    expect(sentence(conv_stepper)).to_contain_text("y[0, 0]")
    play.click()


def test_an_output_cell_can_be_chosen_with_the_mouse(conv_stepper):
    button(conv_stepper, "y[2, 0], not computed yet").click()
    expect(sentence(conv_stepper)).to_contain_text("9·1 + 10·2 + 13·3 + 14·4 = 124")
    chosen = button(conv_stepper, "y[2, 0] is 124")
    expect(chosen).to_have_attribute("aria-current", "true")


def test_looking_back_at_a_cell_keeps_the_later_ones(conv_stepper):
    button(conv_stepper, "y[0, 1] is 54").click()
    expect(sentence(conv_stepper)).to_contain_text("= 54")
    done = [*map(str, OUTPUTS[:6]), "", "", ""]
    assert entries(conv_stepper) == done
    press(conv_stepper, "ArrowDown", "Home")
    assert entries(conv_stepper) == done
    button(conv_stepper, "Step").click()
    expect(sentence(conv_stepper)).to_contain_text("= 54")
    assert entries(conv_stepper) == done
    button(conv_stepper, "Back").click()  # takes back what came after
    assert entries(conv_stepper) == ["44", *[""] * 8]
    button(conv_stepper, "Reset").click()
    assert entries(conv_stepper) == done


def test_the_sliders_way_back_uncomputes(conv_stepper):
    button(conv_stepper, "y[1, 0] is 84").click()
    conv_stepper.get_by_label("Position").focus()
    press(conv_stepper, "ArrowLeft")
    assert entries(conv_stepper) == [*map(str, OUTPUTS[:3]), *[""] * 6]


def test_arrow_keys_walk_the_output(conv_stepper):
    button(conv_stepper, "y[1, 2] is 104").focus()
    press(conv_stepper, "ArrowUp")
    expect(sentence(conv_stepper)).to_contain_text("y[0, 2]")
    press(conv_stepper, "ArrowRight")  # on to the next row
    expect(sentence(conv_stepper)).to_contain_text("y[1, 0]")
    press(conv_stepper, "End")
    expect(sentence(conv_stepper)).to_contain_text("= 144")
    press(conv_stepper, "ArrowRight", "ArrowDown")  # nowhere to go
    expect(sentence(conv_stepper)).to_contain_text("= 144")
    press(conv_stepper, "Home")
    expect(button(conv_stepper, "y[0, 0] is 44")).to_be_focused()
    assert conv_stepper.locator(".y button[tabindex='0']").count() == 1


def test_the_scrub_moves_by_keys_and_space_plays(conv_stepper):
    scrub = conv_stepper.get_by_label("Position")
    scrub.focus()
    press(conv_stepper, "ArrowLeft")
    expect(sentence(conv_stepper)).to_contain_text("y[1, 1]")
    expect(scrub).to_have_attribute("aria-valuetext", "output cell 5 of 9")
    expect(conv_stepper.locator(".scrub")).to_have_text("Position5 of 9")
    press(conv_stepper, "Home")
    expect(scrub).to_have_attribute("aria-valuetext", "nothing computed yet")
    press(conv_stepper, "Space")
    expect(conv_stepper.locator(".bar button").nth(1)).to_have_text("Pause")
    press(conv_stepper, "Space")
    expect(conv_stepper.locator(".bar button").nth(1)).to_have_text("Play")


def test_an_edited_number_computes_at_once_and_reset_undoes_it(conv_stepper):
    first = cell(conv_stepper, "kernel w[0, 0]")
    first.click()
    press(conv_stepper, "2", "Enter")  # clicking selects, typing replaces
    expect(sentence(conv_stepper)).to_have_text(
        "y[1, 2] = 7·2 + 8·2 + 11·3 + 12·4 = 111"
    )
    assert entries(conv_stepper)[0] == "45"
    expect(cell(conv_stepper, "kernel w[1, 0]")).to_be_focused()
    cell(conv_stepper, "input x[3, 3]").fill("-0.5")
    cell(conv_stepper, "input x[3, 3]").blur()
    expect(cell(conv_stepper, "input x[3, 3]")).to_have_value("−0.5")
    button(conv_stepper, "Reset").click()
    expect(sentence(conv_stepper)).to_contain_text("7·1 + 8·2")
    expect(cell(conv_stepper, "input x[3, 3]")).to_have_value("16")


def test_typing_counts_at_once_and_stays_as_typed(conv_stepper):
    first = cell(conv_stepper, "kernel w[0, 0]")
    first.click()
    typed = ""
    for key, total in zip("-1/2", (104, 90, 90, 93.5), strict=True):
        press(conv_stepper, key)
        typed += key
        expect(first).to_have_value(typed)
        expect(first).not_to_have_attribute("aria-invalid", "true")
        expect(sentence(conv_stepper)).to_contain_text(f"= {total}")
    press(conv_stepper, "Escape")
    expect(sentence(conv_stepper)).to_contain_text("= 104")
    bias = conv_stepper.get_by_label("bias")
    bias.focus()
    press(conv_stepper, "Control+a", "2", ".")
    expect(bias).to_have_value("2.")
    expect(sentence(conv_stepper)).to_contain_text("(bias) = 106")
    bias.blur()
    expect(bias).to_have_value("2")
    stride = conv_stepper.get_by_label("stride")
    stride.focus()
    press(conv_stepper, "Control+a", "2")
    expect(stride).to_be_focused()
    assert len(entries(conv_stepper)) == 4


def test_neither_a_fraction_nor_a_message_moves_anything(conv_stepper):
    def places():
        parts = [conv_stepper.locator(name) for name in (".w .scroll", ".y", ".sizes")]
        boxes = [part.bounding_box() for part in parts]
        return boxes[0], [(box["x"], box["y"]) for box in boxes]

    still = places()
    first = cell(conv_stepper, "kernel w[0, 0]")
    for text in ("1/9", "nonsense, and long", "-1/9"):
        first.fill(text)
        first.blur()
        assert places() == still


def test_arrow_keys_walk_the_numbers_and_escape_takes_an_entry_back(conv_stepper):
    cell(conv_stepper, "input x[0, 0]").focus()
    press(conv_stepper, "ArrowDown", "ArrowRight")
    here = cell(conv_stepper, "input x[1, 1]")
    expect(here).to_be_focused()
    press(conv_stepper, "7", "7", "Escape")
    expect(here).to_have_value("6")
    press(conv_stepper, "Tab")  # one tab stop a grid
    assert conv_stepper.locator(".w input:focus").count() == 1
    expect(here).to_have_value("6")


@pytest.mark.parametrize("text", ["abc", "", "1e999", "10000"])
def test_a_bad_entry_is_marked_and_the_last_good_value_counts(conv_stepper, text):
    here = cell(conv_stepper, "input x[1, 2]")
    here.fill(text)
    here.blur()
    expect(here).to_have_attribute("aria-invalid", "true")
    expect(here).to_have_value(text)
    message = conv_stepper.get_by_role("status")
    expect(message).to_contain_text("does not fit: a number from −9999 to 9999")
    button(conv_stepper, "Back").click()
    expect(sentence(conv_stepper)).to_contain_text("6·1 + 7·2 + 10·3 + 11·4 = 94")
    expect(here).to_have_value(text)
    here.fill("1/4")
    here.blur()
    expect(here).to_have_value("0.25")
    expect(here).not_to_have_attribute("aria-invalid", "true")
    expect(message).to_be_empty()


def test_stride_padding_dilation_and_bias_change_size_and_sum(conv_stepper):
    conv_stepper.get_by_label("padding").select_option("full")
    assert len(entries(conv_stepper)) == 25
    assert conv_stepper.locator(".x .pad").count() == 20
    expect(conv_stepper).to_contain_text("⌊(4 + 2·1 − 2)/1⌋ + 1 = 5")
    conv_stepper.get_by_label("stride").fill("2")
    conv_stepper.get_by_label("stride").blur()
    expect(conv_stepper).to_contain_text("⌊(4 + 2·1 − 2)/2⌋ + 1 = 3")
    conv_stepper.get_by_label("padding").select_option("valid")
    assert len(entries(conv_stepper)) == 4
    expect(sentence(conv_stepper)).to_contain_text("y[1, 1]")  # the last there is
    conv_stepper.get_by_label("dilation").fill("3")
    conv_stepper.get_by_label("dilation").blur()
    expect(sentence(conv_stepper)).to_have_text(
        "y[0, 0] = 1·1 + 4·2 + 13·3 + 16·4 = 112"
    )
    conv_stepper.get_by_label("bias").fill("-0.5")
    conv_stepper.get_by_label("bias").blur()
    expect(sentence(conv_stepper)).to_contain_text("− 0.5 (bias) = 111.5")


def test_a_bad_setting_is_marked_and_the_last_good_value_counts(conv_stepper):
    stride = conv_stepper.get_by_label("stride")
    for text in ("0", "7", "1.5", ""):
        stride.fill(text)
        stride.blur()
        expect(stride).to_have_attribute("aria-invalid", "true")
        expect(conv_stepper.get_by_role("status")).to_contain_text(
            "whole number from 1 to 6"
        )
        assert len(entries(conv_stepper)) == 9
    button(conv_stepper, "Reset").click()
    expect(stride).to_have_value("1")
    expect(conv_stepper.get_by_role("status")).to_be_empty()


def test_flipping_turns_the_weights_in_the_window_not_the_kernel(conv_stepper):
    conv_stepper.get_by_label(re.compile("^flip")).check()
    assert conv_stepper.locator(".x .in .tap").all_inner_texts() == [
        *("×4", "×3", "×2", "×1")
    ]
    expect(cell(conv_stepper, "kernel w[0, 0]")).to_have_value("1")
    expect(conv_stepper.get_by_text("laid on turned by 180°")).to_be_visible()
    expect(sentence(conv_stepper)).to_contain_text("7·4 + 8·3 + 11·2 + 12·1 = 86")


def test_dilation_spreads_the_taps_and_stops_at_its_limit(conv_stepper):
    dilation = conv_stepper.get_by_label("dilation")
    dilation.fill("3")
    dilation.blur()
    assert entries(conv_stepper) == ["112"]
    assert conv_stepper.locator(".x .in input").evaluate_all(
        "inputs => inputs.map(input => input.value)"
    ) == ["1", "4", "13", "16"]
    dilation.fill("4")
    dilation.blur()
    expect(conv_stepper.get_by_role("status")).to_contain_text("from 1 to 3")
    assert entries(conv_stepper) == ["112"]


def test_nothing_moves_while_stepping(conv_stepper):
    def boxes():
        return conv_stepper.evaluate(
            """root => [root, ...root.querySelectorAll(".cs-panel, .bar, .sizes, .sum")]
            .map(node => { const b = node.getBoundingClientRect(),
                                 a = root.getBoundingClientRect();
                           return [b.x - a.x, b.y - a.y, b.width, b.height]; })"""
        )

    still = boxes()
    scrub = conv_stepper.get_by_label("Position")
    scrub.focus()
    press(conv_stepper, "Home")
    for _ in range(10):
        assert boxes() == still
        press(conv_stepper, "ArrowRight")


def test_every_control_has_a_name_and_is_large_enough_to_touch(conv_stepper):
    controls = conv_stepper.locator("button, input, select")
    for control in controls.all():
        name = control.evaluate(
            "c => c.getAttribute('aria-label') || c.labels?.[0]?.innerText"
            " || c.innerText"
        )
        assert name
        box = control.bounding_box()
        if control.get_attribute("type") == "checkbox":
            continue  # its label is as large
        assert box["width"] >= 32, name
        assert box["height"] >= 32, name


def test_a_kernel_that_does_not_fit_is_said_and_padding_mends_it(hosted):
    figure = hosted(ConvStepper([[1, 2, 3], [4, 5, 6]], [[1] * 4] * 4))
    expect(sentence(figure)).to_contain_text("kernel is 4 × 4, the input only 2 × 3")
    for name in ("Back", "Play", "Step"):
        expect(button(figure, name)).to_have_attribute("aria-disabled", "true")
    expect(figure.get_by_label("Position")).to_be_disabled()
    expect(button(figure, "Reset")).to_be_enabled()
    figure.get_by_label("padding").select_option("1")
    expect(figure.locator(".y button")).to_have_count(2)
    button(figure, "Step").click()
    expect(sentence(figure)).to_contain_text("sum over 16 products: 21")
    figure.get_by_label("padding").select_option("valid")
    expect(sentence(figure)).to_contain_text("does not fit")


def test_channels_have_their_own_grids_products_and_sums(hosted):
    x = [[[1, 2, 3], [4, 5, 6], [7, 8, 9]]] * 3
    w = [[[1, 0], [0, 0]], [[0, 0], [0, -1]], [[1, 1], [1, 1]]]
    figure = hosted(ConvStepper(x, w, bias=10, position=0))
    assert figure.locator(".p .cs-title").all_inner_texts() == [
        *("products, sum 1", "products, sum −5", "products, sum 12")
    ]
    expect(sentence(figure)).to_have_text(
        "y[0, 0] = sum over 3 channels: 1 − 5 + 12 + 10 (bias) = 18"
    )
    cell(figure, "kernel w[1, 1, 1]").fill("2")
    cell(figure, "kernel w[1, 1, 1]").blur()
    expect(sentence(figure)).to_contain_text("1 + 10 + 12 + 10 (bias) = 33")
    assert figure.page.evaluate("saved.kernel[1]") == [[0, 0], [0, 2]]


def test_edits_reach_the_model_and_every_view_of_it(hosted):
    figure = hosted(ConvStepper([[1, 2], [3, 4]], [[1, 1]]))
    other = figure.page.locator(".cnn-conv-stepper").nth(1)
    cell(figure, "input x[0, 0]").fill("2,5")
    cell(figure, "input x[0, 0]").blur()
    assert figure.page.evaluate("saved.image") == [[2.5, 2], [3, 4]]
    expect(cell(other, "input x[0, 0]")).to_have_value("2.5")
    button(other, "Back").click()
    assert figure.page.evaluate("saved.position") == 0
    assert entries(figure) == entries(other) == ["4.5", ""]
    figure.page.evaluate("model.set('kernel', [[1, 2, 3]])")  # as Python would
    expect(sentence(figure)).to_contain_text("does not fit")
    figure.page.evaluate("model.set('kernel', [[1], [1]])")
    assert entries(figure) == entries(other) == ["5.5", ""]


def test_cleaning_up_removes_every_listener_timer_and_node(hosted):
    figure = hosted(ConvStepper([[1, 2], [3, 4]], [[1]], position=-1))
    page = figure.page
    button(figure, "Play").click()
    page.evaluate("views.forEach((undo) => undo())")
    assert page.evaluate("heard()") == 0
    assert page.locator(".cnn-conv-stepper").count() == 0
    before = page.evaluate("model.get('position')")
    page.wait_for_timeout(900)
    assert page.evaluate("model.get('position')") == before


@pytest.mark.parametrize("width", [240, 300, 390, 760])
def test_nothing_overflows_at_any_width(hosted, width):
    for widget in (
        ConvStepper([[998.75] * 12] * 12, [[-0.1234] * 7] * 7, padding="full"),
        ConvStepper([[[1] * 4] * 4] * 3, [[[1, -1]] * 2] * 3, bias=0.25),
    ):
        page = hosted(widget).page
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for area in page.locator(".scroll").all():
            if area.evaluate("a => a.scrollWidth > a.clientWidth"):
                assert area.locator("[tabindex='0']").count() or (
                    area.get_attribute("tabindex") == "0"
                )


def test_reduced_motion_stops_the_gliding_not_the_steps(hosted):
    figure = hosted(ConvStepper([[1, 2], [3, 4]], [[1]], position=0))
    window = figure.locator(".window")
    button(figure, "Step").click()
    assert window.evaluate("w => getComputedStyle(w).transitionDuration") == "0.22s"
    figure.page.emulate_media(reduced_motion="reduce")
    assert window.evaluate("w => getComputedStyle(w).transitionDuration") == "0s"
    button(figure, "Play").click()
    expect(sentence(figure)).to_contain_text("= 3")


def test_a_grid_wider_than_the_screen_keeps_the_window_in_sight(hosted):
    figure = hosted(ConvStepper([[100] * 12] * 12, [[1, 2]], position=0))
    figure.page.set_viewport_size({"width": 300, "height": 900})
    figure.locator(".y button").first.focus()
    press(figure, *["ArrowRight"] * 10)
    window, area = figure.locator(".window"), figure.locator(".x .scroll")
    figure.page.wait_for_timeout(400)  # the window glides
    seen, frame = window.bounding_box(), area.bounding_box()
    assert frame["x"] <= seen["x"]
    assert seen["x"] + seen["width"] <= frame["x"] + frame["width"] + 3


def test_nothing_moves_where_a_longer_sum_wraps(hosted):
    # the first sum fits one line of a phone, the last one needs four
    x = [[1, 1, 1], [1, 1, 1], [1, 1, 1], [-99.25, -99.25, -99.25], [-88.5] * 3]
    figure = hosted(ConvStepper(x, [[1, -0.125, 1]] * 3, position=-1))
    line = figure.locator(".line")
    height = line.bounding_box()["height"]
    assert height > 60
    for _ in range(3):
        button(figure, "Step").click()
        assert line.bounding_box()["height"] == height
        text = sentence(figure)
        assert text.evaluate("p => p.scrollHeight <= p.clientHeight")
