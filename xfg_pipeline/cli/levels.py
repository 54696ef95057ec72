"""`xfg levels`: exports imported, and what became of each in a line; the levels of a day shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xfg_pipeline.cli.opening import open_pipeline
from xfg_pipeline.cli.printing import print_json, print_table
from xfg_pipeline.cli.words import CommandFailed, Json, date_of

levels = typer.Typer(help="Structural levels: import exports, show a day.", no_args_is_help=True)


@levels.command("import")
def import_files(
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
    with open_pipeline() as pipeline:
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
                line = import_line(entered)
            if not as_json:
                print(line, flush=True)
    if as_json:
        print_json(outcomes)
    if any(outcome["state"] == "refused" for outcome in outcomes):
        raise typer.Exit(1)


@levels.command("show")
def show(
    symbol: Annotated[str, typer.Argument(help="ES or NQ, for example.")],
    day: Annotated[str | None, typer.Argument(metavar="[DATE]", help="YYYY-MM-DD; today's trading date.")] = None,
    as_json: Json = False,
) -> None:
    """Show the levels that hold on a trading date, highest first, and what is missing."""
    wanted = None if day is None else date_of(day, "DATE")
    with open_pipeline(existing=True) as pipeline:
        name = pipeline.book.symbol(symbol)
        trading_date = wanted or pipeline.book.today()
        found = pipeline.book.day(name, trading_date)
        light = pipeline.book.completeness(name, trading_date)
    if as_json:
        print_json(
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
        print_table(
            ("price", "level", "source"),
            [(f"{price:,.2f}", label_of(level), sources.get(level, "").lower()) for level, price in rows],
        )
    for title, missing in (
        ("Missing in the import", light.missing_csv),
        ("Missing by hand", light.missing_manual),
    ):
        if missing:
            print(f"{title}: {', '.join(label_of(level) for level in missing)}")


def import_line(entered: Any) -> str:
    """What became of a file, in a line; a refusal has its report below."""
    if entered.state == "refused":
        return f"refused    {entered.file_name}\n{entered.reason}"
    if entered.state == "duplicate":
        return f"duplicate  {entered.file_name}: this content was imported before"
    days = entered.trading_dates
    span = "" if not days else f", {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "")
    warnings = sum(issue["severity"] == "warning" for issue in entered.issues)
    doubts = f", {warnings} warning{'s' if warnings != 1 else ''}" if warnings else ""
    return f"imported   {entered.file_name}: {entered.symbol}, {entered.imported_count} levels{span}{doubts}"


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
