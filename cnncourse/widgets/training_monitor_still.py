"""The still picture of a TrainingMonitor, and the words and axes it shares with it."""

import math
from html import escape

from .kernel_learner_still import short
from .kernel_playground_still import OUTPUT, text

INK = "var(--cnn-ink, #1f2328)"
LINE = "var(--cnn-line, #c9cfd6)"
BAD = "var(--cnn-grad-ink, #a84300)"
TOP, WIDE, HIGH = 62, 190, 150  # of a panel's box
LEFTS = (52, 372)  # of the two boxes


def still(run, epochs, title):
    """Draw loss and accuracy over the epochs, the best epoch marked, and say it.

    Args:
        run: What the browser gets: phase, why, history (None for what is no number).
        epochs: How many epochs there are to be.
        title: A title, or "".

    Returns:
        The SVG as a string, 640 wide; its colours follow the page's theme.
    """
    history, mark = run["history"], best(run["history"])
    said = [phase_words(run, epochs), *findings(history)]
    lines = [part for sentence in said for part in wrap(sentence, 88)]
    parts = [text(0, 16, title, weight=600)] if title else []
    for left, name in zip(LEFTS, ("loss", "accuracy"), strict=True):
        parts += panel(left, name, history, epochs, mark)
    start = TOP + HIGH + 62
    parts += [text(0, start + 22 * i, line) for i, line in enumerate(lines)]
    height = start + 22 * len(lines)
    words = escape(" ".join([title, *said]).strip())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" '
        f'width="640" height="{height}" role="img" '
        f'style="max-width: 100%; height: auto; '
        f'font-family: var(--cnn-sans, sans-serif)">'
        f"<title>{words}</title>{''.join(parts)}</svg>"
    )


def panel(left, name, history, epochs, mark):
    """Axis and lines of the loss or of the accuracy."""
    train, held = history[name], history[f"val_{name}"]
    scale = (loss_axis if name == "loss" else accuracy_axis)([*train, *held])
    parts = [text(left - 44, TOP - 26, name + scale["note"], weight=600)]
    for at, label in scale["ticks"]:
        y = TOP + HIGH * (1 - at)
        parts.append(f'<path d="M{left},{y:.1f}h{WIDE}" stroke="{LINE}"/>')
        parts.append(text(left - 6, y + 4, label, anchor="end", size=12, soft=True))
    for n in epoch_ticks(epochs):
        x = left + WIDE * n / epochs
        parts.append(text(x, TOP + HIGH + 18, str(n), "400", "middle", 12, True))
    parts.append(
        text(left + WIDE / 2, TOP + HIGH + 36, "epoch", "400", "middle", 12, True)
    )
    if mark:
        x = left + WIDE * mark / epochs
        parts.append(
            f'<path d="M{x:.1f},{TOP}v{HIGH}" stroke="{INK}" stroke-dasharray="1 4"/>'
        )
        parts.append(text(x, TOP - 7, f"best: {mark}", "600", "middle", 12))
    labels = []
    for values, dash, word in ((train, "6 4", "training"), (held, "", "validation")):
        points = [
            (left + WIDE * (i + 1) / epochs, TOP + HIGH * (1 - height(v, scale)))
            for i, v in enumerate(values)
            if v is not None
        ]
        gone = [i for i, v in enumerate(values) if v is None]
        if not points:
            continue
        path, last = "", -2
        known = [i for i, v in enumerate(values) if v is not None]
        for i, (x, y) in zip(known, points, strict=True):
            path += f"{'L' if i == last + 1 else 'M'}{x:.1f},{y:.1f}"
            last = i
        parts.append(
            f'<path d="{path}" fill="none" stroke="{OUTPUT}" stroke-width="2.2" '
            f'stroke-dasharray="{dash or "none"}"/>'
        )
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{OUTPUT}"/>'
            for x, y in points
            if epochs <= 40
        ]
        parts += [
            f'<path d="M{left + WIDE * (i + 1) / epochs:.1f},{TOP}v{HIGH}" '
            f'stroke="{BAD}" stroke-width="2" stroke-dasharray="4 3"/>'
            for i in gone
        ]
        labels.append([*points[-1], word])
    if len(labels) == 2 and abs(labels[0][1] - labels[1][1]) < 16:
        middle = (labels[0][1] + labels[1][1]) / 2
        first = 1 if labels[0][1] < labels[1][1] else -1
        labels[0][1], labels[1][1] = middle - 8 * first, middle + 8 * first
    return parts + [text(x + 8, y + 4, word, size=13) for x, y, word in labels]


# --- what Python and JavaScript both say -------------------------------------


def best(history):
    """The epoch with the lowest validation loss, from 1; None without one."""
    known = [(v, i + 1) for i, v in enumerate(history["val_loss"]) if v is not None]
    return min(known)[1] if known else None


def clock(seconds):
    """A time in words: 0.42 s, 7.3 s, 48 s, 2 min 05 s, 1 h 03 min."""
    if seconds < 0.9995:
        return f"{math.floor(100 * seconds + 0.5) / 100:.2f} s"
    if seconds < 9.95:
        return f"{math.floor(10 * seconds + 0.5) / 10:.1f} s"
    whole = math.floor(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = math.floor(seconds / 60 + 0.5)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def percent(share):
    """A share from 0 to 1 in percent, two decimals, halves upwards."""
    return f"{math.floor(10000 * share + 0.5) / 100:.2f} %"


def phase_words(run, epochs):
    """Where the training stands, in one sentence."""
    n, seconds = len(run["history"]["loss"]), run["history"]["seconds"]
    time = f", at {clock(seconds[n - 1])}" if n and seconds else ""
    if run["phase"] == "waiting":
        return f"Training has not begun; epochs to come: {epochs}."
    if run["phase"] == "training":
        after = " The training stops after it." if run["stopping"] else ""
        return f"Epoch {min(n + 1, epochs)} of {epochs} is running.{after}"
    if run["phase"] == "done" and n >= epochs:
        took = f" in {clock(seconds[n - 1])}" if seconds else ""
        return f"Finished: {n} of {epochs} epochs{took}."
    if run["phase"] == "done":
        return f"Finished early, after epoch {n} of {epochs}{time}."
    if run["phase"] == "stopped":
        return f"Stopped on request after epoch {n} of {epochs}{time}."
    why = f": {run['why']}" if run["why"] else "."
    if n == 0:
        return f"Stopped before the first of {epochs} epochs was complete{why}"
    return f"Stopped after epoch {n} of {epochs}{time}{why}"


def findings(history):
    """What the curves say: divergence, the best epoch, and what came after it."""
    said = []
    for name, words in (("loss", "The loss"), ("val_loss", "The validation loss")):
        if None in history[name]:
            bad = history[name].index(None) + 1
            lead = f"Diverged in epoch {bad}: the" if name == "loss" else "The"
            said.append(f"{lead}{words[3:]} of epoch {bad} is no number.")
            break
    top = best(history)
    if top is None:
        return said
    held, shares = history["val_loss"], history["val_accuracy"]
    share = shares[top - 1] if shares else None
    also = "" if share is None else f" (validation accuracy {percent(share)})"
    said.append(f"Lowest validation loss: {short(held[top - 1])} in epoch {top}{also}.")
    known = [(-v, i) for i, v in enumerate(shares) if v is not None]
    if known and share is not None and percent(-min(known)[0]) != percent(share):
        most, i = min(known)
        said.append(f"Highest validation accuracy: {percent(-most)} in epoch {i + 1}.")
    n, loss = len(held), history["loss"]
    ends = [loss[top - 1], loss[n - 1], held[top - 1], held[n - 1]]
    if None not in ends and ends[1] < ends[0] and ends[3] > ends[2]:
        a, b, c, d = map(short, ends)
        said.append(
            f"From there to epoch {n} the training loss fell from {a} to {b}, the "
            f"validation loss rose from {c} to {d}: a sign of overfitting."
        )
    return said


def nice(step):
    """The next of ... 0.1, 0.2, 0.5, 1, 2, 5, 10 ... that is not below step."""
    power = 10.0 ** math.floor(math.log10(step) + 1e-9)
    return power * next(k for k in (1, 2, 5, 10) if k * power >= step * (1 - 1e-9))


def loss_axis(values):
    """From 0 up, or powers of ten where the losses differ by more than a hundredfold.

    Returns:
        {"low", "high", "log", "note", "ticks"}; a tick is [height from 0 to 1, label].
    """
    known = [v for v in values if v is not None] or [1]
    most, least = max(*known, 0), min((v for v in known if v > 0), default=0)
    if min(known) > 0 and most > 100 * least:
        low = math.floor(math.log10(least) + 1e-9)
        high = max(math.ceil(math.log10(most) - 1e-9), low + 1)
        every = math.ceil((high - low) / 5)
        ticks = [
            [(d - low) / (high - low), short(10.0**d)] for d in range(low, high + 1)
        ]
        note = ", log axis"
        ticks = ticks[::every]
    else:
        step = nice((most - min(*known, 0) or 1) / 4)
        low = step * math.floor(min(*known, 0) / step + 1e-9)
        count = max(math.ceil((most - low) / step - 1e-9), 1)
        high, note = low + step * count, ""
        ticks = [[k / count, short(low + k * step)] for k in range(count + 1)]
    return {"low": low, "high": high, "log": bool(note), "note": note, "ticks": ticks}


def accuracy_axis(values):
    """Up to 100 %, from a round number not above the least share."""
    known = [v for v in values if v is not None] or [0]
    step = nice(max(1 - min(known), 0.002) / 4)
    count = max(math.ceil((1 - min(known)) / step - 1e-9), 1)
    digits = max(0, -math.floor(math.log10(100 * step) + 1e-9))
    ticks = [
        [k / count, f"{100 * (1 - (count - k) * step):.{digits}f} %"]
        for k in range(count + 1)
    ]
    low = 1 - count * step
    return {"low": low, "high": 1, "log": False, "note": "", "ticks": ticks}


def epoch_ticks(epochs):
    """At most six round epochs that get a label."""
    every = max(1, round(nice(epochs / 6)))
    return [*range(every, epochs + 1, every)] or [epochs]


def height(value, axis):
    """Where a value stands on an axis: 0 at the bottom, 1 at the top."""
    v = math.log10(value) if axis["log"] else value
    return min(max((v - axis["low"]) / (axis["high"] - axis["low"]), 0), 1)


def wrap(sentence, width):
    """Lines of at most so many characters."""
    lines = [""]
    for word in sentence.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
