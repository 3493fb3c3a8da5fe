"""The kernel playground in the browser, on the site and in JupyterLab.

The page's first playground starts with a photograph, the nine kernels, and sobel x.
"""

import base64
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from cnncourse.widgets.kernel_playground import KERNELS, KernelPlayground
from cnncourse.widgets.kernel_playground_still import GREY, SIGNED, png

NAMES = ["input", "response", "ReLU", "pooled"]
SETTLED = """() => new Promise((go) =>
  requestAnimationFrame(() => requestAnimationFrame(go)))"""
CAMERA = """(kind) => {
  window.stopped = 0;
  const paper = document.createElement("canvas");
  [paper.width, paper.height] = [64, 48];
  const pen = paper.getContext("2d");
  const paint = () => { pen.fillStyle = "#fff"; pen.fillRect(0, 0, 64, 48); };
  paint();
  const getUserMedia = async (wanted) => {
    window.wanted = wanted;
    if (kind !== "works") throw new DOMException("no", kind);
    const stream = paper.captureStream();
    const timer = setInterval(paint, 50);
    for (const track of stream.getTracks()) {
      const stop = track.stop.bind(track);
      track.stop = () => { window.stopped += 1; clearInterval(timer); stop(); };
    }
    return stream;
  };
  Object.defineProperty(navigator, "mediaDevices", {
    configurable: true,
    value: kind === "missing" ? undefined : { getUserMedia },
  });
}"""
BRING = """(root, [type, bytes]) => {
  const data = new DataTransfer();
  const content = bytes.length ? Uint8Array.from(bytes) : new Uint8Array(bytes);
  data.items.add(new File([content], "a.png", { type: "image/png" }));
  const more = { bubbles: true, cancelable: true };
  const event = type === "paste"
    ? new ClipboardEvent(type, { ...more, clipboardData: data })
    : new DragEvent(type, { ...more, dataTransfer: data });
  root.querySelector(".kp-frame").dispatchEvent(event);
  return event.defaultPrevented;
}"""


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def radio(figure, kind, name):
    return figure.locator(f".kp-{kind}").get_by_label(name, exact=True)


def cell(figure, r, s):
    return figure.get_by_label(f"w[{r}, {s}]", exact=True)


def frame(figure, name):
    return figure.locator(f".kp-{name.lower()} .kp-frame")


def canvas(figure, name):
    return figure.locator(f".kp-{name.lower()} canvas")


def status(figure):
    return figure.locator(".kp-status")


def settle(figure):
    """Wait until all that was asked for is on the screen."""
    figure.evaluate(SETTLED)


def place(figure):
    settle(figure)
    return [
        int(figure.get_by_label(name, exact=True).input_value())
        for name in ("row", "column")
    ]


def results(figure):
    """Sum, ReLU and maximum, as shown."""
    settle(figure)
    return figure.locator(".kp-value").all_inner_texts()


def boxes(figure, parts):
    """Where in the figure its parts stand, wherever the page is scrolled to."""
    settle(figure)
    return figure.evaluate(
        """(root, parts) => [...root.querySelectorAll(parts)].map((part) => {
          const box = part.getBoundingClientRect();
          const corner = root.getBoundingClientRect();
          return [box.x - corner.x, box.y - corner.y, box.width, box.height]
            .map((n) => Math.round(10 * n) / 10);
        })""",
        parts,
    )


def numbers(figure, grid):
    """The window's values or the products, as told to a screen reader."""
    told = figure.locator(f".kp-{grid}").get_attribute("aria-label").replace("−", "-")
    return np.array(re.findall(r"-?\d+\.?\d*", told), float)


def kernel(figure):
    return [
        entry.input_value().replace("−", "-")
        for entry in figure.locator(".kp-kernel input").all()
    ]


def picture_file(height, width, value=0):
    uri = png(np.full((height, width), value, np.uint8), GREY)
    return base64.b64decode(uri.split(",")[1])


def give(figure, name, kind, content):
    figure.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": kind, "buffer": content}
    )


def test_before_any_touch_it_shows_four_pictures_and_one_sum(kernel_playground):
    settle(kernel_playground)
    for name in NAMES:
        said = canvas(kernel_playground, name).get_attribute("aria-label")
        assert re.fullmatch(rf"{name}, \d+ × \d+ pixels, from \S+ to \S+", said)
        expect(frame(kernel_playground, name).locator(".kp-mark")).to_be_visible()
    assert kernel(kernel_playground) == [*"-1 0 1 -2 0 2 -1 0 1".split()]
    products = numbers(kernel_playground, "products")
    total, kept, _ = (float(text) for text in results(kernel_playground))
    assert total == pytest.approx(products.sum(), abs=0.05)
    assert total == kept > 1
    expect(kernel_playground).to_contain_text("nothing is sent")


@pytest.mark.parametrize("name", KERNELS)
def test_each_kernel_fills_the_grid_and_the_sum(kernel_playground, name):
    radio(kernel_playground, "kernels", name).check()
    settle(kernel_playground)
    w = np.array(KERNELS[name])
    shown = [
        float(np.divide(*map(float, f"{t}/1".split("/")[:2])))
        for t in kernel(kernel_playground)
    ]
    np.testing.assert_allclose(shown, w.ravel())
    window = numbers(kernel_playground, "window").reshape(3, 3)
    total = float(results(kernel_playground)[0].replace("−", "-"))
    assert total == pytest.approx((window * w).sum(), abs=0.06)
    flat = {0: "becomes 0, however", 1: "keeps its brightness", -1: "becomes −v"}
    expect(kernel_playground.locator(".kp-flat")).to_contain_text(flat[round(w.sum())])


def test_undo_keeps_the_focus_when_nothing_is_left_to_undo(kernel_playground):
    radio(kernel_playground, "kernels", "blur").check()
    settle(kernel_playground)
    back = button(kernel_playground, "Undo")
    for _ in range(2):  # the second finds nothing
        back.press("Enter", timeout=1000)
        settle(kernel_playground)
        expect(back).to_be_focused()
    expect(back).to_have_attribute("aria-disabled", "true")
    expect(radio(kernel_playground, "kernels", "sobel x")).to_be_checked()


@pytest.mark.parametrize("cause", ["hover", "place", "kernel", "picture"])
def test_what_the_status_says_goes_when_it_is_no_longer_so(kernel_playground, cause):
    button(kernel_playground, "Reset").click()
    settle(kernel_playground)
    expect(status(kernel_playground)).to_contain_text("as it was at the start")
    if cause == "hover":
        frame(kernel_playground, "input").hover(position={"x": 30, "y": 40})
    elif cause == "place":
        frame(kernel_playground, "ReLU").press("ArrowLeft")
    elif cause == "kernel":
        cell(kernel_playground, 0, 0).fill("2")
    else:
        kernel_playground.locator(".kp-pictures label").nth(1).click()
    expect(status(kernel_playground)).to_have_text("")


def test_a_bad_number_stays_explained_while_the_place_moves(kernel_playground):
    cell(kernel_playground, 0, 2).fill("one")
    cell(kernel_playground, 0, 2).press("Enter")
    frame(kernel_playground, "input").hover(position={"x": 30, "y": 40})
    settle(kernel_playground)
    expect(status(kernel_playground)).to_contain_text("the kernel keeps 1")


def test_weights_that_add_up_to_1_give_a_picture_in_grey(kernel_playground):
    ends = kernel_playground.locator(".kp-response .kp-ends span")
    expect(ends).to_have_count(3)
    radio(kernel_playground, "kernels", "sharpen").check()
    expect(ends).to_have_text(["0", "1"])
    said = kernel_playground.locator(".kp-response .kp-text").inner_text()
    low, high = map(float, re.findall(r"-?[\d.]+", said.replace("−", "-")))
    assert low < 0 < 1 < high
    colours = canvas(kernel_playground, "response").evaluate(
        "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    red, green, blue, _ = np.reshape(colours, (-1, 4)).T
    assert (red == green).all()
    assert (red == blue).all()
    assert (red.min(), red.max()) == (0, 255)


@pytest.mark.parametrize("name", ["sharpen", "surround"])
def test_messages_and_kernels_move_nothing(kernel_playground, name):
    picked = ".kp-main > *, .kp-status, .kp-source"
    before = boxes(kernel_playground, picked)
    radio(kernel_playground, "kernels", name).check()
    assert boxes(kernel_playground, picked) == before
    button(kernel_playground, "Reset").click()
    assert boxes(kernel_playground, picked) == before


def test_arrow_keys_choose_the_next_kernel(kernel_playground):
    radio(kernel_playground, "kernels", "sobel x").focus()
    kernel_playground.page.keyboard.press("ArrowRight")
    expect(radio(kernel_playground, "kernels", "emboss")).to_be_checked()
    settle(kernel_playground)
    assert kernel(kernel_playground)[0] == "2"


def test_an_edited_number_counts_at_once_undo_and_reset_bring_it_back(
    kernel_playground,
):
    sums = results(kernel_playground)
    before = canvas(kernel_playground, "response").get_attribute("aria-label")
    cell(kernel_playground, 1, 1).fill("-7.5")
    expect(canvas(kernel_playground, "response")).not_to_have_attribute(
        "aria-label", before
    )
    expect(radio(kernel_playground, "kernels", "free")).to_be_checked()
    assert results(kernel_playground) != sums
    radio(kernel_playground, "kernels", "blur").check()
    radio(kernel_playground, "kernels", "free").check()
    settle(kernel_playground)
    assert kernel(kernel_playground)[4] == "-7.5"
    for _ in range(3):
        button(kernel_playground, "Undo").click()
        settle(kernel_playground)
    assert results(kernel_playground) == sums
    expect(radio(kernel_playground, "kernels", "sobel x")).to_be_checked()
    expect(button(kernel_playground, "Undo")).to_be_disabled()
    cell(kernel_playground, 0, 0).fill("9")
    button(kernel_playground, "Reset").click()
    expect(canvas(kernel_playground, "response")).to_have_attribute(
        "aria-label", before
    )
    assert results(kernel_playground) == sums


@pytest.mark.parametrize("text", ["", "-", "one", "1e9", "1/0"])
def test_a_bad_number_is_marked_explained_and_not_taken(kernel_playground, text):
    sums = results(kernel_playground)
    entry = cell(kernel_playground, 0, 2)
    entry.fill(text)
    entry.press("Enter")
    expect(entry).to_have_attribute("aria-invalid", "true")
    expect(status(kernel_playground)).to_contain_text("the kernel keeps 1")
    assert results(kernel_playground) == sums
    entry.press("Escape")
    expect(entry).to_have_value("1")
    expect(entry).not_to_have_attribute("aria-invalid", "true")
    expect(status(kernel_playground)).to_have_text("")


def test_a_fraction_is_a_number_and_stays_one(kernel_playground):
    entry = cell(kernel_playground, 2, 0)
    entry.fill("1/9")
    entry.press("Tab")
    expect(entry).to_have_value("1/9")
    expect(kernel_playground.locator(".kp-flat")).to_contain_text("10/9")


def test_arrow_keys_walk_the_kernel_and_the_grid_is_one_tab_stop(kernel_playground):
    page = kernel_playground.page
    cell(kernel_playground, 0, 0).focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expect(cell(kernel_playground, 2, 2)).to_be_focused()
    page.keyboard.type("5")
    page.keyboard.press("ArrowUp")
    expect(cell(kernel_playground, 1, 2)).to_be_focused()
    assert kernel(kernel_playground)[8] == "5"
    stops = kernel_playground.locator(".kp-kernel input[tabindex='0']")
    expect(stops).to_have_count(1)
    expect(stops).to_be_focused()


def test_a_larger_kernel_changes_nothing_and_a_smaller_one_says_what_is_cut(
    kernel_playground,
):
    sums, at = results(kernel_playground), place(kernel_playground)
    radio(kernel_playground, "sizes", "5 × 5").check()
    expect(kernel_playground.locator(".kp-kernel input")).to_have_count(25)
    assert results(kernel_playground)[:2] == sums[:2]
    assert place(kernel_playground) == [at[0] - 1, at[1] - 1]
    cell(kernel_playground, 0, 4).fill("3")
    radio(kernel_playground, "sizes", "3 × 3").check()
    expect(status(kernel_playground)).to_contain_text(
        "1 number that was not 0 did not fit into 3 × 3; Undo brings it back"
    )
    assert results(kernel_playground)[:2] == sums[:2]
    button(kernel_playground, "Undo").click()
    expect(cell(kernel_playground, 0, 4)).to_have_value("3")


@pytest.mark.parametrize("name", NAMES)
def test_the_pixel_under_the_pointer_is_explained_and_a_click_keeps_it(
    kernel_playground, name
):
    button(kernel_playground, "Reset").hover()
    start = place(kernel_playground)
    spot = {"x": 60, "y": 100}
    frame(kernel_playground, name).hover(position=spot)
    there, sums = place(kernel_playground), results(kernel_playground)
    assert there != start
    window = numbers(kernel_playground, "window").reshape(3, 3)
    assert float(sums[0].replace("−", "-")) == pytest.approx(
        (window * KERNELS["sobel x"]).sum(), abs=0.06
    )
    button(kernel_playground, "Reset").hover()
    assert place(kernel_playground) == start
    frame(kernel_playground, name).click(position=spot)
    button(kernel_playground, "Reset").hover()
    assert place(kernel_playground) == there


def test_the_mark_stands_at_the_same_place_in_all_four_pictures(kernel_playground):
    side = frame(kernel_playground, "input").bounding_box()["width"]
    frame(kernel_playground, "input").click(position={"x": 0.4 * side, "y": 0.3 * side})
    button(kernel_playground, "Reset").hover()
    settle(kernel_playground)
    for name in NAMES:
        box = frame(kernel_playground, name).bounding_box()
        mark = frame(kernel_playground, name).locator(".kp-mark").bounding_box()
        middle = [
            (mark["x"] + mark["width"] / 2 - box["x"]) / box["width"],
            (mark["y"] + mark["height"] / 2 - box["y"]) / box["height"],
        ]
        assert middle == pytest.approx([0.4, 0.3], abs=0.02), name


def test_arrow_keys_on_a_picture_move_the_place(kernel_playground):
    page = kernel_playground.page
    frame(kernel_playground, "response").click(position={"x": 80, "y": 80})
    i, j = place(kernel_playground)
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    assert place(kernel_playground) == [i - 9, j + 2]
    expect(kernel_playground.locator(".kp-spoken")).to_contain_text(
        f"Row {i - 9}, column {j + 2}: sum"
    )
    for _ in range(30):
        page.keyboard.press("Shift+ArrowLeft")
    assert place(kernel_playground) == [i - 9, 0]


def test_a_place_can_be_typed_and_a_bad_one_is_refused(kernel_playground):
    frame(kernel_playground, "input").hover()  # the pointer rests on a picture
    row = kernel_playground.get_by_label("row", exact=True)
    row.fill("3")
    row.press("Enter")
    expect(kernel_playground.locator(".kp-results")).to_contain_text("at [3, ")
    row.fill("1000")
    row.press("Enter")
    expect(row).to_have_attribute("aria-invalid", "true")
    expect(status(kernel_playground)).to_contain_text("whole number from 0 to")
    assert f"[3, {place(kernel_playground)[1]}]" in kernel_playground.inner_text()


def test_a_picture_of_ones_own_is_shown_and_the_given_one_comes_back(
    kernel_playground,
):
    given = kernel_playground.locator(".kp-pictures label").first
    settle(kernel_playground)
    before = canvas(kernel_playground, "input").get_attribute("aria-label")
    mine = radio(kernel_playground, "pictures", "your own")
    expect(mine).to_be_hidden()
    give(kernel_playground, "wide.png", "image/png", picture_file(200, 400, 102))
    expect(canvas(kernel_playground, "input")).to_have_attribute(
        "aria-label", "input, 80 × 160 pixels, from 0.40 to 0.40"
    )
    expect(status(kernel_playground)).to_contain_text("stays in this browser")
    expect(mine).to_be_checked()
    given.click()
    expect(canvas(kernel_playground, "input")).to_have_attribute("aria-label", before)
    mine.check()
    expect(canvas(kernel_playground, "response")).to_have_attribute(
        "aria-label", "response, 78 × 158 pixels, from 0.00 to 0.00"
    )
    button(kernel_playground, "Reset").click()
    expect(canvas(kernel_playground, "input")).to_have_attribute("aria-label", before)
    expect(mine).to_be_hidden()


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(kernel_playground, way):
    taken = kernel_playground.evaluate(BRING, [way, [*picture_file(30, 20, 255)]])
    assert taken
    expect(canvas(kernel_playground, "input")).to_have_attribute(
        "aria-label", "input, 30 × 20 pixels, from 1.00 to 1.00"
    )


@pytest.mark.parametrize(
    ("name", "kind", "content", "words"),
    [
        ("notes.txt", "text/plain", b"hello", "“notes.txt” is not a picture"),
        ("torn.png", "image/png", picture_file(9, 9)[:40], "cannot be read as a pict"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_in_words(
    kernel_playground, name, kind, content, words
):
    settle(kernel_playground)
    before = canvas(kernel_playground, "input").get_attribute("aria-label")
    give(kernel_playground, name, kind, content)
    expect(status(kernel_playground)).to_contain_text(words)
    expect(canvas(kernel_playground, "input")).to_have_attribute("aria-label", before)


def test_a_very_large_file_is_refused_in_words(kernel_playground):
    kernel_playground.evaluate(BRING, ["drop", 31 * 2**20])
    expect(status(kernel_playground)).to_contain_text("more than 30 megabytes")


def test_a_picture_smaller_than_the_kernel_is_said(kernel_playground):
    give(kernel_playground, "tiny.png", "image/png", picture_file(2, 4))
    expect(status(kernel_playground)).to_contain_text("a kernel of 3 × 3 does not fit")
    for name in ("response", "pooled"):
        expect(canvas(kernel_playground, name)).to_be_hidden()
    expect(kernel_playground.locator(".kp-results")).to_be_hidden()
    kernel_playground.locator(".kp-pictures label").first.click()
    expect(kernel_playground.locator(".kp-results")).to_be_visible()
    expect(status(kernel_playground)).to_have_text("")


def test_the_camera_gives_one_still_picture_and_is_switched_off(kernel_playground):
    page = kernel_playground.page
    page.evaluate(CAMERA, "works")
    button(kernel_playground, "Use the camera").click()
    expect(canvas(kernel_playground, "input")).to_have_attribute(
        "aria-label", "input, 48 × 64 pixels, from 1.00 to 1.00"
    )
    assert page.evaluate("[stopped, wanted.audio]") == [1, False]
    expect(button(kernel_playground, "Use the camera")).to_be_enabled()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("NotAllowedError", "was not allowed, so no picture was taken"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "another program uses it"),
        ("missing", "gives this page no camera"),
    ],
)
def test_a_camera_that_is_refused_or_missing_is_said(kernel_playground, fault, words):
    kernel_playground.page.evaluate(CAMERA, fault)
    button(kernel_playground, "Use the camera").click()
    expect(status(kernel_playground)).to_contain_text(words)
    expect(button(kernel_playground, "Use the camera")).to_be_enabled()


def test_nothing_moves_while_pointing(kernel_playground):
    button(kernel_playground, "Reset").hover()

    picked = ".kp-panel, .kp-term, .kp-results, .kp-tools, .kp-source"
    before = boxes(kernel_playground, picked)
    for x, y in ((20, 20), (90, 60), (130, 130)):
        frame(kernel_playground, "input").hover(position={"x": x, "y": y})
        assert boxes(kernel_playground, picked) == before


def test_every_control_has_a_name_and_is_large_enough_to_touch(kernel_playground):
    for control in kernel_playground.locator("button, label.kp-chip, input").all():
        if control.is_visible():
            assert (
                min(control.bounding_box()[side] for side in ("width", "height")) > 31
            )
    for control in kernel_playground.locator("input").all():
        assert control.evaluate("(c) => c.labels.length > 0 || c.ariaLabel")


# --- on a bare page, without a kernel -------------------------------------------

NUMBERS = np.random.default_rng(5).random((9, 12))


def test_edits_reach_the_model_and_every_view_of_it(hosted):
    figure = hosted(KernelPlayground({"a": NUMBERS, "b": NUMBERS.T}))
    page, other = figure.page, figure.page.locator(".cnn-kernel-playground").nth(1)
    cell(figure, 0, 1).fill("1/4")
    assert page.evaluate("saved.kernel") == [[-1, 0.25, 1], [-2, 0, 2], [-1, 0, 1]]
    assert page.evaluate("saved.kernel_name") == "free"
    expect(cell(other, 0, 1)).to_have_value("0.25")
    frame(other, "input").click(position={"x": 90, "y": 90})
    assert page.evaluate("saved.pixel") == place(figure) == place(other)
    radio(other, "pictures", "b").check()
    assert page.evaluate("saved.picture") == "b"
    expect(radio(figure, "pictures", "b")).to_be_checked()
    give(figure, "a.png", "image/png", picture_file(7, 9))
    expect(canvas(other, "input")).to_have_attribute("aria-label", re.compile("7 × 9"))
    assert (
        page.evaluate("Object.values(saved).flat(9).filter(ArrayBuffer.isView).length")
        == 1
    )  # the given pictures' bytes, and no others
    page.evaluate("model.set('kernel', [[1, 2]])")  # as Python would
    expect(figure.locator(".kp-kernel input")).to_have_count(2)
    expect(canvas(other, "response")).to_have_attribute(
        "aria-label", re.compile("7 × 8")
    )
    page.evaluate("model.set('kernels', { half: [[0.5]] })")
    expect(figure.locator(".kp-kernels label")).to_have_text(["half", "free"])


def test_a_picture_of_another_window_is_named_and_a_given_one_shown(hosted):
    widget = KernelPlayground({"a": NUMBERS})
    widget.set_state({"_own": "elsewhere", "picture": "your own"})
    figure = hosted(widget)
    expect(status(figure)).to_contain_text("stays in the window that opened it")
    expect(radio(figure, "pictures", "a")).to_be_checked()


def test_the_pictures_are_painted_with_the_numbers_that_python_has(hosted):
    widget = KernelPlayground(NUMBERS)
    figure = hosted(widget)
    y = widget.response
    for name, wanted in [
        ("input", GREY[np.rint(255 * NUMBERS).astype(int)]),
        ("response", SIGNED[np.rint(127.5 * (y / abs(y).max() + 1)).astype(int)]),
        ("ReLU", GREY[np.rint(255 * np.maximum(y, 0) / y.max()).astype(int)]),
    ]:
        data = canvas(figure, name).evaluate(
            "(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        )
        shown = np.reshape(data, (*wanted.shape[:2], 4))
        np.testing.assert_allclose(shown[..., :3], wanted, atol=2)
        assert (shown[..., 3] == 255).all()


def test_the_pointer_finds_the_window_whose_middle_it_is_on(hosted):
    figure = hosted(KernelPlayground(NUMBERS))  # 9 by 12, drawn in a square of 12
    for name in NAMES:
        unit = frame(figure, name).bounding_box()["width"] / 12
        for i, j in ((1, 1), (4, 6), (7, 10)):
            spot = {"x": unit * (j + 0.5), "y": unit * (1.5 + i + 0.5)}
            frame(figure, name).click(position=spot)
            assert figure.page.evaluate("saved.pixel") == [i - 1, j - 1]
    frame(figure, "input").click(position={"x": 1, "y": 1})
    assert figure.page.evaluate("saved.pixel") == [0, 0]


def test_the_last_odd_row_is_left_out_of_the_pooling(hosted):
    figure = hosted(KernelPlayground(NUMBERS))  # the response is 7 by 10
    row = figure.get_by_label("row", exact=True)
    row.fill("6")
    row.press("Enter")
    expect(figure.locator(".kp-results")).to_contain_text("left over at the edge")
    expect(frame(figure, "pooled").locator(".kp-mark")).to_be_hidden()


def test_cleaning_up_removes_every_listener_and_node(hosted):
    figure = hosted(KernelPlayground(NUMBERS))
    page, left = figure.page, button(figure, "Reset").element_handle()
    page.evaluate("model.set('pixel', [1, 1]); views.forEach((undo) => undo())")
    assert page.evaluate("heard()") == 0
    left.evaluate("(reset) => reset.click()")
    assert page.evaluate("model.get('pixel')") == [1, 1]
    assert page.locator(".cnn-kernel-playground").count() == 0
    page.wait_for_timeout(100)  # a frame that was asked for must not come


def test_the_camera_is_switched_off_when_the_figure_goes(hosted):
    figure = hosted(KernelPlayground(NUMBERS))
    page = figure.page
    page.evaluate(CAMERA, "works")
    button(figure, "Use the camera").click()
    page.evaluate("views.forEach((undo) => undo())")
    page.wait_for_function("stopped === 1")


@pytest.mark.parametrize("width", [300, 360, 760])
def test_nothing_overflows_at_any_width(hosted, width):
    kernels = {"long": np.full((5, 5), -99.123), "short": [[1]]}
    for name in kernels:
        page = hosted(KernelPlayground(NUMBERS, kernels, name)).page
        page.set_viewport_size({"width": width + 16, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width + 16
