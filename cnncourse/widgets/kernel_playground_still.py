"""The still picture of a KernelPlayground: what a page without scripts shows."""

import base64
import struct
import zlib
from html import escape

import numpy as np

# Responses are painted from dark orange over grey (zero) to pale blue, so that
# light and dark alone tell the sign; kernel_playground.js holds the same list.
STOPS = [(74, 26, 0), (168, 84, 16), (140, 140, 140), (112, 184, 232), (240, 248, 255)]
GREY = np.repeat(np.arange(256)[:, None], 3, axis=1)  # (256, 3)
SIGNED = np.stack(
    [np.interp(np.linspace(0, 4, 256), range(5), c) for c in zip(*STOPS, strict=True)],
    axis=1,
)  # (256, 3)
INPUT = "var(--cnn-input, #0072b2)"
KERNEL = "var(--cnn-kernel, #e69f00)"
OUTPUT = "var(--cnn-output, #009e73)"
EDGE, STEP = 148, 164  # of a panel: its side, and from one to the next


def still(x, y, start):
    """Draw four pictures with one place marked, and that place's sum of products.

    Args:
        x: Picture.
        y: Its response to the kernel.
        start: The figure's first state: kernel, kernel_name, pixel.

    Returns:
        The SVG as a string, 640 wide; its colours follow the page's theme.

    Shapes:
        x (H, W), y (H', W').
    """
    w, (i, j) = np.array(start["kernel"]), start["pixel"]
    R, S = w.shape
    a = np.maximum(y, 0)
    p = pool(a)
    scale, most = np.abs(y).max() or 1, a.max() or 1
    response, palette = 127.5 + 127.5 * y / scale, SIGNED
    if abs(w.sum() - 1) < 1e-6:  # a picture too: grey from 0 to 1
        response, palette, most = 255 * np.clip(y, 0, 1), GREY, 1
    r, s = (R - 1) / 2, (S - 1) / 2  # the rim that a response lacks
    here, block = (i + r, j + s, 1, 1), (i // 2 * 2 + r, j // 2 * 2 + s, 2, 2)
    parts = [
        panel(0, "input", x, 255 * x, GREY, (0, 0, 1), (i, j, R, S), x.shape),
        panel(1, "response", y, response, palette, (r, s, 1), here, x.shape),
        panel(2, "ReLU", a, 255 * a / most, GREY, (r, s, 1), here, x.shape),
        panel(3, "pooled", p, 255 * p / most, GREY, (r, s, 2), block, x.shape),
    ]
    patch = x[i : i + R, j : j + S]  # (R, S)
    left, middle = 0, 244 + 11 * R
    for name, values, colour, sign in [
        ("x, the window", patch, INPUT, "×"),
        (f"w, {start['kernel_name']}", w, KERNEL, "="),
        ("x · w, products", patch * w, OUTPUT, ""),
    ]:
        parts += [table(left, name, values, colour)]
        left += cell_width(S) * S + 28
        parts += [text(left - 14, middle, sign, anchor="middle", size=16)]
    total = sum_text(y[i, j])
    where = f"sum {total} = response at row {i}, column {j}"
    parts += [text(0, 274 + 22 * R, f"{where}; the ReLU makes it {sum_text(a[i, j])}")]
    height = 284 + 22 * R
    title = escape(f"{start['picture']}, kernel {start['kernel_name']}: {where}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" '
        f'width="640" height="{height}" role="img" '
        f'style="max-width: 100%; height: auto; '
        f'font-family: var(--cnn-sans, sans-serif)">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def pool(a):
    """The largest of each 2 x 2 block; an odd last row or column is left out."""
    height, width = a.shape[0] // 2, a.shape[1] // 2
    blocks = a[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return blocks.max(axis=(1, 3), initial=0)  # (H' // 2, W' // 2)


def panel(k, name, values, shade, palette, inset, mark, size):
    """The k-th picture: `shade` counts in `palette`; the mark is in input pixels."""
    unit, left = EDGE / max(size), STEP * k
    corner = (max(size) - np.array(size)) / 2  # centres a picture that is not square
    label = f"{name} {values.shape[0]} × {values.shape[1]}"
    parts = [text(left, 14, label, weight=600, size=13)]
    if values.size == 0:
        return "".join(parts)
    y, x = unit * (corner + inset[:2])
    height, width = unit * inset[2] * np.array(values.shape)
    every = -(-max(size) // 128)  # a still picture need not be finer
    shade = np.minimum(shade[::every, ::every], 255)
    href = png(np.rint(shade).astype(np.uint8), palette)
    parts += [
        f'<image x="{left + x:.2f}" y="{24 + y:.2f}" width="{width:.2f}" '
        f'height="{height:.2f}" preserveAspectRatio="none" '
        f'style="image-rendering: pixelated" href="{href}"/>'
    ]
    height, width = np.maximum(unit * np.array(mark[2:]), 11)
    y, x = unit * (corner + mark[:2] + np.array(mark[2:]) / 2) - (height / 2, width / 2)
    for line, colour in (7, "black"), (5, "white"), (2, OUTPUT if k else KERNEL):
        parts += [
            f'<rect x="{left + x:.2f}" y="{24 + y:.2f}" width="{width:.2f}" '
            f'height="{height:.2f}" fill="none" stroke="{colour}" '
            f'stroke-width="{line}"/>'
        ]
    ends = f"{number(values.min())} to {number(values.max())}"
    return "".join([*parts, text(left, 192, ends, soft=True)])


def cell_width(columns):
    """Three tables of so many columns fit side by side."""
    return min(46, 584 // (3 * columns))


def table(left, name, values, colour):
    """Numbers in a frame."""
    (R, S), top = values.shape, 234
    cell = cell_width(S)
    parts = [text(left, top - 8, name, weight=600)]
    for r, s in np.ndindex(R, S):
        x, y = left + cell * s + cell / 2, top + 22 * r + 16
        parts += [text(x, y, number(values[r, s]), anchor="middle", size=12)]
    frame = f'width="{cell * S}" height="{22 * R}" fill="none" stroke="{colour}"'
    return "".join([*parts, f'<rect x="{left}" y="{top}" {frame} stroke-width="2"/>'])


def text(x, y, content, weight=400, anchor="start", size=14, soft=False):
    """A line of text."""
    fill = "var(--cnn-ink-soft, #57606a)" if soft else "var(--cnn-ink, #1f2328)"
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" style="fill: {fill}">{escape(content)}</text>'
    )


def number(value):
    """At most two decimals, with a true minus sign."""
    return f"{round(float(value), 2) + 0:g}".replace("-", "−")


def sum_text(value):
    """As `number`, with three significant digits below 0.01; rounding errors are 0."""
    if not 1e-9 <= abs(value) < 0.01:
        return number(value)
    return f"{value:.3g}".replace("-", "−")


def png(pixels, palette):
    """A PNG picture of (H, W) bytes that count in `palette` (256, 3), as data URI."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = pixels.shape
    rows = np.pad(pixels, ((0, 0), (1, 0)))  # (H, 1 + W): a zero opens each row
    data = b"\x89PNG\r\n\x1a\n"
    data += chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 3, 0, 0, 0))
    data += chunk(b"PLTE", palette.round().astype(np.uint8).tobytes())
    data += chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()
