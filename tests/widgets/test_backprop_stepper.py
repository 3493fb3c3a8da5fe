"""BackpropStepper: the numbers, the traits, and what bad input is told."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from cnncourse.widgets import backprop_stepper_still as still
from cnncourse.widgets.backprop_stepper import BackpropStepper

SHARED = json.loads(
    Path(__file__).with_name("backprop_stepper_cases.json").read_text(encoding="utf-8")
)
CASES = SHARED["cases"]
X = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
K = [[1, 2], [3, 4]]
D = [[1, -1], [2, 0.5]]

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])


def texts(w):
    svg = ET.fromstring(w._picture)
    return [node.text for node in svg if node.tag.endswith("text")]


@each
def test_forward_pass_and_gradients_agree_with_an_independent_library(case):
    w = BackpropStepper(**case["state"])
    for name in ("y", "dw", "dx", "db"):
        np.testing.assert_allclose(getattr(w, name), case[name], rtol=1e-9, atol=1e-9)


@each
def test_sentences_are_those_the_browser_writes(case):
    w = BackpropStepper(**case["state"])
    assert still.sum_text(w) == case["sentence"]
    assert still.rule_text(w) == case["rule"]


def test_the_worked_example_is_the_one_on_the_page():
    w = BackpropStepper(X, K, D)
    np.testing.assert_array_equal(w.y, [[37, 47], [67, 77]])
    np.testing.assert_array_equal(w.dw, [[9.5, 12], [17, 19.5]])
    np.testing.assert_array_equal(w.dx, [[1, 1, -2], [5, 5.5, -3], [6, 9.5, 2]])
    assert w.db == 2.5


@pytest.mark.parametrize(("value", "text"), SHARED["numbers"])
def test_numbers_read_as_in_the_browser(value, text):
    assert still.format_number(value) == text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": [1, 2]}, r"image has shape \(2,\)"),
        ({"image": [[1, 2], [3]]}, "image"),
        ({"image": np.ones((9, 3))}, r"image has shape \(9, 3\); up to \(8, 8\) fits"),
        ({"image": None}, "image"),
        ({"kernel": np.ones((6, 1))}, r"kernel has shape \(6, 1\); up to \(5, 5\)"),
        (
            {"kernel": np.ones((4, 1))},
            r"kernel has shape \(4, 1\) and image \(3, 3\) with",
        ),
        ({"kernel": [["a"]]}, "kernel"),
        ({"dy": [[1, 2]]}, r"dy has shape \(1, 2\) and the output \(2, 2\)"),
        ({"dy": [[1, 2], [3, np.nan]]}, "dy holds a number that is not finite"),
        ({"dy": [[1, 2], [3, 10000]]}, "dy holds.*9999"),
        ({"dy": None}, "dy"),
        ({"stride": 0}, "stride is 0; a whole number from 1 to 3 fits"),
        ({"stride": True}, "stride is True"),
        ({"stride": 1.5}, "stride is 1.5"),
        ({"padding": 4}, "padding is 4; a whole number from 0 to 3 fits"),
        ({"padding": "same"}, "padding is 'same'"),
        ({"padding": None}, "padding is None"),
        ({"what": "dy"}, r"what is 'dy'; one of \('dw', 'dx', 'db'\)"),
        ({"what": None}, "what is None"),
        ({"entry": (2, 0)}, r"entry is \(2, 0\); .*dw, which has shape \(2, 2\)"),
        ({"entry": (0, -1)}, "entry is"),
        ({"entry": 1}, "entry is 1"),
        ({"entry": (0, 0.5)}, "entry is"),
    ],
)
class TestBadInput:
    def test_constructor_names_the_argument_and_what_fits(self, change, words):
        with pytest.raises(ValueError, match=words):
            BackpropStepper(**{"image": X, "kernel": K, "dy": D, **change})

    def test_a_bad_assignment_raises_and_changes_nothing(self, change, words):
        w = BackpropStepper(X, K, D)
        before = w.get_state()
        ((name, value),) = change.items()
        with pytest.raises(ValueError, match=words):
            setattr(w, name, value)
        assert w.get_state() == before


def test_turn_is_true_or_false():
    w = BackpropStepper(X, K, D)
    with pytest.raises(ValueError, match="turn is 'no'; True or False fits"):
        w.turn = "no"
    w.turn = np.False_
    assert w.turn is False


@pytest.mark.parametrize(
    ("change", "dy"),
    [
        ({"stride": 2}, [[1]]),
        ({"padding": 1}, [[1, -1, 1, 1], [2, 0.5, 1, 1], [1] * 4, [1] * 4]),
        ({"kernel": [[1, 1, 1]]}, [[1], [2], [1]]),
        ({"image": np.ones((2, 4))}, [[1, -1, 1]]),
    ],
)
def test_dy_follows_the_outputs_shape_and_keeps_what_still_exists(change, dy):
    w = BackpropStepper(X, K, D)
    ((name, value),) = change.items()
    setattr(w, name, value)
    assert w.dy == dy


def test_what_the_browser_sends_together_is_read_in_python():
    w = BackpropStepper(X, K, D)
    w.set_state(
        {"stride": 2, "dy": [[7]], "what": "dx", "entry": [2, 2], "turn": False}
    )
    assert (w.dy, w.entry, w.turn) == ([[7]], [2, 2], False)
    np.testing.assert_array_equal(w.dx, [[7, 14, 0], [21, 28, 0], [0, 0, 0]])


def test_a_held_assignment_that_does_not_fit_is_undone():
    w = BackpropStepper(X, K, D)
    with pytest.raises(ValueError, match="dy has shape"):
        w.set_state({"stride": 2, "dy": [[1, 2]]})
    assert (w.stride, w.dy) == (1, D)


@pytest.mark.parametrize(
    ("what", "entry"), [("dw", [0, 1]), ("dx", [1, 1]), ("db", [0, 0])]
)
def test_it_starts_in_the_middle_and_none_can_be_asked_for(what, entry):
    assert BackpropStepper(X, K, D, what=what).entry == entry
    assert BackpropStepper(X, K, D, what=what, entry=()).entry == []


def test_entry_stays_one_of_the_gradients():
    w = BackpropStepper(X, K, D, what="dx", entry=(2, 2))
    w.what = "dw"
    assert w.entry == [0, 1]
    w.entry = None
    assert w.entry == []


def test_reset_knows_the_state_at_construction():
    w = BackpropStepper(X, K, D, what="dx")
    w.kernel, w.stride, w.turn, w.what = [[0, 0], [0, 0]], 2, False, "db"
    assert {k: w._start[k] for k in ("kernel", "dy", "stride", "turn", "what")} == {
        **{"kernel": K, "dy": D, "stride": 1},
        **{"turn": True, "what": "dx"},
    }


def test_arrays_are_accepted_and_become_lists():
    w = BackpropStepper(np.array(X, np.float32), np.array(K), np.array(D))
    assert json.loads(json.dumps(w.get_state(["image", "kernel", "dy"]))) == {
        "image": X,
        "kernel": K,
        "dy": D,
    }


@pytest.mark.parametrize("entry", [None, ()])
@pytest.mark.parametrize("what", ["dw", "dx", "db"])
@pytest.mark.parametrize(
    "sizes",
    [(X, K, D, 1, 0), (np.ones((8, 8)), np.ones((5, 5)), np.ones((4, 4)), 3, 3)],
    ids=["small", "large"],
)
def test_the_still_picture_is_an_svg_with_a_title_no_wider_than_the_text(
    sizes, what, entry
):
    w = BackpropStepper(*sizes, what=what, entry=entry, alt="x < y & z.")
    svg = ET.fromstring(w._picture)
    assert svg[0].tag.endswith("title")
    assert svg[0].text == "x < y & z."
    assert 0 < float(svg.get("width")) <= 640


def test_the_still_picture_shows_products_and_what_is_computed_and_no_more():
    words = texts(BackpropStepper(X, K, D))
    assert "dw[0, 1] = 2·1 + 3·(−1) + 5·2 + 6·0.5 = 12" in words
    assert {"×1", "×−1", "×2", "×0.5", "9.5", "12"} <= set(words)
    assert not {"17", "19.5"} & set(words)


def test_the_still_picture_of_dx_shows_the_turned_kernel_on_delta():
    words = texts(BackpropStepper(X, K, D, what="dx"))
    assert [word for word in words if word.startswith("×")] == ["×4", "×3", "×2", "×1"]
    assert words.count("0") == 12  # of the 4 × 4 field 4 are δ
    assert "dx[1, 1] = 1·4 + (−1)·3 + 2·2 + 0.5·1 = 5.5" in words


def test_alt_says_what_the_figure_is():
    assert "3 × 3 input with a 2 × 2 kernel" in BackpropStepper(X, K, D).alt
    assert BackpropStepper(X, K, D, alt="Mine.").alt == "Mine."


def test_the_smallest_integer_does_not_slip_through_its_own_absolute_value():
    grid = np.array([[np.iinfo(np.int64).min, 1], [2, 3]])
    with pytest.raises(ValueError, match="holds a number that is not finite or beyond"):
        BackpropStepper(grid, [[1]], [[1, 1], [1, 1]])
