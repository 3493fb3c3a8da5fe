"""Networks for MNIST and Fashion-MNIST that the course builds, trains and opens.

With ten classes and pictures of 28 x 28 they have

===============  =========================  ==========================================
function         parameters                 from the picture to the logits
===============  =========================  ==========================================
``mnist_cnn``    3,274,634                  32 and 64 kernels of 5 x 5, a pool after
                                            each, dense 1024, dense 10
``small_cnn``    12,106 (12,042 trainable)  8 and 16 kernels of 5 x 5, a pool after
                                            each, dense 32, dense 10
``fashion_mlp``  110,154 (109,770)          784 numbers, dense 128, 64 and 10
``fashion_cnn``  279,722 (278,890)          five layers of 3 x 3 kernels, the mean of
                                            each last map, dense 10
===============  =========================  ==========================================

What is not trainable are the running means and variances of batch normalisation.
"""

from . import _setup  # noqa: F401  before keras
from ._parts import SHAPE, conv, dense, network, share, start_with

from keras import layers  # isort: skip


def mnist_cnn(
    num_classes=10, input_shape=SHAPE, dropout=0.0, start="glorot", seed=None
):
    """Two layers of 5 x 5 kernels, each with a pool, then a wide dense layer.

    98 % of its parameters lie between the last pool and the dense layer.

    Args:
        num_classes: Number of classes.
        input_shape: (H, W, C) of a picture, 4 x 4 or larger.
        dropout: Share of the 1024 numbers that is set to 0 in each training step;
            with 0 there is no such layer.
        start: "glorot" or "he" with biases of 0, or "source": truncated normal
            numbers with standard deviation 0.1 and biases of 0.1.
        seed: An integer that decides the weights at the start and the dropout, or
            None.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 28, 28, 1) -> (N, 28, 28, 32) -> (N, 14, 14, 32) -> (N, 14, 14, 64)
        -> (N, 7, 7, 64) -> (N, 3136) -> (N, 1024) -> (N, num_classes)

    Source:
        TensorFlow 1, tutorial *Deep MNIST for Experts*: these layers, this "source"
        start. Taught on the page *A CNN in Keras and TensorFlow*.
    """
    draw = start_with(seed, start)
    steps = [
        conv(32, 5, draw, "same"),  # (N, 28, 28, 32)
        layers.MaxPooling2D(2),  # (N, 14, 14, 32)
        conv(64, 5, draw, "same"),  # (N, 14, 14, 64)
        layers.MaxPooling2D(2),  # (N, 7, 7, 64)
        layers.Flatten(),  # (N, 3136)
        dense(1024, draw, "relu"),  # (N, 1024)
    ]
    if share("dropout", dropout) > 0:
        steps.append(layers.Dropout(dropout, seed=draw.seed()))
    return network("mnist_cnn", input_shape, 4, steps, num_classes, draw)


def small_cnn(num_classes=10, input_shape=SHAPE, seed=None):
    """The network of the page *A CNN in NumPy*, layer by layer.

    Batch normalisation has the constants of that page. One thing differs: its running
    variance divides by the count, there by the count less 1.

    Args:
        num_classes: Number of classes.
        input_shape: (H, W, C) of a picture, 16 x 16 or larger.
        seed: An integer that decides the weights at the start, or None.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 28, 28, 1) -> (N, 24, 24, 8) -> (N, 12, 12, 8) -> (N, 8, 8, 16)
        -> (N, 4, 4, 16) -> (N, 256) -> (N, 32) -> (N, num_classes)

    Source:
        Taught on the page *A CNN in NumPy*.
    """
    draw = start_with(seed, "he")
    steps = [
        conv(8, 5, draw),  # (N, 24, 24, 8)
        layers.MaxPooling2D(2),  # (N, 12, 12, 8)
        conv(16, 5, draw),  # (N, 8, 8, 16)
        layers.MaxPooling2D(2),  # (N, 4, 4, 16)
        layers.Flatten(),  # (N, 256)
        dense(32, draw),  # (N, 32)
        layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
        layers.ReLU(),
    ]
    return network("small_cnn", input_shape, 16, steps, num_classes, draw)


def fashion_mlp(num_classes=10, input_shape=SHAPE, seed=None):
    """Dense layers only, with batch normalisation: what a CNN has to beat.

    Args:
        num_classes: Number of classes.
        input_shape: (H, W, C) of a picture.
        seed: An integer that decides the weights at the start, or None.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 28, 28, 1) -> (N, 784) -> (N, 128) -> (N, 64) -> (N, num_classes)

    Source:
        Start: He, Zhang, Ren and Sun (2015), *Delving deep into rectifiers*,
        section 2.2. Taught on the page *Clothes and small photos*.
    """
    draw = start_with(seed, "he")
    steps = [layers.Flatten()]  # (N, 784)
    for units in (128, 64):
        steps += [
            dense(units, draw),  # (N, 128), then (N, 64)
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]
    return network("fashion_mlp", input_shape, 1, steps, num_classes, draw)


def fashion_cnn(num_classes=10, input_shape=SHAPE, seed=None):
    """Five 3 x 3 convolutions with batch normalisation, then the mean of each map.

    The maps are halved before they are many, so that an epoch stays short on a
    processor; the mean in place of Flatten keeps the parameters few.

    Args:
        num_classes: Number of classes.
        input_shape: (H, W, C) of a picture, 4 x 4 or larger.
        seed: An integer that decides the weights at the start and the dropout, or
            None.

    Returns:
        A ``keras.Sequential``, not compiled.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        (N, 28, 28, 1) -> (N, 28, 28, 32) -> (N, 14, 14, 32) -> (N, 14, 14, 64)
        -> (N, 14, 14, 64) -> (N, 7, 7, 64) -> (N, 7, 7, 128) -> (N, 7, 7, 128)
        -> (N, 128) -> (N, num_classes)

    Source:
        Blocks: Ioffe and Szegedy (2015), *Batch normalization*; the mean of each
        map: Lin, Chen and Yan (2014), *Network in network*, section 3.2. Taught on
        the page *Clothes and small photos*.
    """
    draw = start_with(seed, "he")
    steps = [
        *_block(32, draw),  # (N, 28, 28, 32)
        layers.MaxPooling2D(2),  # (N, 14, 14, 32)
        *_block(64, draw),  # (N, 14, 14, 64)
        *_block(64, draw),
        layers.MaxPooling2D(2),  # (N, 7, 7, 64)
        layers.Dropout(0.25, seed=draw.seed()),
        *_block(128, draw),  # (N, 7, 7, 128)
        *_block(128, draw),
        layers.GlobalAveragePooling2D(),  # (N, 128)
        layers.Dropout(0.5, seed=draw.seed()),
    ]
    return network("fashion_cnn", input_shape, 4, steps, num_classes, draw)


def _block(kernels, draw):
    """Convolution, normalisation, ReLU; the shift of the second is the bias."""
    return [
        conv(kernels, 3, draw, "same", activation=None, use_bias=False),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
    ]
