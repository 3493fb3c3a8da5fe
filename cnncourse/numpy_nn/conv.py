"""Convolution of a batch of images, forward and backward.

The way (*im2col*): copy the window under each output position into a column.
For n images the convolution is then one matrix product, and its gradients are
two more:

    y        = w @ columns        (K, RSC) @ (RSC, nH'W')
    dw       = dy @ columns.T     (K, nH'W') @ (nH'W', RSC)
    dcolumns = w.T @ dy           (RSC, K) @ (K, nH'W')

and dx adds every number of dcolumns back to the pixel its column was copied
from. Columns are up to R*S times as large as the images, so they are made for
a few images at a time, which keeps them in the processor's cache.
"""

import numpy as np

from ._checks import floats, integer, kept, numbers, pair, same_shape

# Numbers in the columns of one block: 2 MiB of float32, about the size of a cache.
BLOCK = 2**19
IMAGES, KERNELS = "N, C, H, W", "K, C, R, S"  # axes


def conv2d(x, w, b=None, stride=1, pad=0, dilation=1):
    """Slides each kernel over each image; every output is a sum of products.

    For x framed by ``pad`` zeros, with strides u, v and dilations d, e along
    the height and the width:

        y[n, k, i, j] = b[k] + sum over c, r, s of
                        x[n, c, u*i + d*r, v*j + e*s] * w[k, c, r, s]

    This is cross-correlation, as in nearly every deep-learning library: the
    kernel is not turned. For the convolution of mathematics pass
    ``w[:, :, ::-1, ::-1]``.

    Args:
        x: Images. No argument is changed.
        w: Kernels.
        b: One bias per kernel, or None.
        stride: Step of the window in pixels. Like ``pad`` and ``dilation`` an
            integer, or a pair (height, width).
        pad: Rows and columns of zeros added on each side.
        dilation: Distance in pixels between neighbouring kernel entries.

    Returns:
        y. Its dtype is float32 if all arrays are float32, otherwise float64.
        NaN and infinity in x spoil the outputs whose windows hold them.

    Raises:
        ValueError: An array is neither float32 nor float64, shapes do not fit
            each other, or the kernel is larger than the padded image.

    Shapes:
        x (N, C, H, W), w (K, C, R, S), b (K,) -> y (N, K, H', W') with
        H' = floor((H + 2*pad - dilation*(R - 1) - 1) / stride) + 1,
        and W' likewise from W and S.

    Source:
        Sizes: Dumoulin and Visin (2016), *A guide to convolution arithmetic
        for deep learning*. Columns: Chellapilla, Puri and Simard (2006), *High
        performance convolutional neural networks for document processing*.
        Taught on the page *Convolution by hand*.
    """
    x, w, b = floats(x=(x, IMAGES), w=(w, KERNELS), b=(b, "K"))
    x, rows, cols, size = _windows(x, w, stride, pad, dilation)
    N, K, L = len(x), len(w), size[0] * size[1]
    if b is None:
        b = np.zeros(K, x.dtype)
    if b.shape != (K,):
        raise ValueError(f"b has shape {b.shape}; {K} kernels need shape ({K},)")

    w_rows = w.transpose(0, 2, 3, 1).reshape(K, -1)  # (K, RSC)
    y = np.empty((N, K, L), x.dtype)  # (N, K, H'W')
    for n in _blocks(N, w[0].size * L):
        columns = _copy_windows(x[n], rows, cols, size)  # (RSC, nH'W')
        maps = (w_rows @ columns).reshape(K, -1, L)  # (K, n, H'W')
        np.add(maps.transpose(1, 0, 2), b[:, None], out=y[n])  # (n, K, H'W')
    return y.reshape(N, K, *size)  # (N, K, H', W')


def conv2d_backward(dy, x, w, stride=1, pad=0, dilation=1):
    """Gradients of ``conv2d``, given the gradient dy of its output.

    A product ``w * x`` in an output passes dy times x to that kernel entry, and
    dy times w to that pixel; a bias is in every output of its kernel. Summed
    over all outputs:

        dw[k, c, r, s]                 += dy[n, k, i, j] * x[n, c, u*i+d*r, v*j+e*s]
        dx[n, c, u*i + d*r, v*j + e*s] += dy[n, k, i, j] * w[k, c, r, s]
        db[k]                          += dy[n, k, i, j]

    Args:
        dy: Gradient of the loss with respect to the output y.
        x: The images given to ``conv2d``.
        w: The kernels given to ``conv2d``.
        stride: As given to ``conv2d``.
        pad: As given to ``conv2d``.
        dilation: As given to ``conv2d``.

    Returns:
        (dx, dw, db); float32 if dy, x and w are float32, otherwise float64.

    Raises:
        ValueError: As ``conv2d``, or dy has not the shape of the output.

    Shapes:
        dy (N, K, H', W') -> dx (N, C, H, W), dw (K, C, R, S), db (K,)

    Source:
        The chain rule on the equation of ``conv2d``.
    """
    dy, x, w = floats(dy=(dy, "N, K, H', W'"), x=(x, IMAGES), w=(w, KERNELS))
    shape = x.shape
    x, rows, cols, size = _windows(x, w, stride, pad, dilation)
    N, (K, C, R, S) = len(x), w.shape
    same_shape(dy, (N, K, *size), f"x {shape} and w {w.shape}")

    dy = dy.reshape(N, K, -1)  # (N, K, H'W')
    w_rows = w.transpose(0, 2, 3, 1).reshape(K, -1)  # (K, RSC)
    dw, dx = np.zeros_like(w_rows), np.zeros_like(x)
    for n in _blocks(N, w[0].size * dy.shape[2]):
        columns = _copy_windows(x[n], rows, cols, size)  # (RSC, nH'W')
        dmaps = dy[n].transpose(1, 0, 2).reshape(K, -1)  # (K, nH'W')
        dw += dmaps @ columns.T  # (K, RSC)
        _add_windows(dx[n], w_rows.T @ dmaps, rows, cols, size)
    (top, left), (H, W) = pair("pad", pad, 0), shape[2:]
    dx = dx[:, :, top : top + H, left : left + W]  # (N, C, H, W)
    dw = dw.reshape(K, R, S, C).transpose(0, 3, 1, 2)  # (K, C, R, S)
    return np.ascontiguousarray(dx), np.ascontiguousarray(dw), dy.sum(axis=(0, 2))


class Conv2d:
    """A layer of kernels that are slid over the images, see ``conv2d``.

    ``params`` and ``grads`` hold "w" (K, C, R, S) and "b" (K,). The kernels
    start as normal numbers with standard deviation sqrt(2 / (C*R*S)) (He), which
    keeps the size of the signal through a ReLU; the biases start at 0. All are
    float32. ``backward`` sets ``grads``; it does not add to them.

    Args:
        c_in: Channels of the images, C.
        c_out: Number of kernels, K: channels of the output.
        kernel: Height and width of a kernel: an integer, or a pair (R, S).
        stride: As in ``conv2d``.
        pad: As in ``conv2d``.
        dilation: As in ``conv2d``.
        rng: A seed or a ``numpy.random.Generator`` that draws the kernels.

    Raises:
        ValueError: A number is too small, or not an integer.

    Shapes:
        x (N, C, H, W) -> y (N, K, H', W'), sizes as in ``conv2d``.

    Source:
        He, Zhang, Ren and Sun (2015), *Delving deep into rectifiers*,
        section 2.2. Taught on the page *Convolution by hand*.

    Example:
        >>> layer = Conv2d(1, 8, kernel=3, pad=1, rng=0)
        >>> layer.forward(np.ones((2, 1, 28, 28), np.float32)).shape
        (2, 8, 28, 28)
    """

    def __init__(self, c_in, c_out, kernel, stride=1, pad=0, dilation=1, rng=None):
        C, K = integer("c_in", c_in, 1), integer("c_out", c_out, 1)
        R, S = pair("kernel", kernel, 1)
        self.stride = pair("stride", stride, 1)
        self.pad = pair("pad", pad, 0)
        self.dilation = pair("dilation", dilation, 1)
        w = np.random.default_rng(rng).normal(size=(K, C, R, S))
        w *= np.sqrt(2 / (C * R * S))
        self.params = {"w": w.astype(np.float32), "b": np.zeros(K, np.float32)}
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}
        self._x = None

    def forward(self, x, training=False):
        """Computes y and keeps x (not a copy) for ``backward``.

        Args:
            x: Images.
            training: Not used: training and prediction are the same here.

        Returns:
            y.

        Raises:
            ValueError: As ``conv2d``; or x is not finite. A layer refuses that, so
                that a training that diverged stops at its first bad layer.

        Shapes:
            x (N, C, H, W) -> y (N, K, H', W')
        """
        w, b = self.params["w"], self.params["b"]
        y = conv2d(x, w, b, self.stride, self.pad, self.dilation)  # (N, K, H', W')
        numbers("x", x)
        self._x = x
        return y

    def backward(self, dy):
        """Sets ``grads`` and returns the gradient of the loss for the images.

        Args:
            dy: Gradient of the loss with respect to the last ``forward``'s y.

        Returns:
            dx.

        Raises:
            RuntimeError: There was no ``forward``.
            ValueError: dy has not the shape of y.

        Shapes:
            dy (N, K, H', W') -> dx (N, C, H, W)
        """
        dx, self.grads["w"], self.grads["b"] = conv2d_backward(
            dy, kept(self._x), self.params["w"], self.stride, self.pad, self.dilation
        )
        return dx  # (N, C, H, W)


def _windows(x, w, stride, pad, dilation):
    """Pads x and finds which of its pixels each kernel entry meets.

    Returns:
        The padded x; for each kernel row r the image rows that it meets, a slice
        of H' rows; for each kernel column s the W' image columns; (H', W').
    """
    if x.shape[1] != w.shape[1]:
        raise ValueError(
            f"x {x.shape} has {x.shape[1]} channels, but the kernels of "
            f"w {w.shape} have {w.shape[1]}; axis 1 of both must be equal"
        )
    (u, v), (d, e) = pair("stride", stride, 1), pair("dilation", dilation, 1)
    top, left = pair("pad", pad, 0)
    if top or left:
        x = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))  # (N, C, H, W)
    (H, W), (R, S) = x.shape[2:], w.shape[2:]
    tall, wide = d * (R - 1) + 1, e * (S - 1) + 1
    if tall > H or wide > W:
        raise ValueError(
            f"the kernel covers {tall}x{wide} pixels, x with its padding only {H}x{W}; "
            "use a smaller kernel or dilation, or more pad"
        )
    size = (H - tall) // u + 1, (W - wide) // v + 1
    rows = [slice(d * r, d * r + u * (size[0] - 1) + 1, u) for r in range(R)]
    cols = [slice(e * s, e * s + v * (size[1] - 1) + 1, v) for s in range(S)]
    return x, rows, cols, size


def _blocks(N, numbers):
    """Slices of so many images that their columns fill BLOCK, at least one."""
    n = max(1, BLOCK // numbers)
    return [slice(i, i + n) for i in range(0, N, n)]


def _copy_windows(x, rows, cols, size):
    """Copies the window under each output position into a column.

    In two steps, first along the width, then along the height: the second moves
    runs of H'*W' neighbours at once, where one step would move runs of W'.
    """
    x = x.transpose(1, 0, 2, 3)  # (C, n, H, W)
    strip = np.empty((len(cols), *x.shape[:3], size[1]), x.dtype)
    for s, at in enumerate(cols):
        strip[s] = x[:, :, :, at]  # (C, n, H, W')
    columns = np.empty((len(rows), *strip.shape[:3], *size), x.dtype)
    for r, at in enumerate(rows):
        columns[r] = strip[:, :, :, at]  # (S, C, n, H', W')
    return columns.reshape(-1, x.shape[1] * size[0] * size[1])  # (RSC, nH'W')


def _add_windows(dx, dcolumns, rows, cols, size):
    """``_copy_windows`` backwards: what was copied from a pixel is added to it."""
    dx = dx.transpose(1, 0, 2, 3)  # (C, n, H, W), a view: dx itself is written
    dstrip = np.zeros((len(cols), *dx.shape[:3], size[1]), dx.dtype)
    dcolumns = dcolumns.reshape(len(rows), *dstrip.shape[:3], *size)
    for r, at in enumerate(rows):
        dstrip[:, :, :, at] += dcolumns[r]  # (S, C, n, H', W')
    for s, at in enumerate(cols):
        dx[:, :, :, at] += dstrip[s]  # (C, n, H, W')
