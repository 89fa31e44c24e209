"""The generations of an index: list them, bring one back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textshot.errors import IndexFormatError, IndexNotFoundError
from textshot.index.disk import files
from textshot.index.disk.manifest import MAX_MANIFEST_BYTES, open_manifest
from textshot.index.disk.store import (
    collect,
    copies_in,
    copy_name,
    manifest_of,
    now,
    put_manifest,
    read_state,
    writing,
)


@dataclass(frozen=True, slots=True)
class Generation:
    """One state that an index had; `problem` says why it cannot be rolled back to."""

    number: int
    created: str
    categories: int
    keys: int
    current: bool
    restores: int | None = None
    """The older generation that this one brought back."""
    problem: str | None = None


def generations(folder: str | Path) -> list[Generation]:
    """List the generations that still exist, newest first, all of their files checked."""
    folder = Path(folder)
    try:
        current = manifest_of(folder)["generation"]
    except IndexFormatError:
        current = 0  # the copies may still be good: that is what rollback is for
    except IndexNotFoundError:
        if not copies_in(folder):
            raise
        current = 0
    return [_describe(folder, number, current) for number in copies_in(folder)]


def rollback(folder: str | Path, to: int | None = None) -> int:
    """Make an older generation the current one again, as a new generation; return its number.

    Args:
        folder: the index.
        to: its number; None for the newest usable one before the current, or before the one that
            the current one restored: called again, it goes further back.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise IndexNotFoundError(f"there is no index at {folder}")
    with writing(folder):
        listed = generations(folder)
        usable = [g.number for g in listed if not g.problem and not g.current]
        current = max((g.number for g in listed), default=0)
        if to is None and usable:
            restored = next((g.restores or g.number for g in listed if g.current), current + 1)
            to = max((n for n in usable if n < restored), default=None)
        if to not in usable:
            raise IndexFormatError(_no_way_back(folder, to, usable))
        data = files.read_file(folder / copy_name(to), max_size=MAX_MANIFEST_BYTES)
        old = open_manifest(data, str(folder / copy_name(to)))
        restores = old.get("restores") or to
        manifest = {**old, "generation": current + 1, "created": now(), "restores": restores}
        put_manifest(folder, manifest)
        collect(folder, manifest, purge=False)
        return current + 1


def _no_way_back(folder: Path, to: int | None, usable: list[int]) -> str:
    which = "further back" if to is None else f"back to generation {to}"
    if not usable:
        return f"{folder} cannot go {which}: no other whole generation is left. Index again"
    listed = ", ".join(map(str, usable))
    return f"{folder} cannot go {which}; it can go --to {listed}"


def _describe(folder: Path, number: int, current: int) -> Generation:
    name = copy_name(number)
    try:
        data = files.read_file(folder / name, max_size=MAX_MANIFEST_BYTES)
        manifest = open_manifest(data, str(folder / name))
        read_state(folder, manifest)
    except (IndexFormatError, OSError) as error:
        return Generation(number, "", 0, 0, number == current, problem=str(error))
    return Generation(
        number,
        manifest["created"],
        manifest["categories"],
        manifest["keys"],
        number == current,
        manifest.get("restores"),
    )
