"""Twins of two Keras networks of the course, for pictures (N, C, H, W).

With ten classes and pictures of 28 x 28 ``mnist_cnn`` has 3,274,634 parameters and
``small_cnn`` 12,042. Both end in logits. Weights are copied between the twins with one
thing in mind: Flatten lays out (C, H, W) here and (H, W, C) there.
"""

import math

import numpy as np
import torch
from torch import nn

from ._running import integer

SHAPE = (1, 28, 28)


@torch.random.fork_rng(devices=[])  # its seed stays as it is
def mnist_cnn(num_classes=10, input_shape=SHAPE, dropout=0.0, seed=None):
    """Two layers of 5 x 5 kernels, each with a pool, then a wide linear layer.

    Args:
        num_classes: Number of classes.
        input_shape: (C, H, W) of a picture, 4 x 4 or larger.
        dropout: Share of the 1024 numbers that is set to 0 in each training step.
        seed: An integer that decides the weights at the start (He's), or None.

    Returns:
        An ``nn.Sequential``.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 1, 28, 28) -> (N, 32, 28, 28) -> (N, 32, 14, 14) -> (N, 64, 14, 14)
        -> (N, 64, 7, 7) -> (N, 3136) -> (N, 1024) -> (N, num_classes)

    Source:
        TensorFlow 1, tutorial *Deep MNIST for Experts*.
    """
    C, H, W = _shape(input_shape, 4)
    number = isinstance(dropout, (int, float)) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout!r}; it needs a number from 0 to below 1")
    net = nn.Sequential(
        nn.Conv2d(C, 32, 5, padding=2),  # (N, 32, 28, 28)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 14, 14)
        nn.Conv2d(32, 64, 5, padding=2),  # (N, 64, 14, 14)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 7, 7)
        nn.Flatten(),  # (N, 3136)
        nn.Linear(64 * (H // 4) * (W // 4), 1024),  # (N, 1024)
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(1024, integer("num_classes", num_classes, 2)),
    )
    return _started(net, seed)


@torch.random.fork_rng(devices=[])  # its seed stays as it is
def small_cnn(num_classes=10, input_shape=SHAPE, seed=None):
    """The network of the page *A CNN in NumPy*, layer by layer.

    Args:
        num_classes: Number of classes.
        input_shape: (C, H, W) of a picture, 16 x 16 or larger.
        seed: An integer that decides the weights at the start (He's), or None.

    Returns:
        An ``nn.Sequential``.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 1, 28, 28) -> (N, 8, 24, 24) -> (N, 8, 12, 12) -> (N, 16, 8, 8)
        -> (N, 16, 4, 4) -> (N, 256) -> (N, 32) -> (N, num_classes)

    Source:
        Taught on the page *A CNN in NumPy*, in NumPy.
    """
    C, H, W = _shape(input_shape, 16)
    h, w = (((n - 4) // 2 - 4) // 2 for n in (H, W))
    net = nn.Sequential(
        nn.Conv2d(C, 8, 5),  # (N, 8, 24, 24)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 8, 12, 12)
        nn.Conv2d(8, 16, 5),  # (N, 16, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 4, 4)
        nn.Flatten(),  # (N, 256)
        nn.Linear(16 * h * w, 32),  # (N, 32)
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Linear(32, integer("num_classes", num_classes, 2)),
    )
    return _started(net, seed)


def _started(net, seed):
    """Weights after He et al. (2015), biases 0; PyTorch's own seed stays as it is."""
    rng = torch.Generator()
    if seed is None:
        rng.seed()
    else:
        rng.manual_seed(integer("seed", seed, 0))
    for part in net:
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            std = math.sqrt(2 / part.weight[0].numel())
            nn.init.normal_(part.weight, 0.0, std, generator=rng)
            nn.init.zeros_(part.bias)
    return net


def _shape(input_shape, least):
    shape = tuple(input_shape) if np.ndim(input_shape) == 1 else ()
    if len(shape) != 3 or min(shape[1:]) < least or shape[0] < 1:
        raise ValueError(
            f"input_shape is {input_shape!r}; (C, H, W) fits, with H and W of "
            f"{least} or more"
        )
    return shape
