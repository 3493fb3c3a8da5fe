"""The still picture of a DigitLab: what a page without scripts shows."""

import base64
import struct
import zlib
from html import escape

import numpy as np

from . import digit_lab_net as nets

INK, SOFT = "var(--cnn-ink, #1f2328)", "var(--cnn-ink-soft, #57606a)"
INPUT, OUTPUT = "var(--cnn-input, #0072b2)", "var(--cnn-output, #009e73)"
GRAD, LINE = "var(--cnn-grad-ink, #a84300)", "var(--cnn-line, #c9cfd6)"
WIDTH, SIDE, BAR = 640, 132, 92  # of all, of a picture, and of the longest bar


def share_text(p):
    """Whole percent; what is not quite all or nothing does not read so."""
    if p < 0.005:
        return "<1 %"
    if 0.995 <= p < 0.99995:
        return ">99 %"
    return f"{int(100 * p + 0.5)} %"


def still(figure):
    """Draw the digit before and after its moves, all answers, and maps of one network.

    Args:
        figure: The DigitLab, in its first state.

    Returns:
        The SVG as a string, 640 wide; its colours follow the page's theme.
    """
    x, label = figure.input, figure._labels[figure.example]
    shares = figure.shares
    told = [f"{name}: {p.argmax()} with {share_text(p.max())}"
            for name, p in shares.items()]  # fmt: skip
    words = "; ".join(told) + "."
    if label is not None:
        words = f"The digit is a {label}. {words}"
    parts = [
        text(0, 14, "the example", weight=600),
        image(0, 24, SIDE, figure.drawing),
        text(146, 14, f"x, {_moves(figure)}", weight=600, fill=INPUT, size=13),
        image(146, 24, SIDE, x),
    ]
    left = 296
    step = (WIDTH - left) / max(len(shares), 1)
    for k, (name, p) in enumerate(shares.items()):
        parts.append(_bars(left + k * step, step, name, p, label))
    maps = next(
        nets.forward(net["layers"], x[None])
        for net in figure._nets
        if net["name"] == figure.network
    )
    lines = _wrap(words, 88)
    y = 206 + 18 * len(lines)
    net = next(net for net in figure._nets if net["name"] == figure.network)
    for n, layer in enumerate(net["layers"][:4], 1):
        a = maps[n][0]  # (C, H, W)
        if a.shape[1] == 1:
            break
        columns = 8 if a.shape[1] >= 12 else 16
        side = (WIDTH - 4 * (columns - 1)) / columns
        name = f"{figure.network}, layer {n}, {layer['kind']}: "
        name += f"{len(a)} maps of {a.shape[1]} × {a.shape[2]}"
        parts.append(text(0, y + 12, name))
        most = max(float(np.abs(a).max()), 1e-9)
        for c, one in enumerate(a):
            down, across = divmod(c, columns)
            at = across * (side + 4), y + 20 + down * (side + 4)
            parts.append(image(*at, side, np.abs(one) / most))
        y += 20 + (-(-len(a) // columns)) * (side + 4) + 12
    for n, line in enumerate(lines):
        parts.append(text(0, 206 + 18 * n, line))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" '
        f'width="{WIDTH}" height="{y:.0f}" role="img" '
        f'style="max-width: 100%; height: auto; '
        f'font-family: var(--cnn-sans, sans-serif)">'
        f"<title>{escape(words)}</title>{''.join(parts)}</svg>"
    )


def _moves(figure):
    right, down = figure.right, figure.down
    ways = [
        f"{abs(n)} px {(plus if n > 0 else minus)}"
        for n, plus, minus in ((right, "right", "left"), (down, "down", "up"))
        if n
    ]
    return "moved " + ", ".join(ways) if ways else "as it is"


def _bars(left, width, name, p, label):
    """The shares of one network; the true digit and the answer are marked."""
    bar = min(BAR, width - 26)
    parts = [text(left, 14, name, weight=600, size=12)]
    for digit, share in enumerate(p):
        y, best = 24 + 15 * digit, digit == p.argmax()
        bold = 700 if best or digit == label else 400
        parts.append(text(left, y + 11, str(digit), weight=bold, size=13))
        colour = SOFT if not best else OUTPUT if label in (None, digit) else GRAD
        parts.append(_rect(left + 14, y, bar, 12, LINE, opacity=0.4))
        parts.append(_rect(left + 14, y, bar * share, 12, colour))
    best = int(p.argmax())
    verdict = "" if label is None else " ✓" if best == label else " ✗"
    parts.append(text(left, 187, f"{best}{verdict} {share_text(p.max())}", size=13))
    return "".join(parts)


def _rect(x, y, width, height, fill, opacity=1):
    return (
        f'<rect x="{x:.1f}" y="{y}" width="{width:.2f}" height="{height}" '
        f'style="fill: {fill}" opacity="{opacity}"/>'
    )


def _wrap(words, width):
    lines = [""]
    for word in words.split(" "):
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def image(x, y, side, values):
    """Grey values 0 to 1, (H, W), as a square picture."""
    return (
        f'<image x="{x:.2f}" y="{y:.2f}" width="{side:.2f}" height="{side:.2f}" '
        f'preserveAspectRatio="none" style="image-rendering: pixelated" '
        f'href="{png(np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8))}"/>'
    )


def text(x, y, content, weight=400, size=14, fill=INK):
    """A line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'style="fill: {fill}">{escape(content)}</text>'
    )


def png(grey):
    """A PNG picture of bytes (H, W), as data URI."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = grey.shape
    rows = np.pad(grey, ((0, 0), (1, 0)))  # (H, 1 + W): a zero opens each row
    data = b"\x89PNG\r\n\x1a\n"
    data += chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()
