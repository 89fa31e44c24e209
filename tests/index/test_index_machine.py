"""An index does what a dict of lists does, whatever is done to it in whatever order."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from edits import EditedIndex
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from textshot._arrays import unit_rows
from textshot.errors import ConflictError, InvalidCategoriesError
from textshot.index import Index
from textshot.scoring.prototypes import prototype
from textshot.testing import HashingEncoder
from textshot.types import Category, Example, spoken_name

NAMES = st.sampled_from(["a", "b", "card_arrival", "日本", "x/y", "Ünde", "z z"])
TEXTS = st.sampled_from(["one", "two words", "three\u2028lines", "🎉", "vier", "\ud800", "six"])
ENCODER = HashingEncoder(dim=32)


class IndexAgainstADict(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.index = EditedIndex(ENCODER.dim)
        self.model = {}
        self.folder = Path(tempfile.mkdtemp()) / "index"

    def teardown(self):
        shutil.rmtree(self.folder.parent)

    def some(self, data):
        return data.draw(st.sampled_from(sorted(self.model)))

    @initialize()
    def begin_on_disk(self):
        assert self.index.save(self.folder) == 1

    @rule(name=NAMES, texts=st.lists(TEXTS, max_size=3, unique=True))
    def add(self, name, texts):
        vectors = ENCODER.encode([spoken_name(name), *texts])
        if name in self.model:
            with pytest.raises(InvalidCategoriesError, match="is there already"):
                self.index.add([Category(name, examples=[*texts])], vectors)
        else:
            self.index.add([Category(name, examples=[*texts])], vectors)
            self.model[name] = texts

    @rule(name=NAMES)
    def remove(self, name):
        if name in self.model:
            self.index.remove([name])
            del self.model[name]
        else:
            with pytest.raises(InvalidCategoriesError, match="no category"):
                self.index.remove([name])

    @precondition(lambda self: self.model)
    @rule(data=st.data(), new=NAMES)
    def rename(self, data, new):
        old = self.some(data)
        vector = ENCODER.encode([spoken_name(new)])[0]
        if new in self.model and new != old:
            with pytest.raises(InvalidCategoriesError, match="is there already"):
                self.index.rename(old, new, vector)
        else:
            self.index.rename(old, new, vector)
            self.model[new] = self.model.pop(old)

    @precondition(lambda self: len(self.model) > 1)
    @rule(data=st.data())
    def merge(self, data):
        into = self.some(data)
        others = st.sampled_from(sorted(set(self.model) - {into}))
        names = data.draw(st.lists(others, min_size=1, unique=True))
        self.index.merge(names, into)
        for name in names:
            moved = self.model.pop(name)
            self.model[into] = [*self.model[into], *(t for t in moved if t not in self.model[into])]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), text=TEXTS)
    def add_example(self, data, text):
        name = self.some(data)
        self.index.add_example(name, Example(text), ENCODER.encode([text])[0])
        self.model[name] = [*(t for t in self.model[name] if t != text), text]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), text=TEXTS)
    def remove_example(self, data, text):
        name = self.some(data)
        if text in self.model[name]:
            self.index.remove_example(name, text)
            self.model[name] = [t for t in self.model[name] if t != text]
        else:
            with pytest.raises(InvalidCategoriesError, match="no such example"):
                self.index.remove_example(name, text)

    @rule(purge=st.booleans())
    def save_and_load(self, purge):
        before = self.index.generation
        assert self.index.save(self.folder, purge=purge) == before + 1
        self.index = EditedIndex.load(self.folder)
        assert self.index.generation == before + 1

    @rule()
    def another_writer_is_first(self):
        Index.load(self.folder).save(self.folder)
        with pytest.raises(ConflictError, match="another writer was first"):
            self.index.save(self.folder)
        self.index.generation += 1  # as if it had been loaded again, and changed again

    @invariant()
    def it_is_what_the_dict_says(self):
        state = self.index.state
        assert list(state.labels) == sorted(self.model)
        for entry in state.entries:
            texts = self.model[entry.category.name]
            assert [e.text for e in entry.category.examples] == texts
            expected = unit_rows(ENCODER.encode([spoken_name(entry.category.name), *texts]))
            np.testing.assert_array_equal(entry.vectors, expected, strict=True)
            np.testing.assert_array_equal(entry.prototype, prototype(expected), strict=True)
        assert state.vectors.shape == (len(self.model), ENCODER.dim)


IndexAgainstADict.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestIndexAgainstADict = IndexAgainstADict.TestCase
