"""Coloured shapes, drawn at call time, with labels and poses."""

from dataclasses import dataclass

import numpy as np

FINE = 3  # each pixel is the mean of FINE x FINE points, so edges are smooth
CHUNK = 512  # pictures drawn at once
POSE = ("row", "column", "radius", "angle", "hue")


@dataclass(frozen=True, eq=False)
class Shapes:
    """Pictures of one shape each, and the truth about them.

    Attributes:
        x: pictures, float32 in 0..1, channels red, green, blue.
        y: labels, int64, indices into ``classes``.
        pose: row and column of the middle (pixels, from the top left corner's middle),
            radius (pixels), angle (radians, clockwise on the screen), hue (0..1, red
            at 0, green at 1/3, blue at 2/3).
        classes, pose_names: what labels and pose columns stand for.

    Shapes:
        x: (N, 3, H, W), y: (N,), pose: (N, 5).
    """

    x: np.ndarray
    y: np.ndarray
    pose: np.ndarray
    classes: tuple[str, ...]
    pose_names: tuple[str, ...] = POSE


def _square(u, v):
    return np.maximum(abs(u), abs(v))


def _polar(u, v, corners):
    """Distance from the middle, and place between two corners: 0 on one, 1 midway."""
    turn = np.arctan2(v, u) / (2 * np.pi) * corners
    return np.hypot(u, v), 2 * abs(turn - np.rint(turn))


def _triangle(u, v):
    r, place = _polar(u, v, 3)
    return r * np.cos((place - 1) * np.pi / 3) <= np.cos(np.pi / 3)


def _star(u, v):
    r, place = _polar(u, v, 5)
    return r <= 1 - 0.58 * place


# each says which points (u to the right, v down, in radii) belong to the shape;
# none is another one turned, so a label never depends on the angle
KINDS = {
    "disc": lambda u, v: np.hypot(u, v) <= 0.9,
    "ring": lambda u, v: abs(np.hypot(u, v) - 0.75) <= 0.2,
    "half disc": lambda u, v: (np.hypot(u, v) <= 1) & (v >= 0),
    "square": lambda u, v: _square(u, v) <= 0.75,
    "frame": lambda u, v: abs(_square(u, v) - 0.62) <= 0.16,
    "triangle": _triangle,
    "cross": lambda u, v: (np.minimum(abs(u), abs(v)) <= 0.28) & (_square(u, v) <= 1),
    "bar": lambda u, v: (abs(u) <= 1) & (abs(v) <= 0.28),
    "star": _star,
    "corner": lambda u, v: (_square(u, v) <= 0.8) & ((u <= -0.25) | (v >= 0.25)),
}


def shapes(n: int, seed: int, size: int = 32) -> Shapes:
    """Draw n pictures of one coloured shape each on a grey ground.

    The ten classes come in turn, then in random order, so each has its share. The
    shape always lies inside the picture. The first pictures of a longer call are not
    those of a shorter one; the same arguments give the same pictures.

    Args:
        n: how many, at least 1.
        seed: decides everything that is random.
        size: height and width in pixels, at least 16.

    Returns:
        The pictures with their labels and poses.

    Raises:
        ValueError: n or size is too small.

    Shapes:
        x: (n, 3, size, size).
    """
    if n < 1:
        raise ValueError(f"n is {n}; 1 or more pictures fit")
    if size < 16:
        raise ValueError(f"size is {size}; 16 pixels or more fit")
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % len(KINDS))
    radius = rng.uniform(0.2, 0.36, n) * size
    middle = rng.uniform(radius, size - 1 - radius, (2, n))
    angle, hue = rng.uniform(0, 2 * np.pi, n), rng.uniform(0, 1, n)
    pose = np.stack([*middle, radius, angle, hue], axis=1)  # (n, 5)
    ground = rng.uniform(0, 0.3, n)
    x = np.empty((n, 3, size, size), np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        ink = _cover(y[part], pose[part], size)[:, None]  # (n, 1, H, W)
        colour = _rgb(hue[part])[:, :, None, None]  # (n, 3, 1, 1)
        x[part] = ink * colour + (1 - ink) * ground[part, None, None, None]
    return Shapes(x, y.astype(np.int64), pose, tuple(KINDS))


def _cover(y, pose, size):
    """How much of each pixel the shape covers: (n, H, W) in 0..1."""
    points = (np.arange(size * FINE) + 0.5) / FINE - 0.5  # (H FINE,)
    row, column, radius, angle = (a[:, None, None] for a in pose.T[:4])  # (n, 1, 1)
    down, right = points[:, None] - row, points - column
    cos, sin = np.cos(angle) / radius, np.sin(angle) / radius
    u, v = cos * right + sin * down, cos * down - sin * right  # (n, H FINE, W FINE)
    inside = np.empty(u.shape, bool)
    for label, kind in enumerate(KINDS.values()):
        inside[y == label] = kind(u[y == label], v[y == label])
    return inside.reshape(len(y), size, FINE, size, FINE).mean((2, 4))  # (n, H, W)


def _rgb(hue):
    """Strong colours from hues: (n,) to (n, 3)."""
    offset = np.array([0, 2 / 3, 1 / 3])  # red, green, blue
    ramp = abs((hue[:, None] + offset) % 1 * 6 - 3) - 1  # (n, 3)
    return 0.2 + 0.8 * np.clip(ramp, 0, 1)
