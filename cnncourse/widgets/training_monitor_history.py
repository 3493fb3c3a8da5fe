"""What a TrainingMonitor takes: the history of a training, checked."""

import math
from itertools import pairwise
from numbers import Integral, Real

import traitlets

NAMES = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")
MOST = 10_000  # epochs


class MisfitError(ValueError, traitlets.TraitError):
    """A ValueError; being a TraitError too makes traitlets undo held assignments."""


def whole(name, value, low, high):
    """An int within limits."""
    if (
        isinstance(value, bool)
        or not isinstance(value, Integral)
        or not low <= value <= high
    ):
        raise MisfitError(
            f"{name}: {value!r} given; give a whole number from {low} to {high}"
        )
    return int(value)


def number(name, value):
    """A float; nan and inf pass."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise MisfitError(f"{name}: {value!r} given; give a number")
    return float(value)


def history_of(history):
    """The five lists as floats, checked; empty where there is nothing to show."""
    if not isinstance(history, dict) or "loss" not in history:
        given = sorted(map(str, history)) if isinstance(history, dict) else history
        raise MisfitError(
            f"history: {str(given)[:80]} given; give a dict of lists with 'loss' in it"
        )
    found = {}
    for name in NAMES:
        values = history.get(name, [])
        if not hasattr(values, "__len__") or isinstance(values, str | bytes | dict):
            raise MisfitError(f"history[{name!r}]: {values!r} given; give a list")
        items = enumerate(values)
        found[name] = [number(f"history[{name!r}][{i}]", v) for i, v in items]
        if name.endswith("accuracy") and not any(map(math.isfinite, found[name])):
            found[name] = []  # the targets are no labels
    n = len(found["loss"])
    if not 1 <= n <= MOST:
        raise MisfitError(f"history['loss']: {n} epochs given; 1 to {MOST} fit")
    for name in NAMES[1:]:
        if len(found[name]) not in (0, n):
            raise MisfitError(
                f"history[{name!r}]: {len(found[name])} numbers given, 'loss' has {n}"
            )
    for name in ("accuracy", "val_accuracy"):
        if any(not 0 <= v <= 1 for v in found[name] if math.isfinite(v)):
            raise MisfitError(f"history[{name!r}]: {found[name]} given; 0 to 1 fits")
    times = [0, *found["seconds"]]
    if not all(math.isfinite(b) and b >= a for a, b in pairwise(times)):
        raise MisfitError(
            f"history['seconds']: {found['seconds']} given; seconds since the start "
            "fit, and they rise"
        )
    return found
