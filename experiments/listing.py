"""Lists the stored results: how old, how long they took, on what, and who quotes them.

python -m experiments.listing
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = ("result", "age", "took", "device", "pages that read it")


def readers(name, chapters):
    """Names of the pages with a code cell that reads a result."""
    found = []
    for page in sorted(Path(chapters).glob("*.ipynb")):
        cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
        code = ("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        if any(f"results/{name}" in text for text in code):
            found.append(page.stem)
    return found


def rows(results, chapters, today):
    """One row of words for each result, in the order of ``HEAD``."""
    for path in sorted(Path(results).glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            age = (today - date.fromisoformat(record["date"])).days
            took, device = _time(record["wall_seconds"]), record["device"]
        except (ValueError, KeyError, TypeError) as error:
            yield path.name, "?", "?", f"not readable: {error!r}", ""
            continue
        days = "today" if age == 0 else "1 day" if age == 1 else f"{age} days"
        pages = ", ".join(readers(path.name, chapters)) or "no page"
        yield path.name, days, took, device, pages


def table(lines):
    """Rows of words as one text, in columns."""
    lines = [HEAD, *lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(word.ljust(w) for word, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _time(seconds):
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


if __name__ == "__main__":
    today = datetime.now(UTC).date()
    print(table(rows(ROOT / "results", ROOT / "chapters", today)))
