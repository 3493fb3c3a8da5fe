"""What a loader returns, and how one set is cut in two."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """A labelled picture set, cut into training, validation and test part.

    Train on ``train``, choose on ``val``, and look at ``test`` once, at the end.
    The arrays are the caller's own: nothing else holds them.

    Attributes:
        x_train, x_val, x_test: images, float32 in 0..1.
        y_train, y_val, y_test: labels, int64, indices into ``classes``.
        classes: what the labels stand for.
        name: what the set is, for captions and checks; a stand-in says so here.
        source: where this copy came from.
        licence: licence and credit, to be kept beside published pictures.

    Shapes:
        x_*: (N, C, H, W). y_*: (N,). N differs between the parts.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]
    name: str
    source: str
    licence: str

    def __repr__(self) -> str:
        parts = [
            f"  {part:<5} x {x.shape} {x.dtype}, y {y.shape} {y.dtype}"
            for part, x, y in (
                ("train", self.x_train, self.y_train),
                ("val", self.x_val, self.y_val),
                ("test", self.x_test, self.y_test),
            )
        ]
        head = f"{self.name}: {len(self.classes)} classes ({', '.join(self.classes)})"
        return "\n".join([head, *parts])


def hold_out(y: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose ``count`` samples at random, every class in proportion.

    The samples are shuffled, sorted by class, and ``count`` of them are taken at
    equal distances: every class gives its share, rounded up or down.

    Args:
        y: labels.
        count: samples to hold out.
        seed: decides which ones.

    Returns:
        Indices that stay and indices held out, each ascending.

    Shapes:
        y: (N,) to (N - count,) and (count,).
    """
    shuffled = np.random.default_rng(seed).permutation(len(y))
    by_class = shuffled[np.argsort(y[shuffled], kind="stable")]
    steps = (2 * np.arange(count) + 1) * len(y) // (2 * max(count, 1))
    held = np.zeros(len(y), dtype=bool)
    held[by_class[steps]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)  # (N - count,), (count,)
