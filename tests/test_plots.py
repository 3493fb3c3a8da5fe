"""The figures' building blocks: what they draw, what they refuse, whose colours."""

import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from cnncourse import plots
from cnncourse.widgets import kernel_playground_still

PACKAGE = Path(plots.__file__).parents[1]
MAP = np.arange(-6.0, 6.0).reshape(3, 4)


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        plt.switch_backend("agg")
        plots.use_style()
        yield
        plt.close("all")


def light_tokens():
    css = (PACKAGE / "widgets" / "tokens.css").read_text(encoding="utf-8")
    light = css[css.index(":root") : css.index("}")]
    return dict(re.findall(r"--cnn-([\w-]+):\s*(#[0-9a-f]{6})", light))


def test_colours_are_those_of_the_tokens():
    tokens = light_tokens()
    ours = [plots.INPUT, plots.KERNEL, plots.OUTPUT, plots.INK]
    assert ours == [tokens[k] for k in ("input", "kernel", "output", "ink")]
    cycle = [
        f"#{c}".replace("##", "#")
        for c in plt.rcParams["axes.prop_cycle"].by_key()["color"]
    ]
    assert cycle == [
        tokens[k] for k in ("input", "kernel", "output", "grad", "vote", "sky")
    ]


def test_all_text_and_lines_of_the_style_are_ink():
    names = ["text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor"]
    names += ["xtick.color", "ytick.color", "legend.labelcolor"]
    assert {plt.rcParams[name] for name in names} == {plots.INK}


def test_text_is_at_least_as_large_as_the_page_s():
    names = ["font.size", "axes.titlesize", "axes.labelsize", "legend.fontsize"]
    names += ["xtick.labelsize", "ytick.labelsize"]
    assert min(plt.rcParams[name] for name in names) >= 12  # points = 16 pixels


def test_signed_maps_have_the_colours_of_the_playground():
    assert plots.STOPS == kernel_playground_still.STOPS


def test_lightness_alone_tells_the_sign_of_a_response():
    grey = plots.DIVERGING(np.linspace(0, 1, 101))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(grey) > -1e-3).all()
    assert grey[0] < grey[50] < grey[-1]


def test_svg_has_no_white_box_and_is_the_same_each_time(tmp_path):
    texts = []
    for name in "ab":
        plots.response(MAP, plt.subplots()[1], "map")
        plt.savefig(tmp_path / f"{name}.svg", metadata={"Date": None})
        texts.append((tmp_path / f"{name}.svg").read_text(encoding="utf-8"))
    assert texts[0] == texts[1]
    assert "#ffffff" not in texts[0]
    assert plots.INK in texts[0]


def test_response_is_centred_at_zero_and_says_its_range():
    ax = plots.response([[-1, 3.456]], plt.subplots()[1])
    assert ax.images[0].get_clim() == (-3.456, 3.456)
    assert ax.get_xlabel() == "−1 to 3.46"
    assert plots.response(MAP, ax, limit=9).images[-1].get_clim() == (-9, 9)


def test_response_of_zeros_draws():
    ax = plots.response(np.zeros((2, 2)), plt.subplots()[1])
    assert ax.get_xlabel() == "0 to 0"


def test_image_puts_colour_last_and_keeps_black_and_white():
    ax = plots.image(np.full((3, 4, 5), 2.0), plt.subplots()[1], "t")
    assert ax.images[0].get_array().shape == (4, 5, 3)
    assert ax.images[0].get_array().max() == 1
    ax = plots.image(np.full((4, 5), 0.5), plt.subplots()[1])
    assert ax.images[0].get_clim() == (0, 1)


def test_image_grid_draws_every_picture_in_order():
    fig = plots.image_grid([MAP, MAP + 1, MAP + 2], list("abc"), columns=2)
    drawn = [ax for ax in fig.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == ["a", "b", "c"]
    for k, ax in enumerate(drawn):
        np.testing.assert_array_equal(ax.images[0].get_array(), MAP + k)


def test_number_grid_writes_the_numbers_row_after_row():
    ax = plots.number_grid([[1, -2.5], [-0.001, 10]], role="kernel")
    assert [t.get_text() for t in ax.texts] == ["1", "−2.5", "0", "10"]
    assert [t.get_position() for t in ax.texts[:3]] == [
        (0.5, 0.5),
        (1.5, 0.5),
        (0.5, 1.5),
    ]
    assert ax.yaxis_inverted()


def test_number_grid_outlines_its_window():
    ax = plots.number_grid(MAP, window=(1, 2, 2, 1))
    frame = ax.patches[-1]
    assert (frame.get_y(), frame.get_x()) == (1, 2)
    assert (frame.get_height(), frame.get_width()) == (2, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda ax: plots.image(np.zeros((2, 4, 5)), ax), r"\(2, 4, 5\)"),
        (lambda ax: plots.response(np.zeros(3), ax), r"\(3,\)"),
        (lambda ax: plots.number_grid(np.zeros((1, 2, 3)), ax), r"\(1, 2, 3\)"),
        (lambda ax: plots.number_grid(MAP, ax, role="gradient"), "role is 'gradient'"),
        (lambda ax: plots.image_grid([MAP], ["a", "b"]), "titles has 2 lines; 1 fit"),
    ],
)
def test_what_does_not_fit_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(plt.subplots()[1])


def test_overlay_is_opaque_where_the_map_is_strongest_and_bare_where_it_is_zero():
    heat = np.array([[0.0, 1.0], [2.0, 4.0]])
    ax = plots.overlay(np.full((2, 2), 0.5), heat, plt.subplots()[1], "t")
    picture, veil = (drawn.get_array() for drawn in ax.images)
    np.testing.assert_array_equal(picture, np.full((2, 2), 0.5))
    np.testing.assert_allclose(veil[..., 3], 0.85 * heat / 4)
    assert ax.get_xlabel() == "0 to 4"
    colours = np.stack([np.zeros((2, 2)), np.ones((2, 2)), np.full((2, 2), 0.5)])
    ax = plots.overlay(colours, 0 * heat, ax)
    np.testing.assert_array_equal(ax.images[-2].get_array(), np.full((2, 2), 0.5))
    assert ax.images[-1].get_array()[..., 3].max() == 0


def test_band_has_the_mean_and_reaches_from_least_to_most():
    runs = [[1.0, 4.0], [3.0, 8.0], [2.0, 0.0]]
    ax = plots.band([10, 20], runs, plt.subplots()[1], label="three runs")
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[10, 2], [20, 4]])
    x, y = ax.collections[0].get_paths()[0].vertices.T
    assert (y[x == 10].min(), y[x == 10].max()) == (1, 3)
    assert (y[x == 20].min(), y[x == 20].max()) == (0, 8)
    assert ax.lines[0].get_label() == "three runs"


def test_histogram_shows_shares_of_all_and_names_what_is_outside():
    ax = plots.histogram([-9, 0.1, 0.1, 0.9], plt.subplots()[1], bins=2, span=(0, 1))
    assert [bar.get_height() for bar in ax.patches] == [0.5, 0.25]
    assert [bar.get_x() for bar in ax.patches] == [0, 0.5]
    assert ax.get_xlabel() == "25 % outside"
    ax = plots.histogram(np.zeros((3, 2)), plt.subplots()[1], bins=3)
    assert [bar.get_height() for bar in ax.patches] == [0, 1, 0]
    assert ax.get_xlabel() == ""
    ax = plots.histogram([2, 4, 6], plt.subplots()[1], bins=2)
    assert ax.get_xlim() == (2, 6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda ax: plots.overlay(np.zeros((2, 3)), np.zeros((3, 2)), ax), r"\(3, 2\)"),
        (lambda ax: plots.overlay(MAP, MAP, ax), "runs from -6.0"),
        (lambda ax: plots.overlay(MAP, MAP * np.nan, ax), "runs from nan"),
        (lambda ax: plots.band([1, 2], [[1, 2, 3]], ax), r"x has shape \(2,\)"),
        (lambda ax: plots.band([1], [], ax), r"runs \(0,\)"),
        (lambda ax: plots.histogram([], ax), "values has 0 numbers"),
        (lambda ax: plots.histogram([1, np.inf], ax), "1 of them not finite"),
        (lambda ax: plots.histogram([1], ax, span=(2, 2)), r"span is \(2, 2\)"),
    ],
)
def test_what_does_not_fit_the_new_figures_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(plt.subplots()[1])
