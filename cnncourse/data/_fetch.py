"""The canonical files of a set: found in the cache, or fetched from a mirror.

A file counts only if its checksum is the canonical one, so it does not matter
who delivers it. pooch downloads beside the target and renames, so a reader of
the cache, or a second process, never sees half a file.
"""

import errno
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from ._registry import FILES, MIRRORS

SPARE = Path(tempfile.gettempdir()) / "cnncourse"  # where the cache is read-only
PATIENCE = 6  # seconds until a silent network counts as none
MEMORY = 120  # seconds for which that is remembered
STALL = 15  # seconds without a byte that end a download
ROUNDS = 2  # times each mirror is tried for a file
# A bar needs a screen that can redraw a line. A page being built has none:
# there is no terminal, and none of these front ends started its kernel.
FRONT_ENDS = ("JPY_SESSION_NAME", "COLAB_RELEASE_TAG", "VSCODE_PID")

_silent_until = 0.0


class SetUnavailableError(OSError):
    """A set is neither cached nor to be had; the message says what was tried."""


def tell(line: str) -> None:
    """Say one line to whoever is watching.

    It goes to stderr: seen in a terminal, in a notebook and on a built page,
    apart from the results; and, unlike a Python warning or a log record, no
    filter or logging set-up can swallow it, repeat it or make it an error.
    """
    sys.stderr.write(line + "\n")


def folder() -> Path:
    """Folder that holds the sets: ``CNNCOURSE_DATA``, or the user's cache."""
    chosen = os.environ.get("CNNCOURSE_DATA")
    if chosen:
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("cnncourse"))


def files(key: str) -> dict[str, Path]:
    """Checked path of every file of a set; what is missing is fetched.

    Args:
        key: ``"mnist"``, ``"fashion-mnist"`` or ``"cifar-10"``.

    Raises:
        SetUnavailableError: a file is missing or damaged and could not be fetched.
    """
    found, faults = {}, []
    for file, (md5, _) in FILES[key].items():
        for place in (folder(), SPARE):
            fault = _fault(place / key / file, md5)
            if fault is None:
                found[file] = place / key / file
                break
            faults += [fault] if fault else []
    missing = [file for file in FILES[key] if file not in found]
    if missing:
        try:
            mirrors = _answering(key, missing[0])
            found |= {file: _download(key, file, mirrors) for file in missing}
        except SetUnavailableError as error:
            state = faults or [f"it is not in {folder()}"]
            raise SetUnavailableError("; ".join([*state, str(error)])) from error
        if any(SPARE in found[file].parents for file in missing):
            tell(
                f"{folder()} cannot be written: {key} is in {SPARE} for now. "
                "Set CNNCOURSE_DATA to a folder of yours."
            )
    return {file: found[file] for file in FILES[key]}  # in the table's order


def _fault(path: Path, md5: str) -> str | None:
    """None if the file is whole, "" if there is none, else what is wrong with it."""
    import pooch

    try:
        whole = pooch.file_hash(path, alg="md5") == md5
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return None if whole else f"{path} is damaged (its md5 is not {md5})"


def _answering(key: str, file: str) -> list[str]:
    """Mirrors that have a file, in the table's order.

    All are asked at once, in threads that are waited for ``PATIENCE`` seconds at
    most: a network that swallows packets, or name servers, has no shorter limit.
    If none answers, nobody is asked again for ``MEMORY`` seconds.
    """
    global _silent_until
    if os.environ.get("CNNCOURSE_OFFLINE"):
        raise SetUnavailableError("CNNCOURSE_OFFLINE is set, so no mirror was asked")
    if time.monotonic() < _silent_until:
        raise SetUnavailableError("no mirror answers")
    import pooch

    answers = queue.SimpleQueue()

    def ask(mirror):
        head = pooch.HTTPDownloader(timeout=PATIENCE)
        try:
            answer = head(mirror + file, None, None, check_only=True)  # True, False
        except Exception:  # whatever went wrong, this mirror did not answer
            answer = None
        answers.put((mirror, answer))

    heard = {}
    deadline = time.monotonic() + PATIENCE
    for mirror in MIRRORS[key]:
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    while len(heard) < len(MIRRORS[key]):
        try:
            mirror, answer = answers.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            break
        heard[mirror] = answer
    if all(answer is None for answer in heard.values()):
        _silent_until = time.monotonic() + MEMORY
        raise SetUnavailableError("no mirror answers")
    if not any(heard.values()):
        raise SetUnavailableError(f"no mirror has {file}")
    return [mirror for mirror in MIRRORS[key] if heard.get(mirror)]


def _download(key: str, file: str, mirrors: list[str]) -> Path:
    """Fetch one file into the cache, or where that is read-only into ``SPARE``."""
    for place in (folder(), SPARE):
        try:
            return _from_any(mirrors, key, file, place / key)
        except SetUnavailableError:
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise SetUnavailableError(_full(key, place)) from error
    raise SetUnavailableError(f"neither {folder()} nor {SPARE} can be written")


def _from_any(mirrors: list[str], key: str, file: str, target: Path) -> Path:
    """Fetch one file from the first mirror that delivers it whole."""
    import requests

    faults = {}
    for mirror in mirrors * ROUNDS:
        try:
            return _retrieve(mirror, key, file, target)
        except ValueError:  # pooch compared checksums
            faults[mirror] = f"{mirror} sent a damaged {file}"
        except requests.RequestException as error:
            faults[mirror] = f"{mirror} broke off ({type(error).__name__})"
    raise SetUnavailableError("; ".join(faults.values()))


def _retrieve(mirror: str, key: str, file: str, target: Path) -> Path:
    """One attempt: download, check, rename, and let others read the result."""
    import pooch
    from tqdm import tqdm

    md5, size = FILES[key][file]
    live = sys.stderr.isatty() or any(name in os.environ for name in FRONT_ENDS)
    log = pooch.get_logger()
    level = log.level
    target.mkdir(parents=True, exist_ok=True)
    with tqdm(
        desc=f"{key}/{file}",
        total=size,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=not live,
    ) as bar:
        log.setLevel("WARNING")  # its two lines a file would stay on a built page
        try:
            path = pooch.retrieve(
                mirror + file,
                known_hash=f"md5:{md5}",
                fname=file,
                path=target,
                downloader=pooch.HTTPDownloader(bar, chunk_size=1 << 16, timeout=STALL),
            )
        finally:
            log.setLevel(level)
    os.chmod(path, 0o644)  # pooch leaves its temporary file's 0600
    return Path(path)


def _full(key: str, place: Path) -> str:
    need = sum(size for _, size in FILES[key].values()) / 1e6
    here = next(parent for parent in (place, *place.parents) if parent.exists())
    free = shutil.disk_usage(here).free / 1e6
    return f"the disk of {place} is full: {need:.0f} MB are needed, {free:.0f} are free"
