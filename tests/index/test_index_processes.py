"""Readers and writers in several processes on one index."""

import subprocess
import sys
import threading
from collections import Counter

import pytest

from textshot._arrays import unit_rows
from textshot.engine import Engine
from textshot.errors import TextshotError
from textshot.index import Index
from textshot.testing import HashingEncoder, toy_categories
from textshot.types import Category

ENCODER = HashingEncoder(dim=16)

# Generation n has a category "stamp" that says so, and n % 7 others beside the five of the toy.
PUBLISHER = """
import sys
from textshot.engine import Engine
from textshot.types import Category
from textshot.testing import HashingEncoder
folder, times, purge = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "purge"
engine = Engine.load(folder, encoder=HashingEncoder(dim=16))
for _ in range(times):
    number = engine.index.generation + 1
    engine.replace(Category("stamp", examples=[f"generation {number}"]))
    if number % 7:
        engine.add([Category(f"more {number % 7}", examples=["more and more"])])
    else:
        engine.remove(*[name for name in engine.index.labels if name.startswith("more")])
    engine.save(folder, purge=purge)
"""


def begin(folder):
    engine = Engine.build(toy_categories(), encoder=ENCODER)
    engine.add(
        [
            Category("stamp", examples=["generation 1"]),
            Category("more 1", examples=["more and more"]),
        ]
    )
    engine.save(folder)


def is_complete(index):
    """Whether all parts of what was read belong to the generation that it says it is."""
    stamp, n = index.state.entry("stamp"), index.generation
    vector = unit_rows(ENCODER.encode([f"generation {n}"]))[0]  # an index scales what it gets
    more = [label for label in index.labels if label.startswith("more")]
    return (
        stamp.category.examples[0].text == f"generation {n}"
        and stamp.vectors[1].tobytes() == vector.tobytes()
        and more == [f"more {i}" for i in range(1, n % 7 + 1)]
        and index.state.vectors.shape == (6 + n % 7, 16)
    )


@pytest.mark.parametrize("purge", ["purge", "keep"])
def test_readers_beside_many_publishes_see_only_complete_generations(tmp_path, purge):
    folder, errors, seen = tmp_path / "index", [], [[] for _ in range(2)]
    begin(folder)
    arguments = [sys.executable, "-c", PUBLISHER, str(folder), "100", purge]
    publisher = subprocess.Popen(arguments)

    def read(generations):
        while publisher.poll() is None:
            try:
                index = Index.load(folder)
                if not is_complete(index):
                    errors.append(f"generation {index.generation} is mixed")
                generations.append(index.generation)
            except TextshotError as error:
                errors.append(str(error))

    readers = [threading.Thread(target=read, args=(generations,)) for generations in seen]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert publisher.wait() == 0
    assert errors == []
    assert all(generations == sorted(generations) for generations in seen)
    assert (
        len({number for generations in seen for number in generations}) > 5
    )  # as many as a slow machine lets them see
    last = Index.load(folder)
    assert (last.generation, is_complete(last)) == (101, True)


WRITER = """
import sys
from textshot.engine import Engine
from textshot.errors import ConflictError
from textshot.testing import HashingEncoder
folder, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
conflicts = 0
for n in range(rounds):
    while True:
        engine = Engine.load(folder, encoder=HashingEncoder(dim=16))
        engine.add_example("late parcel", f"{name} {n}")
        try:
            engine.save(folder)
            break
        except ConflictError:
            conflicts += 1
print(conflicts)
"""


@pytest.mark.parametrize(
    ("writers", "rounds"), [(2, 20), pytest.param(4, 250, marks=pytest.mark.slow)]
)
def test_no_update_of_several_writers_is_lost(tmp_path, writers, rounds):
    folder = tmp_path / "index"
    begin(folder)
    names = [f"writer{i}" for i in range(writers)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), name, str(rounds)], stdout=subprocess.PIPE
        )
        for name in names
    ]
    conflicts = [int(process.communicate()[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * writers
    texts = Counter(e.text for e in Index.load(folder).state.entry("late parcel").category.examples)
    expected = {f"{name} {n}" for name in names for n in range(rounds)}
    assert set(texts) == expected | {"my parcel has not come yet"}
    assert set(texts.values()) == {1}
    assert Index.load(folder).generation == 1 + writers * rounds
    sys.stdout.write(f"{writers} writers x {rounds} rounds: 0 lost, {sum(conflicts)} conflicts\n")
