"""What the layer stack's first state says, as text, a table and a still picture.

The wording is the figure's own: layer_stack.js writes the same sentences.
"""

import base64
import struct
import zlib
from html import escape

import numpy as np

KERNEL, OUTPUT = "var(--cnn-kernel, #e69f00)", "var(--cnn-output, #009e73)"
INK, SOFT = "var(--cnn-ink, #1f2328)", "var(--cnn-ink-soft, #57606a)"
LINE, PAPER = "var(--cnn-line, #c9cfd6)", "var(--cnn-paper, #ffffff)"
SIDE = 280  # of the picture


def number(value):
    """A number with thousands separators and a true minus sign."""
    text = f"{value:,.1f}".removesuffix(".0")
    return text.replace("-", "−")


def reach(rows, layers, n, axis, at):
    """Which indices of each map, input first, lead to index ``at`` of layer ``n``."""
    seen = [[at]]
    for layer, below in zip(layers[:n][::-1], rows[:n][::-1], strict=True):
        p, d = layer.get("pad", 0), layer.get("dilation", 1)
        taps = {
            i * layer["stride"] + d * t - p
            for i in seen[0]
            for t in range(layer["size"])
        }
        seen.insert(0, sorted(i for i in taps if 0 <= i < below["shape"][axis]))
    return seen


def layer_text(layer):
    """A layer in a few words, "conv 5 × 5, 8 kernels"."""
    text = f"{layer['kind']} {layer['size']} × {layer['size']}"
    if layer["kind"] == "pool":
        return f"{text}, stride {layer['stride']}"
    many = "" if layer["kernels"] == 1 else "s"
    text += f", {number(layer['kernels'])} kernel{many}"
    for key, usual in (("stride", 1), ("pad", 0), ("dilation", 1)):
        if layer[key] != usual:
            text += f", {key} {layer[key]}"
    return text


def misfit_text(rows, layers):
    """Which layer does not fit and why; "" where all do."""
    n = len(rows)
    if n > len(layers):
        return ""
    layer, (_, h, w) = layers[n - 1], rows[-1]["shape"]
    span = layer.get("dilation", 1) * (layer["size"] - 1) + 1
    p = layer.get("pad", 0)
    padded = f", with padding {h + 2 * p} × {w + 2 * p}" if p else ""
    return (
        f"Layer {n} does not fit: its window covers {span} × {span} pixels, "
        f"only {h} × {w} are left{padded}."
    )


def span_text(name, low, high):
    """ "rows 12 to 27", or "row 12" where there is one."""
    if low == high:
        return f"{name} {number(low)}"
    return f"{name}s {number(low)} to {number(high)}"


def field_text(rows, layers, n, cell):
    """What one output cell sees of the input, in one to three sentences."""
    row, size = rows[n], rows[0]["shape"][1:]
    spans, outside, inside, seen = [], [], 1, 1
    for axis, name in enumerate(("row", "column")):
        low = row["start"] + cell[axis] * row["jump"]
        high = low + row["field"] - 1
        spans.append(span_text(name, low, high))
        within = max(min(high, size[axis] - 1) - max(low, 0) + 1, 0)
        if row["field"] > within:
            outside.append(f"{number(row['field'] - within)} of the {name}s")
        inside *= within
        seen *= len(reach(rows, layers, n, axis + 1, cell[axis])[0])
    f = number(row["field"])
    who = f"Output ({cell[0]}, {cell[1]}) of layer {n}"
    if n == 0:
        who = f"Pixel ({cell[0]}, {cell[1]}) of the input"
    text = f"{who} sees {' and '.join(spans)} of the input: {f} × {f} "
    text += "pixels" if row["field"] > 1 else "pixel"
    if outside:
        one = len(outside) == 1 and outside[0].startswith("1 of")
        verb = "lies" if one else "lie"
        text += f", {' and '.join(outside)} {verb} outside, in the padding"
    if not seen:
        return f"{text}. No pixel of the input reaches it."
    if seen == inside:
        return f"{text}."
    return (
        f"{text}. Of the {number(inside)} pixels inside the input only "
        f"{number(seen)} can change it; the others are stepped over."
    )


def runs(indices):
    """Neighbouring indices together, as (first, last)."""
    found = []
    for i in indices:
        if found and found[-1][1] == i - 1:
            found[-1] = (found[-1][0], i)
        else:
            found.append((i, i))
    return found


def png(shade):
    """Grey pixels 0 to 255, (H, W), as a data address that an <image> can show."""
    height, width = shade.shape
    raw = b"".join(b"\0" + line.tobytes() for line in shade.astype(np.uint8))

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = (
        chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    )
    code = base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()
    return f"data:image/png;base64,{code}"


def svg_rect(x, y, width, height, style):
    """A rectangle in units of the drawing."""
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" '
        f"{style}/>"
    )


def grid(left, top, unit, height, width):
    """A map's outline and its cells, thinned out where they are small."""
    step = 1
    while step * unit < 6:
        step *= 2
    down = "".join(
        f"M{left + j * unit:.2f} {top:.2f}v{height * unit:.2f}"
        for j in [*range(0, width, step), width]
    )
    across = "".join(
        f"M{left:.2f} {top + i * unit:.2f}h{width * unit:.2f}"
        for i in [*range(0, height, step), height]
    )
    return f'<path d="{down}{across}" stroke="{LINE}" fill="none"/>'


def svg_text(x, y, words, ink=INK, weight=400):
    """One line of text with its base line at (x, y)."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="14" fill="{ink}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )


def draw_panels(w, rows):
    """The input with the field on it, and the chosen layer's map, as an SVG."""
    n = min(w.layer, len(rows) - 1)
    row, (_, h, wide) = rows[n], rows[0]["shape"]
    lows = [row["start"] + i * row["jump"] for i in w.cell]
    over = [
        max(-lo, lo + row["field"] - m) for lo, m in zip(lows, (h, wide), strict=True)
    ]
    margin = min(max(0, *over), max(h, wide) // 2)
    unit = SIDE / (max(h, wide) + 2 * margin)
    x, y = 2 + margin * unit, 24 + margin * unit  # of the input's first pixel
    parts = [svg_text(2, 15, f"input, {h} × {wide} pixels", weight=600)]
    if margin:
        size = ((wide + 2 * margin) * unit, (h + 2 * margin) * unit)
        dashed = f'fill="none" stroke="{SOFT}" stroke-dasharray="2 4"'
        parts.append(svg_rect(2, 24, *size, dashed))
    if w.picture is None:
        parts.append(grid(x, y, unit, h, wide))
    else:
        parts.append(
            f'<image x="{x:.2f}" y="{y:.2f}" width="{wide * unit:.2f}" '
            f'height="{h * unit:.2f}" preserveAspectRatio="none" '
            f'style="image-rendering:pixelated" '
            f'href="{png(np.rint(255 * np.array(w.picture)))}"/>'
        )
    seen = [runs(reach(rows, w.layers, n, k + 1, w.cell[k])[0]) for k in (0, 1)]
    for top, bottom in seen[0] if len(seen[0]) * len(seen[1]) <= 400 else []:
        for left, right in seen[1]:
            size = ((right - left + 1) * unit, (bottom - top + 1) * unit)
            tint = f'fill="{KERNEL}" fill-opacity="0.35"'
            parts.append(svg_rect(x + left * unit, y + top * unit, *size, tint))
    corner = (x + lows[1] * unit, y + lows[0] * unit)
    line = f'fill="none" stroke="{KERNEL}" stroke-width="3"'
    line += ' stroke-dasharray="6 4"' if max(over) > 0 else ""
    parts.append(svg_rect(*corner, row["field"] * unit, row["field"] * unit, line))
    _, high, broad = row["shape"]
    side = min(40, 240 / max(high, broad))
    name = f"output of layer {n}" if n else "input"
    parts.append(svg_text(340, 15, f"{name}, {high} × {broad} cells", weight=600))
    parts.append(grid(340, 24, side, high, broad))
    here = (340 + w.cell[1] * side, 24 + w.cell[0] * side)
    parts.append(svg_rect(*here, side, side, f'fill="{OUTPUT}" stroke="{INK}"'))
    height = 24 + (h + 2 * margin) * unit + 4
    height = max(height, 28 + high * side)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 600 {height:.0f}" width="600" '
        'font-family="var(--cnn-sans, sans-serif)">'
        f"<title>{escape(w.alt)}</title>{''.join(parts)}</svg>"
    )


HEADS = (
    "Layer",
    "Output",
    "Parameters",
    "Multiply-adds",
    "Field",
    "Jump",
    "First centre",
)


def table_rows(w, rows):
    """The table's texts: the input, every layer, and the totals."""
    names = ["input", *(f"{n} {layer_text(a)}" for n, a in enumerate(w.layers, 1))]
    for n, name in enumerate(names):
        if n >= len(rows):
            yield [name, *[""] * (len(HEADS) - 1)]
            continue
        r = rows[n]
        costs = [number(r[key]) if n else "" for key in ("parameters", "multiply_adds")]
        shape = " × ".join(map(number, r["shape"]))
        yield [
            name,
            shape,
            *costs,
            *(number(r[k]) for k in ("field", "jump", "centre")),
        ]
    sums = [number(sum(r[k] for r in rows)) for k in ("parameters", "multiply_adds")]
    total = "all layers" if len(rows) > len(w.layers) else "all layers that fit"
    yield [total, "", *sums, "", "", ""]


def draw_picture(w, rows):
    """The first state for print and for readers without JavaScript, as HTML.

    Args:
        w: the LayerStack.
        rows: its ``walk``, the input first.

    Returns:
        A table, the picture, and the sentences, as one string.
    """
    cell = "padding:4px 0 4px 14px;text-align:right;white-space:nowrap;line-height:1.4"
    first = "padding:4px 0;text-align:left;font-weight:400;line-height:1.4"
    heads = "".join(
        f'<th scope="col" style="{cell if n else first}">{name}</th>'
        for n, name in enumerate(HEADS)
    )
    body = ""
    for name, *texts in table_rows(w, rows):
        body += f'<tr><th scope="row" style="{first}">{escape(name)}</th>'
        body += "".join(f'<td style="{cell}">{text}</td>' for text in texts) + "</tr>"
    n = min(w.layer, len(rows) - 1)
    words = [misfit_text(rows, w.layers), field_text(rows, w.layers, n, w.cell)]
    said = "".join(f"<p>{escape(text)}</p>" for text in words if text)
    return (
        '<div style="overflow-x:auto">'
        '<table style="border-collapse:collapse;font-size:14px">'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        f"{draw_panels(w, rows)}{said}"
    )
