"""Trains the three small networks that the figure DigitLab ships, and packs them.

    CNNCOURSE_DATA=<folder with MNIST> python -m experiments.digit_lab

writes ``cnncourse/weights/digit_lab.npz``: the networks, their weights rounded to
float16, and the first test picture of each class; and ``results/digit_lab.json``: what
the rounded networks reach on the test pictures, still and shifted. No picture is
moved in training: how far a network bears it anyway is what the figure shows.

The pictures are MNIST's (Y. LeCun, C. Cortes, C. J. C. Burges), CC BY-SA 3.0.
"""

import argparse
import json
import time

import numpy as np

from cnncourse import data
from cnncourse.keras_models import fit

from . import _record

import keras  # isort: skip
from keras import layers  # isort: skip

PLACE = _record.RESULTS.parent / "cnncourse" / "weights" / "digit_lab.npz"
SEED, BATCH, RATE = 0, 128, 2e-3
EPOCHS = {"dense": 4, "CNN": 4, "CNN, global max": 4}
SHIFTS = range(-8, 9)
SHAPE = (28, 28, 1)


def networks():
    """Name -> ``keras.Sequential``, each ending in ten logits."""
    keras.utils.set_random_seed(SEED)
    return {
        "dense": keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Flatten(),  # (N, 784)
                layers.Dense(64, activation="relu"),  # (N, 64)
                layers.Dense(10),  # (N, 10)
            ]
        ),
        "CNN": keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Conv2D(8, 5, activation="relu"),  # (N, 24, 24, 8)
                layers.MaxPooling2D(2),  # (N, 12, 12, 8)
                layers.Conv2D(16, 5, activation="relu"),  # (N, 8, 8, 16)
                layers.MaxPooling2D(2),  # (N, 4, 4, 16)
                layers.Flatten(),  # (N, 256)
                layers.Dense(10),  # (N, 10)
            ]
        ),
        "CNN, global max": keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Conv2D(8, 5, padding="same", activation="relu"),
                layers.MaxPooling2D(2),  # (N, 14, 14, 8)
                layers.Conv2D(16, 5, padding="same", activation="relu"),
                layers.MaxPooling2D(2),  # (N, 7, 7, 16)
                layers.Conv2D(32, 5, padding="same", activation="relu"),
                layers.GlobalMaxPooling2D(),  # (N, 32)
                layers.Dense(10),  # (N, 10)
            ]
        ),
    }


def packed(net):
    """The network as the figure wants it: a list of layers, channels first.

    Conv kernels become (K, C, R, S), dense weights (K, D) with the D numbers of maps
    in the order channel, row, column; all weights float16.

    Raises:
        ValueError: The network has a layer that the figure has no kind for.
    """
    found, shape = [], SHAPE
    for layer in net.layers:
        kind = type(layer).__name__
        if kind == "Conv2D":
            w, b = layer.get_weights()  # (R, S, C, K), (K,)
            pad = (w.shape[0] - 1) // 2 if layer.padding == "same" else 0
            found.append(
                {
                    "kind": "conv",
                    "w": w.transpose(3, 2, 0, 1).astype(np.float16),  # (K, C, R, S)
                    "b": b.astype(np.float16),
                    "stride": layer.strides[0],
                    "pad": pad,
                    "activation": layer.activation.__name__,
                }
            )
        elif kind == "MaxPooling2D":
            size, stride = layer.pool_size[0], layer.strides[0]
            found.append({"kind": "pool", "size": size, "stride": stride})
        elif kind == "GlobalMaxPooling2D":
            found.append({"kind": "global_max"})
        elif kind == "Dense":
            w, b = layer.get_weights()  # (D, K), (K,)
            if len(shape) == 3:  # after Flatten: row, column, channel until now
                w = w.reshape(*shape, -1).transpose(2, 0, 1, 3)  # (C, H, W, K)
                w = w.reshape(-1, w.shape[-1])  # (D, K)
            found.append(
                {
                    "kind": "dense",
                    "w": np.ascontiguousarray(w.T).astype(np.float16),  # (K, D)
                    "b": b.astype(np.float16),
                    "activation": layer.activation.__name__,
                }
            )
        elif kind != "Flatten":
            raise ValueError(f"the figure has no kind of layer for {kind}")
        if kind != "Flatten":
            shape = layer.output.shape[1:]
    return found


def save(found, pictures, labels):
    """Writes networks (name -> layers) and example pictures into one npz."""
    arrays, names = {}, []
    for n, (name, steps) in enumerate(found.items()):
        spec = []
        for k, layer in enumerate(steps):
            spec.append({})
            for key, value in layer.items():
                if isinstance(value, np.ndarray):
                    arrays[f"{n}.{k}.{key}"] = value
                else:
                    spec[-1][key] = value
        names.append({"name": name, "layers": spec})
    PLACE.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        PLACE, networks=json.dumps(names), pictures=pictures, labels=labels, **arrays
    )
    return PLACE.stat().st_size


def accuracy(net, x, y):
    """Share of pictures with the right answer."""
    logits = net.predict(x, batch_size=1000, verbose=0)
    return float(np.mean(logits.argmax(axis=1) == y))


def moved(x, right):
    """Pictures (N, H, W, C) moved to the right by whole pixels, zeros moved in."""
    wide = np.pad(x, [(0, 0), (0, 0), (8, 8), (0, 0)])
    return wide[:, :, 8 - right : 8 - right + x.shape[2]]  # (N, H, W, C)


def main():
    """Trains, rounds, measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 images, no files")
    quick = parser.parse_args().quick
    started = time.perf_counter()
    digits = data.mnist() if quick else data.mnist(strict=True)
    count = 2000 if quick else None
    x = digits.x_train[:count].transpose(0, 2, 3, 1)  # (N, H, W, C)
    y = digits.y_train[:count]
    x_test = digits.x_test.transpose(0, 2, 3, 1)  # (N, H, W, C)
    y_test = digits.y_test
    runs, steps = [], {}
    for name, net in networks().items():
        history = fit(
            net,
            x,
            y,
            epochs=1 if quick else EPOCHS[name],
            batch=BATCH,
            optimiser=keras.optimizers.Adam(RATE),
            rng=SEED,
        )
        steps[name] = packed(net)
        net.set_weights(
            [w.astype(np.float16).astype(np.float32) for w in net.get_weights()]
        )
        shares = [accuracy(net, moved(x_test, s), y_test) for s in SHIFTS]
        runs.append(
            {
                "network": name,
                "parameters": net.count_params(),
                "epochs": len(history["loss"]),
                "accuracy_when_shifted_right": [round(share, 4) for share in shares],
            }
        )
        line = " ".join(f"{100 * share:.1f}" for share in shares)
        print(f"{name}, shifted by -8 to 8: {line}", flush=True)
    if quick:
        print("This was the quick run: no file was written.")
        return
    first = [int(np.flatnonzero(y_test == label)[0]) for label in range(10)]
    pictures = np.rint(255 * digits.x_test[first, 0]).astype(np.uint8)  # (10, 28, 28)
    size = save(steps, pictures, np.arange(10, dtype=np.uint8))
    at = {s: k for k, s in enumerate(SHIFTS)}
    percent = {
        run["network"]: [100 * a for a in run["accuracy_when_shifted_right"]]
        for run in runs
    }
    quoted = {
        f"{name}: test accuracy in percent, shifted right by {s}": round(line[at[s]], 1)
        for name, line in percent.items()
        for s in (0, 2, 4, 6, 8)
    }
    path = _record.write(
        "digit_lab",
        ["numpy", "keras", "tensorflow"],
        started,
        data={
            "name": digits.name,
            "source": digits.source,
            "train": len(x),
            "test": len(x_test),
            "examples": {
                "which": "the first of each class in the test set",
                "places": first,
            },
        },
        settings={
            "seed": SEED,
            "batch": BATCH,
            "optimiser": f"Adam({RATE})",
            "augmentation": "none",
            "weights": "float16, and measured so",
            "shifts": list(SHIFTS),
        },
        bytes=size,
        runs=runs,
        quoted=quoted,
    )
    print("written:", path.name, PLACE.name, size, "bytes")


if __name__ == "__main__":
    main()
