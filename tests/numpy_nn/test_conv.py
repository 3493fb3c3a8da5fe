"""Conv2d against its equation, finite differences, PyTorch and numbers by hand."""

import re
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cnncourse.numpy_nn import Conv2d, conv, conv2d, conv2d_backward, gradcheck

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-11}

# N, C, H, W, K, R, S, stride, pad, dilation
CASES = {
    "smallest": (1, 1, 1, 1, 1, 1, 1, 1, 0, 1),
    "the page's 4x4": (1, 1, 4, 4, 1, 2, 2, 1, 0, 1),
    "odd sizes": (3, 2, 5, 7, 4, 3, 3, 1, 0, 1),
    "tall kernel": (2, 3, 7, 5, 2, 4, 1, 1, 0, 1),
    "wide kernel": (2, 3, 5, 8, 2, 1, 4, 1, 0, 1),
    "1x1 kernel": (2, 5, 4, 3, 3, 1, 1, 1, 0, 1),
    "1x1 kernel, stride 2": (2, 2, 5, 6, 3, 1, 1, 2, 0, 1),
    "kernel as large as the image": (2, 2, 4, 5, 3, 4, 5, 1, 0, 1),
    "kernel larger than the image": (2, 1, 2, 3, 2, 4, 5, 1, 1, 1),
    "same size": (2, 2, 6, 5, 3, 3, 5, 1, (1, 2), 1),
    "full": (2, 1, 4, 3, 2, 2, 3, 1, (1, 2), 1),
    "more pad than kernel": (1, 1, 3, 3, 1, 2, 2, 1, 3, 1),
    "stride 2, nothing left over": (2, 2, 7, 5, 3, 3, 3, 2, 0, 1),
    "stride 2, a row and a column left over": (2, 2, 8, 6, 3, 3, 3, 2, 0, 1),
    "stride 3 larger than the kernel": (2, 2, 8, 9, 2, 2, 2, 3, 0, 1),
    "unequal strides": (2, 1, 9, 8, 2, 3, 2, (3, 2), 0, 1),
    "unequal pads": (2, 2, 4, 6, 2, 3, 3, 1, (2, 0), 1),
    "unequal strides and pads": (3, 2, 7, 6, 2, 3, 2, (2, 3), (0, 2), 1),
    "dilated": (2, 2, 7, 8, 2, 3, 3, 1, 0, 2),
    "unequal dilations": (1, 2, 7, 9, 2, 2, 3, 1, 1, (3, 2)),
    "all unequal": (2, 3, 11, 10, 2, 3, 2, (2, 3), (2, 1), (2, 4)),
    "many images": (9, 1, 5, 4, 2, 2, 2, 1, 1, 1),
}


def arrays(N, C, H, W, K, R, S, stride, pad, dilation, dtype=np.float64):
    """x, w, b, a dy of the right shape, and the keywords, of a row of the table."""
    rng = np.random.default_rng(0)
    options = {"stride": stride, "pad": pad, "dilation": dilation}
    x, w, b = (rng.normal(size=s) for s in [(N, C, H, W), (K, C, R, S), (K,)])
    dy = rng.normal(size=output_shape(x, w, **options))
    x, w, b, dy = (a.astype(dtype) for a in (x, w, b, dy))
    return SimpleNamespace(x=x, w=w, b=b, dy=dy, options=options)


def two(value):
    return value if isinstance(value, tuple) else (value, value)


def output_shape(x, w, stride=1, pad=0, dilation=1):
    """The size formula, by counting: positions at which the window fits."""
    counts = []
    for n, k, u, p, d in zip(
        x.shape[2:], w.shape[2:], two(stride), two(pad), two(dilation), strict=True
    ):
        last = d * (k - 1)
        counts.append(sum(start + last < n + 2 * p for start in range(0, n + 2 * p, u)))
    return (len(x), len(w), *counts)


def terms(x, w, stride, pad, dilation):
    """Every (output, kernel entry, pixel) that the equation multiplies."""
    (u, v), (p, q), (d, e) = two(stride), two(pad), two(dilation)
    N, K, *size = output_shape(x, w, stride, pad, dilation)
    for n, k, i, j in product(*map(range, (N, K, *size))):
        for c, r, s in product(*map(range, w.shape[1:])):
            row, col = u * i + d * r - p, v * j + e * s - q
            if 0 <= row < x.shape[2] and 0 <= col < x.shape[3]:
                yield (n, k, i, j), (k, c, r, s), (n, c, row, col)


def loops(x, w, b, **options):
    """The equation in conv2d's docstring, one product at a time."""
    y = np.zeros(output_shape(x, w, **options)) + b[:, None, None]
    for output, entry, pixel in terms(x, w, **options):
        y[output] += w[entry] * x[pixel]
    return y


def loops_backward(dy, x, w, **options):
    """The three sums in conv2d_backward's docstring, one product at a time."""
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for output, entry, pixel in terms(x, w, **options):
        dw[entry] += dy[output] * x[pixel]
        dx[pixel] += dy[output] * w[entry]
    return dx, dw, np.array([dy[:, k].sum() for k in range(len(w))])


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def assert_close(actual, expected, dtype):
    assert actual.dtype == dtype
    assert actual.shape == tuple(expected.shape)
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


# The three oracles


def test_forward_agrees_with_the_equation_as_loops(case, dtype):
    a = arrays(*case, dtype)
    assert_close(
        conv2d(a.x, a.w, a.b, **a.options), loops(a.x, a.w, a.b, **a.options), dtype
    )


def test_backward_agrees_with_the_equations_as_loops(case, dtype):
    a = arrays(*case, dtype)
    actual = conv2d_backward(a.dy, a.x, a.w, **a.options)
    for mine, slow in zip(
        actual, loops_backward(a.dy, a.x, a.w, **a.options), strict=True
    ):
        assert_close(mine, slow, dtype)


def test_backward_agrees_with_finite_differences(case):
    a = arrays(*case)

    def loss():
        return np.sum(a.dy * conv2d(a.x, a.w, a.b, **a.options))

    for array, gradient in zip(
        (a.x, a.w, a.b), conv2d_backward(a.dy, a.x, a.w, **a.options), strict=True
    ):
        gradcheck(loss, array, gradient)


def test_forward_and_backward_agree_with_torch(case, dtype):
    a = arrays(*case, dtype)
    leaves = [torch.tensor(p, requires_grad=True) for p in (a.x, a.w, a.b)]
    options = {"stride": a.options["stride"], "dilation": a.options["dilation"]}
    y = torch.nn.functional.conv2d(*leaves, padding=a.options["pad"], **options)
    y.backward(torch.tensor(a.dy))
    assert_close(conv2d(a.x, a.w, a.b, **a.options), y.detach().numpy(), dtype)
    gradients = conv2d_backward(a.dy, a.x, a.w, **a.options)
    for mine, leaf in zip(gradients, leaves, strict=True):
        assert_close(mine, leaf.grad.numpy(), dtype)


@pytest.mark.parametrize("images", [0, 1, 2, 4])
def test_the_number_of_images_in_a_block_does_not_matter(case, images, monkeypatch):
    a = arrays(*case)
    y = conv2d(a.x, a.w, a.b, **a.options)
    gradients = conv2d_backward(a.dy, a.x, a.w, **a.options)
    monkeypatch.setattr(conv, "BLOCK", images * a.w[0].size * y[0, 0].size)
    assert_close(conv2d(a.x, a.w, a.b, **a.options), y, np.float64)
    for again, first in zip(
        conv2d_backward(a.dy, a.x, a.w, **a.options), gradients, strict=True
    ):
        assert_close(again, first, np.float64)


# Numbers worked by hand

ONE_TO_16 = np.arange(1.0, 17).reshape(1, 1, 4, 4)
ONE_TO_4 = np.arange(1.0, 5).reshape(1, 1, 2, 2)


def test_the_pages_example_by_hand():
    by_hand = [[44, 54, 64], [84, 94, 104], [124, 134, 144]]
    np.testing.assert_array_equal(conv2d(ONE_TO_16, ONE_TO_4)[0, 0], by_hand)


def test_the_pages_example_with_stride_2_by_hand():
    by_hand = [[44, 64], [124, 144]]
    np.testing.assert_array_equal(conv2d(ONE_TO_16, ONE_TO_4, stride=2)[0, 0], by_hand)


def test_the_turned_kernel_gives_the_convolution_of_mathematics():
    by_hand = [[26, 36, 46], [66, 76, 86], [106, 116, 126]]
    turned = ONE_TO_4[:, :, ::-1, ::-1]
    np.testing.assert_array_equal(conv2d(ONE_TO_16, turned)[0, 0], by_hand)


def test_forward_and_backward_of_3x3_by_hand():
    x = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    dy = np.array([[[[1, -1], [2, 0.5]]]])
    np.testing.assert_array_equal(conv2d(x, ONE_TO_4)[0, 0], [[37, 47], [67, 77]])
    dx, dw, db = conv2d_backward(dy, x, ONE_TO_4)
    np.testing.assert_array_equal(dx[0, 0], [[1, 1, -2], [5, 5.5, -3], [6, 9.5, 2]])
    np.testing.assert_array_equal(dw[0, 0], [[9.5, 12], [17, 19.5]])
    np.testing.assert_array_equal(db, [2.5])


# Properties


def test_convolution_is_linear_in_images_and_kernels(case):
    a = arrays(*case)
    x2, w2 = np.random.default_rng(1).normal(size=(2, *a.x.shape)), a.w[::-1]
    y = conv2d(a.x, a.w, **a.options)
    mixed = conv2d(2 * a.x - 3 * x2[0], a.w, **a.options)
    assert_close(mixed, 2 * y - 3 * conv2d(x2[0], a.w, **a.options), np.float64)
    mixed = conv2d(a.x, 2 * a.w - 3 * w2, **a.options)
    assert_close(mixed, 2 * y - 3 * conv2d(a.x, w2, **a.options), np.float64)


@pytest.mark.parametrize("stride", [1, 2])
def test_shifted_images_give_shifted_outputs(stride):
    a = arrays(2, 2, 12, 14, 3, 3, 3, stride, 1, 1)
    a.x[:, :, :4] = a.x[:, :, -4:] = 0
    a.x[:, :, :, :4] = a.x[:, :, :, -4:] = 0
    shifted = np.roll(a.x, (stride, -stride), axis=(2, 3))
    y = conv2d(a.x, a.w, a.b, **a.options)
    expected = np.roll(y, (1, -1), axis=(2, 3))
    assert_close(conv2d(shifted, a.w, a.b, **a.options), expected, np.float64)


def test_images_of_a_batch_do_not_see_each_other():
    a = arrays(5, 2, 6, 7, 3, 3, 2, (2, 1), 1, 1)
    y = conv2d(a.x, a.w, a.b, **a.options)
    dx, dw, db = conv2d_backward(a.dy, a.x, a.w, **a.options)
    parts = []
    for n in range(5):
        x, dy = a.x[n : n + 1], a.dy[n : n + 1]
        assert_close(conv2d(x, a.w, a.b, **a.options), y[n : n + 1], np.float64)
        parts.append(conv2d_backward(dy, x, a.w, **a.options))
        assert_close(parts[-1][0], dx[n : n + 1], np.float64)
    assert_close(sum(p[1] for p in parts), dw, np.float64)
    assert_close(sum(p[2] for p in parts), db, np.float64)


VIEWS = {
    "transposed": lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "channels last": lambda a: np.ascontiguousarray(np.moveaxis(a, 1, 3)).transpose(
        0, 3, 1, 2
    ),
    "every second": lambda a: np.repeat(a, 2, axis=3)[:, :, :, ::2],
    "backwards": lambda a: a[:, :, ::-1].copy()[:, :, ::-1],
    "read-only": lambda a: np.broadcast_to(a, a.shape),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_views_give_the_same_as_plain_arrays_and_nothing_is_changed(view):
    a = arrays(3, 2, 6, 7, 4, 3, 2, (2, 1), (1, 0), 1)
    x, w, dy = view(a.x), view(a.w), view(a.dy)
    before = [p.copy() for p in (x, w, dy, a.b)]
    y = conv2d(x, w, a.b, **a.options)
    assert_close(y, conv2d(a.x, a.w, a.b, **a.options), np.float64)
    gradients = conv2d_backward(dy, x, w, **a.options)
    for mine, plain in zip(
        gradients, conv2d_backward(a.dy, a.x, a.w, **a.options), strict=True
    ):
        assert_close(mine, plain, np.float64)
        assert mine.flags.c_contiguous
        assert not any(np.shares_memory(mine, p) for p in (x, w, dy))
    for kept, given in zip(before, (x, w, dy, a.b), strict=True):
        np.testing.assert_array_equal(kept, given)


def test_mixed_dtypes_give_float64():
    a = arrays(*CASES["odd sizes"])
    x = a.x.astype(np.float32)
    assert conv2d(x, a.w).dtype == np.float64
    assert conv2d(x, a.w.astype(np.float32), a.b).dtype == np.float64
    for gradient in conv2d_backward(a.dy, x, a.w.astype(np.float32)):
        assert gradient.dtype == np.float64


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_pixel_spoils_exactly_the_outputs_that_see_it(bad):
    x = np.zeros((2, 1, 6, 6))
    x[1, 0, 2, 3] = bad
    spoiled = ~np.isfinite(conv2d(x, np.ones((1, 1, 3, 3))))
    expected = np.zeros((2, 1, 4, 4), bool)
    expected[1, 0, 0:3, 1:4] = True
    np.testing.assert_array_equal(spoiled, expected)


# The layer


def test_the_layer_is_the_two_functions(case):
    a = arrays(*case)
    K, C, *kernel = a.w.shape
    layer = Conv2d(C, K, tuple(kernel), **a.options)
    layer.params = {"w": a.w, "b": a.b}
    y = layer.forward(a.x, training=True)
    np.testing.assert_array_equal(y, conv2d(a.x, a.w, a.b, **a.options))
    dx, dw, db = conv2d_backward(a.dy, a.x, a.w, **a.options)
    for _ in range(2):  # the second call overwrites the gradients
        np.testing.assert_array_equal(layer.backward(a.dy), dx)
        np.testing.assert_array_equal(layer.grads["w"], dw)
        np.testing.assert_array_equal(layer.grads["b"], db)


def test_backward_belongs_to_the_last_forward():
    a = arrays(*CASES["odd sizes"])
    layer = Conv2d(2, 4, 3, rng=0)
    layer.forward(a.x * 0)
    layer.forward(a.x)
    layer.backward(a.dy)
    _, dw, _ = conv2d_backward(a.dy, a.x, layer.params["w"])
    np.testing.assert_array_equal(layer.grads["w"], dw)


def test_the_layer_starts_with_he_kernels_and_zero_biases():
    layer = Conv2d(16, 200, (3, 5), rng=0)
    w, b = layer.params["w"], layer.params["b"]
    assert w.shape == (200, 16, 3, 5)
    assert w.dtype == b.dtype == np.float32
    assert w.mean() == pytest.approx(0, abs=1e-3)
    assert w.std() == pytest.approx(np.sqrt(2 / (16 * 3 * 5)), rel=0.01)
    assert (b == np.zeros(200)).all()
    assert layer.params.keys() == layer.grads.keys() == {"w", "b"}
    for name, gradient in layer.grads.items():
        assert gradient.shape == layer.params[name].shape


def test_one_seed_gives_one_layer():
    seeds = [3, 3, np.random.default_rng(3), 4, None]
    one, same, generator, other, free = (Conv2d(2, 3, 3, rng=s) for s in seeds)
    for layer in (same, generator):
        np.testing.assert_array_equal(one.params["w"], layer.params["w"])
    for layer in (other, free):
        assert (one.params["w"] != layer.params["w"]).all()


def test_float32_stays_float32_in_the_layer():
    layer = Conv2d(1, 2, 3, pad=1, rng=0)
    y = layer.forward(np.ones((1, 1, 4, 4), np.float32))
    assert y.dtype == layer.backward(y).dtype == np.float32
    assert {g.dtype for g in layer.grads.values()} == {np.dtype(np.float32)}


def test_backward_before_forward_is_refused():
    with pytest.raises(RuntimeError, match="call forward"):
        Conv2d(1, 1, 3).backward(np.ones((1, 1, 3, 3)))


def test_the_layer_names_the_first_nan():
    x = np.zeros((2, 1, 4, 4))
    x[1, 0, 2, 3] = np.nan
    layer = Conv2d(1, 1, 3)
    with pytest.raises(ValueError, match=r"x is NaN at \(1, 0, 2, 3\)"):
        layer.forward(x)
    with pytest.raises(RuntimeError):
        layer.backward(np.ones((2, 1, 2, 2)))  # a refused x is not kept


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"c_in": 0}, "c_in is 0; it needs an integer, 1 or more"),
        ({"c_out": 2.5}, "c_out is 2.5"),
        ({"kernel": 0}, "kernel is 0"),
        ({"kernel": (3, 3, 3)}, "kernel is (3, 3, 3); it needs one integer or two"),
        ({"stride": (1, 0)}, "stride is 0"),
        ({"pad": -1}, "pad is -1; it needs an integer, 0 or more"),
        ({"dilation": 0}, "dilation is 0"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Conv2d(**{"c_in": 1, "c_out": 1, "kernel": 3, **change})


# Bad input

X, W = np.zeros((2, 3, 5, 6)), np.zeros((4, 3, 3, 3))


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ({"x": X.astype(int)}, ["x is int64; use x.astype(np.float32)"]),
        ({"w": W.astype(np.float16)}, ["w is float16"]),
        ({"x": X > 0}, ["x is bool"]),
        ({"x": [[1, 2], [3, 4]]}, ["x is int64"]),
        ({"x": X[0, 0]}, ["x has shape (5, 6)", "(N, C, H, W)"]),
        ({"w": W[0]}, ["w has shape (3, 3, 3)", "(K, C, R, S)"]),
        ({"x": X[:0]}, ["x has shape (0, 3, 5, 6)", "1 or more"]),
        ({"w": W[:, :, :0]}, ["w has shape (4, 3, 0, 3)"]),
        ({"w": W[:, :2]}, ["(2, 3, 5, 6) has 3 channels", "(4, 2, 3, 3) have 2"]),
        ({"w": np.zeros((1, 3, 6, 2))}, ["covers 6x2 pixels", "only 5x6"]),
        ({"w": np.zeros((1, 3, 2, 9)), "pad": 1}, ["covers 2x9 pixels", "only 7x8"]),
        ({"dilation": 3}, ["covers 7x7 pixels", "only 5x6", "dilation"]),
        ({"stride": 0}, ["stride is 0; it needs an integer, 1 or more"]),
        ({"stride": 1.5}, ["stride is 1.5"]),
        ({"stride": (1, 2, 3)}, ["stride is (1, 2, 3); it needs one integer or two"]),
        ({"pad": -1}, ["pad is -1; it needs an integer, 0 or more"]),
        ({"pad": "same"}, ["pad is 'same'"]),
        ({"dilation": (1, 0)}, ["dilation is 0"]),
        ({"b": np.zeros(3)}, ["b has shape (3,)", "4 kernels need shape (4,)"]),
        ({"b": np.zeros((4, 1))}, ["b has shape (4, 1)", "(K,)"]),
        ({"dy": np.zeros((2, 4, 3, 3))}, ["(2, 4, 3, 3)", "(2, 4, 3, 4)"]),
        ({"dy": np.zeros((2, 4, 4, 3))}, ["(2, 4, 4, 3)", "(2, 4, 3, 4)"]),
        ({"dy": np.zeros((1, 4, 3, 4))}, ["(1, 4, 3, 4)", "(2, 4, 3, 4)"]),
        ({"dy": np.zeros((2, 4, 12))}, ["dy has shape (2, 4, 12)", "(N, K, H', W')"]),
    ],
)
def test_bad_input_is_refused_with_what_was_given_and_what_fits(change, messages):
    given = {"x": X, "w": W, **change}
    calls = [conv2d, conv2d_backward]
    if "b" in change:
        calls.remove(conv2d_backward)
    elif "dy" in change:
        calls.remove(conv2d)
    for call in calls:
        dy = {"dy": np.zeros((2, 4, 3, 4))} if call is conv2d_backward else {}
        with pytest.raises(ValueError, match=".*".join(map(re.escape, messages))):
            call(**{**dy, **given})
