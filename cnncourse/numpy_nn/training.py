"""Layers in a row, and how to train them."""

import time
from contextlib import contextmanager

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
        ValueError: There is no layer, one is none, or one stands there twice: a layer
            remembers one forward only.

    Source:
        Taught on the page *A CNN in NumPy*.

    Example:
        >>> from cnncourse.numpy_nn import Dense, ReLU
        >>> net = Sequential(Dense(4, 3, rng=0), ReLU(), Dense(3, 2, rng=0))
        >>> net.forward(np.ones((5, 4), np.float32)).shape
        (5, 2)
    """

    def __init__(self, *layers):
        if not layers:
            raise ValueError("layers is empty; one layer or more fits")
        for i, layer in enumerate(layers):
            if isinstance(layer, type) or not hasattr(layer, "backward"):
                raise ValueError(
                    f"layers[{i}] is {layer!r}; layers fit, one after the other: "
                    "Sequential(Dense(4, 3), ReLU())"
                )
        if len({id(layer) for layer in layers}) < len(layers):
            raise ValueError("layers has one layer twice; make a layer for each place")
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
            with _naming(i, layer):
                x = layer.forward(x, training)
        return x

    def backward(self, dy):
        """Sends the gradient back through all layers and sets their ``grads``.

        Args:
            dy: Gradient of the loss with respect to the last ``forward``'s output.

        Returns:
            The gradient for the input of the first layer.

        Raises:
            RuntimeError: There was no ``forward``.
            ValueError: dy has not the shape of the output; the layer is named.
        """
        for i, layer in reversed(list(enumerate(self.layers))):
            with _naming(i, layer):
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
            ValueError: As ``forward``; or there is no image, or batch is no integer of
                1 or more.
        """
        batch = integer("batch", batch, 1)
        if len(x) == 0:
            raise ValueError(f"x has shape {np.shape(x)}; one image or more fits")
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
        ValueError: x or val has no image, or not one label for each; a number is too
            small; or the training diverged.

    Shapes:
        x (N, ...), y (N,)

    Source:
        Taught on the page *A CNN in NumPy*.
    """
    integer("epochs", epochs, 1), integer("batch", batch, 1)
    x, y = _pair("x, y", (x, y))
    val = None if val is None else _pair("val", val)
    optimiser = SGD(0.1) if optimiser is None else optimiser
    rng, start = np.random.default_rng(rng), time.perf_counter()
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    history = {name: [] for name in names}
    for epoch in range(1, epochs + 1):
        sums = np.zeros(2)
        order = rng.permutation(len(x))
        for i in range(0, len(x), batch):
            rows = order[i : i + batch]
            output = model.forward(x[rows], training=True)
            value, d_output = loss(output, y[rows])
            if not np.isfinite(value):
                raise ValueError(
                    f"the loss is {value} in epoch {epoch}: the training diverged; "
                    f"a learning rate below {optimiser.lr} may fit"
                )
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


@contextmanager
def _naming(i, layer):
    """Says in front of a refusal which layer it comes from."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        kind = type(error)
        raise kind(f"layer {i}, {type(layer).__name__}: {error}") from None


def _pair(name, pair):
    """Images and labels as arrays, equally many and not none, or a ValueError."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        given = type(pair).__name__
        raise ValueError(f"{name} is {given}; a pair (images, labels) fits")
    x, y = map(np.asarray, pair)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{name}: images of shape {x.shape} and labels of shape {y.shape}; "
            "as many labels as images fit, one or more"
        )
    return x, y


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
