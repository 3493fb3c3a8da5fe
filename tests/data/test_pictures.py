"""Digits, shapes and photographs: always there, always the same."""

import numpy as np
import pytest

from cnncourse import data


def test_digits_are_a_split_of_all_1797():
    digits = data.digits()
    sizes = [len(y) for y in (digits.y_train, digits.y_val, digits.y_test)]
    assert sizes == [1257, 180, 360]
    assert digits.x_train.shape == (1257, 1, 28, 28)
    assert digits.x_train.dtype == np.float32
    assert digits.y_train.dtype == np.int64
    assert 0 <= digits.x_train.min() < digits.x_train.max() <= 1


def test_every_class_of_the_digits_is_in_every_part_in_proportion():
    digits = data.digits()
    y = np.concatenate([digits.y_train, digits.y_val, digits.y_test])
    for part in (digits.y_train, digits.y_val, digits.y_test):
        expected = np.bincount(y) * len(part) / len(y)
        assert abs(np.bincount(part) - expected).max() <= 1.5


def test_digits_sit_in_a_black_frame_as_in_mnist():
    x = data.digits().x_train
    assert x[:, :, :4].max() == x[:, :, -4:].max() == 0
    assert x[:, :, :, :4].max() == x[:, :, :, -4:].max() == 0
    assert x[:, :, 4:-4, 4:-4].max(axis=(1, 2, 3)).min() > 0.8


def test_no_digit_is_in_two_parts():
    digits = data.digits()
    parts = [
        {image.tobytes() for image in x}
        for x in (digits.x_train, digits.x_val, digits.x_test)
    ]
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_the_seed_decides_the_parts():
    assert np.array_equal(data.digits(3).x_val, data.digits(3).x_val)
    assert not np.array_equal(data.digits(3).x_val, data.digits(4).x_val)


def test_changing_the_arrays_does_not_change_the_next_call():
    first = data.digits()
    first.x_train[:] = 9
    assert data.digits().x_train.max() <= 1


def test_shapes_have_a_label_and_a_pose_each():
    drawn = data.shapes(50, seed=1)
    assert drawn.x.shape == (50, 3, 32, 32)
    assert drawn.x.dtype == np.float32
    assert 0 <= drawn.x.min() < drawn.x.max() <= 1
    assert np.array_equal(np.bincount(drawn.y), [5] * 10)
    assert drawn.pose.shape == (50, len(drawn.pose_names))
    assert len(drawn.classes) == len(set(drawn.classes)) == 10


def test_the_same_seed_draws_the_same_shapes():
    first, again, other = (data.shapes(7, seed=s).x for s in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_pose_is_where_the_ink_is():
    drawn = data.shapes(200, seed=2, size=40)
    round_ones = np.isin(drawn.y, [drawn.classes.index(k) for k in ("disc", "ring")])
    for image, pose in zip(drawn.x[round_ones], drawn.pose[round_ones], strict=True):
        ink = abs(image - image[:, :1, :1]).max(axis=0) > 0.1  # (H, W)
        rows, columns = np.nonzero(ink)
        middle = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
        assert np.allclose(middle, pose[:2], atol=1)
        assert abs(np.ptp(rows) / 2 - 0.92 * pose[2]) < 1.2


def test_the_angle_turns_clockwise_on_the_screen():
    """A half disc at angle 0 has its round side down; at a quarter turn, left."""
    drawn = data.shapes(600, seed=3)
    half = np.flatnonzero(drawn.y == drawn.classes.index("half disc"))
    for n in half:
        row, column, radius, angle, _ = drawn.pose[n]
        ink = abs(drawn.x[n] - drawn.x[n][:, :1, :1]).max(axis=0)
        rows, columns = np.indices(ink.shape)
        mean = np.array([(rows * ink).sum(), (columns * ink).sum()]) / ink.sum()
        down, right = (mean - (row, column)) / (4 * radius / (3 * np.pi))
        assert np.allclose((down, right), (np.cos(angle), -np.sin(angle)), atol=0.2)


@pytest.mark.parametrize(("hue", "channel"), [(0, 0), (1 / 3, 1), (2 / 3, 2)])
def test_a_hue_is_red_green_or_blue_where_it_says(hue, channel):
    from cnncourse.data._shapes import _rgb

    assert _rgb(np.array([hue]))[0].argmax() == channel
    assert np.allclose(np.sort(_rgb(np.array([hue]))[0]), [0.2, 0.2, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"n": 0}, "n is 0"), ({"n": 3, "size": 8}, "size is 8; 16 pixels or more fit")],
)
def test_shapes_that_cannot_be_drawn_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.shapes(seed=0, **arguments)


@pytest.mark.parametrize("name", ["china", "flower"])
def test_a_photograph_is_channels_rows_columns(name):
    picture = data.photo(name)
    assert picture.shape == (3, 427, 640)
    assert picture.dtype == np.float32
    assert 0 <= picture.min() < picture.max() <= 1


def test_a_photograph_is_cut_and_reduced_to_the_size_asked_for():
    whole, small = data.photo("china"), data.photo("china", size=(100, 150))
    assert small.shape == (3, 100, 150)
    assert np.allclose(small.mean(axis=(1, 2)), whole.mean(axis=(1, 2)), atol=0.01)


def test_the_flower_is_red_so_the_channels_are_not_swapped():
    middle = data.photo("flower")[:, 150:250, 250:350].mean(axis=(1, 2))
    assert middle[0] > 2 * middle[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "dog"}, "name is 'dog'; the photographs are china, flower"),
        ({"size": (500, 100)}, r"size is \(500, 100\)"),
        ({"size": (0, 100)}, r"size is \(0, 100\)"),
        ({"size": (100,)}, r"size is \(100,\)"),
    ],
)
def test_a_photograph_that_is_not_there_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.photo(**arguments)
