"""A convolution computed before the reader's eyes, one output cell at a time."""

import html
import math
import textwrap
from decimal import ROUND_HALF_UP, Decimal
from numbers import Integral, Real
from pathlib import Path

import anywidget
import numpy as np
import traitlets

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


def size_text(n, k, stride, pads, dilation):
    """The size formula with its numbers, as the figure writes it."""
    before, after = pads
    pad = f"2·{before}" if before == after else f"{before} + {after}"
    span = k if dilation == 1 else f"({dilation}·({k} − 1) + 1)"
    size = (n + before + after - dilation * (k - 1) - 1) // stride + 1
    return f"⌊({n} + {pad} − {span})/{stride}⌋ + 1 = {format_number(size)}"


def format_number(value):
    """At most four decimals and a true minus sign, as the figure writes it."""
    size = abs(Decimal(float(value)))
    if size >= 10**5 or 0 < size < Decimal("1e-4"):
        mantissa, power = f"{size:.1e}".split("e")
        text = f"{mantissa.removesuffix('.0')}e{int(power)}".replace("-", "−")
    else:
        text = str(size.quantize(Decimal("0.0001"), ROUND_HALF_UP))
        text = text.rstrip("0").rstrip(".")
    return f"−{text}" if value < 0 else text


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


def window(w, position):
    """The numbers x and w that meet at one output cell, each (C, R, S)."""
    i, j = divmod(position, w._out_shape[1])
    x = np.pad(w._x, [(0, 0), *w._pads])  # (C, H + pads, W + pads)
    k = w._w[:, ::-1, ::-1] if w.flip else w._w  # (C, R, S)
    rows = i * w.stride + w.dilation * np.arange(k.shape[1])
    cols = j * w.stride + w.dilation * np.arange(k.shape[2])
    return x[:, rows][:, :, cols], k


def sum_text(w, position):
    """The written sum of one output cell, as the figure writes it."""

    def factor(v):
        return f"({format_number(v)})" if v < 0 else format_number(v)

    def signed(v):
        return f" − {format_number(-v)}" if v < 0 else f" + {format_number(v)}"

    a, k = window(w, position)
    (i, j), c = divmod(position, w._out_shape[1]), len(a)
    y = w.output[i, j]
    numbers = [y, *a.ravel(), *k.ravel()]
    text = f"y[{i}, {j}] = "
    if a.size <= 9:
        pairs = zip(a.ravel(), k.ravel(), strict=True)
        text += " + ".join(f"{factor(p)}·{factor(q)}" for p, q in pairs)
    else:
        sums = (a * k).sum(axis=(1, 2))  # (C,)
        numbers.extend(sums)
        text += "sum over "
        text += f"{c} channels: " if c > 1 else f"{a.size} products: "
        if c == 1 and not w.bias:
            return text + format_number(y)
        text += format_number(sums[0]) + "".join(signed(v) for v in sums[1:])
    if w.bias:
        text += f"{signed(w.bias)} (bias)"
    shown = [float(format_number(v).replace("−", "-")) for v in numbers]
    exact = np.allclose(shown, numbers, rtol=1e-9, atol=1e-9)
    return f"{text} {'=' if exact else '≈'} {format_number(y)}"


INKS = {  # kind: (tint, text)
    "x": ("--cnn-input, #0072b2", "--cnn-input-ink, #005a8e"),
    "w": ("--cnn-kernel, #e69f00", "--cnn-kernel-ink, #8a5a00"),
    "y": ("--cnn-output, #009e73", "--cnn-output-ink, #00694d"),
}
INK, SOFT, LINE = "--cnn-ink, #1f2328", "--cnn-ink-soft, #57606a", "--cnn-line, #c9cfd6"


def svg_text(x, y, words, size=15, ink=INK, anchor="start", weight=400):
    """One line of text with its base line at (x, y)."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="var({ink})" '
        f'text-anchor="{anchor}" font-weight="{weight}">{html.escape(words)}</text>'
    )


def svg_grid(kind, name, x, y, cell, texts, strong=(), faint=()):
    """A titled grid of texts (rows, columns); strong and faint are sets of (i, j)."""
    tint, ink = INKS[kind]
    parts = [svg_text(x, y - 8, name, ink=ink, weight=600)]
    for (i, j), words in np.ndenumerate(texts):
        left, top = x + j * cell, y + i * cell
        opacity = 0 if (i, j) in faint or words == "" else 0.1
        opacity = 0.3 if (i, j) in strong else opacity
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{cell:.1f}" '
            f'height="{cell:.1f}" fill="var({tint})" fill-opacity="{opacity}" '
            f'stroke="var({LINE})" stroke-dasharray="{2 if (i, j) in faint else 0}"/>'
        )
        size = min(15, 1.4 * cell / max(len(words), 2))
        middle = (left + cell / 2, top + cell / 2 + size / 3)
        parts.append(
            svg_text(*middle, words, size, SOFT if (i, j) in faint else INK, "middle")
        )
    return parts


def draw_picture(w):
    """The first state as a still SVG, for print and for readers without JavaScript."""
    texts = np.vectorize(format_number, otypes=[object])
    (_, h, wide), (c, r, s), at = w._x.shape, w._w.shape, w.position
    (top, bottom), (left, right) = w._pads
    tall, full = h + top + bottom, wide + left + right
    high, broad = w._out_shape
    row, col = (n * w.stride for n in divmod(max(at, 0), broad or 1))
    cell = min(40, 540 / (full + s + broad))
    line = (max(tall, r) + 1) * cell  # from one channel's grids to the next's
    x_w, x_y = full * cell + 45, (full + s) * cell + 90
    taps, zeros = set(), set()
    if at >= 0:
        d = w.dilation
        taps = {(row + m * d, col + n * d) for m, n in np.ndindex(r, s)}
    for i, j in np.ndindex(tall, full):
        if not (top <= i < top + h and left <= j < left + wide):
            zeros.add((i, j))
    parts = []
    for n in range(c):
        y, at_n = 28 + n * line, f"[{n}]" if c > 1 else ""
        x = texts(np.pad(w._x[n], w._pads))  # (H + pads, W + pads)
        parts += svg_grid("x", f"input x{at_n}", 2, y, cell, x, taps, zeros)
        if at >= 0:
            span = [w.dilation * (k - 1) + 1 for k in (s, r)]
            parts.append(
                f'<rect x="{2 + col * cell:.1f}" y="{y + row * cell:.1f}" '
                f'width="{span[0] * cell:.1f}" height="{span[1] * cell:.1f}" '
                'fill="none" stroke="var(--cnn-kernel, #e69f00)" stroke-width="3"/>'
            )
        y += max(tall - r, 0) * cell / 2
        k = w._w[n, ::-1, ::-1] if w.flip else w._w[n]  # (R, S)
        name = f"kernel w{at_n}" + (", turned" if w.flip else "")
        parts += svg_grid("w", name, x_w, y, cell, texts(k))
        parts.append(svg_text(x_w - 22, y + r * cell / 2 + 7, "∗", 22, SOFT, "middle"))
    y = 28 + max(c * line - cell - high * cell, 0) / 2
    end = max(28 + c * line - cell, y + high * cell)
    lines = []
    if high and broad:
        done = np.full((high, broad), "", dtype=object)
        done.flat[: at + 1] = texts(w.output.flat[: at + 1]) if at >= 0 else []
        now = {divmod(at, broad)} if at >= 0 else ()
        parts.append(
            svg_text(x_y - 22, y + high * cell / 2 + 7, "=", 22, SOFT, "middle")
        )
        parts += svg_grid("y", "output y", x_y, y, cell, done, now)
        lines = textwrap.wrap(sum_text(w, at), 70) if at >= 0 else []
    for n, k, pads, name in zip(
        (h, wide), (r, s), w._pads, ("height", "width"), strict=True
    ):
        lines.append(f"output {name} {size_text(n, k, w.stride, pads, w.dilation)}")
    for n, words in enumerate(lines, 1):
        parts.append(svg_text(2, end + 8 + 24 * n, words))
    width = max(x_y + max(broad * cell, 80) + 2, 9 * max(map(len, lines)))
    height = end + 20 + 24 * len(lines)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {min(width, 640):.0f} {height:.0f}" '
        f'width="{min(width, 640):.0f}" font-family="var(--cnn-sans, sans-serif)">'
        f"<title>{html.escape(w.alt)}</title>{''.join(parts)}</svg>"
    )
