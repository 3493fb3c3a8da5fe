"""Pooling windows, and what a shift or a gradient does."""

import math
from numbers import Integral
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from .pooling_grid_still import draw_picture

HERE = Path(__file__)
MODES = ("max", "avg", "sum")
VIEWS = ("shift", "gradient")
EDGE = (2, 12)  # lowest and highest height and width of the input
WHOLE = (1, 6)  # lowest and highest size and stride
SHIFT = 6  # largest shift in one direction
VALUE = 9999  # largest size of a number in a cell


class MisfitError(ValueError, traitlets.TraitError):
    """A ValueError; being a TraitError too makes traitlets undo held assignments."""


def as_grid(name, value, fits):
    """Nested lists of finite numbers, (H, W), or a MisfitError that says what fits."""
    try:
        a = np.asarray(value)
    except ValueError:  # ragged
        a = np.empty(0)
    if a.dtype == bool:
        a = a.astype(int)
    if a.ndim != 2 or not 0 < a.size <= 10_000 or a.dtype.kind not in "iuf":
        raise MisfitError(
            f"{name} has shape {a.shape} and type {a.dtype}; numbers of shape "
            f"{fits} fit"
        )
    if not np.all((a >= -VALUE) & (a <= VALUE)):  # catches nan too
        raise MisfitError(
            f"{name} holds a number that is not finite or beyond ±{VALUE}; "
            f"numbers from -{VALUE} to {VALUE} fit"
        )
    return a.tolist()


def is_whole(value, low, high):
    """Whether value is an integer, not a bool, from low to high."""
    whole = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    return whole and low <= value <= high


def output_size(n, size, stride):
    """``⌊(n - size) / stride⌋ + 1``, 0 where the window does not fit."""
    return max((n - size) // stride + 1, 0)


class PoolingGrid(anywidget.AnyWidget):
    """Pooling on a small grid: its windows, and what a shift or a gradient does.

    The reader chooses mode, size and stride, edits the input, and picks an output cell
    to see its window and its arithmetic. One view shifts the picture and marks the
    output cells that change; the other routes a gradient ``dy`` back to the input.
    There is no padding: a window that would run over the border gives no output.

    Args:
        image: input ``x``, integers or floats, 2 × 2 to 12 × 12.
        size: height and width of the window, 1 to 6.
        stride: step between neighbouring windows, 1 to 6; None: the same as size.
        mode: ``"max"``, ``"avg"`` or ``"sum"``.
        shift: cells that the picture is moved (down, right), -6 to 6 each; zeros come
            in and what leaves the grid is lost.
        alt: accessible name of the figure, one sentence.
        view: ``"shift"`` or ``"gradient"``, what the figure starts with.
        position: output cell chosen (row by row, from 0); None for one that the shift
            changes.

    Raises:
        ValueError: names the argument, what was given and what fits; also when a trait
            is assigned later.

    Shapes:
        image (H, W); output (H', W') with H' = ⌊(H - size) / stride⌋ + 1.

    Example:
        >>> PoolingGrid(np.arange(1, 17).reshape(4, 4)).output
        array([[ 6.,  8.],
               [14., 16.]])
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (HERE.with_name("tokens.css"), HERE.with_suffix(".css"))
    )

    # TraitType and not Any, which would let None past the checks below
    image = traitlets.TraitType(None).tag(sync=True)
    size = traitlets.TraitType(2).tag(sync=True)
    stride = traitlets.TraitType(None, allow_none=True).tag(sync=True)
    mode = traitlets.TraitType("max").tag(sync=True)
    shift = traitlets.TraitType((0, 0)).tag(sync=True)
    view = traitlets.TraitType("shift").tag(sync=True)
    dy = traitlets.TraitType(None, allow_none=True).tag(sync=True)  # None: ones
    position = traitlets.TraitType(0).tag(sync=True)  # the output cell chosen
    cell = traitlets.TraitType(0).tag(sync=True)  # the input cell chosen, for dx
    alt = traitlets.Unicode().tag(sync=True)
    _start = traitlets.Dict().tag(sync=True)  # what Reset goes back to
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        image,
        size=2,
        stride=None,
        mode="max",
        shift=(0, 0),
        alt=None,
        view="shift",
        position=None,
    ):
        super().__init__(
            image=image, size=size, stride=stride, mode=mode, shift=shift, view=view
        )
        self.position = self._telling() if position is None else position
        if math.prod(self._out_shape):
            top, left = self._corner(self.position)
            self.cell = top * self._x.shape[1] + left
            if mode == "max":
                self.cell = int(np.ravel_multi_index(self._winner(top, left), self._hw))
        h, w = self._hw
        self.alt = alt or (
            f"{self.mode} pooling of a {h} × {w} input, window {size} × {size}: what a "
            "shift changes, and where the gradient goes."
        )
        names = "image size stride mode shift view dy position cell".split()
        self._start = {name: getattr(self, name) for name in names}
        self._picture = draw_picture(self)

    @traitlets.validate("image")
    def _check_image(self, proposal):
        low, high = EDGE
        fits = f"(H, W) with {low} to {high} rows and columns"
        grid = as_grid("image", proposal["value"], fits)
        if not all(low <= n <= high for n in np.shape(grid)):
            raise MisfitError(f"image has shape {np.shape(grid)}; {fits} fits")
        return grid

    @traitlets.validate("dy")
    def _check_dy(self, proposal):
        if proposal["value"] is None:
            return None
        grid = as_grid("dy", proposal["value"], self._out_shape)
        if np.shape(grid) != self._out_shape:
            raise MisfitError(f"dy has shape {np.shape(grid)}; {self._out_shape} fits")
        return grid

    @traitlets.validate("size", "stride")
    def _check_whole(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if name == "stride" and value is None:
            return None
        if not is_whole(value, *WHOLE):
            raise MisfitError(f"{name} is {value!r}; a whole number from 1 to 6 fits")
        return int(value)

    @traitlets.validate("mode", "view")
    def _check_word(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        words = {"mode": MODES, "view": VIEWS}[name]
        if not isinstance(value, str) or value not in words:
            raise MisfitError(f"{name} is {value!r}; one of {words} fits")
        return value

    @traitlets.validate("shift")
    def _check_shift(self, proposal):
        value = proposal["value"]
        pair = list(value) if isinstance(value, (list, tuple, np.ndarray)) else []
        if len(pair) != 2 or not all(is_whole(n, -SHIFT, SHIFT) for n in pair):
            raise MisfitError(
                f"shift is {value!r}; two whole numbers (down, right) from -{SHIFT} to "
                f"{SHIFT} fit"
            )
        return [int(n) for n in pair]

    @traitlets.validate("position", "cell")
    def _check_place(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        shape = {"position": self._out_shape, "cell": self._hw}[name]
        count = max(math.prod(shape), 1)  # 0 stands also where there is no output
        if not is_whole(value, 0, count - 1):
            kind = {"position": "an output", "cell": "an input"}[name]
            raise MisfitError(
                f"{name} is {value!r}; {kind} cell from 0 to {count - 1} fits"
            )
        return int(value)

    @traitlets.observe("image", "size", "stride")
    def _keep_places(self, _):
        if self.image is None:
            return
        self.position = min(self.position, max(math.prod(self._out_shape) - 1, 0))
        self.cell = min(self.cell, math.prod(self._hw) - 1)
        if self.dy is not None and np.shape(self.dy) != self._out_shape:
            self.dy = None

    @property
    def _x(self):
        return np.asarray(self.image, dtype=float)  # (H, W)

    @property
    def _hw(self):
        return np.shape(self.image)

    @property
    def _step(self):
        return self.size if self.stride is None else self.stride

    @property
    def _out_shape(self):
        return tuple(output_size(n, self.size, self._step) for n in self._hw)

    @property
    def shifted(self):
        """The picture moved by ``shift``, zeros moved in, (H, W) float64."""
        (down, right), (h, w) = self.shift, self._hw
        x = np.pad(self._x, SHIFT)  # (H + 12, W + 12)
        return x[SHIFT - down :, SHIFT - right :][:h, :w]  # (H, W)

    @property
    def output(self):
        """Input x pooled without the shift, (H', W') float64.

        Raises:
            ValueError: the window does not fit the image.
        """
        return self._pool(self._x)

    def dx(self, dy=None):
        """Gradient of x for the gradient dy of the output, without the shift.

        ``max`` gives all of a window's gradient to its maximum, in a tie to the first
        in reading order; ``avg`` gives each cell 1/size² of it, ``sum`` all of it.

        Args:
            dy: (H', W'); None for the figure's own: ones until they are edited.

        Returns:
            (H, W) float64.

        Raises:
            ValueError: dy has another shape than the output, or there is no output.
        """
        dy = self._dy if dy is None else np.asarray(dy, dtype=float)
        if dy.shape != self.output.shape:
            raise ValueError(f"dy has shape {dy.shape}; {self._out_shape} fits")
        dx, k = np.zeros(self._hw), self.size
        part = 1 / k**2 if self.mode == "avg" else 1
        for n, share in enumerate(dy.flat):
            top, left = self._corner(n)
            if self.mode == "max":
                dx[self._winner(top, left)] += share
            else:
                dx[top : top + k, left : left + k] += share * part
        return dx

    @property
    def _dy(self):
        return np.ones(self._out_shape) if self.dy is None else np.array(self.dy, float)

    def _pool(self, x):
        if 0 in self._out_shape:
            raise ValueError(
                f"size is {self.size}; the image {x.shape} fits up to {min(x.shape)}"
            )
        y, k = np.empty(self._out_shape), self.size
        reduce = {"max": np.max, "avg": np.mean, "sum": np.sum}[self.mode]
        for n in range(y.size):
            top, left = self._corner(n)
            y.flat[n] = reduce(x[top : top + k, left : left + k])
        return y

    def _corner(self, position):
        """Row and column where the window of an output cell starts."""
        i, j = divmod(position, self._out_shape[1])
        return i * self._step, j * self._step

    def _winner(self, top, left):
        """Row and column of the first maximum in reading order."""
        window = self._x[top : top + self.size, left : left + self.size]
        i, j = np.unravel_index(window.argmax(), window.shape)
        return int(top + i), int(left + j)

    def _telling(self):
        """The output cell that the shift changes most, else the largest one."""
        if 0 in self._out_shape:
            return 0
        y = self.output
        change = np.abs(y - self._pool(self.shifted))
        return int(np.argmax(change if change.max() > 1e-9 else np.abs(y)))
