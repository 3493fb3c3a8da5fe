"""Which ways to hold back a network that has few pictures help, and how much?

One convolutional network learns digits from 1,000 pictures: plainly, with L2, L1 and
both, with a limit for the weights' norms, dropout, smoothed labels or early stopping,
and plainly with four times as many pictures. All take the same number of steps, except
that early stopping takes fewer. Each way has three strengths and three seeds. The
strength is the one with the best mean validation accuracy; the test pictures then see
the chosen networks only. About 20 minutes on one core.

    python -m experiments.regularisation            MNIST, strictly
    python -m experiments.regularisation --quick    300 pictures, nothing is written
"""

import numpy as np

from cnncourse import data
from cnncourse.keras_models import one_pool_cnn  # noqa: F401  sets Keras up

import keras  # isort: skip  # after the package, which sets it up

from . import _runner

SEEDS, BATCH, RATE = (0, 1, 2), 50, 0.001
COUNT, TIMES, EPOCHS, VAL = 1000, 4, 32, 1000
PATIENCE = 5  # epochs without a lower validation loss
TINY, SPAN, BINS = 0.001, 0.4, 40
GRID = {
    "none": (None,),
    "L2": (0.0001, 0.001, 0.01),
    "L1": (0.00001, 0.0001, 0.001),
    "elastic": (0.00001, 0.0001, 0.001),  # of L1, and ten times that of L2
    "max-norm": (0.5, 1.0, 2.0),
    "dropout": (0.25, 0.5, 0.75),
    "smoothing": (0.05, 0.1, 0.2),
}
PENALTIES = {
    "L2": keras.regularizers.L2,
    "L1": keras.regularizers.L1,
    "elastic": lambda strength: keras.regularizers.L1L2(strength, 10 * strength),
}


class Smoothed(keras.losses.Loss):
    """Cross-entropy of logits and integer labels that are mixed with equal shares."""

    def __init__(self, amount, **options):
        super().__init__(**options)
        self.amount = amount

    def call(self, y_true, y_pred):
        """One loss for each picture; labels (N,), logits (N, K)."""
        classes = y_pred.shape[-1]
        hot = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), classes)
        target = (1 - self.amount) * hot + self.amount / classes  # (N, K)
        return keras.losses.categorical_crossentropy(target, y_pred, from_logits=True)

    def get_config(self):
        """What the loss depends on."""
        return super().get_config() | {"amount": self.amount}


def network(way, strength, seed):
    """8 kernels, pool, 16 kernels, pool, dense 128, dense 10; 37,610 parameters."""
    seeds = iter(range(10 * seed, 10 * seed + 10))

    def options(axes):
        penalty = PENALTIES[way](strength) if way in PENALTIES else None
        limit = keras.constraints.MaxNorm(strength, axes) if way == "max-norm" else None
        start = keras.initializers.GlorotUniform(next(seeds))
        more = {"kernel_initializer": start, "kernel_constraint": limit}
        return more | {"kernel_regularizer": penalty}

    drop = [keras.layers.Dropout(strength, seed=9)] if way == "dropout" else []
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 5, activation="relu", **options([0, 1, 2])),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(16, 5, activation="relu", **options([0, 1, 2])),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu", **options(0)),
            *drop,
            keras.layers.Dense(10, **options(0)),
        ]
    )


def pictures(digits, part, count=None):
    """Pictures (N, H, W, C) and labels (N,) of one part of the set."""
    x, y = getattr(digits, f"x_{part}")[:count], getattr(digits, f"y_{part}")[:count]
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)), y  # (N, H, W, C)


def measure(net, x, y):
    """Accuracy, cross-entropy and mean largest share; all without penalties."""
    parts = [net(x[i : i + 500], training=False) for i in range(0, len(x), 500)]
    z = np.concatenate([np.asarray(part, float) for part in parts])  # (N, K)
    logs = z - z.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    found = {
        "accuracy": np.mean(z.argmax(axis=1) == y),
        "loss": -logs[np.arange(len(y)), y].mean(),
        "top_share": np.exp(logs.max(axis=1)).mean(),
    }
    return {name: round(float(value), 5) for name, value in found.items()}


def weights(net):
    """Sizes of the weights, biases left out, and how often each value occurs."""
    w = np.concatenate([np.ravel(v) for v in net.get_weights() if v.ndim > 1])
    counts, _ = np.histogram(w, BINS, (-SPAN, SPAN))
    return {
        "rms": round(float(np.sqrt(np.mean(w**2))), 5),
        "tiny": round(float(np.mean(np.abs(w) < TINY)), 5),
        "zero": round(float(np.mean(w == 0)), 5),
        "negative": round(float(np.mean(w < 0)), 5),
        "outside": int(np.sum(np.abs(w) > SPAN)),
        "counts": counts.tolist(),
    }


def patient(losses):
    """(best, last) epoch if training stops PATIENCE epochs after its best one."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best == PATIENCE:
            break
    return best + 1, epoch + 1


class Sweep:
    """Trains every way with every strength and seed; keeps what was measured."""

    def __init__(self, run, digits, count, epochs):
        self.run, self.epochs, self.digits, self.count = run, epochs, digits, count
        self.val = pictures(digits, "val", 300 if run.quick else VAL)
        self.runs, self.kept = [], {}

    def train(self, way, strength, seed, epochs=None, times=1, name=None):
        """One training; what is found joins ``runs``, its weights ``kept``."""
        name = name or way
        x, y = pictures(self.digits, "train", times * self.count)
        strong = "" if strength is None else f" {strength:g}"
        net, found = self.run.train(
            f"{name}{strong}, seed {seed}",
            lambda s: network(way, strength, s),
            x,
            y,
            seed=seed,
            epochs=epochs or max(1, self.epochs // times),
            batch=BATCH,
            optimiser=lambda: keras.optimizers.Adam(RATE),
            val=self.val,
            loss=Smoothed(strength) if way == "smoothing" else None,
        )
        found |= {"way": name, "strength": strength, "pictures": len(x)}
        found |= {"train": measure(net, x, y), "val": measure(net, *self.val)}
        found["weights"] = weights(net)
        self.runs.append(found)
        self.kept[found["label"]] = net.get_weights()
        keras.backend.clear_session()
        return found

    def all(self, seeds, strengths=None):
        """Every way, strength and seed."""
        for seed in seeds:
            for way, values in GRID.items():
                for strength in values[:strengths]:
                    found = self.train(way, strength, seed)
                    if way == "none":
                        best, last = patient(found["history"]["val_loss"])
            early = self.train("none", None, seed, best, name="early stopping")
            early |= {"best": best, "last": last}
            self.train("none", None, seed, times=TIMES, name="more pictures")

    def choose(self):
        """The runs of each way with its best strength, their test measured."""
        count = 300 if self.run.quick else None
        chosen, test = {}, pictures(self.digits, "test", count)
        for way in dict.fromkeys(run["way"] for run in self.runs):
            by = {}
            for found in self.runs:
                if found["way"] == way:
                    by.setdefault(found["strength"], []).append(found)
            chosen[way] = max(by.values(), key=lambda runs: mean(runs, "val"))
            for found in chosen[way]:
                net = network("none", None, 0)  # the same layers but for dropout
                net.set_weights(self.kept[found["label"]])
                found["test"] = measure(net, *test)
        return chosen


def mean(runs, part, name="accuracy"):
    """Mean over the seeds."""
    return float(np.mean([run[part][name] for run in runs]))


def figures(chosen):
    """What a page may quote, rounded; shares in percent, gaps in points."""
    quoted = {}
    for way, runs in chosen.items():
        train, test = 100 * mean(runs, "train"), 100 * mean(runs, "test")
        each = [100 * run["test"]["accuracy"] for run in runs]
        sure = 100 * mean(runs, "test", "top_share")
        found = {
            "strength": runs[0]["strength"],
            "training": round(train, 1),
            "validation": round(100 * mean(runs, "val"), 1),
            "test": round(test, 1),
            "test error": round(100 - test, 1),
            "least and largest test": [round(min(each), 1), round(max(each), 1)],
            "gap": round(train - test, 1),
            "test loss": round(mean(runs, "test", "loss"), 3),
            "test loss, two digits": round(mean(runs, "test", "loss"), 2),
            "largest share": round(sure, 1),
            "largest share less accuracy": round(sure - test, 1),
            "weights, rms": round(mean(runs, "weights", "rms"), 3),
            "weights below 0.001": round(100 * mean(runs, "weights", "tiny"), 1),
            "weights below 0.001, whole": round(100 * mean(runs, "weights", "tiny")),
            "weights exactly 0": round(100 * mean(runs, "weights", "zero"), 2),
            "weights below 0": round(100 * mean(runs, "weights", "negative")),
        }
        if way == "early stopping":
            found["kept epochs"] = [run["best"] for run in runs]
            found["stopped after epochs"] = [run["last"] for run in runs]
        quoted[way] = found
    plain = quoted["none"]["test"]
    for found in quoted.values():
        found["gain"] = round(found["test"] - plain, 1)
    return quoted


def main():
    """Trains all, chooses, tests once and writes the result."""
    options = _runner.options(__doc__)
    packages = ["numpy", "keras", "tensorflow"]
    with _runner.experiment("regularisation", options, packages=packages) as run:
        digits = run.load(data.mnist)
        if run.quick:
            sweep = Sweep(run, digits, 100, 4)
            sweep.all(SEEDS[:1], 1)
        else:
            sweep = Sweep(run, digits, COUNT, EPOCHS)
            sweep.all(SEEDS)
        chosen = sweep.choose()
        for way, runs in chosen.items():
            parts = [f"{part} {mean(runs, part):.4f}" for part in ("train", "test")]
            run.say(f"{way:15} {runs[0]['strength']!s:7} {', '.join(parts)}")
        for found in sweep.runs:
            found["chosen"] = "test" in found
            if not found["chosen"]:
                del found["weights"]["counts"]
                found["history"] = {"seconds": found["history"]["seconds"][-1:]}
        run.write(
            settings={
                "network": "conv 8@5x5, pool, conv 16@5x5, pool, dense 128, dense 10",
                "training pictures": COUNT,
                "more pictures": TIMES * COUNT,
                "validation pictures": VAL,
                "epochs": EPOCHS,
                "steps": EPOCHS * COUNT // BATCH,
                "batch": BATCH,
                "optimiser": f"Adam({RATE})",
                "grid": {way: list(values) for way, values in GRID.items()},
                "elastic": "L1 of this strength, L2 of ten times it",
                "patience": PATIENCE,
                "tiny": TINY,
                "span": SPAN,
            },
            runs=sweep.runs,
            quoted=figures(chosen),
        )


if __name__ == "__main__":
    main()
