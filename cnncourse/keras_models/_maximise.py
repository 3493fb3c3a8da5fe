"""Draws the picture that a class or a feature map answers to most."""

import numpy as np

from . import _setup  # noqa: F401  before keras
from ._parts import integer
from ._running import (
    check_layer,
    check_model,
    check_pictures,
    input_shape,
    real,
    run_model,
)

import tensorflow as tf  # isort: skip


def maximise(
    model,
    index,
    layer=None,
    steps=100,
    lr=0.05,
    decay=0.01,
    blur=0.4,
    jitter=1,
    seed=0,
    start=None,
):
    """Changes a picture step by step so that one number in the network grows.

    That number S is the score of a class, or the mean of one map of a layer. A step
    is gradient ascent with a gradient of fixed length, and three things that keep the
    picture from becoming noise that only this network sees:

        x = x + lr g / sqrt(mean(g^2)),  g = dS/dx of the picture, moved by jitter
        x = m + (1 - decay) (x - m),     m = mean of the start
        x = x blurred, then cut to 0..1

    Where g is 0 (a map after a ReLU that is silent for the whole picture) the picture
    cannot grow: another seed or start, or the layer before the ReLU, can.

    Args:
        model: Any Keras network of pictures from 0 to 1.
        index: Which class, map or unit.
        layer: A name as in ``layer_names``; None means the score of a class.
        steps: How many steps.
        lr: How far the pixels move in one step, on average (root mean square).
        decay: Share of the distance to m that is taken back in each step.
        blur: Standard deviation of the Gaussian blur after each step, in pixels; 0
            for none.
        jitter: The picture is moved by up to so many pixels, round the border, before
            each gradient is taken, and back after it.
        seed: An integer that decides the noise at the start, and the jitter.
        start: The picture to start from, (H, W, C); None means grey with a little
            noise.

    Returns:
        The picture, float32, 0 to 1.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        -> (H, W, C)

    Source:
        Erhan, Bengio, Courville and Vincent (2009), *Visualizing higher-layer
        features of a deep network*; blur and decay after Yosinski et al. (2015),
        *Understanding neural networks through deep visualization*, section 3. Taught
        on the page *Looking inside a network*.
    """
    check_model(model)
    steps, jitter = integer("steps", steps, 0), integer("jitter", jitter, 0)
    lr, blur = real("lr", lr, 0), real("blur", blur, 0)
    if real("decay", decay, 0) > 1:
        raise ValueError(f"decay is {decay!r}; 0 to 1 fits")
    rng = np.random.default_rng(integer("seed", seed, 0))
    x = _start(model, start, rng)
    middle, kernel = x.mean(), _gaussian(blur)
    index = _check_index(model, x, layer, index)
    gradient = _gradient(model, layer, index)
    for _ in range(steps):
        move = tuple(rng.integers(-jitter, jitter + 1, size=2))
        g = gradient(tf.constant(np.roll(x, move, axis=(0, 1)))).numpy()
        g = np.roll(g, (-move[0], -move[1]), axis=(0, 1))
        x = x + lr * g / (np.sqrt(np.mean(g**2)) + 1e-12)
        x = middle + (1 - decay) * (x - middle)
        x = np.clip(_blurred(x, kernel), 0, 1).astype(np.float32)
    return x


def _start(model, start, rng):
    """The first picture, (H, W, C)."""
    shape = input_shape(model)
    if start is not None:
        x = check_pictures(model, np.asarray(start)[np.newaxis])[0]
        if x.min() < 0 or x.max() > 1:
            raise ValueError(f"start is from {x.min()} to {x.max()}; 0 to 1 fits")
        return x
    if shape is None or None in shape[1:]:
        raise ValueError(
            f"start is None; model {model.name!r} does not know the size of its "
            "pictures, so a picture (H, W, C) fits"
        )
    return rng.normal(0.5, 0.05, size=shape[1:]).clip(0, 1).astype(np.float32)


def _goal(model, x, layer):
    """What is to grow: one number for each class, map or unit, (K,)."""
    run = run_model(model, x, keep=() if layer is None else (layer,))
    y = run.logits if layer is None else run.outputs[layer]
    return tf.reduce_mean(tf.reshape(y, (-1, y.shape[-1])), axis=0)


def _check_index(model, x, layer, index):
    x = tf.constant(x[np.newaxis])
    if layer is not None:
        check_layer(list(run_model(model, x).outputs), layer)
    count, number = len(_goal(model, x, layer)), integer("index", index, 0)
    if number >= count:
        where = "classes" if layer is None else f"maps or units of layer {layer!r}"
        raise ValueError(f"index is {index}; 0 to {count - 1} fits the {where}")
    return number


def _gradient(model, layer, index):
    """A function from a picture (H, W, C) to d goal / d picture."""

    @tf.function  # as a graph: the gradients of the weights are then left out
    def gradient(x):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            goal = _goal(model, x[tf.newaxis], layer)[index]
        dx = tape.gradient(goal, x)
        if dx is None:
            raise ValueError(f"layer is {layer!r}; it does not depend on x smoothly")
        return dx

    return gradient


def _gaussian(sigma):
    """Weights of a blur along one axis; their sum is 1."""
    reach = int(np.ceil(3 * sigma))
    if reach == 0:
        return np.ones(1)
    w = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return w / w.sum()


def _blurred(x, kernel):
    """The picture blurred in height and width; at the border the edge goes on."""
    reach = len(kernel) // 2
    for axis in (0, 1):
        pads = [(reach, reach) if a == axis else (0, 0) for a in range(3)]
        wide, n = np.pad(x, pads, mode="edge"), x.shape[axis]
        x = sum(w * wide.take(range(i, i + n), axis=axis) for i, w in enumerate(kernel))
    return x
