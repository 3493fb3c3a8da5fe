"""PoolingGrid: the numbers, the traits, and what bad input is told."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from cnncourse.widgets import pooling_grid_words as words
from cnncourse.widgets.pooling_grid import PoolingGrid, output_size

SHARED = json.loads(
    Path(__file__).with_name("pooling_grid_cases.json").read_text(encoding="utf-8")
)
X = np.arange(1, 17).reshape(4, 4)
STROKE = np.diag([9, 8, 7, 9, 6, 8])


def make(state):
    """A figure in any state: dy and cell are no arguments of the constructor."""
    rest = {name: state[name] for name in ("dy", "position", "cell") if name in state}
    w = PoolingGrid(**{k: v for k, v in state.items() if k not in rest})
    for name, value in rest.items():
        setattr(w, name, value)
    return w


each = pytest.mark.parametrize("case", SHARED["cases"], ids=lambda case: case["name"])


@each
def test_numbers_agree_with_an_independent_library(case):
    w = make(case["state"])
    np.testing.assert_allclose(w.output, case["output"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(w.shifted, case["shifted"])
    np.testing.assert_allclose(w._pool(w.shifted), case["moved"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(w.dx(), case["dx"], rtol=1e-9, atol=1e-9)


@each
def test_sentences_are_those_the_browser_writes(case):
    w = make(case["state"])
    assert words.window_text(w, w._x, "y", w.position) == case["window"]
    assert words.window_text(w, w.shifted, "y′", w.position) == case["after"]
    assert words.shift_text(w) == case["shift"]
    assert words.route_text(w, w.position) == case["route"]
    assert words.cell_text(w, w.cell) == case["entry"]
    assert words.gradient_text(w) == case["gradient"]
    assert words.size_text(w) == case["size"]
    assert words.left_out_text(w) == case["left_out"]


@pytest.mark.parametrize(
    ("mode", "y"),
    [
        ("max", [[6, 8], [14, 16]]),
        ("avg", [[3.5, 5.5], [11.5, 13.5]]),
        ("sum", [[14, 22], [46, 54]]),
    ],
)
def test_the_matrix_of_1_to_16(mode, y):
    np.testing.assert_array_equal(PoolingGrid(X, mode=mode).output, y)


@pytest.mark.parametrize(("n", "size", "stride", "out"), SHARED["sizes"])
def test_output_sizes(n, size, stride, out):
    assert output_size(n, size, stride) == out


@pytest.mark.parametrize("case", SHARED["misfits"])
def test_a_window_that_does_not_fit_is_shown_but_has_no_output(case):
    w = PoolingGrid(**case["state"])
    assert words.misfit_text(w) == case["sentence"]
    assert words.size_text(w) == case["size"]
    assert case["sentence"][:30] in w._picture
    for ask in (lambda: w.output, w.dx):
        with pytest.raises(
            ValueError, match=r"size is 3; the image \(2, 3\) fits up to 2"
        ):
            ask()
    w.size = 2
    assert w.output.tolist() == [[5]]


@pytest.mark.parametrize(("value", "text"), SHARED["numbers"])
def test_numbers_read_as_in_the_browser(value, text):
    assert words.format_number(value) == text


def test_a_shift_by_one_changes_the_output_and_one_by_the_stride_moves_it():
    y = PoolingGrid(STROKE).output
    by_one = PoolingGrid(STROKE, shift=(0, 1))
    by_two = PoolingGrid(STROKE, shift=(0, 2))
    assert (by_one._pool(by_one.shifted) != y).sum() == 4
    np.testing.assert_array_equal(by_two._pool(by_two.shifted)[:, 1:], y[:, :-1])


def test_in_a_tie_the_first_maximum_in_reading_order_gets_all():
    dx = PoolingGrid([[1, 5, 5], [5, 0, 0], [0, 0, 5]], size=3).dx([[7]])
    assert dx.tolist() == [[0, 7, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("mode", ["max", "avg", "sum"])
def test_the_gradient_agrees_with_finite_differences(mode):
    rng = np.random.default_rng(3)
    x, dy = rng.permutation(30).reshape(6, 5) / 4, rng.normal(size=(4, 3))
    found = PoolingGrid(x, size=3, stride=1, mode=mode).dx(dy)
    for i, j in np.ndindex(x.shape):
        loss = []
        for h in (1e-3, -1e-3):
            near = x.copy()
            near[i, j] += h
            y = PoolingGrid(near, size=3, stride=1, mode=mode).output
            loss.append((y * dy).sum())
        assert found[i, j] == pytest.approx((loss[0] - loss[1]) / 2e-3, abs=1e-8)


def test_dx_takes_the_figures_own_dy_unless_another_is_given():
    w = PoolingGrid(X)
    assert w.dx().sum() == 4
    w.dy = [[1, 2], [3, 4]]
    assert w.dx()[3, 3] == 4
    assert w.dx(np.ones((2, 2))).sum() == 4
    with pytest.raises(ValueError, match=r"dy has shape \(1, 2\); \(2, 2\) fits"):
        w.dx([[1, 2]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": None}, "image"),
        ({"image": [1, 2]}, r"image has shape \(2,\)"),
        ({"image": [[1, 2], [3]]}, "image"),
        ({"image": [["a", "b"], ["c", "d"]]}, "image"),
        ({"image": np.ones((1, 4))}, r"image has shape \(1, 4\).*2 to 12"),
        ({"image": np.ones((13, 4))}, r"image has shape \(13, 4\).*2 to 12"),
        ({"image": [[1, np.nan], [1, 1]]}, "image holds a number that is not finite"),
        ({"image": [[1, 10000], [1, 1]]}, "9999"),
        ({"size": None}, "size is None; a whole number from 1 to 6 fits"),
        ({"size": 0}, "size is 0"),
        ({"size": 7}, "size is 7"),
        ({"size": True}, "size is True"),
        ({"size": (2, 2)}, r"size is \(2, 2\)"),
        ({"stride": 0}, "stride is 0; a whole number from 1 to 6 fits"),
        ({"stride": 1.5}, "stride is 1.5"),
        ({"mode": "mean"}, "mode is 'mean'; one of .'max', 'avg', 'sum'"),
        ({"mode": None}, "mode is None"),
        ({"view": "both"}, "view is 'both'; one of .'shift', 'gradient'"),
        ({"shift": 1}, r"shift is 1; two whole numbers \(down, right\) from -6 to 6"),
        ({"shift": (0, 7)}, r"shift is \(0, 7\)"),
        ({"shift": (0, 0.5)}, "shift is"),
        ({"shift": (1, 2, 3)}, "shift is"),
        ({"position": 4}, "position is 4; an output cell from 0 to 3"),
        ({"position": -1}, "position is -1"),
    ],
)
class TestBadInput:
    def test_constructor_names_the_argument_and_what_fits(self, change, said):
        with pytest.raises(ValueError, match=said):
            PoolingGrid(**{"image": X, **change})

    def test_a_bad_assignment_raises_and_changes_nothing(self, change, said):
        w = PoolingGrid(X)
        before = w.get_state()
        ((name, value),) = change.items()
        with pytest.raises(ValueError, match=said):
            setattr(w, name, value)
        assert w.get_state() == before


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("dy", [[1, 2]], r"dy has shape \(1, 2\); \(2, 2\) fits"),
        ("dy", "ones", "dy has shape"),
        ("cell", 16, "cell is 16; an input cell from 0 to 15"),
    ],
)
def test_traits_that_the_reader_sets_are_checked_too(name, value, said):
    with pytest.raises(ValueError, match=said):
        setattr(PoolingGrid(X), name, value)


def test_what_the_browser_sends_is_read_in_python():
    w = PoolingGrid(X)
    state = {"size": 3, "stride": 1, "dy": [[1, 0], [0, 2]], "position": 3, "cell": 15}
    w.set_state(state)
    assert w.dx()[3, 3] == 2
    w.set_state({"image": (X[::-1]).tolist(), "mode": "sum", "shift": [1, -1]})
    assert w.output[0, 0] == X[::-1][:3, :3].sum()
    assert w.shifted[1, 0] == X[3, 1]


def test_what_no_longer_fits_a_smaller_output_is_mended():
    w = PoolingGrid(X, size=1, position=15)
    w.dy, w.cell = np.ones((4, 4)), 15
    w.size = 2
    assert (w.position, w.dy, w.cell) == (3, None, 15)
    w.image = X[:2, :2]
    assert (w.position, w.cell) == (0, 3)


def test_the_first_window_is_the_one_that_the_shift_changes_most():
    w = PoolingGrid(STROKE, shift=(0, 1))
    change = np.abs(w.output - w._pool(w.shifted))
    assert change.flat[w.position] == change.max() > 0
    assert PoolingGrid(STROKE, position=5).position == 5
    assert divmod(PoolingGrid(STROKE, position=4).cell, 6) == (3, 3)  # its maximum


def test_reset_knows_the_state_at_construction():
    w = PoolingGrid(X, stride=1, shift=(0, 1), view="gradient", position=2)
    w.stride, w.shift, w.view, w.image = 2, (0, 0), "shift", X.T
    assert w._start["image"] == X.tolist()
    assert (w._start["stride"], w._start["shift"]) == (1, [0, 1])
    assert (w._start["view"], w._start["position"]) == ("gradient", 2)
    json.dumps(w.get_state())


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"view": "gradient", "size": 3, "stride": 1},
        {"image": np.full((12, 12), -9998.75), "mode": "avg", "shift": (-6, 6)},
        {"image": [[1, 2], [3, 4]], "size": 3},
        {"image": np.ones((7, 5)), "view": "gradient", "mode": "sum"},
    ],
)
def test_the_still_picture_is_an_svg_with_a_title_no_wider_than_the_text(arguments):
    w = PoolingGrid(**{"image": X, "alt": "x < y & z.", **arguments})
    svg = ET.fromstring(w._picture)
    assert svg[0].tag.endswith("title")
    assert svg[0].text == "x < y & z."
    assert 0 < float(svg.get("width")) <= 660
    right, low = map(float, svg.get("viewBox").split()[2:])
    for node in svg[1:]:
        across = float(node.get("x")) + float(node.get("width", 0))
        down = float(node.get("y")) + float(node.get("height", 0))
        assert across <= right
        assert down <= low


def test_the_still_picture_marks_each_changed_cell_and_counts_them():
    svg = ET.fromstring(PoolingGrid(STROKE, shift=(0, 1))._picture)
    dashed = [node for node in svg if node.get("stroke-dasharray") == "4"]
    assert len(dashed) == 4
    text = " ".join(node.text for node in svg if node.tag.endswith("text"))
    assert "Shifted right by 1: 4 of 9 output cells changed." in text


def test_alt_says_what_the_figure_is():
    assert "max pooling of a 4 × 4 input" in PoolingGrid(X).alt
    assert PoolingGrid(X, alt="Mine.").alt == "Mine."


def test_the_smallest_integer_does_not_slip_through_its_own_absolute_value():
    grid = np.array([[np.iinfo(np.int64).min, 1], [2, 3]])
    with pytest.raises(ValueError, match="holds a number that is not finite or beyond"):
        PoolingGrid(grid)
