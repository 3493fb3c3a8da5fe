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

import numpy as np

from . import _setup  # noqa: F401  before keras
from ._parts import SHAPE, conv, dense, integer, network, start_with

from keras import layers  # isort: skip


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
    draw = start_with(seed)
    units = tuple(hidden) if np.ndim(hidden) == 1 else (hidden,)
    steps = [dense(integer("hidden", n, 1), draw, "relu") for n in units]
    steps = [layers.Flatten(), *steps]
    return network("mlp", input_shape, 1, steps, num_classes, draw)


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
    draw = start_with(seed)
    steps = [
        conv(10, 3, draw),  # (N, 26, 26, 10)
        layers.MaxPooling2D(2),  # (N, 13, 13, 10)
        layers.Flatten(),  # (N, 1690)
        dense(1000, draw, "relu"),  # (N, 1000)
    ]
    return network("one_pool_cnn", input_shape, 4, steps, num_classes, draw)


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
    draw = start_with(seed)
    steps = [
        conv(32, 3, draw),  # (N, 26, 26, 32)
        layers.MaxPooling2D(2),  # (N, 13, 13, 32)
        conv(64, 3, draw),  # (N, 11, 11, 64)
        layers.MaxPooling2D(2),  # (N, 5, 5, 64)
        layers.Flatten(),  # (N, 1600)
        dense(1000, draw, "relu"),  # (N, 1000)
    ]
    return network("two_pool_cnn", input_shape, 10, steps, num_classes, draw)


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
    draw = start_with(seed)
    steps = [
        conv(32, 3, draw),  # (N, 26, 26, 32)
        layers.MaxPooling2D(2),  # (N, 13, 13, 32)
        conv(64, 3, draw),  # (N, 11, 11, 64)
        layers.MaxPooling2D(2),  # (N, 5, 5, 64)
        conv(128, 3, draw),  # (N, 3, 3, 128)
        layers.GlobalMaxPooling2D(),  # (N, 128)
    ]
    return network("global_pool_cnn", input_shape, 18, steps, num_classes, draw)
