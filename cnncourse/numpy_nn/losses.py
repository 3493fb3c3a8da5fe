"""Losses: one number that says how wrong the outputs are, and its gradient.

Each returns ``(loss, d_input)``: a float, the mean over the batch, and its gradient
with respect to the first argument, of that argument's shape.
"""

import numpy as np

from ._checks import floats, real
from .activations import softmax


def cross_entropy(logits, labels):
    """Mean of minus the logarithm of the probability that the true class got.

        loss = -1/N * sum over n of log(softmax(logits[n])[labels[n]])

    Softmax is inside, because the logarithm cancels its exponential: that is exact
    where a probability as a number would already be 0. The gradient is

        d_logits[n, k] = (softmax(logits[n])[k] - [k == labels[n]]) / N.

    Args:
        logits: One score for each image and class, finite, and their differences too.
        labels: Index of the true class of each image, 0 to K - 1.

    Returns:
        (loss, d_logits).

    Raises:
        ValueError: logits is neither float32 nor float64, labels are not N whole
            numbers, or one of them is no class.

    Shapes:
        logits (N, K), labels (N,) -> loss a float, d_logits (N, K)

    Source:
        Goodfellow, Bengio and Courville (2016), *Deep learning*, section 6.2.2.
        Taught on the page *Anatomy of a CNN*.
    """
    logits, labels = _classes("logits", logits, labels)
    rows = np.arange(len(logits))
    shifted = logits - logits.max(axis=1, keepdims=True)  # (N, K)
    log_sum = np.log(np.exp(shifted).sum(axis=1))  # (N,)
    loss = (log_sum - shifted[rows, labels]).mean()
    d_logits = softmax(logits)  # (N, K)
    d_logits[rows, labels] -= 1
    d_logits /= len(logits)
    return float(loss), d_logits


def hinge(scores, labels, margin=1.0):
    """Multi-class hinge loss: wrong classes must stay ``margin`` below the true one.

        loss = 1/N * sum over n, k != labels[n] of
               max(0, scores[n, k] - scores[n, labels[n]] + margin)

    Args:
        scores: One score for each image and class.
        labels: Index of the true class of each image, 0 to K - 1.
        margin: Distance that costs nothing, 0 or more, in units of the scores.

    Returns:
        (loss, d_scores). Exactly at the margin the gradient is taken as 0.

    Raises:
        ValueError: As ``cross_entropy``; or margin is negative.

    Shapes:
        scores (N, K), labels (N,) -> loss a float, d_scores (N, K)

    Source:
        Weston and Watkins (1999), *Support vector machines for multi-class pattern
        recognition*. PyTorch's ``multi_margin_loss`` also divides by K.
    """
    scores, labels = _classes("scores", scores, labels)
    margin = real("margin", margin, 0)
    N, rows = len(scores), np.arange(len(scores))
    gap = scores - scores[rows, labels][:, None] + scores.dtype.type(margin)  # (N, K)
    gap[rows, labels] = 0
    d_scores = (gap > 0).astype(scores.dtype) / N  # (N, K)
    d_scores[rows, labels] = -d_scores.sum(axis=1)
    return float(np.maximum(gap, 0).sum() / N), d_scores


def mse(y, target):
    """Mean squared error: the mean of (y - target)**2 over all numbers.

    Args:
        y: Outputs.
        target: What they should be, of the same shape.

    Returns:
        (loss, dy) with dy = 2 * (y - target) / number of entries.

    Raises:
        ValueError: An array is neither float32 nor float64, or the shapes differ.

    Shapes:
        y (...), target (...) -> loss a float, dy (...)

    Source:
        Goodfellow, Bengio and Courville (2016), *Deep learning*, section 5.1.4.
    """
    y, target = floats(y=(y, "..."), target=(target, "..."))
    if y.shape != target.shape:
        raise ValueError(f"target has shape {target.shape}; y has shape {y.shape}")
    gap = y - target
    return float(np.mean(gap * gap)), gap * (2 / gap.size)


def _classes(name, scores, labels):
    """Scores checked, and labels checked against their classes."""
    (scores,) = floats(**{name: (scores, "N, K")})
    labels = np.asarray(labels)
    N, K = scores.shape
    if labels.shape != (N,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels has shape {labels.shape} and type {labels.dtype}; {name} of "
            f"shape {scores.shape} need whole numbers of shape ({N},)"
        )
    if labels.min() < 0 or labels.max() >= K:
        wrong = labels[(labels < 0) | (labels >= K)][0]
        raise ValueError(f"labels has a {wrong}; classes 0 to {K - 1} fit")
    return scores, labels
