"""Arrays to matplotlib axes: the figures that pages draw again and again.

Every function takes arrays and returns the Axes or the Figure it drew on.
Nothing here shows, saves or prints; in a notebook the figure appears by itself.
The colours are those of ``cnncourse/widgets/tokens.css``.

* pictures: ``image``, ``response``, ``overlay``, ``image_grid``, ``number_grid``
* numbers: ``curves``, ``band``, ``histogram``, ``confusion``
"""

from ._style import (
    CENTRE,
    DIVERGING,
    GRAD,
    INK,
    INPUT,
    KERNEL,
    OUTPUT,
    ROLES,
    STOPS,
    use_style,
)
from .numbers import band, confusion, curves, histogram
from .pictures import image, image_grid, number_grid, overlay, response

__all__ = [
    "CENTRE",
    "DIVERGING",
    "GRAD",
    "INK",
    "INPUT",
    "KERNEL",
    "OUTPUT",
    "ROLES",
    "STOPS",
    "band",
    "confusion",
    "curves",
    "histogram",
    "image",
    "image_grid",
    "number_grid",
    "overlay",
    "response",
    "use_style",
]
