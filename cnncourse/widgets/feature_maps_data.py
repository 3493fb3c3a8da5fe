"""What FeatureMaps takes: checks, and numbers as codes of a few digits."""

from numbers import Integral, Real

import numpy as np
import traitlets

MAPS = 512  # of a layer
NUMBERS = 4096  # of a layer without height and width
SIDE = 256  # largest height and width, of the picture and of a map
LAYERS = 64
VALUES = 2_000_000  # of all layers together
MOST = 32_767  # of a code
NEAR = -32_768  # the code of a value that is not 0 and rounds to it


class MisfitError(ValueError, traitlets.TraitError):
    """A ValueError; being a TraitError too makes traitlets undo held assignments."""


def as_codes(values):
    """Values as whole numbers of 10^-decimals, all of them within ±32,767.

    The digits are as many as fit, and no more than the values need.

    Args:
        values: float64, finite.

    Returns:
        codes, int16, of the shape of values: ``rint(values · 10^decimals)``, but NEAR
        where that is 0 and the value is not; and decimals, an int, negative for large
        values.
    """
    most = float(np.abs(values).max())
    decimals = 0
    if most:
        decimals = min(int(np.floor(np.log10(MOST) - np.log10(most))), 300)
    while decimals > -300 and np.rint(most * 10.0**decimals) > MOST:
        decimals -= 1
    for fewer in range(max(decimals, 0)):
        if np.array_equal(np.rint(values * 10.0**fewer) / 10.0**fewer, values):
            decimals = fewer
            break
    codes = np.rint(values * 10.0**decimals).astype(np.int16)
    codes[(codes == 0) & (values != 0)] = NEAR
    return codes, decimals


def as_numbers(name, value, fits):
    """A float64 array of finite numbers, or a MisfitError that says what fits."""
    try:
        a = np.asarray(value)
    except ValueError:  # ragged
        a = np.empty(0, object)
    if a.dtype.kind not in "biuf":
        raise MisfitError(
            f"{name} has shape {a.shape} and type {a.dtype}; numbers of shape {fits} "
            "fit"
        )
    if a.size == 0:
        raise MisfitError(f"{name} has shape {a.shape}, which is empty; {fits} fits")
    a = a.astype(float)
    if not np.isfinite(a).all():
        raise MisfitError(f"{name} holds a number that is not finite (nan or inf)")
    return a


def as_picture(value):
    """Bytes (C, H, W) of a picture, C 1 or 3."""
    fits = f"(H, W) or (3, H, W) with sides from 1 to {SIDE}"
    a = as_numbers("picture", value, fits)
    shape = a.shape
    a = a[None] if a.ndim == 2 else a  # (C, H, W)
    if a.ndim != 3 or a.shape[0] not in (1, 3) or max(a.shape[1:]) > SIDE:
        raise MisfitError(f"picture has shape {shape}; {fits} fits")
    if a.min() < 0 or a.max() > 1:
        raise MisfitError(
            f"picture has values from {a.min():g} to {a.max():g}; brightness from 0 to "
            "1 fits"
        )
    return np.rint(255 * a).astype(np.uint8)


def as_layer(name, value):
    """Codes and decimals of a layer, (K, h, w) or (K,)."""
    what = f"layers[{name!r}]"
    fits = f"(K, h, w) or (K,), K up to {MAPS} or {NUMBERS}, sides up to {SIDE},"
    a = as_numbers(what, value, fits)
    if a.ndim == 4:
        raise MisfitError(
            f"{what} has shape {a.shape}; the maps of one picture, (K, h, w), fit"
        )
    if a.ndim not in (1, 3) or max(a.shape[1:], default=1) > SIDE:
        raise MisfitError(f"{what} has shape {a.shape}; {fits} fits")
    if len(a) > (MAPS if a.ndim == 3 else NUMBERS):
        kind, most = ("maps", MAPS) if a.ndim == 3 else ("numbers", NUMBERS)
        raise MisfitError(f"{what} has {len(a)} {kind}; up to {most} fit")
    return as_codes(a)


def as_field(name, value):
    """A receptive field as [size, jump, start], whole numbers."""
    fits = "(size, jump, start), whole numbers, size and jump from 1,"
    try:
        numbers = list(value)
        good = len(numbers) == 3 and all(
            isinstance(n, Real) and not isinstance(n, bool | np.bool_) and n == int(n)
            for n in numbers
        )
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good or min(numbers[:2]) < 1 or max(map(abs, numbers)) > 1e6:
        raise MisfitError(f"fields[{name!r}] is {value!r}; {fits} fits")
    return [int(n) for n in numbers]


def as_layers(layers):
    """Dict name -> (codes, decimals)."""
    if not isinstance(layers, dict) or not 1 <= len(layers) <= LAYERS:
        given = f"a dict of {len(layers)}" if isinstance(layers, dict) else type(layers)
        raise MisfitError(
            f"layers is {given}; a dict name -> array, 1 to {LAYERS} layers, fits"
        )
    for name in layers:
        if not isinstance(name, str) or not name.strip():
            raise MisfitError(f"layers has the name {name!r}; a text fits")
    coded = {name: as_layer(name, a) for name, a in layers.items()}
    sizes = {name: codes.size for name, (codes, _) in coded.items()}
    if sum(sizes.values()) > VALUES:
        raise MisfitError(
            f"layers hold {sum(sizes.values()):,} numbers ({sizes}); {VALUES:,} in all "
            "fit"
        )
    return coded


def as_fields(fields, layers):
    """Dict name -> [size, jump, start]; names of other layers are left out."""
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise MisfitError(f"fields is {fields!r}; a dict name -> field, or None, fits")
    if fields and not set(fields) & set(layers):
        raise MisfitError(
            f"fields has the names {[*fields]}; names of layers, {[*layers]}, fit"
        )
    return {name: as_field(name, f) for name, f in fields.items() if name in layers}


def is_whole(value, most):
    """Whether value is an integer, not a bool, from 0 to most."""
    whole = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    return whole and 0 <= value <= most


def strength(codes):
    """The largest size of a value in each map, (K,), in units of the last decimal."""
    size = np.where(codes == NEAR, 0.25, np.abs(codes.astype(float)))
    return size.reshape(len(codes), -1).max(axis=1)


def fits_in(field, places, pixels):
    """Whether the fields of the outputs at these places lie within so many pixels."""
    size, jump, start = field
    first = start + jump * places
    return (first >= 0) & (first + size <= pixels)
