"""What else is known of a coin: how it is traded, and how others stand in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.storage import columns
from xfg_pipeline.storage.columns import copy_columns, read_columns
from xfg_pipeline.storage.slot_keys import of_coins, times_of
from xfg_pipeline.storage.tables import instruments

POSITIONS = ("funding_rate", "open_interest", "long_short_ratio")


def write_instruments(connection: Connection, market: str, rows: Iterable[dict[str, Any]], now: datetime) -> int:
    """Keep what an exchange says of its instruments, the newest word for each coin."""
    written = 0
    for row in rows:
        values = {"market": market, **row, "recorded_at": now}
        statement = insert(instruments).values(values)
        changed = {name: statement.excluded[name] for name in values if name not in ("market", "coin")}
        connection.execute(statement.on_conflict_do_update(index_elements=["market", "coin"], set_=changed))
        written += 1
    return written


def read_instruments(connection: Connection, market: str, coins: Sequence[str]) -> dict[str, RowMapping]:
    """The instruments' rows by coin; a coin that is not known is left out."""
    query = sa.select(instruments).where(instruments.c.market == market, instruments.c.coin.in_(coins))
    return {row["coin"]: row for row in connection.execute(query).mappings()}


@dataclass(frozen=True, eq=False)
class PositioningOf:
    """Positioning of one coin: times in seconds since 1970, values float64[n] by name, NaN where not known."""

    coin: str
    time: Times
    values: Mapping[str, Floats]


def write_positioning(connection: Connection, market: str, several: Sequence[PositioningOf]) -> int:
    """Keep positioning, newer values replacing older ones of the same coin and time; how many rows differed."""
    connection.execute(
        sa.text(
            "CREATE TEMP TABLE incoming_positioning (coin text, time timestamptz, funding_rate float8, "
            "open_interest float8, long_short_ratio float8) ON COMMIT DROP"
        )
    )
    parts = [
        {"coin": columns.same(one.coin, one.time.size), "time": columns.times(one.time)}
        | {name: columns.doubles(one.values[name]) for name in POSITIONS}
        for one in several
    ]
    copy_columns(connection, "incoming_positioning", *parts)
    upsert = sa.text(
        "INSERT INTO positioning AS kept SELECT :market, coin, time, funding_rate, open_interest, long_short_ratio "
        "FROM incoming_positioning ON CONFLICT (market, coin, time) DO UPDATE SET "
        "funding_rate = excluded.funding_rate, open_interest = excluded.open_interest, "
        "long_short_ratio = excluded.long_short_ratio "
        "WHERE (kept.funding_rate, kept.open_interest, kept.long_short_ratio) IS DISTINCT FROM "
        "(excluded.funding_rate, excluded.open_interest, excluded.long_short_ratio)"
    )
    written = connection.execute(upsert, {"market": market}).rowcount
    connection.execute(sa.text("DROP TABLE incoming_positioning"))
    return written


_POSITIONING = """
SELECT place::int4, time, coalesce(funding_rate, 'NaN'),
       coalesce(open_interest, 'NaN'), coalesce(long_short_ratio, 'NaN')
FROM positioning JOIN unnest(%(coins)s::text[]) WITH ORDINALITY AS asked (coin, place) USING (coin)
WHERE market = %(market)s AND coin = ANY(%(coins)s) AND time >= %(start)s AND time < %(end)s
ORDER BY 1, 2
"""


def read_positioning(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> dict[str, PositioningOf]:
    """The kept rows of each coin with start <= time < end."""
    facts = {"market": market, "coins": list(coins), "start": start, "end": end}
    kinds = {"coin": "integer", "time": "time"} | dict.fromkeys(POSITIONS, "double")
    rows = read_columns(connection, _POSITIONING, facts, kinds)
    found = {}
    for coin, own in of_coins(rows["coin"], coins):
        found[coin] = PositioningOf(coin, rows["time"][own], {name: rows[name][own] for name in POSITIONS})
    return found


_TIMES = """
SELECT place::int4, time FROM positioning
    JOIN unnest(%(coins)s::text[]) WITH ORDINALITY AS asked (coin, place) USING (coin)
WHERE market = %(market)s AND coin = ANY(%(coins)s) AND time >= %(start)s AND time < %(end)s ORDER BY 1, 2
"""


def positioning_times(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> dict[str, Times]:
    """The times (seconds since 1970) of the kept rows of each coin with start <= time < end."""
    return times_of(connection, _TIMES, {"market": market, "start": start, "end": end}, coins)
