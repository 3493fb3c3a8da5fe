"""Where a long run keeps what it has done: one file a run, whole or not at all.

A file holds arrays and a dict. It is an ``.npz``, whose checksums tell a broken file
from a good one. The file before the last stays until the run is finished.
"""

import fcntl
import hashlib
import io
import json
import os
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from . import _record

CHECKPOINTS = Path(__file__).resolve().parent / ".checkpoints"
BROKEN = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def digest(*things):
    """A short fingerprint of arrays and of what JSON can hold."""
    total = hashlib.blake2b(digest_size=12)
    for thing in things:
        if isinstance(thing, np.ndarray):
            total.update(f"{thing.dtype} {thing.shape}".encode())
            total.update(np.ascontiguousarray(thing).data)
        else:
            text = json.dumps(thing, sort_keys=True, default=repr)
            total.update(text.encode())
        total.update(b"|")
    return total.hexdigest()


class Folder:
    """The kept runs of one experiment; only one process at a time has it.

    Args:
        path: The folder.
        fresh: Forget what is kept.

    Raises:
        SystemExit: Another process has the folder.
    """

    def __init__(self, path, fresh=False):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = open(path / "lock", "w")  # held until close
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SystemExit(
                f"This experiment is running already, in {path}: wait for it or stop it"
            ) from None
        if fresh:
            self.clear()

    def clear(self):
        """Forgets every run."""
        for pattern in ("*.npz", "*.new", "*.part"):
            for file in self.path.glob(pattern):
                file.unlink()

    def close(self):
        """Lets others have the folder."""
        self._lock.close()

    def _file(self, label, which="now"):
        plain = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:60]
        return self.path / f"{plain}-{digest(label)[:6]}.{which}.npz"

    def save(self, label, found, arrays=(), done=False):
        """Keeps arrays and a dict under a label.

        Args:
            label: Name of the run.
            found: A dict that JSON can hold.
            arrays: A dict of name -> array.
            done: The run is finished: the file before this one can go.
        """
        now, before = self._file(label), self._file(label, "before")
        room = io.BytesIO()
        text = np.frombuffer(json.dumps(found).encode(), np.uint8)
        np.savez(room, found=text, **dict(arrays))
        aside = now.with_suffix(".new")  # complete before anything older moves
        _record.whole(aside, room.getbuffer())
        if now.exists() and not done:
            os.replace(now, before)
        os.replace(aside, now)
        if done:
            before.unlink(missing_ok=True)

    def load(self, label, fits):
        """The newest good file of a label.

        Args:
            label: Name of the run.
            fits: A function of (found, arrays) that returns None, or in words why
                they cannot be used.

        Returns:
            (found, arrays, words): ``found`` is None if nothing fits; ``words`` is a
            list with a sentence on every file that was passed over.
        """
        words = []
        for file in (self._file(label), self._file(label, "before")):
            if not file.exists():
                continue
            try:
                with open(file, "rb") as raw, np.load(raw) as kept:
                    arrays = {name: kept[name] for name in kept.files}
                found = json.loads(arrays.pop("found").tobytes())
                why = fits(found, arrays)
            except BROKEN as error:
                words.append(f"{file.name} is broken ({type(error).__name__})")
                continue
            if why is None:
                return found, arrays, words
            words.append(f"{file.name} is not used: {why}")
            break  # the one before was made with the same settings
        return None, {}, words
