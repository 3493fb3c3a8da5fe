"""Runs the experiments: trainings that can be cut off, and results that say how.

Why on Keras: the networks of these experiments are Keras models, so ``model.fit`` and
Keras' callbacks train them, and nothing is to be installed for it. Lightning Fabric
and Accelerate, the common helpers for such runs, are for PyTorch only. What Keras'
own ``BackupAndRestore`` leaves open is done here: random layers go on as if nothing
had happened, what was kept with other settings is refused, and a full disk or a broken
file costs no more than one epoch.

A run on the CPU that was killed and resumed gives the curve of an unbroken one: the
same numbers, up to last digits that threads may round differently. On a GPU the order
of its additions varies more.

    options = _runner.options(__doc__)
    with _runner.experiment("name", options, packages=["numpy", "keras"]) as run:
        digits = run.load(data.mnist)
        net, found = run.train("label", build, x, y, seed=0, epochs=8, batch=100,
                               optimiser=lambda: keras.optimizers.Adam(1e-3))
        run.write(settings={...}, runs=[found], quoted={"test accuracy": 99.3})

Checkpoints are in ``experiments/.checkpoints/<name>/``; a quick run has a folder of
its own there, and writes no result.
"""

import argparse
import contextlib
import os
import shutil
import sys
import time
from datetime import UTC, datetime

from . import _checkpoints, _record

SHORT = "out of memory|OOM when|RESOURCE_EXHAUSTED|bad_alloc".split("|")


def options(doc):
    """Reads the command line: ``--quick`` and ``--fresh``."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="few pictures, nothing is written"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget the epochs that were kept"
    )
    return parser.parse_args()


@contextlib.contextmanager
def experiment(name, options, packages=("numpy",)):
    """A ``Run``, and clear words instead of tracebacks where something runs out.

    Args:
        name: Name of the experiment: that of its module and of its result.
        options: What ``options`` returned.
        packages: Names of the packages whose versions matter.

    Raises:
        SystemExit: Memory or disk ran out (status 1), or it was stopped (130).
    """
    folder = _checkpoints.CHECKPOINTS / name
    if options.quick:
        folder = folder / "quick"
    run = Run(name, options, packages, _checkpoints.Folder(folder, options.fresh))
    try:
        yield run
    except KeyboardInterrupt:
        print(f"\nStopped. `{run.command}` goes on after the last finished epoch.")
        raise SystemExit(130) from None
    except OSError as error:
        if error.errno not in _record.FULL:
            raise
        raise SystemExit(f"The disk is full: {error}") from None
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise SystemExit(
            f"Out of memory{run.where}. A smaller `batch` in experiments/{name}.py "
            f"needs less{run.batch}; so do fewer pictures, or other programs closed. "
            "Finished epochs are kept."
        ) from None
    else:
        if options.quick:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        run.folder.close()


def out_of_memory(error):
    """Says whether an exception means that memory ran out, on CPU or GPU."""
    name = type(error).__name__
    known = isinstance(error, MemoryError) or name == "ResourceExhaustedError"
    return known or any(word in str(error) for word in SHORT)


class Run:
    """One experiment while it runs; made by ``experiment``."""

    def __init__(self, name, options, packages, folder):
        self.name, self.quick, self.folder = name, options.quick, folder
        self.packages = packages
        flags = [a for a in sys.argv[1:] if a != "--fresh"]
        self.command = " ".join(["python -m", f"experiments.{name}", *flags])
        self.where = self.batch = ""
        self._began, self._inside = time.perf_counter(), 0.0
        self._part = f"{time.time_ns()}-{os.getpid()}"
        self._data, self._metas = [], {}

    def say(self, line):
        """One line to whoever watches, at once."""
        print(line, flush=True)

    def load(self, loader, **options):
        """Loads a data set, strictly unless this is a quick run.

        Args:
            loader: A function such as ``data.mnist``, which returns a ``Split``.
            options: Goes to the loader.

        Returns:
            The ``Split``; its name, source and counts go into the result.
        """
        split = loader(**options) if self.quick else loader(strict=True, **options)
        counts = {k: len(getattr(split, f"x_{k}")) for k in ("train", "val", "test")}
        self._data.append({"name": split.name, "source": split.source, **counts})
        return split

    def train(
        self,
        label,
        build,
        x,
        y,
        *,
        seed,
        epochs,
        batch,
        optimiser,
        val=None,
        loss=None,
    ):
        """Trains a Keras network, or goes on where it was cut off.

        Args:
            label: Name of this training, unique in the experiment.
            build: A function of the seed that returns a network, not compiled.
            x: Pictures, channels last.
            y: Labels, integers.
            seed: An integer: decides the start, the order and the random layers.
            epochs: How often to go through the pictures.
            batch: Pictures in one step.
            optimiser: A function that returns a fresh Keras optimiser.
            val: (x, y) to look at after each epoch, or None.
            loss: A Keras loss of (labels, logits); the cross-entropy unless given.

        Returns:
            (net, found): the network after the last epoch, and a dict with label,
            seed, parameters and history. "seconds" in the history count from the
            start of the training, without breaks.

        Shapes:
            x (N, H, W, C), y (N,)
        """
        from . import _training  # Keras only where it is needed

        self.where, self.batch = f" in {label!r}", f" (it is {batch})"
        found = _training.train(
            self,
            label,
            build,
            x,
            y,
            seed=seed,
            epochs=epochs,
            batch=batch,
            optimiser=optimiser,
            val=val,
            loss=loss,
        )
        self.where = self.batch = ""
        return found

    def once(self, label, make, **settings):
        """Does a step of the experiment that is kept as a whole, once.

        Args:
            label: Name of the step, unique in the experiment.
            make: A function without arguments; returns what JSON can hold.
            settings: What the step depends on; data as arrays.

        Returns:
            What ``make`` returned, now or in a run before.
        """
        wanted = {key: _checkpoints.digest(value) for key, value in settings.items()}
        meta, _ = self.kept(label, wanted)
        if meta:
            self.say(f"{label}: finished on {meta['date']}, kept")
            self.mark(meta, work=False)
            return meta["result"]
        meta, began = self.start(wanted), time.perf_counter()
        self.where = f" in {label!r}"
        result = make()
        self.where = ""
        meta |= {"seconds": time.perf_counter() - began, "result": result}
        self.mark(meta)
        self.folder.save(label, meta, done=True)
        self.spent(meta, 0.0)
        return result

    def kept(self, label, wanted, unfit=lambda found, arrays: None):
        """What is kept of a run made with these settings: (meta, arrays) or (None, {}).

        Says in one line if something is kept that cannot be used.
        """

        def fits(found, arrays):
            old = found["settings"]
            other = [k for k in {**wanted, **old} if old.get(k) != wanted.get(k)]
            if other:
                return f"made with other settings ({', '.join(other)})"
            return unfit(found, arrays)

        meta, arrays, words = self.folder.load(label, fits)
        if words:
            then = "the epoch before is used" if meta else "it starts afresh"
            self.say(f"{label}: {'; '.join(words)}; {then}")
        return meta, arrays

    def start(self, wanted):
        """What is kept beside the numbers of a new run."""
        today = datetime.now(UTC).date().isoformat()
        meta = {"settings": wanted, "seconds": 0.0, "date": today}
        return meta | {"parts": [], "devices": [], "peak": {}}

    def mark(self, meta, work=True):
        """Counts a run into the result; with ``work`` this process had a part in it."""
        self._metas[id(meta)] = meta
        if not work:
            return
        for key, value in (("parts", self._part), ("devices", _record.device())):
            if value not in meta[key]:
                meta[key].append(value)
        for key, value in _record.peak_memory().items():
            meta["peak"][key] = max(value, meta["peak"].get(key, 0))

    def spent(self, meta, before):
        """Notes that the time of a run is in its meta."""
        self._inside += meta["seconds"] - before

    def write(self, settings, runs, quoted, data=None, **more):
        """Writes ``results/<name>.json`` whole, or nothing in a quick run.

        Args:
            settings: What was the same for all runs.
            runs: A list with a dict for each.
            quoted: A dict of name -> number (or list of numbers): every rounded
                figure that a page may quote in words.
            data: What is to be said about the data beyond name, source and counts.
            more: Anything else.
        """
        if self.quick:
            self.say(f"This was the quick run: results/{self.name}.json is as it was.")
            return
        metas = list(self._metas.values())
        outside = time.perf_counter() - self._began - self._inside
        parts = {part for meta in metas for part in meta["parts"]} | {self._part}
        devices = [d for meta in metas for d in meta["devices"]] or [_record.device()]
        peak = _record.peak_memory()
        for meta in metas:
            peak = {k: max(v, meta["peak"].get(k, 0)) for k, v in peak.items()}
        today = datetime.now(UTC).date().isoformat()
        first = self._data[0] if len(self._data) == 1 else {"sets": self._data}
        record = {
            "command": self.command,
            "date": max((meta["date"] for meta in metas), default=today),
            "device": "; ".join(dict.fromkeys(devices)),
            "threads": _record.threads(),
            "versions": _record.versions(self.packages),
            "wall_seconds": round(sum(m["seconds"] for m in metas) + outside, 1),
            "parts": len(parts),
            **peak,
            "data": first | (data or {}),
            "settings": settings,
            "seeds": sorted({run["seed"] for run in runs if "seed" in run}),
            "runs": runs,
            "quoted": quoted,
            **more,
        }
        path = _record.save(self.name, record)
        self.say(f"written: results/{path.name}")
        self.say(f"Epochs are kept in {self.folder.path}; --fresh forgets them.")
