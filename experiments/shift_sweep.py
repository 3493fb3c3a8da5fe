"""How well do four networks read MNIST when the pictures are moved, turned or scaled?

Each network is trained on pictures as they are, with three seeds. Every second test
picture is then shifted, turned and scaled, and nothing is chosen by what comes out.
About half an hour on two cores.

    python -m experiments.shift_sweep            all of MNIST, strictly
    python -m experiments.shift_sweep --quick    2,000 images, nothing is written
"""

import argparse
import time

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

from . import _record

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


def main():
    """Trains and measures every network with every seed, and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 images, one seed")
    quick = parser.parse_args().quick
    started = time.perf_counter()
    digits = data.mnist() if quick else data.mnist(strict=True)
    count = 2000 if quick else None
    x = digits.x_train[:count].transpose(0, 2, 3, 1)  # (N, H, W, C)
    y = digits.y_train[:count]
    every = 20 if quick else 2
    x_test = digits.x_test[::every].transpose(0, 2, 3, 1)  # (N, H, W, C)
    y_test = digits.y_test[::every]
    one = x[y == 1].mean(axis=0, keepdims=True)  # (1, H, W, C), from 0 to 1
    moved = {("angle", a): turned(x_test, a) for a in ANGLES}
    moved |= {("scale", f): scaled(x_test, f) for f in SCALES}
    runs = []
    for seed in SEEDS[: 1 if quick else None]:
        for build in MODELS:
            net, run = train(build, seed, x, y)
            runs.append(run | measure(net, x_test, y_test, moved, one))
            shares = runs[-1]["accuracy"]["right"]
            line = " ".join(f"{100 * share:.1f}" for share in shares)
            print(f"{net.name}, seed {seed}, shifts -6 to 6: {line}", flush=True)
    if quick:
        print("This was the quick run: results/shift_sweep.json is as it was.")
        return
    path = _record.write(
        "shift_sweep",
        ["numpy", "keras", "tensorflow", "scipy"],
        started,
        data={
            "name": digits.name,
            "source": digits.source,
            "train": len(x),
            "test": len(x_test),
            "which": "every second test picture",
        },
        settings={
            "epochs": EPOCHS,
            "batch": BATCH,
            "optimiser": f"Adam({RATE})",
            "shifts": SHIFTS,
            "angles": ANGLES,
            "scales": SCALES,
        },
        runs=runs,
    )
    print("written:", path.name)


if __name__ == "__main__":
    main()
