# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot serve."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.errors import ServiceError

if TYPE_CHECKING:
    from textshot.service import Keys

KEYS_VARIABLE = "TEXTSHOT_API_KEYS"
"""Holds the lines of a key file, for those who pass secrets by the environment."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MIB = 1 << 20

Option = Callable[[Callable[..., None]], Callable[..., None]]


def _at_least_one(name: str, default: int, about: str) -> Option:
    kind = click.IntRange(min=1)
    return click.option(name, type=kind, default=default, show_default=True, help=about)


def _positive(name: str, default: float, about: str) -> Option:
    kind = click.FloatRange(min=0, min_open=True)
    return click.option(name, type=kind, default=default, show_default=True, help=about)


def _not_negative(name: str, default: float, about: str) -> Option:
    kind = click.FloatRange(min=0)
    return click.option(name, type=kind, default=default, show_default=True, help=about)


@click.command()
@click.argument("indexes", nargs=-1, required=True, metavar="[NAME=]INDEX...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="0: a free one, which the log tells.",
)
@click.option("--writable", is_flag=True, help="Let callers change categories and correct answers.")
@click.option(
    "--api-keys",
    "keys_path",
    type=click.Path(),
    help="A file with ROLE NAME KEY on each line; the roles are read and write. Needed unless the"
    f" host is of this machine alone. {KEYS_VARIABLE} can hold the lines instead.",
)
@click.option(
    "--rate-limit", type=click.FloatRange(min=0, min_open=True), help="Requests a second of a key."
)
@_at_least_one("--max-body", 2 * _MIB, "Bytes of a request.")
@_at_least_one("--max-file", 100 * _MIB, "Bytes of an uploaded file.")
@_at_least_one("--max-texts", 256, "Texts of a request.")
@_at_least_one("--max-characters", 32_768, "Of a text.")
@_not_negative("--max-wait", 2.0, "Milliseconds that a text waits for others to be encoded with.")
@_at_least_one("--batch-tokens", 4096, "Tokens that are encoded together at most.")
@_at_least_one(
    "--queue-tokens", 65_536, "Tokens that may wait; what comes beyond them is refused (429)."
)
@_positive(
    "--deadline",
    10.0,
    "Seconds that a request may take. What would wait half as long is refused at once.",
)
@_not_negative("--grace", 1.0, "Seconds between not ready and the end of accepting, after SIGTERM.")
@_positive("--poll", 1.0, "Seconds between two looks whether an index has changed on disk.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    help="A name by which the service is called, where no keys are needed; *: any.",
)
@click.option(
    "--access-log/--no-access-log", default=True, help="Write a line of the log for each request."
)
@options.encoder_option
@options.device_option
def serve(
    indexes: tuple[str, ...],
    host: str,
    port: int,
    keys_path: str | None,
    max_wait: float,
    encoder: str | None,
    device: options.Where,
    **limits: object,
) -> None:
    """Answer over HTTP: classify texts, categorise files, change categories; a page at /.

    Each INDEX is served under its NAME, or the name of its folder; the first one is the default.
    A new generation of it on disk is taken up without a pause. SIGTERM ends the service when all
    it has accepted is answered. The log goes to stderr, a JSON object a line.

    \b
    Examples:
      textshot serve my-index
      textshot serve my-index --writable --port 9000
      textshot serve support=my-index sales=other-index --host 0.0.0.0 --api-keys keys.txt
    """
    served = _named(indexes)
    from textshot.engine.encoder_identity import Encoders

    try:
        from textshot.service import Service, Settings
        from textshot.service import serve as run
    except ModuleNotFoundError as error:
        raise ServiceError(
            f"the service needs {error.name}, which is not installed. Install the extra: pip"
            " install 'textshot-classifier[serve]'"
        ) from None
    settings = Settings(max_wait=max_wait / 1000, **limits)  # type: ignore[arg-type]
    keys = _keys(keys_path)
    _check_there(served)
    encoders = Encoders(encoder, *device)
    run(Service(served, settings, keys, encoders), host, port)


def _named(indexes: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for given in indexes:
        name, is_named, path = given.partition("=")
        if not (is_named and _NAME.fullmatch(name)):
            path = given
            name = re.sub(r"[^A-Za-z0-9._-]", "-", Path(given).absolute().name)
        if not path or not _NAME.fullmatch(name):
            raise click.UsageError(
                f"{given!r}: NAME=FOLDER is needed, the name of letters, digits, '.', '_' and '-'"
            )
        if name in found:
            raise click.UsageError(f"two indexes are called {name!r}. Name them: NAME=FOLDER")
        found[name] = path
    return found


def _keys(path: str | None) -> Keys | None:
    from textshot.service import Keys

    if path is not None:
        return Keys.of_file(path)
    lines = os.environ.get(KEYS_VARIABLE)
    return None if lines is None else Keys(lines.splitlines(), KEYS_VARIABLE)


def _check_there(served: dict[str, str]) -> None:
    """Tell at once, and not after the door is open, that an index is not there."""
    from textshot.index.disk.store import manifest_of

    for path in served.values():
        manifest_of(Path(path))
