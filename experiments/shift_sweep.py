"""How well do four networks read MNIST when the pictures are moved, turned or scaled?

Each network is trained on pictures as they are, with three seeds. Every second test
picture is then shifted, turned and scaled, and nothing is chosen by what comes out.
About half an hour on two cores.

    python -m experiments.shift_sweep            all of MNIST, strictly
    python -m experiments.shift_sweep --quick    500 images, nothing is written
"""

import numpy as np
from scipy import ndimage

from cnncourse import data
from cnncourse.keras_models import (
    fit,
    global_pool_cnn,
    mlp,
    one_pool_cnn,
    two_pool_cnn,
)

import keras  # isort: skip  # after the package, which sets it up

from . import _runner

MODELS = (mlp, one_pool_cnn, two_pool_cnn, global_pool_cnn)
SEEDS, EPOCHS, BATCH, RATE = (0, 1, 2), 5, 1024, 0.001
SHIFTS = tuple(range(-6, 7))  # pixels; right and down are positive
ANGLES = tuple(range(-40, 41, 10))  # degrees, counter-clockwise
SCALES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4)


def shifted(x, right=0, down=0):
    """Pictures (N, H, W, C) moved by whole pixels; what comes in is black."""
    y, (H, W) = np.zeros_like(x), x.shape[1:3]
    to_rows = slice(max(down, 0), H + min(down, 0))
    from_rows = slice(max(-down, 0), H + min(-down, 0))
    to_columns = slice(max(right, 0), W + min(right, 0))
    from_columns = slice(max(-right, 0), W + min(-right, 0))
    y[:, to_rows, to_columns] = x[:, from_rows, from_columns]
    return y


def turned(x, angle):
    """Pictures (N, H, W, C) turned about their middle, interpolated linearly."""
    return ndimage.rotate(x, angle, axes=(2, 1), reshape=False, order=1)


def scaled(x, factor):
    """Pictures (N, H, W, C) made larger or smaller about their middle."""
    middle = (np.array(x.shape[1:3]) - 1) / 2
    offset = (0, *(middle - middle / factor), 0)
    inverse = (1, 1 / factor, 1 / factor, 1)
    return ndimage.affine_transform(x, inverse, offset, order=1)


def train(build, seed, x, y):
    """One run; returns the network and what is to be written about it."""
    net = build(seed=seed)
    history = fit(
        net,
        x,
        y,
        epochs=EPOCHS,
        batch=BATCH,
        optimiser=keras.optimizers.Adam(RATE),
        rng=seed,
        on_epoch=lambda h: print(
            f"{net.name}, seed {seed}, epoch {len(h['loss'])} of {EPOCHS}: "
            f"training accuracy {h['accuracy'][-1]:.4f}, {h['seconds'][-1]:.0f} s",
            flush=True,
        ),
    )
    return net, {
        "model": net.name,
        "seed": seed,
        "parameters": net.count_params(),
        "history": {k: [round(v, 5) for v in values] for k, values in history.items()},
    }


def measure(net, x, y, moved, one):
    """Accuracies under every change, and what becomes of the answers and of a one."""
    answers = {key: _answers(net, pictures) for key, pictures in moved.items()}
    answers |= {("right", s): _answers(net, shifted(x, right=s)) for s in SHIFTS}
    answers |= {("down", s): _answers(net, shifted(x, down=s)) for s in SHIFTS}
    found = {"right": [], "down": [], "angle": [], "scale": []}
    for kind, values in zip(found, (SHIFTS, SHIFTS, ANGLES, SCALES), strict=True):
        for value in values:
            share = float(np.mean(answers[kind, value] == y))
            found[kind].append(round(share, 5))
    still = answers["right", 0]
    kept = {}  # share of pictures with one answer for all shifts of at most n pixels
    for n in (1, 2, 3):
        same = [answers["right", s] == still for s in range(-n, n + 1)]
        kept[str(n)] = round(float(np.mean(np.all(same, axis=0))), 5)
    ones = np.concatenate([shifted(one, right=s) for s in range(-3, 4)])
    shares = keras.ops.softmax(net.predict(ones, verbose=0)).numpy()
    raw = keras.ops.softmax(net.predict(255 * one, verbose=0)).numpy()
    return {
        "accuracy": found,
        "same_answer_within": kept,
        "average_one": {
            "answers": shares.argmax(axis=1).tolist(),
            "share_of_class_1": [round(float(p), 5) for p in shares[:, 1]],
            "answer_if_255_times_too_bright": int(raw.argmax()),
        },
    }


def _answers(net, x):
    return net.predict(x, batch_size=500, verbose=0).argmax(axis=1)


def quoted(runs):
    """The figures for the page's prose, each for the four networks, in percent."""
    found = {}
    means = {
        (build.__name__, key): 100
        * np.mean(
            [run["accuracy"][key] for run in runs if run["model"] == build.__name__],
            axis=0,
        )
        for build in MODELS
        for key in ("right", "down", "angle", "scale")
    }
    rows = {
        "accuracy in place": ("right", [6], 1),
        "accuracy at 3 pixels left or right": ("right", [3, 9], 0),
        "accuracy at 3 pixels up or down": ("down", [3, 9], 0),
    }
    for words, (key, places, digits) in rows.items():
        values = [means[build.__name__, key][places].mean() for build in MODELS]
        found[words] = [round(float(v), digits) for v in values]
    rows = {
        "error at size 0.8": ("scale", [2]),
        "error at a turn of 20 degrees": ("angle", [2, 6]),
    }
    for words, (key, places) in rows.items():
        values = [100 - means[build.__name__, key][places].mean() for build in MODELS]
        found[words] = [round(float(v)) for v in values]
    return found


def main():
    """Trains and measures every network with every seed, and writes the result."""
    options = _runner.options(__doc__)
    packages = ["numpy", "keras", "tensorflow", "scipy"]
    with _runner.experiment("shift_sweep", options, packages) as run:
        digits = run.load(data.mnist)
        count, every = (500, 100) if run.quick else (None, 2)
        x = digits.x_train[:count].transpose(0, 2, 3, 1)  # (N, H, W, C)
        y = digits.y_train[:count]
        x_test = digits.x_test[::every].transpose(0, 2, 3, 1)  # (N, H, W, C)
        y_test = digits.y_test[::every]
        one = x[y == 1].mean(axis=0, keepdims=True)  # (1, H, W, C), from 0 to 1
        moved = {("angle", a): turned(x_test, a) for a in ANGLES}
        moved |= {("scale", f): scaled(x_test, f) for f in SCALES}
        plain = {"epochs": EPOCHS, "batch": BATCH, "optimiser": f"Adam({RATE})"}
        swept = {"shifts": SHIFTS, "angles": ANGLES, "scales": SCALES}

        def trained_and_measured(build, seed):
            net, found = train(build, seed, x, y)
            found |= measure(net, x_test, y_test, moved, one)
            shares = " ".join(f"{100 * s:.1f}" for s in found["accuracy"]["right"])
            print(f"{net.name}, seed {seed}, shifts -6 to 6: {shares}", flush=True)
            return found

        runs = [
            run.once(
                f"{build.__name__}, seed {seed}",
                lambda build=build, seed=seed: trained_and_measured(build, seed),
                **plain,
                **swept,
                x=x,
                x_test=x_test,
            )
            for seed in SEEDS[: 1 if run.quick else None]
            for build in MODELS
        ]
        run.write(
            settings=plain | swept,
            runs=runs,
            quoted=quoted(runs),
            data={
                "train": len(x),
                "test": len(x_test),
                "which": "every second test picture",
            },
        )


if __name__ == "__main__":
    main()
