"""Networks in Keras 3 on TensorFlow: one function a network, and one that trains them.

Pictures are (N, H, W, C), channels last, as TensorFlow wants them; the data of the
course are (N, C, H, W): ``x.transpose(0, 2, 3, 1)`` brings them over. Every network
ends in logits, one score a class: the loss takes their softmax itself, in the form
that cannot overflow, and the largest logit is the answer with or without it.
``from cnncourse.keras_models import inspect`` brings functions that look inside any
network.
"""

from ._setup import use_gpu_sparingly
from .classics import fashion_cnn, fashion_mlp, mnist_cnn, small_cnn
from .colour import cifar_cnn, small_resnet
from .digits import global_pool_cnn, mlp, one_pool_cnn, two_pool_cnn
from .training import fit

__all__ = [
    "cifar_cnn",
    "fashion_cnn",
    "fashion_mlp",
    "fit",
    "global_pool_cnn",
    "mlp",
    "mnist_cnn",
    "one_pool_cnn",
    "small_cnn",
    "small_resnet",
    "two_pool_cnn",
    "use_gpu_sparingly",
]
