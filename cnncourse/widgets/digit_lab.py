"""Draw a digit, move it, and watch several small networks answer."""

import re
from numbers import Real
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from . import digit_lab_net as nets
from .digit_lab_net import SIDE, MisfitError
from .digit_lab_still import still

HERE = Path(__file__)
MOVES = {  # lowest, highest and neutral value
    "right": (-8, 8, 0),
    "down": (-8, 8, 0),
    "angle": (-45, 45, 0),
    "scale": (0.6, 1.4, 1),
}


class DigitLab(anywidget.AnyWidget):
    """Draw a digit, move it, and see what several networks make of it, and how.

    The reader draws on a board of 28 × 28 pixels, or takes an example, and shifts,
    turns and scales it. Every network answers at once, in the browser. Below stand all
    maps of one network; a pixel of a map can be chosen to see the numbers it was
    computed from.

    The networks shipped are a dense one, a convolutional one and one with global max
    pooling, trained on MNIST without moved pictures (``experiments/digit_lab.py``,
    ``results/digit_lab.json``). The ten examples are the first of each class in MNIST's
    test set (Y. LeCun, C. Cortes, C. J. C. Burges; CC BY-SA 3.0).

    ``w.drawing``, ``w.example``, ``w.right``, ``w.down``, ``w.angle``, ``w.scale``,
    ``w.centred``, ``w.network``, ``w.layer`` and ``w.cell`` can be read and assigned;
    ``w.input`` and ``w.shares`` are what comes of them.

    Args:
        networks: List of ``{"name": …, "layers": [{"kind": …}, …]}``; None for those
            shipped. Layers:
            ``{"kind": "conv", "w", "b", "stride", "pad", "activation"}``,
            ``{"kind": "pool", "size", "stride"}`` (maxima),
            ``{"kind": "global_max"}``,
            ``{"kind": "dense", "w", "b", "activation"}``; activation is ``"relu"`` or
            ``"linear"``. Weights are kept as float16. Ten logits come last.
        pictures: Examples, grey from 0 to 1; None for the ten of MNIST.
        labels: Their digits; None if unknown (or those of MNIST).
        start: Index of the example shown first. None: of all examples that every
            network reads rightly (80 % or more), shifted by 1, 2, 3 … 8 pixels right,
            left, down and up, the first that the first network reads wrongly and all
            others rightly, again with 80 % or more.
        alt: The figure's accessible name, one sentence.

    Raises:
        ValueError: An argument, or a value assigned later, does not fit.

    Shapes:
        pictures (N, 28, 28); conv w (K, C, R, S), b (K,); dense w (K, D), b (K,), its D
        inputs in the order channel, row, column.

    Example:
        >>> w = DigitLab(start=9)
        >>> w.right = 4
        >>> [int(p.argmax()) for p in w.shares.values()]
        [3, 9, 9]

    Source:
        LeCun et al. 1998 (centring); page ``09_why_dense_networks_fail``.
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (HERE.with_name("tokens.css"), HERE.with_suffix(".css"))
    )

    # TraitType and not Any, which would let None past the checks below
    example = traitlets.TraitType(0, allow_none=True).tag(sync=True)  # None: drawn
    right = traitlets.TraitType(0).tag(sync=True)
    down = traitlets.TraitType(0).tag(sync=True)
    angle = traitlets.TraitType(0).tag(sync=True)
    scale = traitlets.TraitType(1).tag(sync=True)
    centred = traitlets.Bool(True).tag(sync=True)
    network = traitlets.Unicode().tag(sync=True)
    layer = traitlets.TraitType(1).tag(sync=True)  # 1 is the first
    cell = traitlets.TraitType(None).tag(sync=True)  # map, row, column
    below = traitlets.TraitType(0).tag(sync=True)  # map of the layer below
    alt = traitlets.Unicode().tag(sync=True)
    _drawing = traitlets.Unicode("").tag(sync=True)  # 784 bytes in hex, or ""
    _labels = traitlets.List().tag(sync=True)
    _networks = traitlets.List().tag(sync=True)  # weights as [offset, shape]
    _pixels = traitlets.Bytes().tag(sync=True)  # examples as uint8, then float16s
    _note = traitlets.Unicode().tag(sync=True)  # how the start was found
    _start = traitlets.Dict().tag(sync=True)
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(self, networks=None, pictures=None, labels=None, start=None, alt=None):
        if not isinstance(alt, str | None):
            raise MisfitError(f"alt: {alt!r} is no text; give one sentence")
        if networks is None or pictures is None:
            shipped = nets.shipped()
            networks = shipped[0] if networks is None else networks
            if pictures is None:
                labels = shipped[2] if labels is None else labels
                pictures = shipped[1] / 255
        grey = _check_pictures(pictures)
        names = _check_labels(labels, len(grey))
        self._nets = nets.check_networks(networks)
        weights, specs = nets.pack(self._nets)
        example, right, down, how = self._first(grey / 255, names, start)
        best = self._nets[min(1, len(self._nets) - 1)]
        x = nets.moved(nets.centred(grey[example] / 255), right, down)
        first = nets.forward(best["layers"], x[None])[1][0]  # (C, H, W)
        begin = {
            "example": example,
            "right": right,
            "down": down,
            "angle": 0,
            "scale": 1,
            "centred": True,
            "network": best["name"],
            "layer": 1,
            "cell": [int(n) for n in np.unravel_index(first.argmax(), first.shape)],
            "below": 0,
            "_drawing": "",
        }
        super().__init__(
            _pixels=grey.tobytes() + weights,
            _labels=names,
            _networks=specs,
            _note=how,
            _start=begin,
            **begin,
        )
        self.alt = alt or (
            f"A handwritten digit{self._told()} and the answers of "
            f"{len(specs)} networks; it can be drawn, moved, and followed through "
            f"every layer. {how}".strip()
        )
        self._picture = still(self)

    def _told(self):
        label, way = self._labels[self.example], ""
        for name, (a, b) in nets.WAYS.items():
            n = a * self.right + b * self.down
            if n > 0:
                way = f", shifted by {n} {'pixel' if n == 1 else 'pixels'} {name},"
        return f"{'' if label is None else f', a {label}'}{way}"

    def _first(self, x, labels, start):
        """Example, shift (right, down), and in a sentence how they were chosen."""
        if start is not None:
            if isinstance(start, bool) or start not in range(len(x)):
                raise MisfitError(
                    f"start is {start!r}; an example from 0 to {len(x) - 1} fits"
                )
            return int(start), 0, 0, ""
        found = nets.misleading(self._nets, x, labels, MOVES["right"][1])
        if found is None:
            return 0, 0, 0, ""
        example, n, way = found
        right, down = (n * one for one in nets.WAYS[way])
        return (
            *(example, right, down),
            "The start was picked: of the examples that every network reads rightly, "
            f"this is the first that a shift, {n} px {way}, spoils for "
            f"“{self._nets[0]['name']}” alone.",
        )

    @property
    def pictures(self):
        """The examples (N, 28, 28), values k / 255 as the browser has them."""
        count = len(self._labels) * SIDE**2
        flat = np.frombuffer(self._pixels, np.uint8, count)
        return flat.reshape(-1, SIDE, SIDE) / 255  # (N, 28, 28)

    @property
    def drawing(self):
        """What is on the board, (28, 28) from 0 to 1: drawn, or the example."""
        if self.example is not None:
            return self.pictures[self.example]
        data = bytes.fromhex(self._drawing) or bytes(SIDE**2)
        return np.frombuffer(data, np.uint8).reshape(SIDE, SIDE) / 255  # (28, 28)

    @drawing.setter
    def drawing(self, picture):
        grey = _check_pictures([picture], "drawing")[0]
        self._drawing = grey.tobytes().hex()
        self.example = None

    @property
    def input(self):
        """What the networks see, (28, 28): centred, scaled, turned, shifted."""
        x = nets.centred(self.drawing) if self.centred else self.drawing
        return nets.moved(x, self.right, self.down, self.angle, self.scale)

    @property
    def shares(self):
        """Dict name -> the network's ten shares, (10,)."""
        x = self.input[None]  # (1, 28, 28)
        return {net["name"]: nets.shares(net["layers"], x)[0] for net in self._nets}

    @traitlets.validate("example")
    def _check_example(self, proposal):
        n = proposal["value"]
        if n is not None and (isinstance(n, bool) or n not in range(len(self._labels))):
            raise MisfitError(
                f"example is {n!r}; one from 0 to {len(self._labels) - 1} fits, or "
                "None for what is drawn"
            )
        return n if n is None else int(n)

    @traitlets.validate(*MOVES)
    def _check_move(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        low, high, _ = MOVES[name]
        if not isinstance(value, Real) or isinstance(value, bool):
            value = np.nan
        if not low <= value <= high:
            raise MisfitError(
                f"{name} is {proposal['value']!r}; a number from {low} to {high} fits"
            )
        return value if isinstance(value, int) else float(value)

    @traitlets.validate("network")
    def _check_network(self, proposal):
        names = [net["name"] for net in self._networks]
        if proposal["value"] not in names:
            raise MisfitError(f"network is {proposal['value']!r}; one of {names} fits")
        return proposal["value"]

    @traitlets.validate("layer", "below")
    def _check_whole(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        least = 1 if name == "layer" else 0
        try:
            return _wholes([value], 1, least)[0]
        except ValueError:
            raise MisfitError(
                f"{name} is {value!r}; a whole number from {least} fits"
            ) from None

    @traitlets.validate("cell")
    def _check_cell(self, proposal):
        try:
            return _wholes(proposal["value"], 3, 0)
        except ValueError:
            raise MisfitError(
                f"cell is {proposal['value']!r}; [map, row, column], whole numbers "
                "from 0, fits"
            ) from None

    @traitlets.validate("_drawing")
    def _check_drawing(self, proposal):
        if not re.fullmatch(rf"([0-9a-f]{{{2 * SIDE**2}}})?", proposal["value"]):
            raise MisfitError(f"_drawing: {SIDE**2} bytes in hex, or nothing, fit")
        return proposal["value"]


def _wholes(values, count, least):
    a = np.asarray(values)
    if a.shape != (count,) or a.dtype.kind not in "iu" or a.min() < least:
        raise ValueError
    return a.tolist()


def _check_pictures(pictures, name="pictures"):
    """uint8 pictures (N, 28, 28)."""
    try:
        x = np.asarray(pictures, float)
    except (TypeError, ValueError):
        x = np.empty(0)
    if x.ndim != 3 or x.shape[1:] != (SIDE, SIDE) or len(x) == 0:
        raise MisfitError(f"{name}: shape {x.shape}; (N, {SIDE}, {SIDE}) fits")
    if not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
        raise MisfitError(
            f"{name}: values from {x.min():g} to {x.max():g}; brightness from 0 to "
            "1 fits"
        )
    return np.rint(255 * x).astype(np.uint8)


def _check_labels(labels, count):
    """A list of ints, or of None where nothing is known."""
    if labels is None:
        return [None] * count
    y = np.asarray(labels)
    if y.shape != (count,) or y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 9:
        raise MisfitError(f"labels: {labels!r:.60}; {count} digits from 0 to 9 fit")
    return y.tolist()
