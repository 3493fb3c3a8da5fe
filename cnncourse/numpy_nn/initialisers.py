"""How weights start: arrays of random numbers, drawn with a stated spread.

The fan-in of a weight array is how many numbers one output adds up; the fan-out is
how many outputs one input goes to (at stride 1, away from the border). For weights
(K, C, R, S) of a convolution they are C*R*S and K*R*S, for (K, C) of a dense layer C
and K. All functions return float32.
"""

import math

import numpy as np

from ._checks import integer, real


def he(shape, rng=None):
    """Normal numbers with standard deviation sqrt(2 / fan_in), for layers with ReLU.

    ReLU sets about half of the sums to 0; the factor 2 makes up for that.

    Args:
        shape: Shape of the weights.
        rng: A seed or a ``numpy.random.Generator``.

    Returns:
        The weights, float32.

    Raises:
        ValueError: shape is neither (K, C) nor (K, C, R, S).

    Shapes:
        (K, C) or (K, C, R, S)

    Source:
        He, Zhang, Ren and Sun (2015), *Delving deep into rectifiers*, section 2.2.
    """
    fan_in, _ = _fans(shape)
    return normal(shape, rng, std=math.sqrt(2 / fan_in))


def glorot(shape, rng=None):
    """Uniform numbers up to sqrt(6 / (fan_in + fan_out)), also known as Xavier.

    Their variance is 2 / (fan_in + fan_out), a compromise between keeping the size
    of the signal forward and of the gradient backward, for tanh or linear layers.

    Arguments, result and errors as in ``he``.

    Shapes:
        (K, C) or (K, C, R, S)

    Source:
        Glorot and Bengio (2010), *Understanding the difficulty of training deep
        feedforward neural networks*, equation 16.
    """
    limit = math.sqrt(6 / sum(_fans(shape)))
    w = np.random.default_rng(rng).uniform(-limit, limit, size=shape)
    return w.astype(np.float32)


def normal(shape, rng=None, std=0.01):
    """Normal numbers with the standard deviation ``std``, whatever the fan-in.

    Arguments, result and errors as in ``he``; std must be 0 or more.

    Shapes:
        (K, C) or (K, C, R, S)

    Source:
        Krizhevsky, Sutskever and Hinton (2012), *ImageNet classification with deep
        convolutional neural networks*, section 5, with std 0.01.
    """
    _fans(shape)
    w = np.random.default_rng(rng).normal(size=shape)
    return (w * real("std", std, 0)).astype(np.float32)


def sparse(shape, rng=None, links=15):
    """Each output gets ``links`` weights that are not 0, standard normal numbers.

    So the size of an output's sum does not depend on how many inputs it has.

    Arguments, result and errors as in ``he``; links must fit into the fan-in.

    Shapes:
        (K, C) or (K, C, R, S)

    Source:
        Martens (2010), *Deep learning via Hessian-free optimization*, section 5.
    """
    fan_in, _ = _fans(shape)
    if integer("links", links, 1) > fan_in:
        raise ValueError(f"links is {links}; up to the fan-in, {fan_in}, fits")
    rng = np.random.default_rng(rng)
    w = np.zeros((shape[0], fan_in), np.float32)
    for row in w:
        row[rng.choice(fan_in, links, replace=False)] = rng.normal(size=links)
    return w.reshape(shape)


def _fans(shape):
    """(fan_in, fan_out) of weights of this shape."""
    if np.ndim(shape) != 1 or len(shape) not in (2, 4):
        raise ValueError(f"shape is {shape!r}; (K, C) or (K, C, R, S) fits")
    K, C, *kernel = (integer("shape", n, 1) for n in shape)
    return C * math.prod(kernel), K * math.prod(kernel)
