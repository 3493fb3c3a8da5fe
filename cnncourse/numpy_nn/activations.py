"""Functions that bend: applied to each number by itself; and softmax.

Each function has a ``_backward`` that takes dy, the gradient of the loss for its
output, and the x that it was given, and returns dx.
"""

import numpy as np

from ._checks import floats, kept, numbers, same_shape


def relu(x):
    """The rectified linear unit: y = max(x, 0).

    Args:
        x: Numbers. It is not changed.

    Returns:
        y, of x's shape and dtype. NaN stays NaN.

    Raises:
        ValueError: x is neither float32 nor float64.

    Shapes:
        x (...) -> y (...)

    Source:
        Nair and Hinton (2010), *Rectified linear units improve restricted Boltzmann
        machines*. Taught on the page *Anatomy of a CNN*.
    """
    (x,) = floats(x=(x, "..."))
    return np.maximum(x, 0)


def relu_backward(dy, x):
    """Gradient of ``relu``: dx = dy where x > 0, and 0 elsewhere, also at x = 0.

    Args:
        dy: Gradient of the loss with respect to the output.
        x: The numbers given to ``relu``.

    Returns:
        dx, of x's shape; float32 if both are, otherwise float64.

    Raises:
        ValueError: An array is neither float32 nor float64, or the shapes differ.

    Shapes:
        dy (...), x (...) -> dx (...)

    Source:
        The chain rule. (At 0 there is no derivative; PyTorch takes 0 too.)
    """
    dy, x = _both(dy, x)
    return np.where(x > 0, dy, 0)


def sigmoid(x):
    """The logistic function: y = 1 / (1 + exp(-x)), between 0 and 1.

    Arguments, result, errors and shapes as in ``relu``. Large |x| do not overflow.

    Source:
        Verhulst (1838); in networks Rumelhart, Hinton and Williams (1986),
        *Learning representations by back-propagating errors*.
    """
    (x,) = floats(x=(x, "..."))
    small = np.exp(-np.abs(x))  # never above 1
    return np.where(x >= 0, 1, small) / (1 + small)


def sigmoid_backward(dy, x):
    """Gradient of ``sigmoid``: dx = dy * y * (1 - y).

    Arguments, result, errors and shapes as in ``relu_backward``.

    Source:
        The chain rule.
    """
    dy, x = _both(dy, x)
    return dy * sigmoid(x) * sigmoid(-x)  # 1 - y = sigmoid(-x), exact for large x


def tanh(x):
    """The hyperbolic tangent, between -1 and 1.

    Arguments, result, errors and shapes as in ``relu``.

    Source:
        LeCun, Bottou, Orr and Mueller (1998), *Efficient BackProp*, section 4.4.
    """
    (x,) = floats(x=(x, "..."))
    return np.tanh(x)


def tanh_backward(dy, x):
    """Gradient of ``tanh``: dx = dy * (1 - y**2).

    Arguments, result, errors and shapes as in ``relu_backward``.

    Source:
        The chain rule.
    """
    dy, x = _both(dy, x)
    return dy * (1 - np.tanh(x) ** 2)


def softmax(x):
    """Turns scores into shares from 0 to 1 that add up to 1.

        y[..., k] = exp(x[..., k]) / sum over j of exp(x[..., j])

    The largest score of each row is subtracted first. That changes nothing in the
    quotient, and keeps exp from overflowing.

    Args:
        x: Scores; each row along the last axis is one set of alternatives.

    Returns:
        y, of x's shape and dtype.

    Raises:
        ValueError: x is neither float32 nor float64.

    Shapes:
        x (..., K) -> y (..., K)

    Source:
        Bridle (1990), *Probabilistic interpretation of feedforward classification
        network outputs*. Taught on the page *Anatomy of a CNN*.
    """
    (x,) = floats(x=(x, "..."))
    y = np.exp(x - x.max(axis=-1, keepdims=True))  # (..., K)
    return y / y.sum(axis=-1, keepdims=True)


def softmax_backward(dy, x):
    """Gradient of ``softmax``: dx = y * (dy - sum over k of dy[k] * y[k]).

    Arguments, result and errors as in ``relu_backward``.

    Shapes:
        dy (..., K), x (..., K) -> dx (..., K)

    Source:
        The chain rule.
    """
    dy, x = _both(dy, x)
    y = softmax(x)  # (..., K)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


class _Activation:
    """What the three layers share; each names its two functions."""

    def __init__(self):
        self.params, self.grads = {}, {}
        self._x = None

    def forward(self, x, training=False):
        """Computes y and keeps x (not a copy) for ``backward``.

        Args:
            x: Numbers of any shape.
            training: Not used: training and prediction are the same here.

        Returns:
            y, of x's shape.

        Raises:
            ValueError: x is neither float32 nor float64, or not finite.
        """
        y = self._functions[0](x)
        numbers("x", x)
        self._x = x
        return y

    def backward(self, dy):
        """Returns the gradient of the loss for x.

        Args:
            dy: Gradient with respect to the last ``forward``'s y.

        Returns:
            dx, of x's shape.

        Raises:
            RuntimeError: There was no ``forward``.
            ValueError: dy has not the shape of y.
        """
        return self._functions[1](dy, kept(self._x))


class ReLU(_Activation):
    """A layer that sets negative numbers to 0, see ``relu``. Nothing to learn."""

    _functions = relu, relu_backward


class Sigmoid(_Activation):
    """A layer that squeezes into 0 to 1, see ``sigmoid``. Nothing to learn."""

    _functions = sigmoid, sigmoid_backward


class Tanh(_Activation):
    """A layer that squeezes into -1 to 1, see ``tanh``. Nothing to learn."""

    _functions = tanh, tanh_backward


def _both(dy, x):
    dy, x = floats(dy=(dy, "..."), x=(x, "..."))
    same_shape(dy, x.shape, f"x {x.shape}")
    return dy, x
