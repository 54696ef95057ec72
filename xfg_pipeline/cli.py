"""`xfg`: the words a person types, and what each does.

Exit codes: 0, 1 (it failed: one clear line), 2 (wrong words).

Heavy libraries are imported inside the commands, so that the command line answers at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from xfg_pipeline.resources.pipeline import Pipeline
    from xfg_pipeline.settings import Settings
    from xfg_pipeline.storage.database import Database

app = typer.Typer(
    name="xfg",
    help="A trader's day: structural levels, their completeness, and the desk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
db = typer.Typer(help="The database: create, migrate, check, describe.", no_args_is_help=True)
levels = typer.Typer(help="Structural levels: import exports, show a day.", no_args_is_help=True)
app.add_typer(db, name="db")
app.add_typer(levels, name="levels")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

LEAST_PASSWORD = 8


class CommandFailed(Exception):
    """A command could not do its work; the text is for the person who typed it."""


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


@app.command()
def up() -> None:
    """Start everything: Postgres, Dagster and the desk. Ctrl-C stops it."""
    from xfg_pipeline.service.console import Console
    from xfg_pipeline.service.up import run
    from xfg_pipeline.settings import load_settings

    run(load_settings(), Console())


@app.command()
def health(as_json: Json = False) -> None:
    """Look at each dependency; exit 0 when all that are required are there, else 1."""
    from xfg_pipeline.resources.health import check_health

    found = check_health(_running_settings())
    if as_json:
        _print_json(found.to_dict())
    else:
        _print_table(
            ("", "dependency", "detail"),
            [("ok" if part.ok else "DOWN", part.name.replace("_", " "), part.detail) for part in found.dependencies],
        )
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def password(
    generate: Annotated[bool, typer.Option("--generate", help="Make one and print it.")] = False,
) -> None:
    """Set the password of the desk (asked for, or a line of standard input). Ends all its sessions."""
    from xfg_pipeline.clock import SystemClock
    from xfg_pipeline.service.first_start import access_to, generate_password
    from xfg_pipeline.service.layout import Layout, secret_key
    from xfg_pipeline.settings import load_settings
    from xfg_pipeline.storage.migrate import upgrade

    settings = load_settings()
    if settings.web_password is not None:
        raise CommandFailed("WEB_PASSWORD is set, and it decides: change it there, or remove it first.")
    wanted = "" if generate else _asked_password()
    chosen = wanted or generate_password()
    if len(chosen) < LEAST_PASSWORD:
        raise CommandFailed(f"A password has {LEAST_PASSWORD} characters or more.")
    with _database(settings) as database:
        upgrade(database)
        access = access_to(settings, database, secret_key(settings, Layout.of(settings)), SystemClock())
        access.set_password(settings.web_username, chosen)
    print(f"The password of {settings.web_username} is {'set' if wanted else chosen}.")


@app.command()
def watch(
    once: Annotated[bool, typer.Option("--once", help="One look at the folder, then stop.")] = False,
) -> None:
    """Import what is dropped into the inbox, without Dagster. Ctrl-C stops."""
    import time

    with _pipeline(lasting=True) as pipeline:
        pipeline.folders.make()
        print(f"Watching {pipeline.folders.inbox}. Ctrl-C stops.", flush=True)
        told: set[tuple[str, str]] = set()
        try:
            while True:
                scan = pipeline.inbox.scan()
                for entered in scan.done:
                    print(_import_line(entered), flush=True)
                waiting = {(file.name, file.reason) for file in scan.waiting}
                for name, reason in sorted(waiting - told):
                    print(f"waiting    {name}: {reason}", flush=True)
                told = waiting
                if once:
                    return
                time.sleep(pipeline.settings.csv_check_interval)
        except KeyboardInterrupt:
            print("Stopped; nothing is lost: files stay in the inbox until the next look.")


@app.command()
def backfill(
    asset: Annotated[str, typer.Argument(help="An asset, such as csv_levels.")],
    first: Annotated[str, typer.Argument(metavar="FROM", help="First date, YYYY-MM-DD.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="Last date, included.")],
) -> None:
    """Derive an asset and what is downstream again for a range of dates, as a Dagster backfill."""
    start, end = _date(first, "FROM"), _date(last, "TO")
    if end < start:
        raise typer.BadParameter("TO lies before FROM", param_hint="TO")
    from xfg_pipeline.service.backfill import open_backfills

    with open_backfills(_running_settings()) as backfills:
        backfill_id, count = backfills.launch(asset, start.isoformat(), end.isoformat())
        print(f"Backfill {backfill_id}: {asset}, {count} partition{'s' if count != 1 else ''}", flush=True)
        if sys.stdout.isatty():
            _follow_with_bar(backfills.follow(backfill_id), asset, count)
        else:
            said = ""
            for progress in backfills.follow(backfill_id):
                line = f"{progress.done} of {count} done, {progress.running} running, {progress.failed} failed"
                if line != said:
                    print(line, flush=True)
                said = line
    print("Done.")


@db.command("create")
def db_create() -> None:
    """Create the database where there is none (embedded, or as DATABASE_URL says), and migrate it."""
    from xfg_pipeline.service.databases import create_named
    from xfg_pipeline.settings import load_settings

    settings = load_settings()
    if settings.database_url is not None and create_named(settings.database_url.get_secret_value()):
        print("The database was created.")
    db_upgrade()


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables to the present version."""
    from xfg_pipeline.settings import load_settings
    from xfg_pipeline.storage.migrate import current, upgrade

    with _database(load_settings()) as database:
        applied = upgrade(database)
        at = current(database)
    print(f"Applied {', '.join(applied)}." if applied else f"Nothing to do: the database is at {at}.")


@db.command("check")
def db_check(as_json: Json = False) -> None:
    """Exit 0 when the database answers and its tables are up to date, else 1."""
    from xfg_pipeline.settings import load_settings
    from xfg_pipeline.storage.migrate import current, pending

    with _database(load_settings(), existing=True) as database:
        missing, at = pending(database), current(database)
    if as_json:
        _print_json({"ok": not missing, "current": at, "pending": missing})
    elif not missing:
        print(f"The database answers and is at {at}.")
    if missing:
        if as_json:
            raise typer.Exit(1)
        raise CommandFailed(f"Migrations are missing ({', '.join(missing)}): run `xfg db upgrade`.")


@db.command("info")
def db_info(as_json: Json = False) -> None:
    """What the database is and how to reach it. With --json the key `url` holds the password."""
    from xfg_pipeline.service.databases import describe
    from xfg_pipeline.settings import load_settings

    settings = load_settings()
    with _database(settings, existing=True) as database:
        found = describe(settings, database)
    if as_json:
        _print_json(found)
    else:
        from xfg_pipeline.service.logs import Redactor

        found["url"] = Redactor()(str(found["url"]))
        _print_table(("", ""), [(name, "–" if value is None else str(value)) for name, value in found.items()])


@levels.command("import")
def levels_import(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="MotiveWave exports.")],
    by: Annotated[str, typer.Option(help="Who imports them, for the audit.")] = "command line",
    trust: Annotated[
        bool, typer.Option("--trust", help="Also what was seen before, or disagrees with stored prices.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import exports. A file is imported whole or not at all; exit 1 when one was refused."""
    from xfg_pipeline.levels.issues import ExportUnfinished

    outcomes: list[dict[str, Any]] = []
    with _pipeline() as pipeline:
        limit = pipeline.rules.max_file_bytes
        for file in files:
            try:
                content = _read(file, limit)
                entered = pipeline.importer.import_bytes(content, file.name, by=by, trust=trust)
            except (CommandFailed, ExportUnfinished) as error:
                reason = error.report(file.name) if isinstance(error, ExportUnfinished) else str(error)
                outcomes.append({"file": str(file), "state": "refused", "imported_count": 0, "reason": reason})
                line = f"refused    {file.name}\n{reason}"
            else:
                outcomes.append(
                    {
                        "file": str(file),
                        "state": entered.state,
                        "symbol": entered.symbol,
                        "imported_count": entered.imported_count,
                        "trading_dates": [day.isoformat() for day in entered.trading_dates],
                        "reason": entered.reason,
                        "warnings": [issue["message"] for issue in entered.issues if issue["severity"] == "warning"],
                    }
                )
                line = _import_line(entered)
            if not as_json:
                print(line, flush=True)
    if as_json:
        _print_json(outcomes)
    if any(outcome["state"] == "refused" for outcome in outcomes):
        raise typer.Exit(1)


@levels.command("show")
def levels_show(
    symbol: Annotated[str, typer.Argument(help="ES or NQ, for example.")],
    day: Annotated[str | None, typer.Argument(metavar="[DATE]", help="YYYY-MM-DD; today's trading date.")] = None,
    as_json: Json = False,
) -> None:
    """Show the levels that hold on a trading date, highest first, and what is missing."""
    wanted = None if day is None else _date(day, "DATE")
    with _pipeline(existing=True) as pipeline:
        name = pipeline.book.symbol(symbol)
        trading_date = wanted or pipeline.book.today()
        found = pipeline.book.day(name, trading_date)
        light = pipeline.book.completeness(name, trading_date)
    if as_json:
        _print_json(
            {
                "symbol": name,
                "trading_date": trading_date.isoformat(),
                "levels": {level: float(price) for level, price in found.prices.items()},
                "completeness": light.to_dict(),
            }
        )
        return
    from xfg_pipeline.levels.vocabulary import label_of

    print(f"{name} {trading_date.isoformat()}: {light.status}, {light.total_levels} levels")
    sources = {row["level_type"]: str(row["source"]) for row in found.rows if row["holds"]}
    rows = sorted(found.prices.items(), key=lambda level: -level[1])
    if rows:
        _print_table(
            ("price", "level", "source"),
            [(f"{price:,.2f}", label_of(level), sources.get(level, "").lower()) for level, price in rows],
        )
    for title, missing in (
        ("Missing in the import", light.missing_csv),
        ("Missing by hand", light.missing_manual),
    ):
        if missing:
            print(f"{title}: {', '.join(label_of(level) for level in missing)}")


# What the commands share.


@contextmanager
def _database(settings: Settings, *, lasting: bool = False, existing: bool = False) -> Iterator[Database]:
    """The database of the settings, started for this command if need be. `existing`: create nothing."""
    from xfg_pipeline.service.postgres import embedded_database
    from xfg_pipeline.storage.database import Database

    if existing and settings.database_url is None and not (settings.home / "postgres" / "data").exists():
        raise CommandFailed(f"There is no database below {settings.home} yet: run `xfg db create` or `xfg up`.")
    with embedded_database(settings, lasting=lasting) as url:
        database = Database(url)
        try:
            yield database
        finally:
            database.dispose()


@contextmanager
def _pipeline(*, lasting: bool = False, existing: bool = False) -> Iterator[Pipeline]:
    """The pipeline's objects on a database whose tables are up to date."""
    from xfg_pipeline.clock import SystemClock
    from xfg_pipeline.resources.pipeline import Pipeline
    from xfg_pipeline.settings import load_settings
    from xfg_pipeline.storage.migrate import upgrade

    settings = load_settings()
    with _database(settings, lasting=lasting, existing=existing) as database:
        if not existing:
            upgrade(database)
        yield Pipeline(settings, database, SystemClock())


def _running_settings() -> Settings:
    """The settings, with the database of the running service in them (none when nothing runs)."""
    from pydantic import SecretStr

    from xfg_pipeline.service.layout import Layout, written_ports
    from xfg_pipeline.service.postgres import running_database
    from xfg_pipeline.settings import load_settings

    settings = load_settings()
    url = running_database(settings)
    if url is None:
        return settings.model_copy(update={"database_url": None})
    return settings.model_copy(update={"database_url": SecretStr(url), **written_ports(Layout.of(settings))})


def _asked_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    import getpass

    first = getpass.getpass("New password (empty: one is made): ")
    if first and first != getpass.getpass("Once more: "):
        raise CommandFailed("The two passwords differ; nothing was changed.")
    return first


def _date(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date: YYYY-MM-DD", param_hint=name) from None


def _read(file: Path, limit: int) -> bytes:
    if not file.is_file():
        raise CommandFailed(f"{file} is not there, or is no file.")
    try:
        with file.open("rb") as opened:
            content = opened.read(limit + 1)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.") from None
    if len(content) > limit:
        raise CommandFailed(f"{file} is larger than {limit // 1024**2} MiB (levels.max_file_megabytes).")
    return content


def _import_line(entered: Any) -> str:
    if entered.state == "refused":
        return f"refused    {entered.file_name}\n{entered.reason}"
    if entered.state == "duplicate":
        return f"duplicate  {entered.file_name}: this content was imported before"
    days = entered.trading_dates
    span = "" if not days else f", {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "")
    warnings = sum(issue["severity"] == "warning" for issue in entered.issues)
    doubts = f", {warnings} warning{'s' if warnings != 1 else ''}" if warnings else ""
    return f"imported   {entered.file_name}: {entered.symbol}, {entered.imported_count} levels{span}{doubts}"


def _follow_with_bar(steps: Iterator[Any], asset: str, count: int) -> None:
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task(asset, total=count)
        for progress in steps:
            bar.update(task, completed=progress.done + progress.failed)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


def _print_table(headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(*headers, box=None, show_header=any(headers))
        for row in rows:
            table.add_row(*(escape(cell) for cell in row), style="bold red" if row[0] == "DOWN" else None)
        Console().print(table)
        return
    widths = [max(len(row[column]) for row in (headers, *rows)) for column in range(len(headers))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
