"""What a table of categories changes in an index, and how to do that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textshot.engine.engine import Engine
from textshot.types import UNKNOWN, Category, Example

_UNSET = "none"


@dataclass(frozen=True)
class Change:
    """One change of an index, for people: of which category, and what."""

    label: str
    what: str


@dataclass(frozen=True)
class TableChanges:
    """What has to be done so that an index holds the categories of a table.

    Attributes:
        added, removed: categories.
        renamed: (old name, category) where all but the name is the same.
        replaced: (before, after) of one name.
        new_out_of_scope, old_out_of_scope: texts that fit no category, to learn and to forget.
    """

    added: tuple[Category, ...]
    removed: tuple[Category, ...]
    renamed: tuple[tuple[str, Category], ...]
    replaced: tuple[tuple[Category, Category], ...]
    new_out_of_scope: tuple[Example, ...]
    old_out_of_scope: tuple[Example, ...]

    def describe(self) -> list[Change]:
        """Return each change in words."""
        lines = [Change(c.name, f"new, {_size(c)}") for c in self.added]
        lines += [Change(old, f"renamed to {c.name}") for old, c in self.renamed]
        lines += [Change(c.name, f"removed, {_size(c)}") for c in self.removed]
        for before, after in self.replaced:
            lines += [Change(after.name, what) for what in _differences(before, after)]
        lines += [Change(UNKNOWN, f"+ {e.text}") for e in self.new_out_of_scope]
        return lines + [Change(UNKNOWN, f"- {e.text}") for e in self.old_out_of_scope]

    def apply(self, engine: Engine) -> None:
        """Make the changes in an engine; save it to keep them.

        Raises:
            InvalidCategoriesError: a change that cannot be, such as a name like another one.
        """
        for old, category in self.renamed:
            engine.rename(old, category.name)
        if self.removed:
            engine.remove(*(c.name for c in self.removed))
        if self.added:
            engine.add(self.added)
        for _, after in self.replaced:
            engine.replace(after)
        for example in self.old_out_of_scope:
            engine.remove_out_of_scope(example.text or "")
        for example in self.new_out_of_scope:
            engine.add_out_of_scope([example.text or ""], source=example.source)


def table_changes(
    engine: Engine, categories: Sequence[Category], out_of_scope: Sequence[Example]
) -> TableChanges:
    """Compare an index with the categories of a table."""
    before, after = ({c.name: c for c in cs} for cs in (engine.categories, categories))
    added = [c for name, c in after.items() if name not in before]
    removed = [c for name, c in before.items() if name not in after]
    renamed: list[tuple[str, Category]] = []
    for category in list(added):
        same = [c for c in removed if not list(_differences(c, category)) and c.examples]
        if len(same) == 1:
            renamed.append((same[0].name, category))
            added.remove(category)
            removed.remove(same[0])
    both = [(before[name], c) for name, c in after.items() if name in before]
    known = {e.text for e in engine.out_of_scope}
    kept = {e.text for e in out_of_scope}
    return TableChanges(
        added=tuple(added),
        removed=tuple(removed),
        renamed=tuple(renamed),
        replaced=tuple((old, new) for old, new in both if list(_differences(old, new))),
        new_out_of_scope=tuple(e for e in out_of_scope if e.text not in known),
        old_out_of_scope=tuple(e for e in engine.out_of_scope if e.text not in kept),
    )


def _differences(before: Category, after: Category) -> Iterator[str]:
    """Yield what differs between two categories, but for their names."""
    old, new = ({e.text: e for e in c.examples} for c in (before, after))
    yield from (f"+ {text}" for text in new if text not in old)
    yield from (f"- {text}" for text in old if text not in new)
    for text in old:
        if text in new and (old[text].source, old[text].correction_order) != (
            new[text].source,
            new[text].correction_order,
        ):
            yield f"source of {text}: {old[text].source} -> {new[text].source}"
    if (before.description or "") != (after.description or ""):
        yield f"description: {after.description or _UNSET}"
    if before.threshold != after.threshold:
        yield f"threshold: {_cosine(before.threshold)} -> {_cosine(after.threshold)}"
    if before.parent != after.parent:
        yield f"parent: {before.parent or _UNSET} -> {after.parent or _UNSET}"
    for name in sorted({*before.metadata, *after.metadata}):
        if (value := after.metadata.get(name, "")) != before.metadata.get(name, ""):
            yield f"{name}: {value or _UNSET}"


def _cosine(threshold: float | None) -> str:
    return _UNSET if threshold is None else f"{threshold:.3f}"


def _size(category: Category) -> str:
    n = len(category.examples)
    return "1 example" if n == 1 else f"{n} examples"
