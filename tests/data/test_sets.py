"""The real sets: read, fetched, faulty, missing; the host is on this machine."""

import errno
import gzip
import hashlib
import http.server
import io
import os
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest

from cnncourse import data
from cnncourse.data import _fetch, _sets

REAL = os.environ.get("CNNCOURSE_DATA", "")


def idx(array):
    """An array as an IDX file."""
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0)


def small_set():
    """The four files of a tiny set with 24 training and 10 test pictures."""
    rng = np.random.default_rng(0)
    files = {}
    for part, n in (("train", 24), ("t10k", 10)):
        x = rng.integers(0, 256, (n, 28, 28))
        files[f"{part}-images-idx3-ubyte.gz"] = idx(x)
        files[f"{part}-labels-idx1-ubyte.gz"] = idx(np.arange(n) % 10)
    return files


def small_cifar():
    rng = np.random.default_rng(0)
    names = [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in names:
            rows = rng.integers(0, 256, (10, 3073), dtype=np.uint8)
            rows[:, 0] = np.arange(10)
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = rows.size
            archive.addfile(info, io.BytesIO(rows.tobytes()))
    return {"cifar-10-binary.tar.gz": buffer.getvalue()}


class Host:
    """A mirror on this machine; what it serves can be changed, requests are counted."""

    def __init__(self):
        self.files, self.asked, self.status = {}, [], 200
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self):
                self._answer(body=False)

            def do_GET(self):
                self._answer(body=True)

            def _answer(self, body):
                name = self.path.rsplit("/", 1)[-1]
                host.asked.append((self.command, name))
                content = host.files.get(name)
                if content is None or host.status != 200:
                    self.send_error(404 if content is None else host.status)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if body:
                    self.wfile.write(content)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fetched(self):
        return sum(command == "GET" for command, _ in self.asked)


@pytest.fixture
def host():
    host = Host()
    yield host
    host.server.shutdown()
    host.server.server_close()


@pytest.fixture
def place(tmp_path, monkeypatch, host):
    """An empty cache, and tables that name the tiny sets on the host alone."""
    monkeypatch.setenv("CNNCOURSE_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("CNNCOURSE_OFFLINE", raising=False)
    monkeypatch.setattr(_fetch, "SPARE", tmp_path / "spare")
    monkeypatch.setattr(_fetch, "_silent_until", 0.0)
    sets = {
        "mnist": small_set(),
        "fashion-mnist": small_set(),
        "cifar-10": small_cifar(),
    }
    for key, files in sets.items():
        host.files |= files
        table = {n: (hashlib.md5(c).hexdigest(), len(c)) for n, c in files.items()}
        monkeypatch.setitem(_fetch.FILES, key, table)
        monkeypatch.setitem(_fetch.MIRRORS, key, (host.url,))
    return tmp_path / "cache"


@pytest.fixture
def no_network(place, monkeypatch):
    """Mirrors at a port where nobody listens, instead of the host."""
    for key in list(_fetch.MIRRORS):
        monkeypatch.setitem(_fetch.MIRRORS, key, ("http://127.0.0.1:9/",))


LOADERS = [data.mnist, data.fashion_mnist, data.cifar10]


@pytest.mark.parametrize("load", LOADERS)
def test_a_set_is_fetched_once_then_read(place, host, load):
    first = load(strict=True)
    fetched = host.fetched()
    again = load(strict=True)
    assert host.fetched() == fetched > 0
    assert np.array_equal(first.x_train, again.x_train)
    assert first.source == "the canonical files, md5 checked"


def test_a_fetched_file_can_be_read_by_the_whole_class(place):
    data.mnist(strict=True)
    modes = {path.stat().st_mode & 0o777 for path in (place / "mnist").iterdir()}
    assert modes == {0o644}


def test_idx_files_are_read_as_they_were_written(place):
    split = data.mnist(strict=True)
    raw = gzip.decompress(small_set()["t10k-images-idx3-ubyte.gz"])[16:]
    expected = np.frombuffer(raw, np.uint8).reshape(10, 1, 28, 28) / 255
    assert np.allclose(split.x_test, expected)
    assert np.array_equal(split.y_test, np.arange(10))
    assert (len(split.y_train), len(split.y_val)) == (22, 2)
    assert split.x_train.dtype == np.float32
    assert split.y_train.dtype == np.int64


def test_cifar_is_read_as_channels_rows_columns(place):
    split = data.cifar10(strict=True)
    with tarfile.open(fileobj=io.BytesIO(*small_cifar().values())) as archive:
        raw = archive.extractfile("cifar-10-batches-bin/test_batch.bin").read()
    red = np.frombuffer(raw, np.uint8).reshape(10, 3073)[:, 1:1025]
    assert np.allclose(split.x_test[:, 0].reshape(10, 1024), red / 255)
    assert split.x_train.shape == (45, 3, 32, 32)


def test_validation_pictures_are_not_training_pictures(place):
    split = data.mnist(strict=True)
    train = {x.tobytes() for x in split.x_train}
    assert len(train) == 22
    assert not train & {x.tobytes() for x in split.x_val}


@pytest.mark.parametrize(
    ("load", "name", "shape"),
    [
        (data.mnist, "digits (stand-in for MNIST)", (1, 28, 28)),
        (data.fashion_mnist, "drawn shapes (stand-in for Fashion-MNIST)", (1, 28, 28)),
        (data.cifar10, "drawn shapes (stand-in for CIFAR-10)", (3, 32, 32)),
    ],
)
def test_without_a_network_a_stand_in_says_so_in_one_line(
    no_network, capsys, load, name, shape
):
    split = load()
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "stand in for it" in line
    assert split.name == name
    assert split.x_test.shape[1:] == shape
    assert set(split.y_train) == set(range(10))
    assert len(split.classes) == 10


def test_strict_raises_and_says_what_was_tried_and_what_to_do(no_network):
    with pytest.raises(OSError, match=r"no mirror answers.*mnist\.npz.*CNNCOURSE_DATA"):
        data.mnist(strict=True)


def test_offline_asks_no_mirror(place, host, monkeypatch, capsys):
    monkeypatch.setenv("CNNCOURSE_OFFLINE", "1")
    assert "stand-in" in data.mnist().name
    assert host.asked == []
    assert "CNNCOURSE_OFFLINE" in capsys.readouterr().err


def test_a_silent_network_is_asked_once_for_all_sets(
    no_network, place, host, monkeypatch
):
    assert "stand-in" in data.mnist().name
    monkeypatch.setitem(_fetch.MIRRORS, "fashion-mnist", (host.url,))
    assert "stand-in" in data.fashion_mnist().name
    assert host.asked == []


def test_a_host_that_answers_but_lacks_the_file_is_told_apart(place, host):
    host.files.clear()
    with pytest.raises(OSError, match="no mirror has train-images"):
        data.mnist(strict=True)


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(place, host):
    name = "t10k-labels-idx1-ubyte.gz"
    host.files[name] = idx(np.arange(10)[::-1])
    with pytest.raises(OSError, match=f"sent a damaged {name}"):
        data.mnist(strict=True)
    assert not (place / "mnist" / name).exists()


def test_a_second_mirror_helps_where_the_first_serves_rubbish(place, host, monkeypatch):
    bad = Host()
    bad.files = {name: b"rubbish" for name in host.files}
    monkeypatch.setitem(_fetch.MIRRORS, "mnist", (bad.url, host.url))
    assert data.mnist(strict=True).name == "MNIST"
    bad.server.shutdown()
    bad.server.server_close()


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def test_a_cut_file_is_fetched_again(place, host):
    whole = data.mnist(strict=True)
    cut(place / "mnist" / "train-images-idx3-ubyte.gz")
    again = data.mnist(strict=True)
    assert np.array_equal(whole.x_train, again.x_train)


def test_a_cut_file_without_a_network_is_named_and_left_alone(place, host, capsys):
    data.mnist(strict=True)
    path = place / "mnist" / "train-images-idx3-ubyte.gz"
    cut(path)
    host.files.clear()
    assert "stand-in" in data.mnist().name
    assert f"{path} is damaged" in capsys.readouterr().err
    assert path.exists()


def refuse(code):
    def mkdir(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return mkdir


def test_a_read_only_cache_that_holds_the_set_serves_it(place, host, monkeypatch):
    data.mnist(strict=True)
    monkeypatch.setattr(_fetch, "_download", refuse(errno.EROFS))
    assert data.mnist(strict=True).name == "MNIST"


def test_an_unwritable_cache_sends_the_set_to_a_spare_folder_and_says_so(
    place, host, capsys
):
    place.write_text("a file where the folder should be")
    assert data.mnist(strict=True).name == "MNIST"
    assert "cannot be written" in capsys.readouterr().err
    assert data.mnist(strict=True).name == "MNIST"  # and is found there again


def test_an_unreadable_file_is_named(place, host, capsys):
    (place / "mnist" / "train-images-idx3-ubyte.gz").mkdir(parents=True)
    host.files.clear()
    assert "stand-in" in data.mnist().name
    assert "cannot be read" in capsys.readouterr().err


def test_a_full_disk_says_which_folder_and_how_much(place, host, monkeypatch):
    monkeypatch.setattr(_fetch, "_retrieve", refuse(errno.ENOSPC))
    with pytest.raises(
        OSError, match=r"the disk of .*cache.* is full: .* MB are needed"
    ):
        data.mnist(strict=True)


FETCHER = """
import sys
from cnncourse.data import _fetch, mnist
_fetch.FILES["mnist"] = {files!r}
_fetch.MIRRORS["mnist"] = ({url!r},)
print(mnist(strict=True).x_train.sum())
"""


def test_two_processes_fetching_at_once_both_succeed(place, host):
    code = FETCHER.format(files=_fetch.FILES["mnist"], url=host.url)
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    sums = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sums[0] == sums[1] != ""
    leftover = {path.name for path in (place / "mnist").iterdir()}
    assert leftover == set(small_set())


# --- one-file copies on a class server -------------------------------------------


def copy(folder, **changes):
    rng = np.random.default_rng(1)
    arrays = {
        "x_train": rng.integers(0, 256, (36, 28, 28), dtype=np.uint8),
        "y_train": np.arange(36) % 10,
        "x_test": rng.integers(0, 256, (10, 28, 28), dtype=np.uint8),
        "y_test": np.arange(10),
    }
    arrays |= changes
    folder.mkdir(exist_ok=True)
    np.savez(folder / "mnist.npz", **{k: v for k, v in arrays.items() if v is not None})


def test_a_copy_in_one_file_is_read_as_it_is_without_asking_anybody(place, host):
    copy(place)
    split = data.mnist(strict=True)
    assert host.asked == []
    assert len(split.y_train) + len(split.y_val) == 36
    assert "36 training and 10 test pictures, sha256 " in split.source


def test_the_digest_of_a_copy_tells_two_copies_apart(place):
    copy(place)
    first = data.mnist().source
    copy(place, y_test=np.arange(10)[::-1])
    assert data.mnist().source != first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "must hold the uint8 arrays x_train, y_train"),
        ({"x_test": np.zeros((10, 28, 28))}, r"x_test in .* is float64 \(10, 28, 28\)"),
        ({"x_test": np.zeros((10, 27, 28), np.uint8)}, r"uint8 \(10, 28, 28\)"),
        ({"y_test": np.arange(10) + 1}, "y_test in .* whole numbers 0 to 9"),
        ({"y_test": np.arange(9)}, r"uint8 \(9, 28, 28\)"),
        ({"y_test": np.eye(10, dtype=int)}, "whole numbers 0 to 9, one a picture"),
    ],
)
def test_a_copy_with_a_fault_is_refused_by_name(place, changes, message):
    copy(place, **changes)
    with pytest.raises(ValueError, match=message):
        data.mnist()


def test_a_copy_that_is_no_archive_is_refused(place):
    place.mkdir()
    (place / "mnist.npz").write_bytes(b"PK not really")
    with pytest.raises(ValueError, match=r"mnist\.npz cannot be read"):
        data.mnist()


# --- the real sets, where they are at hand ----------------------------------------

needs_real = pytest.mark.skipif(
    not os.path.exists(os.path.join(REAL, "mnist")),
    reason="CNNCOURSE_DATA names no folder with the real sets",
)


@needs_real
def test_the_real_mnist_has_its_known_facts():
    split = data.mnist(strict=True)
    sizes = [len(y) for y in (split.y_train, split.y_val, split.y_test)]
    assert sizes == [55000, 5000, 10000]
    x = np.concatenate([split.x_train, split.x_val])
    y = np.concatenate([split.y_train, split.y_val])
    assert (y == 1).sum() == 6742
    assert (split.y_test == 1).sum() == 1135
    assert round(float(x.mean(dtype=np.float64)), 4) == 0.1307
    assert round(float(x.std(dtype=np.float64)), 4) == 0.3081
    assert (np.ptp(x, axis=0) == 0).sum() == 67


@needs_real
def test_the_real_fashion_mnist_has_six_thousand_of_each():
    split = data.fashion_mnist(strict=True)
    y = np.concatenate([split.y_train, split.y_val])
    assert np.array_equal(np.bincount(y), [6000] * 10)
    assert np.array_equal(np.bincount(split.y_val), [500] * 10)


@needs_real
def test_the_real_cifar_has_five_thousand_of_each():
    split = data.cifar10(strict=True)
    y = np.concatenate([split.y_train, split.y_val])
    assert np.array_equal(np.bincount(y), [5000] * 10)
    assert split.x_train.shape == (45000, 3, 32, 32)


def test_hold_out_takes_the_count_and_keeps_the_rest():
    from cnncourse.data._split import hold_out

    y = np.repeat([0, 1, 2], [50, 30, 20])
    stay, held = hold_out(y, 10, seed=0)
    assert sorted([*stay, *held]) == list(range(100))
    assert np.array_equal(np.bincount(y[held]), [5, 3, 2])


def test_stand_in_names_are_those_the_registry_knows():
    assert set(_sets.NAMES) == set(_fetch.FILES) == set(_fetch.MIRRORS)
