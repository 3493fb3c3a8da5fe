"""Networks for small colour photos, as in CIFAR-10.

With ten classes and pictures of 32 x 32 x 3 they have

================  =======================  ===========================================
function          parameters               from the picture to the logits
================  =======================  ===========================================
``cifar_cnn``     1,250,858                twice two convolutions, a pool and dropout;
                                           dense 512, dropout, dense 10
``small_resnet``  698,858 (696,618)        one convolution, a pool, three stages of two
                                           residual blocks, the mean of each map,
                                           dense 10
================  =======================  ===========================================
"""

from . import _setup  # noqa: F401  before keras
from ._parts import conv, dense, integer, network, shape_of, start_with

import keras  # isort: skip
from keras import layers  # isort: skip

SHAPE = (32, 32, 3)


def cifar_cnn(num_classes=10, input_shape=SHAPE, seed=None):
    """Twice two 3 x 3 convolutions with a pool and dropout, then two dense layers.

    Args:
        num_classes: Number of classes.
        input_shape: (H, W, C) of a picture, 10 x 10 or larger.
        seed: An integer that decides the weights at the start and the dropout, or
            None.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 32, 32, 3) -> (N, 32, 32, 32) -> (N, 30, 30, 32) -> (N, 15, 15, 32)
        -> (N, 15, 15, 64) -> (N, 13, 13, 64) -> (N, 6, 6, 64) -> (N, 2304)
        -> (N, 512) -> (N, num_classes)

    Source:
        The CIFAR-10 example that came with Keras until version 2.4. Taught on the
        page *Clothes and small photos*.
    """
    draw = start_with(seed)
    steps = [
        conv(32, 3, draw, "same"),  # (N, 32, 32, 32)
        conv(32, 3, draw),  # (N, 30, 30, 32)
        layers.MaxPooling2D(2),  # (N, 15, 15, 32)
        layers.Dropout(0.25, seed=draw.seed()),
        conv(64, 3, draw, "same"),  # (N, 15, 15, 64)
        conv(64, 3, draw),  # (N, 13, 13, 64)
        layers.MaxPooling2D(2),  # (N, 6, 6, 64)
        layers.Dropout(0.25, seed=draw.seed()),
        layers.Flatten(),  # (N, 2304)
        dense(512, draw, "relu"),  # (N, 512)
        layers.Dropout(0.5, seed=draw.seed()),
    ]
    return network("cifar_cnn", input_shape, 10, steps, num_classes, draw)


def small_resnet(num_classes=10, input_shape=SHAPE, width=32, seed=None):
    """A residual network whose maps are small from the start, for a processor.

    A block computes y = relu(x + F(x)): F, two convolutions with normalisation, only
    has to learn what to add to x. Where a stage halves the maps and doubles their
    number, a 1 x 1 convolution of stride 2 brings x to the new shape.

    Args:
        num_classes: Number of classes.
        input_shape: (H, W, C) of a picture, 8 x 8 or larger.
        width: Maps of the first stage; the second has twice, the third four times as
            many.
        seed: An integer that decides the weights at the start, or None.

    Returns:
        A ``keras.Model``, not compiled. Its layers are named after their place:
        "stage2_block1_conv1".

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 32, 32, 3) -> (N, 32, 32, w) -> (N, 16, 16, w) -> (N, 16, 16, w)
        -> (N, 8, 8, 2w) -> (N, 4, 4, 4w) -> (N, 4w) -> (N, num_classes)

    Source:
        He, Zhang, Ren and Sun (2016), *Deep residual learning for image recognition*,
        sections 3.2 and 4.2. The pool after the first convolution is not in their
        network for CIFAR-10: it makes a step about four times shorter. Taught on the
        page *Clothes and small photos*.
    """
    draw = start_with(seed, "he")
    shape, width = shape_of(input_shape, 8), integer("width", width, 1)
    num_classes = integer("num_classes", num_classes, 2)
    picture = keras.Input(shape)
    x = _step(picture, width, 3, 1, draw, "stem")  # (N, 32, 32, w)
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.MaxPooling2D(2, name="stem_pool")(x)  # (N, 16, 16, w)
    for stage in (1, 2, 3):  # (N, 16, 16, w), (N, 8, 8, 2w), (N, 4, 4, 4w)
        for block in (1, 2):
            stride = 2 if stage > 1 and block == 1 else 1
            name = f"stage{stage}_block{block}"
            x = _residual(x, width * 2 ** (stage - 1), stride, draw, name)
    x = layers.GlobalAveragePooling2D(name="mean")(x)  # (N, 4w)
    logits = dense(num_classes, draw, name="logits")(x)
    return keras.Model(picture, logits, name="small_resnet")


def _residual(x, kernels, stride, draw, name):
    """relu(x + F(x)); (N, H, W, C) -> (N, H', W', kernels), H' = ceil(H / stride)."""
    f = _step(x, kernels, 3, stride, draw, f"{name}_conv1")
    f = layers.ReLU(name=f"{name}_relu1")(f)
    f = _step(f, kernels, 3, 1, draw, f"{name}_conv2")
    if stride > 1:
        x = _step(x, kernels, 1, stride, draw, f"{name}_short")
    x = layers.Add(name=f"{name}_add")([x, f])
    return layers.ReLU(name=f"{name}_relu2")(x)


def _step(x, kernels, size, stride, draw, name):
    """Convolution without bias, and the normalisation whose shift takes its place."""
    more = {"strides": stride, "use_bias": False, "name": name}
    x = conv(kernels, size, draw, "same", activation=None, **more)(x)
    return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
