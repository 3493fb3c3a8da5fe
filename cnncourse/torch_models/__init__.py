"""Networks in PyTorch, how to train them, and how to look inside any of them.

Pictures are (N, C, H, W), channels first, as all data of the course are. Everything
is computed where the parameters of the network are: ``net.to(best_device())`` moves
them to a GPU if there is one. ``from cnncourse.torch_models import inspect`` brings
the functions that look inside.
"""

from .networks import mnist_cnn, small_cnn
from .training import best_device, fit

__all__ = ["best_device", "fit", "mnist_cnn", "small_cnn"]
