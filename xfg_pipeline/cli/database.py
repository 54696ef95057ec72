"""`xfg db`: the database created, migrated, checked and described."""

from __future__ import annotations

import typer

from xfg_pipeline.cli.opening import open_database
from xfg_pipeline.cli.printing import print_json, print_table
from xfg_pipeline.cli.words import CommandFailed, Json

db = typer.Typer(help="The database: create, migrate, check, describe.", no_args_is_help=True)


@db.command("create")
def create() -> None:
    """Create the database where there is none (embedded, or as DATABASE_URL says), and migrate it."""
    from xfg_pipeline.service.databases import create_named
    from xfg_pipeline.settings import load_settings

    settings = load_settings()
    if settings.database_url is not None and create_named(settings.database_url.get_secret_value()):
        print("The database was created.")
    upgrade()


@db.command("upgrade")
def upgrade() -> None:
    """Bring the tables to the present version."""
    from xfg_pipeline.settings import load_settings
    from xfg_pipeline.storage import migrate

    with open_database(load_settings()) as database:
        applied = migrate.upgrade(database)
        at = migrate.current(database)
    print(f"Applied {', '.join(applied)}." if applied else f"Nothing to do: the database is at {at}.")


@db.command("check")
def check(as_json: Json = False) -> None:
    """Exit 0 when the database answers and its tables are up to date, else 1."""
    from xfg_pipeline.settings import load_settings
    from xfg_pipeline.storage.migrate import current, pending

    with open_database(load_settings(), existing=True) as database:
        missing, at = pending(database), current(database)
    if as_json:
        print_json({"ok": not missing, "current": at, "pending": missing})
    elif not missing:
        print(f"The database answers and is at {at}.")
    if missing:
        if as_json:
            raise typer.Exit(1)
        raise CommandFailed(f"Migrations are missing ({', '.join(missing)}): run `xfg db upgrade`.")


@db.command("info")
def info(as_json: Json = False) -> None:
    """What the database is and how to reach it. With --json the key `url` holds the password."""
    from xfg_pipeline.service.databases import describe
    from xfg_pipeline.settings import load_settings

    settings = load_settings()
    with open_database(settings, existing=True) as database:
        found = describe(settings, database)
    if as_json:
        print_json(found)
    else:
        from xfg_pipeline.service.logs import Redactor

        found["url"] = Redactor()(str(found["url"]))
        print_table(("", ""), [(name, "–" if value is None else str(value)) for name, value in found.items()])
