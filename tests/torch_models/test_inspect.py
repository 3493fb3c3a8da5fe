"""Looking inside PyTorch networks, against hand computations and loops."""

import doctest

import numpy as np
import pytest
import torch
from torch import nn

from cnncourse.torch_models import inspect, small_cnn, training
from cnncourse.torch_models._running import tensor

SHAPE = (2, 9, 11)


def flat(*head, inplace=False):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace),
        nn.Dropout(0.5),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(60, 3),
        *head,
    )
    net[1].running_mean.uniform_(-0.3, 0.3)
    net[1].running_var.uniform_(0.2, 0.8)
    return net


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        net = flat()
        self.tail, self.body = net[5:], net[:5]

    def forward(self, x):
        return self.tail(self.body(x))


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(2).random((5, *SHAPE)).astype(np.float32)


@pytest.fixture
def net():
    return flat()


def answers(net, x):
    net.eval()
    with torch.no_grad():
        return net(torch.tensor(x)).numpy()


def test_the_examples_are_true():
    assert doctest.testmod(inspect) == (0, 1)
    assert doctest.testmod(training) == (0, 2)


def test_names_stand_in_the_order_of_running_where_the_shape_is_known(net):
    assert inspect.layer_names(net, SHAPE) == list("012345678")
    body, tail = [f"body/{i}" for i in range(5)], [f"tail/{i}" for i in range(5, 9)]
    assert inspect.layer_names(Own()) == tail + body
    assert inspect.layer_names(Own(), SHAPE) == body + tail


def test_activations_are_those_of_the_first_layers(x):
    net = flat(inplace=True)  # which would write over what the layer before gave
    found = inspect.activations(net, x, batch=2)
    plain = flat().eval()
    for k, a in enumerate(found.values()):
        np.testing.assert_allclose(a, answers(plain[: k + 1], x), atol=1e-6)
    assert found["1"].min() < 0
    assert list(inspect.activations(net, x, ["4", "0"])) == ["4", "0"]


def test_a_network_of_networks_gives_what_the_flat_one_gives(net, x):
    own = Own()
    for look in (inspect.saliency, inspect.grad_cam, inspect.occlusion):
        a, b = (look(n, x[:2], [0, 2]) for n in (net, own))
        np.testing.assert_allclose(a, b, atol=1e-6)
        assert a.max() > 0
    fields = [inspect.receptive_fields(n, SHAPE).values() for n in (net, own)]
    assert list(fields[0]) == list(fields[1])


def test_of_a_module_that_runs_twice_the_last_call_counts(x):
    conv = nn.Conv2d(2, 2, 3, padding=1)
    net = nn.Sequential(conv, nn.ReLU(), conv, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert inspect.layer_names(net, SHAPE) == ["1", "0", "3", "4"]
    twice = answers(net[:3], x)
    np.testing.assert_allclose(inspect.activations(net, x, "0")["0"], twice, atol=1e-6)
    cam = inspect.grad_cam(net, x, 1, resize=False)
    np.testing.assert_allclose(cam, np.maximum(twice[:, 1], 0) / 99, atol=1e-6)


def test_a_convolution_whose_weight_is_made_of_others_is_one_module(x):
    conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3))
    assert inspect.layer_names(nn.Sequential(conv, nn.ReLU()), SHAPE) == ["0", "1"]


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(2, 2, 3), nn.Conv2d(2, 3, 3)
        self.aside, self.last = nn.Conv2d(2, 1, 3), nn.Linear(5, 3)

    def forward(self, x):
        self.aside(x)
        both = torch.cat([self.left(x), 0.5 * self.right(x)], dim=1)
        return self.last(both.mean((2, 3)))


def test_each_branch_of_a_network_has_maps_of_its_own(x):
    net = Branches()
    found = inspect.activations(net, x)
    assert list(found) == ["aside", "left", "right", "last"]
    w = net.last.weight.detach().numpy()[2]  # (5,)
    for name, weight in {"left": w[:2], "right": 0.5 * w[2:]}.items():
        cam = np.maximum(np.einsum("nkij,k->nij", found[name], weight), 0) / (7 * 9)
        got = inspect.grad_cam(net, x, 2, name, resize=False)
        np.testing.assert_allclose(got, cam, atol=1e-6)
        assert got.max() > 0
    with pytest.raises(ValueError, match="'aside'; the scores do not depend on it"):
        inspect.grad_cam(net, x, 2, "aside")


def test_pictures_do_not_touch_each_other_and_batches_change_nothing(net, x):
    net.train()
    own, others = answers(flat(), x).argmax(axis=1), [0, 1, 2, 0, 1]
    assert own.any()  # not all are class 0
    for look in (inspect.saliency, inspect.grad_cam, inspect.occlusion):
        np.testing.assert_array_equal(look(net, x), look(net, x, own))
        alone = np.concatenate([look(net, x[n : n + 1], others[n]) for n in range(5)])
        np.testing.assert_allclose(look(net, x, others, batch=2), alone, atol=1e-5)


def test_saliency_is_the_slope_of_the_score(net, x):
    net.double()
    labels, h = np.array([0, 1, 2, 0, 1]), 1e-5
    found = inspect.saliency(net, x, labels)
    assert found.dtype == np.float32
    for i, j in [(0, 0), (4, 5), (8, 9), (3, 10)]:
        slopes = []
        for c in range(2):
            up, down = x.astype(float), x.astype(float)
            up[:, c, i, j] += h
            down[:, c, i, j] -= h
            d = answers(net, up) - answers(net, down)
            slopes.append(d[np.arange(5), labels] / (2 * h))
        np.testing.assert_allclose(
            found[:, i, j], np.abs(slopes).max(axis=0), atol=1e-5
        )


def test_grad_cam_of_a_network_that_takes_means_is_the_class_activation_map(x):
    torch.manual_seed(3)
    conv, linear = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU()), nn.Linear(6, 3)
    net = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    maps, w = answers(conv, x), linear.weight.detach().numpy()
    for label in range(3):
        plain = np.einsum("nkij,k->nij", maps, w[label]) / (7 * 9)
        cam = np.maximum(plain, 0)
        assert plain.min() < 0 < cam.max()
        found = inspect.grad_cam(net, x, label, resize=False)
        np.testing.assert_allclose(found, cam, atol=1e-6)
        wide = between(between(cam, 9, axis=1), 11, axis=2)
        np.testing.assert_allclose(inspect.grad_cam(net, x, label), wide, atol=1e-6)
    # the mean of each map is a map of one place: not taken unless asked for
    assert inspect.grad_cam(net, x, 0, "1", resize=False).shape == (5, 1, 1)


def between(a, size, axis):
    """Stretched along one axis: each value stands in the middle of its stretch."""
    n = a.shape[axis]
    at = (np.arange(size) + 0.5) * n / size - 0.5
    return np.apply_along_axis(lambda v: np.interp(at, np.arange(n), v), axis, a)


@pytest.mark.parametrize(("size", "stride", "value"), [(4, 2, 0.0), (3, 3, 0.5)])
def test_occlusion_is_what_loops_find(net, x, size, stride, value):
    labels = answers(net, x).argmax(axis=1)
    found = inspect.occlusion(net, x, None, size, stride, value, batch=7)
    assert found.shape == (5, (9 - size) // stride + 1, (11 - size) // stride + 1)
    places, covered = list(np.ndindex(found.shape)), []
    for n, i, j in places:
        one, top, left = x[n].copy(), i * stride, j * stride
        one[:, top : top + size, left : left + size] = value
        covered.append(one)
    e = np.exp(answers(net, np.stack(covered)))
    for (n, i, j), row in zip(places, e, strict=True):
        np.testing.assert_allclose(found[n, i, j], row[labels[n]] / row.sum(), 1e-4)
    assert np.ptp(found) > 0.01


@pytest.mark.parametrize("head", [nn.Softmax(1), nn.LogSoftmax(1)])
def test_a_softmax_at_the_end_is_looked_behind(head, x):
    soft, bare = flat(head), flat()
    x = x[:2]
    for net in (soft, bare):
        net[8].weight.data *= 60  # very sure
    for look in (inspect.saliency, inspect.grad_cam, inspect.occlusion):
        np.testing.assert_allclose(look(soft, x, 1), look(bare, x, 1), rtol=1e-5)
    assert inspect.saliency(soft, x).max() > 1


def test_maximise_raises_the_score_and_one_seed_gives_one_picture():
    net, shape = small_cnn(seed=0), (1, 28, 28)
    a, b, c = (
        inspect.maximise(net, 3, steps=20, seed=s, input_shape=shape) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0.01
    grey = inspect.maximise(net, 3, steps=0, input_shape=shape)
    before, after = answers(net, np.stack([grey, a]))
    assert after[3] > before[3] + 1
    best = inspect.maximise(net, 5, "3", steps=8, start=grey)
    means = inspect.activations(net, np.stack([grey, best]), "3")["3"].mean((2, 3))
    assert means[1, 5] > means[0, 5]


def test_a_step_of_maximise_is_the_formula():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2 * 9 * 11, 2))
    g = net[1].weight.detach().numpy()[1].reshape(SHAPE)
    start = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    more = {"steps": 1, "lr": 0.1, "decay": 0.2, "blur": 0, "start": start}
    for jitter in (0, 3):  # one move there and back; a linear score has g everywhere
        found = inspect.maximise(net, 1, jitter=jitter, **more)
        move = np.random.default_rng(0).integers(-jitter, jitter + 1, size=2)
        x = start + 0.1 * np.roll(g, -move, axis=(1, 2)) / np.sqrt(np.mean(g**2))
        x = start.mean() + 0.8 * (x - start.mean())
        np.testing.assert_allclose(found, np.clip(x, 0, 1), atol=1e-5)


def test_fields_are_the_pixels_that_change_an_output():
    net = nn.Sequential(
        nn.ZeroPad2d((1, 2, 1, 0)),
        nn.Conv2d(1, 1, 5, padding=1),
        nn.AvgPool2d(2),
        nn.Conv2d(1, 1, 3, stride=2),
        nn.Conv2d(1, 1, 3, padding="same", dilation=2),
    )
    net.append(nn.Dropout())
    for p in net.parameters():
        nn.init.ones_(p) if p.ndim > 1 else nn.init.zeros_(p)
    one_each = np.eye(576, dtype=np.float32).reshape(576, 1, 24, 24)
    outputs = inspect.activations(net, one_each, batch=576)
    fields = inspect.receptive_fields(net, (1, 24, 24))
    assert list(fields) == list(outputs)
    for name, (size, jump, start) in fields.items():
        y = outputs[name][:, 0]
        seen = (y != 0).reshape(24, 24, *y.shape[1:]).any(axis=1)  # (24, h, w)
        middle = y.shape[1] // 2
        for i in (0, middle, y.shape[1] - 1):
            rows, top = np.flatnonzero(seen[:, i, middle]), start + i * jump
            if not len(rows):
                assert top + size <= 0  # it lies in the padding
            elif name < "4" or i == middle:  # a dilated window may see padding only
                assert rows[0] == max(top, 0)
                assert rows[-1] == min(top + size, 24) - 1


def test_afterwards_the_network_is_as_it_was(net, x):
    net.train()
    net[3].eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    inspect.grad_cam(net, x)
    inspect.maximise(net, 0, steps=2, start=x[0])
    with pytest.raises(ValueError, match="labels are from 7"):
        inspect.saliency(net, x, 7)
    with pytest.raises(ValueError, match=r"x has shape \(5, 2, 4, 11\), which"):
        inspect.saliency(net, x[:, :, :4])  # the linear layer does not fit
    assert all(not part._forward_hooks for part in net.modules())
    assert all(p.grad is None for p in net.parameters())
    assert [part.training for part in net] == [k != 3 for k in range(9)]
    for k, v in net.state_dict().items():
        assert torch.equal(v, before[k])


def test_it_works_where_gradients_are_off_and_weights_frozen(net, x):
    a = inspect.grad_cam(net, x, 0)
    net.requires_grad_(False)
    net[8].bias.grad = torch.ones(3)  # as training left it
    for off in (torch.no_grad(), torch.inference_mode()):
        with off:
            np.testing.assert_allclose(inspect.grad_cam(net, x, 0), a)
            assert inspect.maximise(net, 0, steps=1, start=x[0]).max() <= 1
    assert not any(p.requires_grad for p in net.parameters())
    assert torch.equal(net[8].bias.grad, torch.ones(3))


def test_networks_of_half_precision_are_fine(net, x):
    net.bfloat16()
    assert {a.dtype.name for a in inspect.activations(net, x).values()} == {"float32"}
    for look in (inspect.saliency, inspect.grad_cam, inspect.occlusion):
        assert look(net, x).dtype == np.float32
        assert look(net, x).max() > 0
    assert inspect.maximise(net, 1, steps=1, start=x[0]).dtype == np.float32


def test_pictures_go_where_the_parameters_are(net):
    assert tensor(net.to("meta"), X).device.type == "meta"
    assert tensor(net.double(), X).dtype == torch.float64
    assert tensor(nn.BatchNorm2d(2, affine=False).double(), X).dtype == torch.float64


def test_a_network_that_makes_three_channels_of_one_is_fine():
    class Grey(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 11, 3)
            self.next = nn.Conv2d(11, 2, 3)

        def forward(self, x):
            return self.next(self.conv(x.expand(-1, 3, -1, -1))).mean((2, 3))

    assert inspect.saliency(Grey(), np.ones((2, 1, 9, 11), np.float32)).max() > 0


def test_an_error_in_the_network_leaves_no_hook_either(net, x):
    net.train()

    def fail(*_):
        raise ZeroDivisionError

    net[6].forward = fail
    with pytest.raises(ZeroDivisionError):
        inspect.activations(net, x)
    assert all(not part._forward_hooks for part in net.modules())
    assert all(part.training for part in net.modules())


def test_networks_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="model has no modules inside"):
        inspect.layer_names(nn.ReLU())
    maps, one = nn.Sequential(nn.Conv2d(2, 2, 3)), nn.Sequential(nn.Flatten())
    with pytest.raises(ValueError, match=r"gives shape .*; \(N, classes\) fits"):
        inspect.saliency(maps, X)
    one.append(nn.Linear(198, 1))
    with pytest.raises(ValueError, match="gives 1 score; a share needs 2 classes"):
        inspect.occlusion(one, X)
    with pytest.raises(ValueError, match="no layer that gives maps"):
        inspect.grad_cam(one, X)
    one.insert(0, Steps())
    with pytest.raises(ValueError, match="does not depend on x smoothly"):
        inspect.saliency(one, X)


class Steps(nn.Module):
    def forward(self, x):
        return (x > 0).float()


X = np.zeros((2, *SHAPE), np.float32)


@pytest.mark.parametrize(
    ("look", "wrong", "words"),
    [
        ("saliency", {"model": "net"}, "model is str; a torch.nn.Module fits"),
        ("saliency", {"x": X.transpose(0, 2, 3, 1)}, r"x.transpose\(0, 3, 1, 2\)"),
        ("activations", {"x": X[0]}, r"x\[np.newaxis\] makes one picture a batch"),
        ("saliency", {"x": X.astype(int)}, "x is int64; float32 fits"),
        ("saliency", {"labels": [0, 3]}, "labels are from 0 to 3; integers from 0 to"),
        ("grad_cam", {"labels": [0.5, 1]}, "labels are float64 of shape"),
        ("grad_cam", {"layer": "9"}, "layer is '9'.* near to it"),
        ("grad_cam", {"layer": "7"}, r"'7', which gives \(N, 60\).* such as '6'"),
        ("occlusion", {"value": "grey"}, "value is 'grey'; it needs a number"),
        ("maximise", {"decay": 2}, "decay is 2; 0 to 1 fits"),
        ("maximise", {"layer": "4", "index": 4}, "0 to 3 fits the maps or units"),
        ("layer_names", {"x": (2, 9)}, r"input_shape is \(2, 9\); \(C, H, W\) fits"),
        ("occlusion", {"size": 10}, "size is 10; 1 to 9 fits pictures 9 x 11"),
        ("maximise", {"index": 3}, "index is 3; 0 to 2 fits the classes"),
        ("maximise", {"start": None}, "input_shape and start are None"),
    ],
)
def test_a_wrong_argument_is_named(look, wrong, words, net):
    arguments = {"model": net}
    arguments |= {"index": 0, "start": X[0]} if look == "maximise" else {"x": X}
    arguments |= wrong
    if look == "layer_names":
        arguments["input_shape"] = arguments.pop("x")
    with pytest.raises(ValueError, match=words):
        getattr(inspect, look)(**arguments)


def test_layers_that_do_not_stand_in_a_row_have_no_plain_fields():
    class Branch(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu = nn.Conv2d(2, 2, 3, padding=1), nn.ReLU()

        def forward(self, x):
            return self.relu(x + self.conv(x))

    class Cut(Branch):
        def forward(self, x):
            return self.conv(x[:, :, 1:])

    with pytest.raises(ValueError, match="'conv' does not take the picture"):
        inspect.receptive_fields(Cut(), SHAPE)
    with pytest.raises(ValueError, match="'relu' does not take what 'conv'"):
        inspect.receptive_fields(Branch(), SHAPE)
    with pytest.raises(ValueError, match="another window"):
        inspect.receptive_fields(nn.Sequential(nn.Conv2d(2, 1, (3, 2))), SHAPE)
    with pytest.raises(ValueError, match="is a ConvTranspose2d; convolutions"):
        inspect.receptive_fields(nn.Sequential(nn.ConvTranspose2d(2, 1, 3)), SHAPE)
