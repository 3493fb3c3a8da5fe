"""How fast is cnncourse.numpy_nn, against PyTorch on as many threads?

``make bench``, on a quiet machine. NumPy and PyTorch take turns, each in its own
process, so that the idle threads of one do not disturb the other. A round keeps
the fastest call; a figure is the median of the rounds, and so is a ratio.
"""

import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

from .epoch import IMAGES, numpy_epoch, torch_epoch
from .loops import loop_times

SHAPES = [(64, 1, 28, 32, 5), (64, 32, 14, 64, 5), (16, 64, 56, 64, 3)]
ROUNDS = 5
NOTE = """
"products alone": the time of the matrix products with the columns already made,
as a ratio to PyTorch, and as a share of NumPy's time. It is what would be left
if copying were free. Where the share is large, arithmetic is the bound: only a
faster BLAS helps. The rest is bytes: filling the columns and adding them back,
which NumPy does on one thread however many there are."""


def seconds(call):
    """Fastest call, after two to warm up, of 0.15 s or at least three calls."""
    call()
    call()
    times, end = [], time.perf_counter() + 0.15
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def arrays(shape, pad):
    """x, w, b and dy, the same in both processes."""
    import numpy as np

    N, C, H, K, R = shape
    sizes = [(N, C, H, H), (K, C, R, R), (K,), (N, K, *2 * (H + 2 * pad - R + 1,))]
    rng = np.random.default_rng(0)
    return [rng.normal(size=size).astype(np.float32) for size in sizes]


def numpy_times(shape, pad):
    """Forward; forward and backward; and the products in them alone."""
    import numpy as np

    from cnncourse.numpy_nn import conv, conv2d, conv2d_backward

    x, w, b, dy = arrays(shape, pad)
    (N, K), L = dy.shape[:2], dy[0, 0].size
    n = min(N, max(1, conv.BLOCK // (w[0].size * L)))
    w_rows, columns = w.reshape(K, -1), np.ones((w[0].size, n * L), x.dtype)
    dmaps = np.ones((K, n * L), x.dtype)

    def forward_products():
        return w_rows @ columns

    def all_products():
        return w_rows @ columns, dmaps @ columns.T, w_rows.T @ dmaps

    def both():
        conv2d(x, w, b, pad=pad)
        conv2d_backward(dy, x, w, pad=pad)

    forward = seconds(lambda: conv2d(x, w, b, pad=pad))
    products = [seconds(f) * N / n for f in (forward_products, all_products)]
    return [forward, seconds(both)], products


def torch_times(shape, pad, threads):
    """Forward; forward and backward."""
    import torch

    torch.set_num_threads(threads)
    *leaves, dy = [torch.from_numpy(a) for a in arrays(shape, pad)]

    def both():
        for a in leaves:
            a.requires_grad_().grad = None
        torch.nn.functional.conv2d(*leaves, padding=pad).backward(dy)

    with torch.no_grad():
        forward = seconds(lambda: torch.nn.functional.conv2d(*leaves, padding=pad))
    return [forward, seconds(both)], None


def table(threads):
    """Prints every shape, forward and forward+backward, on so many threads."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)  # read by the workers
    spawn = multiprocessing.get_context("spawn")
    cases = [(shape, pad) for shape in SHAPES for pad in (0, shape[-1] // 2)]
    measured, epochs = {case: [] for case in cases}, []
    with ProcessPoolExecutor(1, spawn) as one, ProcessPoolExecutor(1, spawn) as other:
        for _ in range(ROUNDS):
            for case in cases:
                mine = one.submit(numpy_times, *case).result()
                theirs = other.submit(torch_times, *case, threads).result()
                measured[case].append((*mine, theirs[0]))
        for _ in range(3):
            mine = one.submit(numpy_epoch).result()
            epochs.append((mine, other.submit(torch_epoch, threads).result()))
        loops = one.submit(loop_times).result()

    print(f"\n{threads} thread{'s' * (threads > 1)}")
    print(
        " N  C  H  K R pad | pass               | NumPy ms | torch ms | ratio | "
        "products alone | GFLOP/s: NumPy, torch"
    )
    ratios = []
    for (N, C, H, K, R), pad in cases:
        flop = 2 * N * K * C * R * R * (H + 2 * pad - R + 1) ** 2
        for i, name in enumerate(["forward", "forward+backward"]):
            rows = [(m[i], t[i], p[i]) for m, p, t in measured[(N, C, H, K, R), pad]]
            mine, theirs, _ = map(statistics.median, zip(*rows, strict=True))
            ratio = statistics.median(m / t for m, t, _ in rows)
            floor = statistics.median(p / t for _, t, p in rows)
            share = statistics.median(p / m for m, _, p in rows)
            if i and not pad:
                ratios.append(ratio)
            work = flop * (3 if i else 1) / 1e9
            print(
                f"{N:2} {C:2} {H:2} {K:2} {R} {pad:3} | {name:18} | {mine * 1e3:8.2f} "
                f"| {theirs * 1e3:8.2f} | {ratio:5.2f} | {floor:5.2f} = {share:4.0%}   "
                f"| {work / mine:7.0f} {work / theirs:7.0f}"
            )
    mine, theirs = (statistics.median(e) for e in zip(*epochs, strict=True))
    ratio = statistics.median(m / t for m, t in epochs)
    print(
        f"One epoch of the page's network on {IMAGES:,} images: "
        f"NumPy {mine:.2f} s, torch {theirs:.2f} s, ratio {ratio:.2f}"
    )
    mean = statistics.geometric_mean([*ratios, ratio])
    print(
        f"Geometric mean, three convolutions without padding and the epoch: {mean:.2f}"
    )
    slow, fast = loops
    print("Seven loops, forward, nanoseconds a multiply-add, and times conv2d's speed:")
    for name, each in zip(["NumPy entries", "nested lists"], slow, strict=True):
        faster = ", ".join(f"{each / f:,.0f}" for f in fast)
        print(f"  {name:13} {each:4.0f} ns; on the three shapes {faster} times slower")


def main():
    print(__doc__.splitlines()[0])
    for threads in sorted({1, os.cpu_count()}):
        table(threads)
    print(NOTE)


if __name__ == "__main__":
    main()
