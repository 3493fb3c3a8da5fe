"""The PyTorch networks and their training."""

import numpy as np
import pytest
import torch

from cnncourse.torch_models import best_device, fit, mnist_cnn, small_cnn

PARAMETERS = {mnist_cnn: 3_274_634, small_cnn: 12_042}
every = pytest.mark.parametrize("build", PARAMETERS, ids=lambda f: f.__name__)
RNG = np.random.default_rng(0)
X, Y = RNG.random((10, 1, 16, 18), dtype=np.float32), np.arange(10) % 5


def small(seed=0):
    return small_cnn(5, (1, 16, 18), seed=seed)


@every
def test_parameters_are_those_of_the_sources_and_the_answers_are_logits(build):
    net = build(seed=0)
    assert sum(p.numel() for p in net.parameters()) == PARAMETERS[build]
    y = net(torch.rand(4, 1, 28, 28))
    assert y.shape == (4, 10)
    assert y.min() < 0


@every
def test_the_seed_decides_and_the_seed_of_torch_does_not(build):
    torch.manual_seed(1)
    a = build(seed=3)[0].weight
    torch.manual_seed(2)
    after = torch.rand(1)
    torch.manual_seed(2)
    b, c = build(seed=3)[0].weight, build(seed=4)[0].weight
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(torch.rand(1), after)  # drawn after b and c were built


@every
def test_a_few_pictures_are_learned_by_heart(build):
    x = X if build is small_cnn else X[:, :, :8, :9]
    net = build(5, x.shape[1:], seed=0)
    adam = torch.optim.Adam(net.parameters(), 0.003)
    many = np.tile(x, (4, 1, 1, 1)), np.tile(Y, 4)
    history = fit(net, *many, epochs=8, batch=10, optimiser=adam, val=(x, Y), rng=0)
    assert history["accuracy"][0] < 1
    assert history["val_accuracy"][-1] == 1
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy", "seconds"]
    assert {len(v) for v in history.values()} == {8}


def test_training_is_gradient_descent_in_the_order_of_the_seed():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(288, 5))
    w, b = (p.detach().double().numpy().copy() for p in net[1].parameters())
    rng, losses = np.random.default_rng(3), []
    for _ in range(2):
        total, order = 0.0, rng.permutation(10)
        for rows in (order[:4], order[4:8], order[8:]):
            flat, n = X[rows].reshape(len(rows), -1).astype(float), len(rows)
            z = flat @ w.T + b
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)  # (n, 5)
            total -= np.log(p[np.arange(n), Y[rows]]).sum()
            p[np.arange(n), Y[rows]] -= 1
            w, b = w - 0.1 * p.T @ flat / n, b - 0.1 * p.sum(axis=0) / n
        losses.append(total / 10)
    history = fit(net, X, Y, epochs=2, batch=4, rng=3)  # SGD(0.1)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)
    np.testing.assert_allclose(net[1].weight.detach().numpy(), w, atol=1e-5)


def test_the_measured_accuracy_is_the_share_of_right_answers():
    net = small()
    history = fit(net, X, Y, val=(X[:7], Y[:7]), rng=0)
    with torch.no_grad():
        logits = net(torch.tensor(X[:7]))  # fit leaves the mode of use behind
    assert not net.training
    right = (logits.argmax(dim=1).numpy() == Y[:7]).mean()
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(Y[:7]))
    np.testing.assert_allclose(history["val_accuracy"], [right], rtol=1e-6)
    np.testing.assert_allclose(history["val_loss"], [loss.item()], rtol=1e-5)


DEVICES = ["cpu"]
DEVICES += ["cuda"] if torch.cuda.is_available() else []
DEVICES += ["mps"] if torch.backends.mps.is_available() else []


@pytest.mark.parametrize("device", DEVICES)
def test_it_trains_where_the_parameters_are(device):
    net = small().to(device)
    here = fit(small(), X, Y, epochs=2, rng=0, val=(X, Y))
    there = fit(net, X, Y, epochs=2, rng=0, val=(X, Y))
    assert {p.device.type for p in net.parameters()} == {device}
    np.testing.assert_allclose(there["val_loss"], here["val_loss"], rtol=1e-3)
    net = small().to(device).double()
    fit(net, X, Y)
    assert net[0].weight.dtype == torch.float64


@pytest.mark.parametrize("there", [{"cuda", "mps"}, {"mps"}, set()])
def test_the_best_device_is_a_gpu_if_there_is_one(there, monkeypatch):
    for name, part in {"cuda": torch.cuda, "mps": torch.backends.mps}.items():
        monkeypatch.setattr(part, "is_available", lambda name=name: name in there)
    best = "cuda" if "cuda" in there else "mps" if there else "cpu"
    assert best_device() == torch.device(best)


def test_on_epoch_ends_the_training_and_an_optimiser_may_be_a_function():
    history = fit(
        small(),
        X,
        Y,
        epochs=9,
        optimiser=lambda p: torch.optim.SGD(p, 0.01),
        on_epoch=lambda h: len(h["loss"]) == 2,
    )
    assert len(history["loss"]) == 2
    assert history["val_loss"] == []


def test_validation_pictures_are_only_looked_at():
    a, b = small(), small()
    fit(a, X, Y, rng=0)
    fit(b, X, Y, rng=0, val=(X[:7], Y[:7]))
    for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"model": "net"}, "model is str; a torch.nn.Module fits"),
        ({"epochs": 0}, "epochs is 0; it needs an integer, 1 or more"),
        ({"y": Y[:5]}, r"labels of shape \(5,\)"),
        ({"x": (255 * X).astype(np.uint8)}, "pictures are uint8; float32"),
        ({"y": Y + 0.5}, "labels are float64; integers"),
        ({"val": X}, r"val is ndarray; a pair \(pictures, labels\) fits"),
        ({"y": Y + 1}, r"x, y: labels are from 1 to 5; integers from 0 to 4 fit"),
        ({"val": (X, Y + 9)}, "val: labels are from 9 to 13; integers from 0 to 4"),
        ({"x": X[:, :, :15]}, r"shape \(10, 1, 15, 18\), which the model does not"),
        ({"model": small()[:3]}, r"model gives \(1, 8, 6, 7\); \(N, classes\) fits"),
        ({"batch": 1}, "batch is 1; of 10 pictures it leaves 1"),
        ({"batch": 3}, "batch is 3; of 10 pictures it leaves 1 for the last step"),
        ({"optimiser": "Adam"}, r"optimiser is 'Adam'; torch.optim.Adam\("),
        (
            {"optimiser": torch.optim.SGD(small().parameters(), 0.1)},
            "optimiser has no parameter of model",
        ),
        (
            {"loss": lambda z, y: (z**2).mean(dim=1)},
            r"loss gives shape \(10,\)",
        ),
    ],
)
def test_a_wrong_argument_of_fit_is_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        fit(**{"model": small(), "x": X, "y": Y} | wrong)


def test_a_training_that_diverges_says_so():
    net, words = small(), r"in epoch \d+: the training diverged; .* below 1e\+30 may"
    with pytest.raises(ValueError, match=words):
        fit(net, X, Y, epochs=20, optimiser=lambda p: torch.optim.SGD(p, 1e30))
    assert not net.training


@pytest.mark.parametrize(
    ("build", "wrong", "words"),
    [
        (small_cnn, {"num_classes": 1}, "num_classes is 1; it needs an integer, 2"),
        (small_cnn, {"input_shape": (1, 15, 16)}, "input_shape is .* 16 or more"),
        (mnist_cnn, {"dropout": 1}, "dropout is 1; it needs a number"),
        (mnist_cnn, {"seed": -1}, "seed is -1; it needs an integer, 0"),
    ],
)
def test_a_wrong_argument_of_a_network_is_named(build, wrong, words):
    with pytest.raises(ValueError, match=words):
        build(**wrong)
