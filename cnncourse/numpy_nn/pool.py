"""Pooling: one number for each window of each channel, forward and backward.

The window's entries are visited one after another, not its positions: entry (r, s)
of all windows at once is the slice ``x[:, :, r::stride, s::stride]``, cut to the
output's size. So 2 x 2 pooling takes four passes over the images.
"""

import numpy as np

from ._checks import floats, kept, numbers, pair, same_shape


def max_pool2d(x, size, stride=None):
    """Keeps the largest number of each window.

        y[n, c, i, j] = max over r, s of x[n, c, u*i + r, v*j + s]

    with strides u, v. A window that would run over the edge gives no output.

    Args:
        x: Images. It is not changed.
        size: Height and width of the window: an integer, or a pair.
        stride: Step of the window in pixels, an integer or a pair; ``size``, which
            lays the windows edge to edge, unless given.

    Returns:
        y, of x's dtype. A NaN in a window makes its output NaN.

    Raises:
        ValueError: x is neither float32 nor float64 or has not four axes, a number
            is too small, or the window is larger than the images.

    Shapes:
        x (N, C, H, W) -> y (N, C, H', W') with H' = floor((H - size) / stride) + 1,
        and W' likewise.

    Source:
        Scherer, Mueller and Behnke (2010), *Evaluation of pooling operations in
        convolutional architectures for object recognition*. Taught on the page
        *Strides, padding, pooling*.
    """
    x, entries, _ = _entries(x, size, stride)
    y = x[entries[0]].copy()  # (N, C, H', W')
    for entry in entries[1:]:
        np.maximum(y, x[entry], out=y)
    return y


def max_pool2d_backward(dy, x, size, stride=None):
    """Gradient of ``max_pool2d``: all of dy goes to the largest entry of its window.

    Where several entries are the largest, the first of them in reading order gets
    it, as in PyTorch. (There the derivative does not exist; this is one choice.)

    Args:
        dy: Gradient of the loss with respect to the output y.
        x: The images given to ``max_pool2d``.
        size: As given to ``max_pool2d``.
        stride: As given to ``max_pool2d``.

    Returns:
        dx. Where windows overlap, a pixel gets the sum of what it is passed. A
        window that holds NaN passes nothing.

    Raises:
        ValueError: As ``max_pool2d``, or dy has not the shape of the output.

    Shapes:
        dy (N, C, H', W') -> dx (N, C, H, W)

    Source:
        The chain rule on the equation of ``max_pool2d``.
    """
    dy, x, entries = _for_backward(dy, x, size, stride)
    y = x[entries[0]].copy()  # (N, C, H', W')
    for entry in entries[1:]:
        np.maximum(y, x[entry], out=y)
    dx = np.zeros_like(x)  # (N, C, H, W)
    free = np.ones(dy.shape, bool)  # windows that have not found their pixel yet
    for entry in entries:
        found = (x[entry] == y) & free  # (N, C, H', W')
        free ^= found
        dx[entry] += np.where(found, dy, 0)
    return dx


def sum_pool2d(x, size, stride=None):
    """Adds up each window.

        y[n, c, i, j] = sum over r, s of x[n, c, u*i + r, v*j + s]

    Arguments, result and errors as in ``max_pool2d``.

    Shapes:
        x (N, C, H, W) -> y (N, C, H', W'), sizes as in ``max_pool2d``.

    Source:
        Taught on the page *Strides, padding, pooling*.
    """
    x, entries, shape = _entries(x, size, stride)
    y = np.zeros(shape, x.dtype)  # (N, C, H', W')
    for entry in entries:
        y += x[entry]
    return y


def sum_pool2d_backward(dy, x, size, stride=None):
    """Gradient of ``sum_pool2d``: every entry of the window gets dy.

    Arguments, result and errors as in ``max_pool2d_backward``.

    Shapes:
        dy (N, C, H', W') -> dx (N, C, H, W)

    Source:
        The chain rule on the equation of ``sum_pool2d``.
    """
    dy, x, entries = _for_backward(dy, x, size, stride)
    dx = np.zeros_like(x)  # (N, C, H, W)
    for entry in entries:
        dx[entry] += dy
    return dx


def avg_pool2d(x, size, stride=None):
    """Takes the mean of each window: ``sum_pool2d`` over the window's area.

    Arguments, result and errors as in ``max_pool2d``.

    Shapes:
        x (N, C, H, W) -> y (N, C, H', W'), sizes as in ``max_pool2d``.

    Source:
        LeCun and others (1998), *Gradient-based learning applied to document
        recognition*, whose subsampling layers add a weight and a bias to it.
        Taught on the page *Strides, padding, pooling*.
    """
    R, S = pair("size", size, 1)
    y = sum_pool2d(x, size, stride)  # (N, C, H', W')
    y /= R * S
    return y


def avg_pool2d_backward(dy, x, size, stride=None):
    """Gradient of ``avg_pool2d``: every entry of the window gets dy over the area.

    Arguments, result and errors as in ``max_pool2d_backward``.

    Shapes:
        dy (N, C, H', W') -> dx (N, C, H, W)

    Source:
        The chain rule on the equation of ``avg_pool2d``.
    """
    R, S = pair("size", size, 1)
    dx = sum_pool2d_backward(dy, x, size, stride)  # (N, C, H, W)
    dx /= R * S
    return dx


class _Pool2d:
    """What the three layers share; each names its two functions."""

    def __init__(self, size, stride=None):
        self.size = pair("size", size, 1)
        self.stride = self.size if stride is None else pair("stride", stride, 1)
        self.params, self.grads = {}, {}
        self._x = None

    def forward(self, x, training=False):
        """Computes y and keeps x (not a copy) for ``backward``.

        Args:
            x: Images, (N, C, H, W).
            training: Not used: training and prediction are the same here.

        Returns:
            y, (N, C, H', W').

        Raises:
            ValueError: As the function; or x is not finite.
        """
        y = self._functions[0](x, self.size, self.stride)  # (N, C, H', W')
        numbers("x", x)
        self._x = x
        return y

    def backward(self, dy):
        """Returns the gradient of the loss for the images.

        Args:
            dy: Gradient with respect to the last ``forward``'s y, (N, C, H', W').

        Returns:
            dx, (N, C, H, W).

        Raises:
            RuntimeError: There was no ``forward``.
            ValueError: dy has not the shape of y.
        """
        return self._functions[1](dy, kept(self._x), self.size, self.stride)


class MaxPool2d(_Pool2d):
    """A layer that keeps the largest number of each window, see ``max_pool2d``.

    It has nothing to learn: ``params`` and ``grads`` are empty.

    Args:
        size: Height and width of the window: an integer, or a pair.
        stride: Step of the window; ``size`` unless given.

    Raises:
        ValueError: A number is too small, or not an integer.

    Shapes:
        x (N, C, H, W) -> y (N, C, H', W'), sizes as in ``max_pool2d``.

    Source:
        As ``max_pool2d``.

    Example:
        >>> MaxPool2d(2).forward(np.ones((1, 8, 28, 28), np.float32)).shape
        (1, 8, 14, 14)
    """

    _functions = max_pool2d, max_pool2d_backward


class AvgPool2d(_Pool2d):
    """A layer that takes the mean of each window, see ``avg_pool2d``.

    Used like ``MaxPool2d``.
    """

    _functions = avg_pool2d, avg_pool2d_backward


class SumPool2d(_Pool2d):
    """A layer that adds up each window, see ``sum_pool2d``. Used like ``MaxPool2d``."""

    _functions = sum_pool2d, sum_pool2d_backward


def _entries(x, size, stride):
    """x checked, the slice of x that each window entry meets, and y's shape."""
    (x,) = floats(x=(x, "N, C, H, W"))
    R, S = pair("size", size, 1)
    u, v = (R, S) if stride is None else pair("stride", stride, 1)
    N, C, H, W = x.shape
    if R > H or S > W:
        raise ValueError(
            f"the window covers {R}x{S} pixels, x only {H}x{W}; use a smaller size"
        )
    h, w = (H - R) // u + 1, (W - S) // v + 1  # H', W'
    entries = [
        (..., slice(r, r + u * (h - 1) + 1, u), slice(s, s + v * (w - 1) + 1, v))
        for r in range(R)
        for s in range(S)
    ]
    return x, entries, (N, C, h, w)


def _for_backward(dy, x, size, stride):
    """dy and x checked and of one dtype, and the slices of ``_entries``."""
    dy, x = floats(dy=(dy, "N, C, H', W'"), x=(x, "N, C, H, W"))
    x, entries, shape = _entries(x, size, stride)
    same_shape(dy, shape, f"pooling x {x.shape}")
    return dy, x, entries
