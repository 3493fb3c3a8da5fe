"""Picture sets and pictures, as NumPy arrays.

* ``digits``, ``shapes``, ``photo``: always there, no network.
* ``mnist``, ``fashion_mnist``, ``cifar10``: the real sets, out of the folder
  that ``CNNCOURSE_DATA`` names or of the user's cache, fetched once where they
  are missing. Where they cannot be had, the loader says so in one line and
  returns a stand-in whose ``name`` tells what it is.

Images are ``(N, C, H, W)`` float32 in 0..1, labels ``(N,)`` int64.
"""

from ._fetch import SetUnavailableError
from ._pictures import digits, photo
from ._sets import cifar10, fashion_mnist, mnist
from ._shapes import Shapes, shapes
from ._split import Split

__all__ = [
    "SetUnavailableError",
    "Shapes",
    "Split",
    "cifar10",
    "digits",
    "fashion_mnist",
    "mnist",
    "photo",
    "shapes",
]
