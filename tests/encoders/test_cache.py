"""Cached embeddings: each text is encoded once, and no file ever changes an answer."""

import copy
import logging
import os
import pickle
import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from textshot import Category, Engine
from textshot.encoders import (
    CachedEncoder,
    FunctionEncoder,
    HashingEncoder,
    PrecomputedEncoder,
    TruncationStats,
    cache,
    load_encoder,
)
from textshot.engine.encoder_identity import PROBE
from textshot.errors import EncoderError, EncoderMismatchError, InvalidTextsError

DIM = 16
CANARY = "my private canary sings"
CATEGORIES = [Category("a", examples=["money back"]), Category("b", examples=["parcel late"])]


class Spy(HashingEncoder):
    """An encoder that keeps its calls, and the batch sizes."""

    def __init__(self, dim=DIM):
        super().__init__(dim)
        self.calls, self.sizes = [], []

    def encode(self, texts, *, batch_size=32):
        self.calls.append(list(texts))
        self.sizes.append(batch_size)
        return super().encode(texts)

    def truncation_stats(self, texts):
        return TruncationStats(len(texts), 1)


@pytest.fixture
def spy():
    return Spy()


def plain(texts):
    return HashingEncoder(DIM).encode(texts)


def file_in(folder):
    [path] = Path(folder).glob("*.sqlite")
    return path


def change(path, statement, *values):
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        return database.execute(statement, *values).fetchall()


def n_rows(folder):
    return change(file_in(folder), "SELECT count(*) FROM vectors")[0][0]


def filled(folder, texts, **options):
    """A file with the vectors of these texts."""
    CachedEncoder(HashingEncoder(DIM), cache_folder=folder, **options).encode(texts)
    return file_in(folder)


def warnings_of(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


# Vectors


@pytest.mark.parametrize("on_disk", [False, True])
def test_each_text_is_encoded_once_and_comes_back_bit_for_bit(spy, tmp_path, on_disk):
    encoder = CachedEncoder(spy, cache_folder=tmp_path if on_disk else None)
    texts = ["b", "a", "b", "c", "a"]
    first = encoder.encode(texts)
    assert spy.calls == [["b", "a", "c"]]
    again = encoder.encode(["d", "c", "a", "c"])
    assert spy.calls == [["b", "a", "c"], ["d"]]
    assert first.tobytes() == plain(texts).tobytes()
    assert again.tobytes() == plain(["d", "c", "a", "c"]).tobytes()
    assert (first.dtype, first.shape) == (np.float32, (5, DIM))


def test_changing_a_row_does_not_change_the_cache(spy):
    encoder = CachedEncoder(spy)
    for _ in range(2):
        row = encoder.encode(["a"])
        assert row.tobytes() == plain(["a"]).tobytes()
        row[:] = 0


def test_the_next_process_reads_them(tmp_path, spy):
    filled(tmp_path, ["a", "b"])
    rows = CachedEncoder(spy, cache_folder=str(tmp_path)).encode(["b", "a", "c"])
    assert spy.calls == [["c"]]
    assert rows.tobytes() == plain(["b", "a", "c"]).tobytes()


def test_no_texts_and_odd_texts(spy, tmp_path):
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    assert encoder.encode([]).shape == (0, DIM)
    odd = ["", " ", "\ud800", "a\x00", "日本" * 5000]
    for _ in range(2):
        assert encoder.encode(odd).tobytes() == plain(odd).tobytes()
    assert len(spy.calls) == 1
    with pytest.raises(TypeError, match="give a list"):
        encoder.encode("a")
    with pytest.raises(InvalidTextsError, match="text 1 is missing"):
        encoder.encode(["a", None])


def test_what_was_encoded_before_a_stop_is_stored(spy, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 3)
    texts = list("abcdefg")

    class Stopped(Spy):
        def encode(self, texts, *, batch_size=32):
            if "g" in texts:
                raise KeyboardInterrupt("stopped")
            return super().encode(texts)

    with pytest.raises(KeyboardInterrupt, match="stopped"):
        CachedEncoder(Stopped(), cache_folder=tmp_path).encode(texts)
    assert CachedEncoder(spy, cache_folder=tmp_path).encode(texts).tobytes() == (
        plain(texts).tobytes()
    )
    assert spy.calls == [["g"]]


def test_a_result_of_another_shape_is_refused_and_not_stored(tmp_path):
    class Short(Spy):
        def encode(self, texts, *, batch_size=32):
            return super().encode(texts)[:1]

    message = r"hashing-16: shape \(1, 16\) came back for 2 texts; \(2, 16\) is needed"
    with pytest.raises(EncoderError, match=message):
        CachedEncoder(Short(), cache_folder=tmp_path).encode(["a", "b"])
    assert n_rows(tmp_path) == 0


# An encoder like the one inside


def test_it_has_the_attributes_of_the_encoder_inside(spy, tmp_path):
    spy.folder = tmp_path / "model"
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    names = [
        "name",
        "source",
        "dim",
        "fingerprint",
        "spec",
        "folder",
        "runtime",
        "is_exact",
        "is_single_core",
    ]
    assert [getattr(encoder, name) for name in names] == [getattr(spy, name) for name in names]
    assert (encoder.is_cached, encoder.encoder, encoder.cache_folder) == (True, spy, tmp_path)
    assert CachedEncoder(encoder).uncached is spy
    assert encoder.truncation_stats(["a", "b"]) == TruncationStats(2, 1)
    encoder.encode(["a"], batch_size=7)
    assert spy.sizes == [7]


def test_copies_are_itself_and_pickled_it_opens_its_file_again(tmp_path):
    encoder = CachedEncoder(Spy(), cache_folder=tmp_path, max_texts=3)
    assert copy.deepcopy(encoder) is encoder
    encoder.encode(["a"])
    pickled = pickle.loads(pickle.dumps(encoder))
    assert pickled.cache_folder == tmp_path
    assert pickled.encode(["a"]).tobytes() == plain(["a"]).tobytes()
    assert pickled.encoder.calls == [["a"]]  # of the one that was pickled


def test_precomputed_vectors_negative_bounds_and_other_objects_are_refused(spy):
    own = PrecomputedEncoder(["a"], [[1, 0]], name="mine")
    with pytest.raises(EncoderError, match=r"mine is precomputed\. Take it as it is"):
        CachedEncoder(own)
    with pytest.raises(EncoderError, match="max_texts is -1, max_bytes 5; 0 or more is needed"):
        CachedEncoder(spy, max_texts=-1, max_bytes=5)
    with pytest.raises(TypeError, match="object is not an encoder"):
        CachedEncoder(object())


def test_an_engine_answers_as_without_a_cache_and_probes_the_encoder(spy, tmp_path):
    texts = ["my money", "my parcel", "the weather"]
    engine = Engine.build(CATEGORIES, encoder=CachedEncoder(spy, cache_folder=tmp_path))
    expected = Engine.build(CATEGORIES, encoder=HashingEncoder(DIM)).classify(texts)
    assert engine.classify(texts) == expected
    engine.save(tmp_path / "index")
    spy.calls.clear()
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    encoder.encode([PROBE])  # so that its vector is cached
    assert Engine.load(tmp_path / "index", encoder=encoder).classify(texts) == expected
    assert spy.calls == [[PROBE], [PROBE]]


def test_an_encoder_that_changed_is_noticed_despite_its_old_vectors(spy, tmp_path):
    Engine.build(CATEGORIES, encoder=spy).save(tmp_path / "index")

    class Changed(Spy):
        def encode(self, texts, *, batch_size=32):
            return -super().encode(texts)

    CachedEncoder(spy, cache_folder=tmp_path).encode([PROBE])
    encoder = CachedEncoder(CachedEncoder(Changed(), cache_folder=tmp_path))
    with pytest.raises(EncoderMismatchError, match="embeds the probe text differently"):
        Engine.load(tmp_path / "index", encoder=encoder)


def test_training_takes_the_encoder_inside(tiny_folder):
    encoder = load_encoder(str(tiny_folder), device="cpu", backend="torch")
    assert CachedEncoder(CachedEncoder(encoder)).reference() is encoder
    assert CachedEncoder(HashingEncoder()).reference() is None


def test_vectors_of_other_encoders_and_runtimes_are_not_mixed_in(tmp_path):
    def n_calls(fingerprint, backend):
        spy = Spy()
        spy.fingerprint, spy.backend = fingerprint, backend
        CachedEncoder(spy, cache_folder=tmp_path).encode(["a"])
        return len(spy.calls)

    sorts = [("f", "own"), ("f", "torch"), ("f", "openvino"), ("../g", "own")]
    assert [n_calls(*sort) for sort in sorts] == [1, 1, 1, 1]
    assert [n_calls(*sort) for sort in sorts] == [0, 0, 0, 0]
    assert len(list(tmp_path.glob("*.sqlite"))) == 4


# Bounds


def test_memory_drops_what_was_used_longest_ago(spy):
    encoder = CachedEncoder(spy, max_texts=3)
    for text in "abc":
        encoder.encode([text])
    encoder.encode(["a"])
    encoder.encode(["d"])  # b goes
    spy.calls.clear()
    encoder.encode(["a", "c", "d"])
    assert spy.calls == []
    encoder.encode(["b"])
    assert spy.calls == [["b"]]


@pytest.mark.parametrize("max_texts", [0, 2])
def test_a_call_may_have_more_texts_than_memory_holds(spy, max_texts):
    encoder = CachedEncoder(spy, max_texts=max_texts)
    texts = list("abcde") * 2
    for _ in range(2):
        assert encoder.encode(texts).tobytes() == plain(texts).tobytes()
    assert spy.calls == [list("abcde"), list("abcde")[: 5 - max_texts]]


def test_a_full_file_drops_the_oldest_vectors(tmp_path, spy):
    max_bytes = 300_000
    encoder = CachedEncoder(spy, cache_folder=tmp_path, max_bytes=max_bytes)
    for start in range(0, 8_000, 500):
        encoder.encode([f"text {i}" for i in range(start, start + 500)])
    row = 4 * DIM + 32  # at least
    assert 0.3 * max_bytes < n_rows(tmp_path) * row <= max_bytes
    assert file_in(tmp_path).stat().st_size <= max_bytes + 500 * 3 * row
    spy.calls.clear()
    CachedEncoder(spy, cache_folder=tmp_path).encode([f"text {i}" for i in range(7_500, 8_000)])
    assert spy.calls == []


def test_a_bound_below_a_single_row_stores_nothing(tmp_path, spy):
    for _ in range(2):
        rows = CachedEncoder(spy, cache_folder=tmp_path, max_bytes=0).encode(["a", "b"])
        assert rows.tobytes() == plain(["a", "b"]).tobytes()
    assert n_rows(tmp_path) == 0


# Damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: random.Random(1).randbytes(len(data)),
        lambda data: data[:4096] + b"\xff" * 4096 + data[8192:],
        lambda data: b"SQLite format 4" + data[15:],
    ],
    ids=["truncated", "empty", "garbage", "bad page", "bad header"],
)
def test_a_damaged_file_is_moved_aside_and_made_again(tmp_path, spy, caplog, damage):
    texts = [f"{CANARY} {i}" for i in range(400)]
    path = filled(tmp_path, texts)
    path.write_bytes(damage(path.read_bytes()))
    rows = CachedEncoder(spy, cache_folder=tmp_path, max_texts=0).encode(texts)
    assert rows.tobytes() == plain(texts).tobytes()
    [warning] = warnings_of(caplog)
    assert warning.startswith(f"{path} is damaged (")
    assert CANARY not in caplog.text
    assert path.with_suffix(".damaged").exists()
    spy.calls.clear()
    CachedEncoder(spy, cache_folder=tmp_path).encode(texts)
    assert spy.calls == []
    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE vectors", "ALTER TABLE vectors DROP COLUMN hash"],
)
def test_a_file_of_other_tables_is_made_again(tmp_path, spy, caplog, statement):
    change(filled(tmp_path, ["a"]), statement)
    for _ in range(2):
        CachedEncoder(spy, cache_folder=tmp_path).encode(["a"])
    assert spy.calls == [["a"]]
    [warning] = warnings_of(caplog)
    assert warning.endswith("it is made again")


@pytest.mark.parametrize("value", [b"", b"\0" * (4 * DIM), b"\0" * (8 * DIM), None, "x" * DIM, 5])
def test_a_vector_that_was_changed_is_computed_again(tmp_path, spy, caplog, value):
    path = filled(tmp_path, ["a", "b"])
    change(path, "UPDATE vectors SET vector = ? WHERE rowid = 1", (value,))
    for _ in range(2):
        rows = CachedEncoder(spy, cache_folder=tmp_path).encode(["a", "b"])
        assert rows.tobytes() == plain(["a", "b"]).tobytes()
    assert spy.calls == [["a"]]
    assert warnings_of(caplog) == []


def test_the_vector_of_another_text_is_not_taken(tmp_path, spy):
    path = filled(tmp_path, ["a", "b", "c"])
    source = "(SELECT {} FROM vectors WHERE rowid = 3)"
    change(
        path,
        f"UPDATE vectors SET vector = {source.format('vector')}, hash = {source.format('hash')}"
        " WHERE rowid = 2",
    )
    rows = CachedEncoder(spy, cache_folder=tmp_path).encode(["a", "b", "c"])
    assert rows.tobytes() == plain(["a", "b", "c"]).tobytes()
    assert spy.calls == [["b"]]


def test_no_damage_gives_a_wrong_vector_or_an_error(tmp_path):
    texts = [f"text {i}" for i in range(200)]
    expected, dice = plain(texts).tobytes(), random.Random(3)
    path = filled(tmp_path, texts)
    good = path.read_bytes()
    for _ in range(60):
        data = bytearray(good)
        page = 4096 * dice.randrange(len(good) // 4096)
        for _ in range(dice.choice([1, 5])):
            data[page + dice.randrange(dice.choice([100, 4096]))] = dice.randrange(256)
        path.write_bytes(data)
        encoder = CachedEncoder(HashingEncoder(DIM), cache_folder=tmp_path, max_texts=0)
        assert encoder.encode(texts).tobytes() == expected


# A file that cannot be used


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path, spy, caplog):
    (tmp_path / "file").write_text("")
    encoder = CachedEncoder(spy, cache_folder=tmp_path / "file" / "vectors", max_texts=1)
    for _ in range(2):
        assert encoder.encode([CANARY, "b"]).tobytes() == plain([CANARY, "b"]).tobytes()
    [warning] = warnings_of(caplog)
    assert warning.startswith(f"embeddings are not cached in {tmp_path / 'file' / 'vectors'}")
    assert CANARY not in caplog.text


def test_a_folder_in_place_of_the_file_is_one_warning_and_stays(tmp_path, spy, caplog):
    path = filled(tmp_path, ["a"])
    path.unlink()
    path.mkdir()
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    encoder.encode(["a"])
    encoder.encode(["b"])
    assert len(warnings_of(caplog)) == 1
    assert path.is_dir()


def test_a_file_that_another_process_locks_for_too_long_is_one_warning(
    tmp_path, spy, caplog, monkeypatch
):
    monkeypatch.setattr(cache, "_TIMEOUT", 0.05)
    path = filled(tmp_path, ["a"])
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        assert encoder.encode(["a", "b"]).tobytes() == plain(["a", "b"]).tobytes()
    assert spy.calls == [["b"]]  # reading goes on beside a writer
    assert warnings_of(caplog) == [f"embeddings are not cached in {path}: database is locked"]
    assert n_rows(tmp_path) == 1


FULL = """
import resource, sys
from textshot.encoders import HashingEncoder, CachedEncoder
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
encoder = CachedEncoder(HashingEncoder(16), cache_folder=sys.argv[1], max_texts=0)
texts = [f"my private canary sings {i}" for i in range(3000)]
same = HashingEncoder(16).encode(texts).tobytes()
for _ in range(2):
    assert encoder.encode(texts).tobytes() == same
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_a_full_disk_is_one_warning_and_all_vectors_are_right(tmp_path, spy):
    path = filled(tmp_path, ["a"])
    child = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, env=_env()
    )
    assert child.returncode == 0, child.stderr
    assert child.stderr.count("\n") == 1
    assert child.stderr.startswith(f"embeddings are not cached in {path}: ")
    assert CANARY not in child.stderr
    CachedEncoder(spy, cache_folder=tmp_path).encode(["a"])
    assert spy.calls == []  # stored before, and still there


def _env():
    """The code under test, also where another copy is installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


# Several processes


FILL = """
import sys
from textshot.encoders import HashingEncoder, CachedEncoder
folder, first = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for start in range(first, first + 400, 10):
    texts = [f"text {i}" for i in range(start, start + 10)]
    encoder = CachedEncoder(HashingEncoder(16), cache_folder=folder, max_texts=0)
    assert encoder.encode(texts).tobytes() == HashingEncoder(16).encode(texts).tobytes()
"""


@pytest.mark.parametrize("before", ["no file", "damage"])
def test_two_processes_write_at_once(tmp_path, spy, before):
    if before == "damage":
        filled(tmp_path, ["a"]).write_bytes(b"damaged")
    children = [
        subprocess.Popen(
            [sys.executable, "-c", FILL, str(tmp_path), str(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_env(),
        )
        for first in (0, 200)  # both encode half of the texts
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:  # both are ready, so they begin at once
        child.stdin.write("go\n")
        child.stdin.flush()
    errors = [child.communicate(timeout=120)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], errors
    assert "not cached" not in "".join(errors)
    assert ("made again" in "".join(errors)) == (before == "damage")
    texts = [f"text {i}" for i in range(600)]
    rows = CachedEncoder(spy, cache_folder=tmp_path).encode(texts)
    assert rows.tobytes() == plain(texts).tobytes()
    assert spy.calls == []
    assert change(file_in(tmp_path), "PRAGMA integrity_check") == [("ok",)]


def test_threads_share_one(tmp_path, caplog):
    encoder = CachedEncoder(HashingEncoder(DIM), cache_folder=tmp_path, max_texts=50)
    texts = [f"text {i}" for i in range(200)]
    expected, wrong = plain(texts), []

    def work(seed):
        dice = random.Random(seed)
        for _ in range(30):
            rows = [dice.randrange(200) for _ in range(20)]
            if encoder.encode([texts[i] for i in rows]).tobytes() != expected[rows].tobytes():
                wrong.append(rows)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert warnings_of(caplog) == []
    assert n_rows(tmp_path) == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_it_survives_a_fork(tmp_path):
    code = (
        "import os, sys\n"
        "from textshot.encoders import HashingEncoder, CachedEncoder\n"
        "encoder = CachedEncoder(HashingEncoder(16), cache_folder=sys.argv[1], max_texts=0)\n"
        "encoder.encode(['a'])\n"
        "child = os.fork()\n"
        "encoder.encode([f'{child > 0} {i}' for i in range(300)])\n"
        "if child: sys.exit(os.waitpid(child, 0)[1])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=_env())
    assert n_rows(tmp_path) == 601


# Privacy


def test_no_text_is_in_a_file_or_in_the_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / "vectors"
    encoder = CachedEncoder(HashingEncoder(DIM), cache_folder=folder)
    encoder.encode([CANARY, CANARY * 100])
    with closing(sqlite3.connect(file_in(folder))):
        encoder.encode([f"{CANARY} again"])  # another connection holds -wal open
        data = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"canary" not in data
    assert CANARY not in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights")
def test_folder_and_file_are_private_to_their_owner(tmp_path):
    path = filled(tmp_path / "vectors", ["a"])
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_function_is_cached_like_any_encoder(tmp_path):
    encoder = FunctionEncoder(lambda texts: np.ones((len(texts), 2)), name="ones")
    CachedEncoder(encoder, cache_folder=tmp_path).encode(["a"])
    assert n_rows(tmp_path) == 1
