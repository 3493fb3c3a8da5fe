"""How well does the network of the page *A CNN in NumPy* read MNIST?

Three epochs over the training images, three seeds; the validation images are looked
at after every epoch, the test images once, at the end. About two minutes on one core.

    python -m experiments.numpy_cnn            all of MNIST, strictly
    python -m experiments.numpy_cnn --quick    2,000 images, nothing is written
"""

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

from . import _runner

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


def train(digits, seed, count=None):
    """One run on so many images: its history, and how it answers the test images."""
    net = network(seed)
    history = fit(
        net,
        digits.x_train[:count],
        digits.y_train[:count],
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


def quoted(runs):
    """The figures for the page's prose: accuracies in percent."""
    accuracy = [run["test_accuracy"] for run in runs]
    return {
        "test accuracy of each seed": [round(100 * a, 2) for a in accuracy],
        "mean test accuracy": round(100 * float(np.mean(accuracy)), 2),
    }


def main():
    """Trains every seed, prints the test accuracies and writes the result."""
    options = _runner.options(__doc__)
    with _runner.experiment("numpy_cnn", options, ["numpy"]) as run:
        digits, count = run.load(data.mnist), 2000 if run.quick else None
        plain = {"epochs": EPOCHS, "batch": BATCH, "optimiser": f"Momentum({LR})"}
        runs = [
            run.once(
                f"seed {seed}",
                lambda seed=seed: train(digits, seed, count),
                **plain,
                x=digits.x_train[:count],
                x_test=digits.x_test,
            )
            for seed in SEEDS[: 1 if run.quick else None]
        ]
        print("test accuracy:", [found["test_accuracy"] for found in runs])
        run.write(settings=plain, runs=runs, quoted=quoted(runs))


if __name__ == "__main__":
    main()
