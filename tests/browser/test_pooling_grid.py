"""The pooling figure in the browser, on the site and in JupyterLab.

The page's first one starts with max pooling, 2 × 2 windows, the picture shifted. What
it shows is compared with PoolingGrid on the numbers that stand in its entries.
"""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from cnncourse.widgets.pooling_grid import PoolingGrid

STROKE = np.diag([9, 8, 7, 9, 6, 8])
BOXES = """root => [root, ...root.querySelectorAll(
    ".pg-bar, .pg-panel, .pg-said, .pg-line, .pg-rule")].map((node) => {
  const b = node.getBoundingClientRect(), a = root.getBoundingClientRect();
  return [b.x - a.x, b.y - a.y, b.width, b.height].map((n) => Math.round(n));
})"""


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def named(figure, name):
    return figure.get_by_label(name, exact=True)


def choose(figure, name):
    figure.get_by_role("radio", name=name, exact=True).check()


def said(figure, n):
    """The first, second or third sentence."""
    return figure.locator(".pg-said p:not(.pg-ghost)").nth(n)


def number(text):
    return float(text.replace("−", "-"))


def grid(figure, title):
    """The numbers of the grid whose title starts so, as shown."""
    panel = figure.locator(
        ".pg-panel", has=figure.page.locator(f"b:text-is('{title}')")
    )
    rows = panel.locator(".pg-row").evaluate_all(
        """rows => rows.map((row) => [...row.querySelectorAll(".pg-cell > *")]
          .map((item) => item.value || item.textContent))"""
    )
    return np.array([[number(text) for text in row] for row in rows])


def press(figure, *keys):
    for key in keys:
        figure.page.keyboard.press(key)


def marked(figure):
    """Which output cells are marked as changed, as a flat list."""
    return (
        figure.locator(".pg-grids")
        .nth(1)
        .locator(".pg-y .pg-cell")
        .evaluate_all(
            "cells => cells.map((cell) => cell.classList.contains('pg-changed'))"
        )
    )


def test_before_any_touch_it_shows_what_a_shift_changes(pooling_grid):
    x, y = grid(pooling_grid, "input x"), grid(pooling_grid, "output y")
    moved, after = grid(pooling_grid, "shifted x′"), grid(pooling_grid, "output y′")
    np.testing.assert_array_equal(y, PoolingGrid(x).output)
    np.testing.assert_array_equal(after, PoolingGrid(moved).output)
    assert marked(pooling_grid) == (y != after).ravel().tolist()
    changed = int((y != after).sum())
    assert 0 < changed < y.size
    expect(said(pooling_grid, 2)).to_contain_text(f"{changed} of {y.size} output cells")
    expect(said(pooling_grid, 0)).to_contain_text(re.compile(r"^y\[\d,\s\d\] =\smax\("))
    expect(said(pooling_grid, 1)).to_contain_text(
        re.compile(r"^y′\[\d,\s\d\] =\smax\(")
    )
    for window in pooling_grid.locator(".pg-x .pg-window").all():
        expect(window).to_be_visible()


def test_an_output_cell_shows_its_window_and_arithmetic(pooling_grid):
    x = grid(pooling_grid, "input x")
    pooling_grid.get_by_label(re.compile(r"^y\[0, 1\]")).click()
    a, b, c, d = (f"{v:g}" for v in x[:2, 2:4].ravel())
    most = f"{x[:2, 2:4].max():g}"
    expect(said(pooling_grid, 0)).to_have_text(
        f"y[0, 1] = max({a}, {b}, {c}, {d}) = {most}"
    )
    here = pooling_grid.get_by_label(re.compile(r"^y\[0, 1\]"))
    expect(here).to_have_attribute("aria-current", "true")
    shifted = pooling_grid.get_by_label(re.compile(r"^y′\[0, 1\]"))
    expect(shifted).to_have_attribute("aria-current", "true")  # the same window
    choose(pooling_grid, "avg")
    mean = f"{x[:2, 2:4].mean():g}"
    expect(said(pooling_grid, 0)).to_have_text(
        f"y[0, 1] = ({a} + {b} + {c} + {d})/4 = {mean}"
    )
    choose(pooling_grid, "sum")
    total = f"{x[:2, 2:4].sum():g}"
    expect(said(pooling_grid, 0)).to_have_text(
        f"y[0, 1] = {a} + {b} + {c} + {d} = {total}"
    )


def test_arrow_keys_go_from_output_cell_to_output_cell(pooling_grid):
    pooling_grid.get_by_label(re.compile(r"^y\[0, 0\]")).click()
    press(pooling_grid, "ArrowRight", "ArrowDown")
    expect(pooling_grid.get_by_label(re.compile(r"^y\[1, 1\]"))).to_be_focused()
    expect(said(pooling_grid, 0)).to_contain_text("y[1, 1] =")
    press(pooling_grid, "Home", "ArrowLeft", "ArrowUp")  # the border holds
    expect(said(pooling_grid, 0)).to_contain_text("y[0, 0] =")
    press(pooling_grid, "End")
    last = [n - 1 for n in grid(pooling_grid, "output y").shape]
    expect(said(pooling_grid, 0)).to_contain_text(f"y[{last[0]}, {last[1]}] =")


def test_arrow_buttons_shift_the_picture_and_back(pooling_grid):
    x, y = grid(pooling_grid, "input x"), grid(pooling_grid, "output y")
    button(pooling_grid, "Shift back to the start").click()
    np.testing.assert_array_equal(grid(pooling_grid, "shifted x′"), x)
    assert not any(marked(pooling_grid))
    expect(said(pooling_grid, 2)).to_contain_text("Not shifted yet")
    back = button(pooling_grid, "Shift back to the start")
    expect(back).to_have_attribute("aria-disabled", "true")
    expect(back).to_be_focused()
    shift = [0, 0]
    for name, move in (
        *(("down", (1, 0)), ("right", (0, 1)), ("down", (1, 0))),
        *(("up", (-1, 0)), ("left", (0, -1)), ("left", (0, -1))),
    ):
        button(pooling_grid, f"Shift {name}").click()
        shift = [a + b for a, b in zip(shift, move, strict=True)]
        w = PoolingGrid(x, shift=shift)
        np.testing.assert_array_equal(grid(pooling_grid, "shifted x′"), w.shifted)
        after = w._pool(w.shifted)
        np.testing.assert_array_equal(grid(pooling_grid, "output y′"), after)
        assert marked(pooling_grid) == (y != after).ravel().tolist()
    np.testing.assert_array_equal(grid(pooling_grid, "input x"), x)  # it stays


def test_a_shift_by_the_stride_moves_the_output(pooling_grid):
    y = grid(pooling_grid, "output y")
    button(pooling_grid, "Shift back to the start").click()
    button(pooling_grid, "Shift left").click()
    expect(said(pooling_grid, 2)).to_contain_text("not a multiple of the stride 2")
    button(pooling_grid, "Shift left").click()
    expect(said(pooling_grid, 2)).to_contain_text("Shifted left by 2:")
    expect(said(pooling_grid, 2)).to_contain_text("moved left by 1 cell: equivariant")
    after = grid(pooling_grid, "output y′")
    np.testing.assert_array_equal(after[:, :-1], y[:, 1:])


def test_the_shift_stops_at_six(pooling_grid):
    button(pooling_grid, "Shift back to the start").click()
    up = button(pooling_grid, "Shift up")
    for _ in range(6):
        up.click()
    expect(up).to_have_attribute("aria-disabled", "true")
    press(pooling_grid, "Enter")
    expect(said(pooling_grid, 2)).to_contain_text("Shifted up by 6:")
    button(pooling_grid, "Shift down").click()
    expect(up).to_have_attribute("aria-disabled", "false")


def test_size_and_stride_change_the_output_and_the_rule(pooling_grid):
    x = grid(pooling_grid, "input x")
    n = x.shape[0]
    for size, stride in ((3, ""), (3, "1"), (2, "3"), (1, "1")):
        named(pooling_grid, "size").select_option(str(size))
        named(pooling_grid, "stride").select_option(stride)
        step = int(stride or size)
        w = PoolingGrid(x, size=size, stride=step)
        np.testing.assert_array_equal(grid(pooling_grid, "output y"), w.output)
        expect(pooling_grid.locator(".pg-rule")).to_contain_text(
            f"height ⌊({n} − {size})/{step}⌋ + 1 = {w.output.shape[0]}"
        )


def test_every_number_of_the_input_can_be_edited(pooling_grid):
    x = grid(pooling_grid, "input x")
    here = named(pooling_grid, "input x[0, 0]")
    here.click()
    pooling_grid.page.keyboard.type("99")
    x[0, 0] = 99
    np.testing.assert_array_equal(  # while typing
        grid(pooling_grid, "output y"), PoolingGrid(x).output
    )
    assert 99 in grid(pooling_grid, "shifted x′")
    press(pooling_grid, "Enter")
    expect(named(pooling_grid, "input x[1, 0]")).to_be_focused()
    press(pooling_grid, "ArrowRight", "ArrowUp")
    expect(named(pooling_grid, "input x[0, 1]")).to_be_focused()
    pooling_grid.page.keyboard.type("-2,5")
    press(pooling_grid, "Escape")
    expect(named(pooling_grid, "input x[0, 1]")).to_have_value(f"{x[0, 1]:g}")
    button(pooling_grid, "Reset").click()
    assert grid(pooling_grid, "input x")[0, 0] != 99


@pytest.mark.parametrize("text", ["12345", "two", "", "1/0"])
def test_text_that_is_no_number_is_marked_not_lost(pooling_grid, text):
    y = grid(pooling_grid, "output y")
    here = named(pooling_grid, "input x[1, 1]")
    old = number(here.input_value())
    here.fill(text)
    here.blur()
    expect(here).to_have_attribute("aria-invalid", "true")
    expect(here).to_have_value(text)
    expect(pooling_grid.get_by_role("status")).to_contain_text("does not fit")
    button(pooling_grid, "Shift down").click()
    expect(here).to_have_value(text)
    np.testing.assert_array_equal(grid(pooling_grid, "output y"), y)
    here.fill(f"{old:g}")
    here.blur()
    expect(here).not_to_have_attribute("aria-invalid", "true")
    expect(pooling_grid.get_by_role("status")).to_be_empty()
    np.testing.assert_array_equal(grid(pooling_grid, "output y"), y)


def test_the_gradient_is_routed_back_to_the_input(pooling_grid):
    x = grid(pooling_grid, "input x")
    choose(pooling_grid, "the gradient")
    for mode in ("max", "avg", "sum"):
        choose(pooling_grid, mode)
        w = PoolingGrid(x, mode=mode)
        np.testing.assert_allclose(grid(pooling_grid, "gradient dx"), w.dx())
    choose(pooling_grid, "max")
    zeros = int((PoolingGrid(x).dx() == 0).sum())
    expect(said(pooling_grid, 2)).to_have_text(
        f"{zeros} of {x.size} input cells are no window's maximum: they get 0."
    )
    assert (grid(pooling_grid, "gradient dy") == 1).all()
    expect(button(pooling_grid, "Shift up")).to_be_hidden()


def test_dy_is_edited_and_set_back_to_ones(pooling_grid):
    x = grid(pooling_grid, "input x")
    choose(pooling_grid, "the gradient")
    named(pooling_grid, "stride").select_option("1")
    w = PoolingGrid(x, stride=1)
    dy = np.ones_like(w.output)
    named(pooling_grid, "gradient dy[0, 1]").fill("-3")
    dy[0, 1] = -3
    np.testing.assert_array_equal(grid(pooling_grid, "gradient dx"), w.dx(dy))
    named(pooling_grid, "gradient dy[1, 0]").fill("?")
    named(pooling_grid, "gradient dy[1, 0]").blur()
    expect(pooling_grid.get_by_role("status")).to_contain_text("does not fit")
    button(pooling_grid, "All 1").click()
    assert (grid(pooling_grid, "gradient dy") == 1).all()
    expect(pooling_grid.get_by_role("status")).to_be_empty()
    np.testing.assert_array_equal(grid(pooling_grid, "gradient dx"), w.dx())


def test_an_input_cell_shows_the_sum_of_its_gradient(pooling_grid):
    choose(pooling_grid, "the gradient")
    choose(pooling_grid, "sum")
    named(pooling_grid, "stride").select_option("1")
    pooling_grid.get_by_label(re.compile(r"^dx\[1, 1\]")).click()
    expect(said(pooling_grid, 1)).to_have_text(
        "dx[1, 1] = dy[0, 0] + dy[0, 1] + dy[1, 0] + dy[1, 1] = 1 + 1 + 1 + 1 = 4: "
        "x[1, 1] is in 4 windows."
    )
    press(pooling_grid, "ArrowUp", "ArrowLeft")
    expect(said(pooling_grid, 1)).to_contain_text("dx[0, 0] = dy[0, 0] = 1:")
    named(pooling_grid, "input x[0, 1]").focus()  # the entry of x chooses it too
    expect(said(pooling_grid, 1)).to_contain_text("dx[0, 1] =")


def test_reset_brings_back_everything(pooling_grid):
    root = pooling_grid
    start = root.inner_text()
    x = grid(root, "input x")
    named(root, "size").select_option("3")
    named(root, "stride").select_option("1")
    choose(root, "avg")
    button(root, "Shift down").click()
    named(root, "input x[0, 0]").fill("7")
    named(root, "input x[0, 1]").fill("bad")
    choose(root, "the gradient")
    named(root, "gradient dy[0, 0]").fill("4")
    button(root, "Reset").click()
    expect(root.get_by_role("status")).to_be_empty()
    np.testing.assert_array_equal(grid(root, "input x"), x)
    assert root.inner_text() == start


def test_the_whole_figure_can_be_used_from_the_keyboard(pooling_grid):
    root = pooling_grid
    root.get_by_role("radio", name="max", exact=True).focus()
    press(root, "ArrowRight")
    expect(root.get_by_role("radio", name="avg", exact=True)).to_be_checked()
    seen = []
    for _ in range(14):
        press(root, "Tab")
        seen.append(
            root.evaluate(
                "root => { const a = document.activeElement;"
                " return root.contains(a) ? a.getAttribute('aria-label')"
                " || a.labels?.[0]?.innerText || a.innerText : '' }"
            )
        )
    text = " | ".join(seen)
    for part in (
        *("size", "stride", "input x[", "y[", "a shift", "Reset", "Shift left"),
        *("Shift up", "Shift down", "Shift right", "Shift back to the start", "y′["),
    ):
        assert part in text
    button(root, "Shift down").focus()
    press(root, "Space")
    expect(said(root, 2)).to_contain_text("down by 1")


def test_nothing_moves_while_stepping_and_shifting(pooling_grid):
    pooling_grid.get_by_label(re.compile(r"^y\[0, 0\]")).click()
    still = pooling_grid.evaluate(BOXES)
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        press(pooling_grid, key)
        assert pooling_grid.evaluate(BOXES) == still
    for name in ("right", "down", "down", "left", "left"):
        button(pooling_grid, f"Shift {name}").click()
        assert pooling_grid.evaluate(BOXES) == still


def test_every_control_has_a_name_and_is_large_enough_to_touch(pooling_grid):
    for view in ("the gradient", "a shift"):
        choose(pooling_grid, view)
        for control in pooling_grid.locator("button, input, select").all():
            if not control.is_visible() and control.get_attribute("type") != "radio":
                continue
            name = control.evaluate(
                "c => c.getAttribute('aria-label') || c.labels?.[0]?.innerText"
                " || c.innerText"
            )
            assert name
            box = control.bounding_box()
            assert min(box["width"], box["height"]) >= 24, name


def test_a_window_that_does_not_fit_is_said_and_a_smaller_one_mends_it(hosted):
    for view in ("shift", "gradient"):
        figure = hosted(PoolingGrid([[1, 2, 3], [4, 5, 6]], size=3, view=view))
        expect(said(figure, 0)).to_have_text(
            "A window of 3 × 3 does not fit an input of 2 × 3: no output. "
            "A size up to 2 fits."
        )
        expect(figure.locator(".pg-rule")).to_contain_text("⌊(2 − 3)/3⌋ + 1 = 0")
        expect(figure.locator(".pg-window:visible")).to_have_count(0)
        assert figure.locator(".pg-out").count() == 2 * 6
        named(figure, "size").select_option("2")
        expect(said(figure, 0)).to_contain_text("y[0, 0] = max(1, 2, 4, 5) = 5")


def test_cells_in_no_window_are_hatched_and_named(hosted):
    figure = hosted(PoolingGrid(np.arange(35).reshape(7, 5)))
    hatched = figure.locator(".pg-grids").first.locator(".pg-x .pg-out")
    assert hatched.count() == 7 + 5 - 1
    expect(figure.locator(".pg-rule")).to_contain_text(
        "Row 6 and column 4 are in no window (hatched): one more window would run over"
    )
    named(figure, "stride").select_option("1")
    expect(hatched).to_have_count(0)
    expect(figure.locator(".pg-rule")).to_contain_text("Every row and column")


def test_the_maximum_of_the_window_is_ringed_in_max_only(hosted):
    figure = hosted(PoolingGrid(STROKE, position=0))
    ringed = figure.locator(".pg-grids").first.locator(".pg-won input")
    assert ringed.evaluate_all("a => a.map((i) => i.getAttribute('aria-label'))") == [
        "input x[0, 0]"
    ]
    choose(figure, "sum")
    expect(ringed).to_have_count(0)


def test_edits_reach_the_model_and_every_view_of_it(hosted):
    figure = hosted(PoolingGrid(STROKE, view="gradient"))
    other = figure.page.locator(".cnn-pooling-grid").nth(1)
    named(figure, "gradient dy[2, 2]").fill("2,5")
    named(figure, "gradient dy[2, 2]").blur()
    assert figure.page.evaluate("saved.dy") == [[1, 1, 1], [1, 1, 1], [1, 1, 2.5]]
    expect(named(other, "gradient dy[2, 2]")).to_have_value("2.5")
    named(other, "size").select_option("3")  # another output: dy is ones again
    assert figure.page.evaluate("[saved.dy, saved.size]") == [None, 3]
    assert grid(figure, "gradient dy").tolist() == [[1, 1], [1, 1]]
    figure.page.evaluate(
        "model.set('image', [[1, 2], [3, 4], [5, 6]])"
    )  # as Python would
    expect(said(figure, 0)).to_contain_text("does not fit an input of 3 × 2")
    figure.page.evaluate("model.set('size', 2)")
    assert grid(other, "gradient dx").tolist() == [[0, 0], [0, 1], [0, 0]]


def test_cleaning_up_removes_every_listener_and_node(hosted):
    page = hosted(PoolingGrid(STROKE)).page
    assert page.evaluate("heard()") > 0
    page.evaluate("views.forEach((undo) => undo())")
    assert page.evaluate("heard()") == 0
    assert page.locator(".cnn-pooling-grid").count() == 0


@pytest.mark.parametrize("view", ["shift", "gradient"])
@pytest.mark.parametrize("width", [240, 300, 390, 760])
def test_nothing_overflows_at_any_width(hosted, width, view):
    for widget in (
        PoolingGrid(np.full((12, 12), -998.75), stride=1, mode="avg", view=view),
        PoolingGrid(STROKE, shift=(1, -1), view=view),
    ):
        page = hosted(widget).page
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for area in page.locator(".pg-scroll").all():
            if area.evaluate("a => a.scrollWidth > a.clientWidth"):
                assert area.locator("[tabindex='0']").count() or (
                    area.get_attribute("tabindex") == "0"
                )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", ["shift", "gradient"])
def test_axe_finds_nothing(hosted, theme, view):
    from axe_playwright_python.sync_playwright import Axe

    figure = hosted(PoolingGrid(np.diag(range(-3, 4)), shift=(0, 1), view=view), theme)
    figure.page.evaluate(
        """() => { // one view is enough, and text belongs into a landmark
          const [one, two] = document.querySelectorAll(".cnn-pooling-grid");
          two.parentNode.remove();
          document.querySelector("main").append(one);
        }"""
    )
    rules = {"rules": {"page-has-heading-one": {"enabled": False}}}
    found = Axe().run(figure.page, options=rules).response["violations"]
    assert [f"{v['id']}: {v['nodes'][0]['target']}" for v in found] == []


def test_text_is_at_least_13_px(hosted):
    for view in ("shift", "gradient"):
        figure = hosted(PoolingGrid(np.full((12, 12), 0.125), mode="avg", view=view))
        sizes = figure.locator("*").evaluate_all(
            "nodes => nodes.map((n) => parseFloat(getComputedStyle(n).fontSize))"
        )
        assert min(sizes) >= 13


def test_reduced_motion_stops_the_gliding(hosted):
    figure = hosted(PoolingGrid(STROKE, position=0))
    figure.get_by_label(re.compile(r"^y\[1, 1\]")).click()
    window = figure.locator(".pg-x .pg-window").first
    duration = "w => getComputedStyle(w).transitionDuration"
    assert window.evaluate(duration) == "0.22s"
    figure.page.emulate_media(reduced_motion="reduce")
    assert window.evaluate(duration) == "0s"
