"""Losses against their formulas as loops, finite differences, PyTorch and by hand."""

import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cnncourse.numpy_nn import cross_entropy, gradcheck, hinge, mse

TOLERANCE = {np.float32: 2e-6, np.float64: 1e-13}
CLASSES = {"cross_entropy": cross_entropy, "hinge": hinge}


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def scores_and_labels(N, K, dtype=np.float64):
    rng = np.random.default_rng(N * K)
    return 3 * rng.normal(size=(N, K)).astype(dtype), rng.integers(0, K, N)


def close(mine, theirs, dtype):
    loss, gradient = mine
    assert isinstance(loss, float)
    assert gradient.dtype == dtype
    np.testing.assert_allclose(loss, float(theirs[0]), rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(gradient, theirs[1], rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize(("N", "K"), [(1, 1), (1, 4), (5, 3), (4, 10)])
def test_cross_entropy_agrees_with_loops_and_torch(N, K, dtype):
    logits, labels = scores_and_labels(N, K, dtype)
    loss, d_logits = 0.0, np.zeros((N, K))
    for n in range(N):
        total = sum(np.exp(float(v)) for v in logits[n])
        loss -= np.log(np.exp(float(logits[n, labels[n]])) / total) / N
        for k in range(K):
            d_logits[n, k] = (np.exp(float(logits[n, k])) / total) / N
        d_logits[n, labels[n]] -= 1 / N
    close(cross_entropy(logits, labels), (loss, d_logits), dtype)
    leaf = torch.tensor(logits, requires_grad=True)
    expected = F.cross_entropy(leaf, torch.tensor(labels))
    expected.backward()
    close(cross_entropy(logits, labels), (expected.item(), leaf.grad), dtype)


@pytest.mark.parametrize("margin", [1.0, 0.3, 10])
@pytest.mark.parametrize(("N", "K"), [(1, 1), (1, 4), (5, 3), (4, 10)])
def test_hinge_agrees_with_loops_and_torch(N, K, margin, dtype):
    scores, labels = scores_and_labels(N, K, dtype)
    loss, d_scores = 0.0, np.zeros((N, K))
    for n, true in enumerate(labels):
        for k in range(K):
            gap = float(scores[n, k]) - float(scores[n, true]) + margin
            if k != true and gap > 0:
                loss += gap / N
                d_scores[n, k] += 1 / N
                d_scores[n, true] -= 1 / N
    mine = hinge(scores, labels, margin)
    np.testing.assert_allclose(mine[0], loss, rtol=1e-6)
    np.testing.assert_allclose(mine[1], d_scores, rtol=0, atol=1e-6)
    assert mine[1].dtype == dtype
    leaf = torch.tensor(scores, requires_grad=True)
    expected = K * F.multi_margin_loss(leaf, torch.tensor(labels), margin=margin)
    expected.backward()
    np.testing.assert_allclose(mine[0], expected.item(), rtol=2e-6)
    np.testing.assert_allclose(mine[1], leaf.grad, rtol=0, atol=1e-6)


@pytest.mark.parametrize("loss", CLASSES.values(), ids=CLASSES.keys())
def test_gradients_agree_with_finite_differences(loss):
    scores, labels = scores_and_labels(4, 5)
    gradcheck(lambda: loss(scores, labels)[0], scores, loss(scores, labels)[1])


@pytest.mark.parametrize("shape", [(1,), (3, 4), (2, 1, 3, 3)])
def test_mse_agrees_with_loops_torch_and_finite_differences(shape, dtype):
    rng = np.random.default_rng(0)
    y, target = rng.normal(size=(2, *shape)).astype(dtype)
    pairs = list(zip(y.flat, target.flat, strict=True))
    by_hand = sum((float(a) - float(b)) ** 2 for a, b in pairs) / len(pairs)
    gradient = 2 * (y.astype(float) - target) / len(pairs)
    close(mse(y, target), (by_hand, gradient), dtype)
    leaf = torch.tensor(y, requires_grad=True)
    expected = F.mse_loss(leaf, torch.tensor(target))
    expected.backward()
    close(mse(y, target), (expected.item(), leaf.grad), dtype)
    if dtype == np.float64:
        gradcheck(lambda: mse(y, target)[0], y, mse(y, target)[1])


def test_worked_examples():
    scores = np.array([[10.0, -5.0, 5.0]])
    assert hinge(scores, [0], margin=10)[0] == 5
    assert hinge(scores, [0])[0] == 0
    assert hinge(np.array([[13.0, -7.0, 11.0]]), [0], margin=10)[0] == 8
    assert cross_entropy(scores, [0])[0] == pytest.approx(0.0067157, abs=1e-6)
    chance = cross_entropy(np.zeros((100, 10)), np.arange(100) % 10)[0]
    assert chance == pytest.approx(2.302585, abs=1e-6)


def test_exactly_at_the_margin_hinge_is_flat():
    loss, d_scores = hinge(np.array([[1.0, 0.0]]), [0])
    assert loss == 0
    np.testing.assert_array_equal(d_scores, 0)


def test_cross_entropy_of_hopeless_logits_is_finite_and_exact():
    logits = np.array([[1000.0, 0.0], [0.0, 1000.0]])
    loss, d_logits = cross_entropy(logits, [1, 1])
    assert loss == 500
    np.testing.assert_array_equal(d_logits, [[0.5, -0.5], [0, 0]])


@pytest.mark.parametrize("loss", CLASSES.values(), ids=CLASSES.keys())
@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.zeros((2, 3), int), [0, 1], "is int64; use"),
        (np.zeros(3), [0], "has shape (3,); it needs the axes (N, K)"),
        (np.zeros((0, 3)), [], "has shape (0, 3)"),
        (np.zeros((2, 3)), [0], "labels has shape (1,) and type int64"),
        (np.zeros((2, 3)), [0.0, 1.0], "labels has shape (2,) and type float64"),
        (np.zeros((2, 3)), [[1, 0, 0], [0, 1, 0]], "labels has shape (2, 3)"),
        (np.zeros((2, 3)), [0, 3], "labels has a 3; classes 0 to 2 fit"),
        (np.zeros((2, 3)), [-1, 0], "labels has a -1; classes 0 to 2 fit"),
    ],
)
def test_bad_input_is_refused(loss, scores, labels, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        loss(scores, labels)


@pytest.mark.parametrize("margin", [-1, np.nan, "1", None])
def test_a_margin_that_cannot_be_is_refused(margin):
    with pytest.raises(ValueError, match="margin is"):
        hinge(np.zeros((1, 2)), [0], margin)


def test_mse_refuses_other_shapes_and_integers():
    with pytest.raises(
        ValueError, match=r"target has shape \(3,\); y has shape \(3, 1"
    ):
        mse(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(ValueError, match="target is int64"):
        mse(np.zeros(3), np.arange(3))


def test_nothing_given_is_changed():
    scores, labels = scores_and_labels(4, 5)
    kept = scores.copy()
    for loss in CLASSES.values():
        loss(scores, labels)
        np.testing.assert_array_equal(scores, kept)


def test_small_whole_numbers_are_labels_and_booleans_are_not():
    scores, labels = scores_and_labels(4, 3)
    for loss in CLASSES.values():
        assert loss(scores, labels.astype(np.uint8))[0] == loss(scores, labels)[0]
        with pytest.raises(ValueError, match="type bool"):
            loss(scores, labels > 0)
    assert hinge(np.array([[1.0, 1.0]]), [0], margin=0)[0] == 0


def test_mse_neither_broadcasts_nor_changes_what_it_is_given():
    y = np.ones((3, 1))
    with pytest.raises(ValueError, match=r"target has shape \(3, 3\)"):
        mse(y, np.ones((3, 3)))
    mse(y, np.zeros((3, 1)))
    np.testing.assert_array_equal(y, 1)
