"""Batch normalisation, forward and backward."""

import numpy as np

from ._checks import floats, integer, kept, numbers, real, same_shape


class BatchNorm:
    """Brings each feature to mean 0 and variance 1 over the batch, then rescales it.

        x_hat = (x - mean) / sqrt(var + eps)
        y     = w * x_hat + b

    For rows (N, C) mean and variance are taken over N, for images (N, C, H, W) over
    N, H and W: one pair for each of the C features. While training they come from
    the batch, and running means of them are kept; when predicting the running means
    are used. ``params`` and ``grads`` hold "w" (the scale, often called gamma,
    starts at 1) and "b" (the shift, beta, starts at 0), both (C,) and float32.

    Args:
        features: Number of features or channels, C.
        momentum: Share of the new batch in the running means, 0 to 1.
        eps: Added to the variance, so that a constant feature does not divide by 0.

    Attributes:
        running: dict of "mean" and "var", (C,) each; as in PyTorch the running
            variance is the unbiased one (divided by count - 1).

    Raises:
        ValueError: A number is out of range.

    Shapes:
        x (N, C) or (N, C, H, W) -> y of the same shape

    Source:
        Ioffe and Szegedy (2015), *Batch normalization*, algorithms 1 and 2.

    Example:
        >>> layer = BatchNorm(2)
        >>> layer.forward(np.array([[1.0, 5.0], [3.0, 5.0]]), training=True).round(3)
        array([[-1.,  0.],
               [ 1.,  0.]])
    """

    def __init__(self, features, momentum=0.1, eps=1e-5):
        C = integer("features", features, 1)
        self.momentum = real("momentum", momentum, 0, 1)
        self.eps = real("eps", eps, 1e-12)
        self.params = {"w": np.ones(C, np.float32), "b": np.zeros(C, np.float32)}
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}
        self.running = {"mean": np.zeros(C, np.float32), "var": np.ones(C, np.float32)}
        self._last = None

    def forward(self, x, training=False):
        """Normalises x, and keeps what ``backward`` needs.

        Args:
            x: Rows (N, C) or images (N, C, H, W).
            training: Whether to use, and keep, the statistics of this batch.

        Returns:
            y, of x's shape and dtype.

        Raises:
            ValueError: x is neither float32 nor float64, has other axes or another
                number of features, is not finite or has no finite variance; or,
                while training, has only one number for each feature.
        """
        (x,) = floats(x=(x, "N, C, H, W" if getattr(x, "ndim", 2) == 4 else "N, C"))
        C, count = len(self.params["w"]), x.size // x.shape[1]
        if x.shape[1] != C:
            raise ValueError(
                f"x has shape {x.shape}, with {x.shape[1]} features on axis 1; "
                f"this layer has {C}"
            )
        if training and count == 1:
            raise ValueError(
                f"x has shape {x.shape}: one number for each feature has no "
                "variance; two images or more fit (is one left for the last batch?)"
            )
        numbers("x", x)
        axes = (0, 2, 3)[: x.ndim - 1]
        mean, var = self.running["mean"], self.running["var"]
        if training:
            mean, var = x.mean(axis=axes), x.var(axis=axes)  # (C,)
            if not np.isfinite(var).all():
                raise ValueError(f"x reaches {np.abs(x).max():.1g}, too far to square")
            self._keep(mean, var * (count / (count - 1)))
        scale = 1 / np.sqrt(var + np.asarray(self.eps, var.dtype))  # (C,)
        x_hat = (x - self._along(mean, x)) * self._along(scale, x)
        self._last = x_hat, scale, training
        w, b = self._along(self.params["w"], x), self._along(self.params["b"], x)
        return w * x_hat + b

    def backward(self, dy):
        """Sets ``grads`` and returns the gradient of the loss for x.

        The mean and the variance depend on x too. While training that takes two
        means off, over the same axes as in ``forward``:

            dx = w / sqrt(var + eps) * (dy - mean(dy) - x_hat * mean(dy * x_hat))

        Args:
            dy: Gradient with respect to the last ``forward``'s y.

        Returns:
            dx, of x's shape.

        Raises:
            RuntimeError: There was no ``forward``.
            ValueError: dy has not the shape of y.
        """
        x_hat, scale, training = kept(self._last)
        (dy,) = floats(dy=(dy, "..."))
        same_shape(dy, x_hat.shape, f"x {x_hat.shape}")
        axes = (0, 2, 3)[: dy.ndim - 1]
        dw, db = (dy * x_hat).sum(axis=axes), dy.sum(axis=axes)  # (C,)
        self.grads["w"], self.grads["b"] = dw, db
        if training:
            count = dy.size // len(db)
            dy = dy - self._along(db / count, dy) - x_hat * self._along(dw / count, dy)
        return dy * self._along(self.params["w"] * scale, dy)

    def _keep(self, mean, var):
        """Moves the running means a step towards this batch."""
        for name, new in (("mean", mean), ("var", var)):
            old = self.running[name]
            self.running[name] = (old + self.momentum * (new - old)).astype(old.dtype)

    @staticmethod
    def _along(a, x):
        """a (C,) of x's dtype, shaped so that it meets axis 1 of x."""
        return a.reshape(1, -1, *[1] * (x.ndim - 2)).astype(x.dtype, copy=False)
