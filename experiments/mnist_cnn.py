"""How well does the network of the page *A CNN in Keras and TensorFlow* read MNIST?

Five epochs over the training images, three seeds: He's start, dropout, and a learning
rate that falls along a cosine. The validation images are looked at after every epoch,
the test images once, at the end. One more run has the settings of the old tutorial that
the network comes from: 1,000 steps. About 12 minutes on two cores.

    python -m experiments.mnist_cnn            all of MNIST, strictly
    python -m experiments.mnist_cnn --quick    1,000 images, nothing is written
"""

import numpy as np

from cnncourse import data
from cnncourse.keras_models import mnist_cnn

import keras  # isort: skip  # after the package, which sets it up

from . import _runner

SEEDS, EPOCHS, BATCH, RATE, DROPOUT = (0, 1, 2), 5, 100, 0.001, 0.5
OLD_RATE, OLD_EPOCHS, OLD_COUNT = 0.0001, 2, 50_000  # 2 x 500 steps of 100 images
WORST = 12


def pictures(digits, part, count=None):
    """Pictures (N, H, W, C) and labels (N,) of one part of the set."""
    x, y = getattr(digits, f"x_{part}"), getattr(digits, f"y_{part}")
    x = np.ascontiguousarray(x[:count].transpose(0, 2, 3, 1))  # (N, H, W, C)
    return x, y[:count]


def falling(steps):
    """Adam with a rate that falls from RATE to 0 along half a cosine."""
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))


def shares(net, x):
    """What the network gives each class, (N, K): the softmax of its logits."""
    logits = net.predict(x, batch_size=500, verbose=0).astype(float)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def measure(net, x, y):
    """Test accuracy, who was taken for whom, and the images that went worst."""
    p = shares(net, x)  # (N, K)
    answers = p.argmax(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y, answers), 1)
    right = p[np.arange(len(y)), y]
    wrong = np.flatnonzero(answers != y)
    worst = wrong[np.argsort(right[wrong], kind="stable")[:WORST]]
    return {
        "test_accuracy": round(float(np.mean(answers == y)), 5),
        "mistakes": len(wrong),
        "confusion": counts.tolist(),
        "worst": [
            {
                "index": int(i),
                "label": int(y[i]),
                "answer": int(answers[i]),
                "share_of_label": round(float(right[i]), 6),
                "share_of_answer": round(float(p[i].max()), 6),
            }
            for i in worst
        ],
    }


def old_run(run, digits, val, test):
    """The settings of the sources; also the loss before any step."""
    count, epochs = (1000, 1) if run.quick else (OLD_COUNT, OLD_EPOCHS)
    x, y = pictures(digits, "train", count)
    p = shares(mnist_cnn(start="source", seed=0), x[:BATCH])
    loss = float(-np.log(np.maximum(p[np.arange(BATCH), y[:BATCH]], 1e-300)).mean())
    net, found = run.train(
        "source, seed 0",
        lambda seed: mnist_cnn(start="source", seed=seed),
        x,
        y,
        seed=0,
        epochs=epochs,
        batch=BATCH,
        optimiser=lambda: keras.optimizers.Adam(OLD_RATE),
        val=val,
    )
    return found | {
        "steps": epochs * len(x) // BATCH,
        "loss_at_step_0": round(loss, 4),
        "loss_at_step_0_summed_over_a_batch": round(BATCH * loss, 2),
        **measure(net, *test),
    }


def quoted(runs, old):
    """The figures for the page's prose, rounded; accuracies in percent."""
    accuracy = [run["test_accuracy"] for run in runs]
    val = [run["history"]["val_accuracy"][-1] for run in runs]
    first = [run["history"]["val_accuracy"][0] for run in runs]
    return {
        "test accuracy of each seed": [round(100 * a, 2) for a in accuracy],
        "mean test accuracy": round(100 * float(np.mean(accuracy)), 2),
        "mean test error": round(100 - 100 * float(np.mean(accuracy)), 2),
        "least and largest test accuracy, one digit": [
            round(100 * min(accuracy), 1),
            round(100 * max(accuracy), 1),
        ],
        "mean validation accuracy": round(100 * float(np.mean(val)), 2),
        "mean validation accuracy after one epoch": round(
            100 * float(np.mean(first)), 2
        ),
        "old settings, test accuracy": round(100 * old["test_accuracy"], 2),
        "old settings, test accuracy, one digit": round(100 * old["test_accuracy"], 1),
        "old settings, loss at step 0": round(old["loss_at_step_0"], 2),
        "old settings, loss at step 0, one digit": round(old["loss_at_step_0"], 1),
        "old settings, summed loss at step 0": round(100 * old["loss_at_step_0"]),
    }


def main():
    """Trains every seed, measures once and writes the result."""
    options = _runner.options(__doc__)
    packages = ["numpy", "keras", "tensorflow"]
    with _runner.experiment("mnist_cnn", options, packages) as run:
        digits = run.load(data.mnist)
        x, y = pictures(digits, "train", 1000 if run.quick else None)
        val = pictures(digits, "val", 500 if run.quick else None)
        test = pictures(digits, "test", 500 if run.quick else None)
        epochs = 2 if run.quick else EPOCHS
        steps = epochs * -(-len(x) // BATCH)
        runs = []
        for seed in SEEDS[: 1 if run.quick else None]:
            net, found = run.train(
                f"he, seed {seed}",
                lambda seed: mnist_cnn(dropout=DROPOUT, start="he", seed=seed),
                x,
                y,
                seed=seed,
                epochs=epochs,
                batch=BATCH,
                optimiser=lambda: falling(steps),
                val=val,
            )
            runs.append(found | measure(net, *test))
        old = old_run(run, digits, val, test)
        print("test accuracy:", [r["test_accuracy"] for r in [*runs, old]])
        run.write(
            settings={
                "start": "he",
                "dropout": DROPOUT,
                "epochs": epochs,
                "batch": BATCH,
                "optimiser": f"Adam, rate {RATE} to 0 by a cosine of {steps} steps",
                "old": f"start 'source', no dropout, Adam({OLD_RATE}), batch {BATCH}, "
                f"{OLD_EPOCHS} epochs of the first {OLD_COUNT} images",
            },
            runs=runs,
            old=old,
            quoted=quoted(runs, old),
        )


if __name__ == "__main__":
    main()
