"""Looks inside a trained network: what its layers give, and what its answer rests on.

The same functions as in ``keras_models.inspect``, for any ``torch.nn.Module`` that
takes pictures (N, C, H, W). For the time of a run each innermost module writes down
its output through a forward hook; afterwards the network is as it was, its training
mode and gradients too. Everything runs as in prediction: no dropout, and batch
normalisation with its running means, so pictures in a batch do not touch each other.

A module that runs more than once in one pass is listed once; its last call counts.
What is no module (``torch.relu`` within ``forward``) has no name and is not listed.

The *score* of a class is its logit. Where a network ends in ``nn.Softmax`` or
``nn.LogSoftmax``, the numbers before it are used: the softmax of a sure network is
flat, so that its gradient vanishes. ``torch.softmax`` within ``forward`` cannot be
seen, and is taken for scores.
"""

import numpy as np
import torch

from ._fields import receptive_fields
from ._maximise import maximise
from ._running import (
    black,
    check_labels,
    check_layer,
    check_pictures,
    gradient,
    integer,
    leaves,
    real,
    run_model,
    scores,
    slices,
    tensor,
    with_gradients,
)

__all__ = [
    "activations",
    "grad_cam",
    "layer_names",
    "maximise",
    "occlusion",
    "receptive_fields",
    "saliency",
]


def layer_names(model, input_shape=None):
    """Lists the innermost modules in the order in which they run.

    Args:
        model: Any ``torch.nn.Module`` of pictures.
        input_shape: (C, H, W) of a picture, to run the network once; without it the
            modules are listed as they were defined, whether they run or not.

    Returns:
        Their names; of a module within another one "outer/inner".

    Raises:
        ValueError: It is no network of pictures.

    Source:
        Taught on the page *Looking inside a network*, for Keras.

    Example:
        >>> layer_names(torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten()))
        ['0', '1']
    """
    if input_shape is None:
        return list(leaves(model))
    with torch.no_grad():
        return list(run_model(model, black(model, input_shape)).outputs)


@torch.no_grad()
def activations(model, x, layers=None, batch=64):
    """Computes what the layers give for some pictures.

    Args:
        model: Any ``torch.nn.Module`` of pictures.
        x: The pictures, float.
        layers: Names as in ``layer_names``, or one name; None means all.
        batch: Pictures in one run.

    Returns:
        dict from the name of a layer to its output, in the order of running or of
        ``layers``.

    Raises:
        ValueError: x does not fit the network, or there is no layer of that name.

    Shapes:
        x (N, C, H, W) -> (N, K, H', W') after a convolution or a pool, (N, K) after
        a dense layer

    Source:
        Taught on the page *Looking inside a network*, for Keras.
    """
    x, found = check_pictures(model, x), {}
    wanted = [layers] if isinstance(layers, str) else layers
    keep = None
    if wanted is not None:
        names = list(run_model(model, tensor(model, x[:1])).outputs)
        keep = [check_layer(names, name) for name in wanted]
    for rows in slices(len(x), batch):
        outputs = run_model(model, tensor(model, x[rows]), keep).outputs
        for name in outputs if keep is None else keep:
            found.setdefault(name, []).append(_numpy(outputs[name]))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def saliency(model, x, labels=None, batch=64):
    """Computes how much the score of a class reacts to each pixel.

        saliency[h, w] = max over c of |d score / d x[c, h, w]|

    Args:
        model: Any ``torch.nn.Module`` of pictures that gives one score a class.
        x: The pictures, float.
        labels: The class for each picture, or one for all; None means the network's
            own answers.
        batch: Pictures in one run.

    Returns:
        The maps, float32, 0 or more.

    Raises:
        ValueError: An argument does not fit; the message says what does.

    Shapes:
        x (N, C, H, W) -> (N, H, W)

    Source:
        Simonyan, Vedaldi and Zisserman (2014), *Deep inside convolutional networks*,
        section 3. Taught on the page *Looking inside a network*, for Keras.
    """
    x = check_pictures(model, x)
    labels, parts = check_labels(labels, len(x)), []
    for rows in slices(len(x), batch):
        with with_gradients():
            pictures = tensor(model, x[rows], grad=True)
            run = run_model(model, pictures, keep=())
            score, _ = scores(run, None if labels is None else labels[rows])
            words = "model gives a score that does not depend on x smoothly"
            dx = gradient(score, pictures, words)  # (N, C, H, W)
        parts.append(np.abs(_numpy(dx)).max(axis=1))  # (N, H, W)
    return np.concatenate(parts)


def grad_cam(model, x, labels=None, layer=None, resize=True, batch=64):
    """Computes which places of a layer's maps speak for a class.

        alpha[k] = mean over i, j of d score / d A[k, i, j]
        map      = relu(sum over k of alpha[k] A[k])

    Args:
        model: Any ``torch.nn.Module`` of pictures that gives one score a class.
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
        x (N, C, H, W), A (N, K, h, w) -> (N, H, W), or (N, h, w) without resize

    Source:
        Selvaraju et al. (2017), *Grad-CAM*, equations 1 and 2. Taught on the page
        *Looking inside a network*.
    """
    x = check_pictures(model, x)
    labels, parts = check_labels(labels, len(x)), []
    layer = _map_layer(model, x[:1], layer)
    for rows in slices(len(x), batch):
        with with_gradients():
            pictures = tensor(model, x[rows], grad=True)
            run = run_model(model, pictures, keep=(layer,))
            score, _ = scores(run, None if labels is None else labels[rows])
            maps = run.outputs[layer]
            words = f"layer is {layer!r}; the scores do not depend on it"
            d_maps = gradient(score, maps, words)
        maps, d_maps = maps.detach().float(), d_maps.float()
        alpha = d_maps.mean(dim=(2, 3), keepdim=True)  # (N, K, 1, 1)
        heat = torch.relu((alpha * maps).sum(dim=1))  # (N, h, w)
        if resize:
            heat = torch.nn.functional.interpolate(
                heat[:, None], x.shape[2:], mode="bilinear", align_corners=False
            )[:, 0]  # (N, H, W)
        parts.append(_numpy(heat))
    return np.concatenate(parts)


@torch.no_grad()
def _map_layer(model, x, layer):
    """The name of a layer that gives maps, or a ValueError."""
    outputs = run_model(model, tensor(model, x)).outputs
    maps = [name for name, y in outputs.items() if y.ndim == 4]
    if not maps:
        raise ValueError("model has no layer that gives maps (N, K, h, w)")
    wide = [n for n in maps if outputs[n].shape[2] * outputs[n].shape[3] > 1]
    if layer is None:
        return (wide or maps)[-1]
    if check_layer(list(outputs), layer) not in maps:
        shape = ("N", *outputs[layer].shape[1:])
        raise ValueError(
            f"layer is {layer!r}, which gives ({', '.join(map(str, shape))}); a layer "
            f"that gives maps (N, K, h, w) fits, such as {(wide or maps)[-1]!r}"
        )
    return layer


@torch.no_grad()
def occlusion(model, x, labels=None, size=4, stride=2, value=0.0, batch=64):
    """Covers a patch of the picture, place by place, and asks the network again.

    Args:
        model: Any ``torch.nn.Module`` of pictures that gives one score a class.
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
        x (N, C, H, W) -> (N, H', W'), H' = (H - size) // stride + 1

    Source:
        Zeiler and Fergus (2014), *Visualizing and understanding convolutional
        networks*, section 4.2. Taught on the page *Looking inside a network*, for
        Keras.
    """
    x = check_pictures(model, x)
    labels = check_labels(labels, len(x))
    (N, _, H, W), value = x.shape, real("value", value)
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
            picture[:, i : i + size, j : j + size] = value
        run = run_model(model, tensor(model, covered), keep=())
        scores(run, labels[which])  # checks them
        if run.logits.shape[1] == 1:
            raise ValueError("model gives 1 score; a share needs 2 classes or more")
        share = torch.softmax(run.logits.float(), dim=1)
        found.append(_numpy(share)[np.arange(len(some)), labels[which]])
    return np.concatenate(found).reshape(N, len(tops), len(lefts))


@torch.no_grad()
def _answers(model, x, batch):
    """The class with the largest score for each picture, (N,)."""
    parts = []
    for rows in slices(len(x), batch):
        parts.append(scores(run_model(model, tensor(model, x[rows]), keep=()), None)[1])
    return np.concatenate(parts)


def _numpy(y):
    return y.detach().float().cpu().numpy()
