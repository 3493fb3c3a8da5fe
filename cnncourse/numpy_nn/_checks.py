"""Checks of arguments that all layers share: what is wrong is named, with what fits."""

import operator

import numpy as np


def floats(**arrays):
    """Checks dtypes and axes, and brings all arrays to one dtype.

    Each keyword is (array, names of its axes as one string); "..." stands for any
    number of axes, and an array may be None.
    """
    given = {k: np.asarray(a) for k, (a, _) in arrays.items() if a is not None}
    for name, a in given.items():
        axes = arrays[name][1]
        if a.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} is {a.dtype}; use {name}.astype(np.float32)")
        if a.size == 0 or (axes != "..." and a.ndim != len(axes.split(", "))):
            closing = "," if "," not in axes else ""
            raise ValueError(
                f"{name} has shape {a.shape}; it needs the axes ({axes}{closing}), "
                "each of length 1 or more"
            )
    dtype = np.result_type(*given.values())
    given = {name: a.astype(dtype, copy=False) for name, a in given.items()}
    return [given.get(name) for name in arrays]


def numbers(name, a):
    """Refuses NaN, so that a training that diverged stops at its first bad layer."""
    if np.isnan(np.min(a)):
        first = tuple(int(i) for i in np.argwhere(np.isnan(a))[0])
        raise ValueError(
            f"{name} is NaN at {first}, it must be a number. If this happens after "
            "some steps of training, it has diverged: lower the learning rate"
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
    if number is None or number < least:
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
    number = value if isinstance(value, (int, float, np.number)) else float("nan")
    fits = least <= number < most if open_end else least <= number <= most
    if isinstance(value, bool) or not fits:
        below = "below" if open_end else "up to"
        upper = "" if most == float("inf") else f" and {below} {most}"
        raise ValueError(f"{name} is {value!r}; a number from {least}{upper} fits")
    return float(number)
