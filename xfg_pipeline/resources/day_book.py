"""Closing a range of days: levels judged together, completeness kept, and what was carried marked as carried."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping

from xfg_pipeline.faults import point
from xfg_pipeline.levels.band import UNCHECKED
from xfg_pipeline.levels.completeness import Completeness, completeness
from xfg_pipeline.levels.issues import Severity
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.validation import judge_levels
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage import file_imports, levels, manual_levels
from xfg_pipeline.storage.database import lock, without_hurry

# A transaction keeps typing and imports of its symbols waiting: short enough that nobody notices.
DAYS_AT_ONCE = 30


@dataclass(frozen=True)
class ClosedDays:
    """What closing a range came to."""

    days: tuple[Completeness, ...]
    levels: int
    with_warnings: int
    with_errors: int


def close_days(pipeline: Pipeline, start: date, end: date) -> ClosedDays:
    """Judge and count all days with levels from start to end, both included; a long range in several transactions.

    Entries and files that are marked as carried, in the last one, are those that were there before the first: a
    process that dies in between leaves them open, and the next run closes the range again.
    """
    now = pipeline.clock.now()
    with pipeline.database.read() as connection:
        entries = manual_levels.open_event_ids(connection, start, end)
        files = file_imports.open_within(connection, start, end, bars=False)
    chunks: list[ClosedDays] = []
    for first, last in _chunks(start, end):
        with pipeline.database.begin() as connection:
            without_hurry(connection)
            # The locks of imports and of typing, in one order: nothing changes under the judgement, and none waits
            # for another in a circle.
            for symbol in sorted(pipeline.rules.allowed_symbols):
                lock(connection, "csv_levels", symbol)
                lock(connection, "manual_levels", symbol)
            chunks.append(_close(connection, pipeline.rules, first, last, now))
            if last == end:
                file_imports.mark_materialized(connection, files, now)
                manual_levels.mark_handled(connection, entries, now)
            point("close.before_commit")
    point("close.after_commit")
    return ClosedDays(
        days=tuple(day for chunk in chunks for day in chunk.days),
        levels=sum(chunk.levels for chunk in chunks),
        with_warnings=sum(chunk.with_warnings for chunk in chunks),
        with_errors=sum(chunk.with_errors for chunk in chunks),
    )


def _chunks(start: date, end: date) -> Iterator[tuple[date, date]]:
    first = start
    while first <= end:
        last = min(first + timedelta(days=DAYS_AT_ONCE - 1), end)
        yield first, last
        first = last + timedelta(days=1)


def _close(connection: Connection, rules: LevelRules, start: date, end: date, now: datetime) -> ClosedDays:
    found: list[Completeness] = []
    verdicts: list[tuple[Any, bool, list[Any]]] = []
    levels_held = warned = failed = 0
    for (symbol, day), held in levels.days_of_range(connection, rules.allowed_symbols, start, end).items():
        prices = {name: row["price"] for name, row in held.items()}
        levels_held += len(held)
        for row, errors, valid in _judged(held, prices, symbol, rules):
            broken = any(issue["severity"] == Severity.ERROR for issue in errors)
            warned += bool(errors) and not broken
            failed += broken
            if row["trading_date"] == day and (errors, valid) != (row["validation_errors"], row["is_validated"]):
                verdicts.append((row["id"], valid, errors))
        found.append(completeness(symbol, day, prices, rules))
    levels.set_validations(connection, verdicts)
    levels.write_completeness(connection, [_record(one) | {"evaluated_at": now} for one in found])
    return ClosedDays(tuple(found), levels_held, warned, failed)


def _judged(
    held: Mapping[str, RowMapping], prices: Mapping[str, Any], symbol: str, rules: LevelRules
) -> Iterator[tuple[RowMapping, list[Any], bool]]:
    """Each level with what was said of it alone and with the others, and whether all that applies was checked."""
    together = judge_levels(prices, symbol, rules)
    for name, row in held.items():
        own = [{**issue.to_dict(), "stage": "together"} for issue in together if name in issue.levels]
        errors = [kept for kept in row["validation_errors"] if kept.get("stage") != "together"] + own
        broken = any(issue["severity"] == Severity.ERROR for issue in errors)
        yield row, errors, not broken and all(issue["code"] != UNCHECKED for issue in errors)


def _record(found: Completeness) -> dict[str, object]:
    return {
        "symbol": found.symbol,
        "trading_date": found.trading_date,
        "csv_complete": found.csv_complete,
        "manual_complete": found.manual_complete,
        "overall_complete": found.overall_complete,
        "missing_csv": list(found.missing_csv),
        "missing_manual": list(found.missing_manual),
        "total_levels": found.total_levels,
        "status": found.status,
        "failed": [issue.to_dict() for issue in found.failed],
    }
