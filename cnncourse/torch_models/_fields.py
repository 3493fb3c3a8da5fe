"""Receptive fields: which pixels of the picture a number in a layer can see."""

import torch
from torch import nn

from ._running import black, leaves, run_model

SAME_PLACE = (
    nn.BatchNorm2d,
    nn.AlphaDropout,
    nn.Dropout,
    nn.Dropout2d,
    nn.ELU,
    nn.GELU,
    nn.Hardswish,
    nn.Hardtanh,  # ReLU6 too
    nn.Identity,
    nn.LeakyReLU,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.SELU,
    nn.Sigmoid,
    nn.SiLU,
    nn.Tanh,
)
WINDOWS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
ENDS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten, nn.Linear)


@torch.no_grad()
def receptive_fields(model, input_shape):
    """Computes which pixels each output of a layer can see.

    From layer to layer, with a window that spans E = dilation (R - 1) + 1:

        start = start - padding jump
        size  = size + (E - 1) jump
        jump  = stride jump

    Args:
        model: A ``torch.nn.Module`` whose modules stand in a row; convolutions, pools
            and modules that keep the place, until Flatten, a global pool or a linear
            layer.
        input_shape: (C, H, W) of a picture, to run the network once.

    Returns:
        dict from the name of a module to (size, jump, start), up to the last one that
        gives maps. ``size`` is the height and width of the field in pixels, ``jump``
        the pixels between the fields of neighbours, and ``start`` the first row (and
        column) that output 0 sees, negative where the field begins in the padding.

    Raises:
        ValueError: The modules do not stand in a row, one is of another kind, or
            height and width would have different fields.

    Source:
        Dumoulin and Visin (2016), *A guide to convolution arithmetic*. Taught on the
        page *Looking inside a network*, for Keras.
    """
    named, x = leaves(model), black(model, input_shape)
    run = run_model(model, x)
    fields, before, words, (size, jump, start) = {}, x, "the picture", (1, 1, 0.0)
    for name, passed in run.passed.items():
        layer = named[name]
        if isinstance(layer, ENDS):
            break
        if run.inputs[name] is not before:
            raise ValueError(
                f"layer {name!r} does not take {words}; a model whose modules stand "
                "in a row fits (torch.relu in forward is no module)"
            )
        spans = [_window(name, layer, axis) for axis in (0, 1)]
        if spans[0] != spans[1]:
            raise ValueError(
                f"layer {name!r} has another window, stride or padding in height than "
                "in width; one number for both fits"
            )
        span, stride, padding = spans[0]
        start, size = start - padding * jump, size + (span - 1) * jump
        jump, before = jump * stride, passed
        fields[name] = size, jump, start
        words = f"what {name!r} before it gives"
    return fields


def _window(name, layer, axis):
    """(span, stride, padding in front) of a module along one axis."""
    if isinstance(layer, SAME_PLACE):
        return 1, 1, 0
    if isinstance(layer, nn.ConstantPad2d):  # ZeroPad2d too
        return 1, 1, layer.padding[2 - 2 * axis]  # (left, right, top, bottom)
    if not isinstance(layer, WINDOWS):
        kind = type(layer).__name__
        raise ValueError(
            f"layer {name!r} is a {kind}; convolutions, pools and modules that keep "
            "the place fit"
        )

    def along(value):
        return value if isinstance(value, int) else value[axis]

    dilation = along(getattr(layer, "dilation", 1))
    span = dilation * (along(layer.kernel_size) - 1) + 1
    padding = layer.padding
    if isinstance(padding, str):
        padding = (span - 1) // 2 if padding == "same" else 0
    return span, along(layer.stride), along(padding)
