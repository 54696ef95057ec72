"""The command line put together: all commands on one page, and one way in which all of them fail."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from xfg_pipeline.cli import service, training
from xfg_pipeline.cli.database import db
from xfg_pipeline.cli.levels import levels
from xfg_pipeline.cli.signals import signals
from xfg_pipeline.cli.status import status
from xfg_pipeline.cli.words import CommandFailed

app = typer.Typer(
    name="xfg",
    help="A trader's day: structural levels, their completeness, signals, and the desk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (service.up, service.health, service.password, service.watch, service.backfill, training.train):
    app.command()(command)
app.add_typer(db, name="db")
app.add_typer(levels, name="levels")
app.add_typer(signals, name="signals")
app.add_typer(status, name="status")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry of the `xfg` command. Exits the process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        app(args=words, prog_name="xfg")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone (xfg … | head); nothing is left to say, not even at exit.
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        print(f"xfg: {_said(error)}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"xfg-pipeline {version('xfg-pipeline')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where a failure happened.")] = False,
) -> None:
    # Both are dealt with before a command is reached.
    del version, debug


def _said(error: Exception) -> str:
    """An error as a line for the terminal: our own as they are, an unexpected one with its kind."""
    from xfg_pipeline.service.errors import ServiceError
    from xfg_pipeline.service.logs import Redactor
    from xfg_pipeline.settings import SettingsError
    from xfg_pipeline.storage.database import DatabaseUnavailable

    expected = (
        CommandFailed,
        ServiceError,
        SettingsError,
        DatabaseUnavailable,
        LookupError,
        ValueError,
        OSError,
    )
    text = Redactor()(str(error).strip()) or type(error).__name__
    if isinstance(error, expected):
        return text
    return f"unexpected {type(error).__name__}: {text.splitlines()[0]} (xfg --debug … shows where)"
