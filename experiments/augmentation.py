"""What does each way of changing training pictures buy, and what does it cost?

One small convolutional network learns digits as they are, moved, turned, resized,
mirrored, or moved, turned and resized at once, from few pictures and from many, with
three seeds. Its test pictures are then moved, turned, resized and mirrored as well;
nothing is chosen by what comes out. About ten minutes on two cores.

    python -m experiments.augmentation            MNIST, strictly
    python -m experiments.augmentation --quick    a little of it, nothing is written
"""

import numpy as np
from scipy import ndimage

from cnncourse import data
from cnncourse.keras_models import small_cnn

import keras  # isort: skip  # after the package, which sets it up

from . import _runner

SEEDS, BATCH, RATE = (0, 1, 2), 64, 0.002
EPOCHS = {1_000: 30, 5_000: 6}  # pictures: how often each is seen; equal steps
MOVE, TURN, ZOOM = 0.15, 20 / 360, 0.2  # shares of the width, of a full turn, of 1
PIXELS, DEGREES, SIZES = 4, 20, (0.85, 1.2)  # how the test pictures are changed
KINDS = ("plain", "moved", "turned", "resized", "mirrored")
WAYS = {
    "none": (),
    "shift": ("move",),
    "rotate": ("turn",),
    "zoom": ("zoom",),
    "flip": ("flip",),
    "shift, rotate, zoom": ("move", "turn", "zoom"),
}


def changes(names, seed):
    """The random layers of one way, each with a seed of its own."""
    black = {"fill_mode": "constant", "fill_value": 0.0}
    builders = {
        "move": lambda s: keras.layers.RandomTranslation(MOVE, MOVE, seed=s, **black),
        "turn": lambda s: keras.layers.RandomRotation(TURN, seed=s, **black),
        "zoom": lambda s: keras.layers.RandomZoom(ZOOM, seed=s, **black),
        "flip": lambda s: keras.layers.RandomFlip("horizontal", seed=s),
    }
    return [builders[name](10 * seed + i) for i, name in enumerate(names)]


def network(names, seed):
    """The random layers in front of the small network; all of it from one seed."""
    shape = keras.Input((28, 28, 1))
    return keras.Sequential([shape, *changes(names, seed), small_cnn(seed=seed)])


def moved(x, right=0, down=0):
    """Pictures (N, H, W, C) moved by whole pixels; what comes in is black."""
    return ndimage.shift(x, (0, down, right, 0), order=0)


def resized(x, factor):
    """Pictures (N, H, W, C) made larger or smaller about their middle."""
    middle = (np.array(x.shape[1:3]) - 1) / 2
    offset = (0, *(middle - middle / factor), 0)
    return ndimage.affine_transform(x, (1, 1 / factor, 1 / factor, 1), offset, order=1)


def tests(x, y):
    """The test pictures of each kind, as a list of (pictures, labels)."""
    few, labels = x[::2], y[::2]  # of those given
    ways = [(PIXELS, 0), (-PIXELS, 0), (0, PIXELS), (0, -PIXELS)]
    turn = {"axes": (2, 1), "reshape": False, "order": 1}
    return {
        "plain": [(x, y)],
        "moved": [(moved(few, *way), labels) for way in ways],
        "turned": [
            (ndimage.rotate(few, a, **turn), labels) for a in (DEGREES, -DEGREES)
        ],
        "resized": [(resized(few, size), labels) for size in SIZES],
        "mirrored": [(x[:, :, ::-1], y)],
    }


def measure(net, pictures):
    """Accuracy for each kind, and accuracy and confusions class by class."""
    accuracy, answers = {}, {}
    for kind, sets in pictures.items():
        told = [net.predict(x, batch_size=500, verbose=0).argmax(1) for x, _ in sets]
        right = [np.mean(a == y) for a, (_, y) in zip(told, sets, strict=True)]
        accuracy[kind] = round(float(np.mean(right)), 5)
        answers[kind] = told[0]
    y = pictures["plain"][0][1]
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y, answers["plain"]), 1)
    by_class = {
        kind: [round(float(np.mean(answers[kind][y == c] == c)), 5) for c in range(10)]
        for kind in ("plain", "mirrored")
    }
    return {"accuracy": accuracy, "by_class": by_class, "confusion": counts.tolist()}


def mean(runs, way, count, key):
    """Mean over the seeds of one way, in percent; ``key`` takes it from a run."""
    found = [key(r) for r in runs if r["way"] == way and r["count"] == count]
    return 100 * float(np.mean(found))


def figures(runs):
    """What a page may quote, in percent, rounded as it is quoted."""
    quoted = {}
    for count in sorted({run["count"] for run in runs}):
        for way in WAYS:
            for kind in KINDS:
                share = mean(runs, way, count, lambda r, k=kind: r["accuracy"][k])
                quoted[f"{count}, {way}, {kind}"] = round(share, 1)
        for way in ("none", "flip"):
            for c in range(10):
                share = mean(runs, way, count, lambda r, c=c: r["by_class"]["plain"][c])
                quoted[f"{count}, {way}, class {c}"] = round(share, 1)
    return quoted


def main():
    """Trains and measures every way with every seed, and writes the result."""
    options = _runner.options(__doc__)
    packages = ["numpy", "keras", "tensorflow", "scipy"]
    with _runner.experiment("augmentation", options, packages=packages) as run:
        digits = run.load(data.mnist)
        every = 10 if run.quick else 2
        pictures = tests(
            digits.x_test[::every].transpose(0, 2, 3, 1),  # (N, H, W, C)
            digits.y_test[::every],
        )
        plan = {500: 2} if run.quick else EPOCHS
        runs = []
        for seed in SEEDS[: 1 if run.quick else None]:
            for count, epochs in plan.items():
                x = digits.x_train[:count].transpose(0, 2, 3, 1)  # (N, H, W, C)
                y = digits.y_train[:count]
                for way, names in WAYS.items():
                    net, found = run.train(
                        f"{way}, {count} pictures, seed {seed}",
                        lambda s, names=names: network(names, s),
                        x,
                        y,
                        seed=seed,
                        epochs=epochs,
                        batch=BATCH,
                        optimiser=lambda: keras.optimizers.Adam(RATE),
                    )
                    found |= {"way": way, "count": count, **measure(net, pictures)}
                    runs.append(found)
                    print(found["label"], found["accuracy"], flush=True)
        run.write(
            settings={
                "epochs": {str(count): epochs for count, epochs in plan.items()},
                "batch": BATCH,
                "optimiser": f"Adam({RATE})",
                "shift": f"up to {MOVE} of height and width",
                "rotate": f"up to {DEGREES} degrees",
                "zoom": f"RandomZoom({ZOOM})",
                "test, moved": f"{PIXELS} pixels right, left, down, up",
                "test, turned": f"{DEGREES} degrees to either side",
                "test, resized": f"to {SIZES[0]} and {SIZES[1]} times the size",
                "test pictures": "every second as is and mirrored, every fourth else",
            },
            runs=runs,
            quoted=figures(runs),
        )


if __name__ == "__main__":
    main()
