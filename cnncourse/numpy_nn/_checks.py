"""Checks of arguments that all layers share: what is wrong is named, with what fits."""

import operator

import numpy as np


def floats(**arrays):
    """Checks dtypes and axes, and brings all arrays to one dtype."""
    axes = {"x": "N, C, H, W", "w": "K, C, R, S", "dy": "N, K, H', W'", "b": "K,"}
    arrays = {k: None if a is None else np.asarray(a) for k, a in arrays.items()}
    given = {name: a for name, a in arrays.items() if a is not None}
    for name, a in given.items():
        if a.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} is {a.dtype}; use {name}.astype(np.float32)")
        if a.ndim != (1 if name == "b" else 4) or a.size == 0:
            raise ValueError(
                f"{name} has shape {a.shape}; it needs the axes ({axes[name]}), "
                "each of length 1 or more"
            )
    dtype = np.result_type(*given.values())
    return [a if a is None else a.astype(dtype, copy=False) for a in arrays.values()]


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
