"""The Keras networks: sizes, repeatability, learning, and what they refuse."""

import subprocess
import sys

import numpy as np
import pytest

from cnncourse.keras_models import (
    fit,
    global_pool_cnn,
    mlp,
    one_pool_cnn,
    two_pool_cnn,
    use_gpu_sparingly,
)
from cnncourse.numpy_nn import cross_entropy

import keras  # isort: skip  # after the package, which sets it up

KEYS = {"loss", "accuracy", "val_loss", "val_accuracy", "seconds"}
PARAMETERS = {
    mlp: 795_010,
    one_pool_cnn: 1_701_110,
    two_pool_cnn: 1_629_826,
    global_pool_cnn: 93_962,
}
LAYERS = {  # the output of each layer, without N
    mlp: [(784,), (1000,), (10,)],
    one_pool_cnn: [(26, 26, 10), (13, 13, 10), (1690,), (1000,), (10,)],
    two_pool_cnn: [
        (26, 26, 32),
        (13, 13, 32),
        (11, 11, 64),
        (5, 5, 64),
        (1600,),
        (1000,),
        (10,),
    ],
    global_pool_cnn: [
        (26, 26, 32),
        (13, 13, 32),
        (11, 11, 64),
        (5, 5, 64),
        (3, 3, 128),
        (128,),
        (10,),
    ],
}
LEAST = {one_pool_cnn: 4, two_pool_cnn: 10, global_pool_cnn: 18}
every = pytest.mark.parametrize("build", PARAMETERS, ids=lambda f: f.__name__)


@pytest.fixture(scope="module")
def pictures():
    """Eight pictures of noise; nothing but learning them by heart helps."""
    rng = np.random.default_rng(0)
    return rng.random((8, 28, 28, 1), dtype=np.float32), np.arange(8) % 5


def small(seed=0):
    return mlp(5, hidden=(16,), input_shape=(6, 7, 1), seed=seed)


def small_set(n=20):
    rng = np.random.default_rng(1)
    return rng.random((n, 6, 7, 1), dtype=np.float32), np.arange(n) % 5


# --- the networks ------------------------------------------------------------------


@every
def test_parameters_and_shapes_are_those_of_the_docstring(build):
    net = build(seed=0)
    assert net.count_params() == PARAMETERS[build]
    docs = sys.modules[build.__module__].__doc__
    assert f"{PARAMETERS[build]:,}" in docs
    assert [tuple(layer.output.shape[1:]) for layer in net.layers] == LAYERS[build]
    assert net.name == build.__name__


@every
def test_a_network_ends_in_logits(build, pictures):
    logits = build(seed=0)(20 * pictures[0]).numpy()
    assert logits.shape == (8, 10)
    assert logits.dtype == np.float32
    assert logits.min() < 0
    assert np.abs(logits.sum(axis=1) - 1).max() > 0.1


@every
def test_one_seed_gives_one_network_and_another_seed_another(build, pictures):
    a, b, c = (build(seed=s)(pictures[0]).numpy() for s in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3


def test_layers_of_one_shape_start_differently():
    w = [v for v in mlp(hidden=(784, 784), seed=0).weights if v.shape == (784, 784)]
    assert np.abs(w[0].numpy() - w[1].numpy()).max() > 1e-3


def test_without_a_seed_each_network_is_another(pictures):
    a, b = (global_pool_cnn()(pictures[0]).numpy() for _ in range(2))
    assert np.abs(a - b).max() > 1e-3


@every
def test_gradients_are_finite_and_reach_every_parameter(build, pictures):
    import tensorflow as tf

    net, (x, y) = build(seed=0), pictures
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        value = loss(y, net(x, training=True))
    for v, g in zip(
        net.trainable_variables,
        tape.gradient(value, net.trainable_variables),
        strict=True,
    ):
        assert g is not None, v.path
        assert np.isfinite(g.numpy()).all(), v.path
        assert np.abs(g.numpy()).max() > 0, v.path


@every
def test_eight_pictures_are_learned_by_heart(build, pictures):
    net, (x, y) = build(seed=0), pictures
    adam = keras.optimizers.Adam(0.003)
    many = np.tile(x, (40, 1, 1, 1)), np.tile(y, 40)  # an epoch of 40 steps
    history = fit(net, *many, epochs=5, batch=8, optimiser=adam, rng=0)
    assert history["loss"][-1] < 0.05
    np.testing.assert_array_equal(net(x).numpy().argmax(axis=1), y)


def test_after_global_pooling_a_shift_by_the_stride_changes_nothing_elsewhere_it_does():
    x = np.zeros((3, 48, 48, 1), np.float32)  # a spot far from every border
    for picture, left in zip(x, (20, 24, 23), strict=True):
        picture[22:25, left : left + 3] = 1
    for build in (one_pool_cnn, two_pool_cnn, global_pool_cnn):
        still, by_four, by_three = build(input_shape=(48, 48, 1), seed=0)(x).numpy()
        size = np.abs(still).max()
        assert np.abs(still - by_three).max() > 1e-2 * size, build
        if build is global_pool_cnn:
            np.testing.assert_allclose(by_four, still, atol=1e-6)
        else:
            assert np.abs(still - by_four).max() > 1e-2 * size, build


@pytest.mark.parametrize("build", LEAST, ids=lambda f: f.__name__)
def test_the_smallest_picture_named_fits_and_a_smaller_one_is_refused(build):
    least = LEAST[build]
    net = build(3, input_shape=(least, least + 3, 2), seed=0)
    assert net(np.zeros((2, least, least + 3, 2), np.float32)).shape == (2, 3)
    with pytest.raises(ValueError, match=f"input_shape is .* of {least} or more"):
        build(input_shape=(least - 1, least, 1))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"num_classes": 1}, "num_classes is 1; it needs an integer, 2 or more"),
        ({"num_classes": 2.5}, "num_classes is 2.5; it needs an integer"),
        ({"seed": -1}, "seed is -1; it needs an integer, 0 or more"),
        ({"seed": True}, "seed is True; it needs an integer"),
        ({"input_shape": (28, 28)}, r"input_shape is \(28, 28\); \(H, W, C\) fits"),
        ({"input_shape": 28}, r"input_shape is 28; \(H, W, C\) fits"),
        ({"hidden": (10, 0)}, "hidden is 0; it needs an integer, 1 or more"),
    ],
)
def test_a_wrong_argument_of_a_network_is_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        mlp(**wrong)


def test_hidden_may_be_one_number_or_none():
    assert mlp(hidden=7).count_params() == 784 * 7 + 7 + 7 * 10 + 10
    assert mlp(hidden=()).count_params() == 7850


# --- fit ---------------------------------------------------------------------------


def test_the_history_has_the_keys_and_lengths_of_the_course():
    seen = []
    x, y = small_set()
    history = fit(
        small(), x, y, epochs=3, val=(x, y), rng=0, on_epoch=lambda h: seen.append(h)
    )
    assert set(history) == KEYS
    assert {len(v) for v in history.values()} == {3}
    assert all(isinstance(v, float) for values in history.values() for v in values)
    assert np.all(np.diff(history["seconds"]) > 0)
    assert len(seen) == 3
    assert seen[0] is history


def test_without_val_its_lists_stay_empty():
    history = fit(small(), *small_set(), epochs=2)
    assert (history["val_loss"], history["val_accuracy"]) == ([], [])
    assert len(history["loss"]) == 2


def test_on_epoch_ends_the_training_by_returning_true():
    x, y = small_set()
    history = fit(small(), x, y, epochs=9, on_epoch=lambda h: len(h["loss"]) == 2)
    assert len(history["loss"]) == 2


def test_one_seed_gives_one_training_and_the_order_matters():
    runs = [fit(small(), *small_set(), epochs=2, batch=4, rng=s) for s in (5, 5, 6)]
    assert runs[0]["loss"] == runs[1]["loss"]
    assert runs[0]["loss"] != runs[2]["loss"]


def test_each_epoch_shows_every_picture_once():
    from cnncourse.keras_models.training import _Batches

    x, y = small_set(10)
    batches = _Batches(x, y, 4, 0)
    assert len(batches) == 3
    orders = []
    for _ in range(2):
        batches.on_epoch_begin()
        parts = [batches[i] for i in range(3)]
        assert [len(a) for a, _ in parts] == [4, 4, 2]
        for a, b in parts:
            for one, label in zip(a, b, strict=True):
                assert y[np.all(x == one, axis=(1, 2, 3))] == label
        orders.append(np.concatenate([a for a, _ in parts]).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(*map(np.sort, orders))
    assert not np.allclose(*orders)


def test_training_is_gradient_descent_over_all_pictures_in_the_order_of_the_seed():
    x, y = small_set(10)
    net = mlp(5, hidden=(), input_shape=(6, 7, 1), seed=0)
    w, b = (v.numpy().astype(float) for v in net.weights)
    losses, rng = [], np.random.default_rng(3)
    for _ in range(3):
        total, order = 0.0, rng.permutation(10)
        for rows in (order[:4], order[4:8], order[8:]):
            flat = x[rows].reshape(len(rows), -1).astype(float)  # (N, 42)
            loss, d_logits = cross_entropy(flat @ w + b, y[rows])
            total += loss * len(rows)
            w -= 0.1 * flat.T @ d_logits
            b -= 0.1 * d_logits.sum(axis=0)
        losses.append(total / 10)
    history = fit(net, x, y, epochs=3, batch=4, rng=3)  # SGD(0.1)
    np.testing.assert_allclose(net.weights[0].numpy(), w, atol=1e-6)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)


def test_importing_the_package_says_nothing_and_takes_tensorflow():
    code = "import cnncourse.keras_models, keras; print(keras.backend.backend())"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ("tensorflow\n", "")


def test_validation_pictures_are_only_looked_at():
    x, y = small_set()
    a, b = small(), small()
    fit(a, x, y, rng=0)
    history = fit(b, x, y, rng=0, val=(x[:7], y[:7]))
    for v, w in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(v.numpy(), w.numpy())
    logits = b(x[:7]).numpy()
    np.testing.assert_allclose(
        history["val_loss"], [cross_entropy(logits, y[:7])[0]], rtol=1e-5
    )
    share = np.mean(logits.argmax(axis=1) == y[:7])
    np.testing.assert_allclose(history["val_accuracy"], [share], rtol=1e-6)


def test_a_training_that_diverges_stops_and_says_so():
    x, y = small_set()
    sgd = keras.optimizers.SGD(1e30)
    with pytest.raises(ValueError, match=r"in epoch \d: the training diverged"):
        fit(small(), x, y, epochs=20, batch=5, optimiser=sgd)


X, Y = small_set(6)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"model": "net"}, "model is str; a keras.Model fits"),
        ({"epochs": 0}, "epochs is 0; it needs an integer, 1 or more"),
        ({"batch": 1.5}, "batch is 1.5; it needs an integer"),
        ({"optimiser": "adam"}, r"optimiser is 'adam'; keras.optimizers.Adam\(\) fits"),
        ({"y": Y[:5]}, r"shape \(6, 6, 7, 1\) and labels of shape \(5,\)"),
        ({"x": X[:0], "y": Y[:0]}, "N being 1 or more"),
        ({"x": X.transpose(0, 3, 1, 2)}, r"x.transpose\(0, 2, 3, 1\) moves"),
        ({"x": X[:, :5]}, r"this model takes \(N, 6, 7, 1\)$"),
        ({"x": (255 * X).astype(np.uint8)}, "pictures are uint8; float32"),
        ({"y": Y + 0.5}, "labels are float64"),
        ({"y": Y + 1}, "labels are int64 from 1 to 5; integers from 0 to 4 fit"),
        ({"val": X}, r"val is ndarray; a pair \(pictures, labels\) fits"),
        ({"val": (X[:2], Y[:3])}, "val: pictures of shape"),
    ],
)
def test_a_wrong_argument_of_fit_is_named(wrong, words):
    arguments = {"model": small(), "x": X, "y": Y} | wrong
    with pytest.raises(ValueError, match=words):
        fit(**arguments)


def test_gpus_are_counted_and_a_late_call_does_no_harm():
    import tensorflow as tf

    assert use_gpu_sparingly() == len(tf.config.list_physical_devices("GPU"))
