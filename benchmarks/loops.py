"""Seven loops in Python, the slowest convolution there is, against ``conv2d``.

Loops take the same time for each multiply-add whatever the shape, so a small one will
do for them; ``conv2d`` is timed on the shapes of ``benchmarks.conv``. Two sorts of
loops: over the entries of NumPy arrays, as a beginner writes them and the page *Making
convolution fast* shows them, and over nested lists, which Python reads faster.
"""

import time
from itertools import product

SMALL = (2, 1, 14, 8, 5)  # N, C, H, K, R


def over_arrays(x, w, b):
    """The equation of ``conv2d``, entry by entry of NumPy arrays."""
    import numpy as np

    (N, C, H, W), (K, _, R, S) = x.shape, w.shape
    y = np.zeros((N, K, H - R + 1, W - S + 1), x.dtype)
    for n in range(N):
        for k in range(K):
            y[n, k] = b[k]
            for c in range(C):
                for i in range(H - R + 1):
                    for j in range(W - S + 1):
                        for r in range(R):
                            for s in range(S):
                                y[n, k, i, j] += x[n, c, i + r, j + s] * w[k, c, r, s]
    return y


def over_lists(x, w, b):
    """The same on nested lists of Python numbers."""
    x, w, b = x.tolist(), w.tolist(), b.tolist()
    C, H, R = len(x[0]), len(x[0][0]), len(w[0][0])
    size = range(H - R + 1)
    y = [[[[v for _ in size] for _ in size] for v in b] for _ in x]
    for n, k, c in product(range(len(x)), range(len(w)), range(C)):
        for i, j in product(size, size):
            for r, s in product(range(R), range(R)):
                y[n][k][i][j] += x[n][c][i + r][j + s] * w[k][c][r][s]
    return y


def loop_times():
    """Nanoseconds a multiply-add: both sorts of loops; ``conv2d`` on each shape."""
    import numpy as np

    from benchmarks.conv import SHAPES, arrays, seconds
    from cnncourse.numpy_nn import conv2d

    x, w, b, dy = arrays(SMALL, 0)
    slow = []
    for loops in (over_arrays, over_lists):
        start = time.perf_counter()
        y = loops(x, w, b)
        slow.append((time.perf_counter() - start) / (dy.size * w[0].size) * 1e9)
        np.testing.assert_allclose(conv2d(x, w, b), y, rtol=1e-4, atol=1e-4)
    fast = []
    for shape in SHAPES:
        x, w, b, dy = arrays(shape, 0)
        took = seconds(lambda x=x, w=w, b=b: conv2d(x, w, b))
        fast.append(took / (dy.size * w[0].size) * 1e9)
    return slow, fast
