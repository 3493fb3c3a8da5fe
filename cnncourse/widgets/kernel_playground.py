"""A picture and a kernel, and what convolution, ReLU and pooling make of it."""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from .kernel_playground_still import still

HERE = Path(__file__)
FREE = "free"
OWN = "your own"
KERNELS = {
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "vertical edge": [[0, 0, 0], [-1, 2, -1], [0, 0, 0]],
    "surround": [[1, 1, 1], [1, -9, 1], [1, 1, 1]],
    "sobel y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "horizontal edge": [[0, -1, 0], [0, 2, 0], [0, -1, 0]],
    "blur": [[1 / 9] * 3] * 3,
    "sobel x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "emboss": [[2, 0, 0], [0, -1, 0], [0, 0, -1]],
}


class MisfitError(ValueError, traitlets.TraitError):
    """A ValueError; being a TraitError too makes traitlets undo held assignments."""


class KernelPlayground(anywidget.AnyWidget):
    """Slide a 3 x 3 or 5 x 5 kernel over a picture and see what comes out.

    Four pictures stand side by side: the input, the response
    ``y[i, j] = sum_{r, s} x[i + r, j + s] w[r, s]`` (valid cross-correlation),
    its ReLU, and the ReLU's 2 x 2 maxima. The reader chooses a kernel or edits
    one, chooses a picture or brings one (file, paste, camera; it never leaves
    the browser), and points at any pixel to see the window, the kernel, the
    products and their sum.

    ``w.kernel``, ``w.kernel_name``, ``w.picture`` and ``w.pixel`` (a place in
    the response) can be read and assigned; edits in the figure change them.

    Args:
        pictures: One picture, or a dict name -> picture; grey, from 0 to 1.
            The browser gets them as 8 bits a pixel.
        kernels: Dict name -> kernel; ``None`` stands for the nine classic ones.
        kernel: Name of the kernel shown first.
        alt: The figure's accessible name, one sentence.

    Shapes:
        picture (H, W), each side from 1 to 256; kernel (R, S), each side from
        1 to 5; response (H', W') = (H - R + 1, W - S + 1).

    Raises:
        ValueError: If an argument, or a value assigned later, does not fit.

    Example:
        >>> w = KernelPlayground(np.eye(8), kernel="sobel y")
        >>> w.kernel = np.ones((5, 5)) / 25
        >>> w.response.shape
        (4, 4)

    Source:
        LeCun et al. 1998, section II; page ``02_convolution``.
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (HERE.with_name("tokens.css"), HERE.with_suffix(".css"))
    )

    picture = traitlets.Unicode().tag(sync=True)
    # TraitType and not Any, which would let None past the checks below
    kernels = traitlets.TraitType(None).tag(sync=True)
    kernel_name = traitlets.Unicode().tag(sync=True)
    kernel = traitlets.TraitType(None).tag(sync=True)
    pixel = traitlets.TraitType(None).tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    _pixels = traitlets.Bytes().tag(sync=True)  # all pictures, one after another
    _shapes = traitlets.List().tag(sync=True)  # [name, H, W] of each
    _own = traitlets.Unicode("").tag(sync=True)  # the browser's key to its picture
    _free = traitlets.Any(None, allow_none=True).tag(sync=True)
    _start = traitlets.Dict().tag(sync=True)
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(self, pictures, kernels=None, kernel="sobel x", alt=None):
        if not isinstance(alt, str | None):
            raise MisfitError(f"alt: {alt!r} is no text; give one sentence")
        grey = _check_pictures(pictures)
        kernels = _check_kernels(KERNELS if kernels is None else kernels)
        if kernel not in kernels:
            raise MisfitError(
                f"kernel: no kernel is called {kernel!r}; {_names(kernels)}"
            )
        picture = next(iter(grey))
        response = _correlate(grey[picture] / 255, np.array(kernels[kernel]))
        start = {
            "picture": picture,
            "kernel_name": kernel,
            "kernel": kernels[kernel],
            "pixel": _strongest(response),
        }
        super().__init__(
            kernels=kernels,
            alt=alt
            or "A picture, its response to a kernel, the response's ReLU "
            "and the pooled ReLU; kernel and picture can be changed.",
            _pixels=b"".join(x.tobytes() for x in grey.values()),
            _shapes=[[name, *x.shape] for name, x in grey.items()],
            _start=start,
            _picture=still(grey[picture] / 255, response, start),
            **start,
        )

    @property
    def pictures(self):
        """Dict name -> picture (H, W), values k / 255 as the browser has them."""
        found, at = {}, 0
        for name, height, width in self._shapes:
            flat = np.frombuffer(self._pixels, np.uint8, height * width, at)
            found[name] = flat.reshape(height, width) / 255  # (H, W)
            at += height * width
        return found

    @property
    def response(self):
        """The response (H', W') of the chosen picture to the kernel, float64."""
        if self.picture == OWN:
            raise RuntimeError(
                "response: the figure shows a picture of its reader's own, which "
                f"stays in the browser; set picture to one of {list(self.pictures)}"
            )
        return _correlate(self.pictures[self.picture], np.array(self.kernel))

    @traitlets.validate("kernels")
    def _valid_kernels(self, proposal):
        return _check_kernels(proposal.value)

    @traitlets.validate("kernel")
    def _valid_kernel(self, proposal):
        return _check_kernel("kernel", proposal.value)

    @traitlets.validate("kernel_name")
    def _valid_kernel_name(self, proposal):
        if proposal.value != FREE and proposal.value not in self.kernels:
            raise MisfitError(
                f"kernel_name: no kernel is called {proposal.value!r}; "
                f"{_names([*self.kernels, FREE])}"
            )
        return proposal.value

    @traitlets.validate("picture")
    def _valid_picture(self, proposal):
        names = [name for name, _, _ in self._shapes] + [OWN] * bool(self._own)
        if proposal.value not in names:
            raise MisfitError(
                f"picture: no picture is called {proposal.value!r}; {_names(names)}"
            )
        return proposal.value

    @traitlets.validate("pixel")
    def _valid_pixel(self, proposal):
        at = np.asarray(proposal.value)
        if at.shape != (2,) or at.dtype.kind not in "iu" or at.min() < 0:
            raise MisfitError(
                f"pixel: {proposal.value!r} is no place in the response; "
                "give [row, column], whole numbers from 0"
            )
        return self._inside(at.tolist())

    @traitlets.observe("kernel_name")
    def _take_named_kernel(self, change):
        if change.new != FREE:
            self.kernel = self.kernels[change.new]

    @traitlets.observe("kernel", "kernels", "picture")
    def _follow(self, change):
        if self.kernel != self.kernels.get(self.kernel_name):
            self._free = self.kernel
            self.kernel_name = FREE
        self.pixel = self._inside(self.pixel)

    def _inside(self, pixel):
        """The place of the response nearest to `pixel` (any, if it is unknown)."""
        if self.picture == OWN:
            return pixel
        size = next(shape[1:] for shape in self._shapes if shape[0] == self.picture)
        last = np.maximum(np.subtract(size, np.shape(self.kernel)), 0)
        return np.minimum(pixel, last).tolist()


def _names(names):
    return "there are " + ", ".join(map(repr, names))


def _check_pictures(pictures):
    """Dict name -> uint8 picture, from one array or a dict of them."""
    if not isinstance(pictures, dict):
        pictures = {"picture": pictures}
    if not pictures:
        raise MisfitError("pictures: the dict is empty; give at least one picture")
    grey = {}
    for name, given in pictures.items():
        if not isinstance(name, str) or name in ("", OWN):
            raise MisfitError(f"pictures: {name!r} cannot be a picture's name")
        x = _numbers(f"pictures: {name!r}", given)
        if x.ndim != 2 or not 1 <= min(x.shape) or max(x.shape) > 256:
            raise MisfitError(
                f"pictures: {name!r} has shape {x.shape}; "
                "give (H, W), each side from 1 to 256"
            )
        if not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
            raise MisfitError(
                f"pictures: {name!r} holds values from {x.min():g} to {x.max():g}; "
                "give brightness from 0 to 1"
            )
        grey[name] = np.rint(255 * x).astype(np.uint8)
    return grey


def _numbers(what, table):
    try:
        return np.asarray(table, dtype=float)
    except (TypeError, ValueError):
        raise MisfitError(f"{what} is no table of numbers") from None


def _check_kernels(kernels):
    if not isinstance(kernels, dict) or not kernels:
        raise MisfitError(
            "kernels: give a dict name -> kernel with at least one kernel"
        )
    for name in kernels:
        if not isinstance(name, str) or name in ("", FREE):
            raise MisfitError(f"kernels: {name!r} cannot be a kernel's name")
    return {name: _check_kernel(f"kernels[{name!r}]", w) for name, w in kernels.items()}


def _check_kernel(what, kernel):
    """The kernel as nested lists of floats."""
    w = _numbers(f"{what}: {kernel!r}", kernel)
    if w.ndim != 2 or not 1 <= min(w.shape) or max(w.shape) > 5:
        raise MisfitError(
            f"{what}: shape {w.shape} does not fit; give (R, S), each side from 1 to 5"
        )
    if not (np.isfinite(w).all() and np.abs(w).max() <= 100):
        raise MisfitError(f"{what}: holds {w.tolist()}; give numbers from -100 to 100")
    return w.tolist()


def _correlate(x, w):
    if (np.array(x.shape) < w.shape).any():
        raise MisfitError(
            f"kernel: shape {w.shape} does not fit into the picture, shape {x.shape}"
        )
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)  # (H', W', R, S)
    return np.einsum("ijrs,rs->ij", windows, w)  # (H', W')


def _strongest(response):
    """Place of the largest response, not in the outer rows and columns."""
    rows, columns = (min(n // 8, 8) for n in response.shape)
    height, width = response.shape
    inner = response[rows : height - rows, columns : width - columns]
    row, column = np.unravel_index(inner.argmax(), inner.shape)
    return [int(row) + rows, int(column) + columns]
