"""The layer stack in the browser, on the site and in JupyterLab.

Whatever the page starts with, the tests begin at the LeNet-like stack on 28 × 28.
"""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from cnncourse.widgets.layer_stack import LayerStack

LENET = "LeNet-like: conv 5 × 5, pool, conv 5 × 5, pool"
SEES = "Output (2, 2) of layer 4 sees rows 8 to 23 and columns 8 to 23 of the input"


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def entry(figure, name):
    return figure.locator(".ls-fields").get_by_label(name, exact=True)


def slider(figure, name):
    return figure.get_by_role("slider", name=name, exact=True)


def sentence(figure):
    return figure.locator(".ls-sentence")


def message(figure):
    return figure.locator(".ls-message")


def chooser(figure):
    return figure.get_by_label("Stack", exact=True)


def chosen(figure):
    return chooser(figure).locator("option:checked").inner_text()


def line(figure, n):
    """The n-th layer's row of the table, the input's is 0."""
    return figure.locator("tbody tr").nth(n)


def facts(figure, n):
    """Output, parameters, multiply-adds, field, jump and first centre of a layer."""
    return line(figure, n).locator("td").all_inner_texts()[1:]


def totals(figure):
    return [text for text in figure.locator("tfoot td").all_inner_texts() if text]


def press(figure, *keys):
    for key in keys:
        figure.page.keyboard.press(key)


def boxes(figure, parts):
    """Where in the figure its parts stand, wherever the page is scrolled to."""
    return figure.evaluate(
        """(root, parts) => [...root.querySelectorAll(parts)].map((part) => {
          const box = part.getBoundingClientRect();
          const corner = root.getBoundingClientRect();
          return [box.x - corner.x, box.y - corner.y, box.width, box.height]
            .map((n) => Math.round(10 * n) / 10);
        })""",
        parts,
    )


@pytest.fixture
def lenet(layer_stack):
    line(layer_stack, 0).locator("button").click()
    for name, value in (("channels", "1"), ("height", "28"), ("width", "28")):
        entry(layer_stack, name).fill(value)
    chooser(layer_stack).select_option(label=LENET)
    yield layer_stack
    button(layer_stack, "Reset").click()


def test_before_any_touch_it_shows_a_table_a_field_and_a_sentence(layer_stack):
    expect(sentence(layer_stack)).to_contain_text(re.compile(r"sees rows? .*pixel"))
    expect(layer_stack.locator("thead th")).to_have_text(
        [
            *("Layer", "Map", "Output", "Parameters"),
            *("Multiply-adds", "Field", "Jump", "First centre"),
        ]
    )
    assert layer_stack.locator(".ls-inner").get_attribute("d")
    assert layer_stack.locator(".ls-tint").get_attribute("d")
    expect(layer_stack.locator(".ls-workings")).to_contain_text("⌋ + 1 = ")


def test_the_table_has_every_number_of_every_layer(lenet):
    assert [facts(lenet, n) for n in range(5)] == [
        ["1 × 28 × 28", "", "", "1", "1", "0"],
        ["8 × 24 × 24", "208", "115,200", "5", "1", "2"],
        ["8 × 12 × 12", "0", "0", "6", "2", "2.5"],
        ["16 × 8 × 8", "3,216", "204,800", "14", "2", "6.5"],
        ["16 × 4 × 4", "0", "0", "16", "4", "7.5"],
    ]
    assert totals(lenet) == ["3,424", "320,000"]
    expect(line(lenet, 5)).to_be_hidden()
    expect(sentence(lenet)).to_have_text(f"{SEES}: 16 × 16 pixels.")
    expect(line(lenet, 2).locator("svg")).to_have_attribute(
        "aria-label", "12 × 12 cells, 6 × 6 of them lead to the chosen output"
    )


def test_choosing_a_layer_keeps_the_place_and_shows_its_numbers(lenet):
    line(lenet, 3).locator("td").first.click()
    expect(line(lenet, 3).locator("button")).to_have_attribute("aria-pressed", "true")
    expect(sentence(lenet)).to_contain_text(re.compile(r"of layer 3 sees rows"))
    expect(lenet.locator(".ls-workings")).to_contain_text("16·(8·5·5 + 1) = 3,216")
    expect(lenet.locator(".ls-workings")).to_contain_text("6 + (5 − 1)·2 = 14")
    expect(entry(lenet, "kernels")).to_have_value("16")
    numbers = [int(n) for n in re.findall(r"\d+", sentence(lenet).inner_text())]
    middle = (numbers[3] + numbers[4]) / 2
    assert abs(middle - 15.5) <= 1  # the middle of rows 8 to 23
    line(lenet, 3).locator("button").focus()
    press(lenet, "ArrowUp", "ArrowUp")
    expect(line(lenet, 1).locator("button")).to_be_focused()
    expect(sentence(lenet)).to_contain_text("of layer 1 sees")
    press(lenet, "ArrowUp")
    expect(sentence(lenet)).to_contain_text("of the input sees row")
    expect(entry(lenet, "height")).to_have_value("28")
    expect(entry(lenet, "kernels")).to_be_hidden()


def test_sliders_choose_the_output(lenet):
    slider(lenet, "row").focus()
    press(lenet, "End")
    expect(sentence(lenet)).to_contain_text(
        "Output (3, 2) of layer 4 sees rows 12 to 27"
    )
    slider(lenet, "column").focus()
    press(lenet, "Home")
    expect(sentence(lenet)).to_contain_text("columns 0 to 15")
    expect(slider(lenet, "column")).to_have_attribute(
        "aria-valuetext", "0, from 0 to 3"
    )
    assert lenet.locator(".ls-inner").get_attribute("d") == "M0 12h16v16h-16z"


def test_a_click_on_the_map_and_arrow_keys_choose_the_output(lenet):
    pad = lenet.locator(".ls-press")
    width = pad.bounding_box()["width"]
    pad.click(position={"x": width * 0.9, "y": width * 0.1})
    expect(sentence(lenet)).to_contain_text("Output (0, 3) of layer 4")
    pad.focus()
    press(lenet, "ArrowDown", "ArrowLeft")
    expect(sentence(lenet)).to_contain_text("Output (1, 2) of layer 4")
    press(lenet, "End", "ArrowRight", "ArrowDown")  # nowhere to go
    expect(sentence(lenet)).to_contain_text("Output (3, 3) of layer 4")
    press(lenet, "Home", "Enter")  # a button, but Enter must not jump
    expect(sentence(lenet)).to_contain_text("Output (0, 0) of layer 4")
    expect(pad).to_have_accessible_name(re.compile("chosen: row 0, column 0"))


def test_a_click_on_the_input_chooses_the_output_that_looks_there(lenet):
    sheet = lenet.locator(".ls-input")
    unit = sheet.bounding_box()["width"] / 28
    sheet.click(position={"x": 8.2 * unit, "y": 19.5 * unit})  # centres: 8, 12, 16, 20
    expect(sentence(lenet)).to_contain_text("Output (3, 0) of layer 4")
    sheet.click(position={"x": 27.9 * unit, "y": 0.1 * unit})
    expect(sentence(lenet)).to_contain_text("Output (0, 3) of layer 4")
    line(lenet, 0).locator("button").click()
    sheet.click(position={"x": 27.9 * unit, "y": 0.1 * unit})
    expect(sentence(lenet)).to_contain_text("Pixel (0, 27) of the input")


def test_an_edit_computes_while_typing_and_becomes_custom(lenet):
    line(lenet, 1).locator("button").click()
    entry(lenet, "size").click()
    press(lenet, "Control+a", "3")
    expect(entry(lenet, "size")).to_be_focused()
    assert facts(lenet, 1)[:4] == ["8 × 26 × 26", "80", "48,672", "3"]
    assert chosen(lenet) == "Custom"
    entry(lenet, "pad").fill("1")
    assert facts(lenet, 1)[0] == "8 × 28 × 28"
    assert facts(lenet, 4)[0] == "16 × 5 × 5"
    assert line(lenet, 1).locator("button").inner_text().replace("\u00a0", " ") == (
        "1 conv 3 × 3, 8 kernels, pad 1"
    )


@pytest.mark.parametrize("text", ["", "0", "16", "2.5", "-1"])
def test_a_bad_number_is_marked_and_the_last_good_one_counts(lenet, text):
    line(lenet, 1).locator("button").click()
    size = entry(lenet, "size")
    size.fill(text)
    size.blur()
    expect(size).to_have_attribute("aria-invalid", "true")
    expect(size).to_have_value(text)
    expect(message(lenet)).to_have_text(
        "The size must be a whole number from 1 to 15. "
        "The last good value still counts."
    )
    assert facts(lenet, 1)[0] == "8 × 24 × 24"
    entry(lenet, "stride").fill("2")  # another edit leaves the text as it is
    expect(size).to_have_value(text)
    assert facts(lenet, 1)[0] == "8 × 12 × 12"
    size.fill("7")
    expect(size).not_to_have_attribute("aria-invalid", "true")
    expect(message(lenet)).to_be_empty()
    assert facts(lenet, 1)[0] == "8 × 11 × 11"


def test_layers_are_added_moved_and_removed(lenet):
    line(lenet, 2).locator("button").click()
    button(lenet, "Add convolution").click()
    expect(message(lenet)).to_have_text("Layer 3 is new: a convolution.")
    expect(line(lenet, 3).locator("button")).to_have_attribute("aria-pressed", "true")
    assert facts(lenet, 3) == ["8 × 10 × 10", "584", "57,600", "10", "2", "4.5"]
    button(lenet, "Move up").click()
    expect(message(lenet)).to_have_text("Layer 3 is now layer 2.")
    assert facts(lenet, 2)[0] == "8 × 22 × 22"
    button(lenet, "Move down").click()
    assert facts(lenet, 3)[0] == "8 × 10 × 10"
    button(lenet, "Remove").click()
    expect(message(lenet)).to_have_text("Layer 3 is removed.")
    assert facts(lenet, 3)[0] == "16 × 8 × 8"
    assert chosen(lenet) == LENET  # the same stack again
    line(lenet, 0).locator("button").click()
    button(lenet, "Add pooling").click()
    assert facts(lenet, 1)[0] == "1 × 14 × 14"


def test_what_cannot_be_done_keeps_the_focus_and_says_why(lenet):
    down = button(lenet, "Move down")
    expect(down).to_have_attribute("aria-disabled", "true")
    down.focus()
    press(lenet, "Enter")
    expect(message(lenet)).to_have_text("It is the last layer.")
    expect(down).to_be_focused()
    add = button(lenet, "Add pooling")
    for _ in range(6):
        add.click()
    expect(add).to_have_attribute("aria-disabled", "true")
    add.focus()
    press(lenet, "Space")
    expect(message(lenet)).to_have_text("10 layers are the most. Remove one first.")
    expect(line(lenet, 10)).to_be_visible()
    for _ in range(10):
        button(lenet, "Remove").click()
    expect(line(lenet, 1)).to_be_hidden()
    expect(button(lenet, "Remove")).to_be_focused()
    press(lenet, "Enter")
    expect(message(lenet)).to_contain_text("the input is always there")
    assert totals(lenet) == ["0", "0"]


def test_a_stack_that_does_not_fit_is_said_in_words_and_rows_stay_blank(lenet):
    line(lenet, 2).locator("button").click()
    entry(lenet, "stride").fill("8")  # 24 pixels become 3
    entry(lenet, "stride").blur()
    said = "Layer 3 does not fit: its window covers 5 × 5 pixels, only 3 × 3 are left."
    expect(sentence(lenet)).to_contain_text(said)
    expect(sentence(lenet)).to_contain_text("of layer 2 sees")
    assert facts(lenet, 3) == ["does not fit", *[""] * 5]
    assert facts(lenet, 4) == [""] * 6
    expect(lenet.locator("tfoot th")).to_have_text("layers that fit")
    assert totals(lenet) == ["208", "115,200"]
    line(lenet, 3).locator("button").click()  # it can be mended where it stands
    entry(lenet, "size").fill("3")
    expect(sentence(lenet)).not_to_contain_text("Layer 3 does not fit")
    assert facts(lenet, 3)[0] == "16 × 1 × 1"
    expect(sentence(lenet)).to_contain_text("Layer 4 does not fit: its window covers 2")


@pytest.mark.parametrize(
    ("name", "field", "parameters"),
    [
        ("three 3 × 3 convolutions", "7", "30"),
        ("one 7 × 7 convolution", "7", "50"),
        ("3 × 3 with dilation 1, 2, 4", "15", "30"),
        ("the beginning of VGG", "16", "259,008"),
    ],
)
def test_each_preset_has_its_field_and_its_cost(lenet, name, field, parameters):
    chooser(lenet).select_option(label=name)
    last = lenet.locator("tbody tr:visible").count() - 1
    assert facts(lenet, last)[3] == field
    assert totals(lenet)[0] == parameters
    expect(line(lenet, last).locator("button")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_preset_never_loses_an_edit_and_reset_goes_back(lenet):
    line(lenet, 1).locator("button").click()
    entry(lenet, "kernels").fill("9")
    chooser(lenet).select_option(label="one 7 × 7 convolution")
    expect(message(lenet)).to_have_text("Your stack is kept as “Custom 1”.")
    button(lenet, "Add pooling").click()
    chooser(lenet).select_option(label="Custom 1")
    expect(message(lenet)).to_have_text("Your stack is kept as “Custom 2”.")
    assert facts(lenet, 1)[:2] == ["9 × 24 × 24", "234"]
    assert chosen(lenet) == "Custom 1"
    chooser(lenet).select_option(label="Custom 2")
    assert facts(lenet, 2)[0] == "1 × 11 × 11"
    button(lenet, "Reset").click()
    assert "Custom" not in chooser(lenet).inner_text()
    expect(message(lenet)).to_be_empty()


def test_the_centres_of_the_outputs_are_a_jump_apart(lenet):
    dots = lenet.locator(".ls-dots").get_attribute("d").split("M")[1:]
    places = [tuple(map(float, dot.removesuffix("h0").split())) for dot in dots]
    assert places == [(x, y) for y in (8, 12, 16, 20) for x in (8, 12, 16, 20)]
    expect(lenet.locator(".ls-legend")).to_contain_text("4 pixels apart")
    assert lenet.locator(".ls-spot").get_attribute("d") == "M16 16h0"
    line(lenet, 1).locator("button").click()  # 576 dots would hide the picture
    assert lenet.locator(".ls-dots").get_attribute("d") == ""
    expect(lenet.locator(".ls-legend")).not_to_contain_text("apart")


def test_padding_is_hatched_dashed_and_said(lenet):
    expect(lenet.locator(".ls-padded")).to_have_count(0)
    chooser(lenet).select_option(label="the beginning of VGG")
    expect(lenet.locator(".ls-padded")).to_have_count(1)
    expect(lenet.locator(".ls-legend")).to_contain_text("outside the input")
    assert lenet.locator(".ls-all").get_attribute("d") == ""
    slider(lenet, "column").focus()
    press(lenet, "End")
    expect(sentence(lenet)).to_contain_text(
        "columns 18 to 33 of the input: 16 × 16 pixels, "
        "6 of the columns lie outside, in the padding."
    )
    assert lenet.locator(".ls-all").get_attribute("d") == "M18 6h16v16h-16z"
    assert lenet.locator(".ls-inner").get_attribute("d") == "M18 6h10v16h-10z"


def test_gaps_of_a_dilation_stay_free_of_tint(lenet):
    chooser(lenet).select_option(label="3 × 3 with dilation 1, 2, 4")
    line(lenet, 1).locator("button").click()
    for _ in range(2):
        button(lenet, "Remove").click()
    line(lenet, 1).locator("button").click()  # dilation 4 alone is left
    expect(sentence(lenet)).to_contain_text(
        "Of the 81 pixels inside the input only 9 can change it"
    )
    assert lenet.locator(".ls-tint").get_attribute("d").count("M") == 9


def test_nothing_moves_while_the_output_changes(lenet):
    parts = ".ls-panel, .ls-legend, .ls-bar, .ls-sentence, .ls-layers, .ls-editor, td"
    for name in (LENET, "the beginning of VGG"):
        chooser(lenet).select_option(label=name)
        slider(lenet, "row").focus()
        press(lenet, "Home")
        before = boxes(lenet, parts)
        for _ in range(7):
            press(lenet, "ArrowRight")
            assert boxes(lenet, parts) == before


def test_every_control_has_a_name_and_is_large_enough_to_touch(lenet):
    for control in lenet.locator("button:visible, input:visible, select").all():
        name = control.evaluate(
            "c => c.getAttribute('aria-label') || c.labels?.[0]?.innerText"
            " || c.innerText"
        )
        assert name
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 32, name
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true", name


# --- on a bare page, without a kernel -------------------------------------------

CONV = {"kind": "conv", "kernels": 1024, "size": 15, "stride": 1, "dilation": 2}
HUGE = [{**CONV, "pad": 7, "dilation": 8}] * 3 + [{**CONV, "pad": 7}] * 7


def test_edits_reach_the_model_and_every_view_of_it(hosted):
    widget = LayerStack()
    figure = hosted(widget)
    page, other = figure.page, figure.page.locator(".cnn-layer-stack").nth(1)
    entry(figure, "size").fill("3")
    assert page.evaluate("saved.layers[3].size") == 3
    assert facts(other, 4)[0] == "16 × 3 × 3"
    expect(entry(other, "size")).to_have_value("3")
    assert page.evaluate("saved.cell") == [2, 2]
    entry(figure, "size").fill("8")  # one output is left: the choice follows
    assert page.evaluate("saved.cell") == [0, 0]
    state = page.evaluate("saved")
    names = ("layers", "input_shape", "layer", "cell", "_own")
    widget.set_state({name: state[name] for name in names})  # Python takes it
    assert widget.table()[-1]["shape"] == (16, 1, 1)
    page.evaluate("model.set('layers', model.get('layers').slice(0, 1))")  # from Python
    expect(sentence(figure)).to_contain_text("of layer 1 sees")
    expect(line(other, 2)).to_be_hidden()


def test_the_picture_is_painted_and_gives_way_to_a_grid(hosted):
    a = np.random.default_rng(5).random((9, 12))
    figure = hosted(LayerStack([], (1, 9, 12), picture=a))
    canvas = figure.locator("canvas")
    data = canvas.evaluate(
        "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    shown = np.reshape(data, (9, 12, 4))
    np.testing.assert_allclose(shown[..., 0], 255 * a, atol=1)
    np.testing.assert_array_equal(shown[..., 3], 255)
    entry(figure, "height").fill("10")
    expect(canvas).to_be_hidden()
    expect(figure.locator(".ls-legend")).to_contain_text("The picture is 9 × 12")
    expect(figure.locator(".ls-grid.ls-empty")).to_have_count(1)


def test_cleaning_up_removes_every_listener_and_node(hosted):
    figure = hosted(LayerStack())
    page, left = figure.page, button(figure, "Remove").element_handle()
    page.evaluate("views.forEach((undo) => undo())")
    assert page.evaluate("heard()") == 0
    left.evaluate("(tool) => tool.click()")
    assert page.evaluate("model.get('layers').length") == 4
    assert page.locator(".cnn-layer-stack").count() == 0


@pytest.mark.parametrize("width", [300, 360, 480, 760])
def test_nothing_overflows_at_any_width(hosted, width):
    for widget in (LayerStack(), LayerStack(HUGE, (1024, 512, 300))):
        figure = hosted(widget)
        page = figure.page
        page.set_viewport_size({"width": width + 16, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width + 16
        scroll = figure.locator(".ls-scroll")
        wide = scroll.evaluate("(s) => s.scrollWidth > s.clientWidth")
        expect(scroll).to_have_attribute("tabindex", "0" if wide else "-1")
        for part in (".ls-name", ".ls-title", ".ls-about", ".ls-key", "label"):
            size = figure.locator(part).first.evaluate(
                "(part) => parseFloat(getComputedStyle(part).fontSize)"
            )
            assert size >= 13, part


def test_the_largest_stack_is_drawn_and_follows_the_keys(hosted):
    figure = hosted(LayerStack(HUGE, (1024, 512, 512)))
    figure.evaluate(
        """(root) => { const press = root.querySelector(".ls-press");
          for (const key of ["Home", "ArrowRight", "End", "ArrowLeft"])
            press.dispatchEvent(
              new KeyboardEvent("keydown", { key, bubbles: true })); }"""
    )
    expect(sentence(figure)).to_contain_text("of the columns lie outside")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [316, 790])
def test_axe_finds_nothing(hosted, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    figure = hosted(LayerStack([*LayerStack().layers, {**CONV, "pad": 0}]))
    page = figure.page
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(
        "(theme) => { document.documentElement.dataset.theme = theme; }", theme
    )
    line(figure, 1).locator("button").click()
    entry(figure, "size").fill("0")
    entry(figure, "size").blur()
    report = Axe().run(page, context=".cnn-layer-stack")
    faults = [
        f"{v['id']}: {v['nodes'][0]['target']}" for v in report.response["violations"]
    ]
    assert not faults
