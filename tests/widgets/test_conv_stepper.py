"""ConvStepper: the numbers, the traits, and what bad input is told."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from cnncourse.widgets import conv_stepper_still
from cnncourse.widgets.conv_stepper import ConvStepper

SHARED = json.loads(
    Path(__file__).with_name("conv_stepper_cases.json").read_text(encoding="utf-8")
)
CASES = SHARED["cases"]
FITTING = [case for case in CASES if case["output"]]
X = np.arange(1, 17).reshape(4, 4)
K = [[1, 2], [3, 4]]


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["name"])


@each(FITTING)
def test_output_agrees_with_an_independent_library(case):
    w = ConvStepper(**case["state"])
    np.testing.assert_allclose(w.output, case["output"], rtol=1e-9, atol=1e-9)


@each(CASES)
def test_zeros_and_sizes_are_those_worked_out_by_hand(case):
    w = ConvStepper(**case["state"])
    assert [list(pair) for pair in w._pads] == case["pads"]
    assert list(w._out_shape) == case["shape"] or 0 in w._out_shape
    args = w._x.shape[1], w._w.shape[1], w.stride, w._pads[0], w.dilation
    assert conv_stepper_still.size_text(*args) == case["size"]


@each(FITTING)
def test_written_sum_is_the_one_the_browser_writes(case):
    w = ConvStepper(**case["state"])
    assert conv_stepper_still.sum_text(w, case["position"]) == case["sentence"]


@pytest.mark.parametrize(("value", "text"), SHARED["numbers"])
def test_numbers_read_as_in_the_browser(value, text):
    assert conv_stepper_still.format_number(value) == text


def test_a_kernel_that_does_not_fit_is_shown_but_has_no_output():
    w = ConvStepper(np.ones((2, 3)), np.ones((4, 4)))
    assert w.position == -1
    with pytest.raises(ValueError, match=r"\(4, 4\).*does not fit.*\(2, 3\)"):
        _ = w.output
    w.padding = "same"
    assert w.output.shape == (2, 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": [1, 2]}, r"image has shape \(2,\)"),
        ({"image": [[1, 2], [3]]}, "image"),
        ({"image": np.ones((4, 0))}, "image"),
        ({"image": np.ones((13, 4))}, r"image has shape \(13, 4\); up to \(12, 12\)"),
        ({"image": [["a", "b"]]}, "image"),
        ({"image": [[1, np.nan]]}, "image holds a number that is not finite"),
        ({"image": [[1, 10000]]}, "9999"),
        ({"kernel": np.ones((8, 1))}, r"kernel has shape \(8, 1\); up to \(7, 7\)"),
        ({"kernel": np.ones((4, 1, 1))}, "kernel"),
        ({"kernel": np.ones((2, 2, 2))}, r"image has shape \(4, 4\) and kernel \(2, 2"),
        ({"image": None}, "image"),
        ({"stride": None}, "stride is None"),
        ({"padding": None}, "padding is None"),
        ({"flip": None}, "flip is None"),
        ({"stride": 0}, "stride is 0; a whole number from 1 to 6 fits"),
        ({"stride": 1.5}, "stride is 1.5"),
        ({"stride": True}, "stride is True"),
        ({"dilation": 4}, "dilation is 4; a whole number from 1 to 3 fits"),
        ({"padding": "SAME"}, "padding is 'SAME'.*'valid', 'same', 'full'"),
        ({"padding": -1}, "padding is -1"),
        ({"bias": "1"}, "bias is '1'"),
        ({"bias": np.inf}, "bias is inf"),
        ({"flip": "yes"}, "flip is 'yes'; True or False"),
        ({"position": 9}, "position is 9; an output cell from 0 to 8"),
        ({"position": -2}, "position is -2"),
    ],
)
class TestBadInput:
    def test_constructor_names_the_argument_and_what_fits(self, change, words):
        with pytest.raises(ValueError, match=words):
            ConvStepper(**{"image": X, "kernel": K, **change})

    def test_a_bad_assignment_raises_and_changes_nothing(self, change, words):
        w = ConvStepper(X, K, position=5)
        before = w.get_state()
        ((name, value),) = change.items()
        with pytest.raises(ValueError, match="image|" + name):
            setattr(w, name, value)
        assert w.get_state() == before


def test_arrays_are_accepted_later_and_become_lists():
    w = ConvStepper(X, K)
    w.kernel = np.eye(3, dtype=np.float32)
    assert w.kernel == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_array_equal(w.output, [[18, 21], [30, 33]])
    assert isinstance(json.dumps(w.get_state()["kernel"]), str)


def test_image_and_kernel_can_change_their_channels_together():
    w = ConvStepper(X, K)
    with w.hold_trait_notifications():
        w.image = np.ones((3, 4, 4))
        w.kernel = np.ones((3, 2, 2))
    np.testing.assert_array_equal(w.output, np.full((3, 3), 12))


def test_a_held_assignment_that_does_not_fit_is_undone():
    w = ConvStepper(X, K)
    with pytest.raises(ValueError, match="channels"):
        w.set_state({"image": np.ones((3, 4, 4)), "stride": 2})
    assert w.image == X.tolist()
    assert w.stride == 1


def test_what_the_browser_sends_is_read_in_python():
    w = ConvStepper(X, K, position=5)
    w.set_state({"kernel": [[1, 2], [3, 5]], "stride": 2, "position": 3})
    assert w.kernel == [[1, 2], [3, 5]]
    np.testing.assert_array_equal(w.output, [[50, 72], [138, 160]])


def test_position_starts_in_the_middle_and_none_can_be_asked_for():
    assert ConvStepper(X, K).position == 4
    assert ConvStepper(X, K, position=-1).position == -1
    w = ConvStepper(X, K)
    w.position = None
    assert w.position == -1


@pytest.mark.parametrize(
    ("change", "position"),
    [({"stride": 2}, 3), ({"padding": "same"}, 8), ({"image": np.ones((2, 2))}, 0)],
)
def test_position_stays_an_output_cell_when_the_output_shrinks(change, position):
    w = ConvStepper(X, K, position=8)
    ((name, value),) = change.items()
    setattr(w, name, value)
    assert w.position == position


def test_reset_knows_the_state_at_construction():
    w = ConvStepper(X, K, stride=2, bias=1, position=1)
    w.kernel, w.stride = [[0, 0], [0, 0]], 1
    assert w._start["kernel"] == K
    assert (w._start["stride"], w._start["position"]) == (2, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"padding": "full", "flip": True, "position": -1},
        {"image": np.ones((3, 12, 12)), "kernel": np.ones((3, 7, 7)), "padding": 6},
        {"image": [[1]]},
    ],
)
def test_the_still_picture_is_an_svg_with_a_title_no_wider_than_the_text(arguments):
    w = ConvStepper(**{"image": X, "kernel": K, "alt": "x < y & z.", **arguments})
    svg = ET.fromstring(w._picture)
    assert svg[0].tag.endswith("title")
    assert svg[0].text == "x < y & z."
    assert 0 < float(svg.get("width")) <= 640
    assert svg.get("viewBox").split()[2] == svg.get("width")


def test_the_still_picture_shows_what_is_computed_and_no_more():
    svg = ET.fromstring(ConvStepper(X, K, position=5)._picture)
    texts = [node.text for node in svg if node.tag.endswith("text")]
    assert "y[1, 2] = 7·1 + 8·2 + 11·3 + 12·4 = 104" in texts
    assert {"44", "54", "64", "84", "94", "104"} <= set(texts)
    assert not {"124", "134", "144"} & set(texts)


def test_the_still_pictures_titles_do_not_run_into_the_next_grid():
    svg = ET.fromstring(ConvStepper(X, [[1]], flip=True)._picture)
    starts = {node.text: float(node.get("x")) for node in svg[1:] if node.text}
    assert starts["output y"] - starts["kernel w, turned"] > 8 * len("kernel w, turned")


def test_alt_says_what_the_figure_is():
    assert "2 × 2 kernel slides over a 4 × 4 input" in ConvStepper(X, K).alt
    assert ConvStepper(X, K, alt="Mine.").alt == "Mine."
