"""Four networks that read small grey pictures, and differ in what they do with place.

With ten classes and pictures of 28 x 28 they have

===================  ==========  =====================================================
function             parameters  from the picture to the logits
===================  ==========  =====================================================
``mlp``                 795,010  784 numbers, dense 1000, dense 10
``one_pool_cnn``      1,701,110  10 kernels, pool, 1690 numbers, dense 1000, dense 10
``two_pool_cnn``      1,629,826  32 kernels, pool, 64 kernels, pool, 1600 numbers,
                                 dense 1000, dense 10
``global_pool_cnn``      93,962  32 kernels, pool, 64 kernels, pool, 128 kernels, the
                                 largest number of each map, dense 10
===================  ==========  =====================================================

All kernels are 3 x 3 without padding, all pools take the maximum of 2 x 2. The first
three keep track of place: after Flatten each place has weights of its own.
"""

import operator

import numpy as np

from . import _setup  # noqa: F401  before keras

import keras  # isort: skip
from keras import layers  # isort: skip

SHAPE = (28, 28, 1)


def mlp(num_classes=10, hidden=(1000,), input_shape=SHAPE, seed=None):
    """Dense layers only: every pixel has weights of its own in every unit.

    Args:
        num_classes: Number of classes.
        hidden: Units of the layers between picture and logits, in this order.
        input_shape: (H, W, C) of a picture.
        seed: An integer that decides the weights at the start, or None.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, H, W, C) -> (N, num_classes)

    Source:
        Taught on the page *Why dense networks fail when pictures move*.
    """
    draw = _starts(seed)
    units = tuple(hidden) if np.ndim(hidden) == 1 else (hidden,)
    dense = [_dense(_integer("hidden", n, 1), draw, "relu") for n in units]
    return _network(
        "mlp", input_shape, 1, [layers.Flatten(), *dense], num_classes, draw
    )


def one_pool_cnn(num_classes=10, input_shape=SHAPE, seed=None):
    """10 kernels, one max pooling, then two dense layers.

    Args:
        num_classes: Number of classes.
        input_shape: (H, W, C) of a picture, 4 x 4 or larger.
        seed: An integer that decides the weights at the start, or None.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 28, 28, 1) -> (N, 26, 26, 10) -> (N, 13, 13, 10) -> (N, 1690)
        -> (N, 1000) -> (N, num_classes)

    Source:
        Taught on the page *Why dense networks fail when pictures move*.
    """
    draw = _starts(seed)
    steps = [
        _conv(10, draw),  # (N, 26, 26, 10)
        layers.MaxPooling2D(2),  # (N, 13, 13, 10)
        layers.Flatten(),  # (N, 1690)
        _dense(1000, draw, "relu"),  # (N, 1000)
    ]
    return _network("one_pool_cnn", input_shape, 4, steps, num_classes, draw)


def two_pool_cnn(num_classes=10, input_shape=SHAPE, seed=None):
    """32 and 64 kernels, a max pooling after each, then two dense layers.

    Args:
        num_classes: Number of classes.
        input_shape: (H, W, C) of a picture, 10 x 10 or larger.
        seed: An integer that decides the weights at the start, or None.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 28, 28, 1) -> (N, 13, 13, 32) -> (N, 5, 5, 64) -> (N, 1600)
        -> (N, 1000) -> (N, num_classes)

    Source:
        Taught on the page *Why dense networks fail when pictures move*.
    """
    draw = _starts(seed)
    steps = [
        _conv(32, draw),  # (N, 26, 26, 32)
        layers.MaxPooling2D(2),  # (N, 13, 13, 32)
        _conv(64, draw),  # (N, 11, 11, 64)
        layers.MaxPooling2D(2),  # (N, 5, 5, 64)
        layers.Flatten(),  # (N, 1600)
        _dense(1000, draw, "relu"),  # (N, 1000)
    ]
    return _network("two_pool_cnn", input_shape, 10, steps, num_classes, draw)


def global_pool_cnn(num_classes=10, input_shape=SHAPE, seed=None):
    """32, 64 and 128 kernels; of each last map only its largest number is kept.

    Where in the map that number stood is forgotten: nothing after it knows a place.

    Args:
        num_classes: Number of classes.
        input_shape: (H, W, C) of a picture, 18 x 18 or larger.
        seed: An integer that decides the weights at the start, or None.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 28, 28, 1) -> (N, 13, 13, 32) -> (N, 5, 5, 64) -> (N, 3, 3, 128)
        -> (N, 128) -> (N, num_classes)

    Source:
        Taught on the page *Why dense networks fail when pictures move*.
    """
    draw = _starts(seed)
    steps = [
        _conv(32, draw),  # (N, 26, 26, 32)
        layers.MaxPooling2D(2),  # (N, 13, 13, 32)
        _conv(64, draw),  # (N, 11, 11, 64)
        layers.MaxPooling2D(2),  # (N, 5, 5, 64)
        _conv(128, draw),  # (N, 3, 3, 128)
        layers.GlobalMaxPooling2D(),  # (N, 128)
    ]
    return _network("global_pool_cnn", input_shape, 18, steps, num_classes, draw)


def _network(name, input_shape, least, steps, num_classes, draw):
    """The input, the steps and the logits in a row."""
    shape = tuple(input_shape) if np.ndim(input_shape) == 1 else ()
    if len(shape) != 3 or min(shape[:2]) < least or shape[2] < 1:
        raise ValueError(
            f"input_shape is {input_shape!r}; (H, W, C) fits, with H and W of "
            f"{least} or more"
        )
    logits = _dense(_integer("num_classes", num_classes, 2), draw)
    return keras.Sequential([keras.Input(shape), *steps, logits], name=name)


def _conv(kernels, draw):
    return layers.Conv2D(kernels, 3, activation="relu", kernel_initializer=draw())


def _dense(units, draw, activation=None):
    return layers.Dense(units, activation=activation, kernel_initializer=draw())


def _starts(seed):
    """A function that gives each layer a start of its own, all from one seed.

    Keras draws the weights after Glorot and Bengio unless told otherwise; so here.
    """
    rng = np.random.default_rng(None if seed is None else _integer("seed", seed, 0))
    return lambda: keras.initializers.GlorotUniform(int(rng.integers(2**31)))


def _integer(name, value, least):
    """The value as an int, or a ValueError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name} is {value!r}; it needs an integer, {least} or more")
    return number
