"""The still picture of a KernelLearner: what a page without scripts shows."""

from html import escape

import numpy as np

from .kernel_playground_still import GREY, INPUT, KERNEL, OUTPUT, SIGNED, png, text

INK = "var(--cnn-ink, #1f2328)"
LINE = "var(--cnn-line, #c9cfd6)"
BAD = "var(--cnn-grad-ink, #a84300)"
EDGE, STEP = 148, 164  # of a panel: its side, and from one to the next
LEFT, TOP, WIDE, HIGH = 396, 252, 236, 120  # the curve's box
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def still(x, kernel, kernels, losses, figure):
    """Draw picture, target, response, difference, both kernels and the loss curve.

    Args:
        x: The chosen picture.
        kernel: The secret kernel.
        kernels: The learned kernel at each step.
        losses: The loss at each step.
        figure: Has the attributes choice, lr, step, eigenvalues and limit.

    Returns:
        The SVG as a string, 640 wide; its colours follow the page's theme.

    Shapes:
        x (H, W), kernel (R, S), kernels (T + 1, R, S), losses (T + 1,).
    """
    last = len(losses) - 1
    t = min(figure.step, last)
    z, y, first = (correlate(x, w) for w in (kernel, kernels[t], kernels[0]))
    scale = max(np.abs(z).max(), np.abs(first).max())
    scale = scale if scale > 1e-9 else 1
    parts = [panel(0, "x, picture", x, 255 * x, GREY, INPUT)]
    for k, (name, values) in enumerate(
        [("z, target", z), ("y, response", y), ("y − z, difference", y - z)], start=1
    ):
        shade = np.clip(127.5 + 127.5 * values / scale, 0, 255)
        parts.append(panel(k, name, values, shade, SIGNED, OUTPUT))
    parts += [
        table(0, "secret kernel", kernel, kernel),
        table(184, "learned w", kernels[t], kernel, mark=True),
        curve(losses, t),
    ]
    error = short(np.abs(kernels[t] - kernel).max())
    where = f"Step {t} of {last}: loss {short(losses[t])}, largest deviation {error}."
    bottom = TOP + max(HIGH + 56, 24 * len(kernel) + 40)
    rate = (
        f"λ_max = {short(figure.eigenvalues[-1])}: learning rates below 2/λ_max = "
        f"{short(figure.limit)} converge; here {short(figure.lr)}."
    )
    if not np.isfinite(figure.limit):
        rate = "λ_max = 0: the picture is black, and so is every response."
    parts += [text(0, bottom, where), text(0, bottom + 24, rate)]
    title = escape(f"Learning a kernel from {figure.choice}. {where} {rate}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {bottom + 36}" '
        f'width="640" height="{bottom + 36}" role="img" '
        f'style="max-width: 100%; height: auto; '
        f'font-family: var(--cnn-sans, sans-serif)">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def correlate(x, w):
    """The response (H', W') of x (H, W) to w (R, S)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)  # (H', W', R, S)
    return np.einsum("ijrs,rs->ij", windows, w)  # (H', W')


def panel(k, name, values, shade, palette, colour):
    """The k-th picture; `shade` counts in `palette`."""
    unit, left = EDGE / max(values.shape), STEP * k
    height, width = unit * np.array(values.shape)
    href = png(np.rint(shade).astype(np.uint8), palette)
    low, high = values.min(), values.max()
    if k == 0:  # brightness needs no powers of ten
        low, high = round(low, 2), round(high, 2)
    ends = f"{short(low, 2)} to {short(high, 2)}"
    return (
        text(left, 14, name, weight=600, size=13)
        + f'<image x="{left}" y="24" width="{width:.2f}" height="{height:.2f}" '
        f'preserveAspectRatio="none" style="image-rendering: pixelated" '
        f'href="{href}"/>'
        + f'<rect x="{left}" y="175" width="{EDGE}" height="3" fill="{colour}"/>'
        + text(left, 196, ends, soft=True)
    )


def table(left, name, values, kernel, mark=False):
    """Numbers in a frame; the one farthest from the secret kernel may be marked."""
    (R, S), cell = values.shape, min(52, 164 // values.shape[1])
    decimals = 3 if np.abs(kernel).max() < 0.995 else 2
    parts = [text(left, TOP - 10, name, weight=600)]
    for r, s in np.ndindex(R, S):
        x, y = left + cell * s, TOP + 24 * r
        number = cell_text(values[r, s], decimals)
        parts.append(text(x + cell / 2, y + 17, number, anchor="middle", size=12))
    if mark:
        far = np.argmax(np.abs(values - kernel))
        r, s = np.unravel_index(far, values.shape)
        parts.append(
            f'<rect x="{left + cell * s + 2}" y="{TOP + 24 * r + 2}" '
            f'width="{cell - 4}" height="20" fill="none" stroke="{BAD}" '
            f'stroke-dasharray="4 3"/>'
        )
    frame = f'width="{cell * S}" height="{24 * R}" fill="none" stroke="{KERNEL}"'
    return "".join([*parts, f'<rect x="{left}" y="{TOP}" {frame} stroke-width="2"/>'])


def curve(losses, t):
    """The loss over the steps on a log axis, step t marked."""
    last = len(losses) - 1
    high = int(np.ceil(np.log10(max(losses.max(), 1e-15)) - 1e-9))
    least = max(losses.min(), 10.0 ** (high - 18), 1e-16)
    low = min(int(np.floor(np.log10(least) + 1e-9)), high - 1)
    levels = np.log10(np.maximum(losses, 10.0**low))
    x = LEFT + WIDE * np.arange(last + 1) / last
    y = TOP + HIGH * (high - levels) / (high - low)
    parts = [text(LEFT, TOP - 10, "loss L, log axis", weight=600)]
    for decade in range(high, low - 1, (low - high) // 5):
        at = TOP + HIGH * (high - decade) / (high - low)
        parts += [
            f'<path d="M{LEFT},{at:.1f}h{WIDE}" stroke="{LINE}"/>',
            text(LEFT - 6, at + 4, power(decade), anchor="end", size=12, soft=True),
        ]
    keep = np.unique(np.r_[:20, 0 : last + 1 : -(-last // 300), last])
    keep = keep[keep <= last]
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[keep], y[keep], strict=True))
    parts += [
        f'<polyline points="{points}" fill="none" stroke="{INK}" stroke-width="2"/>',
        f'<path d="M{x[t]:.1f},{TOP}v{HIGH}" stroke="{BAD}" stroke-dasharray="4 3"/>',
        f'<circle cx="{x[t]:.1f}" cy="{y[t]:.1f}" r="5" fill="{BAD}"/>',
        text(LEFT, TOP + HIGH + 20, "0", size=12, soft=True),
        text(LEFT + WIDE, TOP + HIGH + 20, str(last), "400", "end", 12, True),
        text(LEFT + WIDE / 2, TOP + HIGH + 20, "step", "400", "middle", 12, True),
    ]
    return "".join(parts)


def short(value, digits=3):
    """Three digits; powers of ten below 0.001 and from 10 000."""
    rounded = float(f"{value:.{digits - 1}e}")
    if rounded == 0 or not np.isfinite(rounded):
        return "0" if rounded == 0 else "∞"
    if 0.001 <= abs(rounded) < 10000:
        return np.format_float_positional(rounded, trim="-").replace("-", "−")
    mantissa, exponent = f"{rounded:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".").replace("-", "−")
    return f"{mantissa} × {power(int(exponent))}"


def power(decade):
    """A power of ten, its exponent in raised digits."""
    return "10" + str(decade).translate(RAISED)


def cell_text(value, decimals):
    """So many decimals, or 1.2e6 where that is too long."""
    if abs(value) >= 99.995:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    return f"{round(value, decimals) + 0:.{decimals}f}".replace("-", "−")
