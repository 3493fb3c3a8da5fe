"""Checks of arguments that all layers share: what is wrong is named, with what fits."""

import math
import operator

import numpy as np


def floats(**arrays):
    """Checks dtypes and axes, and brings all arrays to one dtype.

    Each keyword is (array, names of its axes as one string); "..." stands for any
    number of axes. Only a bias b may be None.
    """
    given = {
        k: _array(k, a) for k, (a, _) in arrays.items() if k != "b" or a is not None
    }
    for name, a in given.items():
        axes = arrays[name][1]
        if a.dtype.kind in "iub":
            raise ValueError(f"{name} is {a.dtype}; use {name}.astype(np.float32)")
        if a.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} is {a.dtype}; float32 or float64 fits")
        if a.size == 0 or (axes != "..." and a.ndim != len(axes.split(", "))):
            named = {"...": "any axes", "K": "the axes (K,)"}
            raise ValueError(
                f"{name} has shape {a.shape}; it needs "
                f"{named.get(axes, f'the axes ({axes})')}, each of length 1 or more"
            )
    dtype = np.result_type(*given.values())
    given = {name: a.astype(dtype, copy=False) for name, a in given.items()}
    return [given.get(name) for name in arrays]


def _array(name, a):
    try:
        return np.asarray(a)
    except ValueError:  # lists of unequal length
        raise ValueError(f"{name} is a ragged list; an array fits") from None


def numbers(name, a):
    """Refuses NaN and infinity: what diverged stops at the first layer it meets."""
    if not (np.isfinite(np.min(a)) and np.isfinite(np.max(a))):
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(a))[0])
        what = "NaN" if np.isnan(np.asarray(a)[first]) else "infinite"
        raise ValueError(
            f"{name} is {what} at {first}, it must be a finite number. If this happens "
            "after some steps of training, it has diverged: lower the learning rate"
        )


def same_shape(dy, y_shape, of):
    """Refuses a dy that has not the shape of the output it belongs to."""
    if dy.shape != tuple(y_shape):
        raise ValueError(
            f"dy has shape {dy.shape}; the output of {of} has shape {tuple(y_shape)}"
        )


def kept(value):
    """What ``forward`` kept for ``backward``, or a RuntimeError."""
    if value is None:
        raise RuntimeError("backward needs the x of a forward: call forward(x)")
    return value


def integer(name, value, least):
    """The value as an int, or a ValueError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name} is {value!r}; it needs an integer, {least} or more")
    return number


def pair(name, value, least):
    """One integer, or two, as (height, width)."""
    both = tuple(value) if np.ndim(value) == 1 else (value, value)
    if len(both) != 2:
        raise ValueError(f"{name} is {value!r}; it needs one integer or two")
    return integer(name, both[0], least), integer(name, both[1], least)


def real(name, value, least, most=float("inf"), open_end=False):
    """The value as a float between least and most, or a ValueError."""
    plain = isinstance(value, (int, float, np.integer, np.floating))
    number = float(value) if plain and not isinstance(value, bool) else math.nan
    fits = least <= number < most if open_end else least <= number <= most
    if not (fits and math.isfinite(number)):
        below = "below" if open_end else "up to"
        upper = "" if most == float("inf") else f" and {below} {most}"
        raise ValueError(f"{name} is {value!r}; a number from {least}{upper} fits")
    return number
