"""What every result file holds, so that its run can be repeated."""

import json
import os
import platform
import resource
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results"


def write(name, packages, started, **found):
    """Writes ``results/<name>.json`` whole or not at all.

    Args:
        name: Name of the experiment.
        packages: Names of the packages whose versions matter.
        started: ``time.perf_counter()`` at the start.
        found: What was measured, and the settings that led to it.

    Returns:
        The path of the file.
    """
    record = {
        "command": " ".join(["python -m", f"experiments.{name}", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "device": f"CPU, {os.cpu_count()} cores, {platform.machine()}",
        "threads": os.environ.get("OMP_NUM_THREADS", "not set"),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "wall_seconds": round(time.perf_counter() - started, 1),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        **found,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    return path
