"""FeatureMaps: the numbers, the traits, and what bad input is told."""

import io
import json
import re
import xml.etree.ElementTree as ET
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from cnncourse.widgets import FeatureMaps
from cnncourse.widgets import feature_maps_data as fd
from cnncourse.widgets import feature_maps_still as still
from cnncourse.widgets import kernel_playground_still as playground

CASES = json.loads(
    Path(__file__).with_name("feature_maps_cases.json").read_text(encoding="utf-8")
)
NET = CASES["net"]
RNG = np.random.default_rng(3)
X = RNG.random((6, 8))
MAPS = np.maximum(RNG.normal(size=(70, 6, 8)), 0)
MAPS[[4, 66]] = 0
MAPS *= 3 / MAPS.max()  # so that four decimals are printed
DENSE = RNG.normal(size=10)


@pytest.fixture
def figure():
    layers = {"conv": MAPS, "pool": MAPS[:, ::2, ::2], "logits": DENSE}
    return FeatureMaps(X, layers, {"conv": (3, 1, -1), "pool": (4, 2, -1.0)})


@pytest.fixture
def net():
    layers = {name: np.array(a) for name, a in NET["layers"].items()}
    return FeatureMaps(np.array(NET["picture"]), layers, NET["fields"])


@pytest.mark.parametrize("name", NET["layers"])
def test_codes_and_decimals_agree_with_the_oracle(name):
    codes, decimals = fd.as_codes(np.array(NET["layers"][name], float))
    assert decimals == NET["decimals"][name]
    assert codes.ravel().tolist() == NET["codes"][name]


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1, 7, 3.2767, 32767.4, 1e9, 1e30])
def test_a_printed_value_is_the_given_one_to_its_last_digit(scale):
    values = scale * RNG.normal(size=5000)
    values /= np.abs(values).max() / scale
    codes, decimals = fd.as_codes(values)
    unit = 10.0**-decimals
    assert 3276 <= np.abs(codes[codes != fd.NEAR].astype(int)).max() <= 32767
    for value, code in zip(values, codes, strict=True):
        text = still.value_text(code, decimals).replace("−", "-")
        assert abs(float(text) - value) <= unit * (0.5 + 1e-6)
        assert (text == "0") == (value == 0)


def test_float16_and_whole_numbers_are_printed_without_loss():
    a = RNG.integers(-9, 10, (2, 3, 3))
    codes, decimals = fd.as_codes(a.astype(float))
    assert decimals == 0
    np.testing.assert_array_equal(codes, a)
    w = FeatureMaps(X, {"a": a.astype(np.float16) / 4})
    assert w.value == np.abs(a).max() / 4 or w.value == -np.abs(a).max() / 4


@pytest.mark.parametrize(("code", "decimals", "text"), CASES["values"])
def test_a_code_is_written_in_digits(code, decimals, text):
    assert still.value_text(code, decimals) == text


@pytest.mark.parametrize("case", CASES["fields"], ids=lambda case: case["text"][8:40])
def test_a_field_is_put_into_words(case):
    assert still.field_text(case["field"], case["cell"], case["pixels"]) == case["text"]


@pytest.mark.parametrize(("layer", "number", "cell", "said"), NET["sentences"])
def test_a_value_is_put_into_words(net, layer, number, cell, said):
    net.layer, net.map, net.cell = layer, number, cell
    assert still.sentence(net) == said


def test_the_strongest_map_and_the_zero_ones_are_found(net):
    for name in NET["layers"]:
        net.layer, net.strongest = name, True
        assert net._order() == NET["order"][name]
        assert net.zero_maps(name) == NET["zero"][name]
        net.strongest = False
        assert net._order() == list(range(len(NET["layers"][name])))


def test_the_browser_gets_a_byte_a_pixel_and_two_a_number(figure):
    count = 6 * 8 + 2 * (70 * 48 + 70 * 12 + 10)
    assert len(figure._pixels) == count
    np.testing.assert_array_equal(
        np.frombuffer(figure._pixels, np.uint8, 48), np.rint(255 * X).ravel()
    )
    last = np.frombuffer(figure._pixels, "<i2", 10, count - 20)
    np.testing.assert_allclose(
        last / 10.0 ** figure._layers[2]["decimals"], DENSE, atol=1e-4
    )
    assert [about["field"] for about in figure._layers] == [
        [3, 1, -1],
        [4, 2, -1],
        None,
    ]


def test_the_first_view_is_the_strongest_value_whose_field_fits(figure):
    number = int(MAPS[:64].max(axis=(1, 2)).argmax())  # of the first page
    inner = MAPS[number, 1:-1, 1:-1]
    assert figure.map == number
    assert MAPS[number][tuple(figure.cell)] == inner.max()
    assert figure.value == pytest.approx(inner.max(), abs=1e-4)
    assert figure.page == 0
    assert figure._start == {
        "layer": "conv",
        "map": number,
        "cell": figure.cell,
        "page": figure.page,
        "shared": False,
        "strongest": False,
    }


def test_without_a_field_the_first_view_is_the_strongest_value():
    w = FeatureMaps(X, {"conv": MAPS})
    assert MAPS[(w.map, *w.cell)] == MAPS[:64].max()
    assert "It sees" not in w._picture


def test_a_field_larger_than_the_picture_is_taken():
    w = FeatureMaps(X, {"conv": MAPS[:3]}, {"conv": (99, 1, -40)})
    assert "in the padding" in w._picture.replace("\n", " ")


def test_another_layer_keeps_map_and_cell_within_it(figure):
    figure.map, figure.cell = 69, [5, 7]
    assert figure.page == 1
    figure.layer = "pool"
    assert (figure.map, figure.cell, figure.page) == (69, [2, 3], 1)
    figure.layer = "logits"
    assert (figure.map, figure.cell, figure.page) == (9, [2, 3], 0)
    assert figure.value == pytest.approx(DENSE[9], abs=1e-4)
    figure.layer = "conv"
    assert (figure.map, figure.cell) == (9, [2, 3])


def test_the_page_follows_the_map_in_either_order(figure):
    figure.map = 66
    assert figure.page == 1
    figure.map = 4  # zero: last but one when the strongest stand first
    assert figure.page == 0
    figure.strongest = True
    assert figure.page == 1
    assert figure._order()[-2:] == [4, 66]
    assert figure.zero_maps() == [4, 66]


def test_what_the_browser_sends_at_once_is_taken_as_it_is(figure):
    sent = {
        "layer": "pool",
        "map": 65,
        "cell": [1, 3],
        "page": 1,
        "shared": True,
        "strongest": False,
    }
    figure.set_state(sent)
    assert {name: getattr(figure, name) for name in sent} == sent
    figure.set_state(figure._start)  # Reset
    assert {name: getattr(figure, name) for name in sent} == figure._start


def test_colour_pictures_and_one_channel_are_taken():
    assert FeatureMaps(np.stack([X, X, X]), {"a": MAPS[:2]})._shape == [3, 6, 8]
    assert FeatureMaps(X[None], {"a": MAPS[:2]})._shape == [1, 6, 8]


GOOD = {"picture": X, "layers": {"a": MAPS[:3]}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"picture": np.ones((2, 4, 4))}, r"picture has shape \(2, 4, 4\); \(H, W\)"),
        ({"picture": np.ones((257, 4))}, r"picture has shape \(257, 4\); .* to 256"),
        ({"picture": np.ones((0, 4))}, r"picture has shape \(0, 4\), which is empty"),
        ({"picture": X * 255}, "picture has values from .*; brightness from 0 to 1"),
        ({"picture": X - 1}, "picture has values from -"),
        ({"picture": X * np.nan}, "picture holds a number that is not finite"),
        ({"picture": [["a"]]}, "picture has shape .* type <U1"),
        ({"picture": [[1], [1, 0]]}, r"picture has shape \(0,\) and type object"),
        ({"layers": {}}, "layers is a dict of 0; a dict name -> array, 1 to 64"),
        ({"layers": MAPS}, "layers is <class 'numpy.ndarray'>; a dict"),
        ({"layers": {str(n): DENSE for n in range(65)}}, "layers is a dict of 65"),
        ({"layers": {"": DENSE}}, "layers has the name ''"),
        ({"layers": {3: DENSE}}, "layers has the name 3; a text fits"),
        ({"layers": {"a": MAPS[None]}}, r"layers\['a'\] .*\(1, 70, 6, 8\); .*one pict"),
        ({"layers": {"a": X}}, r"layers\['a'\] has shape \(6, 8\); \(K, h, w\) or"),
        ({"layers": {"a": MAPS[:0]}}, r"layers\['a'\] has shape \(0, 6, 8\), .* empty"),
        ({"layers": {"a": np.ones((2, 257, 1))}}, r"\(2, 257, 1\); .* sides up to 256"),
        ({"layers": {"a": np.ones((513, 1, 1))}}, "has 513 maps; up to 512 fit"),
        ({"layers": {"a": np.ones(4097)}}, "has 4097 numbers; up to 4096 fit"),
        (
            {"layers": {"a": np.full((2, 3, 3), np.inf)}},
            r"layers\['a'\] holds a number that is not fin",
        ),
        ({"layers": {"a": np.array([None])}}, r"layers\['a'\] .* type object"),
        ({"layers": {"a": DENSE + 1j}}, "type complex128"),
        (
            {"layers": {k: np.ones((512, 50, 50)) for k in "ab"}},
            r"layers hold 2,560,000 numbers .*'b': 1280000.*; 2,000,000 in all fit",
        ),
        ({"fields": (3, 1, 0)}, r"fields is \(3, 1, 0\); a dict name -> field"),
        ({"fields": {"b": (3, 1, 0)}}, r"fields has the names \['b'\]; .*\['a'\], fit"),
        ({"fields": {"a": (3, 1)}}, r"fields\['a'\] is \(3, 1\); \(size, jump, start"),
        ({"fields": {"a": (0, 1, 0)}}, r"fields\['a'\] is \(0, 1, 0\)"),
        ({"fields": {"a": (3, 1, 0.5)}}, r"fields\['a'\] is \(3, 1, 0.5\); .*whole"),
        ({"fields": {"a": (3, 1, np.nan)}}, r"fields\['a'\]"),
        ({"fields": {"a": (3, 1, np.inf)}}, r"fields\['a'\]"),
        ({"fields": {"a": (3, True, 0)}}, r"fields\['a'\]"),
        ({"fields": {"a": None}}, r"fields\['a'\] is None"),
        ({"alt": 3}, "alt is 3; one sentence"),
    ],
)
def test_a_bad_argument_is_named_with_what_was_given_and_what_fits(arguments, words):
    with pytest.raises(ValueError, match=words):
        FeatureMaps(**{**GOOD, **arguments})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("layer", "fc", r"layer is 'fc'; one of \['conv', 'pool', 'logits'\] fits"),
        ("layer", None, "layer is None"),
        ("map", 70, "map is 70; a whole number from 0 to 69 fits"),
        ("map", 1.0, "map is 1.0"),
        ("map", True, "map is True"),
        ("page", 2, "page is 2; a whole number from 0 to 1 fits"),
        ("cell", [6, 0], r"cell is \[6, 0\]; \[row, column\] within 6 × 8 fits"),
        ("cell", [0, -1], r"cell is \[0, -1\]"),
        ("cell", 3, "cell is 3"),
        ("shared", 1, "shared is 1; True or False fits"),
        ("strongest", None, "strongest is None"),
    ],
)
def test_a_bad_assignment_is_refused_and_changes_nothing(figure, name, value, words):
    before = getattr(figure, name)
    with pytest.raises(ValueError, match=words):
        setattr(figure, name, value)
    assert getattr(figure, name) == before


def test_the_still_picture_teaches_before_any_script_runs():
    w = FeatureMaps(X, {"c<1>": MAPS}, {"c<1>": (3, 1, -1)}, alt="Ein <Turm> & mehr")
    root = ET.fromstring(w._picture)  # well-formed
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == w.alt
    words = " ".join(text.text for text in root.iter(f"{space}text"))
    assert "70 maps of c<1>, the first 32" in words
    assert still.sentence(w) in words
    assert f"{w.value:.4f}" in words
    i, j = w.cell
    rects = root.iter(f"{space}rect")
    field = next(r for r in rects if r.get("stroke-width") == "2.5")
    unit = still.EDGE / 8
    assert float(field.get("x")) == pytest.approx(unit * (j - 1), abs=0.01)
    assert float(field.get("y")) == pytest.approx(26 + unit * (i - 1), abs=0.01)
    assert float(field.get("width")) == pytest.approx(3 * unit, abs=0.01)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", w._picture)


def test_the_still_picture_of_numbers_has_a_bar_each():
    w = FeatureMaps(X, {"logits": DENSE})
    root = ET.fromstring(w._picture)
    rects = [r for r in root.iter("{http://www.w3.org/2000/svg}rect")]
    widths = [float(r.get("width")) for r in rects]
    np.testing.assert_allclose(
        np.array(widths) / max(widths), np.abs(DENSE) / np.abs(DENSE).max(), atol=2e-3
    )


def test_maps_are_grey_from_zero_or_signed_round_grey():
    plain = still.painted(np.array([[[0, 50, 100]]], np.int16), 0)
    np.testing.assert_array_equal(plain[0, :, 0], [0, 127.5, 255])
    both = still.painted(np.array([[[-100, 0, 100]]], np.int16), 0)
    np.testing.assert_allclose(both[0, 0], playground.STOPS[0])
    np.testing.assert_allclose(both[0, 2], playground.STOPS[-1])
    np.testing.assert_allclose(both[0, 1], playground.STOPS[2], atol=2)
    data = b64decode(still.png(both).split(",")[1])
    pillow = pytest.importorskip("PIL.Image")
    np.testing.assert_array_equal(
        np.array(pillow.open(io.BytesIO(data))), np.rint(both)
    )


def test_browser_and_python_agree_on_the_constants():
    js = Path(still.__file__).with_name("feature_maps.js").read_text(encoding="utf-8")
    stops = re.search(r"DIVERGING = (\[.*?\]);", js, re.S)[1]
    assert json.loads(re.sub(r",\s*\]", "]", stops)) == [*map(list, playground.STOPS)]
    assert int(re.search(r"NEAR = (-\d+)", js)[1]) == fd.NEAR
    assert int(re.search(r"PAGE = (\d+)", js)[1]) == 64
