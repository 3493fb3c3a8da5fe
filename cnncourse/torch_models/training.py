"""Trains a PyTorch network: the arguments and the history of ``numpy_nn.fit``."""

import functools
import time

import numpy as np
import torch

from ._running import integer, tensor

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

    It trains where its parameters are; ``net.to(best_device())`` beforehand moves them
    to a GPU. The batches follow them. Afterwards the network is in the mode of use
    (``net.eval()``).

    Args:
        model: A ``torch.nn.Module`` that ends in logits, one score a class.
        x: Pictures, channels first.
        y: Labels, integers.
        epochs: How often to go through the pictures.
        batch: Pictures in one step; the last step of an epoch takes what is left.
        optimiser: A ``torch.optim.Optimizer`` of the model's parameters, or a function
            that makes one of them; ``torch.optim.SGD`` with lr 0.1 unless given.
        loss: A function (logits, labels) -> mean over the batch; the cross-entropy
            unless given.
        val: (x, y) that are only looked at after each epoch, or None.
        rng: A seed or a ``numpy.random.Generator`` that orders the pictures; dropout
            follows ``torch.manual_seed``.
        on_epoch: A function that is called with the history after each epoch;
            returning True ends the training.

    Returns:
        history: a dict of lists with one entry for each epoch. "loss" and "accuracy"
        are means over the training pictures *as they were met*, while the weights
        still changed; "val_loss" and "val_accuracy" are computed after the epoch and
        stay empty without ``val``; "seconds" counts from the start. Accuracies are
        shares from 0 to 1.

    Raises:
        ValueError: An argument does not fit; the message says what does. Or the
            training diverged.

    Shapes:
        x (N, C, H, W), y (N,)

    Source:
        Taught on the page *A CNN in NumPy*, in NumPy.
    """
    if not isinstance(model, torch.nn.Module):
        raise ValueError(f"model is {type(model).__name__}; a torch.nn.Module fits")
    integer("epochs", epochs, 1), integer("batch", batch, 1)
    x, y = _pair("x, y", (x, y))
    val = None if val is None else _pair("val", val)
    _check_last_step(model, len(x), batch)
    for name, pair in {"x, y": (x, y), "val": val}.items():
        if pair is not None:
            _check_fits(name, *pair, model)
    optimiser = _optimiser(optimiser, model)
    loss = torch.nn.functional.cross_entropy if loss is None else loss
    rng, start = np.random.default_rng(rng), time.perf_counter()
    history = {name: [] for name in NAMES}
    try:
        for epoch in range(1, epochs + 1):
            order = rng.permutation(len(x))
            _append(history, _epoch(model, x, y, order, batch, optimiser, loss, epoch))
            if val is not None:
                found = _evaluate(model, *val, loss, max(batch, 256))
                _append(history, found, "val_")
            history["seconds"].append(time.perf_counter() - start)
            if on_epoch is not None and on_epoch(history):
                break
    finally:  # when it was cut short too
        model.eval()
    return history


def best_device():
    """Finds the fastest place to compute that this machine has.

    Returns:
        A ``torch.device``: "cuda" (NVIDIA and AMD), else "mps" (Apple), else "cpu".

    Source:
        PyTorch, tutorial *Build the neural network*.

    Example:
        >>> from cnncourse.torch_models import small_cnn
        >>> net = small_cnn().to(best_device())
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@torch.enable_grad()
def _epoch(model, x, y, order, batch, optimiser, loss, epoch):
    """(mean loss, accuracy) of the pictures as they were met in one epoch."""
    sums = np.zeros(2)
    model.train()
    for i in range(0, len(x), batch):
        rows = order[i : i + batch]
        value, right = _measured(model, x[rows], y[rows], loss)
        number = value.item()
        if not np.isfinite(number):
            rate = optimiser.param_groups[0]["lr"]
            raise ValueError(
                f"the loss is {number} in epoch {epoch}: the training diverged; a "
                f"learning rate below {float(rate):g} may fit"
            )
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        sums += len(rows) * number, right
    return sums / len(x)


def _measured(model, x, y, loss):
    """(mean loss of a batch, number of right answers)."""
    x = tensor(model, x)
    logits, labels = model(x), torch.tensor(y, device=x.device)
    value = loss(logits, labels)
    if not torch.is_tensor(value) or value.ndim:
        given = type(value).__name__
        if torch.is_tensor(value):
            given = f"shape {tuple(value.shape)}"
        raise ValueError(f"loss gives {given}; a tensor of one number fits")
    return value, int((logits.argmax(dim=1) == labels).sum())


@torch.no_grad()
def _evaluate(model, x, y, loss, batch):
    """(loss, accuracy) of the network as in prediction."""
    model.eval()
    sums = np.zeros(2)
    for i in range(0, len(x), batch):
        some = slice(i, i + batch)
        value, right = _measured(model, x[some], y[some], loss)
        sums += len(x[some]) * value.item(), right
    return sums / len(x)


def _append(history, values, prefix=""):
    for name, value in zip(("loss", "accuracy"), values, strict=True):
        history[prefix + name].append(float(value))


def _pair(name, pair):
    """Pictures and labels as arrays, equally many and not none, or a ValueError."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        given = type(pair).__name__
        raise ValueError(f"{name} is {given}; a pair (pictures, labels) fits")
    x, y = (np.asarray(a.cpu() if torch.is_tensor(a) else a) for a in pair)
    if x.ndim == 0 or y.ndim != 1 or len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{name}: pictures of shape {x.shape} and labels of shape {y.shape}; "
            "(N, C, H, W) and (N,) fit, N being 1 or more"
        )
    if x.dtype not in (np.float32, np.float64):
        raise ValueError(f"{name}: pictures are {x.dtype}; float32 from 0 to 1 fits")
    if y.dtype.kind not in "iu":
        raise ValueError(f"{name}: labels are {y.dtype}; integers of 0 or more fit")
    if y.min() < 0:
        raise ValueError(
            f"{name}: labels begin at {y.min()}; integers of 0 or more fit"
        )
    return x, y.astype(np.int64)


@torch.no_grad()
def _check_fits(name, x, y, model):
    """A ValueError unless the network takes the pictures and knows the labels."""
    training = {part: part.training for part in model.modules()}
    model.eval()
    try:
        logits = model(tensor(model, x[:1]))
    except RuntimeError as error:  # what PyTorch says where shapes do not fit
        raise ValueError(
            f"{name}: pictures of shape {x.shape}, which the model does not take "
            f"(channels first): {error}"
        ) from error
    finally:
        for part, was in training.items():
            part.training = was
    if not torch.is_tensor(logits) or logits.ndim != 2:
        given = tuple(getattr(logits, "shape", ())) or type(logits).__name__
        raise ValueError(f"model gives {given}; (N, classes) fits, one score a class")
    if y.max() >= logits.shape[1]:
        raise ValueError(
            f"{name}: labels are from {y.min()} to {y.max()}; integers from 0 to "
            f"{logits.shape[1] - 1} fit"
        )


def _check_last_step(model, count, batch):
    """One picture alone has no variance: BatchNorm1d would stop the training."""
    norms = any(isinstance(part, torch.nn.BatchNorm1d) for part in model.modules())
    if norms and (batch == 1 or count % batch == 1):
        raise ValueError(
            f"batch is {batch}; of {count} pictures it leaves 1 for the last step, "
            "which batch normalisation cannot take; another number fits"
        )


def _optimiser(optimiser, model):
    """The optimiser, or a ValueError if it does not move this network."""
    if optimiser is None:
        optimiser = functools.partial(torch.optim.SGD, lr=0.1)
    if callable(optimiser):
        optimiser = optimiser(model.parameters())
    if not isinstance(optimiser, torch.optim.Optimizer):
        raise ValueError(
            f"optimiser is {optimiser!r}; torch.optim.Adam(net.parameters()) fits"
        )
    moved = {id(p) for group in optimiser.param_groups for p in group["params"]}
    if moved.isdisjoint(map(id, model.parameters())):
        raise ValueError("optimiser has no parameter of model; those of model fit")
    return optimiser
