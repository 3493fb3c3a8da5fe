"""The maps of a network in the browser, on the site and in JupyterLab.

Whatever network the page shows, the tests read its layers from the figure itself.
"""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from cnncourse.widgets import FeatureMaps

RNG = np.random.default_rng(5)
X = RNG.random((12, 12))
CONV = np.maximum(RNG.normal(size=(70, 12, 12)), 0)
CONV[[3, 68]] = 0
CONV *= 3 / CONV.max()  # so that four decimals are printed
SIGNED = np.clip(RNG.normal(size=(8, 6, 6)), -3, 3)
DENSE = RNG.normal(size=20)
LAYERS = {"conv": CONV, "pool": SIGNED, "logits": DENSE}
FIELDS = {"conv": (5, 1, -2), "pool": (6, 2, -2)}


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def entry(figure, name):
    return figure.get_by_label(name, exact=True)


def sentence(figure):
    return figure.locator(".fm-sentence")


def items(figure):
    return figure.locator(".fm-item:visible")


def large(figure):
    return figure.locator(".fm-sheet.fm-map")


def now(figure):
    return figure.locator(".fm-item[aria-current=true]")


def choose(figure, name):
    figure.locator(".fm-chip", has_text=name).locator("input").check()


def press(figure, *keys):
    for key in keys:
        figure.page.keyboard.press(key)


def picked(figure):
    """Map, row, column and value that the sentence names."""
    text = sentence(figure).inner_text().replace("−", "-")
    found = re.match(r"Map (\d+) of .* at row (\d+), column (\d+): ([-\d.e]*\d)", text)
    return *map(int, found.groups()[:3]), float(found[4])


def frames(figure):
    """The frame on the picture: x, y, width, height in pixels of the picture."""
    return figure.locator(".fm-input .fm-drawing").evaluate(
        """(svg) => {
          const boxes = [...svg.querySelectorAll("path")]
            .filter((path) => path.getAttribute("d")).map((path) => path.getBBox());
          if (!boxes.length) return null;
          const [x, y] = ["x", "y"].map((n) => Math.min(...boxes.map((b) => b[n])));
          const right = Math.max(...boxes.map((b) => b.x + b.width));
          const bottom = Math.max(...boxes.map((b) => b.y + b.height));
          return [x, y, right - x, bottom - y];
        }"""
    )


def pixels(canvas):
    found = canvas.evaluate(
        """(c) => [c.height, c.width,
          ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"""
    )
    return np.reshape(found[2:], (*found[:2], 4))


@pytest.fixture
def made(hosted):
    """The figure of the made-up network on a bare page."""
    return hosted(FeatureMaps(X, LAYERS, FIELDS))


# --- on the page ------------------------------------------------------------------


def test_before_any_touch_a_value_is_framed_and_said(feature_maps):
    text = sentence(feature_maps).inner_text()
    assert re.search(r"^Map \d+ of .* at row \d+, column \d+: .*\d", text)
    assert "It sees" in text
    assert frames(feature_maps)
    expect(now(feature_maps)).to_have_count(1)
    expect(feature_maps.locator(".fm-zero")).to_have_text(re.compile(r"zero everywh"))
    assert items(feature_maps).count() > 1


def test_arrow_keys_move_the_cell_and_its_frame(feature_maps):
    number, *_ = picked(feature_maps)
    entry(feature_maps, "row").fill("4")
    entry(feature_maps, "column").fill("4")
    x, y, width, height = frames(feature_maps)
    large(feature_maps).focus()
    press(feature_maps, "ArrowDown", "ArrowRight", "ArrowRight")
    assert picked(feature_maps)[:3] == (number, 5, 6)
    after = frames(feature_maps)
    assert after[2:] == [width, height]
    assert after[0] - x == 2 * (after[1] - y) > 0
    button(feature_maps, "Reset").click()


def test_pointing_shows_a_value_and_leaving_brings_the_old_one_back(feature_maps):
    before = sentence(feature_maps).inner_text()
    other = feature_maps.locator(".fm-item:not([aria-current=true]) canvas").first
    other.hover(position={"x": 5, "y": 5})
    expect(sentence(feature_maps)).not_to_have_text(before)
    expect(sentence(feature_maps)).to_have_attribute("aria-live", "off")
    feature_maps.locator(".fm-count").hover()
    expect(sentence(feature_maps)).to_have_text(before)
    expect(sentence(feature_maps)).to_have_attribute("aria-live", "polite")


def test_reset_goes_back_to_the_first_view(feature_maps):
    before = sentence(feature_maps).inner_text()
    items(feature_maps).nth(1).click()
    feature_maps.get_by_label("strongest first").check()
    feature_maps.get_by_label("one scale for the layer").check()
    entry(feature_maps, "row").fill("zwei")
    button(feature_maps, "Reset").click()
    expect(sentence(feature_maps)).to_have_text(before)
    expect(feature_maps.get_by_label("strongest first")).not_to_be_checked()
    expect(feature_maps.get_by_label("one scale for the layer")).not_to_be_checked()
    expect(entry(feature_maps, "row")).not_to_have_attribute("aria-invalid", "true")
    expect(feature_maps.locator(".fm-message")).to_be_empty()


def test_every_control_has_a_name_and_is_large_enough_to_touch(feature_maps):
    for control in feature_maps.locator("button:visible, input, select").all():
        name = control.evaluate(
            "c => c.getAttribute('aria-label') || c.labels?.[0]?.innerText"
            " || c.innerText"
        )
        assert name
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true", name
        if control.get_attribute("type") == "checkbox":
            control = control.locator("..")  # the label takes the touch
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 24, name


# --- on a bare page, without a kernel -------------------------------------------


def test_clicked_cells_have_the_value_of_the_array(made):
    for n, (row, column) in ((0, (0, 0)), (9, (11, 11)), (17, (6, 3))):
        canvas = items(made).nth(n).locator("canvas")
        box = canvas.bounding_box()
        unit = box["width"] / 12
        at = {"x": unit * (column + 0.5), "y": unit * (row + 0.5)}
        canvas.click(position=at)
        assert picked(made)[:3] == (n, row, column)
        assert picked(made)[3] == pytest.approx(CONV[n, row, column], abs=5.1e-5)
        top, left = max(row - 2, 0), max(column - 2, 0)
        size = [min(column + 3, 12) - left, min(row + 3, 12) - top]
        assert frames(made) == [left, top, *size]


def test_sides_cut_by_the_border_are_dashed_and_said(made):
    entry(made, "row").fill("0")
    entry(made, "column").fill("6")
    expect(sentence(made)).to_contain_text("2 of the rows lie outside it, in the padd")
    expect(made.locator(".fm-legend")).to_contain_text("dashed side")
    assert made.locator(".fm-input .fm-cut").get_attribute("d") == "M4 0H9"
    entry(made, "row").fill("6")
    assert made.locator(".fm-input .fm-cut").get_attribute("d") == ""
    expect(sentence(made)).not_to_contain_text("padding")


def test_maps_are_painted_on_their_own_scale_or_on_the_layers(made):
    canvas = items(made).nth(5).locator("canvas")
    own = pixels(canvas)[..., 0]
    np.testing.assert_allclose(own, 255 * CONV[5] / CONV[5].max(), atol=0.6)
    made.get_by_label("one scale for the layer").check()
    np.testing.assert_allclose(
        pixels(canvas)[..., 0], 255 * CONV[5] / CONV.max(), atol=0.6
    )
    expect(made.locator(".fm-note")).to_have_text("black is 0; one scale for all maps")
    end = made.locator(".fm-ends span").last.inner_text()
    assert float(end) == pytest.approx(CONV.max(), abs=5.1e-5)


def test_a_signed_layer_has_two_colours_and_says_so(made):
    choose(made, "pool")
    expect(made.locator(".fm-note")).to_contain_text("orange below 0, blue above")
    rgb = pixels(items(made).nth(2).locator("canvas"))[..., :3]
    assert ((rgb[..., 2] > rgb[..., 0]) == (SIGNED[2] > 0)).mean() > 0.9
    assert made.locator(".fm-ends span").count() == 3
    assert made.locator(".fm-ends span").nth(1).inner_text() == "0"


def test_zero_maps_are_counted_and_stand_last_when_the_strongest_come_first(made):
    expect(made.locator(".fm-zero")).to_have_text("2 of 70 maps are zero everywhere.")
    expect(items(made).nth(3).locator(".fm-nil")).to_be_visible()
    made.get_by_label("strongest first").check()
    button(made, "Page after").click()
    expect(items(made)).to_have_count(6)
    numbers = made.locator(".fm-item:visible .fm-number").all_inner_texts()
    assert numbers[-2:] == ["3", "68"]
    expect(items(made).last).to_have_accessible_name("map 68, zero everywhere")
    strongest = np.argsort(-CONV.max(axis=(1, 2)), kind="stable")
    assert numbers == [str(n) for n in strongest[64:]]
    items(made).last.click()
    expect(sentence(made)).to_contain_text(": 0, as everywhere in this map.")


def test_pages_hold_64_maps_and_keep_the_choice(made):
    expect(items(made)).to_have_count(64)
    before = sentence(made).inner_text()
    where = made.locator(".fm-which")
    back, after = button(made, "Page before"), button(made, "Page after")
    expect(where).to_have_text("1 of 2")
    expect(back).to_have_attribute("aria-disabled", "true")
    after.click()
    expect(where).to_have_text("2 of 2")
    expect(items(made).first.locator(".fm-number")).to_have_text("64")
    expect(after).to_have_attribute("aria-disabled", "true")
    after.click(force=True)
    expect(where).to_have_text("2 of 2")
    expect(sentence(made)).to_have_text(before)
    expect(now(made)).to_have_count(0)
    back.click()
    expect(now(made)).to_have_count(1)


def test_arrow_keys_go_from_map_to_map_and_page_to_page(made):
    items(made).nth(0).focus()
    press(made, "ArrowRight")
    assert picked(made)[0] == 1
    expect(items(made).nth(1)).to_be_focused()
    columns = made.locator(".fm-maps").evaluate(
        "(m) => getComputedStyle(m).gridTemplateColumns.split(' ').length"
    )
    press(made, "ArrowDown")
    assert picked(made)[0] == 1 + columns
    press(made, "End", "ArrowRight")
    assert picked(made)[0] == 64
    expect(made.locator(".fm-which")).to_have_text("2 of 2")
    expect(items(made).first).to_be_focused()
    press(made, "ArrowLeft", "Home", "ArrowLeft")
    assert picked(made)[0] == 0
    assert made.locator(".fm-item[tabindex='0']").count() == 1


def test_bars_hold_the_values_of_all_maps_at_the_place(made):
    entry(made, "row").fill("5")
    entry(made, "column").fill("7")
    paths = made.locator(".fm-rest, .fm-here").evaluate_all(
        "(all) => all.map((p) => p.getAttribute('d')).join('')"
    )
    found = {
        int(float(x)): float(v)
        for x, v in re.findall(r"M([\d.]+) 100h0\.8v-([\d.]+)", paths)
    }
    column = CONV[:, 5, 7]
    assert sorted(found) == np.flatnonzero(column).tolist()
    for number, length in found.items():
        assert length == pytest.approx(100 * column[number] / CONV.max(), abs=0.01)
    chart = made.locator(".fm-bars")
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] * 20.5 / 70, "y": 20})
    assert picked(made)[:3] == (20, 5, 7)


def test_another_layer_looks_at_the_same_part_of_the_picture(made):
    entry(made, "row").fill("6")
    entry(made, "column").fill("8")
    choose(made, "pool")
    number, row, column, value = picked(made)
    assert (row, column) == (3, 4)  # centres 6 and 8; 6.5 and 8.5
    assert number == np.abs(SIGNED[:, 3, 4]).argmax()
    assert value == pytest.approx(SIGNED[number, 3, 4], abs=5.1e-5)
    assert frames(made) == [6, 4, 6, 6]


def test_dense_numbers_are_bars_without_a_frame(made):
    choose(made, "logits")
    best = int(np.abs(DENSE).argmax())
    expect(sentence(made)).to_contain_text(f"Number {best} of logits is ")
    expect(sentence(made)).not_to_contain_text("pixel")
    assert frames(made) is None
    expect(large(made)).to_be_hidden()
    widths = made.locator(".fm-fill").evaluate_all(
        "(all) => all.map((f) => parseFloat(f.style.width))"
    )[:20]
    np.testing.assert_allclose(
        widths, 50 * np.abs(DENSE) / np.abs(DENSE).max(), atol=0.01
    )
    values = made.locator(".fm-value").all_inner_texts()[:20]
    found = [float(text.replace("−", "-")) for text in values]
    np.testing.assert_allclose(found, DENSE, atol=5.1e-5)
    items(made).nth(0).focus()
    press(made, "ArrowRight")
    expect(sentence(made)).to_contain_text("Number 1 of logits")
    choose(made, "conv")
    expect(large(made)).to_be_visible()


def test_without_fields_no_frame_and_no_word_of_pixels(hosted):
    figure = hosted(FeatureMaps(X, LAYERS))
    assert frames(figure) is None
    expect(sentence(figure)).not_to_contain_text("sees")
    expect(figure.locator(".fm-legend")).to_be_empty()
    entry(figure, "row").fill("3")
    assert frames(figure) is None


def test_bad_text_is_marked_kept_and_mended(made):
    before = picked(made)
    entry(made, "column").fill("12")
    expect(entry(made, "column")).to_have_attribute("aria-invalid", "true")
    expect(made.locator(".fm-message")).to_have_text(
        "column: “12” is not a whole number from 0 to 11."
    )
    assert picked(made) == before
    entry(made, "column").blur()
    expect(entry(made, "column")).to_have_value("12")
    entry(made, "column").fill("1")
    assert picked(made)[2] == 1
    expect(made.locator(".fm-message")).to_be_empty()
    entry(made, "map").fill("x")
    press(made, "Escape")
    expect(entry(made, "map")).to_have_value(str(before[0]))
    press(made, "ArrowUp")
    assert picked(made)[0] == before[0] + 1


def test_choices_reach_the_model_python_and_every_view(made):
    page, other = made.page, made.page.locator(".cnn-feature-maps").nth(1)
    choose(made, "pool")
    entry(made, "row").fill("5")
    expect(sentence(other)).to_have_text(sentence(made).inner_text())
    state = page.evaluate("saved")
    w = FeatureMaps(X, LAYERS, FIELDS)
    names = ("layer", "map", "cell", "page", "shared", "strongest")
    w.set_state({name: state[name] for name in names})
    assert w.layer == "pool"
    assert w.cell[0] == 5
    assert w.value == pytest.approx(picked(made)[3])
    page.evaluate("model.set('layer', 'conv')")  # from Python
    expect(sentence(made)).to_contain_text("of conv at row 5")
    page.evaluate("model.set('map', 66); model.set('page', 1)")
    expect(now(other).locator(".fm-number")).to_have_text("66")


def test_a_finger_chooses_a_cell(hosted):
    figure = hosted(FeatureMaps(X, LAYERS, FIELDS))
    box = large(figure).bounding_box()
    at = {"clientX": box["x"] + 3.5 * box["width"] / 12}
    at["clientY"] = box["y"] + 8.5 * box["height"] / 12
    touch = {"pointerType": "touch", "bubbles": True, "buttons": 1, **at}
    large(figure).dispatch_event("pointerdown", touch)
    assert picked(figure)[1:3] == (8, 3)
    figure.page.mouse.move(0, 0)
    assert picked(figure)[1:3] == (8, 3)


def test_more_than_eight_layers_stand_in_a_list(hosted):
    figure = hosted(FeatureMaps(X, {f"b{n}/conv": SIGNED + n for n in range(9)}))
    chooser = figure.get_by_label("Layer", exact=True)
    assert chooser.locator("option").nth(8).inner_text() == "b8/conv, 8 × 6 × 6"
    chooser.select_option(index=8)
    expect(sentence(figure)).to_contain_text("of b8/conv at row")


def test_colour_pictures_are_painted_in_colour(hosted):
    x = RNG.random((3, 5, 9))
    figure = hosted(FeatureMaps(x, {"a": SIGNED}, {"a": (3, 1, 0)}))
    rgb = pixels(figure.locator(".fm-input canvas"))[..., :3]
    np.testing.assert_allclose(rgb, 255 * x.transpose(1, 2, 0), atol=0.6)


def test_nothing_moves_while_cells_maps_and_layers_change(made):
    parts = ".fm-said, .fm-stage, .fm-panel, .fm-right, .fm-scroll, .fm-vector"

    def boxes():
        return made.evaluate(
            """(root, parts) => [...root.querySelectorAll(parts)].map((part) => {
              const box = part.getBoundingClientRect();
              const corner = root.getBoundingClientRect();
              return [box.x - corner.x, box.y - corner.y, box.width, box.height]
                .map((n) => Math.round(10 * n) / 10);
            })""",
            parts,
        )

    large(made).focus()
    press(made, "Home")
    before = boxes()
    for key in ("ArrowUp", "ArrowRight", "End", "ArrowDown", "Shift+ArrowDown"):
        press(made, key)
        assert boxes() == before, key
    for name in ("pool", "logits", "conv"):
        choose(made, name)
        assert boxes() == before, name


def test_cleaning_up_removes_every_listener_and_node(made):
    page = made.page
    left = items(made).nth(7).element_handle()
    page.evaluate("views.forEach((undo) => undo())")
    assert page.evaluate("heard()") == 0
    before = page.evaluate("model.get('map')")
    left.evaluate("(item) => item.click()")
    assert page.evaluate("model.get('map')") == before
    assert page.locator(".cnn-feature-maps").count() == 0


@pytest.mark.parametrize("width", [300, 360, 480, 620, 760])
def test_nothing_overflows_at_any_width(hosted, width):
    names = {"a_layer_with_a_very_long_name/" * 3: CONV, "b": 1e9 * np.ones(200)}
    for layers, fields in ((LAYERS, FIELDS), (names, None)):
        figure = hosted(FeatureMaps(X, layers, fields))
        page = figure.page
        page.set_viewport_size({"width": width + 16, "height": 900})
        for chip in figure.locator(".fm-chip input").all():
            chip.check()
            assert page.evaluate("document.documentElement.scrollWidth") <= width + 16
        for part in (".fm-number", ".fm-title", ".fm-soft", ".fm-ends", "label"):
            size = figure.locator(part).first.evaluate(
                "(part) => parseFloat(getComputedStyle(part).fontSize)"
            )
            assert size >= 13, part


def test_large_layers_are_drawn(hosted):
    layers = {
        "wide": RNG.random((64, 64, 64)),
        "deep": RNG.normal(size=(512, 14, 14)),
        "dense": RNG.normal(size=4096),
    }
    figure = hosted(FeatureMaps(RNG.random((3, 64, 64)), layers))
    for name in ("deep", "dense", "wide"):
        figure.locator(".fm-chip", has_text=name).locator("input").check()
        drawn = figure.locator(".fm-maps .fm-item").evaluate_all(
            """(items) => items.map((item) => {
              const canvas = item.querySelector("canvas");
              if (canvas.hidden)
                return item.querySelector(".fm-fill").getBoundingClientRect().width;
              const { width, height } = canvas;
              const brush = canvas.getContext("2d");
              return new Set(brush.getImageData(0, 0, width, height).data).size; })"""
        )
        assert len(drawn) > 1, name
        assert max(drawn) > 2, name  # more than one opaque colour


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [316, 790])
def test_axe_finds_nothing(hosted, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    figure = hosted(FeatureMaps(X, LAYERS, FIELDS), theme)
    page = figure.page
    page.set_viewport_size({"width": width, "height": 900})
    for layer in ("conv", "pool", "logits"):
        choose(figure, layer)
        entry(figure, "number" if layer == "logits" else "map").fill("99")
        report = Axe().run(page, context=".cnn-feature-maps")
        faults = [
            f"{v['id']}: {v['nodes'][0]['target']}"
            for v in report.response["violations"]
        ]
        assert not faults, layer
