"""How far do ten layers learn from seven starts, with and without batch normalisation?

Every start gets the same budget: the same pictures and steps, the same six learning
rates, three seeds. The rate is chosen for each start by the accuracy on the validation
pictures; the test pictures measure, and choose nothing.

The networks are so small that a framework would spend its time on organising. So this
is NumPy, and the 18 networks of a start, six rates by three seeds, are trained
side by side: every array has the axes (rate, seed) in front. The gradients are checked
against finite differences before anything is trained. Some minutes on two cores.

    python -m experiments.initialisation            MNIST, strictly
    python -m experiments.initialisation --quick    1,000 pictures, nothing is written
"""

import itertools
import math

import numpy as np

from cnncourse import data
from cnncourse.numpy_nn import gradcheck

from . import _runner

DEPTH, WIDTH, CLASSES, LINKS = 10, 64, 10, 15
COUNT, EPOCHS, BATCH = 5000, 8, 100
RATES, SEEDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0), (0, 1, 2)
MOMENTUM = 0.9  # of the running averages: 0.99 would need more steps than there are
EPSILON = 0.001  # as in Keras


def sparse(shape, rng, std):
    """LINKS incoming weights a unit, all others 0; (n_in, n_out)."""
    w = np.zeros(shape)
    for column in w.T:
        column[rng.choice(len(w), LINKS, replace=False)] = rng.normal(0, std, LINKS)
    return w


def glorot(shape, rng):
    """Uniform weights of variance 2 / (n_in + n_out)."""
    limit = math.sqrt(6 / sum(shape))
    return rng.uniform(-limit, limit, shape)


STARTS = {
    "zero": lambda shape, rng: np.zeros(shape),
    "std 0.01": lambda shape, rng: rng.normal(0, 0.01, shape),
    "std 1": lambda shape, rng: rng.normal(0, 1, shape),
    "Glorot": glorot,
    "He": lambda shape, rng: rng.normal(0, math.sqrt(2 / shape[0]), shape),
    "sparse": lambda shape, rng: sparse(shape, rng, 1),
    "sparse, scaled": lambda shape, rng: sparse(shape, rng, math.sqrt(2 / LINKS)),
}


class Networks:
    """Networks side by side: DEPTH times dense, perhaps batch norm, ReLU; then dense.

    Args:
        start: A function of (shape, rng) that draws the weights of a layer.
        normalised: Whether batch normalisation stands before each ReLU.
        widths: Numbers from layer to layer, the input first and the classes last.
        seeds: One network for each, for every rate; networks of one seed start alike.
        rates: Learning rates.

    Shapes:
        w (rates, seeds, n_in, n_out); b, gamma, beta (rates, seeds, 1, n_out)
    """

    def __init__(self, start, normalised, widths, seeds, rates, dtype=np.float32):
        self.normalised, grid = normalised, (len(rates), len(seeds))
        self.rates = np.array(rates, dtype)[:, None, None, None]
        rngs = [np.random.default_rng(seed) for seed in seeds]
        self.layers = []
        for n_in, n_out in itertools.pairwise(widths):
            w = np.array([start((n_in, n_out), rng) for rng in rngs], dtype)
            row = np.zeros((*grid, 1, n_out), dtype)
            layer = {"w": np.repeat(w[None], len(rates), axis=0), "b": row}
            if normalised and len(self.layers) < len(widths) - 2:
                layer |= {"gamma": row + 1, "beta": row.copy()}
                layer |= {"mean": row.copy(), "var": row + 1}
            self.layers.append(layer)

    def forward(self, a, training):
        """Logits (rates, seeds, N, K) of rows (N, n), and what ``backward`` needs."""
        kept = []
        for layer in self.layers:
            z, memory = a @ layer["w"] + layer["b"], {"a": a}
            if "gamma" in layer:
                mean, var = layer["mean"], layer["var"]
                if training:
                    now = z.mean(axis=-2, keepdims=True)
                    mean *= MOMENTUM  # the running average, in place
                    mean += (1 - MOMENTUM) * now
                    z, mean = z - now, np.float32(0)
                    now = np.mean(z * z, axis=-2, keepdims=True)
                    var *= MOMENTUM
                    var += (1 - MOMENTUM) * now
                    var = now
                memory["scale"] = 1 / np.sqrt(var + EPSILON)
                memory["x_hat"] = (z - mean) * memory["scale"]
                z = layer["gamma"] * memory["x_hat"] + layer["beta"]
            a = memory["out"] = np.maximum(z, 0)
            kept.append(memory)
        return z, kept  # the last layer has no ReLU

    def loss(self, z, labels):
        """Mean cross-entropy (rates, seeds), and its gradient for the logits z."""
        p = np.exp(z - z.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)  # (rates, seeds, N, K)
        hot = np.eye(z.shape[-1], dtype=z.dtype)[labels]  # (seeds, N, K)
        tiny = np.finfo(z.dtype).tiny
        losses = -np.log(np.maximum((p * hot).sum(axis=-1), tiny)).mean(axis=-1)
        return losses, (p - hot) / z.shape[-2]

    def backward(self, dz, kept):
        """The gradients of all layers, from first to last."""
        grads = []
        for layer, memory in zip(self.layers[::-1], kept[::-1], strict=True):
            found = {}
            if grads:  # not the last layer: through its ReLU
                dz = dz * (memory["out"] > 0)
            if "gamma" in layer:
                x_hat = memory["x_hat"]
                found["gamma"] = (dz * x_hat).sum(axis=-2, keepdims=True)
                found["beta"] = dz.sum(axis=-2, keepdims=True)
                N = dz.shape[-2]
                inner = dz - found["beta"] / N - x_hat * found["gamma"] / N
                dz = layer["gamma"] * memory["scale"] * inner
            found["w"] = np.swapaxes(memory["a"], -1, -2) @ dz
            found["b"] = dz.sum(axis=-2, keepdims=True)
            grads.insert(0, found)
            if len(grads) < len(self.layers):
                dz = dz @ np.swapaxes(layer["w"], -1, -2)
        return grads

    def step(self, x, labels):
        """One step of gradient descent; the losses before it (rates, seeds)."""
        z, kept = self.forward(x, training=True)
        losses, dz = self.loss(z, labels)
        for layer, grads in zip(self.layers, self.backward(dz, kept), strict=True):
            for name, grad in grads.items():
                layer[name] -= self.rates * grad
        return losses

    def accuracy(self, x, labels):
        """Share of right answers (rates, seeds); without a number nothing is right."""
        right = []
        for i in range(0, len(x), 500):  # few at a time, for memory
            z, _ = self.forward(x[i : i + 500], training=False)
            hit = z.argmax(axis=-1) == labels[i : i + 500]
            right.append(hit & np.isfinite(z).all(axis=-1))
        return np.concatenate(right, axis=-1).mean(axis=-1)


def check():
    """The gradients against finite differences, on small networks in float64."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(1, 1, 6, 5)), rng.integers(3, size=(1, 6))
    for normalised in (False, True):
        start = STARTS["He"]
        nets = Networks(start, normalised, (5, 7, 6, 3), (1,), (0.1,), float)

        def value(nets=nets):
            return float(nets.loss(nets.forward(x, True)[0], labels)[0][0, 0])

        z, kept = nets.forward(x, training=True)
        grads = nets.backward(nets.loss(z, labels)[1], kept)
        for layer, found in zip(nets.layers, grads, strict=True):
            for name, grad in found.items():
                gradcheck(value, layer[name], grad, tolerance=1e-5)


def train(start, normalised, seeds, sets):
    """Trains a start: a history for each rate and seed, None where it diverged."""
    widths = (784, *[WIDTH] * DEPTH, CLASSES)
    nets = Networks(STARTS[start], normalised, widths, seeds, RATES)
    (x, y), told = sets["train"], {"loss": [], "val_accuracy": []}
    orders = [np.random.default_rng([seed, 1]) for seed in seeds]
    with np.errstate(all="ignore"):  # where a training diverges
        for _ in range(EPOCHS):
            order = np.array([rng.permutation(len(x)) for rng in orders])
            steps = []
            for i in range(0, len(x), BATCH):
                rows = order[:, i : i + BATCH]  # (seeds, N)
                steps.append(nets.step(x[rows][None], y[rows]))
            told["loss"].append(np.mean(steps, axis=0))
            told["val_accuracy"].append(nets.accuracy(*sets["val"]))
        test = nets.accuracy(*sets["test"])
    found = []
    for r, rate in enumerate(RATES):
        for s, seed in enumerate(seeds):
            history = {
                key: [round(float(v[r, s]), 4) for v in rows]
                for key, rows in told.items()
            }
            history["test_accuracy"] = round(float(test[r, s]), 4)
            fine = np.isfinite(history["loss"]).all()
            found.append(
                {"rate": rate, "seed": seed, "history": history if fine else None}
            )
    return found


def end(history, key):
    """The last number of a history; 0 where the training diverged."""
    return float(np.atleast_1d(history[key])[-1]) if history else 0.0


def choose(runs):
    """For each start: the rate of the best mean validation accuracy, tested."""
    found = []
    for normalised, start in itertools.product((False, True), STARTS):
        mine = {rate: [] for rate in RATES}
        for run in runs:
            if (run["start"], run["normalised"]) == (start, normalised):
                mine[run["rate"]].append(run["history"])
        means = {
            rate: np.mean([end(h, "val_accuracy") for h in histories])
            for rate, histories in mine.items()
        }
        rate = max(means, key=means.get)
        test = [100 * end(h, "test_accuracy") for h in mine[rate]]
        found.append(
            {
                "start": start,
                "normalised": normalised,
                "rate": rate,
                "test accuracy, %": round(float(np.mean(test)), 1),
                "least, %": round(min(test), 1),
                "most, %": round(max(test), 1),
                "rates that learn": [r for r in RATES if means[r] > 0.5],
            }
        )
    return found


def quoted(runs):
    """The figures for the page's prose: rates, and accuracies in percent."""
    keys = ("rate", "test accuracy, %", "least, %", "most, %")
    return {
        f"{b['start']}, {'with' if b['normalised'] else 'without'} BN, {key}": b[key]
        for b in choose(runs)
        for key in keys
    }


def main():
    """Trains all, chooses the rates, and writes the result."""
    options = _runner.options(__doc__)
    with _runner.experiment("initialisation", options, ["numpy"]) as run:
        check()
        digits = run.load(data.mnist)
        count, seeds = (1000, (0,)) if run.quick else (COUNT, SEEDS)
        x = digits.x_train[:count]
        mean, std = x.mean(), x.std()

        def rows(name, n=None):
            x = getattr(digits, f"x_{name}")[:n].reshape(-1, 784)  # (N, 784)
            return (x - mean) / std, getattr(digits, f"y_{name}")[:n]

        sets = {"train": rows("train", count), "val": rows("val", 1000)}
        sets["test"] = rows("test", 5000)
        settings = {
            "depth": DEPTH,
            "width": WIDTH,
            "links": LINKS,
            "pictures": count,
            "validation": 1000,
            "test": 5000,
            "epochs": EPOCHS,
            "batch": BATCH,
            "optimiser": "gradient descent without momentum",
            "rates": RATES,
            "momentum of the running averages": MOMENTUM,
        }
        runs = []
        for normalised, start in itertools.product((False, True), STARTS):
            name = f"{start}, {'with' if normalised else 'without'} BN"
            found = run.once(
                name,
                lambda s=start, n=normalised: train(s, n, seeds, sets),
                seeds=seeds,
                x=sets["train"][0],
                **settings,
            )
            who = {"start": start, "normalised": normalised}
            runs += [who | one for one in found]
            ends = [end(one["history"], "val_accuracy") for one in found]
            run.say(f"{name}: validation accuracies {min(ends):.3f} to {max(ends):.3f}")
        for chosen in choose(runs):
            run.say(str(chosen))
        run.write(
            settings=settings, runs=runs, quoted=quoted(runs), chosen=choose(runs)
        )


if __name__ == "__main__":
    main()
