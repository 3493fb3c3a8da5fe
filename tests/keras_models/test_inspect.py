"""Looking inside Keras networks, against hand computations, loops and brute force."""

import contextlib
import doctest

import numpy as np
import pytest

from cnncourse.keras_models import inspect, small_cnn
from cnncourse.keras_models._maximise import _blurred, _gaussian
from cnncourse.keras_models._running import Run, _watched, leaves, run_model

import keras  # isort: skip  # after the package, which sets it up
import tensorflow as tf  # isort: skip
from keras import layers  # isort: skip

SHAPE, CLASSES = (9, 11, 2), 3
LABELS = [0, 1, 2, 0, 1]


def flat(head=None):
    """A network with what matters: a stride, normalisation, dropout, a pool."""
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 3, padding="same", name="conv_a"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Dropout(0.5, name="drop"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Conv2D(5, 2, activation="tanh", name="conv_b"),
            layers.Flatten(name="flat"),
            layers.Dense(CLASSES, activation=head, name="dense"),
        ]
    )
    rng = np.random.default_rng(1)
    return settle(net, rng)


def settle(net, rng):
    """Weights with biases and running statistics that are not 0 and 1."""
    for v in net.weights:
        if "seed" not in v.path:
            v.assign(rng.uniform(0.2, 0.8, v.shape) - 0.5 * ("variance" not in v.path))
    return net


def functional():
    net = flat()
    return keras.Model(net.inputs[0], net.outputs[0])


def in_a_list():
    net = flat()
    return keras.Model(net.inputs, net.outputs[0])


def nested():
    net = flat()
    body = keras.Sequential([keras.Input(SHAPE), *net.layers[:5]], name="body")
    head = keras.Sequential([keras.Input((4, 5, 4)), *net.layers[5:]], name="head")
    x = keras.Input(SHAPE)
    return keras.Model(x, head(body(x)))


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        net = flat()
        self.tail = net.layers[5:]  # defined first, runs last
        self.body = keras.Sequential(net.layers[:5], name="body")

    def call(self, x, training=False):
        x = self.body(x, training=training)
        for layer in self.tail:
            x = layer(x)
        return x


class WithoutTraining(Own):
    def call(self, x):
        x = self.body(x)
        for layer in self.tail:
            x = layer(x)
        return x


class Late(keras.Model):
    """Its layers come to be when it meets its first picture."""

    def build(self, shape):
        net = flat()
        self.body = keras.Sequential(net.layers[:5], name="body")
        self.tail = net.layers[5:]

    def call(self, x, training=False):
        return Own.call(self, x, training)


def in_a_dict():
    net = flat()
    x = keras.Input(SHAPE, name="picture")
    return keras.Model({"picture": x}, net(x))


KINDS = {
    "functional": functional,
    "a list of one input": in_a_list,
    "a dict of one input": in_a_dict,
    "nested": nested,
    "subclassed": Own,
    "subclassed, without training": WithoutTraining,
    "subclassed, built late": Late,
}


def answers(net, x):
    return net(x, training=False).numpy()


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(2).random((5, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def net():
    return flat()


def test_the_examples_are_true():
    assert doctest.testmod(inspect) == (0, 2)


# --- names and activations ------------------------------------------------------------


def test_names_stand_in_the_order_of_running(net, x):
    names = ["conv_a", "norm", "relu", "drop", "pool", "conv_b", "flat", "dense"]
    assert inspect.layer_names(net) == names
    body, head = [f"body/{n}" for n in names[:5]], [f"head/{n}" for n in names[5:]]
    assert inspect.layer_names(nested()) == body + head
    own = Own()
    assert set(inspect.layer_names(own)) == {*body, *names[5:]}  # it cannot run yet
    own(x)
    assert inspect.layer_names(own) == body + names[5:]


def test_activations_are_those_of_a_network_that_ends_at_the_layer(net, x):
    found = inspect.activations(net, x, batch=2)
    assert list(found) == inspect.layer_names(net)
    for name, a in found.items():
        part = keras.Model(net.inputs[0], net.get_layer(name).output)
        np.testing.assert_allclose(a, part(x, training=False), atol=1e-5)
    some = inspect.activations(net, x, ["pool", "conv_a"])
    assert list(some) == ["pool", "conv_a"]
    np.testing.assert_allclose(some["pool"], found["pool"], atol=1e-5)
    assert list(inspect.activations(net, x, "pool")) == ["pool"]


@pytest.mark.parametrize("build", KINDS.values(), ids=KINDS)
def test_every_kind_of_network_gives_what_the_flat_one_gives(build, net, x):
    other = build()  # a subclassed one has not run yet
    here, there = inspect.activations(net, x), inspect.activations(other, x)
    assert [name.split("/")[-1] for name in there] == list(here)
    for a, b in zip(here.values(), there.values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for look in (inspect.saliency, inspect.grad_cam, inspect.occlusion):
        a, b = (look(n, x, LABELS) for n in (net, other))
        np.testing.assert_allclose(a, b, atol=1e-5)
        assert a.max() > 0
    assert list(inspect.receptive_fields(other).values()) == list(
        inspect.receptive_fields(net).values()
    )
    if build in (nested, Own):
        a, b = (inspect.maximise(n, 1, steps=2, start=x[0]) for n in (net, other))
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_of_a_layer_that_runs_twice_the_last_call_counts(x):
    x = x[..., :1]
    conv = layers.Conv2D(1, 3, padding="same", name="twice", use_bias=False)
    i = keras.Input(x.shape[1:])
    once = conv(i)
    model = keras.Model(i, layers.GlobalAveragePooling2D(name="mean")(conv(once)))
    assert inspect.layer_names(model) == ["twice", "mean"]
    twice = conv(conv(x)).numpy()
    np.testing.assert_allclose(inspect.activations(model, x)["twice"], twice, atol=1e-6)
    cam = inspect.grad_cam(model, x, 0, resize=False)
    np.testing.assert_allclose(cam, np.maximum(twice[..., 0], 0) / 99, atol=1e-6)


def test_a_network_with_a_large_published_one_inside():
    keras.utils.set_random_seed(4)
    body = keras.applications.MobileNetV2(
        (64, 64, 3), alpha=0.35, include_top=False, weights=None
    )
    pool, dense = layers.GlobalAveragePooling2D(), layers.Dense(4)
    net = keras.Sequential([keras.Input((64, 64, 3)), body, pool, dense])
    x = np.random.default_rng(0).random((2, 64, 64, 3)).astype(np.float32)
    names = inspect.layer_names(net)
    inside = [f"{body.name}/{layer.name}" for layer in body.layers[1:]]
    assert set(names) == {*inside, pool.name, dense.name}
    assert names[-3:] == [f"{body.name}/out_relu", pool.name, dense.name]
    branch = "block_2_add"  # what two branches give
    part = keras.Model(body.inputs[0], body.get_layer(branch).output)
    found = inspect.activations(net, x, f"{body.name}/{branch}")
    wanted, got = part(x, training=False).numpy(), found[f"{body.name}/{branch}"]
    np.testing.assert_allclose(got, wanted, atol=1e-4 * np.abs(wanted).max())
    maps = body(x, training=False).numpy()  # (2, 2, 2, 1280)
    cam = np.maximum(maps @ dense.weights[0].numpy()[:, 1], 0) / 4
    found = inspect.grad_cam(net, x, 1, resize=False)
    np.testing.assert_allclose(found, cam, atol=1e-4 * cam.max())
    assert found.max() > 0
    assert inspect.saliency(net, x).shape == (2, 64, 64)


def branches(share):
    """Two convolutions beside each other; ``share`` of the right one counts."""
    keras.utils.set_random_seed(5)
    i = keras.Input(SHAPE)
    left = layers.Conv2D(2, 3, padding="same", name="left")(i)
    right = layers.Conv2D(3, 3, padding="same", name="right")(i)
    both = layers.Concatenate(name="both")([left, share * right])
    scores = layers.Dense(3)(layers.GlobalAveragePooling2D()(both))
    return keras.Model(i, scores)


def test_each_branch_of_a_network_has_maps_of_its_own(x):
    net = branches(0.5)
    found = inspect.activations(net, x)
    both = np.concatenate([found["left"], 0.5 * found["right"]], axis=3)
    np.testing.assert_allclose(found["both"], both, atol=1e-6)
    w = net.layers[-1].weights[0].numpy()[:, 2]  # (5,)
    parts = {"left": w[:2], "right": 0.5 * w[2:], "both": w}
    for name, weight in parts.items():
        cam = np.maximum(found[name] @ weight, 0) / 99
        got = inspect.grad_cam(net, x, 2, name, resize=False)
        np.testing.assert_allclose(got, cam, atol=1e-6)


def test_maps_that_no_score_rests_on_are_refused(x):
    i = keras.Input(SHAPE)
    used = layers.Dense(2)(layers.Flatten()(i))
    aside = layers.Conv2D(2, 3, name="aside")

    class Aside(keras.Model):
        def __init__(self):
            super().__init__()
            self.head, self.aside = keras.Model(i, used), aside

        def call(self, x):
            self.aside(x)
            return self.head(x)

    with pytest.raises(ValueError, match="layer is 'aside'; the scores do not depend"):
        inspect.grad_cam(Aside(), x, 0, "aside")


def test_maps_of_one_place_are_not_taken_unless_asked_for(x):
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="mean")
    conv = layers.Conv2D(4, 3, name="conv")
    net = sequence(conv, mean, layers.Flatten(), layers.Dense(3))
    a, b = (inspect.grad_cam(net, x, 0, n, False) for n in (None, "conv"))
    np.testing.assert_array_equal(a, b)
    assert inspect.grad_cam(net, x, 0, "mean", False).shape == (5, 1, 1)


def test_what_runs_in_a_loop_is_one_layer(x):
    steps = [layers.Reshape((9, 22)), layers.LSTM(3, name="lstm"), layers.Dense(2)]
    net = sequence(*steps)
    assert inspect.layer_names(net)[1] == "lstm"
    assert inspect.activations(net, x, "lstm")["lstm"].shape == (5, 3)
    assert inspect.saliency(net, x).max() > 0


def test_a_subclassed_network_is_not_bound_to_the_size_of_its_first_pictures(x):
    class AnySize(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.mean = layers.Conv2D(3, 3), layers.GlobalMaxPooling2D()

        def call(self, x):
            return self.mean(self.conv(x))

    net = AnySize()
    assert inspect.saliency(net, x).shape == (5, 9, 11)
    assert inspect.saliency(net, x[:, :7]).shape == (5, 7, 11)
    with pytest.raises(ValueError, match=r"takes \(N, H, W, 2\).*transpose"):
        inspect.saliency(net, x.transpose(0, 3, 1, 2))


def test_frozen_networks_and_lists_of_pictures_in_float64_are_fine(net, x):
    frozen = flat()
    frozen.trainable = False
    a = inspect.grad_cam(net, x, 0)
    np.testing.assert_allclose(inspect.grad_cam(frozen, x.astype(float), 0), a)


# --- saliency, Grad-CAM, occlusion ----------------------------------------------------


def test_saliency_is_the_slope_of_the_score(x):
    net = flat()
    net.pop()
    net.add(layers.Dense(CLASSES))
    labels, h = np.array([0, 1, 2, 0, 1]), 1e-3
    found = inspect.saliency(net, x, labels)
    assert found.shape == (5, 9, 11)
    assert found.dtype == np.float32
    for i, j in [(0, 0), (4, 5), (8, 9), (3, 10)]:
        slopes = []
        for c in range(2):
            up, down = x.copy(), x.copy()
            up[:, i, j, c] += h
            down[:, i, j, c] -= h
            d = answers(net, up) - answers(net, down)
            slopes.append(d[np.arange(5), labels] / (2 * h))
        np.testing.assert_allclose(
            found[:, i, j], np.abs(slopes).max(axis=0), atol=3e-3
        )


def test_saliency_of_a_linear_network_is_its_largest_weight(x):
    net = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(3)])
    w = net.weights[0].numpy().reshape(*SHAPE, 3)
    labels = [2, 0, 1, 1, 0]
    for found, label in zip(inspect.saliency(net, x, labels), labels, strict=True):
        np.testing.assert_allclose(found, np.abs(w[..., label]).max(axis=2), rtol=1e-6)


def test_grad_cam_of_a_network_that_takes_means_is_the_class_activation_map(x):
    keras.utils.set_random_seed(3)
    conv, dense = layers.Conv2D(6, 3, activation="relu"), layers.Dense(3)
    steps = [conv, layers.GlobalAveragePooling2D(), dense]
    net = keras.Sequential([keras.Input(SHAPE), *steps])
    maps, w = conv(x).numpy(), dense.weights[0].numpy()  # (N, 7, 9, 6), (6, 3)
    for label in range(3):
        cam = np.maximum(maps @ w[:, label], 0) / (7 * 9)
        assert (maps @ w[:, label]).min() < 0 < cam.max()
        found = inspect.grad_cam(net, x, label, resize=False)
        np.testing.assert_allclose(found, cam, atol=1e-6)
        wide = between(between(cam, 9, axis=1), 11, axis=2)
        np.testing.assert_allclose(inspect.grad_cam(net, x, label), wide, atol=1e-6)


def between(a, size, axis):
    """Stretched along one axis: each value stands in the middle of its stretch."""
    n = a.shape[axis]
    at = (np.arange(size) + 0.5) * n / size - 0.5
    return np.apply_along_axis(lambda v: np.interp(at, np.arange(n), v), axis, a)


def test_grad_cam_takes_the_last_maps_unless_told(net, x):
    last, conv = (inspect.grad_cam(net, x, 1, n, False) for n in (None, "conv_b"))
    np.testing.assert_array_equal(last, conv)
    assert inspect.grad_cam(net, x, 1, "conv_a", False).shape == (5, 9, 11)
    assert inspect.grad_cam(net, x, 1, "pool", False).shape == (5, 4, 5)


@pytest.mark.parametrize(("size", "stride", "value"), [(4, 2, 0.0), (3, 3, 0.5)])
def test_occlusion_is_what_loops_find(net, x, size, stride, value):
    labels = answers(net, x).argmax(axis=1)
    found = inspect.occlusion(net, x, None, size, stride, value, batch=7)
    assert found.shape == (5, (9 - size) // stride + 1, (11 - size) // stride + 1)
    places, covered = list(np.ndindex(found.shape)), []
    for n, i, j in places:
        one, top, left = x[n].copy(), i * stride, j * stride
        one[top : top + size, left : left + size] = value
        covered.append(one)
    e = np.exp(answers(net, np.stack(covered)))
    for (n, i, j), row in zip(places, e, strict=True):
        np.testing.assert_allclose(found[n, i, j], row[labels[n]] / row.sum(), 1e-4)
    assert np.ptp(found) > 0.01


def test_without_labels_the_answers_of_the_network_count(net, x):
    labels = answers(net, x).argmax(axis=1)
    assert labels.any()  # not all are class 0
    for look in (inspect.saliency, inspect.grad_cam, inspect.occlusion):
        a, b = look(net, x), look(net, x, labels)
        np.testing.assert_array_equal(a, b)


def test_pictures_do_not_touch_each_other_and_batches_change_nothing(net, x):
    for look in (inspect.saliency, inspect.grad_cam, inspect.occlusion):
        alone = np.concatenate([look(net, x[n : n + 1], LABELS[n]) for n in range(5)])
        np.testing.assert_allclose(look(net, x, LABELS, batch=2), alone, atol=1e-5)


ENDINGS = {  # (activation of the dense layer, layers after it)
    "activation": ("softmax", []),
    "function": (tf.nn.softmax, []),
    "operation": (keras.ops.softmax, []),
    "logarithm": ("log_softmax", []),
    "layer": (None, [layers.Softmax]),
    "activation layer": (None, [lambda: layers.Activation("softmax")]),
}


@pytest.mark.parametrize(("head", "more"), ENDINGS.values(), ids=ENDINGS)
def test_a_softmax_at_the_end_is_looked_behind(head, more, x):
    x = x[:2]
    soft, bare = flat(head), flat()
    for net in (soft, bare):
        net.layers[7].weights[0].assign(60 * net.layers[7].weights[0])  # very sure
    for layer in more:
        soft.add(layer())
    if head != "log_softmax":
        assert answers(soft, x).max() > 0.9999
    for look in (inspect.saliency, inspect.grad_cam, inspect.occlusion):
        a, b = look(soft, x, 1), look(bare, x, 1)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert inspect.saliency(soft, x).max() > 1
    name = inspect.layer_names(soft)[-1]
    shares = inspect.activations(soft, x)[name]
    np.testing.assert_allclose(shares, answers(soft, x), atol=1e-6)


# --- maximise -------------------------------------------------------------------------


def test_maximise_raises_the_score_and_the_mean_of_a_map():
    net = small_cnn(seed=0)
    grey = inspect.maximise(net, 3, steps=0)
    best = inspect.maximise(net, 3, steps=30)
    assert best.shape == (28, 28, 1)
    assert best.dtype == np.float32
    assert 0 <= best.min() < best.max() <= 1
    before, after = answers(net, np.stack([grey, best]))
    assert after[3] > before[3] + 1
    conv = inspect.layer_names(net)[2]
    k = inspect.activations(net, grey[None], conv)[conv].mean((0, 1, 2)).argmax()
    best = inspect.maximise(net, int(k), conv, steps=30)
    means = inspect.activations(net, np.stack([grey, best]), conv)[conv].mean((1, 2))
    assert means[1, k] > means[0, k] * 1.2 > 0


def test_maximise_gives_one_picture_for_one_seed(net):
    a, b, c = (inspect.maximise(net, 0, steps=2, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0.01


def test_a_step_of_maximise_is_the_formula():
    net = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(2)])
    g = net.weights[0].numpy()[:, 1].reshape(SHAPE)
    start = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    for jitter in (0, 3):  # one move there and back; a linear score has g everywhere
        found = inspect.maximise(
            net, 1, steps=1, lr=0.1, decay=0.2, blur=0, jitter=jitter, start=start
        )
        rolled = g
        if jitter:
            rng = np.random.default_rng(0)
            move = rng.integers(-jitter, jitter + 1, size=2)
            rolled = np.roll(g, -move, axis=(0, 1))
        x = start + 0.1 * rolled / np.sqrt(np.mean(g**2))
        x = start.mean() + 0.8 * (x - start.mean())
        np.testing.assert_allclose(found, np.clip(x, 0, 1), atol=1e-5)


def test_the_blur_keeps_the_mean_and_spreads_as_a_gaussian():
    x = np.zeros((21, 21, 1), np.float32)
    x[10, 10] = 1
    y = _blurred(x, _gaussian(1.5))[..., 0]
    np.testing.assert_allclose(y.sum(), 1, rtol=1e-6)
    i, j = np.mgrid[:21, :21] - 10
    gauss = np.exp(-(i**2 + j**2) / (2 * 1.5**2))
    inside = np.maximum(abs(i), abs(j)) <= 4
    np.testing.assert_allclose(y[inside], (gauss / gauss.sum())[inside], rtol=0.02)
    np.testing.assert_array_equal(_blurred(x, _gaussian(0)), x)
    np.testing.assert_allclose(_blurred(x + 1 - x, _gaussian(1.5)), 1, rtol=1e-6)


# --- receptive fields -----------------------------------------------------------------

ROWS = {
    "valid": [("conv", 3, 1, 1, "valid"), ("pool", 2, 2), ("conv", 5, 1, 1, "valid")],
    "same": [("conv", 5, 1, 1, "same"), ("pool", 2, 2), ("conv", 4, 1, 1, "same")],
    "strides": [("conv", 4, 2, 1, "same"), ("conv", 3, 2, 1, "same"), ("pool", 3, 1)],
    "dilation": [("conv", 3, 1, 2, "valid"), ("conv", 2, 1, 3, "same")],
    "pads": [("zeros", 2), ("conv", 3, 2, 1, "valid"), ("crop", 1), ("pool", 2, 2)],
}


def row(steps, size=20):
    """Positive weights and means in place of maxima: nothing cancels out."""
    net = keras.Sequential([keras.Input((size, size, 1))])
    for kind, *n in steps:
        if kind == "conv":
            net.add(
                layers.Conv2D(
                    1,
                    n[0],
                    n[1],
                    n[3],
                    dilation_rate=n[2],
                    kernel_initializer="ones",
                )
            )
        elif kind == "pool":
            net.add(layers.AveragePooling2D(n[0], n[1]))
        else:
            kinds = {"zeros": layers.ZeroPadding2D, "crop": layers.Cropping2D}
            net.add(kinds[kind](n[0]))
    return net


@pytest.mark.parametrize("kind", ROWS)
def test_fields_are_the_pixels_that_change_an_output(kind):
    steps, gaps, checked = ROWS[kind], kind == "dilation", 0
    net = row(steps)
    one_each = np.eye(400, dtype=np.float32).reshape(400, 20, 20, 1)
    outputs = inspect.activations(net, one_each, batch=400)
    for name, (size, jump, start) in inspect.receptive_fields(net).items():
        y = outputs[name][..., 0]  # (400, h, w): which pixel, which output
        seen = (y != 0).reshape(20, 20, *y.shape[1:])
        last = y.shape[1] - 1
        for i, j in [(0, 0), (0, last), (last, 1), (last // 2, last // 2)]:
            top, left = start + i * jump, start + j * jump
            if gaps and not (0 <= min(top, left) <= max(top, left) <= 20 - size):
                continue  # the outer pixels of the window may all lie in the padding
            if not (-size < min(top, left) <= max(top, left) < 20):
                assert not seen[:, :, i, j].any()  # all of it is padding
                continue
            for axis, first in ((1, top), (0, left)):
                pixels = np.flatnonzero(seen[:, :, i, j].any(axis=axis))
                assert pixels[0] == max(first, 0), (name, i, j)
                assert pixels[-1] == min(first + size, 20) - 1, (name, i, j)
                checked += 1
    assert checked >= 2 * len(steps)


def test_fields_of_the_small_network_are_those_counted_by_hand():
    found = list(inspect.receptive_fields(small_cnn(seed=0)).values())
    assert found == [(5, 1, 0.0), (6, 2, 0.0), (14, 2, 0.0), (16, 4, 0.0)]


def test_fields_end_where_places_end(net):
    found = inspect.receptive_fields(net)
    assert list(found) == inspect.layer_names(net)[:6]
    assert found["pool"] == (4, 2, -1.0)
    assert found["drop"] == found["conv_a"] == (3, 1, -1.0)


def test_layers_that_do_nothing_in_prediction_keep_the_field():
    moved = layers.RandomTranslation(0.1, 0.1, name="moved")
    net = sequence(moved, layers.SpatialDropout2D(0.1), layers.Conv2D(2, 3))
    found = list(inspect.receptive_fields(net).values())
    assert found == [(1, 1, 0.0), (1, 1, 0.0), (3, 1, 0.0)]


def test_networks_of_half_precision_are_fine(x):
    conv = layers.Conv2D(4, 3, dtype="mixed_bfloat16", name="conv")
    net = sequence(conv, layers.ReLU(), layers.Flatten(), layers.Dense(3))
    assert [f[0] for f in inspect.receptive_fields(net).values()] == [3, 3]
    assert {a.dtype.name for a in inspect.activations(net, x).values()} == {"float32"}
    for look in (inspect.saliency, inspect.grad_cam, inspect.occlusion):
        assert look(net, x).dtype == np.float32
        assert look(net, x).max() > 0
    assert inspect.maximise(net, 1, "conv", steps=1).dtype == np.float32


def branch():
    x = keras.Input(SHAPE)
    y = layers.Conv2D(2, 3, padding="same", name="left")(x)
    y = layers.ReLU(name="late")(layers.Add(name="add")([x, y]))
    return keras.Model(x, layers.GlobalMaxPooling2D()(y))


def cut():
    x = keras.Input(SHAPE)
    return keras.Model(x, layers.Conv2D(2, 3, name="late")(x[:, 1:]))


def sequence(*steps, shape=SHAPE):
    return keras.Sequential([keras.Input(shape), *steps])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (branch(), "layer 'add' does not take what 'left' before it gives"),
        (cut(), "layer 'late' does not take the picture"),
        (sequence(layers.Conv2D(1, (3, 2), name="c")), "'c' has another window"),
        (
            sequence(layers.Conv2DTranspose(1, 3, name="up")),
            "'up' is a Conv2DTranspose; convolutions, pools",
        ),
        (sequence(layers.Conv2D(1, 3), shape=(None, None, 1)), "of any size"),
    ],
)
def test_a_network_without_plain_fields_is_refused(model, words):
    with pytest.raises(ValueError, match=words):
        inspect.receptive_fields(model)


# --- the network stays as it was; refusals --------------------------------------------


def test_afterwards_the_network_is_as_it_was(x):
    net = flat("softmax")
    before = [v.numpy() for v in net.weights]
    dicts = [set(layer.__dict__) for layer in net.layers]
    activation, call = net.layers[-1].activation, type(net.layers[0]).call
    inspect.grad_cam(net, x)
    inspect.maximise(net, 0, steps=2)
    with pytest.raises(ValueError, match="labels are from 7"):
        inspect.saliency(net, x, 7)
    assert [set(layer.__dict__) for layer in net.layers] == dicts
    assert net.layers[-1].activation is activation
    assert net.layers[0].call.__func__ is call
    for v, w in zip(net.weights, before, strict=True):
        np.testing.assert_array_equal(v.numpy(), w)


def test_an_error_in_the_network_leaves_no_wrapper_either():
    net = flat("softmax")
    dicts = [set(layer.__dict__) for layer in net.layers]
    with contextlib.suppress(ZeroDivisionError), _watched(leaves(net), Run(), None):
        assert "call" in net.layers[0].__dict__
        raise ZeroDivisionError
    assert [set(layer.__dict__) for layer in net.layers] == dicts
    with pytest.raises(Exception, match="conv_a"):
        run_model(net, np.zeros((1, 9, 11, 5), np.float32))
    assert [set(layer.__dict__) for layer in net.layers] == dicts


X = np.zeros((2, *SHAPE), np.float32)


@pytest.mark.parametrize(
    ("look", "wrong", "words"),
    [
        ("saliency", {"model": "net"}, "model is str; a keras.Model fits"),
        (
            "saliency",
            {"x": X.transpose(0, 3, 1, 2)},
            r"x has shape \(2, 2, 9, 11\); this model takes \(N, 9, 11, 2\).*"
            r"x.transpose\(0, 2, 3, 1\)",
        ),
        ("activations", {"x": X[0]}, r"x\[np.newaxis\] makes one picture a batch"),
        ("grad_cam", {"x": X[:0]}, "N being 1 or more"),
        ("saliency", {"x": X.astype(int)}, "x is int64; float32 fits"),
        ("saliency", {"labels": [0, 3]}, "labels are from 0 to 3; integers from 0 to"),
        ("saliency", {"labels": [0, -1]}, "labels are from -1 to 0; integers"),
        ("occlusion", {"labels": 3}, "labels are from 3 to 3; integers from 0 to 2"),
        ("grad_cam", {"labels": [0.5, 1]}, "labels are float64 of shape"),
        ("grad_cam", {"labels": [0, 1, 2]}, r"of shape \(3,\); \(2,\) integers fit"),
        ("grad_cam", {"layer": "conv_c"}, "'conv_c'.* near to it: conv_"),
        ("activations", {"layers": ["norn"]}, "layer is 'norn'.* near to it: norm"),
        (
            "grad_cam",
            {"layer": "flat"},
            r"'flat', which gives \(N, 60\).* fits, such as 'conv_b'",
        ),
        ("occlusion", {"size": 10}, "size is 10; 1 to 9 fits pictures 9 x 11"),
        ("occlusion", {"stride": 0}, "stride is 0; it needs an integer, 1 or more"),
        ("occlusion", {"value": "grey"}, "value is 'grey'; it needs a number"),
        ("activations", {"batch": 0}, "batch is 0; it needs an integer, 1 or more"),
        ("maximise", {"index": 3}, "index is 3; 0 to 2 fits the classes"),
        ("maximise", {"layer": "pool", "index": 4}, "0 to 3 fits the maps or units"),
        ("maximise", {"layer": "poll"}, "layer is 'poll'.* near to it: pool"),
        ("maximise", {"lr": -1}, "lr is -1; it needs a number of 0 or more"),
        ("maximise", {"decay": 2}, "decay is 2; 0 to 1 fits"),
        ("maximise", {"start": X}, "x has shape"),
        ("maximise", {"start": X[0] + 2}, "start is from 2.0 to 2.0; 0 to 1 fits"),
    ],
)
def test_a_wrong_argument_is_named(look, wrong, words, net):
    arguments = {"model": net}
    arguments |= {"index": 0} if look == "maximise" else {"x": X}
    with pytest.raises(ValueError, match=words):
        getattr(inspect, look)(**arguments | wrong)


def test_networks_of_another_kind_are_refused():
    a, b = keras.Input(SHAPE), keras.Input(SHAPE)
    two = keras.Model([a, b], layers.Add()([a, b]))
    with pytest.raises(ValueError, match="has several inputs; one input fits"):
        inspect.layer_names(two)
    vectors = sequence(layers.Dense(2), shape=(5,))
    with pytest.raises(ValueError, match="one that takes pictures"):
        inspect.saliency(vectors, X)
    one = sequence(layers.Flatten(), layers.Dense(1))
    with pytest.raises(ValueError, match="gives 1 score; a share needs 2 classes"):
        inspect.occlusion(one, X)
    maps = sequence(layers.Conv2D(2, 3))
    with pytest.raises(ValueError, match=r"gives shape .*; \(N, classes\) fits"):
        inspect.saliency(maps, X)
    dense = sequence(layers.Flatten(), layers.Dense(2))
    with pytest.raises(ValueError, match="no layer that gives maps"):
        inspect.grad_cam(dense, X)
    anything = sequence(layers.Conv2D(2, 3), shape=(None, None, 2))
    with pytest.raises(ValueError, match="start is None"):
        inspect.maximise(anything, 0, layer=inspect.layer_names(anything)[0])
