"""Twins in Keras, PyTorch and NumPy: equal weights, equal answers, equal pictures.

This file has TensorFlow and PyTorch in one process, and runs in a process of its own.
"""

import numpy as np
import pytest
import torch

from cnncourse import keras_models, numpy_nn, torch_models
from cnncourse.keras_models import inspect as look_keras
from cnncourse.torch_models import inspect as look_torch
from experiments.numpy_cnn import network

RNG = np.random.default_rng(0)
X = RNG.random((6, 1, 28, 28), dtype=np.float32)
LABELS = np.array([3, 1, 4, 1, 5, 9])
LAST_MAPS = {"small_cnn": (16, 4, 4), "mnist_cnn": (64, 7, 7)}  # before Flatten
ORDER = {  # the modules of PyTorch that give what the layers of Keras give
    "small_cnn": [1, 2, 4, 5, 6, 7, 8, 9, 10],
    "mnist_cnn": [1, 2, 4, 5, 6, 8, 10],
}


def hwc(x):
    return x.transpose(0, 2, 3, 1)


def copied(theirs, ours, maps):
    """Copies the weights of a Keras network into its twin in PyTorch."""
    parts = [p for p in ours if list(p.parameters())]
    layers = [layer for layer in theirs.layers if layer.weights]
    after_flatten = True
    for part, layer in zip(parts, layers, strict=True):
        arrays = [v.numpy() for v in layer.weights]
        if isinstance(part, torch.nn.Conv2d):
            arrays[0] = arrays[0].transpose(3, 2, 0, 1)  # (R, S, C, K) -> (K, C, R, S)
        elif isinstance(part, torch.nn.Linear):
            w = arrays[0].T  # (K, inputs)
            if after_flatten:  # its inputs are (H, W, C) there and (C, H, W) here
                C, H, W = maps
                w = w.reshape(-1, H, W, C).transpose(0, 3, 1, 2).reshape(len(w), -1)
                after_flatten = False
            arrays[0] = w
        names = ["weight", "bias", "running_mean", "running_var"]
        for name, a in zip(names, arrays, strict=False):
            getattr(part, name).data.copy_(torch.tensor(np.ascontiguousarray(a)))
    return ours.eval()


@pytest.fixture(scope="module", params=LAST_MAPS)
def twins(request):
    return request.param, *pair(request.param)


def pair(name):
    """A network with biases and statistics that are not 0 and 1, and its twin."""
    theirs = getattr(keras_models, name)(seed=0)
    rng = np.random.default_rng(1)
    for v in theirs.weights:
        if v.path.endswith(("bias", "mean", "beta")):
            v.assign(rng.normal(0, 0.1, v.shape))
        elif v.path.endswith(("variance", "gamma")):
            v.assign(rng.uniform(0.5, 1.5, v.shape))
    ours = getattr(torch_models, name)(seed=1)
    return theirs, copied(theirs, ours, LAST_MAPS[name])


def in_numpy(ours):
    """The network of the page in NumPy, with the weights of that in PyTorch."""
    net = network(0)
    layers = [layer for layer in net.layers if layer.params]
    parts = [part for part in ours if list(part.parameters())]
    for layer, part in zip(layers, parts, strict=True):
        layer.params["w"][:] = part.weight.detach().numpy()
        layer.params["b"][:] = part.bias.detach().numpy()
        if hasattr(layer, "running"):
            layer.running["mean"][:] = part.running_mean.numpy()
            layer.running["var"][:] = part.running_var.numpy()
    return net


def test_logits_are_equal(twins):
    _, theirs, ours = twins
    with torch.no_grad():
        y = ours(torch.tensor(X)).numpy()
    np.testing.assert_allclose(theirs(hwc(X), training=False), y, atol=1e-5)
    assert np.ptp(y) > 0.1


def test_activations_are_equal(twins):
    name, theirs, ours = twins
    there, here = (
        look_keras.activations(theirs, hwc(X)),
        look_torch.activations(ours, X),
    )
    here = [here[str(i)] for i in ORDER[name]]
    for a, b in zip(there.values(), here, strict=True):
        if b.ndim == 4:
            b = hwc(b)
        if b.shape[1] in (256, 3136) and b.ndim == 2:  # Flatten has another order
            a, b = np.sort(a), np.sort(b)
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("look", ["saliency", "grad_cam", "occlusion"])
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "answers"])
def test_what_the_answer_rests_on_is_equal(twins, look, labels):
    _, theirs, ours = twins
    x = X[:2] if look == "occlusion" else X
    labels = None if labels is None else labels[: len(x)]
    more = {"size": 8, "stride": 5} if look == "occlusion" else {}
    a = getattr(look_keras, look)(theirs, hwc(x), labels, **more)
    b = getattr(look_torch, look)(ours, x, labels, **more)
    assert a.max() > 0
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_maximise_draws_the_same_picture(twins):
    _, theirs, ours = twins
    a = look_keras.maximise(theirs, 3, steps=5)
    b = look_torch.maximise(ours, 3, steps=5, input_shape=(1, 28, 28))
    np.testing.assert_allclose(a.transpose(2, 0, 1), b, atol=2e-3)


def test_receptive_fields_are_equal(twins):
    name, theirs, ours = twins
    there = look_keras.receptive_fields(theirs)
    here = look_torch.receptive_fields(ours, (1, 28, 28))
    here = [here[str(i)] for i in ORDER[name][: len(there)]]
    assert list(there.values()) == here


def test_the_small_network_is_that_of_the_page_in_numpy():
    theirs, ours = pair("small_cnn")
    net = in_numpy(ours)
    there = theirs(hwc(X), training=False).numpy()
    np.testing.assert_allclose(net.forward(X), there, atol=1e-5)
    count = sum(int(np.prod(v.shape)) for v in theirs.trainable_variables)
    assert net.parameters() == count == sum(p.numel() for p in ours.parameters())


@pytest.mark.parametrize("name", LAST_MAPS)
def test_training_goes_the_same_way(name):
    theirs, ours = pair(name)
    x, y = RNG.random((16, 1, 28, 28), dtype=np.float32), np.arange(16) % 10
    how = {"epochs": 2, "batch": 6, "rng": 5}  # SGD(0.1), in one order of pictures
    found = [
        keras_models.fit(theirs, hwc(x), y, val=(hwc(x), y), **how),
        torch_models.fit(ours, x, y, val=(x, y), **how),
    ]
    if name == "small_cnn":
        net = in_numpy(pair(name)[1])
        found.append(numpy_nn.fit(net, x, y, val=(x, y), **how))
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for key in ("loss", "accuracy"):
            np.testing.assert_allclose(other[key], found[0][key], rtol=1e-3)
    assert np.ptp(found[0]["loss"]) > 0.1
    # the running variance divides by the count in Keras, elsewhere by the count less 1
    loose = 1e-3 if name == "mnist_cnn" else 0.1
    np.testing.assert_allclose(found[1]["val_loss"], found[0]["val_loss"], rtol=loose)
