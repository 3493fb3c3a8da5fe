"""A convolution computed before the reader's eyes, one output cell at a time."""

import math
from numbers import Integral, Real
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from .conv_stepper_still import draw_picture

HERE = Path(__file__)
MODES = ("valid", "same", "full")
SIZES = {"image": 12, "kernel": 7}  # largest height and width
WHOLE = {"stride": (1, 6), "dilation": (1, 3), "padding": (0, 6)}  # lowest, highest
CHANNELS = 3
VALUE = 9999  # largest size of a number in a cell


class MisfitError(ValueError, traitlets.TraitError):
    """A ValueError; being a TraitError too makes traitlets undo held assignments."""


def as_grid(name, value):
    """Nested lists of finite numbers, (H, W) or (C, H, W), or a MisfitError."""
    try:
        a = np.asarray(value)
    except ValueError:  # ragged
        a = np.empty(0)
    if a.dtype == bool:
        a = a.astype(int)
    if a.ndim not in (2, 3) or 0 in a.shape or a.dtype.kind not in "iuf":
        raise MisfitError(
            f"{name} has shape {a.shape} and type {a.dtype}; numbers of shape "
            "(H, W) or (C, H, W) fit"
        )
    most = (CHANNELS, SIZES[name], SIZES[name])[-a.ndim :]
    if any(n > m for n, m in zip(a.shape, most, strict=True)):
        raise MisfitError(f"{name} has shape {a.shape}; up to {most} fits")
    if not np.all(np.abs(a) <= VALUE):  # catches nan too
        raise MisfitError(
            f"{name} holds a number that is not finite or beyond ±{VALUE}; "
            f"numbers from -{VALUE} to {VALUE} fit"
        )
    return a.tolist()


def as_whole(name, value):
    """An integer within the limits of ``name``, or a MisfitError."""
    low, high = WHOLE[name]
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        modes = f" or one of {MODES}" if name == "padding" else ""
        raise MisfitError(
            f"{name} is {value!r}; a whole number from {low} to {high}{modes} fits"
        )
    return int(value)


def pad_amounts(n, k, stride, padding, dilation):
    """Zeros (before, after) along one axis; "same" is TensorFlow's rule."""
    span = dilation * (k - 1) + 1
    if padding == "valid":
        return 0, 0
    if padding == "full":
        return span - 1, span - 1
    if padding != "same":
        return padding, padding
    total = max((math.ceil(n / stride) - 1) * stride + span - n, 0)
    return total // 2, total - total // 2


def output_size(n, k, stride, pads, dilation):
    """``⌊(n + before + after - d(k - 1) - 1) / stride⌋ + 1``, 0 if it does not fit."""
    return max((n + sum(pads) - dilation * (k - 1) - 1) // stride + 1, 0)


class ConvStepper(anywidget.AnyWidget):
    """One output cell of a convolution after the other, with every product shown.

    The reader steps forward and back, plays, drags the position or chooses an output
    cell, edits every number of input and kernel, sets stride, padding, dilation and
    bias, and turns the kernel round to see a true convolution. What is edited comes
    back: ``w.kernel`` reads it.

    Args:
        image: input ``x``, integers or floats, at most 12 × 12 in 3 channels.
        kernel: weights ``w``, at most 7 × 7, with as many channels as ``image``.
        stride: step between neighbouring windows, 1 to 6.
        padding: ``"valid"`` (none), ``"same"`` (output ``ceil(H / stride)``; an odd
            zero goes below and right), ``"full"``, or zeros on each side, 0 to 6.
        dilation: distance of neighbouring taps of the kernel, 1 to 3.
        bias: number added to every output.
        flip: turn the kernel by 180 degrees: convolution instead of correlation.
        position: output cell (row by row, from 0) computed last; -1 for none yet,
            None for the middle one.
        alt: accessible name of the figure, one sentence.

    Raises:
        ValueError: names the argument, what was given and what fits; also when a trait
            is assigned later. To change the number of channels, assign ``image`` and
            ``kernel`` together inside ``with w.hold_trait_notifications():``.

    Shapes:
        image (H, W) or (C, H, W); kernel (R, S) or (C, R, S);
        output (H', W') with H' = ⌊(H + pads - d(R - 1) - 1) / stride⌋ + 1.

    Example:
        >>> w = ConvStepper(np.arange(1, 17).reshape(4, 4), [[1, 2], [3, 4]])
        >>> w.output[0]
        array([44., 54., 64.])
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (HERE.with_name("tokens.css"), HERE.with_suffix(".css"))
    )

    # TraitType and not Any, which would let None past the checks below
    image = traitlets.TraitType(None).tag(sync=True)
    kernel = traitlets.TraitType(None).tag(sync=True)
    stride = traitlets.TraitType(1).tag(sync=True)
    padding = traitlets.TraitType("valid").tag(sync=True)
    dilation = traitlets.TraitType(1).tag(sync=True)
    bias = traitlets.TraitType(0.0).tag(sync=True)
    flip = traitlets.TraitType(False).tag(sync=True)
    position = traitlets.TraitType(-1).tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    _start = traitlets.Dict().tag(sync=True)  # what Reset goes back to
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        image,
        kernel,
        stride=1,
        padding="valid",
        dilation=1,
        bias=0.0,
        flip=False,
        position=None,
        alt=None,
    ):
        super().__init__(
            image=as_grid("image", image),
            kernel=as_grid("kernel", kernel),
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=bias,
            flip=flip,
        )
        middle = math.prod(self._out_shape) // 2 if math.prod(self._out_shape) else -1
        self.position = middle if position is None else position
        (c, h, w), (_, r, s) = self._x.shape, self._w.shape
        self.alt = alt or (
            f"Stepper: a {r} × {s} kernel slides over a {h} × {w} input"
            + (f" of {c} channels" if c > 1 else "")
            + ", one output cell at a time."
        )
        names = "image kernel stride padding dilation bias flip position".split()
        self._start = {name: getattr(self, name) for name in names}
        self._picture = draw_picture(self)

    @traitlets.validate("image", "kernel")
    def _check_grid(self, proposal):
        name = proposal["trait"].name
        grid = as_grid(name, proposal["value"])
        shapes = {"image": np.shape(self.image), "kernel": np.shape(self.kernel)}
        shapes[name] = np.shape(grid)
        depths = {(1, *shape)[-3] for shape in shapes.values() if shape}
        if len(depths) > 1:
            raise MisfitError(
                f"image has shape {shapes['image']} and kernel {shapes['kernel']}: "
                "they must have equally many channels"
            )
        return grid

    @traitlets.validate("stride", "dilation", "padding")
    def _check_whole(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if name == "padding" and isinstance(value, str) and value in MODES:
            return value
        return as_whole(name, value)

    @traitlets.validate("bias")
    def _check_bias(self, proposal):
        value = proposal["value"]
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not abs(value) <= VALUE:
            raise MisfitError(
                f"bias is {value!r}; a number from -{VALUE} to {VALUE} fits"
            )
        return float(value)

    @traitlets.validate("flip")
    def _check_flip(self, proposal):
        if not isinstance(proposal["value"], (bool, np.bool_)):
            raise MisfitError(f"flip is {proposal['value']!r}; True or False fits")
        return bool(proposal["value"])

    @traitlets.validate("position")
    def _check_position(self, proposal):
        value, count = proposal["value"], math.prod(self._out_shape)
        if value is None:
            return -1
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or value < -1 or (count and value >= count):
            raise MisfitError(
                f"position is {value!r}; an output cell from 0 to {count - 1}, "
                "or -1 for none, fits"
            )
        return int(value)

    @traitlets.observe("image", "kernel", "stride", "padding", "dilation")
    def _keep_position(self, _):
        count = math.prod(self._out_shape)
        if count and self.position >= count:
            self.position = count - 1

    @property
    def _x(self):
        x = np.asarray(self.image, dtype=float)
        return x.reshape(-1, *x.shape[-2:])  # (C, H, W)

    @property
    def _w(self):
        w = np.asarray(self.kernel, dtype=float)
        return w.reshape(-1, *w.shape[-2:])  # (C, R, S)

    @property
    def _pads(self):
        return [
            pad_amounts(n, k, self.stride, self.padding, self.dilation)
            for n, k in zip(self._x.shape[1:], self._w.shape[1:], strict=True)
        ]  # [(top, bottom), (left, right)]

    @property
    def _out_shape(self):
        return tuple(
            output_size(n, k, self.stride, pads, self.dilation)
            for n, k, pads in zip(
                self._x.shape[1:], self._w.shape[1:], self._pads, strict=True
            )
        )  # (H', W')

    @property
    def output(self):
        """All outputs, (H', W') float64; a ValueError where the kernel does not fit."""
        d, s, pads = self.dilation, self.stride, self._pads
        x = np.pad(self._x, [(0, 0), *pads])  # (C, H + pads, W + pads)
        w = self._w[:, ::-1, ::-1] if self.flip else self._w
        if 0 in self._out_shape:
            spans = tuple(d * (k - 1) + 1 for k in w.shape[1:])
            raise ValueError(
                f"kernel covers {spans} cells and does not fit the padded image "
                f"{x.shape[1:]}; a kernel up to that size or more padding fits"
            )
        y = np.full(self._out_shape, self.bias)  # (H', W')
        for i, j in np.ndindex(y.shape):
            rows = i * s + d * np.arange(w.shape[1])
            cols = j * s + d * np.arange(w.shape[2])
            y[i, j] += (x[:, rows][:, :, cols] * w).sum()
        return y
