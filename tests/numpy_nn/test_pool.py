"""Pooling against its equation as loops, finite differences, PyTorch and by hand."""

import re
from itertools import product

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import cnncourse.numpy_nn as nn
from cnncourse.numpy_nn import gradcheck

TOLERANCE = {np.float32: 2e-6, np.float64: 1e-12}
KINDS = ["max", "avg", "sum"]
LAYERS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d, "sum": nn.SumPool2d}

# N, C, H, W, size, stride
CASES = {
    "smallest": (1, 1, 1, 1, 1, None),
    "the page's 4x4": (1, 1, 4, 4, 2, None),
    "rows and columns left over": (2, 3, 7, 5, 2, None),
    "the window is the image": (2, 2, 3, 5, (3, 5), None),
    "overlapping": (2, 2, 7, 6, 3, 2),
    "overlapping, one step": (1, 2, 5, 4, 2, 1),
    "gaps between windows": (2, 1, 8, 9, 2, 3),
    "tall window, unequal strides": (3, 2, 9, 7, (3, 1), (2, 3)),
    "wide window, stride is size": (2, 2, 6, 8, (2, 4), None),
}


def two(value):
    return value if isinstance(value, tuple) else (value, value)


def functions(kind):
    return getattr(nn, f"{kind}_pool2d"), getattr(nn, f"{kind}_pool2d_backward")


def windows(shape, size, stride):
    """Every output and the pixels of its window, by counting the places that fit."""
    (R, S), (u, v) = two(size), two(size if stride is None else stride)
    N, C, H, W = shape
    tops = [i for i in range(0, H, u) if i + R <= H]
    lefts = [j for j in range(0, W, v) if j + S <= W]
    for n, c, (i, top), (j, left) in product(
        range(N), range(C), enumerate(tops), enumerate(lefts)
    ):
        rows, cols = range(top, top + R), range(left, left + S)
        yield (n, c, i, j), [(n, c, a, b) for a in rows for b in cols]


def loops(kind, x, size, stride):
    found = {}
    for output, pixels in windows(x.shape, size, stride):
        values = [x[p] for p in pixels]
        total = sum(values)
        by_kind = {"max": max(values), "sum": total, "avg": total / len(values)}
        found[output] = by_kind[kind]
    y = np.empty([1 + max(k[a] for k in found) for a in range(4)])
    for output, value in found.items():
        y[output] = value
    return y


def loops_backward(kind, dy, x, size, stride):
    dx = np.zeros(x.shape)
    for output, pixels in windows(x.shape, size, stride):
        if kind == "max":
            first = max(pixels, key=lambda p: x[p])  # max keeps the first of equals
            dx[first] += dy[output]
        else:
            for p in pixels:
                dx[p] += dy[output] / (len(pixels) if kind == "avg" else 1)
    return dx


def by_torch(kind, x, size, stride):
    if kind == "max":
        return F.max_pool2d(x, size, stride)
    area = np.prod(two(size)) if kind == "sum" else 1
    return F.avg_pool2d(x, size, stride) * float(area)


def arrays(case, kind, dtype=np.float64):
    *shape, size, stride = case
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(dtype)
    dy = rng.normal(size=loops(kind, x, size, stride).shape).astype(dtype)
    return x, dy, size, stride


def assert_close(actual, expected, dtype):
    assert actual.dtype == dtype
    assert actual.shape == tuple(expected.shape)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * 10)


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_forward_and_backward_agree_with_loops(case, kind, dtype):
    x, dy, size, stride = arrays(case, kind, dtype)
    forward, backward = functions(kind)
    assert_close(forward(x, size, stride), loops(kind, x, size, stride), dtype)
    expected = loops_backward(kind, dy, x, size, stride)
    assert_close(backward(dy, x, size, stride), expected, dtype)


def test_backward_agrees_with_finite_differences(case, kind):
    x, dy, size, stride = arrays(case, kind)
    forward, backward = functions(kind)
    dx = backward(dy, x, size, stride)
    gradcheck(lambda: np.sum(dy * forward(x, size, stride)), x, dx)


def test_forward_and_backward_agree_with_torch(case, kind, dtype):
    x, dy, size, stride = arrays(case, kind, dtype)
    forward, backward = functions(kind)
    leaf = torch.tensor(x, requires_grad=True)
    y = by_torch(kind, leaf, size, stride)
    y.backward(torch.tensor(dy))
    assert_close(forward(x, size, stride), y.detach().numpy(), dtype)
    assert_close(backward(dy, x, size, stride), leaf.grad.numpy(), dtype)


def test_ties_go_to_the_first_as_in_torch():
    x = np.random.default_rng(0).integers(0, 2, (3, 2, 8, 8)).astype(float)
    for size, stride in [(2, 2), (3, 1), (3, 2)]:
        leaf = torch.tensor(x, requires_grad=True)
        y = F.max_pool2d(leaf, size, stride)
        dy = np.arange(1.0, y.numel() + 1).reshape(tuple(y.shape))
        y.backward(torch.tensor(dy))
        mine = nn.max_pool2d_backward(dy, x, size, stride)
        np.testing.assert_array_equal(mine, leaf.grad.numpy())


def test_a_gradient_that_is_infinite_reaches_only_its_winner():
    x = np.array([[[[1.0, 2.0], [3.0, 3.0]]]])
    dx = nn.max_pool2d_backward(np.full((1, 1, 1, 1), np.inf), x, 2)
    np.testing.assert_array_equal(dx, [[[[0, 0], [np.inf, 0]]]])


def test_a_window_that_holds_nan_passes_nothing():
    x = np.array([[[[1.0, np.nan], [3.0, 2.0]]]])
    np.testing.assert_array_equal(
        nn.max_pool2d_backward(np.ones((1, 1, 1, 1)), x, 2), 0
    )


def test_mixed_dtypes_give_float64(kind):
    x = np.ones((1, 1, 2, 2), np.float32)
    assert functions(kind)[0](x, 2).dtype == np.float32
    assert functions(kind)[1](np.ones((1, 1, 1, 1)), x, 2).dtype == np.float64


def test_the_pages_example_by_hand():
    x = np.arange(1.0, 17).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(nn.max_pool2d(x, 2)[0, 0], [[6, 8], [14, 16]])
    means = [[3.5, 5.5], [11.5, 13.5]]
    np.testing.assert_array_equal(nn.avg_pool2d(x, 2)[0, 0], means)
    np.testing.assert_array_equal(nn.sum_pool2d(x, 2)[0, 0], [[14, 22], [46, 54]])


@pytest.mark.parametrize(
    ("n", "size", "stride", "out"), [(13, 2, 2, 6), (11, 2, 2, 5), (55, 3, 2, 27)]
)
def test_output_sizes_of_known_networks(n, size, stride, out):
    x = np.zeros((1, 1, n, n))
    assert nn.max_pool2d(x, size, stride).shape == (1, 1, out, out)


def test_nan_spoils_its_windows_and_nothing_else(kind):
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 2] = np.nan
    y = functions(kind)[0](x, 2)
    np.testing.assert_array_equal(np.isnan(y[0, 0]), [[False, True], [False, False]])


def test_nothing_given_is_changed_and_views_are_fine(kind):
    x, dy, size, stride = arrays(CASES["overlapping"], kind)
    turned = np.ascontiguousarray(x.swapaxes(2, 3)).swapaxes(2, 3)
    kept = x.copy(), dy.copy()
    forward, backward = functions(kind)
    np.testing.assert_array_equal(forward(turned, size, stride), forward(x, 3, 2))
    np.testing.assert_array_equal(backward(dy, turned, 3, 2), backward(dy, x, 3, 2))
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(dy, kept[1])


def test_the_layer_is_the_two_functions(case, kind):
    x, dy, size, stride = arrays(case, kind)
    forward, backward = functions(kind)
    layer = LAYERS[kind](size, stride)
    layer.forward(x * 2)
    np.testing.assert_array_equal(layer.forward(x, True), forward(x, size, stride))
    np.testing.assert_array_equal(layer.backward(dy), backward(dy, x, size, stride))
    assert layer.params == layer.grads == {}


def test_the_layer_refuses_nan_and_backward_before_forward(kind):
    layer = LAYERS[kind](2)
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(np.zeros((1, 1, 1, 1)))
    with pytest.raises(ValueError, match=r"x is NaN at \(0, 0, 0, 1\)"):
        layer.forward(np.array([[[[0, np.nan], [0, 0]]]]))
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(np.zeros((1, 1, 1, 1)))


X = np.zeros((2, 3, 5, 6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X.astype(int)}, "x is int64; use x.astype(np.float32)"),
        ({"x": X[0]}, "x has shape (3, 5, 6); it needs the axes (N, C, H, W)"),
        ({"x": X[:0]}, "x has shape (0, 3, 5, 6)"),
        ({"size": 0}, "size is 0; it needs an integer, 1 or more"),
        ({"size": 2.5}, "size is 2.5"),
        ({"size": (1, 2, 3)}, "size is (1, 2, 3); it needs one integer or two"),
        ({"stride": 0}, "stride is 0"),
        ({"size": (6, 2)}, "the window covers 6x2 pixels, x only 5x6"),
        ({"size": (2, 7)}, "the window covers 2x7 pixels, x only 5x6"),
    ],
)
def test_bad_input_is_refused(kind, change, message):
    forward, backward = functions(kind)
    given = {"x": X, "size": 2, **change}
    with pytest.raises(ValueError, match=re.escape(message)):
        forward(**given)
    with pytest.raises(ValueError, match=re.escape(message)):
        backward(np.zeros((2, 3, 2, 3)), **given)


def test_a_gradient_of_another_shape_is_refused(kind):
    message = re.escape("dy has shape (2, 3, 3, 2); the output of pooling x ")
    with pytest.raises(ValueError, match=message + r".*\(2, 3, 2, 3\)"):
        functions(kind)[1](np.zeros((2, 3, 3, 2)), X, 2)


def test_a_layer_that_cannot_be_is_refused(kind):
    for bad in [(0, None), (2, 0), ("2", None), (2, 1.5)]:
        with pytest.raises(ValueError, match="needs an integer, 1 or more"):
            LAYERS[kind](*bad)
