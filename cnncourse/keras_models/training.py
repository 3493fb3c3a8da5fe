"""Trains a Keras network: the arguments and the history of ``numpy_nn.fit``."""

import operator
import time

import numpy as np

from . import _setup  # noqa: F401  before keras

import keras  # isort: skip

NAMES = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")


def fit(
    model,
    x,
    y,
    epochs=1,
    batch=32,
    optimiser=None,
    loss=None,
    val=None,
    rng=None,
    on_epoch=None,
):
    """Trains a network: in each epoch every picture is seen once, in a new order.

    ``model.fit`` does the work; what is added are an order that a seed decides, and a
    history with the keys that all networks of the course use.

    Args:
        model: A ``keras.Model`` that ends in logits, one score a class.
        x: Pictures, channels last.
        y: Labels, integers.
        epochs: How often to go through the pictures.
        batch: Pictures in one step; the last step of an epoch takes what is left.
        optimiser: A ``keras.optimizers.Optimizer``; ``SGD(0.1)`` unless given.
        loss: A Keras loss of (labels, logits); the cross-entropy unless given.
        val: (x, y) that are only looked at after each epoch, or None.
        rng: A seed or a ``numpy.random.Generator`` that orders the pictures.
        on_epoch: A function that is called with the history after each epoch;
            returning True ends the training.

    Returns:
        history: a dict of lists with one entry for each epoch. "loss" and "accuracy"
        are means over the training pictures *as they were met*, while the weights
        still changed; "val_loss" and "val_accuracy" are computed after the epoch and
        stay empty without ``val``; "seconds" counts from the start, the time to
        compile included. Accuracies are shares from 0 to 1.

    Raises:
        ValueError: An argument does not fit; the message says what does. Or the
            training diverged.

    Shapes:
        x (N, H, W, C), y (N,)

    Source:
        Taught on the page *Why dense networks fail when pictures move*.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(f"model is {type(model).__name__}; a keras.Model fits")
    epochs, batch = _integer("epochs", epochs), _integer("batch", batch)
    x, y = _pair("x, y", (x, y), model)
    val = None if val is None else _pair("val", val, model)
    if optimiser is None:
        optimiser = keras.optimizers.SGD(0.1)
    if not isinstance(optimiser, keras.optimizers.Optimizer):
        raise ValueError(f"optimiser is {optimiser!r}; keras.optimizers.Adam() fits")
    if loss is None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    share = keras.metrics.SparseCategoricalAccuracy("accuracy")
    model.compile(optimiser, loss, metrics=[share])
    watch = _History(on_epoch)
    model.fit(
        _Batches(x, y, batch, rng),
        epochs=epochs,
        validation_data=val,
        validation_batch_size=max(batch, 256),
        callbacks=[watch],
        shuffle=False,  # the order of the batches: they are shuffled already
        verbose=0,
    )
    return watch.found


class _Batches(keras.utils.PyDataset):
    """The pictures in batches, in a new order each epoch."""

    def __init__(self, x, y, batch, rng):
        super().__init__()
        self.x, self.y, self.size = x, y, batch
        self.rng = np.random.default_rng(rng)
        self.order = np.arange(len(x))  # Keras looks at some batches beforehand

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, i):
        rows = self.order[i * self.size : (i + 1) * self.size]
        return self.x[rows], self.y[rows]

    def on_epoch_begin(self):
        self.order = self.rng.permutation(len(self.x))


class _History(keras.callbacks.Callback):
    """Collects the numbers of each epoch under the names of the course."""

    def __init__(self, on_epoch):
        super().__init__()
        self.on_epoch, self.start = on_epoch, time.perf_counter()
        self.found = {name: [] for name in NAMES}

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs["loss"]):
            rate = float(self.model.optimizer.learning_rate)
            raise ValueError(
                f"the loss is {logs['loss']} in epoch {epoch + 1}: the training "
                f"diverged; a learning rate below {rate:g} may fit"
            )
        for name in NAMES[:4]:
            if name in logs:
                self.found[name].append(float(logs[name]))
        self.found["seconds"].append(time.perf_counter() - self.start)
        if self.on_epoch is not None and self.on_epoch(self.found):
            self.model.stop_training = True


def _pair(name, pair, model):
    """Pictures and labels as arrays that fit together and the network."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        given = type(pair).__name__
        raise ValueError(f"{name} is {given}; a pair (pictures, labels) fits")
    x, y = map(np.asarray, pair)
    if x.ndim == 0 or y.ndim != 1 or len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{name}: pictures of shape {x.shape} and labels of shape {y.shape}; "
            "(N, H, W, C) and (N,) fit, N being 1 or more"
        )
    wanted = tuple(model.input_shape[1:])
    if x.shape[1:] != wanted:
        hint = ""
        if x.ndim == 4 and (*x.shape[2:], x.shape[1]) == wanted:
            hint = ": x.transpose(0, 2, 3, 1) moves the channels to the end"
        raise ValueError(
            f"{name}: pictures of shape {x.shape}; this model takes (N, "
            f"{', '.join(map(str, wanted))}){hint}"
        )
    if x.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"{name}: pictures are {x.dtype}; float32 from 0 to 1 fits: "
            "x.astype(np.float32) / 255"
        )
    classes = model.output_shape[-1]
    if y.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: labels are {y.dtype}; integers from 0 to {classes - 1} fit"
        )
    if y.min() < 0 or y.max() >= classes:
        raise ValueError(
            f"{name}: labels are {y.dtype} from {y.min()} to {y.max()}; integers "
            f"from 0 to {classes - 1} fit"
        )
    return x, y


def _integer(name, value):
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if isinstance(value, bool) or number < 1:
        raise ValueError(f"{name} is {value!r}; it needs an integer, 1 or more")
    return number
