"""The backward pass of a convolution before the reader's eyes, entry by entry."""

from numbers import Integral
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from .backprop_stepper_still import draw_picture

HERE = Path(__file__)
WHAT = ("dw", "dx", "db")  # by the kernel, by the input, by the bias
SIZES = {"image": 8, "kernel": 5, "dy": 14}  # largest height and width
WHOLE = {"stride": (1, 3), "padding": (0, 3)}  # lowest, highest
VALUE = 9999  # largest size of a number in a cell
LAYER = ("image", "kernel", "stride", "padding")  # what the shape of dy hangs on


class MisfitError(ValueError, traitlets.TraitError):
    """A ValueError; being a TraitError too makes traitlets undo held assignments."""


def as_grid(name, value):
    """Nested lists of finite numbers, (H, W), or a MisfitError."""
    try:
        a = np.asarray(value)
    except ValueError:  # ragged
        a = np.empty(0)
    if a.dtype == bool:
        a = a.astype(int)
    if a.ndim != 2 or 0 in a.shape or a.dtype.kind not in "iuf":
        raise MisfitError(
            f"{name} has shape {a.shape} and type {a.dtype}; numbers in rows and "
            "columns fit"
        )
    most = (SIZES[name],) * 2
    if a.shape[0] > most[0] or a.shape[1] > most[1]:
        raise MisfitError(f"{name} has shape {a.shape}; up to {most} fits")
    if not np.all((a >= -VALUE) & (a <= VALUE)):  # catches nan too
        raise MisfitError(
            f"{name} holds a number that is not finite or beyond ±{VALUE}; "
            f"numbers from -{VALUE} to {VALUE} fit"
        )
    return a.tolist()


def is_whole(value):
    """Whether this is an integer; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def as_whole(name, value):
    """An integer within the limits of ``name``, or a MisfitError."""
    low, high = WHOLE[name]
    if not is_whole(value) or not low <= value <= high:
        raise MisfitError(
            f"{name} is {value!r}; a whole number from {low} to {high} fits"
        )
    return int(value)


class BackpropStepper(anywidget.AnyWidget):
    """One entry of a gradient of a convolution after the other, with every product.

    The layer is ``y = x ⋆ w + b``, and ``dy`` is ∂L/∂y, which the figure calls δ.
    The reader chooses the gradient (by kernel, input or bias), steps through its
    entries or chooses one, edits every number, sets stride and padding, and lays the
    kernel on δ without the half turn, to see what goes wrong then. What is edited
    comes back: ``w.dy`` reads it.

    Args:
        image: input ``x``, integers or floats, at most 8 × 8.
        kernel: weights ``w``, at most 5 × 5 and no larger than the padded image.
        dy: ∂L/∂y, of the output's shape.
        stride: step between neighbouring windows, 1 to 3.
        padding: zeros on each side of the image, 0 to 3.
        what: the gradient shown: ``"dw"``, ``"dx"`` or ``"db"``.
        entry: (row, column) of the entry computed last; () for none yet, None for
            the middle one.
        alt: accessible name of the figure, one sentence.

    Raises:
        ValueError: names the argument, what was given and what fits; also when a trait
            is assigned later. Where a new image, kernel, stride or padding changes the
            output's shape, ``dy`` keeps the entries that still exist; new ones are 1.

    Shapes:
        image, dx (H, W); kernel, dw (R, S); dy, y (H', W') with
        H' = ⌊(H + 2 padding - R) / stride⌋ + 1; db ().

    Example:
        >>> w = BackpropStepper([[1, 2], [3, 4]], [[1, 10]], [[1], [-1]])
        >>> w.dw
        array([[-2., -2.]])
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (HERE.with_name("tokens.css"), HERE.with_suffix(".css"))
    )

    # TraitType and not Any, which would let None past the checks below
    image = traitlets.TraitType(None).tag(sync=True)
    kernel = traitlets.TraitType(None).tag(sync=True)
    dy = traitlets.TraitType(None).tag(sync=True)
    stride = traitlets.TraitType(1).tag(sync=True)
    padding = traitlets.TraitType(0).tag(sync=True)
    what = traitlets.TraitType("dw").tag(sync=True)
    entry = traitlets.TraitType([]).tag(sync=True)
    turn = traitlets.TraitType(True).tag(sync=True)  # False: the mistake, for dx
    alt = traitlets.Unicode().tag(sync=True)
    _start = traitlets.Dict().tag(sync=True)  # what Reset goes back to
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        image,
        kernel,
        dy,
        stride=1,
        padding=0,
        what="dw",
        entry=None,
        alt=None,
    ):
        super().__init__(
            image=as_grid("image", image),
            kernel=as_grid("kernel", kernel),
            dy=as_grid("dy", dy),
            stride=as_whole("stride", stride),
            padding=as_whole("padding", padding),
            what=what,
        )
        self.entry = self._middle if entry is None else entry
        (h, w), (r, s) = np.shape(self.image), np.shape(self.kernel)
        self.alt = alt or (
            f"Stepper: the gradients of a convolution of a {h} × {w} input with a "
            f"{r} × {s} kernel, one entry at a time."
        )
        names = "image kernel dy stride padding what entry turn".split()
        self._start = {name: getattr(self, name) for name in names}
        self._picture = draw_picture(self)

    def _checked(self, **new):
        """image, kernel, stride and padding, these or new ones, that fit together."""
        now = {name: getattr(self, name) for name in LAYER} | new
        for name, value in now.items():
            now[name] = (as_whole if name in WHOLE else as_grid)(name, value)
        x, w = np.shape(now["image"]), np.shape(now["kernel"])
        room = tuple(n + 2 * now["padding"] for n in x)
        if w[0] > room[0] or w[1] > room[1]:
            raise MisfitError(
                f"kernel has shape {w} and image {x} with padding {now['padding']}; "
                f"a kernel up to {room} fits"
            )
        return now

    @traitlets.validate(*LAYER)
    def _check_layer(self, proposal):
        name = proposal["trait"].name
        return self._checked(**{name: proposal["value"]})[name]

    @traitlets.validate("dy")
    def _check_dy(self, proposal):
        self._checked()  # first: what the shape hangs on
        dy = as_grid("dy", proposal["value"])
        if np.shape(dy) != self._out_shape:
            raise MisfitError(
                f"dy has shape {np.shape(dy)} and the output {self._out_shape}; "
                "they must be the same"
            )
        return dy

    @traitlets.validate("what")
    def _check_what(self, proposal):
        if proposal["value"] not in WHAT:
            raise MisfitError(f"what is {proposal['value']!r}; one of {WHAT} fits")
        return proposal["value"]

    @traitlets.validate("turn")
    def _check_turn(self, proposal):
        if not isinstance(proposal["value"], (bool, np.bool_)):
            raise MisfitError(f"turn is {proposal['value']!r}; True or False fits")
        return bool(proposal["value"])

    @traitlets.validate("entry")
    def _check_entry(self, proposal):
        value, shape = proposal["value"], self._result_shape
        pair = [] if value is None else value
        fits = isinstance(pair, (tuple, list)) and len(pair) in (0, 2)
        fits = fits and all(map(is_whole, pair))
        if not fits or not all(0 <= i < n for i, n in zip(pair, shape, strict=False)):
            raise MisfitError(
                f"entry is {value!r}; (row, column) of an entry of {self.what}, which "
                f"has shape {shape}, or () for none, fits"
            )
        return [int(i) for i in pair]

    @traitlets.observe(*LAYER)
    def _keep_dy(self, _):
        old, new = np.asarray(self.dy), np.ones(self._out_shape)
        if old.shape != new.shape:
            h, w = np.minimum(old.shape, new.shape)
            new[:h, :w] = old[:h, :w]
            self.dy = new

    @traitlets.observe("image", "kernel", "what")
    def _keep_entry(self, _):
        if any(i >= n for i, n in zip(self.entry, self._result_shape, strict=False)):
            self.entry = self._middle

    @property
    def _out_shape(self):
        sizes = zip(np.shape(self.image), np.shape(self.kernel), strict=True)
        return tuple((n + 2 * self.padding - k) // self.stride + 1 for n, k in sizes)

    @property
    def _result_shape(self):
        shapes = {"dw": np.shape(self.kernel), "dx": np.shape(self.image)}
        return shapes.get(self.what, (1, 1))

    @property
    def _middle(self):
        rows, cols = self._result_shape
        return divmod((rows * cols - 1) // 2, cols)

    def _windows(self):
        """Each output's place (i, j) and its window, slices of the padded image."""
        r, c = np.shape(self.kernel)
        for i, j in np.ndindex(self._out_shape):
            top, left = i * self.stride, j * self.stride
            yield (i, j), (slice(top, top + r), slice(left, left + c))

    @property
    def _x(self):
        return np.pad(np.asarray(self.image, float), self.padding)  # (H + 2p, W + 2p)

    @property
    def y(self):
        """The forward pass without bias, (H', W') float64."""
        x, w, y = self._x, np.asarray(self.kernel, float), np.empty(self._out_shape)
        for place, window in self._windows():
            y[place] = (x[window] * w).sum()
        return y

    @property
    def dw(self):
        """∂L/∂w, (R, S) float64: each output sends δ times its window of x."""
        x, dy = self._x, np.asarray(self.dy, float)
        dw = np.zeros(np.shape(self.kernel))  # (R, S)
        for place, window in self._windows():
            dw += x[window] * dy[place]
        return dw

    @property
    def dx(self):
        """∂L/∂x, (H, W) float64: each output sends δ times w to its window."""
        w, dy, p = (
            np.asarray(self.kernel, float),
            np.asarray(self.dy, float),
            self.padding,
        )
        dx = np.zeros_like(self._x)  # (H + 2p, W + 2p)
        for place, window in self._windows():
            dx[window] += dy[place] * w
        h, wide = np.shape(self.image)
        return dx[p : p + h, p : p + wide]  # (H, W)

    @property
    def db(self):
        """∂L/∂b, a float: the bias is added to every output."""
        return float(np.sum(self.dy, dtype=float))
