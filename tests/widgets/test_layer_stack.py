"""LayerStack: the numbers, the traits, and what bad input is told."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from cnncourse.widgets import layer_stack as ls
from cnncourse.widgets import layer_stack_still as still
from cnncourse.widgets.layer_stack import LayerStack

CASES = json.loads(
    Path(__file__).with_name("layer_stack_cases.json").read_text(encoding="utf-8")
)
IDS = [case["name"] for case in CASES["cases"]]
CONV = {"kind": "conv", "kernels": 2, "size": 3}
POOL = {"kind": "pool", "size": 2}


def conv(kernels, size, **more):
    return {"kind": "conv", "kernels": kernels, "size": size, **more}


def pool(size, stride=None):
    return {"kind": "pool", "size": size, "stride": stride or size}


@pytest.mark.parametrize("case", CASES["cases"], ids=IDS)
def test_the_table_agrees_with_what_was_counted(case):
    w = LayerStack(case["layers"], case["input_shape"])
    wanted = [{**row, "shape": tuple(row["shape"])} for row in case["table"]]
    assert w.table() == wanted


@pytest.mark.parametrize("case", CASES["cases"], ids=IDS)
def test_the_sentences_are_those_of_the_figure(case):
    layers, rows = case["layers"], ls.walk(case["input_shape"], case["layers"])
    n = len(rows) - 1
    assert still.field_text(rows, layers, n, case["cell"]) == case["sentence"]
    assert still.misfit_text(rows, layers) == case["misfit"]


def test_numbers_and_layers_are_written_for_people():
    for value, text in CASES["numbers"]:
        assert still.number(value) == text
    for layer, text in CASES["texts"]:
        assert still.layer_text(layer) == text


def test_sizes_and_costs_of_a_small_stack():
    w = LayerStack([conv(6, 3), pool(2), conv(10, 3), pool(2)])
    table = w.table()
    assert [row["shape"] for row in table] == [
        (6, 26, 26),
        (6, 13, 13),
        (10, 11, 11),
        (10, 5, 5),
    ]
    assert [row["parameters"] for row in table] == [60, 0, 550, 0]


def test_alexnets_sizes_need_227_pixels():
    w = LayerStack(
        [conv(96, 11, stride=4), pool(3, 2), conv(256, 5, pad=2), pool(3, 2)],
        (3, 227, 227),
    )
    assert [row["shape"][1] for row in w.table()] == [55, 27, 27, 13]
    w.layers = [*w.layers, conv(256, 3, pad=1), pool(3, 2)]
    assert w.table()[-1]["shape"] == (256, 6, 6)


@pytest.mark.parametrize(("depth", "field"), [(1, 3), (2, 5), (3, 7), (4, 9)])
def test_each_three_by_three_adds_two_to_the_field(depth, field):
    assert LayerStack([CONV] * depth).table()[-1]["field"] == field


def random_layers(rng, most):
    """Up to ``most`` layers of any kind, complete."""
    layers = []
    for _ in range(rng.integers(1, most + 1)):
        size, stride = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        if rng.random() < 0.3:
            layers.append({"kind": "pool", "size": size, "stride": stride})
            continue
        more = {"pad": int(rng.integers(0, 3)), "dilation": int(rng.integers(1, 4))}
        layers.append(conv(1, size, stride=stride, **more))
    return layers


def spread(layer, matrix):
    """Which inputs each output depends on, one axis: (N', inputs) from (N, inputs)."""
    p, d = layer.get("pad", 0), layer.get("dilation", 1)
    padded = np.pad(matrix, [(p, p), (0, 0)])  # zeros depend on nothing
    tops = range(0, len(padded) - d * (layer["size"] - 1), layer["stride"])
    return np.array(
        [
            padded[top : top + d * (layer["size"] - 1) + 1 : d].any(axis=0)
            for top in tops
        ],
        dtype=bool,
    ).reshape(len(tops), matrix.shape[1])


@pytest.mark.parametrize("seed", range(40))
def test_formula_and_reach_agree_with_dependence_carried_through_the_layers(seed):
    layers = random_layers(np.random.default_rng(seed), 4)
    n = 400  # wide enough for outputs that see no edge
    rows = ls.walk((1, n, n + 13), layers)
    assert len(rows) == len(layers) + 1
    depends = np.eye(n, dtype=bool)  # (N', inputs)
    for layer in layers:
        depends = spread(layer, depends)
    last = rows[-1]
    assert last["shape"][1] == len(depends)
    checked = 0
    for i, row in enumerate(depends):
        seen = np.flatnonzero(row)
        assert still.reach(rows, layers, len(layers), 1, i)[0] == seen.tolist()
        low = last["start"] + i * last["jump"]
        high = low + last["field"] - 1
        if low >= 60 and high < n - 60:  # far from any padding
            assert (seen[0], seen[-1]) == (low, high)
            assert (low + high) / 2 == last["centre"] + i * last["jump"]
            checked += 1
    assert checked > 0


@pytest.mark.parametrize("seed", range(8))
def test_changing_a_pixel_changes_the_outputs_that_reach_it(seed):
    rng = np.random.default_rng(100 + seed)
    layers = random_layers(rng, 3)
    x = rng.random((1, 11, 14))
    rows = ls.walk(x.shape, layers)

    def run(a):
        for layer in layers[: len(rows) - 1]:
            p, d = layer.get("pad", 0), layer.get("dilation", 1)
            a = np.pad(a, p)
            span, s = d * (layer["size"] - 1) + 1, layer["stride"]
            views = np.lib.stride_tricks.sliding_window_view(a, (span, span))
            a = views[::s, ::s, ::d, ::d].sum(axis=(2, 3))  # (H', W'), weights of 1
        return a

    y = run(x[0])  # (H', W')
    assert y.shape == rows[-1]["shape"][1:]
    i, j = (n // 2 for n in y.shape)
    changed = np.zeros(x.shape[1:], dtype=bool)
    for at in np.ndindex(changed.shape):
        other = x[0].copy()
        other[at] += 1
        changed[at] = run(other)[i, j] != y[i, j]
    depth = len(rows) - 1
    down, across = (
        still.reach(rows, layers, depth, k + 1, at)[0] for k, at in enumerate((i, j))
    )
    wanted = np.zeros_like(changed)
    wanted[np.ix_(down, across)] = True
    np.testing.assert_array_equal(changed, wanted)


def test_missing_numbers_get_their_defaults():
    w = LayerStack([CONV, {"kind": "pool", "size": 3}])
    assert w.layers == [conv(2, 3, stride=1, pad=0, dilation=1), pool(3)]
    w.layers = [{**CONV, "size": np.int64(5)}]
    assert type(w.layers[0]["size"]) is int


def test_no_layers_given_is_the_lenet_like_stack():
    w = LayerStack()
    assert w.layers == CASES["cases"][0]["layers"]
    assert (w.layer, w.cell) == (4, [2, 2])
    assert w._start == {
        "layers": w.layers,
        "input_shape": [1, 28, 28],
        "layer": 4,
        "cell": [2, 2],
    }


def test_a_stack_that_does_not_fit_is_kept_and_said():
    w = LayerStack([conv(8, 5), pool(2), conv(8, 5), CONV], (1, 13, 11))
    assert len(w.table()) == 2
    assert len(w.layers) == 4
    assert "Layer 3 does not fit: its window covers 5 × 5 pixels" in w._picture
    assert "all layers that fit" in w._picture


def test_no_layers_at_all_leave_the_input():
    w = LayerStack([], (3, 5, 6))
    assert w.table() == []
    assert "Pixel (2, 3) of the input sees row 2 and column 3" in w._picture


def test_the_choice_stays_within_what_there_is():
    w = LayerStack()
    w.cell = [3, 3]
    w.layers = w.layers[:3]
    assert w.layer == 3
    w.cell = [7, 5]
    w.input_shape = (1, 20, 28)
    assert w.cell == [3, 5]
    w.layer = 0
    w.cell = [19, 27]
    w.layer = 2
    assert w.cell == [7, 11]


def test_what_the_browser_sends_at_once_is_taken_as_it_is():
    w = LayerStack()
    w.set_state({"layers": [conv(1, 7, stride=1, pad=0, dilation=1)]})
    assert w.layer == 1
    w.set_state({"layers": [], "layer": 0, "cell": [27, 1], "_own": [w.layers]})
    assert (w.layers, w.layer, w.cell) == ([], 0, [27, 1])
    w.set_state({**w._start, "_own": []})  # Reset
    assert (w.layers, w.layer, w.cell) == (w._start["layers"], 4, [2, 2])


def test_the_picture_goes_to_the_browser_as_brightness():
    a = np.linspace(0, 1, 30).reshape(5, 6)
    w = LayerStack([], (1, 5, 6), picture=a)
    np.testing.assert_allclose(w.picture, a, atol=5e-4)
    w.input_shape = (1, 9, 9)  # the reader may: a grid stands for the picture then
    assert len(w.picture) == 5
    w.picture = None
    assert w.picture is None


SMALL = np.full((4, 4), 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layers": [CONV] * 11}, "layers is 11 layers; a list of up to 10 dicts fits"),
        ({"layers": "conv"}, "layers is conv; a list"),
        ({"layers": [POOL, "pool"]}, r"layers\[1\] is 'pool'; a dict whose 'kind'"),
        ({"layers": [{"kind": "dense"}]}, r"layers\[0\] is .*'conv' or 'pool' fits"),
        ({"layers": [{**POOL, "pad": 1}]}, r"layers\[0\] has the key 'pad'; a pool"),
        ({"layers": [{**CONV, 3: 1}]}, r"has the key '3'; a conv layer takes kernels"),
        ({"layers": [{"kind": "conv", "size": 3}]}, r"layers\[0\] has no 'kernels'"),
        ({"layers": [{"kind": "pool"}]}, r"layers\[0\] has no 'size'; .* from 1 to 15"),
        ({"layers": [{**CONV, "size": 16}]}, r"layers\[0\]\['size'\] is 16; .*1 to 15"),
        ({"layers": [{**CONV, "stride": 0}]}, r"\['stride'\] is 0; .* from 1 to 8"),
        ({"layers": [{**CONV, "pad": 8}]}, r"\['pad'\] is 8; .* from 0 to 7"),
        ({"layers": [{**CONV, "dilation": 9}]}, r"\['dilation'\] is 9; .* 1 to 8"),
        (
            {"layers": [{**CONV, "kernels": 1025}]},
            r"\['kernels'\] is 1025; .* 1 to 1024",
        ),
        ({"layers": [{**CONV, "size": 3.0}]}, r"\['size'\] is 3.0; a whole number"),
        ({"layers": [{**CONV, "size": True}]}, r"\['size'\] is True"),
        ({"layers": [{**POOL, "size": "2"}]}, r"\['size'\] is '2'"),
        ({"input_shape": (28, 28)}, r"input_shape is \(28, 28\); \(channels, height"),
        ({"input_shape": (0, 4, 4)}, "input_shape: channels is 0; .* 1 to 1024"),
        ({"input_shape": (1, 513, 4)}, "input_shape: height is 513; .* 1 to 512"),
        ({"input_shape": (1, 4, 4.5)}, "input_shape: width is 4.5"),
        ({"picture": SMALL}, r"picture has shape \(4, 4\); .*\(28, 28\), fit"),
        ({"picture": np.zeros((1, 28, 28))}, r"picture has shape \(1, 28, 28\)"),
        ({"picture": np.zeros((65, 4))}, r"at most \(64, 64\), fit"),
        ({"picture": SMALL * 255}, "values from 127.5 to 127.5; brightness from 0"),
        ({"picture": SMALL * np.nan}, "nan"),
        ({"picture": [["a"]]}, "picture has shape .* type <U1"),
        ({"picture": [[1], [1, 0]]}, r"picture has shape \(0,\)"),
        ({"alt": 3}, "alt is 3; one sentence"),
    ],
)
def test_a_bad_argument_is_named_with_what_was_given_and_what_fits(arguments, words):
    with pytest.raises(ValueError, match=words):
        LayerStack(**arguments)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("layers", None, "layers is None"),
        ("layers", [{**CONV, "size": 0}], r"layers\[0\]\['size'\] is 0"),
        ("input_shape", [1, 2], "input_shape"),
        ("picture", SMALL, "height and width of input_shape"),
        ("layer", 5, "layer is 5; a whole number from 0 to 4 fits"),
        ("layer", None, "layer is None"),
        ("cell", [4, 0], "cell: row is 4; a whole number from 0 to 3 fits"),
        ("cell", [0, -1], "cell: column is -1"),
        ("cell", 3, r"cell is 3; \[row, column\]"),
    ],
)
def test_a_bad_assignment_is_refused_and_changes_nothing(name, value, words):
    w = LayerStack()
    before = getattr(w, name)
    with pytest.raises(ValueError, match=words):
        setattr(w, name, value)
    assert getattr(w, name) == before


def test_the_still_picture_teaches_before_any_script_runs():
    w = LayerStack(picture=np.eye(28), alt="Ein <Turm> & mehr")
    for text in ("3,216", "204,800", "16 × 4 × 4", "First centre", "all layers"):
        assert text in w._picture, text
    assert "Output (2, 2) of layer 4 sees rows 8 to 23" in w._picture
    root = ET.fromstring(f"<div>{w._picture}</div>")  # well-formed
    svg = root.find("{http://www.w3.org/2000/svg}svg")
    assert svg.find("{http://www.w3.org/2000/svg}title").text == w.alt
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", w._picture)
    framed = [r for r in svg.iter() if r.get("stroke-width") == "3"]
    unit = still.SIDE / 28
    assert float(framed[0].get("width")) == pytest.approx(16 * unit, abs=0.01)
    assert float(framed[0].get("x")) == pytest.approx(2 + 8 * unit, abs=0.01)


def test_the_still_picture_holds_the_given_brightness():
    from base64 import b64decode

    from cnncourse.widgets.layer_stack_still import png

    a = np.array([[0, 128, 255], [7, 8, 9]])
    data = b64decode(png(a).split(",")[1])
    pillow = pytest.importorskip("PIL.Image")
    import io

    np.testing.assert_array_equal(np.array(pillow.open(io.BytesIO(data))), a)


def test_limits_and_layers_are_the_same_in_browser_and_python():
    js = ls.HERE.with_suffix(".js").read_text(encoding="utf-8")
    block = re.search(r"LIMITS = \{(.*?)\};", js, re.S)[1]
    found = re.findall(r"(\w+): \[(\d+), (\d+)\]", block)
    assert {name: (int(a), int(b)) for name, a, b in found} == ls.LIMITS
    assert int(re.search(r"MOST = (\d+)", js)[1]) == ls.MOST


def test_a_pool_takes_its_size_as_stride_or_says_that_it_cannot():
    stack = LayerStack([{"kind": "pool", "size": 8}])
    assert stack.layers[0]["stride"] == 8
    with pytest.raises(ValueError, match=r"stride.*is 9; a whole number from 1 to 8"):
        LayerStack([{"kind": "pool", "size": 9}])
