"""Layers with hand-written backward passes, in NumPy alone.

Functions take and return arrays; a layer keeps its weights and what its
backward pass needs: ``forward(x, training=False)``, ``backward(dy) -> dx``,
and the dicts ``params`` and ``grads`` with the same keys.
"""

from .activations import (
    ReLU,
    Sigmoid,
    Tanh,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from .batch_norm import BatchNorm
from .checking import gradcheck
from .conv import Conv2d, conv2d, conv2d_backward
from .dense import Dense, Dropout, Flatten
from .initialisers import glorot, he, normal, sparse
from .losses import cross_entropy, hinge, mse
from .optimisers import SGD, Adam, Momentum, RMSProp
from .pool import (
    AvgPool2d,
    MaxPool2d,
    SumPool2d,
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    sum_pool2d,
    sum_pool2d_backward,
)
from .training import Sequential, fit

__all__ = [
    "SGD",
    "Adam",
    "AvgPool2d",
    "BatchNorm",
    "Conv2d",
    "Dense",
    "Dropout",
    "Flatten",
    "MaxPool2d",
    "Momentum",
    "RMSProp",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "SumPool2d",
    "Tanh",
    "avg_pool2d",
    "avg_pool2d_backward",
    "conv2d",
    "conv2d_backward",
    "cross_entropy",
    "fit",
    "glorot",
    "gradcheck",
    "he",
    "hinge",
    "max_pool2d",
    "max_pool2d_backward",
    "mse",
    "normal",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "sparse",
    "sum_pool2d",
    "sum_pool2d_backward",
    "tanh",
    "tanh_backward",
]
