"""The service by hand: everything started, looked at, its password set, the inbox alone, a backfill."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from xfg_pipeline.cli.levels import import_line
from xfg_pipeline.cli.opening import open_database, open_pipeline, running_settings
from xfg_pipeline.cli.printing import print_json, print_table
from xfg_pipeline.cli.words import CommandFailed, Json, date_of

LEAST_PASSWORD = 8


def up() -> None:
    """Start everything: Postgres, Dagster and the desk. Ctrl-C stops it."""
    from xfg_pipeline.service.console import Console
    from xfg_pipeline.service.up import run
    from xfg_pipeline.settings import load_settings

    run(load_settings(), Console())


def health(as_json: Json = False) -> None:
    """Look at each dependency; exit 0 when all that are required are there, else 1."""
    from xfg_pipeline.resources.health import check_health

    found = check_health(running_settings())
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(
            ("", "dependency", "detail"),
            [("ok" if part.ok else "DOWN", part.name.replace("_", " "), part.detail) for part in found.dependencies],
        )
    if not found.ok:
        raise typer.Exit(1)


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
    with open_database(settings) as database:
        upgrade(database)
        access = access_to(settings, database, secret_key(settings, Layout.of(settings)), SystemClock())
        access.set_password(settings.web_username, chosen)
    print(f"The password of {settings.web_username} is {'set' if wanted else chosen}.")


def watch(
    once: Annotated[bool, typer.Option("--once", help="One look at the folder, then stop.")] = False,
) -> None:
    """Import what is dropped into the inbox, without Dagster. Ctrl-C stops."""
    import time

    with open_pipeline(lasting=True) as pipeline:
        pipeline.folders.make()
        print(f"Watching {pipeline.folders.inbox}. Ctrl-C stops.", flush=True)
        told: set[tuple[str, str]] = set()
        try:
            while True:
                scan = pipeline.inbox.scan()
                for entered in scan.done:
                    print(import_line(entered), flush=True)
                waiting = {(file.name, file.reason) for file in scan.waiting}
                for name, reason in sorted(waiting - told):
                    print(f"waiting    {name}: {reason}", flush=True)
                told = waiting
                if once:
                    return
                time.sleep(pipeline.settings.csv_check_interval)
        except KeyboardInterrupt:
            print("Stopped; nothing is lost: files stay in the inbox until the next look.")


def backfill(
    asset: Annotated[str, typer.Argument(help="An asset, such as csv_levels.")],
    first: Annotated[str, typer.Argument(metavar="FROM", help="First date, YYYY-MM-DD.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="Last date, included.")],
) -> None:
    """Derive an asset and what is downstream again for a range of dates, as a Dagster backfill."""
    start, end = date_of(first, "FROM"), date_of(last, "TO")
    if end < start:
        raise typer.BadParameter("TO lies before FROM", param_hint="TO")
    from xfg_pipeline.service.backfill import open_backfills

    with open_backfills(running_settings()) as backfills:
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


def _asked_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    import getpass

    first = getpass.getpass("New password (empty: one is made): ")
    if first and first != getpass.getpass("Once more: "):
        raise CommandFailed("The two passwords differ; nothing was changed.")
    return first


def _follow_with_bar(steps: Iterator[Any], asset: str, count: int) -> None:
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task(asset, total=count)
        for progress in steps:
            bar.update(task, completed=progress.done + progress.failed)
