"""What every result file holds, so that its run can be repeated; files written whole.

NumPy and the standard library only: frameworks are asked only if they are loaded.
"""

import contextlib
import errno
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
FULL = (errno.ENOSPC, errno.EDQUOT)


def whole(path, content):
    """Writes a file whole or not at all: what stood there before stays until then.

    Args:
        path: The file.
        content: Its bytes.

    Raises:
        SystemExit: The disk is full; the message names the folder.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if error.errno not in FULL:
            raise
        raise SystemExit(
            f"The disk is full: {len(content) / 2**20:.1f} MiB for {path.name} did not "
            f"fit into {path.parent}. What was kept before is as it was. Make room, "
            "then start the same command again: it goes on from there."
        ) from None


def save(name, record):
    """Writes ``results/<name>.json`` and returns its path."""
    path = RESULTS / f"{name}.json"
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    whole(path, text.encode())
    return path


def _gpus():
    """Names of the GPUs that TensorFlow uses in this process: (kind, name)."""
    tf = sys.modules.get("tensorflow")
    found = []
    for gpu in tf.config.list_physical_devices("GPU") if tf else []:
        name = tf.config.experimental.get_device_details(gpu).get("device_name", "")
        found.append(("MPS" if "METAL" in name.upper() else "CUDA", name or gpu.name))
    return found


def device():
    """The device in words: a GPU (CUDA or MPS) where there is one, or the CPU."""
    cpu = f"CPU, {os.cpu_count()} cores, {platform.machine()}"
    return ", ".join(f"GPU ({kind}), {name}" for kind, name in _gpus()) or cpu


def threads():
    """Threads for arithmetic, as far as somebody has set them."""
    return os.environ.get("OMP_NUM_THREADS", "not set")


def peak_memory():
    """Peak memory of this process so far, and of the GPU where there is one, in MiB."""
    bytes_each = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_each
    status = Path("/proc/self/status")  # ru_maxrss may hold the starter's peak
    if status.exists():
        lines = [s for s in status.read_text().splitlines() if s.startswith("VmHWM:")]
        peak = int(lines[0].split()[1]) * 1024 if lines else peak
    found = {"peak_memory_mib": peak // 2**20}
    if any(kind == "CUDA" for kind, _ in _gpus()):
        info = sys.modules["tensorflow"].config.experimental.get_memory_info("GPU:0")
        found["peak_gpu_memory_mib"] = info["peak"] // 2**20
    return found


def versions(packages):
    """The versions of Python and of some packages."""
    return {"python": platform.python_version()} | {p: version(p) for p in packages}


def write(name, packages, started, **found):
    """Writes a result without the runner: for steps that need no checkpoints.

    Args:
        name: Name of the experiment.
        packages: Names of the packages whose versions matter.
        started: ``time.perf_counter()`` at the start.
        found: What was measured, the settings that led to it, and ``quoted``.

    Returns:
        The path of the file.
    """
    record = {
        "command": " ".join(["python -m", f"experiments.{name}", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "device": device(),
        "threads": threads(),
        "versions": versions(packages),
        "wall_seconds": round(time.perf_counter() - started, 1),
        **peak_memory(),
        **found,
    }
    return save(name, record)
