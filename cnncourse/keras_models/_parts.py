"""What the networks share: layers with a seeded start, and checks of arguments."""

import operator

import numpy as np

from . import _setup  # noqa: F401  before keras

import keras  # isort: skip
from keras import layers  # isort: skip

SHAPE = (28, 28, 1)
STARTS = ("glorot", "he", "source")


def start_with(seed, start="glorot"):
    """Gives each layer a start of its own, all from one seed.

    Args:
        seed: An integer that decides everything random in the network, or None.
        start: "glorot", which is what Keras does unless told otherwise; "he", for
            layers with ReLU; "source", truncated normal numbers with standard
            deviation 0.1 and all biases 0.1.

    Returns:
        A function without arguments: each call gives an initializer for a kernel. Its
        attribute ``seed`` is a function that gives an integer (for dropout), its
        attribute ``bias`` the name or object that starts a bias.

    Raises:
        ValueError: seed is no integer of 0 or more, or start is none of the three.
    """
    rng = np.random.default_rng(None if seed is None else integer("seed", seed, 0))
    if start not in STARTS:
        raise ValueError(f"start is {start!r}; one of {', '.join(STARTS)} fits")
    kinds = {
        "glorot": keras.initializers.GlorotUniform,
        "he": keras.initializers.HeNormal,
        "source": lambda seed: keras.initializers.TruncatedNormal(0.0, 0.1, seed),
    }

    def draw():
        return kinds[start](seed=draw.seed())

    draw.seed = lambda: int(rng.integers(2**31))
    draw.bias = keras.initializers.Constant(0.1) if start == "source" else "zeros"
    return draw


def conv(kernels, size, draw, padding="valid", activation="relu", **more):
    """A convolution with a seeded start."""
    return layers.Conv2D(
        kernels,
        size,
        padding=padding,
        activation=activation,
        kernel_initializer=draw(),
        bias_initializer=draw.bias,
        **more,
    )


def dense(units, draw, activation=None, **more):
    """A dense layer with a seeded start."""
    return layers.Dense(
        units,
        activation=activation,
        kernel_initializer=draw(),
        bias_initializer=draw.bias,
        **more,
    )


def shape_of(input_shape, least):
    """The shape as a tuple, or a ValueError that says how small it may be."""
    shape = tuple(input_shape) if np.ndim(input_shape) == 1 else ()
    if len(shape) != 3 or min(shape[:2]) < least or shape[2] < 1:
        raise ValueError(
            f"input_shape is {input_shape!r}; (H, W, C) fits, with H and W of "
            f"{least} or more"
        )
    return shape


def network(name, input_shape, least, steps, num_classes, draw):
    """The input, the steps and the logits in a row."""
    shape = shape_of(input_shape, least)
    logits = dense(integer("num_classes", num_classes, 2), draw)
    return keras.Sequential([keras.Input(shape), *steps, logits], name=name)


def share(name, value):
    """The value as a float from 0 to less than 1, or a ValueError."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value < 1:
        raise ValueError(f"{name} is {value!r}; it needs a number from 0 to below 1")
    return float(value)


def integer(name, value, least):
    """The value as an int, or a ValueError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name} is {value!r}; it needs an integer, {least} or more")
    return number
