"""Price bars, and what a price of a market was shortly before a day: the reference for plausibility."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Connection

from xfg_pipeline.levels.validation import Reference
from xfg_pipeline.storage.copying import copy_rows
from xfg_pipeline.storage.file_imports import PRACTICE

if TYPE_CHECKING:
    from pandas import DataFrame

# Ten sessions are at most sixteen calendar days, holidays of the year's end included.
REACH = timedelta(days=16)

_LAST_CLOSES = """
SELECT DISTINCT ON (trading_date) trading_date, close FROM price_bars
WHERE symbol = :symbol AND trading_date BETWEEN :start AND :end
ORDER BY trading_date, bar_time DESC
"""

_LEVELS = """
SELECT trading_date, max(price) FILTER (WHERE level_type = 'previous_day_close') AS close,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY price) AS middle
FROM structural_levels_v2 AS level
WHERE symbol = :symbol AND source = 'CSV' AND trading_date BETWEEN :start AND :end
  AND file_import_id IS DISTINCT FROM :without
  AND NOT EXISTS (SELECT FROM file_imports WHERE id = level.file_import_id AND received_by = :practice)
GROUP BY trading_date
"""


class References:
    """Known prices of one symbol by date, from bars and from imported levels."""

    def __init__(self, known: dict[date, Reference], replaced: frozenset[date]) -> None:
        self._known = known
        self._replaced = replaced

    def near(self, day: date) -> Reference | None:
        """A price known near `day`: of the sessions before, nearest first, then of the same and later days.

        Dates that the incoming file itself covers come last: what it replaces must not outvote it while anything
        else is known.
        """
        within = [known for known in self._known if abs(known - day) <= REACH]
        if not within:
            return None
        best = min(within, key=lambda known: (known in self._replaced, known >= day, abs(known - day)))
        return self._known[best]


def references(connection: Connection, symbol: str, days: Iterable[date], *, without: int | None = None) -> References:
    """Prices of `symbol` around `days`, which are the trading dates that a file wants to speak for.

    `without` leaves out what a file import brought itself.
    """
    covered = frozenset(days)
    if not covered:
        return References({}, covered)
    span = {"symbol": symbol, "start": min(covered) - REACH, "end": max(covered) + REACH}
    facts = {**span, "practice": PRACTICE, "without": without}
    known: dict[date, Reference] = {}
    for row in connection.execute(sa.text(_LEVELS), facts):
        if row.close is not None:
            known[row.trading_date] = Reference(row.close, f"previous day's close of {row.trading_date}")
        else:
            known[row.trading_date] = Reference(row.middle, f"middle of the levels of {row.trading_date}")
    for row in connection.execute(sa.text(_LAST_CLOSES), span):
        known[row.trading_date] = Reference(row.close, f"last bar of {row.trading_date}")
    return References(known, covered)


def last_close(connection: Connection, symbol: str, before: Any) -> tuple[Decimal, Any] | None:
    """The close and the open stamp of the last stored bar that opened before a moment."""
    query = sa.text(
        "SELECT close, bar_time FROM price_bars WHERE symbol = :symbol AND bar_time < :before "
        "ORDER BY trading_date DESC, bar_time DESC LIMIT 1"
    )
    row = connection.execute(query, {"symbol": symbol, "before": before}).one_or_none()
    return None if row is None else (row.close, row.bar_time)


_UPSERT = """
INSERT INTO price_bars AS kept
SELECT :symbol, :interval, bar_time, trading_date, open, high, low, close, volume, :file_import_id
FROM incoming_bars
ON CONFLICT (symbol, interval_minutes, bar_time) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, file_import_id = excluded.file_import_id
WHERE (kept.open, kept.high, kept.low, kept.close, kept.volume)
   IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)
"""


def write_bars(
    connection: Connection, symbol: str, interval_minutes: int, bars: "DataFrame", file_import_id: int
) -> int:
    """Keep bars, newer ones replacing those of the same time; how many were new or differed.

    `bars` has the columns time (aware), trading_date, open, high, low, close, volume.
    """
    connection.execute(
        sa.text(
            "CREATE TEMP TABLE incoming_bars (bar_time timestamptz, trading_date date, open numeric, high numeric, "
            "low numeric, close numeric, volume numeric) ON COMMIT DROP"
        )
    )
    columns = ["time", "trading_date", "open", "high", "low", "close", "volume"]
    # A volume that the export has not is unknown, and not zero.
    known = bars[columns].astype(object).where(bars[columns].notna(), None)
    copy_rows(
        connection,
        "incoming_bars",
        ["bar_time", *columns[1:]],
        known.itertuples(index=False, name=None),
    )
    facts = {"symbol": symbol, "interval": interval_minutes, "file_import_id": file_import_id}
    written = connection.execute(sa.text(_UPSERT), facts).rowcount
    connection.execute(sa.text("DROP TABLE incoming_bars"))
    return written


def bars_between(connection: Connection, start: date, end: date) -> list[Any]:
    """Number of bars, first and last stamp of each symbol, bar size and trading date in the range."""
    query = sa.text(
        "SELECT symbol, interval_minutes, trading_date, count(*) AS bars, min(bar_time) AS first, "
        "max(bar_time) AS last FROM price_bars WHERE trading_date BETWEEN :start AND :end "
        "GROUP BY 1, 2, 3 ORDER BY 3, 1, 2"
    )
    return list(connection.execute(query, {"start": start, "end": end}))
