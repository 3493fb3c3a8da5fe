"""Layers on rows of numbers: dense, flatten and dropout."""

import numpy as np

from ._checks import floats, integer, kept, numbers, real, same_shape
from .initialisers import he


class Dense:
    """A layer in which every output is a weighted sum of all inputs.

        y[n, k] = b[k] + sum over c of x[n, c] * w[k, c]

    Also called fully connected or linear layer. ``params`` and ``grads`` hold "w"
    and "b". The weights start as ``he`` draws them, the biases at 0, all float32.
    ``backward`` sets ``grads``; it does not add to them.

    Args:
        n_in: Numbers in a row of x, C.
        n_out: Numbers in a row of y, K.
        rng: A seed or a ``numpy.random.Generator`` that draws the weights.

    Raises:
        ValueError: A number is too small, or not an integer.

    Shapes:
        x (N, C) -> y (N, K), with w (K, C) and b (K,)

    Source:
        Rosenblatt (1958), *The perceptron*. Taught on the page *Anatomy of a CNN*.

    Example:
        >>> Dense(256, 10, rng=0).forward(np.ones((2, 256), np.float32)).shape
        (2, 10)
    """

    def __init__(self, n_in, n_out, rng=None):
        shape = integer("n_out", n_out, 1), integer("n_in", n_in, 1)
        self.params = {"w": he(shape, rng), "b": np.zeros(n_out, np.float32)}
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}
        self._x = None

    def forward(self, x, training=False):
        """Computes y and keeps x (not a copy) for ``backward``.

        Args:
            x: Rows of numbers, (N, C).
            training: Not used: training and prediction are the same here.

        Returns:
            y, (N, K).

        Raises:
            ValueError: x is neither float32 nor float64, has not two axes, has rows
                of another length than the weights, or is not finite.
        """
        x, w, b = self._checked(x)
        numbers("x", x)
        self._x = x
        return x @ w.T + b  # (N, K)

    def backward(self, dy):
        """Sets ``grads`` and returns the gradient of the loss for x.

            dw[k, c] = sum over n of dy[n, k] * x[n, c]
            db[k]    = sum over n of dy[n, k]
            dx[n, c] = sum over k of dy[n, k] * w[k, c]

        Args:
            dy: Gradient with respect to the last ``forward``'s y, (N, K).

        Returns:
            dx, (N, C).

        Raises:
            RuntimeError: There was no ``forward``.
            ValueError: dy has not the shape of y.
        """
        x, w, _ = self._checked(kept(self._x))
        dy, x, w = floats(dy=(dy, "N, K"), x=(x, "N, C"), w=(w, "K, C"))
        same_shape(dy, (len(x), len(w)), f"x {x.shape} and w {w.shape}")
        self.grads["w"], self.grads["b"] = dy.T @ x, dy.sum(axis=0)  # (K, C), (K,)
        return dy @ w  # (N, C)

    def _checked(self, x):
        w, b = self.params["w"], self.params["b"]
        x, w, b = floats(x=(x, "N, C"), w=(w, "K, C"), b=(b, "K"))
        if x.shape[1] != w.shape[1]:
            raise ValueError(
                f"x has shape {x.shape}, but each row of w {w.shape} weighs "
                f"{w.shape[1]} numbers; axis 1 of both must be equal"
            )
        return x, w, b


class Flatten:
    """A layer that lays each image out as one row of numbers, channel after channel.

    Nothing is computed and nothing learned; ``backward`` lays the rows back.

    Shapes:
        x (N, ...) -> y (N, product of the other axes)

    Source:
        Taught on the page *Anatomy of a CNN*.
    """

    def __init__(self):
        self.params, self.grads = {}, {}
        self._shape = None

    def forward(self, x, training=False):
        """Reshapes x.

        Args:
            x: Images, (N, C, H, W), or any array with two axes or more.
            training: Not used: training and prediction are the same here.

        Returns:
            y, (N, CHW), a view of x where NumPy can make one.

        Raises:
            ValueError: x is neither float32 nor float64, has one axis or is not finite.
        """
        (x,) = floats(x=(x, "..."))
        if x.ndim < 2:
            raise ValueError(f"x has shape {x.shape}; it needs the axes (N, ...)")
        numbers("x", x)
        self._shape = x.shape
        return x.reshape(len(x), -1)  # (N, CHW)

    def backward(self, dy):
        """Reshapes dy to the shape of x.

        Args:
            dy: Gradient with respect to the last ``forward``'s y, (N, CHW).

        Returns:
            dx, of x's shape.

        Raises:
            RuntimeError: There was no ``forward``.
            ValueError: dy has not the shape of y.
        """
        shape = kept(self._shape)
        (dy,) = floats(dy=(dy, "N, K"))
        same_shape(dy, (shape[0], int(np.prod(shape[1:]))), f"x {shape}")
        return dy.reshape(shape)


class Dropout:
    """A layer that, while training, sets a random share of the numbers to 0.

    What stays is divided by ``1 - rate``, so that the expected value does not change
    and nothing has to be done when predicting (*inverted* dropout).

    Args:
        rate: Probability of being set to 0, from 0 to below 1.
        rng: A seed or a ``numpy.random.Generator`` that draws the masks.

    Raises:
        ValueError: rate is no such number.

    Shapes:
        x (...) -> y (...)

    Source:
        Srivastava and others (2014), *Dropout: a simple way to prevent neural
        networks from overfitting*, section 10 for the scaling.
    """

    def __init__(self, rate, rng=None):
        self.rate = real("rate", rate, 0, 1, open_end=True)
        self.params, self.grads = {}, {}
        self._rng = np.random.default_rng(rng)
        self._mask = None

    def forward(self, x, training=False):
        """Draws a new mask while training; passes x on otherwise.

        Args:
            x: Numbers of any shape.
            training: Whether to drop anything.

        Returns:
            y, of x's shape.

        Raises:
            ValueError: x is neither float32 nor float64, or is not finite.
        """
        (x,) = floats(x=(x, "..."))
        numbers("x", x)
        self._mask = np.ones(x.shape, x.dtype)
        if training:
            stays = self._rng.random(x.shape) >= self.rate
            self._mask = stays.astype(x.dtype) / x.dtype.type(1 - self.rate)
        return x * self._mask

    def backward(self, dy):
        """Passes dy through the mask of the last ``forward``.

        Args:
            dy: Gradient with respect to the last ``forward``'s y.

        Returns:
            dx, of x's shape.

        Raises:
            RuntimeError: There was no ``forward``.
            ValueError: dy has not the shape of y.
        """
        mask = kept(self._mask)
        (dy,) = floats(dy=(dy, "..."))
        same_shape(dy, mask.shape, f"x {mask.shape}")
        return dy * mask.astype(dy.dtype, copy=False)
