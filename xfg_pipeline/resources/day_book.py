"""Closing a range of days: levels judged together, completeness kept, and what was carried marked as carried."""

from dataclasses import dataclass
from datetime import date

from xfg_pipeline.levels.completeness import Completeness, completeness
from xfg_pipeline.levels.issues import Severity
from xfg_pipeline.levels.validation import judge_levels
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage import file_imports, levels, manual_levels
from xfg_pipeline.storage.database import lock, without_hurry

UNCHECKED = "band_unchecked"


@dataclass(frozen=True)
class ClosedDays:
    """What closing a range came to."""

    days: tuple[Completeness, ...]
    levels: int
    with_warnings: int
    with_errors: int


def close_days(pipeline: Pipeline, start: date, end: date) -> ClosedDays:
    """Judge and count all days with levels from start to end, both included, in one transaction.

    Events and files that are marked as carried are those that this transaction saw before it judged.
    """
    now = pipeline.clock.now()
    days: list[Completeness] = []
    held_levels = warned = failed = 0
    with pipeline.database.begin() as connection:
        without_hurry(connection)
        # The locks of imports and of typing, in one order: nothing changes under the judgement, and none waits
        # for another in a circle.
        for symbol in pipeline.rules.allowed_symbols:
            lock(connection, "csv_levels", symbol)
            lock(connection, "manual_levels", symbol)
        events = manual_levels.open_event_ids(connection, start, end)
        file_imports.mark_materialized(connection, start, end, now, bars=False)
        for symbol, day in levels.days_with_levels(connection, start, end):
            held = levels.holding(levels.rows_of_day(connection, symbol, day))
            held_levels += len(held)
            prices = {name: row["price"] for name, row in held.items()}
            together = judge_levels(prices, symbol, pipeline.rules)
            for name, row in held.items():
                own = [{**issue.to_dict(), "stage": "together"} for issue in together if name in issue.levels]
                errors = [kept for kept in row["validation_errors"] if kept.get("stage") != "together"] + own
                broken = any(issue["severity"] == Severity.ERROR for issue in errors)
                valid = not broken and all(issue["code"] != UNCHECKED for issue in errors)
                warned += bool(errors) and not broken
                failed += broken
                if row["trading_date"] == day and (errors, valid) != (
                    row["validation_errors"],
                    row["is_validated"],
                ):
                    levels.set_validation(connection, row["id"], is_validated=valid, errors=errors)
            found = completeness(symbol, day, prices, pipeline.rules)
            levels.write_completeness(connection, _record(found) | {"evaluated_at": now})
            days.append(found)
        manual_levels.mark_handled(connection, events, now)
    return ClosedDays(tuple(days), held_levels, warned, failed)


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
