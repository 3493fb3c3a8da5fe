"""The still picture of FeatureMaps: what a page without scripts shows."""

import base64
import struct
import zlib
from html import escape

import numpy as np

from .feature_maps_data import NEAR, strength
from .kernel_playground_still import KERNEL, OUTPUT, SIGNED

SHOWN = 32  # maps, or numbers, of the first layer
EDGE = 216  # of the picture and of the chosen map
WIDE = 760
LEFT = 260  # where the maps start


def draw_picture(figure, x):
    """Draw the picture with a field, the chosen map, and the layer's first maps.

    Args:
        figure: FeatureMaps in its first state.
        x: the picture, bytes.

    Returns:
        The SVG as a string, 760 wide; its colours follow the page's theme.

    Shapes:
        x (C, H, W).
    """
    codes, about = figure._shown, figure._about
    said = sentence(figure)
    unit = EDGE / max(x.shape[1:])
    parts = [text(0, 16, "picture {} × {}".format(*x.shape[1:]), INPUT_INK)]
    rgb = np.broadcast_to(x, (3, *x.shape[1:])).transpose(1, 2, 0)  # (H, W, 3)
    parts += [image(0, 26, unit, rgb)]
    if about["field"]:
        parts += [frame(*clipped(figure), unit, 26, KERNEL)]
    if codes.ndim == 3:
        low = 26 + unit * x.shape[1] + 34
        height, width = codes.shape[1:]
        unit = EDGE / max(height, width)
        label = f"map {figure.map}: {height} × {width}"
        parts += [text(0, low - 10, label, OUTPUT_INK)]
        parts += [image(0, low, unit, painted(codes, figure.map))]
        parts += [frame(*figure.cell, 1, 1, unit, low, OUTPUT)]
        low += unit * height
        more, high = maps(codes, figure.map)
    else:
        low = 26 + unit * x.shape[1]
        more, high = bars(codes, about["decimals"], figure.map)
    kind = "maps" if codes.ndim == 3 else "numbers"
    count = f"{len(codes)} {kind} of {figure.layer}"
    if len(codes) > SHOWN:
        count += f", the first {SHOWN}"
    bottom = max(low, high) + 30
    lines = wrapped(said)
    parts += [text(LEFT, 16, count), more]
    parts += [
        text(0, bottom + 22 * n, line, weight=400) for n, line in enumerate(lines)
    ]
    height = bottom + 22 * len(lines) - 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {height:.0f}" '
        f'width="{WIDE}" height="{height:.0f}" role="img" '
        'style="max-width: 100%; height: auto; '
        'font-family: var(--cnn-sans, sans-serif)">'
        f"<title>{escape(figure.alt)}</title>{''.join(parts)}</svg>"
    )


INPUT_INK = "var(--cnn-input-ink, #005a8e)"
OUTPUT_INK = "var(--cnn-output-ink, #00694d)"


def value_text(code, decimals):
    """A code as the figure prints it; exact zeros are a bare 0."""
    code = int(code)
    if code == 0:
        return "0"
    if 0 <= decimals <= 7:
        return f"{0 if code == NEAR else code / 10**decimals:.{decimals}f}".replace(
            "-", "−"
        )
    if code == NEAR:
        return f"0e{-decimals}".replace("-", "−")
    digits = str(abs(code))
    part = f".{digits[1:]}" if digits[1:] else ""
    sign = "−" if code < 0 else ""
    exponent = str(len(digits) - 1 - decimals).replace("-", "−")
    return f"{sign}{digits[0]}{part}e{exponent}"


def spread(field, place):
    """First and last pixel that an output sees along one axis."""
    size, jump, start = field
    return start + jump * place, start + jump * place + size - 1


def clipped(figure):
    """Row, column, height and width of the chosen cell's field on the picture."""
    found = []
    for place, pixels in zip(figure.cell, figure._shape[1:], strict=True):
        first, last = spread(figure._about["field"], place)
        first, last = max(first, 0), min(last, pixels - 1)
        found += [(first, max(last - first + 1, 0))]
    (row, height), (column, width) = found
    return row, column, height, width


def sentence(figure):
    """The chosen value and where it comes from, as feature_maps.js says it."""
    codes, about = figure._shown, figure._about
    code = codes[(figure.map, *figure.cell)[: codes.ndim]]
    value = value_text(code, about["decimals"]) + tail(codes, figure.map, int(code))
    if codes.ndim == 1:
        return f"Number {figure.map} of {figure.layer} is {value}."
    i, j = figure.cell
    said = f"Map {figure.map} of {figure.layer} at row {i}, column {j}: {value}."
    if about["field"]:
        said += " " + field_text(about["field"], (i, j), figure._shape[1:])
    return said


def tail(codes, number, code):
    """What is special about a value."""
    values = codes if codes.ndim == 1 else codes[number]
    peak, of = strength(values[None])[0], "map" if codes.ndim == 3 else "layer"
    if code == NEAR:
        return ", not 0 but too small for these digits"
    if peak == 0:
        return ", as everywhere in this map" if codes.ndim == 3 else ""
    if code > 0 and code == np.where(values == NEAR, 0, values).max():
        return f", the largest value of this {of}"
    return f", the lowest value of this {of}" if code < 0 and -code == peak else ""


def field_text(field, cell, pixels):
    """What an output sees, in words."""
    size, parts, lost, whole = field[0], [], [], False
    for word, place, most in zip(("row", "column"), cell, pixels, strict=True):
        first, last = spread(field, place)
        ends = f" {first}" if first == last else f"s {first} to {last}"
        parts += [(word + ends).replace("-", "−")]
        inside = max(min(last, most - 1) - max(first, 0) + 1, 0)
        lost += [(size - inside, f"{size - inside} of the {word}s")]
        whole |= inside == 0
    count = "one pixel" if size == 1 else f"{size} × {size} pixels"
    sees = f"It sees {count}, {' and '.join(parts)} of the picture"
    if whole:
        return f"{sees}: all of it outside the picture, in the padding."
    out = [(n, words) for n, words in lost if n]
    if not out:
        return f"{sees}."
    lie = "lies" if len(out) == 1 and out[0][0] == 1 else "lie"
    where = " and ".join(words for _, words in out)
    return f"{sees}: {where} {lie} outside it, in the padding."


def painted(codes, number):
    """A map's colours, (h, w, 3), on its own scale: grey from 0, or signed."""
    values = np.where(codes == NEAR, 0, codes.astype(float))
    scale = strength(codes)[number] or 1
    values = values[number]
    every = -(-max(values.shape) // 64)  # a still picture need not be finer
    values = values[::every, ::every]
    if (codes[codes != NEAR] < 0).any():
        return SIGNED[np.rint(127.5 + 127.5 * values / scale).astype(int)]
    return np.repeat((255 * values / scale)[..., None], 3, axis=2)


def maps(codes, chosen):
    """The first maps with their numbers, and where they end."""
    count = min(len(codes), SHOWN)
    columns = min(6, max(2, int(np.ceil(np.sqrt(count)))))
    step = (WIDE - LEFT + 8) / columns
    height, width = codes.shape[1:]
    unit = min(step - 8, 110) / max(height, width)
    parts, top = [], 26
    for k in range(count):
        left, top = LEFT + step * (k % columns), 26 + (step + 16) * (k // columns)
        weight = 700 if k == chosen else 400
        parts += [text(left, top + 12, str(k), weight=weight, size=13)]
        parts += [image(left, top + 17, unit, painted(codes, k), height, width)]
        if k == chosen:
            parts += [frame(0, 0, height, width, unit, top + 17, OUTPUT, left)]
    return "".join(parts), top + step + 16


def bars(codes, decimals, chosen):
    """The first numbers of dense units, and where they end."""
    most, parts = max(strength(codes).max(), 1), []
    signed = (codes[codes != NEAR] < 0).any()
    zero, reach = (LEFT + 210, 170) if signed else (LEFT + 40, 340)
    for k, code in enumerate(codes[:SHOWN]):
        y = 30 + 20 * k
        length = 0 if code == NEAR else reach * int(code) / most
        weight = 700 if k == chosen else 400
        parts += [text(LEFT, y + 13, str(k), weight=weight, size=13)]
        parts += [
            f'<rect x="{zero + min(length, 0):.1f}" y="{y}" width="{abs(length):.1f}" '
            f'height="15" fill="{OUTPUT}"/>'
        ]
        parts += [
            text(WIDE - 90, y + 13, value_text(code, decimals), weight=weight, size=13)
        ]
    return "".join(parts), 30 + 20 * min(len(codes), SHOWN)


def frame(row, column, height, width, unit, top, colour, left=0):
    """A frame round cells, to be seen on any picture."""
    place = (
        f'x="{left + unit * column:.2f}" y="{top + unit * row:.2f}" '
        f'width="{unit * width:.2f}" height="{unit * height:.2f}" fill="none"'
    )
    return "".join(
        f'<rect {place} stroke="{stroke}" stroke-width="{line}"/>'
        for line, stroke in ((7, "black"), (5, "white"), (2.5, colour))
    )


def image(left, top, unit, rgb, height=None, width=None):
    """Colours (h, w, 3) as a picture, `unit` wide a cell."""
    height, width = height or rgb.shape[0], width or rgb.shape[1]
    return (
        f'<image x="{left:.2f}" y="{top:.2f}" width="{unit * width:.2f}" '
        f'height="{unit * height:.2f}" preserveAspectRatio="none" '
        f'style="image-rendering: pixelated" href="{png(rgb)}"/>'
    )


def text(x, y, content, fill="var(--cnn-ink, #1f2328)", weight=600, size=14):
    """A line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'style="fill: {fill}">{escape(content)}</text>'
    )


def wrapped(said, longest=96):
    """The sentence in lines."""
    lines = [""]
    for word in said.split():
        if len(lines[-1]) + len(word) > longest:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def png(rgb):
    """Colours (h, w, 3) from 0 to 255 as a data URI."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width, _ = rgb.shape
    rows = np.rint(rgb).astype(np.uint8).reshape(height, 3 * width)
    rows = np.pad(rows, ((0, 0), (1, 0)))  # (h, 1 + 3 w): a zero opens each row
    data = b"\x89PNG\r\n\x1a\n"
    data += chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()
