"""Trains a Keras network so that a run which was cut off goes on as if it had not been.

Everything random in an epoch follows from the seed and the number of the epoch: the
order of the pictures, and the state of every random layer (dropout, augmentation).
So an epoch that was cut off is simply run again.
"""

import time
from datetime import UTC, datetime

import numpy as np

from cnncourse import keras_models  # noqa: F401  before keras

import keras  # isort: skip

from ._checkpoints import digest  # isort: skip

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")


def compiled(build, seed, optimiser, loss):
    """The network at its start, ready to train; the seed also holds layers without."""
    keras.utils.set_random_seed(seed)
    net = build(seed)
    if not isinstance(net, keras.Model) or not net.built:
        raise ValueError(
            f"build(seed) gave {net!r}; a keras.Model that begins with "
            "keras.Input(shape), not compiled, fits"
        )
    share = keras.metrics.SparseCategoricalAccuracy("accuracy")
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(optimiser(), loss, metrics=[share])
    net.optimizer.build(net.trainable_variables)
    return net


def settings(net, x, y, val, **plain):
    """What a run depends on, by name: numbers, or fingerprints of what is larger."""
    names = {layer.name: f"layer {i}" for i, layer in enumerate(_layers(net))}
    try:
        config = _renamed(net.get_config(), names)
    except NotImplementedError:  # a subclassed model: its variables must do
        config = None
    start = [np.asarray(v.value) for v in net.variables]
    loss = net.loss.get_config() if hasattr(net.loss, "get_config") else net.loss
    return {
        **plain,
        "loss": digest(loss),
        "optimiser": digest(net.optimizer.get_config()),
        "model": digest(config, *start),
        "data": digest(x, y, *(val or ())),
        "versions": [keras.__version__, keras.backend.backend(), np.__version__],
    }


def arrays(net, optimiser=True):
    """The variables of a network and of its optimiser, by number."""
    found = {f"model/{i}": v for i, v in enumerate(net.variables)}
    if optimiser:
        kept = enumerate(net.optimizer.variables)
        found |= {f"optimiser/{i}": v for i, v in kept}
    return {name: keras.ops.convert_to_numpy(v) for name, v in found.items()}


def restore(net, kept):
    """Puts kept variables back."""
    for i, v in enumerate(net.variables):
        v.assign(kept[f"model/{i}"])
    if "optimiser/0" in kept:
        for i, v in enumerate(net.optimizer.variables):
            v.assign(kept[f"optimiser/{i}"])


def unfit(net, kept):
    """Why arrays do not fit a network, in words, or None."""
    mine = arrays(net, optimiser="optimiser/0" in kept)
    if {k: v.shape for k, v in mine.items()} != {k: v.shape for k, v in kept.items()}:
        return "its arrays are of other shapes"
    return None


def one_epoch(net, x, y, val, seed, epoch, batch):
    """Every picture once; returns the numbers of the epoch.

    Raises:
        SystemExit: The loss is no number any more.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(x))
    fresh = _Fresh(rng.integers(2**31, size=(len(_generators(net)), 1)))
    logs = net.fit(
        _Batches(x, y, order, batch),
        initial_epoch=epoch,
        epochs=epoch + 1,
        validation_data=val,
        validation_batch_size=max(batch, 250),
        callbacks=[fresh],
        shuffle=False,  # the order of the batches: they are shuffled already
        verbose=0,
    ).history
    if not np.isfinite(logs["loss"][0]):
        raise SystemExit(
            f"The loss is {logs['loss'][0]} in epoch {epoch + 1}: the training "
            "diverged. A lower learning rate may fit."
        )
    return {name: float(logs[name][0]) for name in CURVES if name in logs}


def train(run, label, build, x, y, *, seed, epochs, batch, optimiser, val, loss):
    """Trains from the last kept epoch on; see ``Run.train``."""
    x, y = np.asarray(x), np.asarray(y)
    net = compiled(build, seed, optimiser, loss)
    wanted = settings(
        net, x, y, val, label=label, seed=seed, epochs=epochs, batch=batch
    )
    began, before = time.perf_counter(), 0.0
    meta, kept = run.kept(label, wanted, lambda found, a: unfit(net, a))
    if meta:
        restore(net, kept)
        before = meta["seconds"]
        done = len(meta["history"]["loss"])
        if done == epochs:
            run.say(f"{label}: finished on {meta['date']}, kept")
        else:
            run.say(f"{label}: goes on after epoch {done} of {epochs}")
    else:
        meta = run.start(wanted) | {"history": {"loss": []}}
    history, here = meta["history"], 0
    run.mark(meta, work=len(history["loss"]) < epochs)
    while (done := len(history["loss"])) < epochs:
        logs = one_epoch(net, x, y, val, seed, done, batch)
        seconds = before + time.perf_counter() - began
        for name, value in (logs | {"seconds": seconds}).items():
            history.setdefault(name, []).append(value)
        meta |= {"seconds": seconds, "date": datetime.now(UTC).date().isoformat()}
        run.mark(meta)
        done, here = done + 1, here + 1
        last = done == epochs
        run.folder.save(label, meta, arrays(net, not last), done=last)
        left = (seconds - before) / here * (epochs - done)
        run.say(_line(label, done, epochs, logs, seconds, left))
    run.spent(meta, before)
    return net, {
        "label": label,
        "seed": seed,
        "parameters": net.count_params(),
        "history": {k: [round(v, 5) for v in values] for k, values in history.items()},
    }


class _Batches(keras.utils.PyDataset):
    """The pictures of one epoch in batches, in a given order."""

    def __init__(self, x, y, order, batch):
        super().__init__()
        self.x, self.y, self.order, self.size = x, y, order, batch

    def __len__(self):
        return -(-len(self.order) // self.size)

    def __getitem__(self, i):
        rows = self.order[i * self.size : (i + 1) * self.size]
        return self.x[rows], self.y[rows]


class _Fresh(keras.callbacks.Callback):
    """Sets the state of each random layer when an epoch begins."""

    def __init__(self, states):
        super().__init__()
        self.states = states

    def on_epoch_begin(self, epoch, logs=None):
        pairs = zip(_generators(self.model), self.states, strict=True)
        for generator, state in pairs:
            generator.state.assign([int(state[0]), 0])


def _layers(net):
    return list(net._flatten_layers())


def _generators(net):
    """The random states in a network, each once, in the order of the layers."""
    found = {}
    for layer in _layers(net):
        for generator in layer._seed_generators:
            found.setdefault(id(generator), generator)
    return list(found.values())


def _renamed(thing, names):
    """A config without names that Keras counts up: they depend on what ran before."""
    if isinstance(thing, dict):
        return {k: _renamed(v, names) for k, v in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_renamed(v, names) for v in thing]
    return names.get(thing, thing) if isinstance(thing, str) else thing


def _line(label, done, epochs, logs, seconds, left):
    words = f"training {logs['accuracy']:.4f}"
    if "val_accuracy" in logs:
        words += f", validation {logs['val_accuracy']:.4f}"
    line = f"{label}: epoch {done} of {epochs}, accuracy in {words}, {_time(seconds)}"
    return line + (f", {_time(left)} left" if done < epochs else "")


def _time(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
