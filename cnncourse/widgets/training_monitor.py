"""Curves of a training that grow while it runs, with a button that stops it."""

import math
import threading
import time
from pathlib import Path

import anywidget
import traitlets

from .training_monitor_history import (
    MOST,
    NAMES,
    MisfitError,
    history_of,
    number,
    whole,
)
from .training_monitor_still import best, still

HERE = Path(__file__)
RATE, SAVED = 4, 2  # messages a second, and how many may come at once: about 5 a second


class TrainingMonitor(anywidget.AnyWidget):
    """Watch a training: loss and accuracy, progress, time left, the best epoch, Stop.

    Show it first, then train with ``on_epoch=monitor.update``. *Stop after this epoch*
    makes the next ``update`` return True, which ends ``fit``. On the website, where no
    kernel runs, the figure shows the whole run and can replay it.

    The press reaches the kernel while the cell trains because JupyterLab (4.4 or
    newer) sends it to a subshell of the kernel (ipykernel 7 or newer), a thread of
    its own. Elsewhere the press comes too late; the figure then says so, and names
    the notebook's *Interrupt*, which always works. A training that ends without
    ``finish()`` or the last epoch, by an error for instance, is shown as stopped.

    Args:
        epochs: How many epochs there are to be, from 1 to 10000. A longer history
            is not refused in the middle of a training: the number grows with it.
        title: A title above the curves.
        alt: The figure's accessible name, one sentence.

    Raises:
        ValueError: If an argument does not fit; the message names it.

    Example:
        >>> monitor = TrainingMonitor(epochs=2)
        >>> history = {"loss": [0.9], "accuracy": [0.7], "seconds": [1.5]}
        >>> monitor.update(history), monitor.phase
        (False, 'training')

        With Keras itself, ``net.fit`` and its callbacks, and the batches as well::

            history = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}

            def after_epoch(epoch, logs):
                for name in history:
                    history[name].append(logs[name])
                net.stop_training = monitor.update(history)

            def after_batch(batch, logs):
                monitor.batch(batch + 1, steps, logs["loss"], logs["accuracy"])

            watch = keras.callbacks.LambdaCallback(
                on_epoch_end=after_epoch, on_train_batch_end=after_batch
            )
            net.fit(x, y, epochs=8, validation_data=val, callbacks=[watch], verbose=0)
            monitor.finish()

    Source:
        Page ``10_cnn_in_tensorflow``.
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (HERE.with_name("tokens.css"), HERE.with_suffix(".css"))
    )

    epochs = traitlets.TraitType(None, read_only=True).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    _run = traitlets.Dict().tag(sync=True)  # all that changes, in one message
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(self, epochs, title="", alt=None):
        self.set_trait("epochs", whole("epochs", epochs, 1, MOST))
        for name, value in (("title", title), ("alt", "" if alt is None else alt)):
            if not isinstance(value, str):
                raise MisfitError(f"{name}: {value!r} is no text")
        self._stop, self._watched, self._thread = threading.Event(), None, None
        self._tokens, self._sent = SAVED, time.perf_counter()
        self._restart("waiting")
        super().__init__(title=title, _run=self._state())
        self.alt = alt or (
            "Loss and accuracy of a training over its epochs; epochs can be chosen, "
            "the run replayed."
        )
        self._picture = still(self._run, self.epochs, title)
        self.on_msg(self._heard)

    @classmethod
    def replay(cls, history, title=""):
        """A finished monitor of a stored run, for instance from ``results/*.json``.

        Args:
            history: Dict of lists as a ``fit`` returns it.
            title: A title above the curves.

        Returns:
            The TrainingMonitor.

        Raises:
            ValueError: If history does not fit.
        """
        found = history_of(history)
        monitor = cls(len(found["loss"]), title)
        monitor.update(found)
        return monitor

    @property
    def phase(self):
        """One of "waiting", "training", "done", "stopped" (on request), "broken"."""
        return self._phase

    @property
    def best(self):
        """The epoch with the lowest validation loss, counted from 1, or None."""
        return best(self._found)

    def update(self, history):
        """Show the epochs so far; call it after each epoch.

        Args:
            history: Dict of lists, one number an epoch: "loss", and if any "accuracy",
                "val_loss", "val_accuracy", "seconds" (since the start).

        Returns:
            True if the reader asked to stop, so that the training must end.

        Raises:
            ValueError: If history does not fit; the message names the list.
        """
        found = history_of(history)
        n, before = len(found["loss"]), len(self._found["loss"])
        if n <= before and not (n == before and self._phase == "training"):
            self._restart("training")
        own, self._found, self._batch, self._now = self._own, found, (0, 0), {}
        if found["seconds"]:
            self._begun = time.perf_counter() - found["seconds"][-1]
        elif self._begun is not None:
            own += [time.perf_counter() - self._begun] * (n == len(own) + 1)
            found["seconds"] = own[:] if len(own) == n else []
        if n > self.epochs:
            self.set_trait("epochs", n)
        stop = self._stop.is_set()
        if n >= self.epochs or stop:
            self._end("done" if n >= self.epochs else "stopped")
        else:
            self._go()
            self._show(spare=0)
        return stop

    def batch(self, done, of, loss=None, accuracy=None):
        """Show how far an epoch is; most calls cost next to nothing and send nothing.

        Args:
            done: How many batches of this epoch are done, from 1.
            of: How many it has.
            loss: The loss so far in this epoch, drawn as a ring.
            accuracy: The share of right answers so far in this epoch.

        Returns:
            True if the reader asked to stop after this epoch.

        Raises:
            ValueError: If an argument does not fit.
        """
        of = whole("of", of, 1, 10**9)
        done = whole("done", done, 0, of)
        given = (("loss", loss), ("accuracy", accuracy))
        now = {k: number(k, v) for k, v in given if v is not None}
        if self._phase not in ("waiting", "training"):
            self._restart("training")
        if self._begun is None:
            self._begun = time.perf_counter()
        self._batch, self._now = (done, of), now
        self._go()
        self._show(spare=1)  # one message is kept for the end of the epoch
        return self._stop.is_set()

    def finish(self):
        """Say that the training is over, also where it ended before the last epoch."""
        if self._phase in ("waiting", "training"):
            self._end("done" if self._found["loss"] else "broken")

    # --- state --------------------------------------------------------------

    def _restart(self, phase):
        self._phase, self._why = phase, ""
        self._found = {name: [] for name in NAMES}
        self._own, self._begun = [], None
        self._batch, self._now = (0, 0), {}

    def _go(self):
        """A training runs in this cell; when the cell ends, so does the training."""
        self._phase, self._why = "training", ""
        shell = getattr(getattr(self.comm, "kernel", None), "shell", None)
        if shell is not None and self._watched is None:
            self._watched, self._thread = shell.events, threading.get_ident()
            self._watched.register("post_run_cell", self._cell_ended)

    def _cell_ended(self, result=None):
        if threading.get_ident() != self._thread:
            return  # a cell in another shell of this kernel
        error = getattr(result, "error_in_exec", None)
        why = "" if error is None else f"{type(error).__name__}: {error}".rstrip(": ")
        self._end("broken", why[:200])

    def _end(self, phase, why=""):
        if self._watched is not None:
            self._watched.unregister("post_run_cell", self._cell_ended)
            self._watched = None
        self._phase, self._why, self._batch, self._now = phase, why, (0, 0), {}
        self._stop.clear()
        self._run = self._state()
        self._picture = still(self._run, self.epochs, self.title)

    def _state(self):
        elapsed = None if self._begun is None else time.perf_counter() - self._begun
        return {
            "phase": self._phase,
            "why": self._why,
            "stopping": self._stop.is_set(),
            "history": {k: [*map(_sendable, v)] for k, v in self._found.items()},
            "batch": list(self._batch),
            "now": {k: _sendable(v) for k, v in self._now.items()},
            "elapsed": elapsed,
        }

    def _show(self, spare):
        """Send the state, unless that would be too many messages."""
        now = time.perf_counter()
        tokens = min(SAVED, self._tokens + RATE * (now - self._sent))
        if tokens >= 1 + spare:
            self._tokens, self._sent = tokens - 1, now
            self._run = self._state()

    # --- the browser --------------------------------------------------------

    def _heard(self, _, content, buffers):
        """Runs in a subshell's thread while a cell trains: it only raises a flag."""
        if content == {"stop": True} and self._phase in ("waiting", "training"):
            self._stop.set()

    def _send(self, msg, buffers=None):
        super()._send(msg, buffers)
        # From 7.4 on, ipykernel hands what the browser sends next to the shell that
        # spoke last: the one that trains, and is deaf. Forget that one, so that the
        # message goes to the subshell which JupyterLab wrote on it.
        getattr(self.comm, "__dict__", {}).pop("_reply_subshell_id", None)


def _sendable(value):
    """None for what is no number: JSON has no nan."""
    return value if math.isfinite(value) else None
