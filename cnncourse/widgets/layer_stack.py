"""A stack of layers: shapes, costs and receptive fields."""

from numbers import Integral
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from .layer_stack_still import draw_picture

HERE = Path(__file__)
MOST = 10  # layers
SIDE = 64  # largest height and width of a picture
LIMITS = {  # lowest, highest
    "kernels": (1, 1024),
    "size": (1, 15),
    "stride": (1, 8),
    "pad": (0, 7),
    "dilation": (1, 8),
    "channels": (1, 1024),
    "height": (1, 512),
    "width": (1, 512),
}
KEYS = {
    "conv": ("kernels", "size", "stride", "pad", "dilation"),
    "pool": ("size", "stride"),
}
LENET = [
    {"kind": "conv", "kernels": 8, "size": 5},
    {"kind": "pool", "size": 2},
    {"kind": "conv", "kernels": 16, "size": 5},
    {"kind": "pool", "size": 2},
]


class MisfitError(ValueError, traitlets.TraitError):
    """A ValueError; being a TraitError too makes traitlets undo held assignments."""


def as_whole(name, value, low, high):
    """``value`` as an int within ``low`` and ``high``, or a MisfitError."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        raise MisfitError(
            f"{name} is {value!r}; a whole number from {low} to {high} fits"
        )
    return int(value)


def as_layer(name, layer):
    """A layer's dict with every key, or a MisfitError."""
    if not isinstance(layer, dict) or layer.get("kind") not in KEYS:
        raise MisfitError(
            f"{name} is {layer!r}; a dict whose 'kind' is 'conv' or 'pool' fits"
        )
    kind = layer["kind"]
    keys = KEYS[kind]
    more = sorted(map(str, set(layer) - {"kind", *keys}))
    if more:
        raise MisfitError(
            f"{name} has the key {more[0]!r}; a {kind} layer takes {', '.join(keys)}"
        )
    needed = [key for key in ("kernels", "size") if key in keys and key not in layer]
    if needed:
        raise MisfitError(
            f"{name} has no {needed[0]!r}; a {kind} layer needs it, "
            f"a whole number from {LIMITS[needed[0]][0]} to {LIMITS[needed[0]][1]}"
        )
    default = {"stride": 1, "pad": 0, "dilation": 1}
    if kind == "pool" and "stride" not in layer:
        default["stride"] = layer["size"]
    full = {**default, **layer}
    return {"kind": kind} | {
        key: as_whole(f"{name}[{key!r}]", full[key], *LIMITS[key]) for key in keys
    }


def as_layers(layers):
    """A list of complete layers, or a MisfitError."""
    if not isinstance(layers, (list, tuple)) or len(layers) > MOST:
        given = f"{len(layers)} layers" if isinstance(layers, (list, tuple)) else layers
        raise MisfitError(f"layers is {given}; a list of up to {MOST} dicts fits")
    return [as_layer(f"layers[{n}]", layer) for n, layer in enumerate(layers)]


def as_shape(shape):
    """A list of channels, height and width, or a MisfitError."""
    if not isinstance(shape, (list, tuple)) or len(shape) != 3:
        raise MisfitError(
            f"input_shape is {shape!r}; (channels, height, width) fits, (1, 28, 28) say"
        )
    names = ("channels", "height", "width")
    return [
        as_whole(f"input_shape: {name}", n, *LIMITS[name])
        for name, n in zip(names, shape, strict=True)
    ]


def as_picture(picture):
    """Nested lists of brightness, 0 to 1 in steps of 1/255, or a MisfitError."""
    try:
        a = np.asarray(picture)
    except ValueError:  # ragged
        a = np.empty(0)
    if a.ndim != 2 or 0 in a.shape or max(a.shape) > SIDE or a.dtype.kind not in "iufb":
        raise MisfitError(
            f"picture has shape {a.shape} and type {a.dtype}; numbers of shape "
            f"(height, width), at most ({SIDE}, {SIDE}), fit"
        )
    a = a.astype(float)
    if not (np.all(a >= 0) and np.all(a <= 1)):  # catches nan too
        raise MisfitError(
            f"picture has values from {a.min():g} to {a.max():g}; "
            "brightness from 0 to 1 fits"
        )
    return np.round(a, 3).tolist()


def walk(shape, layers):
    """The numbers of the input and of every layer that fits, as a list of dicts.

    ``H' = ⌊(H + 2p - d(k - 1) - 1) / s⌋ + 1``; with ``k_eff = d(k - 1) + 1`` the field
    grows by ``(k_eff - 1)·jump``, its start moves by ``-p·jump``, and then the jump
    becomes ``s`` times as large.
    """
    rows = [
        {
            "shape": tuple(shape),
            "parameters": 0,
            "multiply_adds": 0,
            "field": 1,
            "jump": 1,
            "start": 0,
            "centre": 0.0,
        }
    ]
    for layer in layers:
        last = rows[-1]
        c, h, w = last["shape"]
        k, s = layer["size"], layer["stride"]
        p, d = layer.get("pad", 0), layer.get("dilation", 1)
        h, w = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n in (h, w))
        if min(h, w) < 1:
            break
        out, parameters, multiply_adds = c, 0, 0
        if layer["kind"] == "conv":
            out = layer["kernels"]
            parameters = out * (c * k * k + 1)
            multiply_adds = c * k * k * out * h * w
        field = last["field"] + d * (k - 1) * last["jump"]
        start = last["start"] - p * last["jump"]
        rows.append(
            {
                "shape": (out, h, w),
                "parameters": parameters,
                "multiply_adds": multiply_adds,
                "field": field,
                "jump": last["jump"] * s,
                "start": start,
                "centre": start + (field - 1) / 2,
            }
        )
    return rows


class LayerStack(anywidget.AnyWidget):
    """A stack of layers with its shapes, costs and receptive fields.

    The reader adds, removes, moves and edits convolutions and poolings, chooses a
    layer and one of its output cells, and sees which pixels of the input lead to it.
    What is edited comes back: ``w.layers`` and ``w.table()`` read it.

    Args:
        layers: up to 10 dicts, ``{"kind": "conv", "kernels": 8, "size": 5}`` with
            ``stride`` (1), ``pad`` (0) and ``dilation`` (1) if wanted, or
            ``{"kind": "pool", "size": 2}`` with ``stride`` (as ``size``). None:
            two convolutions with a pooling after each. A stack that does not fit is
            allowed: the figure says in words which layer does not.
        input_shape: channels, height and width of the input.
        picture: what to draw as the input, 0 (black) to 1; None for an empty grid.
        alt: accessible name of the figure, one sentence.

    Raises:
        ValueError: names the argument, what was given and what fits; also when a trait
            is assigned later.

    Shapes:
        input_shape (C, H, W), at most (1024, 512, 512); picture (H, W), at most
        (64, 64); outputs (K, H', W') with H' = ⌊(H + 2p - d(k - 1) - 1) / s⌋ + 1.

    Example:
        >>> w = LayerStack([{"kind": "conv", "kernels": 6, "size": 3}])
        >>> w.table()[0]["shape"], w.table()[0]["parameters"]
        ((6, 26, 26), 60)
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (HERE.with_name("tokens.css"), HERE.with_suffix(".css"))
    )

    # TraitType and not Any, which would let None past the checks below
    layers = traitlets.TraitType([]).tag(sync=True)
    input_shape = traitlets.TraitType([1, 28, 28]).tag(sync=True)
    picture = traitlets.TraitType(None, allow_none=True).tag(sync=True)
    layer = traitlets.TraitType(0).tag(sync=True)  # chosen: 0 is the input
    cell = traitlets.TraitType([0, 0]).tag(sync=True)  # chosen: row, column
    alt = traitlets.Unicode().tag(sync=True)
    _own = traitlets.List().tag(sync=True)  # stacks that the reader made and left
    _start = traitlets.Dict().tag(sync=True)  # what Reset goes back to
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(self, layers=None, input_shape=(1, 28, 28), picture=None, alt=None):
        if alt is not None and not isinstance(alt, str):
            raise MisfitError(f"alt is {alt!r}; one sentence of text or None fits")
        super().__init__(
            layers=LENET if layers is None else layers, input_shape=input_shape
        )
        self.picture = picture
        rows = walk(self.input_shape, self.layers)
        self.layer = len(rows) - 1
        self.cell = [n // 2 for n in rows[-1]["shape"][1:]]
        _, height, width = self.input_shape
        self.alt = alt or (
            f"A stack of {len(self.layers)} layers on a {height} × {width} input, "
            "with the part of the input that one output sees."
        )
        names = ("layers", "input_shape", "layer", "cell")
        self._start = {name: getattr(self, name) for name in names}
        self._picture = draw_picture(self, rows)

    def table(self):
        """The numbers of each layer, as far as the stack fits.

        Returns:
            One dict a layer: ``shape`` (C, H, W) of the output, ``parameters``,
            ``multiply_adds``, and in input pixels ``field`` (how many one output sees
            in each direction), ``jump`` (from one output to the next), ``start`` and
            ``centre`` (first pixel and middle of output 0's field; pixels are counted
            from 0, padding lies before it).
        """
        return walk(self.input_shape, self.layers)[1:]

    @traitlets.validate("layers")
    def _check_layers(self, proposal):
        return as_layers(proposal["value"])

    @traitlets.validate("input_shape")
    def _check_shape(self, proposal):
        return as_shape(proposal["value"])

    @traitlets.validate("picture")
    def _check_picture(self, proposal):
        if proposal["value"] is None:
            return None
        a = as_picture(proposal["value"])
        if [len(a), len(a[0])] != self.input_shape[1:]:
            raise MisfitError(
                f"picture has shape {(len(a), len(a[0]))}; height and width of "
                f"input_shape, {tuple(self.input_shape[1:])}, fit"
            )
        return a

    @traitlets.validate("layer")
    def _check_layer(self, proposal):
        return as_whole("layer", proposal["value"], 0, len(self.layers))

    @traitlets.validate("cell")
    def _check_cell(self, proposal):
        cell = proposal["value"]
        if not isinstance(cell, (list, tuple)) or len(cell) != 2:
            raise MisfitError(f"cell is {cell!r}; [row, column] of an output fits")
        rows = walk(self.input_shape, self.layers)
        _, *most = rows[min(self.layer, len(rows) - 1)]["shape"]
        names = ("cell: row", "cell: column")
        return [
            as_whole(name, n, 0, top - 1)
            for name, n, top in zip(names, cell, most, strict=True)
        ]

    @traitlets.observe("layers", "input_shape", "layer")
    def _keep_choice(self, _):
        self.layer = min(self.layer, len(self.layers))
        rows = walk(self.input_shape, self.layers)
        _, *most = rows[min(self.layer, len(rows) - 1)]["shape"]
        cell = [min(n, top - 1) for n, top in zip(self.cell, most, strict=True)]
        if cell != self.cell:
            self.cell = cell
