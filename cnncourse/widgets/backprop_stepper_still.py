"""What the stepper's first state says, as text and as a still SVG picture.

The wording is the figure's own: backprop_stepper.js writes the same sentences.
"""

import html
import textwrap
from decimal import ROUND_HALF_UP, Decimal

import numpy as np


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


def terms_of(w):
    """The factors (a, b) of the chosen entry's products, each a list."""
    dy, p = np.asarray(w.dy, float), w.padding
    if w.what == "db":
        return [(d, 1.0) for d in dy.ravel()]
    kernel, terms = np.asarray(w.kernel, float), []
    for (m, n), (rows, cols) in w._windows():
        if w.what == "dw":
            i, j = rows.start + w.entry[0], cols.start + w.entry[1]
            terms.append((w._x[i, j], dy[m, n]))
            continue
        r, c = w.entry[0] + p - rows.start, w.entry[1] + p - cols.start
        if 0 <= r < kernel.shape[0] and 0 <= c < kernel.shape[1]:
            terms.append((dy[m, n], kernel[r, c]))
    return terms


def sum_text(w):
    """The written sum of the chosen entry, as the figure writes it."""

    def factor(v):
        return f"({format_number(v)})" if v < 0 else format_number(v)

    terms = terms_of(w)
    name = "db" if w.what == "db" else f"{w.what}[{w.entry[0]}, {w.entry[1]}]"
    if not terms:
        return f"{name} = 0: no output saw this pixel"
    products = [a * b for a, b in terms]
    value = sum(products)
    if abs(value) <= 1e-12 * sum(map(abs, products)):
        value = 0.0  # what only rounding left
    if len(terms) > 9:
        things = "entries" if w.what == "db" else "products"
        text = f"the sum of {len(terms)} {things}"
    elif w.what == "db":
        text = " + ".join(factor(a) for a, _ in terms)
    else:
        text = " + ".join(f"{factor(a)}·{factor(b)}" for a, b in terms)
    numbers = [value, *(v for pair in terms for v in pair)]
    shown = [float(format_number(v).replace("−", "-")) for v in numbers]
    exact = np.allclose(shown, numbers, rtol=1e-9, atol=1e-9)
    return f"{name} = {text} {'=' if exact else '≈'} {format_number(value)}"


def rule_text(w):
    """How the gradient comes about, as the figure writes it."""
    if w.what == "db":
        return "db = the sum of all δ: the bias is added to every output."
    spread = f" (stride {w.stride}: zeros spread δ out)" if w.stride > 1 else ""
    if w.what == "dw":
        sizes = zip(np.shape(w.image), np.shape(w.kernel), strict=True)
        left = any((n + 2 * w.padding - k) % w.stride for n, k in sizes)
        return (
            f"dw = x ⋆ δ, the valid cross-correlation: lay δ on x{spread}, multiply, "
            "add. Each place of δ gives one entry."
            + (" What no window reached stays out." if left else "")
        )
    border = " The gradient of the padding is left out." if w.padding else ""
    return (
        f"dx = δ ∗ w: put zeros round δ{spread}, turn w by half a turn, slide it "
        f"over δ.{border}"
    )


INKS = {  # kind: (tint, text)
    "x": ("--cnn-input, #0072b2", "--cnn-input-ink, #005a8e"),
    "w": ("--cnn-kernel, #e69f00", "--cnn-kernel-ink, #8a5a00"),
    "g": ("--cnn-grad, #d55e00", "--cnn-grad-ink, #a84300"),
}
INK, SOFT, LINE = "--cnn-ink, #1f2328", "--cnn-ink-soft, #57606a", "--cnn-line, #c9cfd6"


def svg_text(x, y, words, size=15, ink=INK, anchor="start", weight=400):
    """One line of text with its base line at (x, y)."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="var({ink})" '
        f'text-anchor="{anchor}" font-weight="{weight}">{html.escape(words)}</text>'
    )


def svg_frame(kind, x, y, width, height, dashed):
    """An empty rectangle in the colour of its kind."""
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="none" stroke="var({INKS[kind][0]})" stroke-width="2.5"{dash}/>'
    )


def svg_grid(kind, name, x, y, cell, texts, strong=(), faint=(), labels=None):
    """A titled grid of texts (rows, columns); strong and faint are sets of (i, j)."""
    tint, ink = INKS[kind]
    parts = [svg_text(x, y - 10, name, ink=ink, weight=600)]
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
        label = (labels or {}).get((i, j)) if cell >= 30 else None
        middle = (left + cell / 2, top + cell * (0.4 if labels else 0.5) + size / 3)
        soft = SOFT if (i, j) in faint else INK
        if words:
            parts.append(svg_text(*middle, words, size, soft, "middle"))
        if label is not None:
            size = min(12, 1.3 * cell / max(len(label), 2))
            low = (left + cell - 3, top + cell - 4)
            tone = SOFT if (i, j) in faint else INKS["w" if kind == "g" else "g"][1]
            parts.append(svg_text(*low, label, size, tone, "end", 600))
    if kind == "g":
        high, wide = (n * cell + 4 for n in np.shape(texts))
        parts.append(svg_frame("g", x - 2, y - 2, wide, high, True))
    return parts


def _spread(w):
    """δ with its inserted zeros, and the places of its own entries."""
    dy, s = np.asarray(w.dy, float), w.stride
    wide = np.zeros([(n - 1) * s + 1 for n in dy.shape])
    wide[::s, ::s] = dy
    return wide, {(i * s, j * s) for i, j in np.ndindex(dy.shape)}


def _input_panel(w):
    """Texts, strong and faint places, labels and window of the padded input."""
    (h, wide), p = np.shape(w.image), w.padding
    inside = {(i + p, j + p) for i, j in np.ndindex(h, wide)}
    faint = set(np.ndindex(w._x.shape)) - inside
    if w.what == "dx" and w.entry:
        return w._x, {(w.entry[0] + p, w.entry[1] + p)}, faint, None, None
    if w.what == "db" or not w.entry:
        return w._x, set(), faint, None, None
    (i, j), (delta, own) = w.entry, _spread(w)
    labels = {
        (i + a, j + b): f"×{format_number(d)}" for (a, b), d in np.ndenumerate(delta)
    }
    strong = {(i + a, j + b) for a, b in own}
    return w._x, strong, faint, labels, (i, j, *delta.shape)


def _delta_panel(w):
    """The same of δ, which stands between zeros where dx is shown."""
    if w.what != "dx":
        dy = np.asarray(w.dy, float)
        return dy, set(np.ndindex(dy.shape)) if w.entry else set(), set(), None, None
    (delta, own), kernel = _spread(w), np.asarray(w.kernel, float)
    (r, c), p = kernel.shape, w.padding
    rest = [n + 2 * p - k for n, k in zip(np.shape(w.image), (r, c), strict=True)]
    field = np.pad(
        delta,
        [(k - 1, k - 1 + n % w.stride) for k, n in zip((r, c), rest, strict=True)],
    )
    own = {(i + r - 1, j + c - 1) for i, j in own}
    faint = set(np.ndindex(field.shape)) - own
    if not w.entry:
        return field, set(), faint, None, None
    i, j = (n + p for n in w.entry)
    labels = {
        (i + u, j + v): f"×{format_number(k)}"
        for (u, v), k in np.ndenumerate(kernel[::-1, ::-1])
    }
    return field, own & set(labels), faint, labels, (i, j, r, c)


def draw_picture(w):
    """The first state as a still SVG, for print and for readers without JavaScript."""
    texts = np.vectorize(format_number, otypes=[object])
    result = {"dw": w.dw, "dx": w.dx, "db": np.full((1, 1), w.db)}[w.what]
    at = w.entry[0] * result.shape[1] + w.entry[1] if w.entry else -1
    done = np.full(result.shape, "", dtype=object)
    if at >= 0:
        done.flat[: at + 1] = texts(result.flat[: at + 1])
    chosen = {tuple(w.entry)} if w.entry else set()
    x, delta = _input_panel(w), _delta_panel(w)
    panels = [
        ("x", "input x", texts(x[0]), *x[1:]),
        ("w", "kernel w", texts(w.kernel), chosen if w.what == "dw" else (), ()),
        ("g", "δ = ∂L/∂y", texts(delta[0]), *delta[1:]),
        ("g", f"{w.what} = ∂L/∂{w.what[1]}", done, chosen, ()),
    ]
    columns = sum(p[2].shape[1] for p in panels)
    cell = min(42, 520 / columns)
    parts, left, end = [], 4, 0
    for kind, name, grid, strong, faint, *more in panels:
        labels, window = more or (None, None)
        parts += svg_grid(kind, name, left, 30, cell, grid, strong, faint, labels)
        if window:
            i, j, high, wide = (n * cell for n in window)
            tone = "g" if kind == "x" else "w"
            place = (left + j, 30 + i, wide, high)
            parts.append(svg_frame(tone, *place, kind == "x"))
        left += max(grid.shape[1] * cell, 8.2 * len(name)) + 24
        end = max(end, 30 + grid.shape[0] * cell)
    lines = textwrap.wrap(rule_text(w), 74)
    lines += textwrap.wrap(sum_text(w), 74) if w.entry else []
    for n, words in enumerate(lines, 1):
        parts.append(svg_text(4, end + 8 + 24 * n, words))
    width, height = max(left, 600), end + 20 + 24 * len(lines)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{min(width, 640):.0f}" '
        'font-family="var(--cnn-sans, sans-serif)">'
        f"<title>{html.escape(w.alt)}</title>{''.join(parts)}</svg>"
    )
