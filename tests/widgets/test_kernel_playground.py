"""KernelPlayground: the numbers, the traits, and what bad input is told."""

import base64
import json
import re
import struct
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import numpy as np
import pytest

from cnncourse.widgets import kernel_playground as kp
from cnncourse.widgets import kernel_playground_still as drawing
from cnncourse.widgets.kernel_playground import KernelPlayground

CASES = json.loads(
    Path(__file__).with_name("kernel_playground_cases.json").read_text(encoding="utf-8")
)
RNG = np.random.default_rng(3)
PHOTO, SMALL = RNG.random((20, 31)), RNG.random((6, 5))
SOBEL_Y = [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]


@pytest.fixture
def figure():
    return KernelPlayground({"photo": PHOTO, "small": SMALL})


@pytest.mark.parametrize("case", CASES["maps"], ids=lambda case: case["name"])
def test_response_and_maxima_agree_with_the_oracle(case):
    w = KernelPlayground(np.array(case["picture"]) / 255, {"w": case["kernel"]}, "w")
    np.testing.assert_allclose(w.response, case["response"], rtol=0, atol=1e-12)
    pooled = drawing.pool(np.maximum(w.response, 0))
    wanted = np.reshape(case["pooled"], pooled.shape)
    np.testing.assert_allclose(pooled, wanted, rtol=0, atol=1e-12)


def test_the_nine_kernels_have_the_sums_that_the_figure_explains():
    sums = {name: np.sum(kernel) for name, kernel in kp.KERNELS.items()}
    assert sums == pytest.approx(CASES["sums"])


def test_browser_and_python_paint_with_the_same_colours():
    js = kp.HERE.with_suffix(".js").read_text(encoding="utf-8")
    stops = re.search(r"DIVERGING = (\[.*?\]);", js, re.S)[1]
    assert json.loads(re.sub(r",\s*\]", "]", stops)) == [*map(list, drawing.STOPS)]


def test_pictures_go_to_the_browser_as_bytes_and_come_back_as_brightness(figure):
    assert figure._shapes == [["photo", 20, 31], ["small", 6, 5]]
    assert len(figure._pixels) == 20 * 31 + 6 * 5
    back = figure.pictures
    assert list(back) == ["photo", "small"]
    np.testing.assert_allclose(back["small"], SMALL, rtol=0, atol=0.5 / 255)


def test_the_first_place_is_a_strong_response_away_from_the_border(figure):
    inner = figure.response[2:-2, 3:-3]
    assert figure.response[tuple(figure.pixel)] == inner.max()
    assert figure._start["pixel"] == figure.pixel


def test_an_array_assigned_as_kernel_becomes_the_free_kernel(figure):
    figure.kernel = np.ones((5, 5)) / 25
    assert figure.kernel == [[0.04] * 5] * 5
    assert figure.kernel_name == "free"
    assert figure._free == figure.kernel
    assert figure.response.shape == (16, 27)


def test_a_kernel_can_be_chosen_by_name(figure):
    figure.kernel_name = "sobel y"
    assert figure.kernel == SOBEL_Y
    assert figure.kernel_name == "sobel y"


def test_choosing_free_keeps_the_kernel(figure):
    figure.kernel_name = "free"
    assert figure.kernel == kp.KERNELS["sobel x"]


def test_another_picture_gives_another_response_and_a_place_within_it(figure):
    figure.pixel = [17, 28]
    figure.picture = "small"
    assert figure.response.shape == (4, 3)
    assert figure.pixel == [3, 2]


def test_a_larger_kernel_draws_the_place_back_into_the_response(figure):
    figure.pixel = np.array([17, 28])
    figure.kernel = np.eye(5)
    assert figure.pixel == [15, 26]


def test_what_the_browser_sends_at_once_is_taken_as_it_is(figure):
    figure.set_state(
        {"kernel": SOBEL_Y, "kernel_name": "free", "_free": SOBEL_Y, "pixel": [1, 2]}
    )
    assert (figure.kernel, figure.kernel_name) == (SOBEL_Y, "free")
    assert figure.pixel == [1, 2]
    figure.set_state({**figure._start, "_own": "", "_free": None})  # Reset
    assert (figure.kernel_name, figure.pixel) == ("sobel x", figure._start["pixel"])


def test_the_readers_own_picture_stays_in_the_browser(figure):
    figure.set_state({"_own": "k3y", "picture": "your own", "pixel": [90, 120]})
    assert figure.pixel == [90, 120]
    figure.kernel_name = "blur"
    with pytest.raises(RuntimeError, match=r"stays in the browser.*'photo', 'small'"):
        _ = figure.response
    figure.picture = "small"
    assert figure.pixel == [3, 2]


def test_a_kernel_that_does_not_fit_is_kept_but_has_no_response():
    figure = KernelPlayground({"large": PHOTO, "tiny": np.ones((4, 9))})
    figure.kernel = np.ones((5, 5))
    figure.picture = "tiny"
    assert figure.pixel == [0, 4]
    with pytest.raises(ValueError, match=r"\(5, 5\) does not fit.*\(4, 9\)"):
        _ = figure.response


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pictures": {}}, "pictures: the dict is empty"),
        ({"pictures": {"your own": SMALL}}, "'your own' cannot be a picture's name"),
        ({"pictures": np.ones((3, 4, 5))}, r"shape \(3, 4, 5\); give \(H, W\)"),
        ({"pictures": np.ones((0, 4))}, r"shape \(0, 4\)"),
        ({"pictures": np.ones((300, 4))}, "from 1 to 256"),
        ({"pictures": SMALL * 255}, "values from .* to .*; give brightness from 0"),
        ({"pictures": SMALL - 0.9}, "give brightness from 0 to 1"),
        ({"pictures": SMALL * np.nan}, "nan"),
        ({"pictures": [["a", "b"]]}, "pictures: 'picture' is no table of numbers"),
        ({"pictures": np.ones((2, 2))}, r"kernel: shape \(3, 3\) does not fit"),
        ({"kernel": "sobel"}, "no kernel is called 'sobel'; there are 'sharpen'"),
        ({"kernels": {}}, "kernels: give a dict"),
        ({"kernels": [np.eye(3)]}, "kernels: give a dict"),
        ({"kernels": {"free": np.eye(3)}}, "'free' cannot be a kernel's name"),
        ({"kernels": {"a": np.eye(6)}}, r"kernels\['a'\]: shape \(6, 6\)"),
        ({"alt": 3}, "alt: 3 is no text"),
    ],
)
def test_a_bad_argument_is_named_with_what_was_given_and_what_fits(arguments, words):
    with pytest.raises(ValueError, match=words):
        KernelPlayground(**{"pictures": SMALL, **arguments})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kernel", [1, 2, 3], r"kernel: shape \(3,\)"),
        ("kernel", [[1, 2], [3]], "is no table of numbers"),
        ("kernel", "sobel y", "is no table of numbers"),
        ("kernel", None, "kernel"),
        ("kernel", np.ones((3, 0)), r"shape \(3, 0\)"),
        ("kernel", [[np.inf]], "numbers from -100 to 100"),
        ("kernel", [[101]], "numbers from -100 to 100"),
        ("kernel_name", "sobel", "there are 'sharpen', .*, 'free'"),
        ("picture", "cat", "there are 'photo', 'small'"),
        ("picture", "your own", "there are 'photo', 'small'"),
        ("pixel", [1], "give \\[row, column\\]"),
        ("pixel", [0.5, 2], "whole numbers"),
        ("pixel", [-1, 2], "whole numbers from 0"),
        ("kernels", {}, "kernels"),
    ],
)
def test_a_bad_assignment_raises_and_leaves_the_figure_as_it_was(
    figure, name, value, words
):
    before = figure.get_state()
    with pytest.raises(ValueError, match=words):
        setattr(figure, name, value)
    assert figure.get_state() == before


def test_the_still_picture_is_an_svg_with_a_title_and_four_pictures():
    x, y = np.ogrid[:128, :128]
    photo = 0.5 + 0.25 * np.sin(x * y / 90) + 0.25 * np.cos(x / 7 + y / 5)
    figure = KernelPlayground({"photo": photo})
    svg = ET.fromstring(figure._picture)
    place = "{http://www.w3.org/2000/svg}"
    assert int(svg.get("width")) <= 640
    assert "photo, kernel sobel x: sum" in svg.find(f"{place}title").text
    assert len(svg.findall(f"{place}image")) == 4
    texts = [t.text for t in svg.findall(f"{place}text")]
    for wanted in ("input 128 × 128", "response 126 × 126", "pooled 63 × 63"):
        assert wanted in texts
    total = drawing.number(figure.response[tuple(figure.pixel)])
    assert any((t or "").startswith(f"sum {total} = response at row") for t in texts)
    assert len(figure._picture) < 100_000


@pytest.mark.parametrize(
    ("kernel", "grey"), [("sharpen", True), ("blur", True), ("sobel x", False)]
)
def test_a_response_that_is_a_picture_is_drawn_in_grey(kernel, grey):
    figure = KernelPlayground(PHOTO, kernel=kernel)
    y = figure.response
    shown = np.rint(255 * np.clip(y, 0, 1)).astype(np.uint8)
    assert (drawing.png(shown, drawing.GREY) in figure._picture) == grey
    ends = f"{drawing.number(y.min())} to {drawing.number(y.max())}"
    assert f">{ends}<" in figure._picture


def test_a_small_sum_keeps_three_digits_in_the_still_picture():
    assert drawing.sum_text(-0.003921) == "−0.00392"
    assert drawing.sum_text(0.0123) == "0.01"
    assert drawing.sum_text(-1e-16) == "0"


def test_names_are_escaped_in_the_still_picture():
    figure = KernelPlayground({"<b>&": SMALL}, {"a<b": np.eye(3)}, "a<b")
    assert "<b>&, kernel a<b" in ET.fromstring(figure._picture)[0].text


def test_the_still_pictures_file_decodes_to_its_pixels():
    pixels = RNG.integers(0, 256, (3, 5), dtype=np.uint8)
    uri = drawing.png(pixels, drawing.GREY)
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        (crc,) = struct.unpack(">I", data[at + 8 + size : at + 12 + size])
        assert crc == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    assert struct.unpack(">2I", chunks[b"IHDR"][:8]) == (5, 3)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(3, 6)
    np.testing.assert_array_equal(rows[:, 0], 0)
    np.testing.assert_array_equal(rows[:, 1:], pixels)


def test_a_map_too_small_to_pool_is_drawn_without_a_pooled_picture():
    svg = KernelPlayground(np.eye(3), kernel="blur")._picture
    assert svg.count("<image") == 3
    assert "pooled 0 × 0" in svg
