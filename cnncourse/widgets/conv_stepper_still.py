"""What the stepper's first state says, as text and as a still SVG picture.

The wording is the figure's own: conv_stepper.js writes the same sentences.
"""

import html
import textwrap
from decimal import ROUND_HALF_UP, Decimal

import numpy as np


def size_text(n, k, stride, pads, dilation):
    """The size formula with its numbers, as the figure writes it."""
    before, after = pads
    pad = f"2·{before}" if before == after else f"{before} + {after}"
    span = k if dilation == 1 else f"({dilation}·({k} − 1) + 1)"
    size = (n + before + after - dilation * (k - 1) - 1) // stride + 1
    return f"⌊({n} + {pad} − {span})/{stride}⌋ + 1 = {format_number(size)}"


def format_number(value):
    """At most four decimals and a true minus sign, as the figure writes it."""
    size = abs(Decimal(float(value)))
    if size >= 10**5 or 0 < size < Decimal("1e-4"):
        mantissa, power = f"{size:.1e}".split("e")
        text = f"{mantissa.removesuffix('.0')}e{int(power)}".replace("-", "−")
    else:
        text = str(size.quantize(Decimal("0.0001"), ROUND_HALF_UP))
        text = text.rstrip("0").rstrip(".")
    return f"−{text}" if value < 0 else text


def window(w, position):
    """The numbers x and w that meet at one output cell, each (C, R, S)."""
    i, j = divmod(position, w._out_shape[1])
    x = np.pad(w._x, [(0, 0), *w._pads])  # (C, H + pads, W + pads)
    k = w._w[:, ::-1, ::-1] if w.flip else w._w  # (C, R, S)
    rows = i * w.stride + w.dilation * np.arange(k.shape[1])
    cols = j * w.stride + w.dilation * np.arange(k.shape[2])
    return x[:, rows][:, :, cols], k


def sum_text(w, position):
    """The written sum of one output cell, as the figure writes it."""

    def factor(v):
        return f"({format_number(v)})" if v < 0 else format_number(v)

    def signed(v):
        return f" − {format_number(-v)}" if v < 0 else f" + {format_number(v)}"

    a, k = window(w, position)
    (i, j), c = divmod(position, w._out_shape[1]), len(a)
    y = w.output[i, j]
    numbers = [y, *a.ravel(), *k.ravel()]
    text = f"y[{i}, {j}] = "
    if a.size <= 9:
        pairs = zip(a.ravel(), k.ravel(), strict=True)
        text += " + ".join(f"{factor(p)}·{factor(q)}" for p, q in pairs)
    else:
        sums = (a * k).sum(axis=(1, 2))  # (C,)
        numbers.extend(sums)
        text += "sum over "
        text += f"{c} channels: " if c > 1 else f"{a.size} products: "
        if c == 1 and not w.bias:
            return text + format_number(y)
        text += format_number(sums[0]) + "".join(signed(v) for v in sums[1:])
    if w.bias:
        text += f"{signed(w.bias)} (bias)"
    shown = [float(format_number(v).replace("−", "-")) for v in numbers]
    exact = np.allclose(shown, numbers, rtol=1e-9, atol=1e-9)
    return f"{text} {'=' if exact else '≈'} {format_number(y)}"


INKS = {  # kind: (tint, text)
    "x": ("--cnn-input, #0072b2", "--cnn-input-ink, #005a8e"),
    "w": ("--cnn-kernel, #e69f00", "--cnn-kernel-ink, #8a5a00"),
    "y": ("--cnn-output, #009e73", "--cnn-output-ink, #00694d"),
}
INK, SOFT, LINE = "--cnn-ink, #1f2328", "--cnn-ink-soft, #57606a", "--cnn-line, #c9cfd6"


def svg_text(x, y, words, size=15, ink=INK, anchor="start", weight=400):
    """One line of text with its base line at (x, y)."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="var({ink})" '
        f'text-anchor="{anchor}" font-weight="{weight}">{html.escape(words)}</text>'
    )


def svg_grid(kind, name, x, y, cell, texts, strong=(), faint=()):
    """A titled grid of texts (rows, columns); strong and faint are sets of (i, j)."""
    tint, ink = INKS[kind]
    parts = [svg_text(x, y - 8, name, ink=ink, weight=600)]
    for (i, j), words in np.ndenumerate(texts):
        left, top = x + j * cell, y + i * cell
        opacity = 0 if (i, j) in faint or words == "" else 0.1
        opacity = 0.3 if (i, j) in strong else opacity
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{cell:.1f}" '
            f'height="{cell:.1f}" fill="var({tint})" fill-opacity="{opacity}" '
            f'stroke="var({LINE})" stroke-dasharray="{2 if (i, j) in faint else 0}"/>'
        )
        size = min(15, 1.4 * cell / max(len(words), 2))
        middle = (left + cell / 2, top + cell / 2 + size / 3)
        parts.append(
            svg_text(*middle, words, size, SOFT if (i, j) in faint else INK, "middle")
        )
    return parts


def draw_picture(w):
    """The first state as a still SVG, for print and for readers without JavaScript."""
    texts = np.vectorize(format_number, otypes=[object])
    (_, h, wide), (c, r, s), at = w._x.shape, w._w.shape, w.position
    (top, bottom), (left, right) = w._pads
    tall, full = h + top + bottom, wide + left + right
    high, broad = w._out_shape
    row, col = (n * w.stride for n in divmod(max(at, 0), broad or 1))
    title = 8.5 * (8 + 3 * (c > 1) + 8 * w.flip)  # width of "kernel w[0], turned"
    cell = min(40, 540 / (full + s + broad), (540 - title) / (full + broad))
    gap = max(cell, 28)  # room for a title
    line = max(tall, r) * cell + gap  # from one channel's grids to the next's
    x_w = max(full * cell, 80) + 45
    x_y = x_w + max(s * cell, title) + 45
    taps, zeros = set(), set()
    if at >= 0:
        d = w.dilation
        taps = {(row + m * d, col + n * d) for m, n in np.ndindex(r, s)}
    for i, j in np.ndindex(tall, full):
        if not (top <= i < top + h and left <= j < left + wide):
            zeros.add((i, j))
    parts = []
    for n in range(c):
        y, at_n = 28 + n * line, f"[{n}]" if c > 1 else ""
        x = texts(np.pad(w._x[n], w._pads))  # (H + pads, W + pads)
        parts += svg_grid("x", f"input x{at_n}", 2, y, cell, x, taps, zeros)
        if at >= 0:
            span = [w.dilation * (k - 1) + 1 for k in (s, r)]
            parts.append(
                f'<rect x="{2 + col * cell:.1f}" y="{y + row * cell:.1f}" '
                f'width="{span[0] * cell:.1f}" height="{span[1] * cell:.1f}" '
                'fill="none" stroke="var(--cnn-kernel, #e69f00)" stroke-width="3"/>'
            )
        y += max(tall - r, 0) * cell / 2
        k = w._w[n, ::-1, ::-1] if w.flip else w._w[n]  # (R, S)
        name = f"kernel w{at_n}" + (", turned" if w.flip else "")
        parts += svg_grid("w", name, x_w, y, cell, texts(k))
        sign = "∗" if w.flip else "⋆"  # convolution or cross-correlation
        middle = y + r * cell / 2 + 7
        parts.append(svg_text(x_w - 22, middle, sign, 22, SOFT, "middle"))
    y = 28 + max(c * line - gap - high * cell, 0) / 2
    end = max(28 + c * line - gap, y + high * cell)
    lines = []
    if high and broad:
        done = np.full((high, broad), "", dtype=object)
        done.flat[: at + 1] = texts(w.output.flat[: at + 1]) if at >= 0 else []
        now = {divmod(at, broad)} if at >= 0 else ()
        parts.append(
            svg_text(x_y - 22, y + high * cell / 2 + 7, "=", 22, SOFT, "middle")
        )
        parts += svg_grid("y", "output y", x_y, y, cell, done, now)
        lines = textwrap.wrap(sum_text(w, at), 70) if at >= 0 else []
    for n, k, pads, name in zip(
        (h, wide), (r, s), w._pads, ("height", "width"), strict=True
    ):
        lines.append(f"output {name} {size_text(n, k, w.stride, pads, w.dilation)}")
    for n, words in enumerate(lines, 1):
        parts.append(svg_text(2, end + 8 + 24 * n, words))
    width = max(x_y + max(broad * cell, 80) + 2, 9 * max(map(len, lines)))
    height = end + 20 + 24 * len(lines)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {min(width, 640):.0f} {height:.0f}" '
        f'width="{min(width, 640):.0f}" font-family="var(--cnn-sans, sans-serif)">'
        f"<title>{html.escape(w.alt)}</title>{''.join(parts)}</svg>"
    )
