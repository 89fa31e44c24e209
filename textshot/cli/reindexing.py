"""What becomes of an index when `textshot index` or `hub pull` puts another in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import click

from textshot._characters import group_names, name_key
from textshot.cli.output import counted, note
from textshot.errors import IndexFormatError, IndexNotFoundError
from textshot.types import CORRECTION, UNKNOWN, Category, Example

if TYPE_CHECKING:
    from textshot.engine import Engine

Choice = Literal["keep", "discard"]
"""What to do with the corrections of an existing index that a table does not have."""

_MAX_NAMES = 5


def correction_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the two options as one `corrections`."""
    keep = click.option(
        "--keep-corrections",
        "corrections",
        flag_value="keep",
        help="Take the corrections of the existing index over.",
    )
    discard = click.option(
        "--discard-corrections",
        "corrections",
        flag_value="discard",
        help="Make the index without the corrections of the existing one.",
    )
    return keep(discard(function))


class Update:
    """An index that is to be written, and the one that is in its folder already, if any.

    Args:
        path: The folder.
        table: Where the new index comes from: a table, or a repository of the hub.
        categories: Those of the new index.
        out_of_scope: Its out-of-scope texts.
    """

    def __init__(
        self,
        path: str,
        table: str,
        categories: Sequence[Category],
        out_of_scope: Sequence[Example],
    ) -> None:
        from textshot.engine import Engine

        self.path, self.table = path, table
        self.categories, self.out_of_scope = categories, out_of_scope
        self.old: Engine | None = None
        # `save` refuses to replace what is no index, or a damaged one.
        with suppress(IndexNotFoundError, IndexFormatError):
            self.old = Engine.load(path, lazy=True)

    def merged(self, choice: Choice | None) -> tuple[list[Category], list[Example]]:
        """Return the categories and out-of-scope texts to index, with corrections if chosen.

        Raises:
            ClickException: As for `corrections`.
        """
        kept = self.corrections(choice)
        unfit = [example for name, example in kept if name == UNKNOWN]
        return [_with(c, kept) for c in self.categories], [*self.out_of_scope, *unfit]

    def corrections(self, choice: Choice | None) -> list[tuple[str, Example]]:
        """Return the corrections to take over, each with its category or unknown, oldest first.

        Raises:
            ClickException: There are corrections and no choice, or they cannot be kept.
        """
        corrections = [one for one in self._missing() if _is_correction(one[1])]
        if not corrections or choice == "discard":
            return []
        number = counted(len(corrections), "correction")
        if choice is None:
            raise click.ClickException(
                f"{self.path} holds {number} that {self.table} does not have. Take them over with"
                " --keep-corrections, or leave them out with --discard-corrections (`textshot"
                " labels export` writes a table that has them)"
            )
        if any(example.text is None for _, example in corrections):
            raise click.ClickException(
                f"{self.path} is private: the texts of its {number} are gone, so a new index cannot"
                " have them. Make it without them: --discard-corrections"
            )
        names = {category.name for category in self.categories} | {UNKNOWN}
        if homeless := sorted({name for name, _ in corrections} - names):
            shown = ", ".join(map(repr, homeless[:_MAX_NAMES]))
            raise click.ClickException(
                f"{self.path} holds corrections to {shown}{', ...' * (len(homeless) > _MAX_NAMES)},"
                f" no categories of {self.table}. Add them to it, or `textshot labels merge` them"
                " into others first, or leave all corrections out with --discard-corrections"
            )
        return sorted(corrections, key=lambda one: one[1].correction_order)

    def save(self, engine: Engine, *, purge: bool) -> None:
        """Save the new index, unless somebody changed the old one meanwhile; say what is gone."""
        if self.old is not None:
            engine.index.follow(self.old.index)
        engine.save(self.path, overwrite=self.old is None, purge=purge)
        if self.old is not None:
            self._print_notes(self.old)

    def _print_notes(self, old: Engine) -> None:
        missing = [one for one in self._missing() if not _is_correction(one[1])]
        dropped = {*map(self._name, old.categories)} - {c.name for c in self.categories}
        parts = [counted(len(dropped), "category", "categories")] if dropped else []
        parts += [counted(len(missing), "example")] if missing else []
        if parts:
            note(f"left out, as {self.table} does not have them: {' and '.join(parts)}")
        if old.calibrated:
            note("probabilities end with this change: calibrate again with `textshot tune`")

    def _missing(self) -> list[tuple[str, Example]]:
        """Return the examples of the existing index that the table does not have."""
        from textshot.index.entries import hash_of

        if self.old is None:
            return []
        known = {(c.name, hash_of(e)) for c in self.categories for e in c.examples}
        known |= {(UNKNOWN, hash_of(e)) for e in self.out_of_scope}
        had = [(self._name(c), e) for c in self.old.categories for e in c.examples]
        had += [(UNKNOWN, e) for e in self.old.out_of_scope]
        return [(name, e) for name, e in had if (name, hash_of(e)) not in known]

    def _name(self, category: Category) -> str:
        """Return the name of the new category that is this one: the same, or the only similar."""
        names = group_names(c.name for c in self.categories).get(name_key(category.name), [])
        return names[0] if len(names) == 1 else category.name


def _is_correction(example: Example) -> bool:
    return example.source == CORRECTION or example.correction_order > 0


def _with(category: Category, corrections: Sequence[tuple[str, Example]]) -> Category:
    added = tuple(example for name, example in corrections if name == category.name)
    return replace(category, examples=(*category.examples, *added)) if added else category
