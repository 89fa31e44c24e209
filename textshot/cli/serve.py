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
    from textshot.service import APIKeys

KEYS_VARIABLE = "TEXTSHOT_API_KEYS"
"""Environment variable that can hold the lines of a key file."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MIB = 1 << 20

Option = Callable[[Callable[..., None]], Callable[..., None]]


def _limit(name: str, default: int, help_text: str) -> Option:
    kind = click.IntRange(min=1)
    return click.option(name, type=kind, default=default, help=help_text)


def _time(name: str, default: float, help_text: str, *, positive: bool = False) -> Option:
    kind = click.FloatRange(min=0, min_open=positive)
    return click.option(name, type=kind, default=default, help=help_text)


@click.command()
@click.argument("indexes", nargs=-1, required=True, metavar="[NAME=]INDEX...")
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    help="Port to listen on; 0: any free port, which the log shows.",
)
@click.option("--writable", is_flag=True, help="Let callers change categories and add corrections.")
@options.file_option(
    "--api-keys",
    "keys_path",
    help="File with ROLE NAME KEY on each line; roles are read and write. Required unless the host"
    f" is a loopback address. [env: {KEYS_VARIABLE}, with the lines themselves]",
)
@click.option(
    "--rate-limit",
    type=click.FloatRange(min=0, min_open=True),
    help="Maximum requests per second and key. [default: unlimited]",
)
@_limit("--max-body", 2 * _MIB, "Maximum bytes of a request.")
@_limit("--max-file", 100 * _MIB, "Maximum bytes of an uploaded file.")
@_limit("--max-texts", 256, "Maximum texts in a request.")
@_limit("--max-characters", 32_768, "Maximum characters of a text.")
@_time("--max-wait", 2.0, "Milliseconds that a text waits for others to fill a batch.")
@_limit("--batch-tokens", 4096, "Maximum tokens of a batch.")
@_limit("--queue-tokens", 65_536, "Maximum tokens in the queue; requests beyond are refused (429).")
@_time(
    "--deadline",
    10.0,
    "Maximum seconds per request; one that would queue for half of that is refused at once.",
    positive=True,
)
@_time("--grace", 1.0, "Seconds after SIGTERM in which requests are still accepted.")
@_time("--poll", 1.0, "Seconds between checks for a new generation on disk.", positive=True)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    metavar="NAME",
    multiple=True,
    help="Host name to accept without API keys; * accepts any. Repeat it for several.",
)
@click.option("--access-log/--no-access-log", default=True, help="Log each request.")
@options.encoder_option
@options.device_option
def serve(
    indexes: tuple[str, ...],
    host: str,
    port: int,
    keys_path: str | None,
    max_wait: float,
    encoder: str | None,
    device: options.RuntimeOptions,
    **limits: object,
) -> None:
    """Serve indexes over HTTP, with a web page at /.

    Each INDEX is served under NAME, or under the name of its folder; the first one is the default.
    A new generation on disk is loaded without a pause. After SIGTERM the service answers the
    requests that it has accepted, then ends. The log goes to stderr, one JSON object per line.

    \b
    Examples:
      textshot serve my-index
      textshot serve my-index --writable --port 9000
      textshot serve support=my-index sales=other-index --host 0.0.0.0 --api-keys keys.txt
    """
    paths = _paths_by_name(indexes)
    from textshot.engine.encoder_identity import Encoders

    try:
        from textshot.service import Service, ServiceOptions
        from textshot.service import serve as run
    except ModuleNotFoundError as error:
        raise ServiceError(
            f"the service needs {error.name}, which is not installed. Install the extra: pip"
            " install 'textshot-classifier[serve]'"
        ) from None
    service_options = ServiceOptions(max_wait=max_wait / 1000, **limits)  # type: ignore[arg-type]
    keys = _read_keys(keys_path)
    _check_indexes(paths)
    encoders = Encoders(encoder, *device)
    run(Service(paths, service_options, keys, encoders), host, port)


def _paths_by_name(indexes: tuple[str, ...]) -> dict[str, str]:
    paths: dict[str, str] = {}
    for argument in indexes:
        name, is_named, path = argument.partition("=")
        if not (is_named and _NAME.fullmatch(name)):
            path = argument
            name = re.sub(r"[^A-Za-z0-9._-]", "-", Path(argument).absolute().name)
        if not path or not _NAME.fullmatch(name):
            raise click.UsageError(
                f"{argument!r} is not NAME=FOLDER; a name has letters, digits, '.', '_' and '-'"
            )
        if name in paths:
            raise click.UsageError(f"two indexes are called {name!r}. Name them: NAME=FOLDER")
        paths[name] = path
    return paths


def _read_keys(path: str | None) -> APIKeys | None:
    from textshot.service import APIKeys

    if path is not None:
        return APIKeys.from_file(path)
    lines = os.environ.get(KEYS_VARIABLE)
    return None if lines is None else APIKeys(lines.splitlines(), KEYS_VARIABLE)


def _check_indexes(paths: dict[str, str]) -> None:
    """Fail on a missing index before the service listens."""
    from textshot.index.disk.store import manifest_of

    for path in paths.values():
        manifest_of(Path(path))
