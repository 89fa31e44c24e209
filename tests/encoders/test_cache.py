"""Vectors that are kept: each text is asked for once, whatever happens to the file."""

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

import textshot.encoders.cache as cache_module
import textshot.encoders.cache_file as vector_file
from textshot import Category, Engine
from textshot.encoders import (
    CachedEncoder,
    FunctionEncoder,
    HashingEncoder,
    PrecomputedEncoder,
    TruncationStats,
    load_encoder,
)
from textshot.engine.encoder_identity import PROBE
from textshot.errors import EncoderError, EncoderMismatchError, InvalidTextsError

DIM = 16
CANARY = "my private canary sings"
HOUR = 3600.0


class Spy(HashingEncoder):
    """An encoder that remembers what it was asked for, and how."""

    def __init__(self, dim=DIM):
        super().__init__(dim)
        self.calls, self.sizes = [], []

    def encode(self, texts, *, batch_size=32):
        self.calls.append(list(texts))
        self.sizes.append(batch_size)
        return super().encode(texts)

    @property
    def asked(self):
        return [text for call in self.calls for text in call]


@pytest.fixture
def spy():
    return Spy()


@pytest.fixture
def clock(monkeypatch):
    """The time, in hours, to be set."""
    hours = [1000]
    monkeypatch.setattr(vector_file.time, "time", lambda: hours[0] * HOUR)
    return hours


def plain(texts):
    return HashingEncoder(DIM).encode(texts)


def file_in(folder):
    [found] = Path(folder).glob("*.sqlite")
    return found


def change(path, statement, *values):
    with closing(sqlite3.connect(path, isolation_level=None)) as known:
        return known.execute(statement, *values).fetchall()


def n_rows(folder):
    return change(file_in(folder), "SELECT count(*) FROM vectors")[0][0]


def filled(folder, texts, **options):
    CachedEncoder(HashingEncoder(DIM), cache_folder=folder, **options).encode(texts)
    return file_in(folder)


def warnings_of(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


# What comes back


@pytest.mark.parametrize("on_disk", [False, True])
def test_each_text_is_asked_for_once_and_comes_back_bit_for_bit(spy, tmp_path, on_disk):
    encoder = CachedEncoder(spy, cache_folder=tmp_path if on_disk else None)
    texts = ["b", "a", "b", "c", "a"]
    first = encoder.encode(texts)
    assert spy.calls == [["b", "a", "c"]]
    again = encoder.encode(["d", "c", "a", "c"])
    assert spy.calls == [["b", "a", "c"], ["d"]]
    assert first.tobytes() == plain(texts).tobytes()
    assert again.tobytes() == plain(["d", "c", "a", "c"]).tobytes()
    assert (first.dtype, first.shape) == (np.float32, (5, DIM))


def test_bits_that_are_no_number_of_length_one_come_back_too(tmp_path):
    odd = np.array([[-0.0, 1e-45, np.inf, 3.0]], np.float32)

    class Odd(Spy):
        def encode(self, texts, *, batch_size=32):
            return odd

    for _ in range(2):
        made = CachedEncoder(Odd(4), cache_folder=tmp_path).encode(["a"])
        assert made.tobytes() == odd.tobytes()


def test_a_row_may_be_changed_without_changing_what_is_kept(spy):
    encoder = CachedEncoder(spy)
    for _ in range(2):
        row = encoder.encode(["a"])
        assert row.tobytes() == plain(["a"]).tobytes()
        row[:] = 0


def test_the_next_process_finds_them(tmp_path, spy):
    filled(tmp_path, ["a", "b"])
    made = CachedEncoder(spy, cache_folder=str(tmp_path)).encode(["b", "a", "c"])
    assert spy.calls == [["c"]]
    assert made.tobytes() == plain(["b", "a", "c"]).tobytes()


def test_no_texts_and_odd_texts(spy, tmp_path):
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    assert encoder.encode([]).shape == (0, DIM)
    assert encoder.encode([]).dtype == np.float32
    odd = ["", " ", "\ud800", "a\x00", "日本" * 5000]
    assert encoder.encode(odd).tobytes() == plain(odd).tobytes()
    encoder.encode(odd)
    assert len(spy.calls) == 1
    with pytest.raises(TypeError, match="give a list"):
        encoder.encode("a")
    with pytest.raises(InvalidTextsError, match="text 1 is missing"):
        encoder.encode(["a", None])


def test_many_texts_are_kept_part_by_part(spy, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "CHUNK", 3)
    texts = list("abcdefg")

    class Stopped(Spy):
        def encode(self, texts, *, batch_size=32):
            if "g" in texts:
                raise KeyboardInterrupt("stopped")
            return super().encode(texts)

    with pytest.raises(KeyboardInterrupt, match="stopped"):
        CachedEncoder(Stopped(), cache_folder=tmp_path).encode(texts)
    made = CachedEncoder(spy, cache_folder=tmp_path).encode(texts)
    assert spy.calls == [["g"]]
    assert made.tobytes() == plain(texts).tobytes()


def test_a_result_of_another_shape_is_refused_and_not_kept(tmp_path):
    class Short(Spy):
        def encode(self, texts, *, batch_size=32):
            return super().encode(texts)[:1]

    encoder = CachedEncoder(Short(), cache_folder=tmp_path)
    message = r"hashing-16: shape \(1, 16\) came back for 2 texts; \(2, 16\) is needed"
    with pytest.raises(EncoderError, match=message):
        encoder.encode(["a", "b"])
    assert list(tmp_path.glob("*.sqlite")) == [] or n_rows(tmp_path) == 0


# As an encoder


def test_it_is_the_other_encoder_for_all_others(spy, tmp_path):
    spy.folder = tmp_path / "model"
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    for name in ("name", "source", "dim", "fingerprint", "spec", "folder"):
        assert getattr(encoder, name) == getattr(spy, name), name
    encoder.encode(["a"], batch_size=7)
    assert spy.sizes == [7]
    assert CachedEncoder(HashingEncoder()).folder is None


def test_reading_is_what_the_other_one_tells_or_the_number_of_texts(spy):
    assert CachedEncoder(spy).truncation_stats(["a", "b"]) == TruncationStats(2)
    spy.truncation_stats = lambda texts: TruncationStats(len(texts), 1)
    assert CachedEncoder(spy).truncation_stats(["a", "b"]) == TruncationStats(2, 1)


def test_copies_are_itself_and_it_travels_with_its_bounds(tmp_path):
    encoder = CachedEncoder(
        HashingEncoder(DIM), cache_folder=tmp_path, most_texts=3, most_bytes=100_000
    )
    assert copy.deepcopy(encoder) is encoder
    encoder.encode(["a"])
    there = pickle.loads(pickle.dumps(encoder))
    assert there._arguments == (tmp_path, 3, 100_000)
    assert there.encode(["a"]).tobytes() == plain(["a"]).tobytes()
    assert there._file.path == encoder._file.path


def test_vectors_that_were_made_beforehand_and_negative_bounds_are_refused(spy):
    own = PrecomputedEncoder(["a"], [[1, 0]], name="mine")
    with pytest.raises(EncoderError, match=r"mine: .* are kept already\. Take it as it is"):
        CachedEncoder(own)
    with pytest.raises(EncoderError, match="most_texts is -1, most_bytes 5; 0 or more is needed"):
        CachedEncoder(spy, most_texts=-1, most_bytes=5)
    with pytest.raises(EncoderError, match="most_bytes -2; 0 or more"):
        CachedEncoder(spy, most_bytes=-2)


def test_an_engine_answers_as_without_it_and_its_probe_is_of_the_real_encoder(spy, tmp_path):
    categories = [Category("a", examples=["money back"]), Category("b", examples=["parcel late"])]
    texts = ["my money", "my parcel", "the weather"]
    engine = Engine.build(categories, encoder=CachedEncoder(spy, cache_folder=tmp_path))
    expected = Engine.build(categories, encoder=HashingEncoder(DIM)).classify(texts)
    assert engine.classify(texts) == expected
    engine.save(tmp_path / "index")
    spy.calls.clear()
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    encoder.encode([PROBE])  # so that its vector is kept
    loaded = Engine.load(tmp_path / "index", encoder=encoder)
    assert loaded.classify(texts) == expected
    assert spy.calls == [[PROBE], [PROBE]]


def test_an_encoder_that_changed_is_found_out_though_its_old_vectors_are_kept(spy, tmp_path):
    engine = Engine.build(
        [Category("a", examples=["x"]), Category("b", examples=["y"])], encoder=spy
    )
    engine.save(tmp_path / "index")

    class Changed(Spy):
        def encode(self, texts, *, batch_size=32):
            return -super().encode(texts)

    for folder in (None, tmp_path):
        encoder = CachedEncoder(CachedEncoder(Changed(), cache_folder=folder), cache_folder=folder)
        CachedEncoder(spy, cache_folder=tmp_path).encode([PROBE])
        with pytest.raises(EncoderMismatchError, match="embeds the probe text differently"):
            Engine.load(tmp_path / "index", encoder=encoder)


def test_the_network_that_was_trained_with_the_model_is_found(spy, monkeypatch):
    asked = []
    monkeypatch.setattr("textshot.engine.encoder_identity.load_network", asked.append)
    spy.folder = Path("model")
    Engine.build(
        [Category("a", examples=["x"]), Category("b", examples=["y"])], encoder=CachedEncoder(spy)
    )
    assert asked == [Path("model")]


def test_learning_takes_the_encoder_itself(tiny_folder):
    from textshot.training.train import _that_can_learn

    encoder = load_encoder(str(tiny_folder), device="cpu", backend="torch")
    assert _that_can_learn(CachedEncoder(CachedEncoder(encoder))) is encoder
    with pytest.raises(EncoderError, match="'hashing' has no layers that could learn"):
        _that_can_learn(CachedEncoder(HashingEncoder()))


# Whose vectors


def test_no_vector_is_that_of_another_encoder_or_engine(tmp_path):
    def asks(fingerprint, kind):
        spy = Spy()
        spy.fingerprint = fingerprint
        if kind is not None:
            spy.kind = kind
        CachedEncoder(spy, cache_folder=tmp_path).encode(["a"])
        return len(spy.calls)

    sorts = [("f", None), ("f", "torch-fp32"), ("f", "openvino-bf16"), ("../g", None)]
    assert [asks(*sort) for sort in sorts] == [1, 1, 1, 1]
    assert [asks(*sort) for sort in sorts] == [0, 0, 0, 0]
    assert len(list(tmp_path.glob("*.sqlite"))) == 4


def test_a_file_under_the_name_of_another_is_not_taken_for_it(tmp_path, spy, caplog):
    other = FunctionEncoder(lambda texts: np.ones((len(texts), DIM)), name="other")
    for encoder in (other, spy):
        CachedEncoder(encoder, cache_folder=tmp_path).encode(["a"])
    mine = CachedEncoder(spy, cache_folder=tmp_path)
    theirs = CachedEncoder(other, cache_folder=tmp_path)
    mine._file.path.write_bytes(theirs._file.path.read_bytes())
    assert mine.encode(["a"]).tobytes() == plain(["a"]).tobytes()
    [warning] = warnings_of(caplog)
    assert "is damaged (it is of another program or another encoder): it is made again" in warning


def test_engines_say_what_they_are(tiny_folder):
    name = str(tiny_folder)
    assert load_encoder(name, device="cpu", backend="torch").kind == "torch-fp32"
    for backend in ("openvino", "onnx"):
        twin = load_encoder(name, backend=backend, precision="fp32")
        assert CachedEncoder(twin).kind == f"{backend}-fp32"


# Bounds


def test_what_came_from_the_file_is_in_memory_too(tmp_path, spy):
    path = filled(tmp_path, ["a"])
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    encoder.encode(["a"])
    path.unlink()
    encoder.encode(["a"])
    assert spy.calls == []


def test_what_is_stopped_in_the_middle_of_a_write_is_not_written(tmp_path, spy, monkeypatch):
    filled(tmp_path, ["a"])

    def stopped(self, known):
        raise KeyboardInterrupt("stopped")

    monkeypatch.setattr(vector_file.VectorFile, "_shrink", stopped)
    with pytest.raises(KeyboardInterrupt, match="stopped"):
        CachedEncoder(spy, cache_folder=tmp_path).encode(["b", "c"])
    assert n_rows(tmp_path) == 1


def test_memory_forgets_what_was_used_longest_ago(spy):
    encoder = CachedEncoder(spy, most_texts=3)
    for text in "abc":
        encoder.encode([text])
    encoder.encode(["a"])
    encoder.encode(["d"])  # b goes
    spy.calls.clear()
    encoder.encode(["a", "c", "d"])
    assert spy.calls == []
    encoder.encode(["b"])
    assert spy.calls == [["b"]]
    assert len(encoder._memory) == 3


def test_more_texts_at_once_than_memory_holds_are_no_trouble(spy):
    encoder = CachedEncoder(spy, most_texts=2)
    texts = list("abcde") * 2
    for _ in range(2):
        assert encoder.encode(texts).tobytes() == plain(texts).tobytes()
    assert spy.calls == [list("abcde"), list("abc")]
    assert len(encoder._memory) == 2
    nothing = CachedEncoder(spy, most_texts=0)
    assert nothing.encode(texts).tobytes() == plain(texts).tobytes()
    assert len(nothing._memory) == 0


def test_the_file_keeps_to_its_bound(tmp_path, spy):
    most = 300_000
    encoder = CachedEncoder(spy, cache_folder=tmp_path, most_bytes=most)
    for start in range(0, 20_000, 500):
        encoder.encode([f"text {i}" for i in range(start, start + 500)])
    row = 4 * DIM + 32  # at least
    assert 0.3 * most < n_rows(tmp_path) * row <= most
    assert file_in(tmp_path).stat().st_size <= most + 500 * 3 * row
    spy.calls.clear()
    newest = CachedEncoder(spy, cache_folder=tmp_path)
    newest.encode([f"text {i}" for i in range(19_500, 20_000)])
    assert spy.calls == []


def test_a_bound_below_a_single_row_keeps_nothing(tmp_path, spy):
    for _ in range(2):
        made = CachedEncoder(spy, cache_folder=tmp_path, most_bytes=0).encode(["a", "b"])
        assert made.tobytes() == plain(["a", "b"]).tobytes()
    assert n_rows(tmp_path) == 0


def test_of_a_full_file_the_rows_used_longest_ago_go(tmp_path, spy, clock):
    parts = [[f"{part} {i}" for i in range(500)] for part in "abc"]
    path = filled(tmp_path, parts[0] + parts[1])
    most = path.stat().st_size + 40_000
    clock[0] += 1
    filled(tmp_path, parts[0][::2])  # every other one is in use
    clock[0] += 1
    filled(tmp_path, parts[2], most_bytes=most)
    CachedEncoder(spy, cache_folder=tmp_path).encode(parts[0] + parts[1] + parts[2])
    gone = set(spy.asked)
    assert 100 < len(gone) < 750
    assert not gone & {*parts[0][::2], *parts[2]}
    # Of those used in the same hour, the ones written first.
    old = parts[0][1::2] + parts[1]
    assert gone == set(old[: len(gone)])


def test_a_use_is_written_once_an_hour(tmp_path, clock):
    path = filled(tmp_path, ["a", "b"])
    clock[0] += 1
    filled(tmp_path, ["a"])
    assert change(path, "SELECT used FROM vectors ORDER BY id") == [(1001,), (1000,)]
    version = "SELECT total(used), max(id) FROM vectors"
    before, stamp = change(path, version), path.stat().st_mtime_ns
    filled(tmp_path, ["a"])
    assert (change(path, version), path.stat().st_mtime_ns) == (before, stamp)


# Damage


def truncated(data):
    return data[: len(data) // 2]


def garbage(data):
    return random.Random(1).randbytes(len(data))


def no_bytes(data):
    return b""


def bad_page(data):
    return data[:8192] + b"\xff" * 8192 + data[16384:]


def bad_header(data):
    return b"SQLite format 4" + data[15:]


def bad_name(data):
    """A name that is no UTF-8, in a message that Python then cannot read."""
    at = data.index(b"ON vectors") + 3
    return data[:at] + b"\x88" + data[at + 1 :]


@pytest.mark.parametrize("damage", [truncated, garbage, no_bytes, bad_page, bad_header, bad_name])
def test_a_damaged_file_is_made_again_with_a_warning(tmp_path, spy, caplog, damage):
    texts = [f"{CANARY} {i}" for i in range(400)]
    path = filled(tmp_path, texts)
    path.write_bytes(damage(path.read_bytes()))
    made = CachedEncoder(spy, cache_folder=tmp_path, most_texts=0).encode(texts)
    assert made.tobytes() == plain(texts).tobytes()
    assert 0 < len(spy.asked) <= 400
    [warning] = warnings_of(caplog)
    assert warning.startswith(f"{path} is damaged (")
    assert CANARY not in caplog.text
    spy.calls.clear()
    CachedEncoder(spy, cache_folder=tmp_path).encode(texts)
    assert spy.calls == []
    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE vectors",
        "ALTER TABLE vectors RENAME TO others",
        "ALTER TABLE vectors ADD COLUMN more",
        "CREATE TABLE more (a)",
        "CREATE TRIGGER t AFTER INSERT ON vectors BEGIN DELETE FROM vectors; END",
        "PRAGMA application_id = 7",
    ],
)
def test_a_file_of_other_tables_is_made_again(tmp_path, spy, caplog, statement):
    path = filled(tmp_path, ["a"])
    change(path, statement)
    CachedEncoder(spy, cache_folder=tmp_path).encode(["a"])
    CachedEncoder(spy, cache_folder=tmp_path).encode(["a"])
    assert spy.calls == [["a"]]
    [warning] = warnings_of(caplog)
    assert warning.endswith("another encoder): it is made again")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\0" * (4 * DIM),
        b"\0" * (4 * DIM + 4),
        b"\0" * (8 * DIM + 4),
        None,
        "x" * (4 * DIM + 4),
        5,
    ],
)
def test_a_row_that_is_not_what_was_written_is_a_miss_and_is_written_again(
    tmp_path, spy, caplog, value
):
    path = filled(tmp_path, ["a", "b"])
    change(path, "UPDATE vectors SET row = ? WHERE id = 1", (value,))
    for _ in range(2):
        made = CachedEncoder(spy, cache_folder=tmp_path).encode(["a", "b"])
        assert made.tobytes() == plain(["a", "b"]).tobytes()
    assert spy.calls == [["a"]]
    assert warnings_of(caplog) == []


def test_a_single_wrong_bit_and_the_row_of_another_text_are_misses(tmp_path, spy):
    path = filled(tmp_path, ["a", "b", "c"])
    [(row,)] = change(path, "SELECT row FROM vectors WHERE id = 1")
    bad = bytes([row[0] ^ 1]) + row[1:]
    change(path, "UPDATE vectors SET row = ? WHERE id = 1", (bad,))
    change(path, "UPDATE vectors SET row = (SELECT row FROM vectors WHERE id = 3) WHERE id = 2")
    made = CachedEncoder(spy, cache_folder=tmp_path).encode(["a", "b", "c"])
    assert made.tobytes() == plain(["a", "b", "c"]).tobytes()
    assert spy.calls == [["a", "b"]]


def test_no_damage_whatever_gives_a_wrong_vector_or_stops(tmp_path, caplog):
    texts = [f"text {i}" for i in range(200)]
    expected, dice = plain(texts).tobytes(), random.Random(3)
    path = filled(tmp_path, texts)
    good = path.read_bytes()
    for _ in range(120):
        data = bytearray(good)
        page = 8192 * dice.randrange(len(good) // 8192)
        for _ in range(dice.choice([1, 5])):
            data[page + dice.randrange(dice.choice([100, 8192]))] = dice.randrange(256)
        path.write_bytes(data)
        encoder = CachedEncoder(HashingEncoder(DIM), cache_folder=tmp_path, most_texts=0)
        assert encoder.encode(texts).tobytes() == expected


def test_what_was_written_beside_a_damaged_file_does_not_come_into_the_new_one(
    tmp_path, spy, caplog
):
    path = filled(tmp_path, ["a"])
    with closing(sqlite3.connect(path, isolation_level=None)) as known:
        known.execute("PRAGMA application_id = 7")  # in -wal, and there as long as this is open
        assert Path(f"{path}-wal").stat().st_size
        for _ in range(2):
            CachedEncoder(spy, cache_folder=tmp_path).encode(["a"])
    assert spy.calls == [["a"]]
    [warning] = warnings_of(caplog)
    assert warning.endswith("it is made again")


def test_of_two_that_find_the_damage_one_makes_the_file_again(tmp_path, spy):
    path = filled(tmp_path, ["a"])
    path.write_bytes(b"damaged")
    seen = path.stat().st_ino
    first, second = (CachedEncoder(spy, cache_folder=tmp_path) for _ in range(2))
    first.encode(["b"])
    second._file._make(seen)  # it saw the same damage, and comes later
    CachedEncoder(spy, cache_folder=tmp_path).encode(["b"])
    assert spy.calls == [["b"]]


# No room


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path, spy, caplog):
    (tmp_path / "file").write_text("")
    encoder = CachedEncoder(spy, cache_folder=tmp_path / "file" / "vectors", most_texts=1)
    for _ in range(2):
        assert encoder.encode([CANARY, "b"]).tobytes() == plain([CANARY, "b"]).tobytes()
    [warning] = warnings_of(caplog)
    assert warning.startswith(f"no vectors are kept in {tmp_path / 'file' / 'vectors'}")
    assert CANARY not in caplog.text
    assert encoder.encode(["b"]).tobytes() == plain(["b"]).tobytes()
    assert spy.calls == [[CANARY, "b"], [CANARY], ["b"]]  # memory holds the last one, as ever


def test_a_folder_in_the_place_of_the_file_is_one_warning_and_stays(tmp_path, spy, caplog):
    path = filled(tmp_path, ["a"])
    path.unlink()
    path.mkdir()
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    encoder.encode(["a"])
    encoder.encode(["b"])
    assert len(warnings_of(caplog)) == 1
    assert path.is_dir()


def test_a_file_that_another_process_holds_for_too_long_is_one_warning(
    tmp_path, spy, caplog, monkeypatch
):
    monkeypatch.setattr(vector_file, "_SECONDS", 0.05)
    path = filled(tmp_path, ["a"])
    encoder = CachedEncoder(spy, cache_folder=tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as known:
        known.execute("BEGIN IMMEDIATE")
        assert encoder.encode(["a", "b"]).tobytes() == plain(["a", "b"]).tobytes()
    assert spy.calls == [["b"]]  # reading goes on beside a writer
    [warning] = warnings_of(caplog)
    assert warning == f"no vectors are kept in {path}: database is locked"
    assert n_rows(tmp_path) == 1


FULL = """
import resource, sys
from textshot.encoders import HashingEncoder, CachedEncoder
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
encoder = CachedEncoder(HashingEncoder(16), cache_folder=sys.argv[1], most_texts=0)
texts = [f"my private canary sings {i}" for i in range(3000)]
same = HashingEncoder(16).encode(texts).tobytes()
for _ in range(2):
    assert encoder.encode(texts).tobytes() == same
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_a_full_disk_is_one_warning_and_all_vectors_are_right(tmp_path, spy):
    filled(tmp_path, ["a"])
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, env=_env()
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"no vectors are kept in {file_in(tmp_path)}: ")
    assert CANARY not in done.stderr
    CachedEncoder(spy, cache_folder=tmp_path).encode(["a"])
    assert spy.calls == []  # what was there is there


def _env():
    """The code under test, also where another copy is installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


# Together


FILL = """
import sys
from pathlib import Path
from textshot.encoders import HashingEncoder, CachedEncoder
folder, first = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for start in range(first, first + 400, 10):
    texts = [f"text {i}" for i in range(start, start + 10)]
    encoder = CachedEncoder(HashingEncoder(16), cache_folder=folder, most_texts=0)
    assert encoder.encode(texts).tobytes() == HashingEncoder(16).encode(texts).tobytes()
"""


@pytest.mark.parametrize("before", ["nothing", "damage"])
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
        for first in (0, 200)  # half of the texts are those of both
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:  # both are ready, so they begin at once
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.communicate(timeout=120)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], said
    warnings = "".join(said)
    assert "no vectors are kept" not in warnings
    assert ("made again" in warnings) == (before == "damage")
    texts = [f"text {i}" for i in range(600)]
    made = CachedEncoder(spy, cache_folder=tmp_path).encode(texts)
    assert made.tobytes() == plain(texts).tobytes()
    assert spy.calls == []
    assert n_rows(tmp_path) == 600
    assert change(file_in(tmp_path), "PRAGMA integrity_check") == [("ok",)]


def test_threads_share_one(tmp_path, caplog):
    encoder = CachedEncoder(HashingEncoder(DIM), cache_folder=tmp_path, most_texts=50)
    texts = [f"text {i}" for i in range(200)]
    expected, wrong = plain(texts), []

    def work(seed):
        dice = random.Random(seed)
        for _ in range(30):
            places = [dice.randrange(200) for _ in range(20)]
            made = encoder.encode([texts[i] for i in places])
            if made.tobytes() != expected[places].tobytes():
                wrong.append(places)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert warnings_of(caplog) == []
    assert n_rows(tmp_path) == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_it_outlives_a_fork(tmp_path):
    code = (
        "import os, sys\n"
        "from textshot.encoders import HashingEncoder, CachedEncoder\n"
        "encoder = CachedEncoder(HashingEncoder(16), cache_folder=sys.argv[1], most_texts=0)\n"
        "encoder.encode(['a'])\n"
        "child = os.fork()\n"
        "encoder.encode([f'{child > 0} {i}' for i in range(300)])\n"
        "if child: sys.exit(os.waitpid(child, 0)[1])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=_env())
    assert n_rows(tmp_path) == 601
    assert change(file_in(tmp_path), "PRAGMA integrity_check") == [("ok",)]


# What is told


def test_no_text_is_in_any_file_or_in_the_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / "vectors"
    encoder = CachedEncoder(HashingEncoder(DIM), cache_folder=folder)
    encoder.encode([CANARY, CANARY * 100])
    with closing(sqlite3.connect(file_in(folder))):
        encoder.encode([f"{CANARY} again"])  # beside another one that holds -wal open
        found = b"".join(path.read_bytes() for path in folder.iterdir())
    for words in (CANARY, "canary"):
        assert words.encode() not in found
        assert words.encode("utf-16-le") not in found
    assert CANARY not in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights")
def test_folder_and_file_are_their_owner_s_alone(tmp_path):
    path = filled(tmp_path / "vectors", ["a"])
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_without_a_folder_sqlite_is_not_even_loaded():
    code = (
        "import sys; sys.modules['sqlite3'] = None\n"
        "from textshot import CachedEncoder, load_encoder\n"
        "print(CachedEncoder(load_encoder('hashing')).encode(['a']).shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_env()
    )
    assert done.stdout == "(1, 256)\n"
