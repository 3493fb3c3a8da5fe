"""Layers with hand-written backward passes, in NumPy alone.

Functions take and return arrays; a layer keeps its weights and what its
backward pass needs: ``forward(x, training=False)``, ``backward(dy) -> dx``,
and the dicts ``params`` and ``grads`` with the same keys.
"""

from .conv import Conv2d, conv2d, conv2d_backward

__all__ = ["Conv2d", "conv2d", "conv2d_backward"]
