"""DigitLab: what it computes, agrees with SciPy, Keras and itself; what it refuses."""

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import playwright
import pytest

from cnncourse.widgets import digit_lab as widget
from cnncourse.widgets import digit_lab_net as nets
from cnncourse.widgets.digit_lab import DigitLab

HERE = Path(__file__)
ROOT = HERE.parents[2]
CASES = json.loads(HERE.with_name("digit_lab_cases.json").read_text(encoding="utf-8"))
NODE = shutil.which("node") or str(Path(playwright.__file__).parent / "driver/node")
ROWS, COLUMNS = np.indices((28, 28))
BLOCK = (ROWS >= 5) & (ROWS <= 20) & (COLUMNS >= 8) & (COLUMNS <= 17)
X = ((7 * ROWS + 3 * COLUMNS + ROWS * COLUMNS) % 11) / 10 * BLOCK
SMALL, LINE = np.zeros((2, 28, 28))
SMALL[2:7, 20:23] = X[6:11, 9:12]
LINE[25, 1:27] = 1
PICTURES = {"x": X, "small": SMALL, "line": LINE}
RNG = np.random.default_rng(2)
KERAS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
from cnncourse import data
from cnncourse.widgets import digit_lab_net as nets
from cnncourse.keras_models import fit
import keras
from keras import layers as L
assert "torch" not in sys.modules
digits = data.mnist()
x = np.rint(255 * digits.x_test[:100, 0]).astype(np.uint8)
found = {}
for net in nets.shipped()[0]:
    steps, weights, flat = [keras.Input((28, 28, 1))], [], False
    for layer in net["layers"]:
        kind, act = layer["kind"], layer.get("activation")
        if kind == "conv":
            K, C, R, S = layer["w"].shape
            steps += [L.ZeroPadding2D(layer["pad"])]
            steps += [L.Conv2D(K, (R, S), strides=layer["stride"], activation=act)]
            weights += [layer["w"].transpose(2, 3, 1, 0), layer["b"]]
        elif kind == "pool":
            steps += [L.MaxPooling2D(layer["size"], layer["stride"])]
        elif kind == "global_max":
            steps += [L.GlobalMaxPooling2D()]
            flat = True
        elif kind == "dense":
            if not flat:
                steps += [L.Permute((3, 1, 2)), L.Flatten()]
            flat = True
            steps += [L.Dense(len(layer["b"]), activation=act)]
            weights += [layer["w"].T, layer["b"]]
    model = keras.Sequential(steps)
    model.set_weights([w.astype(np.float32) for w in weights])
    logits = model(x[..., None].astype(np.float32) / 255)
    found[net["name"]] = keras.ops.softmax(logits).numpy()
np.savez(sys.argv[1], x=x, y=digits.y_test[:100], name=digits.name, **found)
"""
BROWSER = """
import { readFileSync } from "node:fs";
const [module, file] = process.argv.slice(2);
const lab = await import(module);
const { bytes, count, specs } = JSON.parse(readFileSync(file));
const buffer = Uint8Array.from(Buffer.from(bytes, "base64"));
const { pictures, networks } = lab.unpack(buffer, count, specs);
const shares = networks.map((net) => pictures.map((one) => {
  const x = lab.moved(Float64Array.from(one, (v) => v / 255), {});
  return lab.softmax(lab.forward(net.layers, x).at(-1).data);
}));
console.log(JSON.stringify(shares));
"""


@pytest.fixture(scope="module")
def figure():
    return DigitLab()


def brief(y):
    return [y.sum(), (y * ROWS).sum(), (y * COLUMNS).sum(), (y * y).sum()]


@pytest.mark.parametrize("case", CASES["moved"], ids=lambda c: str(c["move"]))
def test_a_picture_moved_agrees_with_scipy(case):
    y = nets.moved(X, **case["move"])
    np.testing.assert_allclose(brief(y), case["sums"], atol=1e-9)
    np.testing.assert_allclose(y[13], case["row"], atol=1e-9)


def test_turning_is_scipys_turning_counter_clockwise():
    from scipy import ndimage

    for angle in (30, -45):
        wanted = ndimage.rotate(X, angle, reshape=False, order=1, mode="grid-constant")
        np.testing.assert_allclose(nets.moved(X, angle=angle), wanted, atol=1e-9)


@pytest.mark.parametrize("case", CASES["centred"], ids=lambda c: c["name"])
def test_ink_is_centred_as_the_oracle_does(case):
    y = nets.centred(PICTURES[case["picture"]])
    np.testing.assert_allclose(brief(y), case["sums"], atol=1e-9)
    np.testing.assert_allclose(y[13], case["row"], atol=1e-9)
    if case["picture"] != "line":
        mass = np.array(brief(y)[1:3]) / y.sum()
        assert np.abs(mass - 14).max() <= 0.5 + 1e-9


def test_the_examples_stand_where_centring_puts_them(figure):
    for x in figure.pictures:
        np.testing.assert_allclose(nets.centred(x), x, atol=1e-12)
    assert nets.centred(np.zeros((28, 28))).sum() == 0


@pytest.mark.parametrize("case", CASES["layers"], ids=lambda c: c["name"])
def test_a_layer_agrees_with_the_oracle(case):
    layer = {**case["layer"]}
    for key in ("w", "b"):
        if key in case:
            layer[key] = np.array(case[key], np.float16)
    y = nets.run(layer, np.array(CASES["input"])[None])[0]
    np.testing.assert_allclose(y, case["y"], atol=1e-6)


@pytest.fixture(scope="module")
def keras_shares(tmp_path_factory):
    """100 test pictures and what Keras answers, computed where no torch is loaded."""
    path = tmp_path_factory.mktemp("keras") / "found.npz"
    env = {**os.environ, "CNNCOURSE_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KERAS, str(path)],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    with np.load(path) as found:
        return {name: found[name] for name in found.files}


def test_browser_and_python_agree_with_keras_on_100_pictures(
    keras_shares, figure, tmp_path
):
    x = keras_shares["x"]
    weights = figure._pixels[len(figure._labels) * 784 :]
    content = base64.b64encode(x.tobytes() + weights).decode()
    file, script = tmp_path / "in.json", tmp_path / "run.mjs"
    state = {"bytes": content, "count": len(x), "specs": figure._networks}
    file.write_text(json.dumps(state))
    script.write_text(BROWSER)
    module = widget.HERE.with_suffix(".js").as_uri()
    run = subprocess.run(
        [NODE, str(script), module, str(file)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    for net, shares in zip(figure._nets, json.loads(run.stdout), strict=True):
        wanted = keras_shares[net["name"]]
        assert wanted.shape == (100, 10)
        np.testing.assert_allclose(shares, wanted, rtol=0, atol=1e-4)
        mine = nets.shares(net["layers"], x / 255)
        np.testing.assert_allclose(mine, wanted, rtol=0, atol=1e-4)
        right = np.mean(wanted.argmax(axis=1) == keras_shares["y"])
        assert right > (0.9 if keras_shares["name"] == "MNIST" else 0.4)


def test_the_weights_are_small_and_their_accuracy_is_on_record(figure):
    size = nets.WEIGHTS.stat().st_size
    assert len(gzip.compress(nets.WEIGHTS.read_bytes())) <= 500_000
    result = json.loads((ROOT / "results" / "digit_lab.json").read_text())
    assert result["bytes"] == size
    for run, net in zip(result["runs"], figure._nets, strict=True):
        assert run["network"] == net["name"]
        parts = [a for one in net["layers"] for a in one.values()]
        parts = [a for a in parts if isinstance(a, np.ndarray)]
        assert {a.dtype for a in parts} == {np.dtype(np.float16)}
        assert run["parameters"] == sum(a.size for a in parts)
        shares = dict(
            zip(
                result["settings"]["shifts"],
                run["accuracy_when_shifted_right"],
                strict=True,
            )
        )
        assert shares[0] > 0.96
        for shift in (0, 2, 4, 6, 8):
            key = f"{net['name']}: test accuracy in percent, shifted right by {shift}"
            assert result["quoted"][key] == round(100 * shares[shift], 1)


def test_the_examples_are_one_of_each_digit_and_travel_as_bytes(figure):
    assert figure._labels == list(range(10))
    assert figure.pictures.shape == (10, 28, 28)
    count = sum(
        a.size
        for net in figure._nets
        for one in net["layers"]
        for a in one.values()
        if isinstance(a, np.ndarray)
    )
    assert len(figure._pixels) == 7840 + 2 * count
    assert "CC BY-SA 3.0" in DigitLab.__doc__


def test_the_start_misleads_the_dense_network_alone_and_says_so(figure):
    label = figure._labels[figure.example]
    p = figure.shares
    assert p["dense"].argmax() != label
    assert p["dense"].max() >= 0.8
    for name in ("CNN", "CNN, global max"):
        assert p[name][label] >= 0.8
    shift = abs(figure.right) + abs(figure.down)
    assert "picked" in figure.alt
    assert f"{shift} px" in figure.alt
    still = DigitLab(start=figure.example)
    assert (still.right, still.down, still._note) == (0, 0, "")
    assert all(q.argmax() == label for q in still.shares.values())


def test_no_smaller_shift_would_have_misled_the_dense_network(figure):
    n = abs(figure.right) + abs(figure.down)
    x, y = figure.pictures, figure._labels
    assert nets.misleading(figure._nets, x, y, n) is not None
    assert nets.misleading(figure._nets, x, y, n - 1) is None
    assert nets.misleading(figure._nets, x, [None] * 10, 8) is None
    assert nets.misleading(figure._nets[:1], x, y, 8) is None


def test_the_still_picture_tells_what_the_figure_tells(figure):
    svg = ET.fromstring(figure._picture)
    title = svg.find("{*}title").text
    for name, p in figure.shares.items():
        assert f"{name}: {p.argmax()} with" in title
    assert len(svg.findall("{*}image")) == 2 + 8 + 8 + 16 + 16
    assert not re.search(r"nan|None", figure._picture)
    assert ET.fromstring(DigitLab(pictures=RNG.random((2, 28, 28)))._picture)


def test_what_is_assigned_changes_what_the_networks_see():
    w = DigitLab(start=3)
    before = w.input
    np.testing.assert_array_equal(before, w.pictures[3])
    w.right, w.down = 2, -1
    np.testing.assert_allclose(w.input[:-1, 2:], before[1:, :-2], atol=1e-12)
    w.right = w.down = 0
    w.drawing = SMALL
    assert w.example is None
    np.testing.assert_allclose(w.drawing, SMALL, atol=0.5 / 255)
    np.testing.assert_allclose(w.input, nets.centred(w.drawing))
    w.centred = False
    np.testing.assert_array_equal(w.input, w.drawing)
    assert sum(w.shares["CNN"]) == pytest.approx(1)


def test_what_the_browser_sends_at_once_is_taken(figure):
    w = DigitLab()
    drawing = SMALL.astype(np.uint8).tobytes().hex()
    w.set_state({"_drawing": drawing, "example": None, "angle": -45, "scale": 1.4})
    assert (w.example, w.angle, w.scale, w._drawing) == (None, -45, 1.4, drawing)
    w.set_state(w._start)
    assert {k: getattr(w, k) for k in w._start} == figure._start


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("right", 9, "from -8 to 8"),
        ("down", "2", "from -8 to 8"),
        ("angle", float("nan"), "from -45 to 45"),
        ("scale", 0.5, "from 0.6 to 1.4"),
        ("scale", True, "from 0.6 to 1.4"),
        ("example", 10, "from 0 to 9"),
        ("example", True, "from 0 to 9"),
        ("network", "dens", "'dense', 'CNN'"),
        ("layer", 0, "from 1"),
        ("below", 1.5, "from 0"),
        ("cell", [1, 2], "map, row, column"),
        ("cell", [1, 2, -1], "map, row, column"),
        ("cell", None, "map, row, column"),
        ("drawing", np.ones((27, 28)), "28, 28"),
        ("drawing", np.full((28, 28), 2.0), "from 0 to 1"),
        ("_drawing", "00ff", "784 bytes"),
    ],
)
def test_a_wrong_value_is_refused_and_the_old_one_stays(figure, name, value, told):
    old = getattr(figure, name)
    with pytest.raises(ValueError, match=re.escape(name.strip("_"))) as error:
        setattr(figure, name, value)
    assert told in str(error.value)
    np.testing.assert_array_equal(getattr(figure, name), old)


def dense_net(**changes):
    layer = {"kind": "dense", "w": np.zeros((10, 784)), "b": np.zeros(10)}
    return {"name": "n", "layers": [layer | changes]}


CONV = {"kind": "conv", "w": np.zeros((2, 1, 5, 5)), "b": np.zeros(2)}


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        ([], "give a list"),
        ([{"layers": [CONV]}], "give a dict"),
        ([dense_net(), dense_net()], "two are called 'n'"),
        ([dense_net(kind="capsule")], "'capsule' is no kind"),
        ([{"name": "n", "layers": [{"kind": "conv"}]}], "'w' must be an array"),
        ([dense_net(w=np.zeros((10, 783)))], r"w \(K, 784\)"),
        ([dense_net(b=np.zeros(9))], r"b \(9,\)"),
        ([dense_net(w=np.full((10, 784), 1e6))], "finite"),
        ([dense_net(activation="tanh")], "'tanh'"),
        ([dense_net(activation="relu")], "ten logits fit"),
        ([dense_net(w=np.zeros((9, 784)), b=np.zeros(9))], "ten logits fit"),
        ([{"name": "n", "layers": [CONV | {"stride": 0}]}], "stride is 0"),
        ([{"name": "n", "layers": [CONV | {"pad": -1}]}], "pad is -1"),
        ([{"name": "n", "layers": [CONV, CONV]}], r"w \(K, 2, R, S\)"),
        ([{"name": "n", "layers": [{"kind": "pool", "size": 29}]}], "does not fit"),
        ([{"name": "n", "layers": [CONV]}], "ten logits fit"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_wrong_network_is_refused_by_what_is_wrong_with_it(networks, told):
    with pytest.raises(ValueError, match="networks") as error:
        DigitLab(networks)
    assert re.search(told, str(error.value))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pictures": np.zeros((28, 28))}, "pictures: shape"),
        ({"pictures": np.full((1, 28, 28), np.nan)}, "pictures: values"),
        ({"pictures": "digits"}, "pictures: shape"),
        ({"labels": [1, 2]}, "10 digits from 0 to 9"),
        ({"labels": [10] * 10}, "10 digits from 0 to 9"),
        ({"start": 10}, "start is 10"),
        ({"start": True}, "start is True"),
        ({"alt": 3}, "alt: 3"),
    ],
)
def test_a_wrong_argument_is_refused(given, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        DigitLab(**given)


def test_one_network_and_pictures_of_ones_own_are_enough():
    w = DigitLab([dense_net()], RNG.random((2, 28, 28)), [3, 7])
    assert w.network == "n"
    np.testing.assert_allclose(w.shares["n"], 0.1)
    assert (w.example, w._note) == (0, "")


def test_browser_and_python_know_the_same_kinds_and_limits():
    js = widget.HERE.with_suffix(".js").read_text(encoding="utf-8")
    block = js[js.index("export const KINDS") :]
    block = block[: block.index("\n};")]
    assert set(re.findall(r"^  (\w+): \{", block, re.M)) == set(nets.KINDS)
    moves = re.search(r"const MOVES = \{(.*?)\};", js, re.S)[1]
    moves = re.sub(r"//.*", "", moves)
    found = re.findall(r"(\w+): \[([^\]]*)\]", moves)
    for name, numbers in found:
        low, high, _, rest = map(float, numbers.split(","))
        assert (low, high, rest) == widget.MOVES[name]
    assert len(found) == len(widget.MOVES)


def test_the_example_in_the_docstring_is_true():
    import doctest

    found = doctest.DocTestFinder().find(
        DigitLab, "DigitLab", globs={"DigitLab": DigitLab}
    )
    runner = doctest.DocTestRunner()
    assert runner.run(found[0]).attempted == 3
    assert runner.failures == 0
