"""A writer that dies, or a disk that fails, at each single call of the operating system."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

from textshot import _files
from textshot.engine import Engine
from textshot.errors import IndexFormatError, IndexNotFoundError, PublishError, TextshotError
from textshot.index import Index, generations, rollback
from textshot.index.disk import store
from textshot.networks import Prototypical
from textshot.testing import HashingEncoder, toy_categories
from textshot.types import Category

ENCODER = HashingEncoder(dim=16)


class Died(BaseException):
    """The process is gone: nothing catches this, and every later call raises it again."""


class CountedOs:
    """The system calls of textshot._files: counts its calls and asks `before` at each."""

    def __init__(self, before):
        self.before, self.calls, self.handles = before, [], set()

    def __getattr__(self, name):
        real = getattr(os, name)
        if not callable(real):
            return real

        def call(*arguments, **options):
            self.calls.append(name)
            self.before(self, name, arguments)
            result = real(*arguments, **options)
            if name == "open":
                self.handles.add(result)
            if name == "close":
                self.handles.discard(arguments[0])
            return result

        return call

    def give_back(self):
        for handle in self.handles:
            os.close(handle)


def dies_at(k):
    def before(counted, name, arguments):
        if len(counted.calls) >= k:
            raise Died

    return before


def dies_in_the_middle_of_a_write_at(k):
    """Half of the bytes reach the file."""

    def before(counted, name, arguments):
        if len(counted.calls) == k and name == "write":
            os.write(arguments[0], arguments[1][: len(arguments[1]) // 2])
        if len(counted.calls) >= k:
            raise Died

    return before


def fails_at(k, number=errno.ENOSPC):
    def before(counted, name, arguments):
        if len(counted.calls) == k:
            raise OSError(number, os.strerror(number))

    return before


WRITING = ("write", "fsync", "replace", "mkdir")


def is_full_from(k):
    def before(counted, name, arguments):
        writes = name in WRITING
        if len(counted.calls) >= k and (writes or (name == "open" and arguments[1] & os.O_CREAT)):
            raise OSError(errno.ENOSPC, "No space left on device")

    return before


def load(folder):
    return Engine.load(folder, encoder=ENCODER)


def build(folder):
    Engine.build(toy_categories(), encoder=ENCODER).save(folder)


def add(folder):
    engine = load(folder)
    engine.add([Category("extra", examples=["something else"])])
    engine.save(folder)


def remove_and_purge(folder):
    engine = load(folder)
    engine.remove("late parcel")
    engine.save(folder, purge=True)


def go_back(folder):
    rollback(folder, to=6)


def correct(folder):
    engine = load(folder)
    engine.correct_all(["parcel 1", "the moon"], ["refund request", "opening hours"])
    engine.save(folder)


def build_with_a_network(folder):
    """Over an index without one, so that a file of another role comes and stays."""
    network = Prototypical().with_parameters(Prototypical().initial_parameters(16, 5))
    engine = Engine.build(toy_categories(), encoder=ENCODER, network=network)
    engine.save(folder, overwrite=True)


OPERATIONS = [build, add, remove_and_purge, go_back, correct, build_with_a_network]


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """Seven generations, so that there is something to collect, and a dead writer's rest."""
    folder = tmp_path_factory.mktemp("old") / "index"
    engine = Engine.build(toy_categories(), encoder=ENCODER)
    for n in range(7):
        engine.add_example("late parcel", f"parcel {n}")
        engine.save(folder)
    (folder / ".tmp-1-00000000").write_bytes(b"half")
    return folder


class Attempts:
    """Runs an operation with the k-th call failing, for k = 1, 2, ... up to the last call."""

    def __init__(self, old, place, contents):
        self.old, self.place, self.contents = old, place, contents

    def __call__(self, operation, failing, only=()):
        """Yield (folder, what was raised, what it holds, old and new contents) for each k."""
        folder = self.prepared(operation, "new")
        before = self.found(folder)
        calls, _ = self.one(operation, folder, lambda *_: None)
        after = self.found(folder)
        for k, name in enumerate(calls, start=1):
            if not only or name in only:
                folder = self.prepared(operation, str(k))
                _, raised = self.one(operation, folder, failing(k))
                yield folder, raised, self.found(folder), before, after
                shutil.rmtree(folder, ignore_errors=True)

    def prepared(self, operation, name):
        if operation is not build:  # links: a file is replaced, never changed
            shutil.copytree(self.old, self.place / name, copy_function=os.link)
        return self.place / name

    def found(self, folder):
        try:
            return self.contents(Index.load(folder).state)
        except IndexNotFoundError:
            return None

    def one(self, operation, folder, before):
        counted, raised = CountedOs(before), None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_files, "system", counted)
            try:
                operation(folder)
            except (Died, TextshotError) as error:
                raised = error
        counted.give_back()
        return counted.calls, raised


@pytest.fixture
def attempts(old, tmp_path, monkeypatch, contents):
    monkeypatch.setattr(store, "GRACE_SECONDS", 0.0)
    return Attempts(old, tmp_path, contents)


def next_writer_succeeds(folder):
    try:
        engine = load(folder)
    except IndexNotFoundError:
        engine = Engine.build(toy_categories(), encoder=ENCODER)
    engine.add_example("opening hours", "are you open on Sunday")
    engine.save(folder)
    assert not list(folder.glob(".tmp-*"))
    assert load(folder).index.state.labels == engine.index.labels
    engine.save(folder, purge=True)
    kinds = sorted(p.name.split("-")[0] for p in folder.iterdir() if p.name != ".lock")
    more = ["network"] if engine.network.parameters else []
    assert kinds == sorted(["categories", "generation", "index.json", "vectors", *more])
    assert [g.problem for g in generations(folder)] == [None]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_death_at_any_call_leaves_the_old_or_the_new_generation(attempts, operation):
    seen = []
    for folder, raised, now, before, after in attempts(operation, dies_at):
        assert isinstance(raised, Died)
        assert now in (before, after)
        seen.append(now == after)
        next_writer_succeeds(folder)
    assert seen == sorted(seen)  # the old one up to a moment, the new one from then on
    assert set(seen) == {False, True}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_death_in_the_middle_of_a_write_leaves_the_old_generation(attempts, operation):
    deaths = attempts(operation, dies_in_the_middle_of_a_write_at, only=["write"])
    seen = []
    for folder, raised, now, before, _ in deaths:
        assert isinstance(raised, Died)
        seen.append(now == before)
        next_writer_succeeds(folder)
    assert seen == [True] * len(seen)
    assert len(seen) >= 2


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_disk_that_fails_at_any_call_is_reported_and_nothing_is_lost(attempts, operation):
    told = []
    for folder, raised, now, before, after in attempts(operation, fails_at):
        message = str(raised or "")
        told.append(message)
        if isinstance(raised, PublishError) and "is in place, but" in message:
            assert now == after
        elif raised:
            assert isinstance(raised, PublishError | IndexFormatError)  # written, read back
            assert now == before
        else:
            assert now == after
        if operation is not remove_and_purge and now:
            assert not any(g.problem for g in generations(folder)[:5])
    assert sum("What was there before is untouched" in message for message in told) > 10
    assert sum("is in place, but the disk did not confirm it" in message for message in told) == 3


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_disk_that_is_full_from_any_call_on_keeps_the_old_index(attempts, operation):
    failed = 0
    for folder, raised, now, before, after in attempts(
        operation, is_full_from, only=["open", *WRITING]
    ):
        if now == before:
            assert isinstance(raised, PublishError)
            assert "No space left on device" in str(raised)
            failed += 1
        assert now in (before, after)
        # Deleting works on a full disk: no half of a file of ours stays on it.
        assert {p.name for p in folder.glob(".tmp-*")} <= {".tmp-1-00000000"}
    assert failed > 10


def test_writes_that_are_short_are_continued(tmp_path, monkeypatch, contents):
    class Short(CountedOs):
        def write(self, handle, data):
            return os.write(handle, data[: max(1, len(data) // 2)])

    build(tmp_path / "whole")
    monkeypatch.setattr(_files, "system", Short(lambda *_: None))
    build(tmp_path / "short")
    assert contents(Index.load(tmp_path / "short").state) == contents(
        Index.load(tmp_path / "whole").state
    )


def test_a_disk_that_fails_while_reading_is_named(old, monkeypatch):
    counted = CountedOs(lambda *_: None)
    monkeypatch.setattr(_files, "system", counted)
    load(old)
    for k in range(1, len(counted.calls) + 1):
        monkeypatch.setattr(_files, "system", CountedOs(fails_at(k, errno.EIO)))
        with pytest.raises(IndexFormatError, match="cannot be read: Input/output error"):
            load(old)


LIMITED = """
import resource, sys
from textshot.engine import Engine
from textshot.errors import PublishError
from textshot.types import Category
from textshot.testing import HashingEncoder
engine = Engine.load(sys.argv[1], encoder=HashingEncoder())
engine.add([Category("extra", examples=["something else"])])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    engine.save(sys.argv[1])
except PublishError as error:
    print(error)
"""


@pytest.mark.parametrize("most", [0, 1, 500, 10_000])
def test_a_file_that_may_not_grow_is_refused_by_the_system_and_the_old_index_opens(folder, most):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder), str(most)], capture_output=True, text=True
    )
    assert "File too large. What was there before is untouched" in done.stdout
    assert done.stderr == ""
    after = {p.name: p.read_bytes() for p in folder.iterdir()}
    new = {name for name in after if name not in before}
    assert {name: after[name] for name in before} == before
    assert all(name.startswith("categories-") for name in new)  # whole, and small enough
    assert Engine.load(folder).classify(["my parcel"])[0].label == "late parcel"
