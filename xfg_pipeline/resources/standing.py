"""Questions about what stands in the database now, each answered by the problems found, with where and what to do."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from xfg_pipeline.levels.band import inside, plain
from xfg_pipeline.levels.issues import Severity
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.validation import judge_levels
from xfg_pipeline.resources.level_book import LevelBook
from xfg_pipeline.storage import levels, prices
from xfg_pipeline.storage.database import Database


@dataclass(frozen=True)
class Finding:
    """One problem: where it is, what it is, and what a person can do. A doubt is what could not be checked."""

    where: str
    what: str
    remedy: str
    is_doubt: bool = False


def incomplete(book: LevelBook, day: date) -> list[Finding]:
    """Symbols whose required levels of a day are not all there."""
    found = []
    remedy = "drop the export, or type the pivots on the desk"
    for symbol in book.rules.allowed_symbols:
        one = book.completeness(symbol, day)
        if one.status != "complete":
            missing = ", ".join([*one.missing_csv, *one.missing_manual]) or "a rule is broken"
            found.append(Finding(f"{symbol} {day}", f"{one.status}: {missing}", remedy))
    return found


def broken_rules(database: Database, rules: LevelRules, start: date, end: date) -> list[Finding]:
    """Levels that hold and break a safe rule together."""
    with database.read() as connection:
        days = levels.days_of_range(connection, rules.allowed_symbols, start, end)
    return [
        Finding(f"{symbol} {day}", issue.message, issue.remedy or "correct the typed value, or export again")
        for (symbol, day), held in days.items()
        for issue in judge_levels({name: row["price"] for name, row in held.items()}, symbol, rules)
        if issue.severity is Severity.ERROR
    ]


def implausible(database: Database, rules: LevelRules, start: date, end: date) -> list[Finding]:
    """Levels outside the band around a price known near their date; and, as doubts, days without any such price."""
    found = []
    remedy = "correct it, or export again from the right chart"
    with database.read() as connection:
        days = levels.days_of_range(connection, rules.allowed_symbols, start, end)
        for (symbol, day), held in days.items():
            if not held:
                continue
            near = prices.references(connection, symbol, [day]).near(day)
            if near is None:
                what = "no price of the symbol is known near this date: nothing could be compared"
                found.append(Finding(f"{symbol} {day}", what, "compare with the chart", is_doubt=True))
                continue
            for name, row in held.items():
                if not inside(row["price"], near.price, rules):
                    what = f"{name} {plain(row['price'])} is far from {plain(near.price)} ({near.what})"
                    found.append(Finding(f"{symbol} {day}", what, remedy))
    return found


_STUCK = """
SELECT 'import ' || id || ', ' || file_name AS place,
       coalesce(filing_error, 'imported, and no run has carried it through the assets') AS what,
       CASE WHEN filing_error IS NULL THEN 'see the failed runs' ELSE 'make the folder writable' END AS remedy
FROM file_imports
WHERE received_at < :before AND ((state = 'imported' AND materialized_at IS NULL) OR filing_error IS NOT NULL)
UNION ALL
SELECT 'pivots of ' || symbol || ' ' || trading_date,
       'typed, and no run has carried them through the assets', 'see the failed runs of job levels_of_days'
FROM manual_level_outbox WHERE at < :before AND handled_at IS NULL
"""


def stuck(database: Database, before: datetime) -> list[Finding]:
    """Files and typed entries from before a moment that no run has carried, and files that could not be moved."""
    with database.read() as connection:
        return [Finding(*row) for row in connection.execute(sa.text(_STUCK), {"before": before})]
