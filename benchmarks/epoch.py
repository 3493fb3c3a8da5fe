"""One training epoch of the page *A CNN in NumPy* on 10,000 digits, in both libraries.

The same layers, batch size, optimiser and pictures (random numbers of the digits'
shape: the time does not depend on them).
"""

import time

IMAGES, BATCH, RATE = 10_000, 64, 0.05


def digits():
    """Pictures and labels, the same in both processes."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.random((IMAGES, 1, 28, 28)).astype(np.float32)
    return x, rng.integers(0, 10, IMAGES)


def numpy_epoch():
    """Seconds of one epoch, the second of two."""
    from cnncourse.numpy_nn import Momentum, fit
    from experiments.numpy_cnn import network

    x, y = digits()
    net, optimiser = network(0), Momentum(RATE)
    for _ in range(2):
        history = fit(net, x, y, batch=BATCH, optimiser=optimiser, rng=0)
    return history["seconds"][0]


def torch_epoch(threads):
    """Seconds of one epoch, the second of two."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    x, y = map(torch.from_numpy, digits())
    net = nn.Sequential(
        *(nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(256, 32), nn.BatchNorm1d(32), nn.ReLU()),
        nn.Linear(32, 10),
    )
    optimiser = torch.optim.SGD(net.parameters(), RATE, momentum=0.9)
    for _ in range(2):
        start = time.perf_counter()
        for rows in torch.randperm(IMAGES).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()
    return time.perf_counter() - start
