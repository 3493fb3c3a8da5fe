"""Initialisers, optimisers, Sequential, fit and gradcheck."""

import re

import numpy as np
import pytest
import torch

import cnncourse.numpy_nn as nn

# Initialisers


@pytest.mark.parametrize(
    ("make", "shape", "std"),
    [
        (nn.he, (300, 400), np.sqrt(2 / 400)),
        (nn.he, (200, 16, 3, 5), np.sqrt(2 / (16 * 15))),
        (nn.glorot, (300, 500), np.sqrt(2 / 800)),
        (nn.glorot, (64, 32, 3, 3), np.sqrt(2 / (9 * 96))),
        (nn.normal, (300, 400), 0.01),
    ],
)
def test_weights_are_drawn_with_the_stated_spread(make, shape, std):
    w = make(shape, 0)
    assert (w.shape, w.dtype) == (shape, np.float32)
    assert w.std() == pytest.approx(std, rel=0.01)
    assert abs(w.mean()) < 4 * std / np.sqrt(w.size)
    np.testing.assert_array_equal(w, make(shape, np.random.default_rng(0)))
    assert (w != make(shape, 1)).mean() > 0.99


def test_glorot_is_uniform_up_to_its_limit():
    w = nn.glorot((300, 300), 0)
    limit = np.sqrt(6 / 600)
    assert np.abs(w).max() <= limit
    assert np.abs(w).max() == pytest.approx(limit, rel=1e-3)
    quarter = np.mean(np.abs(w) < limit / 4)
    assert quarter == pytest.approx(0.25, abs=0.01)


def test_he_agrees_with_the_published_value_for_a_large_layer():
    assert nn.he((1024, 3136), 0).std() == pytest.approx(0.025254, rel=0.01)


def test_sparse_gives_each_output_so_many_links():
    w = nn.sparse((50, 8, 3, 3), 0, links=10)
    assert (w.reshape(50, -1) != 0).sum(axis=1).tolist() == [10] * 50
    assert w[w != 0].std() == pytest.approx(1, rel=0.1)
    assert len({tuple(np.flatnonzero(row)) for row in w.reshape(50, -1)}) == 50
    np.testing.assert_array_equal(w, nn.sparse((50, 8, 3, 3), 0, links=10))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.he((3,)), "shape is (3,); (K, C) or (K, C, R, S) fits"),
        (lambda: nn.glorot((3, 0)), "shape is 0"),
        (lambda: nn.normal((3, 2), std=-1), "std is -1"),
        (lambda: nn.sparse((3, 4), links=5), "links is 5; up to the fan-in, 4, fits"),
        (lambda: nn.sparse((3, 4), links=0), "links is 0"),
        (lambda: nn.he(3), "shape is 3; (K, C) or (K, C, R, S) fits"),
        (lambda: nn.he((3, 4, 5)), "shape is (3, 4, 5)"),
    ],
)
def test_initialisers_refuse_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


# Optimisers

PAIRS = {
    "SGD": (lambda wd: nn.SGD(0.1, wd), torch.optim.SGD, {"lr": 0.1}),
    "Momentum": (
        lambda wd: nn.Momentum(0.1, 0.8, wd),
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.8},
    ),
    "RMSProp": (
        lambda wd: nn.RMSProp(0.01, 0.95, weight_decay=wd),
        torch.optim.RMSprop,
        {"lr": 0.01, "alpha": 0.95},
    ),
    "Adam": (
        lambda wd: nn.Adam(0.01, (0.8, 0.95), weight_decay=wd),
        torch.optim.Adam,
        {"lr": 0.01, "betas": (0.8, 0.95)},
    ),
}


@pytest.mark.parametrize("decay", [0.0, 0.2])
@pytest.mark.parametrize("name", PAIRS)
def test_ten_steps_agree_with_torch(name, decay):
    make, twin, options = PAIRS[name]
    rng = np.random.default_rng(0)
    params = {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=3)}
    leaves = {k: torch.tensor(p.copy(), requires_grad=True) for k, p in params.items()}
    mine = make(decay)
    theirs = twin(list(leaves.values()), weight_decay=decay, **options)
    kept = dict(params)
    for _ in range(10):
        grads = {k: rng.normal(size=p.shape) for k, p in params.items()}
        for k, leaf in leaves.items():
            leaf.grad = torch.tensor(grads[k])
        mine.step(params, grads)
        theirs.step()
    for k, leaf in leaves.items():
        assert params[k] is kept[k]  # changed in place
        np.testing.assert_allclose(params[k], leaf.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_steps_keep_float32_and_leave_the_gradients_alone(name):
    params = {"w": np.ones((2, 2), np.float32)}
    grads = {"w": np.full((2, 2), 0.5, np.float32)}
    optimiser = PAIRS[name][0](0.1)
    for _ in range(3):
        optimiser.step(params, grads)
    assert params["w"].dtype == np.float32
    np.testing.assert_array_equal(grads["w"], 0.5)
    assert (params["w"] < 1).all()


@pytest.mark.parametrize("name", PAIRS)
def test_optimisers_find_the_bottom_of_a_bowl(name):
    params = {"w": np.array([3.0, -2.0])}
    optimiser = PAIRS[name][0](0.0)
    for _ in range(1500):
        optimiser.step(params, {"w": params["w"] * [1.0, 4.0]})
    assert np.abs(params["w"]).max() < 0.02


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ({}, "grads and params differ in the keys ['w']"),
        ({"w": np.zeros(3)}, "grads['w'] has shape (3,); params['w'] has shape (2,)"),
        ({"w": np.array([0, np.nan])}, "grads['w'] is not finite"),
        ({"w": np.array([0, np.inf])}, "a lower learning rate may fit (lr is 0.1)"),
    ],
)
def test_a_step_that_cannot_be_is_refused_and_changes_nothing(grads, message):
    params = {"w": np.ones(2)}
    with pytest.raises(ValueError, match=re.escape(message)):
        nn.SGD(0.1).step(params, grads)
    np.testing.assert_array_equal(params["w"], 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.SGD(-1), "lr is -1"),
        (lambda: nn.SGD(np.inf * 0), "lr is nan"),
        (
            lambda: nn.Momentum(0.1, 1),
            "momentum is 1; a number from 0 and below 1 fits",
        ),
        (lambda: nn.RMSProp(0.1, decay=-0.1), "decay is -0.1"),
        (lambda: nn.Adam(0.1, betas=(0.9, 1.0)), "betas is 1.0"),
        (lambda: nn.Adam(0.1, weight_decay=-1), "weight_decay is -1"),
        (lambda: nn.Adam("0.1"), "lr is '0.1'"),
        (lambda: nn.Adam(betas=(0.9,)), "betas is (0.9,); two numbers fit"),
        (lambda: nn.Adam(betas=0.9), "betas is 0.9; two numbers fit"),
        (lambda: nn.Adam(eps=0), "eps is 0"),
        (lambda: nn.RMSProp(eps=0), "eps is 0"),
        (lambda: nn.SGD(np.inf), "lr is inf"),
        (lambda: nn.SGD(np.complex64(1)), "lr is"),
    ],
)
def test_optimisers_refuse_settings_that_do_not_fit(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_a_bad_gradient_late_in_the_row_leaves_the_first_parameter_alone():
    params = {"a": np.ones(2), "b": np.ones(2)}
    with pytest.raises(ValueError, match=r"grads\['b'\] is not finite"):
        nn.SGD(0.1).step(params, {"a": np.ones(2), "b": np.array([0, np.nan])})
    np.testing.assert_array_equal(params["a"], 1)


@pytest.mark.parametrize("bad", [[1.0, 2.0], np.arange(2)])
def test_parameters_that_cannot_be_changed_in_place_are_refused(bad):
    with pytest.raises(ValueError, match=r"params\['w'\] is .*; a float array fits"):
        nn.SGD(0.1).step({"w": bad}, {"w": np.ones(2)})


def test_an_optimiser_belongs_to_one_model():
    optimiser = nn.Adam()
    optimiser.step({"w": np.ones(2)}, {"w": np.ones(2)})
    with pytest.raises(
        ValueError, match=r"has stepped one of shape \(2,\): take a new"
    ):
        optimiser.step({"w": np.ones(3)}, {"w": np.ones(3)})


@pytest.mark.parametrize(
    ("mine", "twin"),
    [
        (nn.RMSProp(), lambda p: torch.optim.RMSprop(p, 0.001)),
        (nn.RMSProp(eps=0.3), lambda p: torch.optim.RMSprop(p, 0.001, eps=0.3)),
        (nn.Adam(), lambda p: torch.optim.Adam(p)),
        (nn.Adam(eps=0.3), lambda p: torch.optim.Adam(p, eps=0.3)),
        (nn.Momentum(0.1), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    ],
)
def test_the_defaults_are_those_of_torch(mine, twin):
    params = {"w": np.array([1.0, -2.0])}
    leaf = torch.tensor(params["w"].copy(), requires_grad=True)
    theirs = twin([leaf])
    for scale in (1.0, 0.1, 3.0):
        leaf.grad = torch.tensor(scale * np.array([0.5, 2.0]))
        mine.step(params, {"w": leaf.grad.numpy()})
        theirs.step()
    np.testing.assert_allclose(params["w"], leaf.detach(), rtol=1e-12)


def test_weights_without_a_seed_differ_and_normal_ones_are_normal():
    makers = [
        lambda: nn.he((4, 5)),
        lambda: nn.glorot((4, 5)),
        lambda: nn.normal((4, 5)),
        lambda: nn.sparse((4, 20), links=5),
        lambda: nn.Conv2d(1, 4, 3).params["w"],
        lambda: nn.Dense(4, 5).params["w"],
        lambda: nn.Dropout(0.5).forward(np.ones(100), training=True),
    ]
    for make in makers:
        assert (make() != make()).any()
    draws = [nn.he((300, 300), 0), nn.normal((300, 300), 0), nn.sparse((900, 99), 0)]
    for w in [*draws, nn.Conv2d(10, 200, 5, rng=0).params["w"]]:
        w = w[w != 0] / w[w != 0].std()
        assert np.mean(w**4) == pytest.approx(3, abs=0.1)  # 1.8 for uniform numbers
    assert (nn.sparse((5, 99), 0) != 0).sum() == 75
    assert (nn.sparse((5, 15), 0) != 0).all()


# Sequential


def small_net(dtype=np.float32):
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, rng=0),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dense(27, 8, rng=1),
        nn.BatchNorm(8),
        nn.Tanh(),
        nn.Dense(8, 3, rng=2),
    )
    for layer in net.layers:
        layer.params = {k: p.astype(dtype) for k, p in layer.params.items()}
    return net


def pictures(N=12, dtype=np.float32):
    rng = np.random.default_rng(3)
    return rng.normal(size=(N, 1, 8, 8)).astype(dtype), np.arange(N) % 3


def test_a_row_of_layers_is_the_layers_one_after_another():
    net, (x, _) = small_net(), pictures()
    y = x
    for layer in net.layers:
        y = layer.forward(y)
    np.testing.assert_array_equal(net.forward(x), y)
    np.testing.assert_array_equal(net.predict(x, batch=5).argmax(1), y.argmax(1))
    assert list(net.params) == ["0.w", "0.b", "4.w", "4.b", "5.w", "5.b", "7.w", "7.b"]
    assert net.params["4.w"] is net.layers[4].params["w"]
    assert net.parameters() == 3 * 9 + 3 + 27 * 8 + 8 + 16 + 8 * 3 + 3


def test_the_whole_network_agrees_with_finite_differences():
    net, (x, labels) = small_net(np.float64), pictures(5, np.float64)

    def loss():
        return nn.cross_entropy(net.forward(x, training=True), labels)[0]

    _, d_logits = nn.cross_entropy(net.forward(x, training=True), labels)
    dx, grads = net.backward(d_logits), None
    grads = {name: g.copy() for name, g in net.grads.items()}
    nn.gradcheck(loss, x, dx, h=1e-6, tolerance=1e-6)
    for name, p in net.params.items():
        nn.gradcheck(loss, p, grads[name], h=1e-6, tolerance=1e-6)


def test_the_course_network_agrees_with_torch_over_three_steps():
    """The 12,042 parameters of the page A CNN in NumPy, trained beside PyTorch's."""
    net = nn.Sequential(
        *(nn.Conv2d(1, 8, 5, rng=0), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 5, rng=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dense(256, 32, rng=2), nn.BatchNorm(32), nn.ReLU()),
        nn.Dense(32, 10, rng=3),
    )
    twin = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 8, 5), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Conv2d(8, 16, 5), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Flatten(), torch.nn.Linear(256, 32), torch.nn.BatchNorm1d(32)),
        *(torch.nn.ReLU(), torch.nn.Linear(32, 10)),
    ).double()
    assert net.parameters() == sum(p.numel() for p in twin.parameters()) == 12_042
    for mine, theirs in zip(net.params.values(), twin.parameters(), strict=True):
        theirs.data = torch.tensor(mine, dtype=torch.float64)
    for layer in net.layers:
        layer.params = {k: p.astype(np.float64) for k, p in layer.params.items()}
    optimisers = nn.Momentum(0.05), torch.optim.SGD(twin.parameters(), 0.05, 0.9)
    rng = np.random.default_rng(0)
    for _ in range(3):
        x, labels = rng.random((16, 1, 28, 28)), rng.integers(0, 10, 16)
        loss, d_logits = nn.cross_entropy(net.forward(x, training=True), labels)
        net.backward(d_logits)
        optimisers[0].step(net.params, net.grads)
        optimisers[1].zero_grad()
        expected = torch.nn.functional.cross_entropy(
            twin(torch.tensor(x)), torch.tensor(labels)
        )
        expected.backward()
        optimisers[1].step()
        assert loss == pytest.approx(expected.item(), rel=1e-9)
    for mine, theirs in zip(net.params.values(), twin.parameters(), strict=True):
        np.testing.assert_allclose(mine, theirs.detach(), rtol=1e-5, atol=1e-8)


def test_a_refusal_names_the_layer():
    message = "layer 0, Conv2d: x (2, 3, 8, 8) has 3 channels"
    with pytest.raises(ValueError, match=re.escape(message)):
        small_net().forward(np.zeros((2, 3, 8, 8)))
    with pytest.raises(ValueError, match=r"layer 4, Dense: x has shape \(2, 12\)"):
        small_net().forward(np.zeros((2, 1, 6, 6)))
    with pytest.raises(RuntimeError, match="call forward"):
        small_net().backward(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="layers is empty"):
        nn.Sequential()
    with pytest.raises(ValueError, match="batch is 0"):
        small_net().predict(np.zeros((2, 1, 8, 8)), batch=0)
    with pytest.raises(ValueError, match=r"x has shape \(0, 1, 8, 8\); one image"):
        small_net().predict(np.zeros((0, 1, 8, 8)))
    net = small_net()
    net.forward(np.zeros((2, 1, 8, 8)))
    with pytest.raises(ValueError, match=r"layer 7, Dense: dy has shape \(2, 4\)"):
        net.backward(np.zeros((2, 4)))


def test_what_is_no_row_of_layers_is_refused():
    layer = nn.Dense(2, 2, rng=0)
    with pytest.raises(ValueError, match="layers has one layer twice"):
        nn.Sequential(layer, nn.ReLU(), layer)
    with pytest.raises(ValueError, match=r"layers\[0\] is \[.*layers fit, one after"):
        nn.Sequential([layer, nn.ReLU()])
    with pytest.raises(ValueError, match=r"layers\[1\] is <class .*ReLU"):
        nn.Sequential(layer, nn.ReLU)


# fit


def test_eight_images_are_learned_by_heart():
    net, (x, labels) = small_net(), pictures(8)
    history = nn.fit(net, x, labels, epochs=60, batch=8, optimiser=nn.Adam(0.02), rng=0)
    assert history["loss"][-1] < 0.05 < history["loss"][0]
    assert history["accuracy"][-1] == 1
    assert (net.predict(x).argmax(1) == labels).all()


def test_the_history_says_what_happened():
    x, labels = pictures()
    net = small_net()
    history = nn.fit(net, x, labels, 3, batch=5, val=(x[:7], labels[:7]), rng=0)
    names = ["loss", "accuracy", "val_loss", "val_accuracy", "seconds"]
    assert list(history) == names
    assert {len(v) for v in history.values()} == {3}
    assert history["seconds"] == sorted(history["seconds"])
    loss, _ = nn.cross_entropy(net.forward(x[:7]), labels[:7])
    assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-5)
    share = np.mean(net.forward(x[:7]).argmax(1) == labels[:7])
    assert history["val_accuracy"][-1] == pytest.approx(share)
    history = nn.fit(net, x, labels, rng=0)
    assert (history["val_loss"], len(history["loss"])) == ([], 1)


def test_an_epoch_sees_every_image_once_in_a_new_order():
    seen = []

    class Spy(nn.Flatten):
        def forward(self, x, training=False):
            if training:
                seen.append(x[:, 0, 0, 0])
            return super().forward(x, training)

    x = np.arange(10.0).reshape(10, 1, 1, 1)
    model = nn.Sequential(Spy(), nn.Dense(1, 2, rng=0))
    nn.fit(model, x, np.arange(10) % 2, 2, batch=4, optimiser=nn.SGD(1e-6), rng=0)
    assert [len(s) for s in seen] == [4, 4, 2] * 2
    first, second = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert sorted(first) == sorted(second) == list(range(10))
    assert (first != second).any()
    assert (first != np.arange(10)).any()


def test_the_losses_of_a_shorter_last_batch_are_weighed_by_its_length():
    x, y = np.array([[0.0], [0.0], [3.0]]), np.zeros((3, 1))
    model = nn.Dense(1, 1)
    model.params = {"w": np.ones((1, 1)), "b": np.zeros(1)}
    history = nn.fit(model, x, y, 1, batch=2, optimiser=nn.SGD(0.0), loss=nn.mse, rng=0)
    assert history["loss"] == [pytest.approx(3.0)]
    assert np.isnan(history["accuracy"][0])


def test_validation_goes_through_all_its_images_with_the_given_loss():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 2)), rng.normal(size=(300, 1))
    model = nn.Dense(2, 1, rng=0)
    run = nn.fit(model, x[:10], y[:10], 1, loss=nn.mse, val=(x, y), rng=0)
    assert run["val_loss"][0] == pytest.approx(nn.mse(model.forward(x), y)[0])
    assert np.isnan(run["val_accuracy"][0])
    floats = nn.fit(
        nn.Dense(2, 2, rng=0), x, np.zeros(300), 1, loss=lambda o, y: nn.mse(o, 0 * o)
    )
    assert np.isnan(floats["accuracy"][0])  # floats are no labels


def test_lists_will_do_and_anything_true_ends_the_training():
    x, labels = pictures()
    run = nn.fit(
        small_net(), x.tolist() and list(x), list(labels), 9, rng=0, on_epoch=len
    )
    assert len(run["loss"]) == 1


def test_batches_have_32_images_and_steps_a_rate_of_a_tenth_unless_said():
    x, y = np.ones((33, 1)), np.zeros((33, 1))
    model = nn.Dense(1, 1)
    model.params = {"w": np.ones((1, 1)), "b": np.zeros(1)}
    nn.fit(model, x, y, loss=lambda o, t: (1.0, np.ones_like(o)), rng=0)
    assert model.params["b"][0] == pytest.approx(-0.1 * (32 + 1))


def test_one_seed_gives_one_history():
    runs = []
    for seed in (0, 0, 1):
        net, (x, labels) = small_net(), pictures()
        runs.append(nn.fit(net, x, labels, 2, batch=5, rng=seed)["loss"])
    assert runs[0] == runs[1] != runs[2]


def test_on_epoch_can_end_the_training():
    lengths = []

    def enough(history):
        lengths.append(len(history["loss"]))
        return len(lengths) == 2

    x, labels = pictures()
    history = nn.fit(small_net(), x, labels, 9, rng=0, on_epoch=enough)
    assert lengths == [1, 2]
    assert len(history["loss"]) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch": 1.5}, "batch is 1.5"),
        (
            {"y": np.zeros(3, int)},
            "x, y: images of shape (12, 1, 8, 8) and labels of shape (3,)",
        ),
        ({"val": (np.zeros((2, 1, 8, 8)), [0])}, "val: images of shape (2, 1, 8, 8)"),
        ({"val": (np.zeros((0, 1, 8, 8)), [])}, "val: images of shape (0, 1, 8, 8)"),
        ({"val": ()}, "val is tuple; a pair (images, labels) fits"),
        ({"val": np.zeros((2, 1, 8, 8))}, "val is ndarray; a pair"),
        ({"x": np.zeros((0, 1, 8, 8)), "y": []}, "x, y: images of shape (0, 1, 8, 8)"),
        ({"batch": 11}, "is one left for the last batch?"),
    ],
)
def test_fit_refuses_what_does_not_fit(change, message):
    x, labels = pictures()
    given = {"model": small_net(), "x": x, "y": labels, **change}
    with pytest.raises(ValueError, match=re.escape(message)):
        nn.fit(**given)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_training_that_diverges_stops_and_says_so():
    x, labels = pictures()
    model = nn.Sequential(nn.Flatten(), nn.Dense(64, 3, rng=0))
    with pytest.raises(ValueError, match="learning rate"):
        nn.fit(model, 1e20 * x, labels, 50, optimiser=nn.SGD(1e20), rng=0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_no_number_is_named_with_its_epoch():
    x, labels = pictures()
    model = nn.Sequential(nn.Flatten(), nn.Dense(64, 3, rng=0))
    losses = iter([1.0, np.nan])

    def loss(output, y):
        return next(losses), 0 * output

    with pytest.raises(ValueError, match=r"the loss is nan in epoch 2.* below 0.1"):
        nn.fit(model, x, labels, 5, loss=loss, rng=0)


# gradcheck


def test_gradcheck_passes_a_right_gradient_and_puts_the_array_back():
    a = np.array([[1.0, 2.0], [-3.0, 0.5]])
    kept = a.copy()
    gap = nn.gradcheck(lambda: np.sum(a**3), a, 3 * a**2)
    assert 0 <= gap < 1e-8
    np.testing.assert_array_equal(a, kept)


def test_gradcheck_names_the_worst_entry():
    a = np.array([1.0, 2.0, 3.0])
    message = r"at \(1,\) the gradient is 5, finite differences say 4"
    with pytest.raises(AssertionError, match=message):
        nn.gradcheck(lambda: np.sum(a**2), a, np.array([2.0, 5.0, 6.0]))


@pytest.mark.parametrize("wrong", [np.nan, -2.0, 2.00001, 2 * (1 + 3e-7)])
def test_gradcheck_fails_what_is_wrong(wrong):
    a = np.array([1.0])
    with pytest.raises(AssertionError):
        nn.gradcheck(lambda: np.sum(a**2), a, np.array([wrong]))


def test_gradcheck_measures_small_gradients_by_their_own_size():
    a = np.array([1.0])
    with pytest.raises(AssertionError):
        nn.gradcheck(lambda: 0.01 * a[0], a, np.array([0.01 * (1 + 1e-6)]))


def test_gradcheck_puts_the_array_back_when_f_fails():
    a = np.array([1.0, 2.0])

    def f():
        raise KeyError("no loss")

    with pytest.raises(KeyError):
        nn.gradcheck(f, a, a)
    assert a.tolist() == [1, 2]


def test_gradcheck_refuses_what_it_cannot_check():
    for bad in ([1.0], np.zeros(0)):
        with pytest.raises(ValueError, match="a float64 array with an entry or more"):
            nn.gradcheck(lambda: 0, bad, bad)
    with pytest.raises(ValueError, match="a is float32"):
        nn.gradcheck(lambda: 0, np.zeros(2, np.float32), np.zeros(2))
    with pytest.raises(ValueError, match=r"da has shape \(3,\); a has shape \(2,\)"):
        nn.gradcheck(lambda: 0, np.zeros(2), np.zeros(3))
