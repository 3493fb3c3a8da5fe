"""Looks inside a trained network: what its layers give, and what its answer rests on.

It works for any Keras network with one input of pictures (N, H, W, C): layers in a
row, functional, networks inside networks, and subclassed ones. For the time of a run
each innermost layer writes down its output; afterwards the network is as it was.
Everything runs as in prediction: no dropout, and batch normalisation with its running
means, so pictures in a batch do not touch each other.

A layer that runs more than once in one pass is listed once, and its last call counts.

The *score* of a class is its logit. Where a network ends in a softmax (a last layer
with ``activation="softmax"``, or a layer that is one), or its logarithm, the numbers
before it are used: the softmax of a sure network is flat, so that its gradient
vanishes. A softmax that is no layer (``keras.ops.softmax`` of what a layer gave)
cannot be seen, and is taken for scores.
"""

import numpy as np

from . import _setup  # noqa: F401  before keras
from ._fields import receptive_fields
from ._maximise import maximise
from ._parts import integer
from ._running import (
    check_labels,
    check_layer,
    check_pictures,
    leaves,
    real,
    run_model,
    scores,
    slices,
    zeros,
)

import tensorflow as tf  # isort: skip

__all__ = [
    "activations",
    "grad_cam",
    "layer_names",
    "maximise",
    "occlusion",
    "receptive_fields",
    "saliency",
]


def layer_names(model):
    """Lists the innermost layers in the order in which they run.

    Args:
        model: Any Keras network of pictures.

    Returns:
        Their names; of a layer in a network inside the network "outer/inner". A
        subclassed network that has not seen a picture yet cannot be run: its layers
        are listed as they were defined.

    Raises:
        ValueError: It is no network of pictures.

    Source:
        Taught on the page *Looking inside a network*.

    Example:
        >>> from cnncourse.keras_models import one_pool_cnn
        >>> len(layer_names(one_pool_cnn()))
        5
    """
    x = zeros(model)
    return list(leaves(model) if x is None else run_model(model, x).outputs)


def activations(model, x, layers=None, batch=64):
    """Computes what the layers give for some pictures.

    Args:
        model: Any Keras network of pictures.
        x: The pictures, float.
        layers: Names as in ``layer_names``, or one name; None means all.
        batch: Pictures in one run.

    Returns:
        dict from the name of a layer to its output, in the order of running or of
        ``layers``.

    Raises:
        ValueError: x does not fit the network, or there is no layer of that name.

    Shapes:
        x (N, H, W, C) -> (N, H', W', K) after a convolution or a pool, (N, K) after
        a dense layer

    Source:
        Taught on the page *Looking inside a network*.
    """
    x, found = check_pictures(model, x), {}
    wanted = [layers] if isinstance(layers, str) else layers
    keep = None
    if wanted is not None:
        names = list(run_model(model, tf.constant(x[:1])).outputs)
        keep = [check_layer(names, name) for name in wanted]
    for rows in slices(len(x), batch):
        outputs = run_model(model, tf.constant(x[rows]), keep).outputs
        for name in outputs if keep is None else keep:
            found.setdefault(name, []).append(_numpy(outputs[name]))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def saliency(model, x, labels=None, batch=64):
    """Computes how much the score of a class reacts to each pixel.

        saliency[h, w] = max over c of |d score / d x[h, w, c]|

    Args:
        model: Any Keras network of pictures that gives one score a class.
        x: The pictures, float.
        labels: The class for each picture, or one for all; None means the network's
            own answers.
        batch: Pictures in one run.

    Returns:
        The maps, float32, 0 or more.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        x (N, H, W, C) -> (N, H, W)

    Source:
        Simonyan, Vedaldi and Zisserman (2014), *Deep inside convolutional networks*,
        section 3. Taught on the page *Looking inside a network*.
    """
    x = check_pictures(model, x)
    labels, parts = check_labels(labels, len(x)), []
    for rows in slices(len(x), batch):
        pictures = tf.constant(x[rows])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(pictures)
            run = run_model(model, pictures, keep=())
            score, _ = scores(run, None if labels is None else labels[rows])
        dx = tape.gradient(score, pictures)  # (N, H, W, C)
        if dx is None:
            raise ValueError("model gives a score that does not depend on x smoothly")
        parts.append(np.abs(_numpy(dx)).max(axis=3))  # (N, H, W)
    return np.concatenate(parts)


def grad_cam(model, x, labels=None, layer=None, resize=True, batch=64):
    """Computes which places of a layer's maps speak for a class.

        alpha[k] = mean over i, j of d score / d A[i, j, k]
        map      = relu(sum over k of alpha[k] A[:, :, k])

    Args:
        model: Any Keras network of pictures that gives one score a class.
        x: The pictures, float.
        labels: The class for each picture, or one for all; None means the network's
            own answers.
        layer: The layer that gives the maps A, as in ``layer_names``; None means the
            last one whose maps have more than one place.
        resize: Whether to bring the map to the size of the picture (bilinear).
        batch: Pictures in one run.

    Returns:
        The maps, float32, 0 or more, on the scale of the score.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        x (N, H, W, C), A (N, h, w, K) -> (N, H, W), or (N, h, w) without resize

    Source:
        Selvaraju et al. (2017), *Grad-CAM*, equations 1 and 2. Taught on the page
        *Looking inside a network*.
    """
    x = check_pictures(model, x)
    labels, parts = check_labels(labels, len(x)), []
    layer = _map_layer(model, x[:1], layer)
    for rows in slices(len(x), batch):
        pictures = tf.constant(x[rows])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(pictures)
            run = run_model(model, pictures, keep=(layer,))
            score, _ = scores(run, None if labels is None else labels[rows])
        maps = run.outputs[layer]
        d_maps = tape.gradient(score, maps)
        if d_maps is None:
            raise ValueError(f"layer is {layer!r}; the scores do not depend on it")
        maps, d_maps = (tf.cast(t, tf.float32) for t in (maps, d_maps))
        alpha = tf.reduce_mean(d_maps, axis=(1, 2), keepdims=True)  # (N, 1, 1, K)
        heat = tf.nn.relu(tf.reduce_sum(alpha * maps, axis=3))  # (N, h, w)
        if resize:
            heat = tf.image.resize(heat[..., None], x.shape[1:3])[..., 0]  # (N, H, W)
        parts.append(_numpy(heat))
    return np.concatenate(parts)


def _map_layer(model, x, layer):
    """The name of a layer that gives maps, or a ValueError."""
    outputs = run_model(model, tf.constant(x)).outputs
    maps = [name for name, y in outputs.items() if y.ndim == 4]
    if not maps:
        raise ValueError("model has no layer that gives maps (N, h, w, K)")
    wide = [n for n in maps if outputs[n].shape[1] * outputs[n].shape[2] > 1]
    if layer is None:
        return (wide or maps)[-1]
    if check_layer(list(outputs), layer) not in maps:
        shape = ("N", *outputs[layer].shape[1:])
        raise ValueError(
            f"layer is {layer!r}, which gives ({', '.join(map(str, shape))}); a layer "
            f"that gives maps (N, h, w, K) fits, such as {(wide or maps)[-1]!r}"
        )
    return layer


def occlusion(model, x, labels=None, size=4, stride=2, value=0.0, batch=64):
    """Covers a patch of the picture, place by place, and asks the network again.

    Args:
        model: Any Keras network of pictures that gives one score a class.
        x: The pictures, float.
        labels: The class for each picture, or one for all; None means the network's
            answers for the uncovered pictures.
        size: Height and width of the patch.
        stride: Pixels from one place to the next.
        value: What the pixels of the patch are set to.
        batch: Covered pictures in one run.

    Returns:
        The softmax share of the class, 0 to 1, for each place of the patch: low where
        the answer rests on what was covered.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        x (N, H, W, C) -> (N, H', W'), H' = (H - size) // stride + 1

    Source:
        Zeiler and Fergus (2014), *Visualizing and understanding convolutional
        networks*, section 4.2. Taught on the page *Looking inside a network*.
    """
    x = check_pictures(model, x)
    labels = check_labels(labels, len(x))
    (N, H, W, _), value = x.shape, real("value", value)
    size, stride = integer("size", size, 1), integer("stride", stride, 1)
    if size > min(H, W):
        raise ValueError(f"size is {size}; 1 to {min(H, W)} fits pictures {H} x {W}")
    if labels is None:
        labels = _answers(model, x, batch)
    tops, lefts = range(0, H - size + 1, stride), range(0, W - size + 1, stride)
    places = [(n, i, j) for n in range(N) for i in tops for j in lefts]
    found = []
    for rows in slices(len(places), batch):
        some = places[rows]
        which = [n for n, _, _ in some]
        covered = x[which]  # a copy
        for picture, (_, i, j) in zip(covered, some, strict=True):
            picture[i : i + size, j : j + size] = value
        run = run_model(model, tf.constant(covered), keep=())
        scores(run, labels[which])  # checks them
        if run.logits.shape[1] == 1:
            raise ValueError("model gives 1 score; a share needs 2 classes or more")
        share = tf.nn.softmax(tf.cast(run.logits, tf.float32))
        found.append(_numpy(share)[np.arange(len(some)), labels[which]])
    return np.concatenate(found).reshape(N, len(tops), len(lefts))


def _answers(model, x, batch):
    """The class with the largest score for each picture, (N,)."""
    parts = []
    for rows in slices(len(x), batch):
        parts.append(scores(run_model(model, tf.constant(x[rows]), keep=()), None)[1])
    return np.concatenate(parts)


def _numpy(tensor):
    return tf.cast(tensor, tf.float32).numpy()
