"""The test pictures of experiments.augmentation, and what is counted on them."""

import numpy as np
import pytest

from experiments import augmentation


@pytest.fixture
def dot():
    x = np.zeros((1, 29, 29, 1), np.float32)
    x[0, 10:19, 12:17] = 1  # 9 high, 5 wide, about the middle
    return x


def box(x):
    rows, columns = np.nonzero(x[0, :, :, 0] > 0.5)
    return [int(f(a)) for a in (rows, columns) for f in (np.min, np.max)]


def test_moved_goes_right_and_down(dot):
    assert box(augmentation.moved(dot, right=4)) == [10, 18, 16, 20]
    assert box(augmentation.moved(dot, down=-4)) == [6, 14, 12, 16]


@pytest.mark.parametrize(
    ("factor", "expected"), [(0.6, [12, 16, 13, 15]), (2, [6, 22, 10, 18])]
)
def test_resized_keeps_the_middle(dot, factor, expected):
    assert box(augmentation.resized(dot, factor)) == expected


def test_every_kind_keeps_its_labels(dot):
    y = np.arange(10)
    x = dot * (1 + y[:, None, None, None]) / 10  # brighter for a higher label
    kinds = augmentation.tests(x, y)
    assert tuple(kinds) == augmentation.KINDS
    for kind, (pictures, labels) in kinds.items():
        assert len(pictures) == len(labels)
        ink = pictures.max(axis=(1, 2, 3)) - pictures.min(axis=(1, 2, 3))
        share = augmentation.FADED if kind == "faded" else 1
        np.testing.assert_allclose(ink, share * (1 + labels) / 10, atol=0.02)


def test_quoted_is_the_mean_over_seeds_in_percent():
    runs = [
        {
            "way": way,
            "count": 1000,
            "accuracy": dict.fromkeys(augmentation.KINDS, share),
            "by_class": {"plain": [share] * 10},
        }
        for way in augmentation.WAYS
        for share in (0.5, 0.7, 0.9)
    ]
    found = augmentation.quoted(runs)
    assert found["1000, shift, moved"] == found["1000, flip, class 3"] == 70.0
