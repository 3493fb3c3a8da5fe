"""Runs a network and keeps what its innermost layers give; leaves it as it was."""

import contextlib
import difflib

import numpy as np

from . import _setup  # noqa: F401  before keras
from ._parts import integer

import keras  # isort: skip
import tensorflow as tf  # isort: skip

ANY = 64  # height and width where the network takes any
SOFTMAXES = (  # as somebody may give them to ``activation=``
    keras.activations.softmax,
    keras.activations.log_softmax,
    keras.ops.softmax,
    keras.ops.log_softmax,
    tf.nn.softmax,
    tf.nn.log_softmax,
)
LOOPS = (keras.layers.RNN, keras.layers.TimeDistributed)  # what is in them runs often


class Run:
    """What one run leaves: all of it TensorFlow's own tensors.

    Attributes:
        inputs: dict from the name of a layer to the tensor it was called with.
        outputs: dict from the name of a layer to what it gave, in order of running.
            Of a layer that runs more than once the last call counts.
        softmax: list of pairs (numbers, softmax of them or its logarithm), one for
            each softmax.
        logits: What the network gives, before a softmax at its very end.
    """

    def __init__(self):
        self.inputs, self.outputs, self.softmax, self.logits = {}, {}, [], None


def leaves(model):
    """The innermost layers in order of definition: dict "outer/inner" -> layer."""
    found, seen = {}, set()

    def walk(layer, path):
        children = _children(layer)
        if not children and path:
            name, count = "/".join(path), 2
            while name in found:  # two layers of one name in a subclassed network
                name, count = f"{'/'.join(path)}:{count}", count + 1
            found[name] = layer
        for child in children:
            if id(child) not in seen:
                seen.add(id(child))
                walk(child, (*path, child.name))

    walk(model, ())
    if not found:
        raise ValueError(f"model {model.name!r} has no layers; one with layers fits")
    return found


def _children(layer):
    if isinstance(layer, LOOPS):
        return []
    if isinstance(layer, keras.Model):
        inside = layer.layers
    else:
        inside = layer._flatten_layers(include_self=False, recursive=False)
    return [c for c in inside if not isinstance(c, keras.layers.InputLayer)]


@contextlib.contextmanager
def _watched(layers, run, keep):
    """For a while, each layer writes into ``run``; whatever happens, not after that."""
    before = []

    def put(layer, name, function):
        before.append((layer, name, layer.__dict__.get(name)))
        layer.__dict__[name] = function  # past Keras, which tracks attributes

    def watch(name, layer, call):
        def and_keep(*args, **kwargs):
            y = call(*args, **kwargs)
            if isinstance(layer, keras.layers.Softmax) and args:
                run.softmax.append((args[0], y))
            if tf.is_tensor(y) and (keep is None or name in keep):
                run.outputs.pop(name, None)  # the last call counts
                run.outputs[name] = y
                run.inputs[name] = args[0] if args else None
            return y

        return and_keep

    def noting(softmax):
        def and_note(x, *args, **kwargs):
            y = softmax(x, *args, **kwargs)
            run.softmax.append((x, y))
            return y

        return and_note

    try:
        for name, layer in layers.items():
            put(layer, "call", watch(name, layer, layer.call))
            activation = layer.__dict__.get("activation")
            if any(activation is softmax for softmax in SOFTMAXES):
                put(layer, "activation", noting(activation))
        yield run
    finally:
        for layer, name, was in reversed(before):
            if was is None:
                del layer.__dict__[name]
            else:
                layer.__dict__[name] = was


def run_model(model, x, keep=None):
    """Runs a network as in prediction.

    Args:
        model: Any Keras network with one input.
        x: A tensor, (N, H, W, C).
        keep: Names of the layers whose output is kept; None keeps all.

    Returns:
        A ``Run``.

    Raises:
        ValueError: The network does not take x, or gives more than one tensor.
    """
    given = _as_defined(model, x)
    try:
        if not model.built:  # its first run, in which its layers may come to be
            model(given, training=False)
        with _watched(leaves(model), Run(), keep) as run:
            y = model(given, training=False)
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, which model {model.name!r} does not take: "
            f"{error}"
        ) from error
    if not tf.is_tensor(y):
        kind = type(y).__name__
        raise ValueError(f"model {model.name!r} gives a {kind}; one tensor fits")
    run.logits = next((a for a, b in reversed(run.softmax) if b is y), y)
    return run


def _as_defined(model, x):
    """x, or [x], or {name: x}: as the inputs of a functional network were given."""
    wanted = getattr(model, "_inputs_struct", None)
    if not isinstance(wanted, (list, tuple, dict)):
        return x
    return keras.tree.pack_sequence_as(wanted, [x])


def scores(run, labels):
    """(sum of the score of each picture's label, labels); None: the largest score."""
    logits = run.logits
    if logits.ndim != 2:
        raise ValueError(
            f"model gives shape {tuple(logits.shape)}; (N, classes) fits, one score "
            "for each class"
        )
    if labels is None:
        labels = logits.numpy().argmax(axis=1)
    classes = logits.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels are from {labels.min()} to {labels.max()}; integers from 0 to "
            f"{classes - 1} fit"
        )
    return tf.reduce_sum(tf.gather(logits, labels, axis=1, batch_dims=1)), labels


def check_model(model):
    """A Keras network with one input, or a ValueError."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"model is {type(model).__name__}; a keras.Model fits")
    shape = input_shape(model)
    if shape is not None and len(shape) != 4:
        raise ValueError(
            f"model {model.name!r} takes {shape}; one that takes pictures (N, H, W, C) "
            "fits"
        )
    return model


def input_shape(model, seen=True):
    """The shape with None for N, or None where nobody knows.

    A subclassed network has none; once it has run, ``seen`` gives that of its first
    pictures, which need not be the only one that fits.
    """
    try:
        shape = model.input_shape
    except AttributeError:
        shape = None
    if shape is None and seen:
        known = getattr(model, "_build_shapes_dict", None) or {}
        shape = next(iter(known.values()), None)
    if shape is None:
        return None
    if isinstance(shape, dict):
        shape = list(shape.values())
    if isinstance(shape[0], (tuple, list)) and len(shape) == 1:
        shape = shape[0]
    if isinstance(shape[0], (tuple, list)):
        raise ValueError(f"model {model.name!r} has several inputs; one input fits")
    return (None, *shape[1:])


def zeros(model):
    """One black picture that the network takes, or None where nobody knows."""
    shape = input_shape(check_model(model))
    if shape is None or shape[3] is None:
        return None
    return tf.zeros((1, *(n or ANY for n in shape[1:3]), shape[3]))


def check_pictures(model, x):
    """x as float32 (N, H, W, C) that fits the network, or a ValueError."""
    check_model(model)
    x = np.asarray(x)
    fits = input_shape(model, seen=False)
    if fits is None:  # then only the channels are sure
        fits = (None, None, None, (input_shape(model) or (None,) * 4)[3])
    if (
        x.ndim != 4
        or len(x) == 0
        or any(b is not None and a != b for a, b in zip(x.shape, fits, strict=True))
    ):
        words = ", ".join(str(n or a) for n, a in zip(fits, "NHWC", strict=True))
        hint = ""
        if x.ndim == 4 and fits[3] == x.shape[1] != x.shape[3]:
            hint = ": x.transpose(0, 2, 3, 1) moves the channels to the end"
        elif x.ndim == 3:
            hint = ": x[np.newaxis] makes one picture a batch"
        raise ValueError(
            f"x has shape {x.shape}; this model takes ({words}), N being 1 or "
            f"more{hint}"
        )
    if x.dtype not in (np.float32, np.float64):
        raise ValueError(f"x is {x.dtype}; float32 fits, as in training")
    return x.astype(np.float32)


def check_labels(labels, count):
    """None, or (N,) integers; one integer counts for all pictures."""
    if labels is None:
        return None
    found = np.asarray(labels)
    if found.dtype.kind not in "iu" or found.shape not in ((), (count,)):
        raise ValueError(
            f"labels are {found.dtype} of shape {found.shape}; ({count},) integers "
            "fit, or one integer, or None for the answers of the model"
        )
    return np.broadcast_to(found, (count,)).astype(np.int64)


def check_layer(names, layer):
    """The name, or a ValueError that lists those nearest to it."""
    if layer in names:
        return layer
    near = difflib.get_close_matches(str(layer), names, n=3, cutoff=0.4)
    near = near or [n for n in names if str(layer) in n][:3] or list(names)[:3]
    raise ValueError(
        f"layer is {layer!r}, which does not run in this model; near to it: "
        f"{', '.join(near)}. layer_names(model) lists all"
    )


def real(name, value, least=-np.inf):
    """The value as a float, or a ValueError."""
    kinds = (int, float, np.integer, np.floating)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or value < least:
        words = "a number" if least == -np.inf else f"a number of {least} or more"
        raise ValueError(f"{name} is {value!r}; it needs {words}")
    return float(value)


def slices(count, batch):
    """Slices of ``batch`` pictures each, the last of what is left."""
    batch = integer("batch", batch, 1)
    return [slice(i, i + batch) for i in range(0, count, batch)]
