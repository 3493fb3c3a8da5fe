"""What does each way of changing training pictures buy, and what does it cost?

One small convolutional network learns digits as they are, moved, turned, resized, cut
out and enlarged, in another light, mirrored, or moved, turned and resized at once, from
few pictures and from many, with three seeds. Its test pictures are then changed as
well; nothing is chosen by what comes out. About eight minutes on one core.

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
EPOCHS = {1_000: 30, 5_000: 6}  # pictures: how often each is seen; 480 and 474 steps
MOVE, TURN, ZOOM = 0.15, 20 / 360, 0.3  # shares of the width, of a full turn, of 1
CROP, LIGHT, CONTRAST = 22, 0.4, 0.6  # pixels; shares of the range, of the contrast
PIXELS, DEGREES, SMALLER, LARGER, FADED = 4, 20, 0.8, 1.25, 0.4  # in the test
KINDS = ("plain", "moved", "turned", "smaller", "larger", "faded", "mirrored")
WAYS = {
    "none": (),
    "shift": ("move",),
    "rotate": ("turn",),
    "zoom": ("zoom",),
    "crop": ("crop", "enlarge"),
    "light": ("brightness", "contrast"),
    "flip": ("flip",),
    "shift, rotate, zoom": ("move", "turn", "zoom"),
}


def changes(names, seed):
    """The random layers of one way, each with a seed of its own."""
    layers, black = keras.layers, {"fill_mode": "constant", "fill_value": 0.0}
    values = {"value_range": (0, 1)}
    both = (CONTRAST, CONTRAST)  # one number alone would only raise the contrast
    builders = {
        "move": lambda s: layers.RandomTranslation(MOVE, MOVE, seed=s, **black),
        "turn": lambda s: layers.RandomRotation(TURN, seed=s, **black),
        "zoom": lambda s: layers.RandomZoom(ZOOM, seed=s, **black),
        "crop": lambda s: layers.RandomCrop(CROP, CROP, seed=s),
        "enlarge": lambda s: layers.Resizing(28, 28),
        "brightness": lambda s: layers.RandomBrightness(LIGHT, seed=s, **values),
        "contrast": lambda s: layers.RandomContrast(both, seed=s, **values),
        "flip": lambda s: layers.RandomFlip("horizontal", seed=s),
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
    """The test pictures of each kind: kind -> (pictures, labels)."""
    few = x[::2]  # of those given
    ways = [(PIXELS, 0), (-PIXELS, 0), (0, PIXELS), (0, -PIXELS)]
    turn = {"axes": (2, 1), "reshape": False, "order": 1}
    changed = {
        "moved": [moved(few, *way) for way in ways],
        "turned": [ndimage.rotate(few, a, **turn) for a in (DEGREES, -DEGREES)],
        "smaller": [resized(few, SMALLER)],
        "larger": [resized(few, LARGER)],
        "faded": [FADED * few, FADED * few + FADED],  # on black, on grey
    }
    some = {
        kind: (np.concatenate(sets), np.tile(y[::2], len(sets)))
        for kind, sets in changed.items()
    }
    return {"plain": (x, y), **some, "mirrored": (x[:, :, ::-1], y)}


def measure(net, pictures):
    """For each kind accuracy, in all and class by class; confusions when plain."""
    accuracy, by_class, counts = {}, {}, np.zeros((10, 10), int)
    for kind, (x, y) in pictures.items():
        told = net.predict(x, batch_size=500, verbose=0).argmax(1)
        accuracy[kind] = round(float(np.mean(told == y)), 5)
        shares = [np.mean(told[y == c] == c) for c in range(10)]
        by_class[kind] = [round(float(share), 5) for share in shares]
        if kind == "plain":
            np.add.at(counts, (y, told), 1)
    return {"accuracy": accuracy, "by_class": by_class, "confusion": counts.tolist()}


def mean(runs, way, count, key):
    """Mean over the seeds of one way, in percent; ``key`` takes it from a run."""
    found = [key(r) for r in runs if r["way"] == way and r["count"] == count]
    return round(100 * float(np.mean(found)), 1)


def quoted(runs):
    """What a page may quote, in percent, rounded as it is quoted."""
    found = {}
    for count in sorted({run["count"] for run in runs}):
        for way in WAYS:
            for kind in KINDS:
                share = mean(runs, way, count, lambda r, k=kind: r["accuracy"][k])
                found[f"{count}, {way}, {kind}"] = share
        for way in ("none", "flip"):
            for c in range(10):
                share = mean(runs, way, count, lambda r, c=c: r["by_class"]["plain"][c])
                found[f"{count}, {way}, class {c}"] = share
    return found


def main():
    """Trains and measures every way with every seed, and writes the result."""
    options = _runner.options(__doc__)
    packages = ["numpy", "keras", "tensorflow", "scipy"]
    with _runner.experiment("augmentation", options, packages=packages) as run:
        digits = run.load(data.mnist)
        every = 4 if run.quick else 2
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
                "rotate": f"up to {360 * TURN:g} degrees",
                "zoom": f"RandomZoom({ZOOM})",
                "crop": f"{CROP} x {CROP} pixels, enlarged to 28 x 28",
                "light": f"brightness by {LIGHT}, contrast by {CONTRAST}, both ways",
                "test, moved": f"{PIXELS} pixels right, left, down, up",
                "test, turned": f"{DEGREES} degrees to either side",
                "test, smaller and larger": f"{SMALLER} and {LARGER} times the size",
                "test, faded": f"{FADED} of the ink, on black and on {FADED} of white",
                "test pictures": "every second as is and mirrored, every fourth else",
            },
            runs=runs,
            quoted=quoted(runs),
        )


if __name__ == "__main__":
    main()
