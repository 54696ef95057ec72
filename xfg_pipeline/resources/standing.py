"""Questions about what stands in the database now, each answered by the problems found, with where and what to do."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from xfg_pipeline.levels.issues import Severity
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.validation import judge_levels
from xfg_pipeline.resources.level_book import LevelBook
from xfg_pipeline.storage import levels, prices
from xfg_pipeline.storage.database import Database


@dataclass(frozen=True)
class Finding:
    """One problem: where it is, what it is, and what a person can do."""

    where: str
    what: str
    remedy: str


def incomplete(book: LevelBook, day: date) -> list[Finding]:
    """Symbols whose required levels of a day are not all there."""
    found = []
    for symbol in book.rules.allowed_symbols:
        one = book.completeness(symbol, day)
        if one.status != "complete":
            missing = ", ".join([*one.missing_csv, *one.missing_manual]) or "a rule is broken"
            found.append(
                Finding(
                    f"{symbol} {day}",
                    f"{one.status}: {missing}",
                    "drop the export, or type the pivots on the desk",
                )
            )
    return found


def broken_rules(database: Database, rules: LevelRules, start: date, end: date) -> list[Finding]:
    """Levels that hold and break a safe rule together."""
    found = []
    with database.read() as connection:
        for symbol, day in levels.days_with_levels(connection, start, end):
            held = levels.holding(levels.rows_of_day(connection, symbol, day))
            for issue in judge_levels({name: row["price"] for name, row in held.items()}, symbol, rules):
                if issue.severity is Severity.ERROR:
                    remedy = issue.remedy or "correct the typed value, or export again"
                    found.append(Finding(f"{symbol} {day}", issue.message, remedy))
    return found


def implausible(database: Database, rules: LevelRules, start: date, end: date) -> list[Finding]:
    """Levels outside the band around a price of an earlier or later day."""
    found = []
    with database.read() as connection:
        for symbol, day in levels.days_with_levels(connection, start, end):
            near = prices.references(connection, symbol, [day]).near(day)
            if near is None:
                continue
            for name, row in levels.holding(levels.rows_of_day(connection, symbol, day)).items():
                if abs(row["price"] - near.price) > near.price * rules.price_band:
                    what = f"{name} {row['price'].normalize():f} is far from {near.price.normalize():f} ({near.what})"
                    found.append(Finding(f"{symbol} {day}", what, "correct it, or export again from the right chart"))
    return found


def stuck(database: Database, before: datetime) -> list[Finding]:
    """Files imported before a moment that no run has carried yet, and files that could not be moved."""
    query = sa.text(
        "SELECT id, file_name, filing_error FROM file_imports WHERE received_at < :before AND "
        "((state = 'imported' AND materialized_at IS NULL) OR filing_error IS NOT NULL) ORDER BY id"
    )
    with database.read() as connection:
        return [
            Finding(
                f"import {row.id}, {row.file_name}",
                row.filing_error or "imported, and no run has carried it through the assets",
                "make the folder writable" if row.filing_error else "see the failed runs of job levels_of_days",
            )
            for row in connection.execute(query, {"before": before})
        ]
