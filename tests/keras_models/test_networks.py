"""The networks for MNIST, Fashion-MNIST and CIFAR-10: facts, seeds, refusals."""

import sys

import numpy as np
import pytest

from cnncourse.keras_models import (
    cifar_cnn,
    fashion_cnn,
    fashion_mlp,
    fit,
    mnist_cnn,
    small_cnn,
    small_resnet,
)

import keras  # isort: skip  # after the package, which sets it up

PARAMETERS = {  # all, trainable
    mnist_cnn: (3_274_634, 3_274_634),
    small_cnn: (12_106, 12_042),
    fashion_mlp: (110_154, 109_770),
    fashion_cnn: (279_722, 278_890),
    cifar_cnn: (1_250_858, 1_250_858),
    small_resnet: (698_858, 696_618),
}
BY_LAYER = {  # parameters of the layers that have some
    mnist_cnn: [832, 51_264, 3_212_288, 10_250],
    small_cnn: [208, 3_216, 8_224, 128, 330],
    fashion_mlp: [100_480, 512, 8_256, 256, 650],
    cifar_cnn: [896, 9_248, 18_496, 36_928, 1_180_160, 5_130],
}
SHAPES = {  # where it changes
    mnist_cnn: "28x28x32 14x14x32 14x14x64 7x7x64 3136 1024 10",
    small_cnn: "24x24x8 12x12x8 8x8x16 4x4x16 256 32 10",
    fashion_mlp: "784 128 64 10",
    fashion_cnn: "28x28x32 14x14x32 14x14x64 7x7x64 7x7x128 128 10",
    cifar_cnn: "32x32x32 30x30x32 15x15x32 15x15x64 13x13x64 6x6x64 2304 512 10",
    small_resnet: "32x32x32 16x16x32 8x8x64 4x4x128 128 10",
}
LEAST = {mnist_cnn: 4, small_cnn: 16, fashion_cnn: 4, cifar_cnn: 10, small_resnet: 8}
every = pytest.mark.parametrize("build", PARAMETERS, ids=lambda f: f.__name__)


def noise(net, count=8):
    rng = np.random.default_rng(0)
    return rng.random((count, *net.input_shape[1:]), dtype=np.float32)


@every
def test_parameters_are_those_of_the_sources_and_of_the_docstring(build):
    net = build(seed=0)
    count = sum(int(np.prod(v.shape)) for v in net.trainable_variables)
    assert (net.count_params(), count) == PARAMETERS[build]
    docs = sys.modules[build.__module__].__doc__
    assert all(f"{n:,}" in docs for n in PARAMETERS[build])
    if build in BY_LAYER:
        found = [layer.count_params() for layer in net.layers]
        assert [n for n in found if n] == BY_LAYER[build]


@every
def test_shapes_are_those_of_the_sources(build):
    found = []
    for layer in build(seed=0).layers[1 if build is small_resnet else 0 :]:
        shape = "x".join(map(str, layer.output.shape[1:]))
        if "short" not in layer.name and shape not in found[-1:]:
            found.append(shape)
    assert " ".join(found) == SHAPES[build]


@every
def test_one_seed_gives_one_network_that_ends_in_logits(build):
    nets = [build(seed=s) for s in (3, 3, 4)]
    a, b, c = (net(10 * noise(net)).numpy() for net in nets)
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3
    assert a.min() < 0
    assert a.shape == (8, 10)


@pytest.mark.parametrize("build", [mnist_cnn, fashion_cnn, cifar_cnn])
def test_the_seed_decides_the_dropout_too(build):
    more = {"dropout": 0.5} if build is mnist_cnn else {}
    nets = [build(seed=s, **more) for s in (3, 3, 4)]
    nets[2].set_weights(nets[0].get_weights())
    a, b, c = (net(noise(net), training=True).numpy() for net in nets)
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3


@every
def test_a_few_pictures_are_learned_by_heart(build):
    small = {} if build in (small_cnn, fashion_mlp) else {"input_shape": (12, 12, 1)}
    small |= {"width": 8} if build is small_resnet else {}
    net = build(5, seed=0, **small)
    x, y = noise(net), np.arange(8) % 5
    many = np.tile(x, (40, 1, 1, 1)), np.tile(y, 40)  # an epoch of 40 steps
    adam = keras.optimizers.Adam(0.003)
    fit(net, *many, epochs=8, batch=8, optimiser=adam, rng=0)
    np.testing.assert_array_equal(net.predict(x, verbose=0).argmax(axis=1), y)


def test_mnist_cnn_starts_as_asked():
    for start, std in {"he": (2 / 25) ** 0.5, "glorot": (2 / 825) ** 0.5}.items():
        w, b = mnist_cnn(start=start, seed=0).weights[:2]
        assert abs(np.std(w) / std - 1) < 0.1, start
        assert np.ptp(b) == 0 == np.max(b)
    variables = mnist_cnn(start="source", seed=0).weights
    for w, b in zip(variables[::2], variables[1::2], strict=True):
        assert 0.08 < np.std(w) < 0.095  # truncated at two standard deviations
        assert np.abs(w).max() <= 0.2
        np.testing.assert_allclose(b, 0.1)


def test_dropout_of_mnist_cnn_is_a_layer_only_where_there_is_some():
    kinds = [type(layer).__name__ for layer in mnist_cnn(dropout=0.5).layers]
    assert kinds[-3:] == ["Dense", "Dropout", "Dense"]
    assert "Dropout" not in {type(layer).__name__ for layer in mnist_cnn().layers}


def test_a_residual_block_adds_what_came_in():
    net = small_resnet(width=4, seed=0)
    for v in net.get_layer("stage1_block2_conv2_norm").trainable_variables:
        v.assign(0 * v)  # now F(x) = 0
    ends = [net.get_layer(f"stage1_block{k}_relu2").output for k in (1, 2)]
    before, after = keras.Model(net.inputs[0], ends).predict(noise(net), verbose=0)
    np.testing.assert_allclose(before, after)
    assert before.max() > 0


def test_the_width_of_the_residual_network_sets_its_maps():
    net = small_resnet(width=5, seed=0)
    assert net.get_layer("stage3_block2_relu2").output.shape == (None, 4, 4, 20)


@pytest.mark.parametrize("build", LEAST, ids=lambda f: f.__name__)
def test_the_smallest_picture_named_fits_and_a_smaller_one_is_refused(build):
    least = LEAST[build]
    net = build(3, input_shape=(least, least + 3, 2), seed=0)
    assert net(np.zeros((2, least, least + 3, 2), np.float32)).shape == (2, 3)
    with pytest.raises(ValueError, match=f"input_shape is .* of {least} or more"):
        build(input_shape=(least - 1, least, 1))


@every
def test_a_wrong_number_is_named(build):
    with pytest.raises(ValueError, match="num_classes is 1; it needs an integer, 2"):
        build(num_classes=1)
    with pytest.raises(ValueError, match="seed is -1; it needs an integer"):
        build(seed=-1)


@pytest.mark.parametrize(
    ("build", "wrong", "words"),
    [
        (mnist_cnn, {"dropout": 1.0}, "dropout is 1.0; it needs a number from 0"),
        (mnist_cnn, {"dropout": "half"}, "dropout is 'half'; it needs a number"),
        (mnist_cnn, {"start": "xavier"}, "start is 'xavier'; one of glorot, he, sour"),
        (small_resnet, {"width": 0}, "width is 0; it needs an integer, 1 or more"),
    ],
)
def test_a_wrong_argument_is_named(build, wrong, words):
    with pytest.raises(ValueError, match=words):
        build(**wrong)
