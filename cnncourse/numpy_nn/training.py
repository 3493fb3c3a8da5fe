"""Layers in a row, and how to train them."""

import time

import numpy as np

from ._checks import integer
from .losses import cross_entropy
from .optimisers import SGD


class Sequential:
    """Layers one after another: the output of each is the input of the next.

    ``params`` and ``grads`` collect those of the layers under keys such as "0.w", the
    number of the layer and the name there. They are the layers' own arrays.

    Args:
        layers: The layers, in the order in which data meets them.

    Attributes:
        layers: The list of them.

    Raises:
        ValueError: There is no layer.

    Source:
        Taught on the page *A CNN in NumPy*.

    Example:
        >>> net = Sequential(Conv2d(1, 2, 3, rng=0), ReLU(), Flatten())
        >>> net.forward(np.ones((1, 1, 4, 4), np.float32)).shape
        (1, 8)
    """

    def __init__(self, *layers):
        if not layers:
            raise ValueError("layers is empty; one layer or more fits")
        self.layers = list(layers)

    @property
    def params(self):
        """The parameters of all layers."""
        return self._collect("params")

    @property
    def grads(self):
        """The gradients that the last ``backward`` left in the layers."""
        return self._collect("grads")

    def _collect(self, which):
        return {
            f"{i}.{name}": array
            for i, layer in enumerate(self.layers)
            for name, array in getattr(layer, which).items()
        }

    def parameters(self):
        """Counts the numbers that training changes.

        Returns:
            Their number.
        """
        return sum(p.size for p in self.params.values())

    def forward(self, x, training=False):
        """Sends x through all layers.

        Args:
            x: The batch, as the first layer needs it.
            training: Passed to every layer.

        Returns:
            The output of the last layer.

        Raises:
            ValueError: A layer refuses its input; the message names the layer.
        """
        for i, layer in enumerate(self.layers):
            try:
                x = layer.forward(x, training)
            except ValueError as error:
                raise ValueError(
                    f"layer {i}, {type(layer).__name__}: {error}"
                ) from None
        return x

    def backward(self, dy):
        """Sends the gradient back through all layers and sets their ``grads``.

        Args:
            dy: Gradient of the loss with respect to the last ``forward``'s output.

        Returns:
            The gradient for the input of the first layer.

        Raises:
            RuntimeError: There was no ``forward``.
            ValueError: dy has not the shape of the output.
        """
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def predict(self, x, batch=256):
        """Outputs for many images, some at a time, as in prediction.

        Args:
            x: The images, (N, ...).
            batch: How many go through at once.

        Returns:
            The outputs of the last layer, (N, ...).

        Raises:
            ValueError: As ``forward``; or batch is no integer of 1 or more.
        """
        batch = integer("batch", batch, 1)
        parts = [self.forward(x[i : i + batch]) for i in range(0, len(x), batch)]
        return np.concatenate(parts)


def fit(
    model,
    x,
    y,
    epochs=1,
    batch=32,
    optimiser=None,
    loss=cross_entropy,
    val=None,
    rng=None,
    on_epoch=None,
):
    """Trains a model: in each epoch every image is seen once, in a new order.

    Args:
        model: A ``Sequential``, or a layer.
        x: Images, (N, ...).
        y: Labels, (N,), or whatever ``loss`` compares the outputs with.
        epochs: How often to go through the images.
        batch: Images in one step; the last step of an epoch takes what is left.
        optimiser: ``SGD(0.1)`` unless given.
        loss: A function (output, y) -> (loss, d_output).
        val: (x, y) that are only looked at after each epoch, or None.
        rng: A seed or a ``numpy.random.Generator`` that orders the images.
        on_epoch: A function that is called with the history after each epoch;
            returning True ends the training.

    Returns:
        history: a dict of lists with one entry for each epoch. "loss" and "accuracy"
        are means over the training images *as they were met*, while the weights
        still changed; "val_loss" and "val_accuracy" are computed after the epoch and
        stay empty without ``val``; "seconds" counts from the start. Accuracies are
        shares from 0 to 1, or nan where y is not a row of labels.

    Raises:
        ValueError: x and y differ in length, a number is too small, or the training
            diverged.

    Shapes:
        x (N, ...), y (N,)

    Source:
        Taught on the page *A CNN in NumPy*.
    """
    integer("epochs", epochs, 1), integer("batch", batch, 1)
    for name, pair in {"": (x, y), "val: ": val or ([], [])}.items():
        if len(pair[0]) != len(pair[1]):
            raise ValueError(
                f"{name}x has {len(pair[0])} images, y has {len(pair[1])} labels"
            )
    optimiser = SGD(0.1) if optimiser is None else optimiser
    rng, start = np.random.default_rng(rng), time.perf_counter()
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    history = {name: [] for name in names}
    for _ in range(epochs):
        sums = np.zeros(2)
        order = rng.permutation(len(x))
        for i in range(0, len(x), batch):
            rows = order[i : i + batch]
            output = model.forward(x[rows], training=True)
            value, d_output = loss(output, y[rows])
            model.backward(d_output)
            optimiser.step(model.params, model.grads)
            sums += len(rows) * np.array([value, _accuracy(output, y[rows])])
        _append(history, sums / len(x), "")
        if val is not None:
            _append(history, _evaluate(model, *val, loss, max(batch, 256)), "val_")
        history["seconds"].append(time.perf_counter() - start)
        if on_epoch is not None and on_epoch(history):
            break
    return history


def gradcheck(f, a, da, h=1e-5, tolerance=1e-7):
    """Compares a gradient with central differences; the measure of every layer here.

    Args:
        f: A function without arguments that reads ``a`` and returns a number.
        a: float64; each entry is moved by h up and down, and put back.
        da: The gradient to check, of a's shape.
        h: How far an entry is moved.
        tolerance: Largest difference allowed, relative to the largest gradient.

    Returns:
        The largest difference found, relative to the largest gradient.

    Raises:
        AssertionError: It is above the tolerance; the worst entry is named.
        ValueError: a is not float64, or da has another shape.

    Shapes:
        a (...), da (...)

    Source:
        (f(a + h) - f(a - h)) / (2h), whose own error shrinks with h**2 until
        rounding takes over. Taught on the page *Backpropagation by hand*.
    """
    if not isinstance(a, np.ndarray) or a.dtype != np.float64:
        raise ValueError(f"a is {getattr(a, 'dtype', type(a))}; a float64 array fits")
    if np.shape(da) != a.shape:
        raise ValueError(f"da has shape {np.shape(da)}; a has shape {a.shape}")
    numeric = np.empty_like(a)
    for at in np.ndindex(a.shape):
        before = a[at]
        a[at] = before + h
        above = f()
        a[at] = before - h
        below = f()
        a[at] = before
        numeric[at] = (above - below) / (2 * h)
    gap = np.abs(da - numeric) / max(np.abs(numeric).max(), 1e-3)
    worst = tuple(int(i) for i in np.unravel_index(np.argmax(gap), gap.shape))
    assert gap[worst] <= tolerance, (
        f"at {worst} the gradient is {np.asarray(da)[worst]:.8g}, finite differences "
        f"say {numeric[worst]:.8g}; the relative gap is {gap[worst]:.1e}"
    )
    return float(gap[worst])


def _accuracy(output, y):
    """Share of rows whose largest score is that of the label; nan without labels."""
    if np.ndim(output) != 2 or np.ndim(y) != 1 or np.asarray(y).dtype.kind not in "iu":
        return np.nan
    return float(np.mean(output.argmax(axis=1) == y))


def _evaluate(model, x, y, loss, batch):
    """(loss, accuracy) of the model as in prediction."""
    sums = np.zeros(2)
    for i in range(0, len(x), batch):
        output = model.forward(x[i : i + batch])
        value = loss(output, y[i : i + batch])[0]
        share = _accuracy(output, y[i : i + batch])
        sums += len(output) * np.array([value, share])
    return sums / len(x)


def _append(history, values, prefix):
    for name, value in zip(("loss", "accuracy"), values, strict=True):
        history[prefix + name].append(float(value))
