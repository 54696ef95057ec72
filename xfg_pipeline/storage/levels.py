"""Structural levels in Postgres: all sources are kept, and one rule says which of them holds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects.postgresql import JSONB, insert

from xfg_pipeline.levels.vocabulary import PRECEDENCE
from xfg_pipeline.storage.copying import copy_rows
from xfg_pipeline.storage.tables import level_audit, level_completeness, structural_levels

# Which source holds before which: the domain's order, written for SQL.
_RANK = f"array_position(ARRAY[{', '.join(repr(source.value) for source in PRECEDENCE)}], source)"
WEEKLY = "weekly_pivot"

# A weekly pivot is stored on the first session of its week and holds until Friday.
_OF_DATE = """(
    trading_date = :day
    OR (level_type = 'weekly_pivot' AND trading_date >= date_trunc('week', CAST(:day AS date))::date
        AND trading_date < :day)
)"""


@dataclass(frozen=True)
class LevelRow:
    """One imported level, ready to be written."""

    symbol: str
    trading_date: date
    level_type: str
    price: Decimal
    timeframe: str
    priority: str
    description: str
    is_validated: bool
    validation_errors: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class NearbyLevel:
    """A level near a price. `distance` is in points, never negative."""

    level_type: str
    price: Decimal
    distance: Decimal
    source: str
    touches: int


def rows_of_day(connection: Connection, symbol: str, day: date) -> list[RowMapping]:
    """All stored rows that concern a day, of every source; within a level type the one that holds first."""
    query = sa.text(
        f"SELECT * FROM structural_levels_v2 WHERE symbol = :symbol AND {_OF_DATE} "
        f"ORDER BY level_type, {_RANK}, trading_date DESC"
    )
    return list(connection.execute(query, {"symbol": symbol, "day": day}).mappings())


def holding(rows: Iterable[RowMapping]) -> dict[str, RowMapping]:
    """Of rows ordered as by `rows_of_day`, the one of each level type that holds."""
    held: dict[str, RowMapping] = {}
    for row in rows:
        held.setdefault(row["level_type"], row)
    return held


def latest_day(connection: Connection, symbol: str, until: date) -> date | None:
    """The last trading date, not after `until`, that has a level of this symbol."""
    query = sa.select(sa.func.max(structural_levels.c.trading_date)).where(
        structural_levels.c.symbol == symbol, structural_levels.c.trading_date <= until
    )
    latest: date | None = connection.execute(query).scalar_one()
    return latest


NEARBY = sa.text(
    f"""
    SELECT level_type, price, abs(price - :price) AS distance, source, touches FROM (
        SELECT DISTINCT ON (level_type) level_type, price, source, touches
        FROM structural_levels_v2 WHERE symbol = :symbol AND {_OF_DATE}
        ORDER BY level_type, {_RANK}, trading_date DESC
    ) AS held
    WHERE price BETWEEN CAST(:price AS numeric) - :range AND CAST(:price AS numeric) + :range
    ORDER BY distance, level_type
    """
)


def nearby(connection: Connection, symbol: str, day: date, price: Decimal, range_points: Decimal) -> list[NearbyLevel]:
    """Levels that hold on `day` within `range_points` of `price`, nearest first, both ends included."""
    found = connection.execute(NEARBY, {"symbol": symbol, "day": day, "price": price, "range": range_points})
    return [NearbyLevel(*row) for row in found]


def days_of_range(
    connection: Connection, symbols: Sequence[str], start: date, end: date
) -> dict[tuple[str, date], dict[str, RowMapping]]:
    """What holds on each day of `symbols` from start to end, both included, that has or had a level.

    The same as `rows_of_day` and `holding` day by day, read at once; a day whose last level was taken back is there,
    and empty.
    """
    query = sa.text(
        "SELECT * FROM structural_levels_v2 WHERE symbol = ANY(:symbols) AND trading_date BETWEEN :week AND :end "
        f"ORDER BY symbol, level_type, {_RANK}, trading_date DESC"
    )
    span = {"symbols": list(symbols), "week": _monday(start), "end": end}
    rows = list(connection.execute(query, span).mappings())
    known = sa.select(level_completeness.c.symbol, level_completeness.c.trading_date).where(
        level_completeness.c.symbol.in_(symbols), level_completeness.c.trading_date.between(start, end)
    )
    days: dict[tuple[str, date], dict[str, RowMapping]] = {
        (symbol, day): {} for symbol, day in connection.execute(known)
    }
    days |= {(row["symbol"], row["trading_date"]): {} for row in rows if row["trading_date"] >= start}
    weekly: dict[tuple[str, date], list[RowMapping]] = {}
    for row in rows:
        if row["level_type"] == WEEKLY:
            weekly.setdefault((row["symbol"], _monday(row["trading_date"])), []).append(row)
        elif row["trading_date"] >= start:
            days[row["symbol"], row["trading_date"]].setdefault(row["level_type"], row)
    for (symbol, day), held in days.items():
        # In the order of the query: by source, and of one source the latest day first.
        of_week = [row for row in weekly.get((symbol, _monday(day)), ()) if row["trading_date"] <= day]
        if of_week:
            held[WEEKLY] = of_week[0]
    return dict(sorted(days.items(), key=lambda item: (item[0][1], item[0][0])))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


_AUDITED = """
INSERT INTO level_audit (at, by, symbol, trading_date, level_type, source, action,
                         old_price, new_price, file_import_id, old_file_import_id)
SELECT :at, :by, old.symbol, old.trading_date, old.level_type, 'CSV',
       CASE WHEN new.price IS NULL THEN 'removed' ELSE 'changed' END,
       old.price, new.price, day.file_import_id, old.file_import_id
FROM structural_levels_v2 AS old
JOIN incoming_days AS day USING (symbol, trading_date)
LEFT JOIN incoming_levels AS new USING (symbol, trading_date, level_type)
WHERE old.source = 'CSV' AND old.price IS DISTINCT FROM new.price
"""

_ADDED = """
INSERT INTO level_audit (at, by, symbol, trading_date, level_type, source, action, new_price, file_import_id)
SELECT :at, :by, new.symbol, new.trading_date, new.level_type, 'CSV', 'entered', new.price, day.file_import_id
FROM incoming_levels AS new JOIN incoming_days AS day USING (symbol, trading_date)
WHERE EXISTS (SELECT FROM structural_levels_v2 AS other WHERE other.source = 'CSV'
              AND other.symbol = new.symbol AND other.trading_date = new.trading_date)
  AND NOT EXISTS (SELECT FROM structural_levels_v2 AS old WHERE old.source = 'CSV'
              AND old.symbol = new.symbol AND old.trading_date = new.trading_date
              AND old.level_type = new.level_type)
"""

_REMOVED = """
DELETE FROM structural_levels_v2 AS old USING incoming_days AS day
WHERE old.source = 'CSV' AND old.symbol = day.symbol AND old.trading_date = day.trading_date
  AND NOT EXISTS (SELECT FROM incoming_levels AS new WHERE new.symbol = old.symbol
                  AND new.trading_date = old.trading_date AND new.level_type = old.level_type)
"""

_WRITTEN = """
INSERT INTO structural_levels_v2 AS kept (symbol, trading_date, level_type, price, source, timeframe, priority,
    description, is_validated, validation_errors, imported_by, file_import_id, created_at, updated_at)
SELECT symbol, trading_date, level_type, price, 'CSV', timeframe, priority, description, is_validated,
       validation_errors, :by, day.file_import_id, :at, :at
FROM incoming_levels JOIN incoming_days AS day USING (symbol, trading_date)
ON CONFLICT (symbol, trading_date, level_type, source) DO UPDATE SET
    price = excluded.price, timeframe = excluded.timeframe, priority = excluded.priority,
    description = excluded.description, is_validated = excluded.is_validated,
    validation_errors = excluded.validation_errors, imported_by = excluded.imported_by,
    file_import_id = excluded.file_import_id, updated_at = excluded.updated_at
WHERE (kept.price, kept.timeframe, kept.priority, kept.description, kept.file_import_id)
   IS DISTINCT FROM (excluded.price, excluded.timeframe, excluded.priority, excluded.description,
                     excluded.file_import_id)
   OR excluded.validation_errors IS DISTINCT FROM jsonb_path_query_array(
        kept.validation_errors, '$[*] ? (@.stage == "import")')
"""


def replace_imported(
    connection: Connection,
    days: Mapping[tuple[str, date], int],
    rows: Iterable[LevelRow],
    *,
    by: str,
    at: datetime,
) -> int:
    """Make the imported levels of `days` exactly `rows`; how many rows were written or removed.

    `days` maps (symbol, trading date) to the file import that speaks for it. What was there and differs goes to
    the audit in the same transaction.
    """
    connection.execute(
        sa.text(
            "CREATE TEMP TABLE incoming_days (symbol text, trading_date date, file_import_id bigint) ON COMMIT DROP"
        )
    )
    connection.execute(
        sa.text(
            "CREATE TEMP TABLE incoming_levels (symbol text, trading_date date, level_type text, price numeric(18, 8), "
            "timeframe text, priority text, description text, is_validated boolean, validation_errors jsonb) "
            "ON COMMIT DROP"
        )
    )
    copy_rows(
        connection,
        "incoming_days",
        ("symbol", "trading_date", "file_import_id"),
        ((symbol, day, file_import) for (symbol, day), file_import in days.items()),
    )
    copy_rows(
        connection,
        "incoming_levels",
        (
            "symbol",
            "trading_date",
            "level_type",
            "price",
            "timeframe",
            "priority",
            "description",
            "is_validated",
            "validation_errors",
        ),
        (
            (
                r.symbol,
                r.trading_date,
                r.level_type,
                r.price,
                r.timeframe,
                r.priority,
                r.description,
                r.is_validated,
                Jsonb(r.validation_errors),
            )
            for r in rows
        ),
    )
    connection.execute(sa.text("ANALYZE incoming_days"))
    connection.execute(sa.text("ANALYZE incoming_levels"))
    facts = {"by": by, "at": at}
    connection.execute(sa.text(_AUDITED), facts)
    connection.execute(sa.text(_ADDED), facts)
    removed = connection.execute(sa.text(_REMOVED)).rowcount
    written = connection.execute(sa.text(_WRITTEN), facts).rowcount
    connection.execute(sa.text("DROP TABLE incoming_levels, incoming_days"))
    return removed + written


def set_validations(connection: Connection, verdicts: Sequence[tuple[Any, bool, list[Any]]]) -> None:
    """Record what the rules said of stored levels together with the others of their day: (id, valid, errors)."""
    if not verdicts:
        return
    statement = (
        structural_levels.update()
        .where(structural_levels.c.id == sa.bindparam("row_id"))
        .values(is_validated=sa.bindparam("valid"), validation_errors=sa.bindparam("errors", type_=JSONB))
    )
    connection.execute(
        statement, [{"row_id": row_id, "valid": valid, "errors": errors} for row_id, valid, errors in verdicts]
    )


def audit_of_day(connection: Connection, symbol: str, day: date, limit: int) -> list[RowMapping]:
    """What changed on a day, newest first."""
    query = (
        sa.select(level_audit)
        .where(level_audit.c.symbol == symbol, level_audit.c.trading_date == day)
        .order_by(level_audit.c.id.desc())
        .limit(limit)
    )
    return list(connection.execute(query).mappings())


def levels_between(connection: Connection, symbol: str, start: date, end: date) -> list[RowMapping]:
    """All stored rows of a symbol from start to end, both included, by date, level type and source."""
    query = sa.text(
        "SELECT * FROM structural_levels_v2 WHERE symbol = :symbol AND trading_date BETWEEN :start AND :end "
        f"ORDER BY trading_date, level_type, {_RANK}"
    )
    return list(connection.execute(query, {"symbol": symbol, "start": start, "end": end}).mappings())


def write_completeness(connection: Connection, records: Sequence[Mapping[str, Any]]) -> None:
    """Keep how complete days were; each record has the columns of level_completeness."""
    if not records:
        return
    statement = insert(level_completeness)
    keys = ("symbol", "trading_date")
    changed = {name: statement.excluded[name] for name in records[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), list(records))
