"""KernelLearner: the numbers, the traits, and what bad input is told."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from cnncourse.widgets import kernel_learner as kl
from cnncourse.widgets import kernel_learner_still as drawing
from cnncourse.widgets import kernel_playground_still as playground
from cnncourse.widgets.kernel_learner import KernelLearner

CASES = json.loads(
    Path(__file__).with_name("kernel_learner_cases.json").read_text(encoding="utf-8")
)
NOISE = np.random.default_rng(1).random((80, 80))
EDGE = np.array([[0, -1, 0], [0, 2, 0], [0, -1, 0]])
STRIPES = np.tile(np.arange(48) // 4 % 2, (48, 1)).astype(float)
SMALL = np.random.default_rng(5).random((9, 12))


@pytest.fixture
def figure():
    return KernelLearner({"noise": NOISE, "stripes": STRIPES}, EDGE)


@pytest.mark.parametrize("case", CASES["pictures"], ids=lambda case: case["name"])
def test_a_run_agrees_with_descent_on_the_pixels(case):
    w = KernelLearner(
        {"x": np.array(case["picture"]) / 65535},
        case["kernel"],
        case["start"],
        case["lr"],
        case["steps"],
    )
    kernels, losses = w.kernels(), w.losses()
    assert kernels.shape == (len(case["losses"]), *np.shape(case["kernel"]))
    flat = kernels.reshape(len(losses), -1)
    np.testing.assert_allclose(flat, case["kernels"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(losses, case["losses"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(w.eigenvalues, case["eigenvalues"], atol=1e-12)


def test_noise_gives_the_kernel_away_in_177_steps(figure):
    losses, kernels = figure.losses(), figure.kernels()
    assert np.argmax(losses < 1e-7) == 177
    assert abs(kernels[177] - EDGE).max() == pytest.approx(0.00125, abs=1e-5)
    assert figure.eigenvalues[-1] == pytest.approx(2.362, abs=5e-4)
    assert figure.limit == pytest.approx(2 / 2.362, abs=1e-3)
    start = np.random.default_rng(0).normal(0, 0.1, (3, 3))
    np.testing.assert_array_equal(kernels[0], start)


def test_stripes_fit_the_response_with_a_wrong_kernel(figure):
    figure.choice = "stripes"
    assert figure.losses()[-1] < 1e-9
    assert abs(figure.kernels()[-1] - EDGE).max() > 1
    assert (figure.eigenvalues[:6] < 1e-12).all()


@pytest.mark.parametrize(("by", "ends_below"), [(0.98, True), (1.02, False)])
def test_the_limit_parts_rates_that_converge_from_rates_that_do_not(
    figure, by, ends_below
):
    figure.lr = by * figure.limit
    losses = figure.losses()
    assert bool(losses[-1] < losses[0]) is ends_below


def test_a_run_that_diverges_ends_where_its_loss_is_too_large(figure):
    figure.lr = 10
    losses = figure.losses()
    assert len(losses) < 20
    assert losses[-1] > 1e12 >= losses[-2]
    assert np.isfinite(figure.kernels()).all()


def test_a_run_ends_where_only_rounding_is_left():
    noise = KernelLearner({"noise": NOISE}, EDGE, steps=3000)
    losses = noise.losses()
    assert 400 < len(losses) < 600
    assert losses[-1] < 1e-16 <= losses[-2]
    found = KernelLearner({"noise": NOISE}, EDGE, start=EDGE)
    assert found.losses().tolist() == [0, 0]


def test_a_black_picture_has_no_limit():
    w = KernelLearner({"black": np.zeros((8, 8))}, EDGE)
    assert w.limit == np.inf
    assert w.losses().tolist() == [0, 0]
    assert "the picture is black" in w._picture


def test_pictures_go_to_the_browser_in_16_bits_and_bytes_exactly():
    bytes_ = np.random.default_rng(2).integers(0, 256, (11, 8)) / 255
    w = KernelLearner({"a": SMALL, "b": bytes_}, EDGE)
    assert w._shapes == [["a", 9, 12], ["b", 11, 8]]
    assert len(w._pixels) == 2 * (9 * 12 + 11 * 8)
    np.testing.assert_allclose(w.images["a"], SMALL, rtol=0, atol=0.5 / 65535)
    np.testing.assert_allclose(w.images["b"], bytes_, rtol=0, atol=1e-15)


def test_it_starts_at_step_20_of_the_first_picture(figure):
    assert (figure.choice, figure.lr, figure.step) == ("noise", 0.5, 20)
    assert figure._start == {"choice": "noise", "lr": 0.5, "step": 20}
    other = KernelLearner({"a": SMALL, "b": NOISE}, EDGE, steps=7, choice="b")
    assert (other.choice, other.step) == ("b", 7)


def test_what_the_browser_sends_at_once_is_taken(figure):
    figure.set_state({"choice": "stripes", "lr": 0.01, "step": 399})
    assert (figure.choice, figure.lr, figure.step) == ("stripes", 0.01, 399)
    figure.set_state(figure._start)  # Reset
    assert (figure.choice, figure.lr, figure.step) == ("noise", 0.5, 20)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"images": NOISE}, "images: ndarray given; give a dict name -> picture"),
        ({"images": {}}, "one to six pictures"),
        ({"images": dict.fromkeys("abcdefg", SMALL)}, "one to six pictures"),
        ({"images": {"": SMALL}}, "'' cannot be a picture's name"),
        ({"images": {"a": SMALL[:7]}}, r"images\['a'\]: shape \(7, 12\).*8 to 80"),
        ({"images": {"a": np.ones((81, 9))}}, r"shape \(81, 9\)"),
        ({"images": {"a": SMALL[None]}}, r"give \(H, W\)"),
        ({"images": {"a": 2 * SMALL}}, "give brightness from 0 to 1"),
        ({"images": {"a": SMALL * np.nan}}, "nan"),
        (
            {"images": {"a": "cat"}},
            r"images\['a'\]: shape \(\) of type <U3 given; a table of numbers fits",
        ),
        ({"kernel": np.eye(6)}, r"kernel: shape \(6, 6\)"),
        ({"kernel": [1, 2]}, r"kernel: shape \(2,\)"),
        ({"kernel": None}, "kernel"),
        ({"kernel": [[101]]}, "kernel: .* numbers from -100 to 100"),
        ({"start": np.eye(2)}, r"start: shape \(2, 2\) does not fit .* \(3, 3\)"),
        ({"start": np.full((3, 3), np.inf)}, "start: holds"),
        ({"lr": 11}, "lr: 11 given; give a number from 0.0001 to 10"),
        ({"lr": 0}, "lr: 0 given"),
        ({"lr": True}, "lr: True given"),
        ({"lr": "fast"}, "lr: 'fast' given"),
        ({"lr": np.nan}, "lr: nan given"),
        ({"steps": 0}, "steps: 0 given; give a whole number from 1 to 5000"),
        ({"steps": 2.5}, "steps: 2.5 given"),
        ({"choice": "cat"}, "no picture is called 'cat'; there are 'a'"),
        ({"alt": 3}, "alt: 3 is no text"),
    ],
)
def test_a_bad_argument_is_named_with_what_was_given_and_what_fits(arguments, words):
    with pytest.raises(ValueError, match=words):
        KernelLearner(**{"images": {"a": SMALL}, "kernel": EDGE, **arguments})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("choice", "cat", "there are 'noise', 'stripes'"),
        ("choice", None, "choice"),
        ("lr", None, "lr: None given"),
        ("lr", -1, "from 0.0001 to 10"),
        ("step", 401, "step: 401 given; give a whole number from 0 to 400"),
        ("step", 1.5, "whole number"),
        ("step", None, "step: None"),
        ("alt", 5, "alt"),
        ("kernel", EDGE, "kernel"),
        ("steps", 3, "steps"),
    ],
)
def test_a_bad_assignment_raises_and_leaves_the_figure_as_it_was(
    figure, name, value, words
):
    before = figure.get_state()
    with pytest.raises((ValueError, kl.traitlets.TraitError), match=words):
        setattr(figure, name, value)
    assert figure.get_state() == before


def test_browser_and_python_hold_the_same_colours_and_limits():
    js = kl.HERE.with_suffix(".js").read_text(encoding="utf-8")
    stops = re.search(r"DIVERGING = (\[.*?\]);", js, re.S)[1]
    stops = json.loads(re.sub(r",\s*\]", "]", stops))
    assert stops == [*map(list, playground.STOPS)]
    assert json.loads(re.search(r"RATES = (\[.*?\]);", js)[1]) == [*kl.RATES]
    assert float(re.search(r"TOO_MUCH = (\S+);", js)[1]) == kl.TOO_MUCH
    assert float(re.search(r"ENOUGH = (\S+);", js)[1]) == kl.ENOUGH


def test_the_still_picture_shows_the_step_the_kernels_and_the_curve(figure):
    svg = ET.fromstring(figure._picture)
    place = "{http://www.w3.org/2000/svg}"
    assert int(svg.get("width")) <= 640
    error = drawing.short(abs(figure.kernels()[20] - EDGE).max())
    words = f"Step 20 of 400: loss 0.049, largest deviation {error}."
    assert words in svg.find(f"{place}title").text
    names = [node.text for node in svg.findall(f"{place}text")]
    assert {"secret kernel", "learned w"} <= set(names)
    assert len(svg.findall(f"{place}image")) == 4
    texts = [t.text for t in svg.findall(f"{place}text")]
    assert words in texts
    for w in (EDGE, figure.kernels()[20]):
        for value in np.ravel(w):
            assert drawing.cell_text(value, 2) in texts
    points = svg.find(f"{place}polyline").get("points").split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights), "the loss falls, so the curve goes down"
    assert len(figure._picture) < 100_000


@pytest.mark.parametrize("lr", [0.5, 10])
def test_no_number_of_the_still_picture_is_infinite(lr):
    w = KernelLearner({"a": SMALL}, np.arange(25).reshape(5, 5), lr=lr)
    assert not re.search("nan|inf", w._picture.split("<image")[0])
    assert not re.search(r">[^<]*(nan|inf)", w._picture)


def test_numbers_are_written_as_the_browser_writes_them():
    for value, wanted in CASES["short"]:
        assert drawing.short(value) == wanted
    for value, decimals, wanted in CASES["cells"]:
        assert drawing.cell_text(value, decimals) == wanted


@pytest.mark.parametrize("kernel", [[["1", "2"]], [[1 + 5j]], [[None]], [[1], [2, 3]]])
def test_a_kernel_that_is_no_table_of_numbers_is_refused_shortly(kernel):
    with pytest.raises(ValueError, match="a table of numbers fits") as refusal:
        KernelLearner({"a": np.zeros((8, 8))}, kernel)
    assert len(str(refusal.value)) < 120
