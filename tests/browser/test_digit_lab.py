"""The digit lab in the browser, on the site and in JupyterLab.

Its page starts with the networks and the examples that come with the package.
"""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from cnncourse.widgets import digit_lab_net as nets
from cnncourse.widgets.digit_lab import DigitLab

SETTLED = """() => new Promise((go) =>
  requestAnimationFrame(() => requestAnimationFrame(go)))"""
NETWORKS = ["dense", "CNN", "CNN, global max"]


@pytest.fixture(scope="module")
def twin():
    """The same figure in Python, which computes what the browser should show."""
    return DigitLab()


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def slider(figure, name):
    return figure.get_by_role("slider", name=name, exact=True)


def field(figure, name):
    return figure.locator(".dl-pick").get_by_label(name, exact=True)


def status(figure):
    return figure.locator(".dl-status")


def layer(figure, n):
    """The maps of layer n, 0 is the input."""
    return figure.locator(".dl-frame").nth(n)


def total(figure):
    return figure.locator(".dl-total")


def network(figure, name):
    return figure.get_by_role("radio", name=name, exact=True)


def choose(figure, name):
    network(figure, name).evaluate("(input) => input.click()")


def pixels(figure, name):
    """The board ("board") or what the networks see ("seen"), (28, 28) from 0 to 255."""
    figure.evaluate(SETTLED)
    data = figure.locator(f".dl-{name} canvas").evaluate(
        "(c) => [...c.getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    return np.reshape(data, (28, 28, 4))[..., 0]


def press(figure, *keys):
    for key in keys:
        figure.page.keyboard.press(key)


def number(text):
    return float(text.replace("−", "-"))


def cells(figure, grid):
    figure.evaluate(SETTLED)
    told = figure.locator(f".dl-grid.dl-{grid}").first.get_attribute("aria-label")
    return np.array(re.findall(r"-?\d+\.\d+", told.replace("−", "-")), float)


def answers(figure, k):
    """The ten shares of network k as shown, from the length of their bars."""
    figure.evaluate(SETTLED)
    return figure.evaluate(
        """(root, k) => [...root.querySelectorAll(".dl-answers tbody tr")].map((row) =>
          parseFloat(row.querySelectorAll(".dl-fill")[k].style.width) / 100)""",
        k,
    )


def expected(twin, **moves):
    """The shares of the three networks for the twin's first example, moved."""
    x = nets.moved(twin.pictures[twin._start["example"]], **moves)[None]
    return [nets.shares(net["layers"], x)[0] for net in twin._nets]


def stroke(figure, *places):
    """Draw with the mouse from place to place, given as shares of the board."""
    board = figure.locator(".dl-board canvas")
    board.scroll_into_view_if_needed()
    box, mouse = board.bounding_box(), figure.page.mouse
    for n, (down, across) in enumerate(places):
        mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        if n == 0:
            mouse.down()
    mouse.up()


def test_before_any_touch_the_dense_network_alone_is_wrong(digit_lab, twin):
    label = twin._start["example"]
    expect(status(digit_lab)).to_have_text(
        re.compile(rf"^dense: .*The digit is a {label}: “dense” is wrong\.$")
    )
    verdicts = digit_lab.locator(".dl-verdict").all_inner_texts()
    assert ["wrong" in v for v in verdicts] == [True, False, False]
    expect(digit_lab).to_contain_text("The start was picked")
    moves = {name: twin._start[name] for name in ("right", "down")}
    for k, wanted in enumerate(expected(twin, **moves)):
        np.testing.assert_allclose(answers(digit_lab, k), wanted, atol=1e-4)
    assert layer(digit_lab, 1).locator("canvas").get_attribute("aria-label")


def test_each_slider_moves_the_picture_and_all_answers_follow(digit_lab, twin):
    button(digit_lab, "Move back").click()
    expect(status(digit_lab)).to_contain_text("all are right")
    rest = {"right": 0, "down": 0, "angle": 0, "scale": 1}
    for label, name, value in (
        ("Shift right", "right", -8),
        ("Shift down", "down", 5),
        ("Turn", "angle", 45),
        ("Scale", "scale", 0.6),
    ):
        slider(digit_lab, label).fill(str(value))
        moves = {**rest, name: value}
        x = nets.moved(twin.pictures[twin._start["example"]], **moves)
        np.testing.assert_allclose(pixels(digit_lab, "seen"), 255 * x, atol=1)
        for k, wanted in enumerate(expected(twin, **moves)):
            np.testing.assert_allclose(answers(digit_lab, k), wanted, atol=1e-4)
        button(digit_lab, "Move back").click()
    expect(button(digit_lab, "Move back")).to_have_attribute("aria-disabled", "true")


def test_sliders_obey_the_keyboard_and_tell_their_units(digit_lab):
    button(digit_lab, "Move back").click()
    slider(digit_lab, "Shift right").focus()
    press(digit_lab, "ArrowRight", "ArrowRight", "ArrowRight")
    expect(slider(digit_lab, "Shift right")).to_have_attribute(
        "aria-valuetext", re.compile(r"\+3\spx")
    )
    slider(digit_lab, "Turn").focus()
    press(digit_lab, "Home")
    expect(slider(digit_lab, "Turn")).to_have_attribute("aria-valuetext", "−45°")


def test_an_example_can_be_chosen_and_keeps_the_moves(digit_lab, twin):
    button(digit_lab, "Example digit 3").click()
    expect(button(digit_lab, "Example digit 3")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(status(digit_lab)).to_contain_text("The digit is a 3")
    board = pixels(digit_lab, "board")
    np.testing.assert_allclose(board, 255 * twin.pictures[3], atol=1)
    down = slider(digit_lab, "Shift down")
    expect(down).to_have_value(str(twin._start["down"]))


def test_a_mouse_draws_a_one_that_all_networks_read(digit_lab):
    button(digit_lab, "Clear the board").click()
    expect(status(digit_lab)).to_contain_text("The board is empty")
    assert pixels(digit_lab, "board").max() == 0
    stroke(digit_lab, (0.1, 0.2), (0.2, 0.2), (0.35, 0.2), (0.5, 0.2))
    board, seen = pixels(digit_lab, "board"), pixels(digit_lab, "seen")
    assert board[5:12, 5].min() == 255
    assert board[:, 9:].max() == 0
    rows, columns = np.nonzero(seen)
    assert np.ptp(rows) == 19, "the ink is scaled to 20 pixels"
    assert abs((columns * seen[rows, columns]).sum() / seen.sum() - 14) <= 0.5
    best = [int(np.argmax(answers(digit_lab, k))) for k in range(3)]
    assert best == [1, 1, 1]
    expect(status(digit_lab)).not_to_contain_text("The digit is")
    assert digit_lab.locator(".dl-example[aria-pressed=true]").count() == 0


def test_without_centring_the_networks_see_the_board_as_it_is(digit_lab):
    button(digit_lab, "Clear the board").click()
    stroke(digit_lab, (0.1, 0.2), (0.3, 0.2), (0.5, 0.2))
    centre = digit_lab.get_by_label("centre the ink as MNIST does")
    expect(centre).to_be_checked()
    with_centring = answers(digit_lab, 0)
    centre.uncheck()
    np.testing.assert_array_equal(pixels(digit_lab, "seen"), pixels(digit_lab, "board"))
    assert np.abs(np.subtract(answers(digit_lab, 0), with_centring)).max() > 0.01


def test_the_eraser_takes_ink_away(digit_lab):
    button(digit_lab, "Clear the board").click()
    stroke(digit_lab, (0.5, 0.2), (0.5, 0.8))
    assert pixels(digit_lab, "board")[13, 14] > 0
    digit_lab.get_by_label("erase", exact=True).check()
    stroke(digit_lab, (0.5, 0.4), (0.5, 0.6))
    board = pixels(digit_lab, "board")
    assert board[13, 14] == 0
    assert board[13, 6] > 0


def test_the_keyboard_draws_dots_lines_and_rubs_out(digit_lab):
    button(digit_lab, "Clear the board").click()
    board = digit_lab.get_by_role("application", name=re.compile("^Drawing board"))
    board.focus()
    stroke(digit_lab, (2.5 / 28, 2.5 / 28))  # the cursor goes where the mouse was
    press(digit_lab, "Delete")
    assert pixels(digit_lab, "board").max() == 0
    press(digit_lab, *["ArrowDown"] * 3, *["ArrowRight"] * 4, " ")
    ink = pixels(digit_lab, "board")
    assert np.argwhere(ink == 255).tolist() == [[5, 6]]
    press(digit_lab, "Enter", *["ArrowRight"] * 5, "Enter", *["ArrowDown"] * 6)
    ink = pixels(digit_lab, "board")
    assert np.argwhere(ink == 255).tolist() == [[5, c] for c in range(6, 12)]
    press(digit_lab, "Backspace")
    np.testing.assert_array_equal(pixels(digit_lab, "board"), ink)


def test_a_finger_draws(digit_lab):
    button(digit_lab, "Clear the board").click()
    digit_lab.locator(".dl-board").evaluate(
        """(board) => {
          const box = board.getBoundingClientRect();
          const send = (type, down, across) => board.dispatchEvent(
            new PointerEvent(type, { pointerId: 7, pointerType: "touch", button: 0,
              buttons: type === "pointerup" ? 0 : 1, bubbles: true, cancelable: true,
              clientX: box.left + across * box.width,
              clientY: box.top + down * box.height }));
          board.setPointerCapture = () => {};
          send("pointerdown", 0.5, 0.25);
          send("pointermove", 0.5, 0.75);
          send("pointerup", 0.5, 0.75);
          delete board.setPointerCapture;
        }"""
    )
    assert pixels(digit_lab, "board")[13:15, 8:20].min() > 0
    action = digit_lab.locator(".dl-board").evaluate(
        "(board) => getComputedStyle(board).touchAction"
    )
    assert action == "none"


@pytest.mark.parametrize(("n", "at"), [(1, (0.3, 0.4)), (3, (0.45, 0.6))])
def test_a_click_on_a_map_shows_the_sum_behind_that_pixel(digit_lab, twin, n, at):
    frame = layer(digit_lab, n)
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    frame.click(position={"x": at[1] * box["width"], "y": at[0] * box["height"]})
    cell = [
        int(field(digit_lab, name).input_value()) for name in ("map", "row", "column")
    ]
    net = next(net for net in twin._nets if net["name"] == "CNN")
    maps = nets.forward(net["layers"], twin.input[None])
    value = maps[n][0][tuple(cell)]
    said = total(digit_lab).inner_text()
    words = re.fullmatch(
        r"Map (\d+), row (\d+), column (\d+): sum of products (\S+) ([+−]) (\S+) "
        r"\(bias\) = (\S+); ReLU (keeps it|makes it 0): (\S+)\.",
        said,
    )
    assert words, said
    assert [int(words[k]) for k in (1, 2, 3)] == cell
    bias = number(words[6]) * (1 if words[5] == "+" else -1)
    assert number(words[4]) + bias == pytest.approx(number(words[7]), abs=0.1)
    assert number(words[9]) == pytest.approx(value, abs=0.06)
    assert max(number(words[7]), 0) == number(words[9])
    w, b = net["layers"][n - 1]["w"][cell[0]], net["layers"][n - 1]["b"][cell[0]]
    assert bias == pytest.approx(b, abs=0.006)
    channel = 0
    chips = digit_lab.locator(".dl-channel")
    assert chips.count() == (0 if n == 1 else len(w))
    if n > 1:
        sums = [number(t) for t in digit_lab.locator(".dl-number").all_inner_texts()]
        assert sum(sums) == pytest.approx(number(words[4]), abs=0.1)
        channel = int(np.argmax(np.abs(sums)))
        expect(chips.nth(channel)).to_have_attribute("aria-pressed", "true")
    i, j = cell[1:]
    patch = maps[n - 1][0][channel, i : i + 5, j : j + 5]
    np.testing.assert_allclose(cells(digit_lab, "window"), patch.ravel(), atol=0.006)
    np.testing.assert_allclose(
        cells(digit_lab, "kernel"), w[channel].ravel(), atol=6e-3
    )
    products = (patch * w[channel]).ravel()
    np.testing.assert_allclose(cells(digit_lab, "products"), products, atol=0.006)


def test_a_chip_shows_the_products_of_another_map_below_and_keeps_the_focus(digit_lab):
    field_box = layer(digit_lab, 3)
    field_box.focus()
    press(digit_lab, "Enter")
    chip = digit_lab.locator(".dl-channel").nth(2)
    chip.focus()
    press(digit_lab, "Enter")
    chip = digit_lab.locator(".dl-channel").nth(2)
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(chip).to_be_focused()
    shown = number(chip.locator(".dl-number").inner_text())
    assert cells(digit_lab, "products").sum() == pytest.approx(shown, abs=0.13)
    expect(digit_lab.locator(".dl-body")).to_contain_text("window in map 2 below")


def test_a_pool_shows_its_window_with_the_largest_number_framed(digit_lab):
    frame = layer(digit_lab, 2)
    frame.focus()
    press(digit_lab, "Enter")
    window = cells(digit_lab, "window")
    assert len(window) == 4
    framed = number(digit_lab.locator(".dl-largest").inner_text())
    assert framed == window.max()
    expect(total(digit_lab)).to_contain_text(re.compile("the largest number"))
    assert number(total(digit_lab).inner_text().split()[-1][:-1]) == framed


def test_arrow_keys_walk_over_a_map_and_to_the_next_one(digit_lab):
    frame = layer(digit_lab, 1)
    frame.focus()
    for name, value in (("map", 3), ("row", 5), ("column", 0)):
        field(digit_lab, name).fill(str(value))
    frame.focus()
    press(digit_lab, "ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft")
    expect(total(digit_lab)).to_contain_text("Map 3, row 6, column 1")
    press(digit_lab, "ArrowLeft", "ArrowLeft", "PageDown")
    expect(total(digit_lab)).to_contain_text("Map 4, row 6, column 0")
    press(digit_lab, *["PageUp"] * 6)
    expect(total(digit_lab)).to_contain_text("Map 0, row 6, column 0")
    expect(frame).to_have_attribute("aria-label", re.compile("chosen: map 0, row 6"))


def test_a_bad_number_is_marked_kept_and_explained(digit_lab):
    row = field(digit_lab, "row")
    row.fill("7")
    for text in ("24", "-1", "1.5", ""):
        row.fill(text)
        expect(row).to_have_attribute("aria-invalid", "true")
        expect(row).to_have_value(text)
        expect(digit_lab.locator(".dl-fault")).to_contain_text("from 0 to 23")
        expect(total(digit_lab)).to_contain_text("row 7")
    row.fill("23")
    expect(digit_lab.locator(".dl-fault")).to_have_text("")
    expect(total(digit_lab)).to_contain_text("row 23")


def test_a_dense_unit_lists_its_largest_terms_which_add_up(digit_lab):
    choose(digit_lab, "dense")
    layer(digit_lab, 2).focus()
    press(digit_lab, "Enter", "ArrowRight", "ArrowLeft")
    digit_lab.evaluate(SETTLED)
    rows = digit_lab.locator(".dl-sum tbody tr")
    values = [number(one.locator("td").last.inner_text()) for one in rows.all()]
    assert len(values) == 6 + 2  # the rest and the bias
    wanted = number(digit_lab.locator(".dl-sum tfoot td").last.inner_text())
    assert sum(values) == pytest.approx(wanted, abs=0.1)
    for one in rows.all()[:6]:
        x, w, product = [number(t) for t in one.locator("td").all_inner_texts()]
        assert x * w == pytest.approx(product, abs=0.01 + 0.01 * (abs(x) + abs(w)))
    choose(digit_lab, "CNN, global max")
    layer(digit_lab, 6).focus()
    press(digit_lab, "Enter")
    expect(total(digit_lab)).to_contain_text("largest number of the window")
    assert len(cells(digit_lab, "window")) == 49


def test_reset_brings_everything_back(digit_lab):
    html = "(root) => root.innerHTML"
    digit_lab.page.mouse.move(0, 0)
    button(digit_lab, "Reset").click()
    digit_lab.evaluate(SETTLED)
    before = digit_lab.evaluate(html)
    button(digit_lab, "Clear the board").click()
    stroke(digit_lab, (0.2, 0.2), (0.8, 0.8))
    digit_lab.get_by_label("centre the ink as MNIST does").uncheck()
    digit_lab.get_by_label("erase", exact=True).check()
    slider(digit_lab, "Scale").fill("1.4")
    choose(digit_lab, "dense")
    field(digit_lab, "unit").fill("99")
    button(digit_lab, "Reset").click()
    digit_lab.evaluate(SETTLED)
    expect(digit_lab.get_by_label("erase", exact=True)).not_to_be_checked()
    strip = re.compile(  # where the brush stands, and classes that came and went
        r' style="top: [^"]*"| class="dl-cursor[^"]*"| class=""'
    )
    assert strip.sub("", digit_lab.evaluate(html)) == strip.sub("", before)


def test_nothing_moves_while_the_picture_is_moved(digit_lab):
    where = """(root) => [...root.querySelectorAll(".dl-board, .dl-moves, .dl-frame,"
      + ".dl-work, .dl-total")].map((part) => {
        const box = part.getBoundingClientRect(), at = root.getBoundingClientRect();
        return [box.x - at.x, box.y - at.y, box.width].map(Math.round); })"""
    before = digit_lab.evaluate(where)
    for value in (-8, 0, 8):
        slider(digit_lab, "Shift right").fill(str(value))
        digit_lab.evaluate(SETTLED)
        assert digit_lab.evaluate(where) == before


# --- on a bare page ---------------------------------------------------------------


def test_what_the_reader_does_is_saved_and_both_views_show_it(hosted, twin):
    figure = hosted(DigitLab())
    other = figure.page.locator(".cnn-digit-lab").nth(1)
    slider(figure, "Turn").fill("20")
    assert figure.page.evaluate("saved.angle") == 20
    expect(slider(other, "Turn")).to_have_value("20")
    stroke(figure, (0.3, 0.3), (0.6, 0.6))
    saved = figure.page.evaluate("[saved.example, saved._drawing]")
    assert saved[0] is None
    w = DigitLab()
    w.set_state({"example": None, "_drawing": saved[1], "angle": 20})
    np.testing.assert_array_equal(pixels(other, "board"), 255 * w.drawing)
    np.testing.assert_allclose(answers(other, 1), w.shares["CNN"], atol=1e-4)


def test_cleaning_up_removes_every_listener_and_node(hosted):
    figure = hosted(DigitLab())
    page, left = figure.page, button(figure, "Clear the board").element_handle()
    page.evaluate("views.forEach((undo) => undo())")
    assert page.evaluate("heard()") == 0
    left.evaluate("(tool) => tool.click()")
    assert page.evaluate("model.get('example')") is not None
    assert page.locator(".cnn-digit-lab").count() == 0


@pytest.mark.parametrize("width", [300, 360, 480, 760])
def test_nothing_overflows_and_targets_are_large_enough(hosted, width):
    figure = hosted(DigitLab())
    page = figure.page
    page.set_viewport_size({"width": width + 16, "height": 900})
    for name in NETWORKS:
        choose(figure, name)
        for n in range(1, figure.locator(".dl-frame").count()):
            layer(figure, n).focus()
            press(figure, "Enter")
            figure.evaluate(SETTLED)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width + 16, f"{name}, layer {n}"
    small = figure.evaluate(
        """(root) => [...root.querySelectorAll("button, .dl-chip, .dl-check")]
          .filter((one) => one.offsetParent && Math.min(one.offsetWidth,
            one.offsetHeight) < 24).map((one) => one.textContent)"""
    )
    assert small == []
    for part in (".dl-note", ".dl-title", ".dl-percent", ".dl-status", ".dl-value"):
        size = figure.locator(part).first.evaluate(
            "(part) => parseFloat(getComputedStyle(part).fontSize)"
        )
        assert size >= 13, part


def test_a_fast_slider_is_followed_to_its_last_place(hosted):
    """Steps that come faster than they are drawn leave what a single step leaves."""
    figure = hosted(DigitLab())

    def after(places):
        return figure.evaluate(
            """async (root, places) => {
              const input = root.querySelector(".dl-slide input");
              for (const place of places) {
                input.value = String(place);
                input.dispatchEvent(new Event("input"));
              }
              await new Promise((done) => setTimeout(done, 50));
              return [...root.querySelectorAll(".dl-percent")]
                .map((cell) => cell.textContent); }""",
            places,
        )

    fast = after([k % 17 - 8 for k in range(40)] + [5])
    still, single = after([0]), after([5])
    assert fast == single != still


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [316, 790])
def test_axe_finds_nothing(hosted, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    figure = hosted(DigitLab(), theme)
    page = figure.page
    page.set_viewport_size({"width": width, "height": 900})
    layer(figure, 3).focus()
    press(figure, "Enter")
    field(figure, "row").fill("99")
    faults = []
    for name in ("CNN", "dense"):
        choose(figure, name)
        report = Axe().run(page, context=".cnn-digit-lab")
        faults += [
            f"{v['id']}: {v['nodes'][0]['target']}"
            for v in report.response["violations"]
        ]
    assert not faults
