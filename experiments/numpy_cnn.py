"""How well does the network of the page *A CNN in NumPy* read MNIST?

Three epochs over the training images, three seeds; the validation images are looked
at after every epoch, the test images once, at the end. About two minutes on one core.

    python -m experiments.numpy_cnn            all of MNIST, strictly
    python -m experiments.numpy_cnn --quick    2,000 images, nothing is written
"""

import argparse
import dataclasses
import time

import numpy as np

from cnncourse import data
from cnncourse.numpy_nn import (
    BatchNorm,
    Conv2d,
    Dense,
    Flatten,
    MaxPool2d,
    Momentum,
    ReLU,
    Sequential,
    fit,
)

from . import _record

SEEDS, EPOCHS, BATCH, LR = (0, 1, 2), 3, 64, 0.05


def network(seed):
    """12,042 parameters; the same as on the page."""
    rng = np.random.default_rng(seed)
    return Sequential(
        Conv2d(1, 8, kernel=5, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Conv2d(8, 16, kernel=5, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Dense(256, 32, rng=rng),
        BatchNorm(32),
        ReLU(),
        Dense(32, 10, rng=rng),
    )


def train(digits, seed):
    """One run: its history, and how it answers the test images."""
    net = network(seed)
    history = fit(
        net,
        digits.x_train,
        digits.y_train,
        epochs=EPOCHS,
        batch=BATCH,
        optimiser=Momentum(LR),
        val=(digits.x_val, digits.y_val),
        rng=seed,
        on_epoch=lambda h: print(
            f"seed {seed}, epoch {len(h['loss'])} of {EPOCHS}: "
            f"validation accuracy {h['val_accuracy'][-1]:.4f}, "
            f"{h['seconds'][-1]:.0f} s",
            flush=True,
        ),
    )
    answers = net.predict(digits.x_test).argmax(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (digits.y_test, answers), 1)
    return {
        "seed": seed,
        "parameters": net.parameters(),
        "history": {k: [round(v, 5) for v in values] for k, values in history.items()},
        "test_accuracy": round(float(np.mean(answers == digits.y_test)), 5),
        "confusion": counts.tolist(),
    }


def main():
    """Trains every seed, prints the test accuracies and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 images, one seed")
    quick = parser.parse_args().quick
    started = time.perf_counter()
    digits = data.mnist() if quick else data.mnist(strict=True)
    if quick:
        first = {"x_train": digits.x_train[:2000], "y_train": digits.y_train[:2000]}
        digits = dataclasses.replace(digits, **first)
    runs = [train(digits, seed) for seed in SEEDS[: 1 if quick else None]]
    print("test accuracy:", [run["test_accuracy"] for run in runs])
    if quick:
        print("This was the quick run: results/numpy_cnn.json is as it was.")
        return
    path = _record.write(
        "numpy_cnn",
        ["numpy"],
        started,
        data={
            "name": digits.name,
            "source": digits.source,
            "train": len(digits.x_train),
            "val": len(digits.x_val),
            "test": len(digits.x_test),
        },
        settings={"epochs": EPOCHS, "batch": BATCH, "optimiser": f"Momentum({LR})"},
        runs=runs,
    )
    print("written:", path.name)


if __name__ == "__main__":
    main()
