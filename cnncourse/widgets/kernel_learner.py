"""Gradient descent finds a kernel, step by step."""

from numbers import Integral, Real
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from .kernel_learner_still import still

HERE = Path(__file__)
FULL = 65535  # white, in the 16 bits a pixel that the browser gets
RATES, STEPS, SIDES = (1e-4, 10), (1, 5000), (8, 80)
FIRST = 20  # the step shown first
TOO_MUCH = 1e12  # a run ends at the first step with a larger loss,
ENOUGH = 1e-16  # or, from step 1 on, with a smaller one than this


class MisfitError(ValueError, traitlets.TraitError):
    """A ValueError; being a TraitError too makes traitlets undo held assignments."""


class KernelLearner(anywidget.AnyWidget):
    """Watch gradient descent find a kernel from a picture and its response.

    The target is ``z = x ⋆ kernel`` (valid cross-correlation). The learner sees
    only x and z. From ``start`` it takes steps ``w = w - lr * dw`` on the loss
    ``L = sum((y - z)**2) / (2 m)``, where ``y = x ⋆ w`` has m pixels. With the
    patches of x as rows of P and ``A = P.T @ P / m``, the gradient is
    ``dw = A @ (w - kernel)``. So each step multiplies the error along an
    eigenvector of A by ``1 - lr * eigenvalue``.

    The reader chooses the picture and the learning rate, plays, pauses, steps
    and scrubs. ``w.choice``, ``w.lr`` and ``w.step`` can be read and assigned.

    Args:
        images: Dict name -> picture, grey from 0 to 1, one to six of them.
            The browser gets them as 16 bits a pixel.
        kernel: The kernel to be found; numbers from -100 to 100.
        start: The kernel of step 0; None stands for
            ``np.random.default_rng(0).normal(0, 0.1, kernel.shape)``.
        lr: Learning rate, from 0.0001 to 10.
        steps: Number of steps, from 1 to 5000.
        choice: Name of the picture shown first; None stands for the first one.
        alt: The figure's accessible name, one sentence.

    Shapes:
        picture (H, W), each side from 8 to 80; kernel and start (R, S), each
        side from 1 to 5; y and z (H', W') = (H - R + 1, W - S + 1), m = H' W'.

    Raises:
        ValueError: If an argument, or a value assigned later, does not fit.

    Example:
        >>> noise = np.random.default_rng(1).random((80, 80))
        >>> w = KernelLearner({"noise": noise}, [[0, -1, 0], [0, 2, 0], [0, -1, 0]])
        >>> int(np.argmax(w.losses() < 1e-7))
        177

    Source:
        Page ``06_learning_a_kernel``.
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (HERE.with_name("tokens.css"), HERE.with_suffix(".css"))
    )

    # TraitType and not Any, which would let None past the checks below
    choice = traitlets.TraitType(None).tag(sync=True)
    lr = traitlets.TraitType(None).tag(sync=True)
    step = traitlets.TraitType(None).tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    # what a run is made of, fixed once the figure stands
    kernel = traitlets.TraitType(None, read_only=True).tag(sync=True)
    start = traitlets.TraitType(None, read_only=True).tag(sync=True)
    steps = traitlets.TraitType(None, read_only=True).tag(sync=True)
    _pixels = traitlets.Bytes().tag(sync=True)  # all pictures, little-endian uint16
    _shapes = traitlets.List().tag(sync=True)  # [name, H, W] of each
    _start = traitlets.Dict().tag(sync=True)
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, images, kernel, start=None, lr=0.5, steps=400, choice=None, alt=None
    ):
        if not isinstance(alt, str | None):
            raise MisfitError(f"alt: {alt!r} is no text; give one sentence")
        pixels = _check_images(images)
        kernel = _check_kernel("kernel", kernel)
        if start is None:
            start = np.random.default_rng(0).normal(0, 0.1, kernel.shape)
        start = _check_kernel("start", start)
        if start.shape != kernel.shape:
            raise MisfitError(
                f"start: shape {start.shape} does not fit the kernel's {kernel.shape}"
            )
        steps = _whole("steps", steps, *STEPS)
        first = next(iter(pixels)) if choice is None else choice
        self.set_trait("kernel", kernel.tolist())
        self.set_trait("start", start.tolist())
        self.set_trait("steps", steps)
        super().__init__(
            _pixels=b"".join(x.tobytes() for x in pixels.values()),
            _shapes=[[name, *x.shape] for name, x in pixels.items()],
        )
        self.choice, self.lr, self.step = first, lr, min(FIRST, steps)
        self.alt = alt or (
            "Gradient descent learns a kernel from a picture and its response; "
            "picture, learning rate and step can be changed."
        )
        self._start = {"choice": self.choice, "lr": self.lr, "step": self.step}
        self._picture = still(
            self.images[first], kernel, self.kernels(), self.losses(), self
        )

    @property
    def images(self):
        """Dict name -> picture (H, W), values k / 65535 as the browser has them."""
        found, at = {}, 0
        for name, height, width in self._shapes:
            flat = np.frombuffer(self._pixels, "<u2", height * width, 2 * at)
            found[name] = flat.reshape(height, width) / FULL  # (H, W)
            at += height * width
        return found

    @property
    def eigenvalues(self):
        """Eigenvalues (R S,) of ``A = P.T @ P / m`` for the chosen picture, rising."""
        return np.linalg.eigvalsh(self._gram())

    @property
    def limit(self):
        """Learning rates below 2 / (largest eigenvalue) converge; inf on black."""
        largest = self.eigenvalues[-1]
        return float(2 / largest) if largest > 0 else np.inf

    def kernels(self):
        """The kernels (T + 1, R, S) of all steps at the chosen picture and rate.

        T is ``steps``, or the first step whose loss is larger than 1e12 or, from
        step 1 on, smaller than 1e-16: nothing but rounding is left to learn.
        """
        return self._run()[0]

    def losses(self):
        """The losses (T + 1,) of all steps; T as for `kernels`."""
        return self._run()[1]

    def _gram(self):
        x, shape = self.images[self.choice], np.shape(self.kernel)
        patches = np.lib.stride_tricks.sliding_window_view(x, shape)  # (H', W', R, S)
        p = patches.reshape(-1, np.prod(shape))  # (m, R S)
        return p.T @ p / len(p)  # (R S, R S)

    def _run(self):
        a, true = self._gram(), np.array(self.kernel)
        w, kernels, losses = np.array(self.start), [], []
        for t in range(self.steps + 1):
            error = (w - true).ravel()  # (R S,)
            dw = a @ error
            kernels.append(w)
            losses.append(max(error @ dw / 2, 0))
            if losses[t] > TOO_MUCH or (t > 0 and losses[t] < ENOUGH):
                break
            w = w - self.lr * dw.reshape(w.shape)
        return np.array(kernels), np.array(losses)  # (T + 1, R, S), (T + 1,)

    @traitlets.validate("choice")
    def _valid_choice(self, proposal):
        names = [name for name, _, _ in self._shapes]
        if proposal.value not in names:
            raise MisfitError(
                f"choice: no picture is called {proposal.value!r}; "
                f"there are {', '.join(map(repr, names))}"
            )
        return proposal.value

    @traitlets.validate("lr")
    def _valid_lr(self, proposal):
        lr, (low, high) = proposal.value, RATES
        if isinstance(lr, bool) or not isinstance(lr, Real) or not low <= lr <= high:
            raise MisfitError(f"lr: {lr!r} given; give a number from {low} to {high}")
        return float(lr)

    @traitlets.validate("step")
    def _valid_step(self, proposal):
        return _whole("step", proposal.value, 0, self.steps)


def _whole(name, value, low, high):
    if (
        isinstance(value, bool)
        or not isinstance(value, Integral)
        or not low <= value <= high
    ):
        raise MisfitError(
            f"{name}: {value!r} given; give a whole number from {low} to {high}"
        )
    return int(value)


def _numbers(what, table):
    try:
        a = np.asarray(table)
    except ValueError:  # ragged
        a = np.empty(0, object)
    if a.dtype.kind not in "iuf":
        raise MisfitError(
            f"{what}: shape {a.shape} of type {a.dtype} given; a table of numbers fits"
        )
    return a.astype(float)


def _check_images(images):
    """Dict name -> little-endian uint16 picture."""
    if not isinstance(images, dict) or not 1 <= len(images) <= 6:
        raise MisfitError(
            f"images: {type(images).__name__} given; "
            "give a dict name -> picture with one to six pictures"
        )
    found, (low, high) = {}, SIDES
    for name, given in images.items():
        if not isinstance(name, str) or not name:
            raise MisfitError(f"images: {name!r} cannot be a picture's name")
        x = _numbers(f"images[{name!r}]", given)
        if x.ndim != 2 or min(x.shape) < low or max(x.shape) > high:
            raise MisfitError(
                f"images[{name!r}]: shape {x.shape} does not fit; "
                f"give (H, W), each side from {low} to {high}"
            )
        if not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
            raise MisfitError(
                f"images[{name!r}]: holds values from {x.min():g} to {x.max():g}; "
                "give brightness from 0 to 1"
            )
        found[name] = np.rint(FULL * x).astype("<u2")
    return found


def _check_kernel(what, kernel):
    w = _numbers(what, kernel)
    if w.ndim != 2 or not 1 <= min(w.shape) or max(w.shape) > 5:
        raise MisfitError(
            f"{what}: shape {w.shape} does not fit; give (R, S), each side from 1 to 5"
        )
    if not (np.isfinite(w).all() and np.abs(w).max() <= 100):
        raise MisfitError(f"{what}: holds {w.tolist()}; give numbers from -100 to 100")
    return w
