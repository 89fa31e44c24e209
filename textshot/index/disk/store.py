"""The folder that keeps an index: publish and read; `history` lists and brings back.

A generation is a manifest and the files that it names by content. Files are written and synced
first; `index.json` is the only name that is ever replaced, and always last. So a reader, or a
crash at any moment, finds the old generation or the new one, whole. `generation-<n>.json` is a
copy of each manifest, written before it, for `rollback`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from textshot import _files
from textshot.errors import ConflictError, IndexFormatError, IndexNotFoundError, PublishError
from textshot.index.disk import files
from textshot.index.disk.format import MAX_FILE_BYTES, from_files, to_files
from textshot.index.disk.manifest import (
    FILE_NAMES,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Manifest,
    make_manifest,
    open_manifest,
    seal,
)
from textshot.index.state import State

KEEP_GENERATIONS = 5
GRACE_SECONDS = 600.0
"""Files that no kept generation names are deleted when they are older than this."""

_COPY = re.compile(r"generation-(\d{6,12})\.json")
_OURS = re.compile("|".join(pattern.pattern for pattern in FILE_NAMES.values()))
_READ_TRIES = 100  # against a writer that purges at each step; a reader lost 5 in a row


def publish(folder: Path, state: State, *, expect: int | None, purge: bool = False) -> int:
    """Write `state` as the next generation and return its number.

    Args:
        folder: made when missing, its parent must be there.
        state: what to write.
        expect: the generation that must be current now (0: none); None follows on any.
        purge: delete what belongs to older generations at once.
    """
    with writing(folder):
        current = _current_generation(folder, expect)
        contents = to_files(state)
        manifest = make_manifest(state, contents, current + 1, now())
        for name, data in contents.values():
            _write_unless_there(folder, name, data)
        put_manifest(folder, manifest)
        left = collect(folder, manifest, purge=purge)
        if purge and left:
            raise PublishError(
                f"generation {current + 1} of {folder} is in place, but {left[0]} of an older one"
                " could not be deleted. Delete it by hand"
            )
        return current + 1


def read(folder: Path) -> tuple[State, int]:
    """Read and check the current generation; takes no lock."""
    for _ in range(_READ_TRIES):
        manifest = manifest_of(folder)
        try:
            return read_state(folder, manifest), manifest["generation"]
        except FileNotFoundError as error:
            missing = Path(error.filename).name
            # A writer may have gone on and cleared up between our two reads.
            if manifest_of(folder)["generation"] == manifest["generation"]:
                break
    raise IndexFormatError(
        f"{folder}: {missing} is missing; the index is damaged. `textshot info` lists the"
        " generations that can be rolled back to"
    )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the folder for writing; what the system refuses becomes a PublishError."""
    try:
        _check_place(folder)
        _files.make_folder(folder)
        with files.writers_lock(folder):
            yield
    except PublishError:
        raise
    except OSError as error:
        if isinstance(error, IndexNotFoundError):
            raise
        raise PublishError(
            f"cannot write the index {folder}: {error.strerror or error}. What was there before"
            " is untouched"
        ) from error


def _check_place(folder: Path) -> None:
    """Refuse a place where an index cannot or should not be, before anything is made there."""
    if folder.is_dir():
        others = sorted(
            p.name
            for p in folder.iterdir()
            if not (p.name.startswith(".") or _OURS.fullmatch(p.name) or _COPY.fullmatch(p.name))
        )
        if others and MANIFEST not in others:
            raise PublishError(
                f"{folder} is a folder with other things in it ({others[0]!r}) and not an"
                " index. Choose another place"
            )
    elif folder.exists():
        raise PublishError(f"{folder} is a file, and an index is a folder. Choose another place")
    elif not folder.parent.is_dir():
        raise PublishError(
            f"cannot make {folder}: the folder {folder.parent} does not exist. Make it first, or"
            " choose another place"
        )


def _current_generation(folder: Path, expect: int | None) -> int:
    try:
        current: int = manifest_of(folder)["generation"]
    except IndexNotFoundError:
        current = 0
    except IndexFormatError as error:
        raise PublishError(
            f"{error}. It is not overwritten: `textshot info {folder}` lists what can be rolled"
            " back to; or choose another place"
        ) from None
    if expect is None or current == expect:
        return max([current, *copies_in(folder)])
    if expect == 0:
        raise ConflictError(
            f"there is an index at {folder} already (generation {current})."
            " Say overwrite=True to follow on it, or choose another place"
        )
    raise ConflictError(
        f"{folder} is at generation {current}, and was at {expect} when it was read: another"
        " writer was first. Nothing was written; load it again and repeat the change"
    )


def manifest_of(folder: Path) -> Manifest:
    """Read and check the manifest of the current generation."""
    where = folder / MANIFEST
    try:
        data = files.read_file(where, max_size=MAX_MANIFEST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        what = "it is empty or another kind of folder" if folder.is_dir() else "nothing is there"
        if folder.is_file():
            what = "it is a file"
        raise IndexNotFoundError(
            f"there is no index at {folder} ({what}). Make one with"
            f" `textshot index CATEGORIES -o {folder}`"
        ) from None
    return open_manifest(data, str(where))


def read_state(folder: Path, manifest: Manifest) -> State:
    """Read and check the files that a manifest names."""
    contents = {
        role: files.read_file(folder / e["name"], max_size=MAX_FILE_BYTES, size=e["size"])
        for role, e in manifest["files"].items()
    }
    return from_files(manifest, contents, str(folder))


def _write_unless_there(folder: Path, name: str, data: bytes) -> None:
    """Names are contents; but a file that was damaged meanwhile must not be taken for granted."""
    with suppress(FileNotFoundError, IndexFormatError):
        if files.read_file(folder / name, max_size=MAX_FILE_BYTES, size=len(data)) == data:
            return
    _files.write_atomic(folder / name, data, sync_parent=False)


def put_manifest(folder: Path, manifest: Manifest) -> None:
    """Make a generation the current one; its files are there already."""
    data = seal(manifest)
    _files.write_atomic(folder / copy_name(manifest["generation"]), data, sync_parent=False)
    _files.sync_folder(folder)  # every file that the manifest names is durable before it is
    _files.write_atomic(folder / MANIFEST, data, sync_parent=False)
    try:
        _files.sync_folder(folder)
    except OSError as error:
        raise PublishError(
            f"generation {manifest['generation']} of {folder} is in place, but the disk did not"
            f" confirm it ({error.strerror}): a power failure may bring the one before it back"
        ) from error


def collect(folder: Path, manifest: Manifest, *, purge: bool) -> list[str]:
    """Delete generations beyond the last few, and files that no kept generation names.

    The new generation is published by now: what cannot be deleted is left for the next time, and
    returned.
    """
    kept_back = []
    kept = [manifest["generation"]]
    if not purge:
        kept += [n for n in copies_in(folder) if n != kept[0]][: KEEP_GENERATIONS - 1]
    copies = {copy_name(n) for n in kept}
    needed = _needed(folder, manifest, kept[1:])
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        return [f"what is in it ({error.strerror})"]
    for path in paths:
        ours = (_COPY.fullmatch(path.name) and path.name not in copies) or (
            _OURS.fullmatch(path.name) and needed is not None and path.name not in needed
        )
        # We hold the lock: a temporary file is what a dead writer left.
        left = path.name.startswith(_files.TEMPORARY)
        if left or (ours and (purge or _aged(path))):
            try:
                files.remove_file(path)
            except OSError:
                kept_back.append(path.name)
    return kept_back


def _needed(folder: Path, manifest: Manifest, older: list[int]) -> set[str] | None:
    """Return the files that the kept generations name; None if one of them cannot be read."""
    needed = {e["name"] for e in manifest["files"].values()}
    try:
        for number in older:
            data = files.read_file(folder / copy_name(number), max_size=MAX_MANIFEST_BYTES)
            needed |= {e["name"] for e in open_manifest(data, "")["files"].values()}
    except (OSError, IndexFormatError):
        return None
    return needed


def _aged(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > GRACE_SECONDS
    except OSError:
        return False


def copies_in(folder: Path) -> list[int]:
    """Return the numbers of the generations whose manifests are there, newest first."""
    matches = (_COPY.fullmatch(p.name) for p in folder.iterdir()) if folder.is_dir() else ()
    return sorted((int(m[1]) for m in matches if m), reverse=True)


def copy_name(number: int) -> str:
    """Return the name of the copy of a generation's manifest."""
    return f"generation-{number:06d}.json"


def now() -> str:
    """Return the time as a manifest states it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
