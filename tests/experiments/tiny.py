"""An experiment of two short trainings, in a folder of the test's; it can kill itself.

    python tests/experiments/tiny.py FOLDER [--kill RUN EPOCH BATCH] [--batch N]

The kill is SIGKILL, in the given batch; with batch -1, when the epoch has been kept.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from cnncourse import keras_models  # noqa: F401  before keras
from experiments import _checkpoints, _record, _runner, _training

import keras  # isort: skip
from keras import layers  # isort: skip

RUNS, EPOCHS = ("first", "second"), 3


def build(seed):
    """Everything that a kill could upset: random layers, running means, a schedule."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.RandomTranslation(0.2, 0.2),  # no seed: the runner must see to it
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            keras.Sequential(
                [layers.Dense(16, activation="relu"), layers.Dropout(0.5)]
            ),
            layers.Dense(3),
        ]
    )


def optimiser():
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 60))


def pictures(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    x = rng.random((n, 8, 8, 1), dtype=np.float32)
    x[np.arange(n), 2 * y + 1] += 1  # a bright row tells the class
    return x, y


def arm(run, epoch, batch):
    """Makes this process kill itself in a batch or after an epoch of a run."""
    now = {"run": None, "epoch": -1}
    one_epoch, get = _training.one_epoch, _training._Batches.__getitem__
    save = _checkpoints.Folder.save

    def watched_epoch(net, x, y, val, seed, epoch, batch):
        now.update(run=RUNS[seed], epoch=epoch)
        return one_epoch(net, x, y, val, seed, epoch, batch)

    def watched_get(self, i):
        if (now["run"], now["epoch"], i) == (run, epoch, batch):
            os.kill(os.getpid(), signal.SIGKILL)
        return get(self, i)

    def watched_save(self, label, *args, **options):
        save(self, label, *args, **options)
        if (label, now["epoch"], -1) == (run, epoch, batch):
            os.kill(os.getpid(), signal.SIGKILL)

    _training.one_epoch = watched_epoch
    _training._Batches.__getitem__ = watched_get
    _checkpoints.Folder.save = watched_save


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kill", nargs=3)
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    options.quick = options.fresh = False
    _checkpoints.CHECKPOINTS = options.folder / "kept"
    _record.RESULTS = options.folder / "results"
    if options.kill:
        arm(options.kill[0], *map(int, options.kill[1:]))
    with _runner.experiment("tiny", options, ["numpy", "keras"]) as run:
        (x, y), val = pictures(160, 0), pictures(40, 1)
        runs, weights = [], {}
        for seed, label in enumerate(RUNS):
            net, found = run.train(
                label,
                build,
                x,
                y,
                seed=seed,
                epochs=EPOCHS,
                batch=options.batch,
                optimiser=optimiser,
                val=val,
            )
            runs.append(found)
            for i, v in enumerate(net.variables):
                weights[f"{label} {i} {v.path.split('/')[-1]}"] = np.asarray(v.value)
        run.write(settings={}, runs=runs, quoted={"answer": 42.0})
    np.savez(options.folder / "weights.npz", **weights)


if __name__ == "__main__":
    main()
