"""Helpers of the course *Convolutional networks, from one sum of products to capsules*.

The parts are islands: none imports another. They meet in notebooks.

* ``cnncourse.data``: picture sets and pictures, as arrays (needs NumPy)
* ``cnncourse.numpy_nn``: layers with hand-written backward passes (NumPy)
* ``cnncourse.keras_models``: models in Keras on TensorFlow, with the same ``fit``,
  and ``inspect``, which looks inside any of them
* ``cnncourse.torch_models``: models in PyTorch, with the same ``fit`` and ``inspect``
* ``cnncourse.plots``: arrays to matplotlib axes (matplotlib)
* ``cnncourse.widgets``: arrays to living figures (anywidget)
* ``cnncourse/weights``: small trained networks that the figures load

This file imports nothing, so that ``import cnncourse`` costs nothing.
"""

__version__ = "0.1.0"
