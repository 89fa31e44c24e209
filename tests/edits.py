"""An index edited by the engine's pure functions, with vectors and without an encoder."""

from textshot.engine import editing, example_editing
from textshot.index import Index, State


class EditedIndex(Index):
    """Each method commits what the function of that name makes of the present state."""

    def __init__(self, dim, **options):
        super().__init__(State.empty(dim, **options))

    @classmethod
    def load(cls, path):
        loaded = Index.load(path)
        edited = cls(loaded.dim)
        edited.commit(loaded.state)
        edited.generation, edited.path = loaded.generation, loaded.path
        return edited

    def entry(self, name):
        return self.state.entry(name)

    def add(self, *arguments):
        self._edit(editing.add_categories, *arguments)

    def replace(self, *arguments):
        self._edit(editing.replace_category, *arguments)

    def remove(self, *arguments):
        self._edit(editing.remove_categories, *arguments)

    def rename(self, *arguments):
        self._edit(editing.rename_category, *arguments)

    def merge(self, names, into):
        self._edit(editing.merge_categories, names, into)

    def add_example(self, name, example, vector):
        self._edit(example_editing.add_examples, [(name, example)], [vector])

    def remove_example(self, *arguments):
        self._edit(example_editing.remove_example, *arguments)

    def replace_example(self, *arguments):
        self._edit(example_editing.replace_example, *arguments)

    def add_out_of_scope(self, *arguments):
        self._edit(example_editing.add_out_of_scope, *arguments)

    def remove_out_of_scope(self, *arguments):
        self._edit(example_editing.remove_out_of_scope, *arguments)

    def set(self, **settings):
        with self.lock:
            self.commit(self.state.updated(**settings))

    def _edit(self, edit, *arguments):
        with self.lock:
            self.commit(edit(self.state, *arguments))
