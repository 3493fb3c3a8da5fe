"""Receptive fields: which pixels of the picture a number in a layer can see."""

from . import _setup  # noqa: F401  before keras
from ._running import check_model, input_shape, leaves, run_model, zeros

import tensorflow as tf  # isort: skip
from keras import layers  # isort: skip

SAME_PLACE = (
    layers.Activation,
    layers.BatchNormalization,
    layers.ELU,
    layers.LeakyReLU,
    layers.Normalization,
    layers.PReLU,
    layers.ReLU,
    layers.Rescaling,
)
WINDOWS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
POOLS = (layers.MaxPooling2D, layers.AveragePooling2D)
ENDS = (  # after these there are no places
    layers.Dense,
    layers.Flatten,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.Reshape,
)


def receptive_fields(model):
    """Computes which pixels each output of a layer can see.

    From layer to layer, with a window that spans E = dilation (R - 1) + 1:

        start = start - padding jump
        size  = size + (E - 1) jump
        jump  = stride jump

    Args:
        model: A Keras network whose layers stand in a row: convolutions, pools,
            layers that keep the place and those that do nothing in prediction, until
            Flatten, a global pool or a dense layer.

    Returns:
        dict from the name of a layer to (size, jump, start), up to the last layer
        that gives maps. ``size`` is the height and width of the field in pixels,
        ``jump`` the pixels between the fields of neighbours, and ``start`` the first
        row (and column) that output 0 sees, negative where the field begins in the
        padding. Output i sees the pixels from start + i jump on, ``size`` of them.

    Raises:
        ValueError: The layers do not stand in a row, one is of another kind, or
            height and width would have different fields.

    Source:
        Dumoulin and Visin (2016), *A guide to convolution arithmetic*. Taught on the
        page *Looking inside a network*.
    """
    shape = input_shape(check_model(model))
    if shape is None or None in shape[1:]:
        raise ValueError(
            f"model {model.name!r} takes pictures of any size; one of a fixed size "
            "fits, because padding depends on it"
        )
    x, named = zeros(model), leaves(model)
    run = run_model(model, x)
    fields, before, words, field = {}, x, "the picture", (1, 1, 0.0)
    for name, y in run.outputs.items():
        layer, given = named[name], run.inputs[name]
        if isinstance(layer, ENDS):
            break
        if not _is_same(given, before):
            raise ValueError(
                f"layer {name!r} does not take {words}; a model whose layers stand in "
                "a row fits"
            )
        if y is not given:  # else it does nothing in prediction, as dropout
            field = _next(field, name, layer, given.shape[1:3])
        fields[name], before = field, y
        words = f"what {name!r} before it gives"
    return fields


def _is_same(given, before):
    """Whether a layer is given what came before, if only in other numbers.

    With ``mixed_float16`` a layer casts what it is given.
    """
    if given is before or not tf.is_tensor(given):
        return given is before
    return given.dtype != before.dtype and given.shape == before.shape


def _next(field, name, layer, sizes):
    """The field after one more layer; sizes are (H, W) of what it is given."""
    size, jump, start = field
    spans = [_window(name, layer, n, axis) for axis, n in enumerate(sizes)]
    if spans[0] != spans[1]:
        raise ValueError(
            f"layer {name!r} has another window, stride or padding in height than in "
            "width; one number for both fits"
        )
    span, stride, padding = spans[0]
    return size + (span - 1) * jump, jump * stride, start - padding * jump


def _window(name, layer, n, axis):
    """(span, stride, padding in front) of a layer along one axis of length n."""
    if isinstance(layer, SAME_PLACE):
        return 1, 1, 0
    if isinstance(layer, layers.ZeroPadding2D):
        return 1, 1, layer.padding[axis][0]
    if isinstance(layer, layers.Cropping2D):
        return 1, 1, -layer.cropping[axis][0]
    transposed = isinstance(layer, layers.Conv2DTranspose)
    if isinstance(layer, WINDOWS) and not transposed:
        wide = layer.kernel_size[axis]
        span = layer.dilation_rate[axis] * (wide - 1) + 1
    elif isinstance(layer, POOLS):
        span = layer.pool_size[axis]
    else:
        kind = type(layer).__name__
        raise ValueError(
            f"layer {name!r} is a {kind}; convolutions, pools and layers that keep the "
            "place fit"
        )
    stride, padding = layer.strides[axis], 0
    if layer.padding == "same":  # as TensorFlow has it: the odd one comes behind
        outputs = -(-n // stride)
        padding = max((outputs - 1) * stride + span - n, 0) // 2
    return span, stride, padding
