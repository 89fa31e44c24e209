# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""The `textshot` command: its group, and how errors reach people."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from textshot._version import __version__
from textshot.cli import options
from textshot.cli.categorize import categorize
from textshot.cli.check import check
from textshot.cli.classify import classify
from textshot.cli.correct import correct
from textshot.cli.distill import distill
from textshot.cli.evaluate import evaluate
from textshot.cli.explain import explain
from textshot.cli.history import info, rollback
from textshot.cli.hub import hub
from textshot.cli.import_ import import_
from textshot.cli.index import index
from textshot.cli.labels import labels
from textshot.cli.map import map_
from textshot.cli.serve import serve
from textshot.cli.suggest import suggest
from textshot.cli.train import train
from textshot.cli.tune import tune
from textshot.errors import TextshotError


class _Group(click.Group):
    """Turns what went wrong into one clear line and exit code 1; never a traceback for a user."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; a stream that is closed (cron, a daemon) reads and takes nothing."""
        for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
            if getattr(sys, name) is None:  # it stays open as long as the process lives
                setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # `| head` has seen enough; click ends quietly
            raise
        except TextshotError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            raise click.ClickException(f"{error.strerror or error}{place}") from error
        except UnicodeEncodeError as error:
            raise click.ClickException(
                f"this place takes {error.encoding} only, and an answer does not fit that."
                " Set PYTHONIOENCODING=utf-8"
            ) from error
        except MemoryError as error:
            raise click.ClickException("out of memory; try a smaller file or batch") from error


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="textshot")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what is loaded and from where.")
def main(verbose: bool) -> None:
    """Sort text into your own categories from one example each.

    \b
      textshot index categories.csv -o my-index
      textshot classify my-index "they took the money twice"
      textshot categorize my-index inbox.csv -o categorised.csv
      textshot evaluate my-index labelled.csv

    Every option can be set by a variable, such as TEXTSHOT_INDEX_ENCODER for `index --encoder`.
    Exit codes: 0 done, 1 failed, 2 wrong usage.
    """
    _stop_on_sigterm()
    if verbose:
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        logging.getLogger("textshot").setLevel(logging.INFO)


def _stop_on_sigterm() -> None:
    """Stop as after Ctrl-C, so that temporary files go.

    Once: Arrow sends a signal on that came while it read, and one that arrives in the middle of
    the clearing up would leave a file behind.
    """

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)


for _command in (
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
):
    main.add_command(_command)
options.name_variables(main, "TEXTSHOT")
