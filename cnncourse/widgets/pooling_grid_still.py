"""The pooling figure's first state as a still SVG picture."""

import html
import textwrap

import numpy as np

from .pooling_grid_words import (
    cell_text,
    format_number,
    gradient_text,
    left_out,
    left_out_text,
    misfit_text,
    route_text,
    shift_text,
    size_text,
    window_text,
)

INKS = {  # kind: (tint, text)
    "x": ("--cnn-input, #0072b2", "--cnn-input-ink, #005a8e"),
    "y": ("--cnn-output, #009e73", "--cnn-output-ink, #00694d"),
    "d": ("--cnn-grad, #d55e00", "--cnn-grad-ink, #a84300"),
}
INK, LINE = "--cnn-ink, #1f2328", "--cnn-line, #c9cfd6"


def _text(x, y, words, ink=INK, anchor="start", weight=400, size=15):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="var({ink})" '
        f'text-anchor="{anchor}" font-weight="{weight}">{html.escape(words)}</text>'
    )


def _box(left, top, width, height, stroke, wide=1, fill="none", opacity=0.0, dash=0):
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{fill}" fill-opacity="{opacity:.2f}" stroke="var({stroke})" '
        f'stroke-width="{wide}" stroke-dasharray="{dash}"/>'
    )


def _grid(kind, name, x, y, unit, values, window=None, faint=((), ()), marked=None):
    """A titled grid; window is (top, left, size), marked a mask of dashed cells."""
    tint, ink = INKS[kind]
    parts = [_text(x, y - 8, name, ink, weight=600)]
    most = np.abs(values).max() or 1
    for (i, j), value in np.ndenumerate(values):
        left, top = x + j * unit, y + i * unit
        out = i in faint[0] or j in faint[1]
        tone = 0 if out else 0.05 + 0.3 * abs(value) / most
        dash = 3 if out else 0
        parts.append(_box(left, top, unit, unit, LINE, 1, f"var({tint})", tone, dash))
        words = format_number(value, 2)
        size = min(15, 1.5 * unit / max(len(words), 2))
        middle = left + unit / 2, top + unit / 2 + size / 3
        parts.append(_text(*middle, words, INK, "middle", 400, size))
        if marked is not None and marked[i, j]:
            parts.append(_box(left + 3, top + 3, unit - 6, unit - 6, INK, 2, dash=4))
    if window:
        top, left, size = window
        parts.append(
            _box(x + left * unit, y + top * unit, size * unit, size * unit, tint, 3)
        )
    return parts


def draw_picture(w):
    """The first state as a still SVG, for print and for readers without JavaScript."""
    (h, wide), at, lost = w._hw, w.position, left_out(w)
    unit = min(40, 300 / wide)
    right, y = max(wide * unit, 120) + 40, 28
    if 0 in w._out_shape:
        parts = _grid("x", "input x", 2, y, unit, w._x, None, lost)
        words = [misfit_text(w)]
    else:
        corner = (*w._corner(at), w.size)
        row, col = divmod(at, w._out_shape[1])
        low = y + h * unit + 34  # top of the lower grids
        parts = _grid("x", "input x", 2, y, unit, w._x, corner, lost)
        parts += _grid(
            "y", f"output y: {w.mode}", 2, low, unit, w.output, (row, col, 1)
        )
        words = [window_text(w, w._x, "y", at)]
        if w.view == "shift":
            pooled, x = w._pool(w.shifted), w.shifted
            changed = np.abs(pooled - w.output) > 1e-9
            parts += _grid("x", "shifted x′", right, y, unit, x, corner, lost)
            spot = (row, col, 1)
            parts += _grid(
                "y",
                "y′ (dashed: changed)",
                right,
                low,
                unit,
                pooled,
                spot,
                marked=changed,
            )
            words += [window_text(w, x, "y′", at), shift_text(w)]
        else:
            parts += _grid("d", "gradient dx", right, y, unit, w.dx(), corner, lost)
            spot = (row, col, 1)
            parts += _grid("d", "gradient dy", right, low, unit, w._dy, spot)
            words += [route_text(w, at), cell_text(w, w.cell), gradient_text(w)]
        y = low + (w._out_shape[0] - h) * unit
    words += [size_text(w), left_out_text(w).replace("hatched", "dashed")]
    lines = [line for text in words for line in textwrap.wrap(text, 72)]
    end = y + h * unit
    for n, line in enumerate(lines, 1):
        parts.append(_text(2, end + 8 + 24 * n, line))
    width = min(max(right + max(wide * unit, 120), 9 * max(map(len, lines))), 660)
    height = end + 20 + 24 * len(lines)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'font-family="var(--cnn-sans, sans-serif)"><title>{html.escape(w.alt)}</title>'
        f"{''.join(parts)}</svg>"
    )
