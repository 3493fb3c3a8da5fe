"""What the pooling figure says about its state, in sentences.

The wording is the figure's own: pooling_grid.js writes the same sentences.
"""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np

LISTED = 16  # numbers of a window that are written out
WINDOWS = 6  # windows of an input cell that are written out


def format_number(value, places=4):
    """At most ``places`` decimals and a true minus sign, as the figure writes it."""
    size = abs(Decimal(float(value)))
    if 0 < size < Decimal(10) ** -places:
        mantissa, power = f"{size:.0e}".split("e")
        text = f"{mantissa}e−{-int(power)}"
    else:
        text = str(size.quantize(Decimal(10) ** -places, ROUND_HALF_UP))
        text = text.rstrip("0").rstrip(".")
    return f"−{text}" if value < 0 else text


def _sum(numbers):
    """ "3 − 8 + 1" """
    text = format_number(numbers[0])
    for v in numbers[1:]:
        text += f" − {format_number(-v)}" if v < 0 else f" + {format_number(v)}"
    return text


def _equals(numbers):
    """ " = ", or " ≈ " where a number is written rounded."""
    shown = [float(format_number(v).replace("−", "-")) for v in numbers]
    return " = " if np.allclose(shown, numbers, rtol=1e-9, atol=1e-9) else " ≈ "


def _counted(n, noun):
    return f"{n} {noun}{'' if n == 1 else 's'}"


def window_text(w, x, name, position):
    """The arithmetic of one output cell: "y[0, 1] = max(3, 8, 1, 4) = 8"."""
    (i, j), (top, left) = divmod(position, w._out_shape[1]), w._corner(position)
    a = x[top : top + w.size, left : left + w.size].ravel()
    y, k = w._pool(x)[i, j], len(a)
    head, end = f"{name}[{i}, {j}] = ", _equals([y, *a]) + format_number(y)
    if k == 1:
        return f"{head}x{name[1:]}[{top}, {left}]{end}"
    many = f"{k} numbers"
    if w.mode == "max":
        listed = ", ".join(map(format_number, a))
        return head + (f"max({listed})" if k <= LISTED else f"max of {many}") + end
    over = _sum(a) if k <= LISTED else f"sum of {many}"
    return head + (f"({over})/{k}" if w.mode == "avg" else over) + end


def shift_words(down, right, unit=""):
    """ "down by 1 and left by 2"; with a unit: "down by 1 cell"."""
    words = []
    for n, more, less in ((down, "down", "up"), (right, "right", "left")):
        if n:
            by = _counted(abs(n), unit) if unit else abs(n)
            words.append(f"{more if n > 0 else less} by {by}")
    return " and ".join(words)


def shift_text(w):
    """How many output cells the shift changed, and whether the output moved along."""
    down, right = w.shift
    if not (down or right):
        return "Not shifted yet: the arrows move the picture by one cell."
    y, moved, s = w.output, w._pool(w.shifted), w._step
    changed = int((np.abs(y - moved) > 1e-9).sum())
    cells = _counted(y.size, "output cell")
    text = f"Shifted {shift_words(down, right)}: {changed} of {cells} changed."
    if not changed:
        return f"{text} For this picture and this shift the output is invariant."
    if down % s or right % s:
        return (
            f"{text} The shift is not a multiple of the stride {s}: the output need "
            "not move along."
        )
    steps = down // s, right // s
    if any(abs(n) >= m for n, m in zip(steps, y.shape, strict=True)):
        return f"{text} The old output has moved out of the grid."
    return (
        f"{text} The output moved {shift_words(*steps, 'cell')}: equivariant, apart "
        "from what comes in at the edge."
    )


def route_text(w, position):
    """Where the gradient of one output cell goes."""
    (i, j), (top, left) = divmod(position, w._out_shape[1]), w._corner(position)
    dy, k = w._dy[i, j], w.size**2
    name = f"dy[{i}, {j}] = {format_number(dy)}"
    if k == 1:
        return f"{name} goes to x[{top}, {left}], the only cell of the window."
    if w.mode == "sum":
        return f"{name} goes to each cell of the window, undivided."
    if w.mode == "avg":
        share = f"{format_number(dy)}/{k}{_equals([dy, dy / k])}{format_number(dy / k)}"
        return f"{name} is shared out: {share} for each cell of the window."
    a = w._x[top : top + w.size, left : left + w.size]
    row, col = w._winner(top, left)
    ties = int((a == a.max()).sum())
    tied = f", the first of {ties} equal ones" if ties > 1 else ""
    return f"{name} goes to the maximum, x[{row}, {col}]{tied}; the others get 0."


def cell_text(w, cell):
    """The expanded sum of one entry of dx."""
    i, j = divmod(cell, w._hw[1])
    head, dy = f"dx[{i}, {j}] = ", w._dy
    corners = [(n, *w._corner(n)) for n in range(dy.size)]
    inside = [
        (n, top, left)
        for n, top, left in corners
        if top <= i < top + w.size and left <= j < left + w.size
    ]
    if not inside:
        return f"{head}0: x[{i}, {j}] is in no window."
    of = "its window" if len(inside) == 1 else f"its {len(inside)} windows"
    won, best = inside, "maximum"
    if w.mode == "max":
        winners = [w._winner(top, left) for _, top, left in inside]
        won = [p for p, best in zip(inside, winners, strict=True) if best == (i, j)]
        if any(w._x[p] == w._x[i, j] and p != (i, j) for p in winners):
            best = "first maximum"
        if not won:
            any_of = of if len(inside) == 1 else f"any of {of}"
            return f"{head}0: x[{i}, {j}] is not the {best} of {any_of}."
    numbers = [dy.flat[n] for n, _, _ in won]
    value = w.dx()[i, j]
    names = [f"dy[{n // dy.shape[1]}, {n % dy.shape[1]}]" for n, _, _ in won]
    left, right = " + ".join(names), _sum(numbers)
    if len(won) > WINDOWS:
        left, right = f"sum of dy over {len(won)} windows", _sum([sum(numbers)])
    if w.mode == "avg":
        several = len(won) > 1
        left = f"({left})/{w.size**2}" if several else f"{left}/{w.size**2}"
        compound = several and len(won) <= WINDOWS
        right = f"({right})/{w.size**2}" if compound else f"{right}/{w.size**2}"
    text = head + left
    if len(won) > 1 or w.mode == "avg":
        text += f" = {right}"
    end = _equals([value, *numbers]) + format_number(value)
    if text.endswith(end):
        end = ""
    if w.mode != "max":
        return f"{text}{end}: x[{i}, {j}] is in {_counted(len(inside), 'window')}."
    which = of if len(won) == len(inside) else f"{len(won)} of {of}"
    return f"{text}{end}: x[{i}, {j}] is the {best} of {which}."


def gradient_text(w):
    """What the mode does with the gradient, for all cells."""
    if w.mode != "max":
        share = f"dy/{w.size**2}" if w.mode == "avg" else "all of dy"
        return f"Each cell gets {share} from every window that it is in."
    n = range(w._dy.size)
    lost = w._x.size - len({w._winner(*w._corner(p)) for p in n})
    return f"{lost} of {w._x.size} input cells are no window's maximum: they get 0."


def size_text(w):
    """The size formula with its numbers, and the rows and columns in no window."""
    parts, s = [], w._step
    for n, name in zip(w._hw, ("height", "width"), strict=True):
        m = (n - w.size) // s + 1
        parts.append(f"{name} ⌊({n} − {w.size})/{s}⌋ + 1 = {format_number(m)}")
    return f"Output {', '.join(parts)}."


def left_out(w):
    """Rows and columns of the input that are in no window."""
    lost = []
    for n, m in zip(w._hw, w._out_shape, strict=True):
        seen = {i * w._step + k for i in range(m) for k in range(w.size)}
        lost.append([i for i in range(n) if i not in seen])
    return lost


def left_out_text(w):
    """The same in words: "Row 6 and column 6 are in no window (hatched): …"."""
    lost, names = left_out(w), []
    for which, noun in zip(lost, ("row", "column"), strict=True):
        if which:
            more = "s" if len(which) > 1 else ""
            names.append(f"{noun}{more} {', '.join(map(str, which))}")
    if not names:
        return "Every row and column is in a window."
    text = " and ".join(names)
    verb = "is" if sum(map(len, lost)) == 1 else "are"
    ends = [(m - 1) * w._step + w.size for m in w._out_shape]  # the last window's
    over = any(n > e for n, e in zip(w._hw, ends, strict=True))
    gap = any(i < e for which, e in zip(lost, ends, strict=True) for i in which)
    why = ["one more window would run over the border"] * over
    why += ["the stride is larger than the window"] * gap
    return (
        f"{text[0].upper()}{text[1:]} {verb} in no window (hatched): "
        f"{', and '.join(why)}."
    )


def misfit_text(w):
    """Why there is no output, and what fits."""
    h, wide = w._hw
    return (
        f"A window of {w.size} × {w.size} does not fit an input of {h} × {wide}: no "
        f"output. A size up to {min(h, wide)} fits."
    )
