"""The maps that a network makes of a picture, and the pixels behind each number."""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from .feature_maps_data import (
    NEAR,
    SIDE,
    MisfitError,
    as_fields,
    as_layers,
    as_picture,
    fits_in,
    is_whole,
    strength,
)
from .feature_maps_still import draw_picture

HERE = Path(__file__)
PAGE = 64  # maps shown at a time


class FeatureMaps(anywidget.AnyWidget):
    """Browse what each layer of a network makes of one picture.

    The reader chooses a layer and points at any cell of any map: the figure frames
    the cell's receptive field on the picture, prints the value, and draws the values
    of all maps at that place. Maps are grey from 0, or, in a layer with values below
    0, coloured on both sides of 0. They can share one scale and stand in the order of
    their strongest response, so that maps that are 0 everywhere are seen.

    ``w.layer``, ``w.map`` and ``w.cell`` can be read and assigned; choices in the
    figure change them.

    Args:
        picture: brightness from 0 to 1.
        layers: dict name -> activations of that one picture, from any framework; a
            layer of dense units is shown as bars.
        fields: dict name -> (size, jump, start) of the layer's receptive field in
            pixels: how many an output sees, how far neighbours are apart, and the
            first one that output 0 sees (below 0 in the padding). Layers without an
            entry get no frame.
        alt: accessible name of the figure, one sentence.

    Raises:
        ValueError: names the argument, what was given and what fits; also when a trait
            is assigned later.

    Shapes:
        picture (H, W) or (3, H, W), sides up to 256; layers (K, h, w), K up to 512, or
        (K,), K up to 4096; two million numbers in all. Output [i, j] of a layer sees
        the rows start + jump · i to start + jump · i + size - 1.

        The browser gets two bytes a number, rounded to a number of decimals of each
        layer's own, 4 or 5 digits of its largest value: 50,176 bytes for 32 maps of
        28 × 28.

    Example:
        >>> x = np.eye(6)
        >>> w = FeatureMaps(x, {"copy": x[None]}, {"copy": (1, 1, 0)})
        >>> w.map, w.value, w.zero_maps()
        (0, 1.0, [])
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (HERE.with_name("tokens.css"), HERE.with_suffix(".css"))
    )

    # TraitType and not Any, which would let None past the checks below
    layer = traitlets.TraitType("").tag(sync=True)
    map = traitlets.TraitType(0).tag(sync=True)
    cell = traitlets.TraitType((0, 0)).tag(sync=True)  # [row, column]
    page = traitlets.TraitType(0).tag(sync=True)  # of the maps, PAGE at a time
    shared = traitlets.TraitType(False).tag(sync=True)  # one scale for the layer
    strongest = traitlets.TraitType(False).tag(sync=True)  # first, or by number
    alt = traitlets.Unicode().tag(sync=True)
    _shape = traitlets.List().tag(sync=True)  # of the picture, [C, H, W]
    _layers = traitlets.List().tag(sync=True)  # dicts: name, shape, decimals, field
    _pixels = traitlets.Bytes().tag(sync=True)  # picture, a byte each; codes, two each
    _start = traitlets.Dict().tag(sync=True)  # what Reset goes back to
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(self, picture, layers, fields=None, alt=None):
        if not isinstance(alt, str | None):
            raise MisfitError(f"alt is {alt!r}; one sentence fits")
        x = as_picture(picture)  # (C, H, W)
        coded = as_layers(layers)
        fields = as_fields(fields, coded)
        about = [
            {
                "name": name,
                "shape": list(codes.shape),
                "decimals": decimals,
                "field": fields.get(name) if codes.ndim == 3 else None,
            }
            for name, (codes, decimals) in coded.items()
        ]
        self._codes = {name: codes for name, (codes, _) in coded.items()}
        numbers = [codes.astype("<i2").tobytes() for codes in self._codes.values()]
        super().__init__(
            alt=alt
            or "The maps of each layer of a network for one picture, and the pixels "
            "behind each number.",
            _shape=list(x.shape),
            _layers=about,
            _pixels=x.tobytes() + b"".join(numbers),
        )
        self.layer = about[0]["name"]
        self.map, self.cell = self._telling()
        names = "layer map cell page shared strongest".split()
        self._start = {name: getattr(self, name) for name in names}
        self._picture = draw_picture(self, x)

    @traitlets.validate("layer")
    def _check_layer(self, proposal):
        if proposal["value"] not in [*self._codes]:
            raise MisfitError(
                f"layer is {proposal['value']!r}; one of {[*self._codes]} fits"
            )
        return proposal["value"]

    @traitlets.validate("map", "page")
    def _check_number(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        most = self._shown.shape[0] - 1
        most = most // PAGE if name == "page" else most
        if not is_whole(value, most):
            raise MisfitError(
                f"{name} is {value!r}; a whole number from 0 to {most} fits"
            )
        return int(value)

    @traitlets.validate("cell")
    def _check_cell(self, proposal):
        value = proposal["value"]
        pair = list(value) if isinstance(value, list | tuple | np.ndarray) else []
        size = self._shown.shape[1:] or (SIDE, SIDE)  # kept while dense units show
        if len(pair) != 2 or not all(map(is_whole, pair, [n - 1 for n in size])):
            raise MisfitError(
                f"cell is {value!r}; [row, column] within {size[0]} × {size[1]} fits"
            )
        return [int(n) for n in pair]

    @traitlets.validate("shared", "strongest")
    def _check_switch(self, proposal):
        value = proposal["value"]
        if not isinstance(value, bool | np.bool_):
            raise MisfitError(
                f"{proposal['trait'].name} is {value!r}; True or False fits"
            )
        return bool(value)

    @traitlets.observe("layer")
    def _keep_within(self, _):
        codes = self._shown
        self.map = min(self.map, len(codes) - 1)
        if codes.ndim == 3:
            self.cell = np.minimum(self.cell, np.array(codes.shape[1:]) - 1).tolist()
        self._turn(None)

    @traitlets.observe("map", "strongest")
    def _turn(self, _):
        """To the page that holds the chosen map."""
        self.page = self._order().index(self.map) // PAGE

    @property
    def value(self):
        """The chosen value, rounded as the figure prints it."""
        code = self._shown[(self.map, *self.cell)[: self._shown.ndim]]
        return 0.0 if code == NEAR else float(code / 10.0**self._decimals)

    def zero_maps(self, layer=None):
        """The numbers of the maps that are exactly 0 everywhere.

        Args:
            layer: name; None for the one shown.

        Returns:
            list of ints, rising.
        """
        codes = self._codes[self.layer if layer is None else layer]
        return np.flatnonzero(strength(codes) == 0).tolist()

    @property
    def _shown(self):
        return self._codes[self.layer]  # (K, h, w) or (K,)

    @property
    def _about(self):
        return next(about for about in self._layers if about["name"] == self.layer)

    @property
    def _decimals(self):
        return self._about["decimals"]

    def _order(self):
        """The maps' numbers as they stand."""
        most = strength(self._shown)
        return np.argsort(-most if self.strongest else 0 * most, kind="stable").tolist()

    def _telling(self):
        """The first page's strongest map, and its strongest place.

        A place whose field lies within the picture goes before all others.
        """
        codes, field = self._shown, self._about["field"]
        best = int(strength(codes[:PAGE]).argmax())
        if codes.ndim == 1:
            return best, [0, 0]
        size = np.where(codes[best] == NEAR, 0, np.abs(codes[best].astype(int)))
        if field:
            inside = [
                fits_in(field, np.arange(n), pixels)
                for n, pixels in zip(size.shape, self._shape[1:], strict=True)
            ]
            inside = np.logical_and.outer(*inside)  # (h, w)
            size = np.where(inside, size, -1) if inside.any() else size
        return best, [int(n) for n in np.unravel_index(size.argmax(), size.shape)]
