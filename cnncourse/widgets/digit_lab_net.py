"""What DigitLab computes: centring, moving, and small networks, forward only.

digit_lab.js computes the same; tests hold the two, and Keras, together.
"""

import json
from pathlib import Path

import numpy as np
import traitlets

SIDE, BOX = 28, 20  # of a picture, and of the ink in it after centring
WEIGHTS = Path(__file__).parents[1] / "weights" / "digit_lab.npz"
# kind of layer: its arrays, its whole numbers, and whether it has an activation
KINDS = {
    "conv": (("w", "b"), {"stride": 1, "pad": 0}, True),
    "pool": ((), {"size": 1, "stride": 1}, False),
    "global_max": ((), {}, False),
    "dense": (("w", "b"), {}, True),
}
ACTIVATIONS = ("relu", "linear")
WAYS = {  # in which order a first view is looked for
    "to the right": (1, 0),
    "to the left": (-1, 0),
    "down": (0, 1),
    "up": (0, -1),
}


class MisfitError(ValueError, traitlets.TraitError):
    """A ValueError; being a TraitError too makes traitlets undo held assignments."""


def shipped():
    """The networks and example pictures that come with the package.

    Returns:
        networks: list of {"name", "layers"}; pictures: (10, 28, 28) uint8, MNIST's
        first test picture of each class; labels: (10,) uint8.
    """
    with np.load(WEIGHTS) as found:
        networks = json.loads(str(found["networks"]))
        for key in found.files:
            if "." in key:
                n, k, name = key.split(".")
                networks[int(n)]["layers"][int(k)][name] = found[key]
        return networks, found["pictures"], found["labels"]


def check_networks(networks):
    """The networks with float16 weights, or a MisfitError that says what fits."""
    if not isinstance(networks, list | tuple) or not networks:
        raise MisfitError(f"networks: {networks!r:.60}; give a list of networks")
    checked = []
    for net in networks:
        name = net.get("name") if isinstance(net, dict) else None
        if not isinstance(name, str) or not name or not net.get("layers"):
            raise MisfitError(
                f"networks: {net!r:.60} is no network; give a dict "
                '{"name": …, "layers": [{"kind": …}, …]}'
            )
        if name in [one["name"] for one in checked]:
            raise MisfitError(f"networks: two are called {name!r}; give other names")
        shape, steps = (1, SIDE, SIDE), []
        for n, layer in enumerate(net["layers"], 1):
            where = f"networks: {name!r}, layer {n}"
            steps.append(_check_layer(where, layer))
            shape = _output_shape(where, steps[-1], shape)
        if shape != (10, 1, 1) or steps[-1].get("activation") != "linear":
            raise MisfitError(
                f"networks: {name!r} ends in {shape}, {steps[-1].get('activation')}; "
                "ten logits fit: shape (10, 1, 1), activation 'linear'"
            )
        checked.append({"name": name, "layers": steps})
    return checked


def _check_layer(where, layer):
    kind = layer.get("kind") if isinstance(layer, dict) else layer
    if not isinstance(kind, str) or kind not in KINDS:
        raise MisfitError(
            f"{where}: {kind!r} is no kind of layer that the figure knows; "
            f"there are {', '.join(map(repr, KINDS))}"
        )
    arrays, wholes, active = KINDS[kind]
    found = {"kind": kind}
    for key in arrays:
        try:
            a = np.asarray(layer.get(key), np.float16)
        except (TypeError, ValueError):
            a = np.empty(0, np.float16)
        if a.size == 0 or not np.isfinite(a).all():
            raise MisfitError(f"{where}: {key!r} must be an array of finite numbers")
        found[key] = a
    for key, least in wholes.items():
        value = layer.get(key, 0 if key == "pad" else 1)
        if isinstance(value, bool) or value != int(value) or value < least:
            raise MisfitError(
                f"{where}: {key} is {value!r}; a whole number from {least} fits"
            )
        found[key] = int(value)
    if active:
        found["activation"] = layer.get("activation", "linear")
        if found["activation"] not in ACTIVATIONS:
            raise MisfitError(
                f"{where}: activation is {found['activation']!r}; one of "
                f"{ACTIVATIONS} fits"
            )
    return found


def _output_shape(where, layer, shape):
    """(C, H, W) after the layer."""
    channels, height, width = shape
    kind = layer["kind"]
    if kind == "global_max":
        return channels, 1, 1
    if kind == "dense":
        wanted, given = int(np.prod(shape)), layer["w"].shape
        if len(given) != 2 or given[1] != wanted or layer["b"].shape != given[:1]:
            raise MisfitError(
                f"{where}: w {given} and b {layer['b'].shape} do not fit; w "
                f"(K, {wanted}) and b (K,) fit the input {shape}"
            )
        return given[0], 1, 1
    if kind == "conv":
        given = layer["w"].shape
        if len(given) != 4 or given[1] != channels or layer["b"].shape != given[:1]:
            raise MisfitError(
                f"{where}: w {given} and b {layer['b'].shape} do not fit; w "
                f"(K, {channels}, R, S) and b (K,) fit the input {shape}"
            )
        channels, size, pad = given[0], given[2:], layer["pad"]
    else:
        size, pad = (layer["size"],) * 2, 0
    sides = [
        (n + 2 * pad - r) // layer["stride"] + 1
        for n, r in zip((height, width), size, strict=True)
    ]
    if min(sides) < 1:
        raise MisfitError(f"{where}: a window of {size} does not fit the input {shape}")
    return channels, *sides


def pack(networks):
    """Weights as float16 bytes, and the networks with [offset, shape] instead.

    Offsets count float16 numbers from the first weight.
    """
    parts, at, specs = [], 0, []
    for net in networks:
        steps = []
        for layer in net["layers"]:
            step = dict(layer)
            for key, value in layer.items():
                if isinstance(value, np.ndarray):
                    step[key] = [at, list(value.shape)]
                    parts.append(value.astype("<f2").tobytes())
                    at += value.size
            steps.append(step)
        specs.append({"name": net["name"], "layers": steps})
    return b"".join(parts), specs


def run(layer, x):
    """One layer on a batch, float64, (N, C, H, W) -> (N, C', H', W')."""
    kind = layer["kind"]
    if kind == "global_max":
        return x.max(axis=(2, 3), keepdims=True)  # (N, C, 1, 1)
    if kind == "dense":
        y = x.reshape(len(x), -1) @ layer["w"].astype(float).T + layer["b"]  # (N, K)
        y = y[:, :, None, None]  # (N, K, 1, 1)
    else:
        size = layer["w"].shape[2:] if kind == "conv" else (layer["size"],) * 2
        pad, step = layer.get("pad", 0), layer["stride"]
        x = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
        windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(2, 3))
        windows = windows[:, :, ::step, ::step]  # (N, C, H', W', R, S)
        if kind == "pool":
            return windows.max(axis=(4, 5))  # (N, C, H', W')
        w = layer["w"].astype(float)  # (K, C, R, S)
        y = np.tensordot(windows, w, axes=([1, 4, 5], [1, 2, 3]))  # (N, H', W', K)
        y = y.transpose(0, 3, 1, 2) + layer["b"][:, None, None]  # (N, K, H', W')
    return np.maximum(y, 0) if layer["activation"] == "relu" else y


def forward(layers, x):
    """The input and every layer's output for pictures x (N, 28, 28)."""
    maps = [np.asarray(x, float)[:, None]]  # (N, 1, 28, 28)
    for layer in layers:
        maps.append(run(layer, maps[-1]))
    return maps


def softmax(logits):
    """Shares that add up to 1, along the last axis."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def shares(layers, x):
    """Softmax of the last layer, (N, 28, 28) -> (N, 10)."""
    return softmax(forward(layers, x)[-1][:, :, 0, 0])


def sample(x, rows, columns):
    """x (H, W) between its pixels, bilinear; outside it is 0."""
    i, j = np.floor(rows).astype(int), np.floor(columns).astype(int)
    p, q = rows - i, columns - j
    wide = np.pad(x, 1)
    y = np.zeros(rows.shape)
    for di, dj, part in (
        (0, 0, (1 - p) * (1 - q)),
        (0, 1, (1 - p) * q),
        (1, 0, p * (1 - q)),
        (1, 1, p * q),
    ):
        r = np.clip(i + di, -1, x.shape[0]) + 1
        s = np.clip(j + dj, -1, x.shape[1]) + 1
        y += part * wide[r, s]
    return y


def moved(x, right=0, down=0, angle=0, scale=1):
    """x (H, W) scaled and turned about its middle, then shifted; zeros come in.

    Output pixel p shows the input at ``c + R (p - c - t) / scale``; angle in degrees,
    counter-clockwise.
    """
    middle = (np.array(x.shape) - 1) / 2
    rows, columns = np.indices(x.shape)
    a = (rows - middle[0] - down) / scale
    b = (columns - middle[1] - right) / scale
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return sample(x, middle[0] + cos * a + sin * b, middle[1] - sin * a + cos * b)


def centred(x):
    """The ink of x (28, 28) as MNIST places it.

    Its bounding box is scaled (bilinear) until the longer side is 20 pixels, then
    moved by whole pixels until the centre of its mass is nearest to the middle of the
    picture; it is never moved over the edge. A picture without ink stays as it is.
    """
    rows, columns = np.flatnonzero(x.max(axis=1)), np.flatnonzero(x.max(axis=0))
    if rows.size == 0:
        return x.copy()
    corner = np.array([rows[0], columns[0]])
    size = np.array([rows[-1], columns[-1]]) - corner + 1
    by = BOX / size.max()
    new = np.maximum(np.floor(size * by + 0.5), 1).astype(int)
    grid = np.indices(new)  # (2, H', W')
    patch = sample(x, *(corner[:, None, None] + (grid + 0.5) / by - 0.5))  # (H', W')
    mass = (grid * patch).sum(axis=(1, 2)) / max(patch.sum(), 1e-12)
    at = np.clip(np.floor(SIDE / 2 - mass + 0.5), 0, SIDE - new).astype(int)
    y = np.zeros_like(x)
    y[at[0] : at[0] + new[0], at[1] : at[1] + new[1]] = patch
    return y


def misleading(networks, x, labels, most):
    """The smallest shift that makes the first network alone misread an example.

    Args:
        networks: As `check_networks` gives them.
        x: Examples (N, 28, 28); only those count that every network reads rightly,
            with a share of 80 % or more.
        labels: Their digits, or Nones.
        most: The largest shift to try, in pixels.

    Returns:
        (example, pixels, way), way a key of WAYS; or None. The first network gives a
        wrong digit, and every other one the right one, 80 % or more.
    """
    if None in labels or len(networks) < 2:
        return None
    first, *others = [net["layers"] for net in networks]
    x, y, sure = np.stack([centred(one) for one in x]), np.array(labels), 0.8
    good = np.all([_right(net, x, y) >= sure for net in (first, *others)], axis=0)
    for n in range(1, most + 1):
        for way, (a, b) in WAYS.items():
            seen = np.stack([moved(one, n * a, n * b) for one in x])
            p = shares(first, seen)  # (N, 10)
            p[np.arange(len(y)), y] = 0
            for k in np.flatnonzero(good & (p.max(axis=1) >= sure)):
                one, label = seen[k : k + 1], y[k : k + 1]
                if all(_right(net, one, label) >= sure for net in others):
                    return int(k), n, way
    return None


def _right(layers, x, y):
    """The share that each picture's true digit gets, (N,)."""
    return shares(layers, x)[np.arange(len(y)), y]
