"""The `textshot` command: its group, and how errors reach people."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from textshot._version import __version__
from textshot.cli.categorize import categorize
from textshot.cli.check import check, map_, suggest
from textshot.cli.classify import classify, explain
from textshot.cli.completion import completion
from textshot.cli.correct import correct
from textshot.cli.demo import demo
from textshot.cli.distill import distill
from textshot.cli.evaluate import evaluate, tune
from textshot.cli.exchange import hub, import_
from textshot.cli.index import index
from textshot.cli.info import info, rollback
from textshot.cli.labels import labels
from textshot.cli.option_types import require_utf8
from textshot.cli.output import warn
from textshot.cli.serve import serve
from textshot.cli.train import train
from textshot.errors import TableWarning, TextshotError


class _Group(click.Group):
    """Prints an error as one line and exits with 1; a user never sees a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run in UTF-8; replace streams that are closed, as under cron or in a daemon."""
        if not args and "args" not in kwargs:  # those of the command line
            _use_utf8()
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            if getattr(sys, name) is None:  # stays open until the process ends
                setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with warnings.catch_warnings():
                _print_table_warnings()
                return super().invoke(ctx)
        except BrokenPipeError:  # as from `| head`; click exits quietly
            raise
        except click.NoSuchOption as error:
            message = error.format_message().rstrip(".")
            dot = "" if message.endswith("?") else "."
            hint = 'An argument that begins with a dash comes after --, as in: -- "-5 degrees"'
            raise click.UsageError(f"{message}{dot} {hint}", error.ctx) from None
        except TextshotError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            path = f": {error.filename}" if error.filename else ""
            raise click.ClickException(f"{error.strerror or error}{path}") from error
        except UnicodeEncodeError as error:
            raise click.ClickException(
                f"the output is {error.encoding}, which cannot show an answer. Set"
                " PYTHONIOENCODING=utf-8"
            ) from error
        except MemoryError as error:
            raise click.ClickException("out of memory; try a smaller file or batch") from error


def _use_utf8() -> None:
    """Start again in the UTF-8 mode of Python if the locale is another one, such as C.

    Names of files are encoded as arguments are decoded, and both only once, at the start. So this
    is the one way in which texts are right, and files are still found.
    """
    is_program = Path(sys.argv[0]).stem in ("textshot", "__main__")  # not another one that calls it
    if sys.getfilesystemencoding() != "utf-8" and is_program and sys.executable:
        words = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        with suppress(OSError):
            # The variable is for the processes that this one starts.
            os.execve(sys.executable, words, os.environ | {"PYTHONUTF8": "1"})
    if "PYTHONIOENCODING" not in os.environ:  # a pipe on Windows has the code page otherwise
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8")


def _print_table_warnings() -> None:
    """Print what is assumed of tables as other warnings are, once: a file may be read twice."""
    show_other, printed = warnings.showwarning, set[str]()

    def show(message: Any, category: type[Warning], *where: Any, **other: Any) -> None:
        if not issubclass(category, TableWarning):
            show_other(message, category, *where, **other)
        elif str(message) not in printed:
            printed.add(str(message))
            warn(str(message))

    warnings.simplefilter("always", TableWarning)
    warnings.showwarning = show


@click.group(
    cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.version_option(__version__, prog_name="textshot")
@click.option("-v", "--verbose", is_flag=True, help="Log to stderr what is loaded and from where.")
def main(verbose: bool) -> None:
    """Sort texts into your own categories from one example each.

    \b
      textshot index categories.csv -o my-index
      textshot classify my-index "they took the money twice"
      textshot categorize my-index inbox.csv -o categorised.csv
      textshot evaluate my-index labelled.csv

    Environment variables set the default of every option, such as TEXTSHOT_INDEX_ENCODER for `index
    --encoder`. `textshot completion bash` prints what makes bash complete commands and options.
    Exit codes: 0 success, 1 failure, 2 wrong usage.
    """
    _stop_on_sigterm()
    logger = logging.getLogger("textshot")
    if verbose:
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        logger.setLevel(logging.INFO)
    else:
        handler = _Warnings(logging.WARNING)
        logger.addHandler(handler)
        click.get_current_context().call_on_close(lambda: logger.removeHandler(handler))


class _Warnings(logging.Handler):
    """Prints the warnings of the library as those of the commands."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        warn(record.getMessage())


def _prepare(command: click.Command, prefix: str) -> None:
    """Let each option be set by a variable called after it: TEXTSHOT_INDEX_TEXT_COLUMN.

    Values that are not UTF-8 are refused.
    """
    for option in command.params:
        require_utf8(option)
        if isinstance(option, click.Option) and not option.is_eager:  # no TEXTSHOT_VERSION
            flag = max(option.opts, key=len).lstrip("-").replace("-", "_").upper()
            shared = [option.envvar] if isinstance(option.envvar, str) else []
            option.envvar = [f"{prefix}_{flag}", *shared]
    if isinstance(command, click.Group):
        for name, member in command.commands.items():
            word = name.replace("-", "_").upper()
            _prepare(member, f"{prefix}_{word}")


def _stop_on_sigterm() -> None:
    """Stop as after Ctrl-C, so that temporary files are removed.

    Only once: Arrow repeats a signal that came while it read, and one that arrives during the
    cleanup would leave a file behind.
    """

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)


for _command in (
    demo,
    index,
    classify,
    categorize,
    serve,
    explain,
    check,
    suggest,
    map_,
    evaluate,
    tune,
    correct,
    train,
    distill,
    labels,
    info,
    rollback,
    import_,
    hub,
    completion,
):
    main.add_command(_command)
_prepare(main, "TEXTSHOT")
