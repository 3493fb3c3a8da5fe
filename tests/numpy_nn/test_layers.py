"""Dense, activations, Flatten, Dropout and BatchNorm against three oracles."""

import re
from itertools import product

import numpy as np
import pytest
import torch

import cnncourse.numpy_nn as nn
from cnncourse.numpy_nn import gradcheck

TOLERANCE = {np.float32: 5e-6, np.float64: 1e-11}
ACTIVATIONS = ["relu", "sigmoid", "tanh"]
LAYERS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def close(actual, expected, dtype=np.float64):
    expected = expected.detach().numpy() if hasattr(expected, "detach") else expected
    assert actual.dtype == dtype
    assert actual.shape == np.shape(expected)
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def check_layer(layer, x, dy, training=True):
    """Finite differences of sum(dy * y) for x and for every parameter."""
    layer.params = {k: p.astype(np.float64) for k, p in layer.params.items()}

    def loss():
        return np.sum(dy * layer.forward(x, training))

    loss()
    gradcheck(loss, x, layer.backward(dy))
    grads = dict(layer.grads)
    for name, p in layer.params.items():
        gradcheck(loss, p, grads[name])


# Activations


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1,), (5,), (3, 4), (2, 3, 4, 5)])
def test_activations_agree_with_their_formulas_and_torch(name, shape, dtype):
    x, dy = 3 * normal(*shape, dtype=dtype), normal(*shape, seed=1, dtype=dtype)
    formulas = {
        "relu": lambda v: v if v > 0 else 0.0,
        "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
        "tanh": lambda v: (np.exp(v) - np.exp(-v)) / (np.exp(v) + np.exp(-v)),
    }
    by_hand = np.array([formulas[name](float(v)) for v in x.flat]).reshape(shape)
    close(getattr(nn, name)(x), by_hand, dtype)
    leaf = torch.tensor(x, requires_grad=True)
    y = getattr(torch, name)(leaf)
    y.backward(torch.tensor(dy))
    close(getattr(nn, name)(x), y, dtype)
    close(getattr(nn, f"{name}_backward")(dy, x), leaf.grad, dtype)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_gradients_agree_with_finite_differences(name):
    x, dy = normal(3, 4), normal(3, 4, seed=1)
    dx = getattr(nn, f"{name}_backward")(dy, x)
    gradcheck(lambda: np.sum(dy * getattr(nn, name)(x)), x, dx)
    check_layer(LAYERS[name](), x, dy)


def test_activations_at_the_ends_do_not_overflow():
    x = np.array([-1e4, -750.0, 0.0, 750.0, 1e4, np.inf, -np.inf])
    np.testing.assert_array_equal(nn.sigmoid(x), [0, 0, 0.5, 1, 1, 1, 0])
    np.testing.assert_array_equal(nn.tanh(x), [-1, -1, 0, 1, 1, 1, -1])
    dx = nn.sigmoid_backward(np.ones(7), x)
    np.testing.assert_array_equal(dx, [0, 0, 0.25, 0, 0, 0, 0])
    np.testing.assert_array_equal(nn.relu_backward(np.ones(3), np.zeros(3)), 0)


def test_sigmoid_keeps_small_numbers_that_one_minus_y_would_lose():
    dx = nn.sigmoid_backward(np.ones(1), np.array([40.0]))
    np.testing.assert_allclose(dx, np.exp(-40.0), rtol=1e-12)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax"])
def test_functions_refuse_integers_and_other_shapes(name):
    function, backward = getattr(nn, name), getattr(nn, f"{name}_backward")
    with pytest.raises(ValueError, match="x is int64"):
        function(np.arange(3))
    with pytest.raises(ValueError, match=r"x has shape \(0,\)"):
        function(np.zeros(0))
    with pytest.raises(ValueError, match=r"dy has shape \(2, 3\).*shape \(3, 2\)"):
        backward(np.zeros((2, 3)), np.zeros((3, 2)))


@pytest.mark.parametrize("make", LAYERS.values())
def test_activation_layers_refuse_nan_and_backward_before_forward(make):
    layer = make()
    assert layer.params == layer.grads == {}
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(np.zeros(2))
    with pytest.raises(ValueError, match=r"x is NaN at \(1,\)"):
        layer.forward(np.array([0, np.nan]))


def test_softmax_agrees_with_its_formula_torch_and_finite_differences(dtype):
    x, dy = 4 * normal(3, 5, dtype=dtype), normal(3, 5, seed=1, dtype=dtype)
    by_hand = [[np.exp(v) / sum(np.exp(u) for u in row) for v in row] for row in x]
    close(nn.softmax(x), np.array(by_hand), dtype)
    leaf = torch.tensor(x, requires_grad=True)
    torch.softmax(leaf, -1).backward(torch.tensor(dy))
    close(nn.softmax_backward(dy, x), leaf.grad, dtype)
    if dtype == np.float64:
        dx = nn.softmax_backward(dy, x)
        gradcheck(lambda: np.sum(dy * nn.softmax(x)), x, dx)


def test_softmax_by_hand_and_at_the_ends():
    y = nn.softmax(np.array([10.0, -5.0, 5.0]))
    np.testing.assert_allclose(y, [0.993307, 3.0385e-07, 0.00669285], rtol=1e-4)
    np.testing.assert_array_equal(nn.softmax(np.array([1e4, 0.0, -1e4])), [1, 0, 0])
    y = nn.softmax(np.array([[1000.0, 1000.0]]))
    np.testing.assert_array_equal(y, [[0.5, 0.5]])


# Dense


@pytest.mark.parametrize(("N", "C", "K"), [(1, 1, 1), (3, 4, 2), (5, 2, 7)])
def test_dense_agrees_with_loops_torch_and_finite_differences(N, C, K, dtype):
    layer = nn.Dense(C, K, rng=0)
    layer.params = {"w": normal(K, C, dtype=dtype), "b": normal(K, seed=3, dtype=dtype)}
    x, dy = normal(N, C, seed=1, dtype=dtype), normal(N, K, seed=2, dtype=dtype)
    w, b = layer.params["w"], layer.params["b"]
    y, dx, dw = np.zeros((N, K)) + b, np.zeros((N, C)), np.zeros((K, C))
    for n, k, c in product(range(N), range(K), range(C)):
        y[n, k] += x[n, c] * w[k, c]
        dx[n, c] += dy[n, k] * w[k, c]
        dw[k, c] += dy[n, k] * x[n, c]
    close(layer.forward(x), y, dtype)
    close(layer.backward(dy), dx, dtype)
    close(layer.grads["w"], dw, dtype)
    close(layer.grads["b"], np.array([dy[:, k].sum() for k in range(K)]), dtype)
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    torch.nn.functional.linear(*leaves).backward(torch.tensor(dy))
    for mine, leaf in zip(
        (layer.backward(dy), layer.grads["w"], layer.grads["b"]), leaves, strict=True
    ):
        close(mine, leaf.grad, dtype)
    if dtype == np.float64:
        check_layer(layer, x, dy)


def test_dense_starts_with_he_weights_and_keeps_its_dicts_in_step():
    layer = nn.Dense(400, 300, rng=0)
    w, b = layer.params["w"], layer.params["b"]
    assert w.shape == (300, 400)
    assert (w.dtype, b.dtype, b.any()) == (np.float32, np.float32, False)
    assert w.std() == pytest.approx(np.sqrt(2 / 400), rel=0.01)
    assert {k: g.shape for k, g in layer.grads.items()} == {
        "w": (300, 400),
        "b": (300,),
    }
    np.testing.assert_array_equal(w, nn.Dense(400, 300, rng=0).params["w"])
    assert (w != nn.Dense(400, 300, rng=1).params["w"]).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 3), int), "x is int64"),
        (np.zeros((2, 4)), "x has shape (2, 4), but each row of w (5, 3) weighs 3"),
        (np.zeros(3), "x has shape (3,); it needs the axes (N, C)"),
        (np.zeros((2, 3, 1, 1)), "x has shape (2, 3, 1, 1); it needs the axes (N, C)"),
        (np.full((1, 3), np.nan), "x is NaN at (0, 0)"),
    ],
)
def test_dense_refuses_what_does_not_fit(x, message):
    layer = nn.Dense(3, 5, rng=0)
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(np.zeros((1, 5)))
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.forward(x)
    layer.forward(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"dy has shape \(2, 4\).*\(2, 5\)"):
        layer.backward(np.zeros((2, 4)))


@pytest.mark.parametrize("change", [{"n_in": 0}, {"n_out": -1}, {"n_in": 2.0}])
def test_a_dense_layer_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="needs an integer, 1 or more"):
        nn.Dense(**{"n_in": 1, "n_out": 1, **change})


# Flatten and Dropout


def test_flatten_lays_channel_after_channel_and_back(dtype):
    x = np.arange(24.0).reshape(2, 3, 2, 2).astype(dtype)
    layer = nn.Flatten()
    y = layer.forward(x)
    np.testing.assert_array_equal(y[1], np.arange(12, 24))
    back = layer.backward(y)
    np.testing.assert_array_equal(back, x)
    assert back.dtype == y.dtype == dtype
    close(y, torch.flatten(torch.tensor(x), 1), dtype)
    check_layer(nn.Flatten(), normal(2, 3, 2, 2), normal(2, 12, seed=1))


def test_flatten_refuses_what_does_not_fit():
    layer = nn.Flatten()
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(np.zeros((2, 12)))
    with pytest.raises(ValueError, match=r"x has shape \(3,\)"):
        layer.forward(np.zeros(3))
    with pytest.raises(ValueError, match="x is NaN"):
        layer.forward(np.full((1, 2), np.nan))
    layer.forward(np.zeros((2, 3, 2, 2)))
    with pytest.raises(ValueError, match=r"dy has shape \(2, 6\).*\(2, 12\)"):
        layer.backward(np.zeros((2, 6)))


def test_dropout_drops_the_share_it_says_and_keeps_the_mean(dtype):
    x = np.ones((200, 500), dtype)
    y = nn.Dropout(0.3, rng=0).forward(x, training=True)
    assert y.dtype == dtype
    assert np.mean(y == 0) == pytest.approx(0.3, abs=0.005)
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)
    assert y.mean() == pytest.approx(1, abs=0.01)


def test_dropout_of_four_follows_the_binomial():
    layer = nn.Dropout(0.5, rng=0)
    stay = (layer.forward(np.ones((40_000, 4)), training=True) > 0).sum(axis=1)
    share = np.bincount(stay, minlength=5) / 40_000
    np.testing.assert_allclose(share[[0, 2, 4]], [0.0625, 0.375, 0.0625], atol=0.01)


def test_dropout_sends_the_gradient_through_the_same_mask():
    x, dy = normal(6, 7), normal(6, 7, seed=1)
    layer = nn.Dropout(0.4, rng=0)
    y = layer.forward(x, training=True)
    np.testing.assert_allclose(layer.backward(dy), dy * (y / x))
    again = layer.forward(x, training=True)
    assert (again != y).any()  # a new mask each time
    np.testing.assert_array_equal(nn.Dropout(0.4, rng=0).forward(x, True), y)


def test_dropout_does_nothing_when_predicting():
    x, dy = normal(3, 4), normal(3, 4, seed=1)
    layer = nn.Dropout(0.9, rng=0)
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(dy), dy)
    np.testing.assert_array_equal(nn.Dropout(0).forward(x, training=True), x)


@pytest.mark.parametrize("rate", [1, -0.1, 1.5, np.nan, "0.5", None, True])
def test_a_rate_that_cannot_be_is_refused(rate):
    with pytest.raises(ValueError, match=r"rate is .* from 0 and below 1 fits"):
        nn.Dropout(rate)


def test_dropout_refuses_what_does_not_fit():
    layer = nn.Dropout(0.5, rng=0)
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(np.zeros(3))
    with pytest.raises(ValueError, match="x is NaN"):
        layer.forward(np.array([np.nan]))
    with pytest.raises(ValueError, match="x is int64"):
        layer.forward(np.arange(3))
    layer.forward(np.zeros(3))
    with pytest.raises(ValueError, match=r"dy has shape \(2,\).*\(3,\)"):
        layer.backward(np.zeros(2))


# Batch normalisation

SHAPES = [(2, 1), (7, 3), (3, 2, 4, 5), (2, 3, 1, 1), (1, 2, 3, 3)]


def torch_twin(layer, ndim, dtype):
    kind = torch.nn.BatchNorm2d if ndim == 4 else torch.nn.BatchNorm1d
    twin = kind(len(layer.params["w"])).to(torch.tensor(np.zeros(1, dtype)).dtype)
    twin.weight.data = torch.tensor(layer.params["w"].copy())
    twin.bias.data = torch.tensor(layer.params["b"].copy())
    return twin


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_agrees_with_torch_for_three_batches(shape, training, dtype):
    C = shape[1]
    layer = nn.BatchNorm(C)
    layer.params = {"w": normal(C, dtype=dtype), "b": normal(C, seed=1, dtype=dtype)}
    twin = torch_twin(layer, len(shape), dtype)
    for seed in range(3):  # the running means grow
        x = 2 + 3 * normal(*shape, seed=seed, dtype=dtype)
        dy = normal(*shape, seed=9, dtype=dtype)
        layer.forward(x, training=True)
        twin.train()(torch.tensor(x))
        leaf = torch.tensor(x, requires_grad=True)
        if not training:
            twin.eval()
        expected = twin(leaf)
        y = layer.forward(x, training)
        tolerance = {"rtol": 2e-3 if dtype == np.float32 else 1e-6, "atol": 1e-5}
        np.testing.assert_allclose(y, expected.detach(), **tolerance)
        twin.zero_grad()
        expected.backward(torch.tensor(dy))
        dx = layer.backward(dy)
        np.testing.assert_allclose(dx, leaf.grad, rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(layer.grads["w"], twin.weight.grad, **tolerance)
        np.testing.assert_allclose(layer.grads["b"], twin.bias.grad, **tolerance)
        mean, var = twin.running_mean.numpy(), twin.running_var.numpy()
        np.testing.assert_allclose(layer.running["mean"], mean, rtol=1e-4)
        np.testing.assert_allclose(layer.running["var"], var, rtol=1e-4)
        assert y.dtype == dx.dtype == layer.grads["w"].dtype == dtype


@pytest.mark.parametrize("shape", [(7, 3), (3, 2, 4, 5)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_agrees_with_finite_differences(shape, training):
    layer = nn.BatchNorm(shape[1], momentum=0)  # the check must not move the means
    layer.running = {"mean": normal(shape[1]), "var": 1 + normal(shape[1]) ** 2}
    layer.params["w"] = normal(shape[1], seed=4)
    check_layer(layer, 3 + normal(*shape, seed=5), normal(*shape, seed=6), training)


def test_batch_norm_agrees_with_its_formula_by_hand():
    x = np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 10.0]])
    layer = nn.BatchNorm(2)
    y = layer.forward(x, training=True)
    mean, var = 3.0, (4 + 1 + 9) / 3
    by_hand = (x[:, 0] - mean) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(y[:, 0], by_hand, rtol=1e-6)
    np.testing.assert_array_equal(y[:, 1], 0)
    np.testing.assert_allclose(layer.running["mean"], [0.3, 1.0], rtol=1e-6)
    np.testing.assert_allclose(layer.running["var"], [0.9 + 0.1 * 7, 0.9], rtol=1e-6)


def test_batch_norm_can_undo_itself():
    x = 5 + 2 * normal(50, 4)
    layer = nn.BatchNorm(4)
    layer.params["w"] = np.sqrt(x.var(axis=0) + 1e-5)
    layer.params["b"] = x.mean(axis=0)
    np.testing.assert_allclose(layer.forward(x, training=True), x, rtol=1e-10)


def test_predicting_does_not_depend_on_the_rest_of_the_batch():
    layer = nn.BatchNorm(3)
    x = normal(8, 3)
    layer.forward(x, training=True)
    before = {k: v.copy() for k, v in layer.running.items()}
    alone = np.concatenate([layer.forward(x[i : i + 1]) for i in range(8)])
    np.testing.assert_allclose(alone, layer.forward(x), rtol=1e-12)
    for name, value in layer.running.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 3), int), "x is int64"),
        (np.zeros((2, 4)), "with 4 features on axis 1; this layer has 3"),
        (np.zeros((2, 3, 4)), "x has shape (2, 3, 4); it needs the axes (N, C)"),
        (np.zeros((1, 3)), "x has shape (1, 3): one number for each feature"),
        (np.zeros((1, 3, 1, 1)), "one number for each feature"),
        (np.full((2, 3), np.nan), "x is NaN at (0, 0)"),
    ],
)
def test_batch_norm_refuses_what_does_not_fit(x, message):
    layer = nn.BatchNorm(3)
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.forward(x, training=True)
    layer.forward(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"dy has shape \(3, 3\).*\(2, 3\)"):
        layer.backward(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="dy has shape"):
        layer.backward(np.zeros(3))


@pytest.mark.parametrize("change", [{"features": 0}, {"momentum": 2}, {"eps": 0}])
def test_a_batch_norm_that_cannot_be_is_refused(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} is"):
        nn.BatchNorm(**{"features": 2, **change})


# What every layer keeps to

EVERY = {
    "Conv2d": (lambda: nn.Conv2d(2, 3, 2, rng=0), (2, 2, 4, 4)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (2, 2, 4, 4)),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), (2, 2, 4, 4)),
    "SumPool2d": (lambda: nn.SumPool2d(2), (2, 2, 4, 4)),
    "Flatten": (nn.Flatten, (2, 2, 4, 4)),
    "Dense": (lambda: nn.Dense(4, 3, rng=0), (2, 4)),
    "ReLU": (nn.ReLU, (2, 4)),
    "Sigmoid": (nn.Sigmoid, (2, 4)),
    "Tanh": (nn.Tanh, (2, 4)),
    "Dropout": (lambda: nn.Dropout(0.5, rng=0), (2, 4)),
    "BatchNorm": (lambda: nn.BatchNorm(4), (2, 4)),
}


@pytest.fixture(params=EVERY.values(), ids=EVERY.keys())
def layer_and_x(request):
    make, shape = request.param
    return make(), normal(*shape)


def test_every_layer_refuses_what_is_not_finite_and_keeps_nothing_of_it(layer_and_x):
    layer, x = layer_and_x
    for bad, name in [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")]:
        spoiled = x.copy()
        spoiled.flat[3] = bad
        with pytest.raises(ValueError, match=f"x is {name} at .*finite number"):
            layer.forward(spoiled, training=True)
    with pytest.raises(RuntimeError, match="call forward"):
        layer.backward(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, "x is object; float32 or float64 fits"),
        ([[1, 2], [3]], "x is a ragged list"),
        ("text", "x is <U4; float32 or float64 fits"),
        (np.ones((2, 4), complex), "x is complex128; float32 or float64 fits"),
        (np.ones((2, 4), bool), "x is bool; use x.astype"),
    ],
)
def test_every_layer_refuses_what_is_no_array_of_floats(layer_and_x, bad, message):
    layer, _ = layer_and_x
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.forward(bad)


def test_every_layer_refuses_gradients_of_another_length_or_kind(layer_and_x):
    layer, x = layer_and_x
    y = layer.forward(x, training=True)
    with pytest.raises(ValueError, match="dy has shape"):
        layer.backward(np.concatenate([y, y]))
    with pytest.raises(ValueError, match="dy is int64"):
        layer.backward(np.zeros(y.shape, int))
    with pytest.raises(ValueError, match="dy is object"):
        layer.backward(None)


def test_every_layers_backward_belongs_to_the_last_forward(layer_and_x):
    layer, x = layer_and_x
    y = layer.forward(x)
    dx = layer.backward(y)
    grads = {name: g.copy() for name, g in layer.grads.items()}
    layer.forward(normal(*x.shape, seed=5), training=True)
    kept = x.copy()
    if isinstance(layer, nn.BatchNorm):  # the running means have moved
        y = layer.forward(x)
        dx = layer.backward(y)
    layer.forward(x)
    np.testing.assert_array_equal(layer.backward(y), dx)
    for name, g in grads.items():
        if not isinstance(layer, nn.BatchNorm):
            np.testing.assert_array_equal(layer.grads[name], g)
    np.testing.assert_array_equal(x, kept)


def test_every_layer_keeps_the_dtype_and_starts_with_all_its_keys(layer_and_x, dtype):
    layer, x = layer_and_x
    assert layer.grads.keys() == layer.params.keys()
    layer.params = {k: p.astype(dtype) for k, p in layer.params.items()}
    for training in (True, False):
        y = layer.forward(x.astype(dtype), training)
        assert y.dtype == layer.backward(y).dtype == dtype
        assert {g.dtype for g in layer.grads.values()} <= {np.dtype(dtype)}


def test_gradients_do_not_change_their_arguments_and_pass_infinity_only_where_open():
    x = np.array([-1.0, 2.0, 0.0])
    dy = np.array([np.inf, 3.0, np.inf])
    kept = dy.copy()
    np.testing.assert_array_equal(nn.relu_backward(dy, x), [0, 3, 0])
    np.testing.assert_array_equal(dy, kept)
    found = nn.relu(np.array([np.nan, -np.inf, np.inf]))
    np.testing.assert_array_equal(found, [np.nan, 0, np.inf])


def test_softmax_rows_do_not_see_each_other():
    y = nn.softmax(np.array([[1000.0, 0.0], [-1000.0, 0.0]]))
    np.testing.assert_array_equal(y, [[1, 0], [0, 1]])
    x, dy = normal(2, 3, 4), normal(2, 3, 4, seed=1)
    gradcheck(lambda: np.sum(dy * nn.softmax(x)), x, nn.softmax_backward(dy, x))
    np.testing.assert_allclose(nn.softmax(x).sum(axis=-1), 1)


def test_batch_norms_settings_are_used():
    layer, twin = nn.BatchNorm(3, 0.3, 0.1), torch.nn.BatchNorm1d(3, 0.1, 0.3)
    x = normal(5, 3)
    before = layer.running["mean"]
    y = layer.forward(x, training=True)
    expected = twin.double()(torch.tensor(x))
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-10)
    mean, var = twin.running_mean, twin.running_var
    np.testing.assert_allclose(layer.running["mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(layer.running["var"], var, rtol=1e-6)
    assert not before.any()  # the old array is not written into
    assert layer.running["mean"].dtype == layer.running["var"].dtype == np.float32


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_batch_norm_refuses_what_would_spoil_its_running_means():
    layer = nn.BatchNorm(1)
    with pytest.raises(ValueError, match=r"x reaches 1e\+30, too far to square"):
        layer.forward(np.array([[1e30], [-1e30]], np.float32), training=True)
    assert layer.running["var"].tolist() == [1]


def test_a_bias_of_one_number_does_not_spread_over_the_kernels():
    x, w = normal(1, 1, 3, 3), normal(4, 1, 2, 2)
    with pytest.raises(ValueError, match=r"b has shape \(1,\); 4 kernels need"):
        nn.conv2d(x, w, np.zeros(1))


@pytest.mark.parametrize(
    "make", [lambda: nn.Dense(3, True), lambda: nn.MaxPool2d(True)]
)
def test_truth_is_no_number_of_things(make):
    with pytest.raises(ValueError, match="is True; it needs an integer"):
        make()
