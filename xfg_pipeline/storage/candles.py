"""Candles: each kept once, a revised one replaces, none ever becomes another market's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from xfg_pipeline.signals.candles import Candles, Times
from xfg_pipeline.storage import columns
from xfg_pipeline.storage.columns import copy_columns, read_columns
from xfg_pipeline.storage.slot_keys import of_coins, times_of

_VALUES = ("open", "high", "low", "close", "volume")

_UPSERT = """
INSERT INTO candles AS kept (market, coin, open_time, open, high, low, close, volume, recorded_at)
SELECT :market, coin, open_time, open, high, low, close, volume, :now FROM incoming_candles
ON CONFLICT (market, coin, open_time) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, recorded_at = excluded.recorded_at, revisions = kept.revisions + 1
WHERE (kept.open, kept.high, kept.low, kept.close, kept.volume)
   IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)
RETURNING revisions > 0
"""


@dataclass(frozen=True)
class Written:
    """How many candles were not there before, and how many replaced another."""

    new: int = 0
    revised: int = 0


def write_candles(connection: Connection, market: str, several: Iterable[Candles], now: datetime) -> Written:
    """Keep candles of several coins; those that are there already, with the same values, stay untouched."""
    connection.execute(
        sa.text(
            "CREATE TEMP TABLE incoming_candles (coin text, open_time timestamptz, open float8, high float8, "
            "low float8, close float8, volume float8) ON COMMIT DROP"
        )
    )
    parts = [
        {"coin": columns.same(one.coin, len(one)), "open_time": columns.times(one.open_time)}
        | {name: columns.doubles(getattr(one, name)) for name in _VALUES}
        for one in several
    ]
    copy_columns(connection, "incoming_candles", *parts)
    found = connection.execute(sa.text(_UPSERT), {"market": market, "now": now}).scalars().all()
    connection.execute(sa.text("DROP TABLE incoming_candles"))
    return Written(new=found.count(False), revised=found.count(True))


_READ = """
SELECT place::int4, open_time, open, high, low, close, volume FROM candles
    JOIN unnest(%(coins)s::text[]) WITH ORDINALITY AS asked (coin, place) USING (coin)
WHERE market = %(market)s AND coin = ANY(%(coins)s) AND open_time >= %(start)s AND open_time < %(end)s
ORDER BY 1, open_time
"""


def read_candles(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> dict[str, Candles]:
    """The kept candles of each coin with start <= open time < end; a coin without any has none."""
    facts = {"market": market, "coins": list(coins), "start": start, "end": end}
    kinds = {"coin": "integer", "open_time": "time"} | dict.fromkeys(_VALUES, "double")
    rows = read_columns(connection, _READ, facts, kinds)
    found = {}
    for coin, own in of_coins(rows["coin"], coins):
        open_, high, low, close, volume = (rows[name][own] for name in _VALUES)
        found[coin] = Candles(coin, rows["open_time"][own], open_, high, low, close, volume)
    return found


_OPEN_TIMES = """
SELECT place::int4, open_time FROM candles
    JOIN unnest(%(coins)s::text[]) WITH ORDINALITY AS asked (coin, place) USING (coin)
WHERE market = %(market)s AND coin = ANY(%(coins)s) AND open_time >= %(start)s AND open_time < %(end)s
ORDER BY 1, 2
"""


def open_times(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> dict[str, Times]:
    """The open times (seconds since 1970) of the kept candles of each coin."""
    return times_of(connection, _OPEN_TIMES, {"market": market, "start": start, "end": end}, coins)


def newest_closes(connection: Connection, market: str, coins: Sequence[str]) -> dict[str, datetime]:
    """When the newest kept candle of each coin closed; a coin without any is left out."""
    # The key's own order answers each coin by one look, however long the history.
    query = sa.text(
        "SELECT coin, newest + interval '15 minutes' FROM unnest(CAST(:coins AS text[])) AS coin, LATERAL "
        "(SELECT max(open_time) AS newest FROM candles WHERE market = :market AND candles.coin = coin.coin) AS kept "
        "WHERE newest IS NOT NULL"
    )
    return {row[0]: row[1] for row in connection.execute(query, {"market": market, "coins": list(coins)})}


@dataclass(frozen=True)
class DayOfCandles:
    """The kept candles of a coin and UTC day (by their close)."""

    coin: str
    candles: int
    revised: int
    first: datetime
    last: datetime


def days_of_candles(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> list[DayOfCandles]:
    """Number, revisions, first and last close of each coin with start <= close < end."""
    query = sa.text(
        "SELECT coin, count(*), count(*) FILTER (WHERE revisions > 0), min(open_time) + interval '15 minutes', "
        "max(open_time) + interval '15 minutes' FROM candles "
        "WHERE market = :market AND coin = ANY(:coins) AND open_time >= CAST(:start AS timestamptz) - "
        "interval '15 minutes' AND open_time < CAST(:end AS timestamptz) - interval '15 minutes' "
        "GROUP BY coin ORDER BY coin"
    )
    facts = {"market": market, "coins": list(coins), "start": start, "end": end}
    return [DayOfCandles(*row) for row in connection.execute(query, facts)]


def coins_with_gaps(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> list[str]:
    """Coins of which fewer candles are kept than lie between the first and the newest with start <= open time < end."""
    query = sa.text(
        "SELECT coin FROM candles WHERE market = :market AND coin = ANY(:coins) AND open_time >= :start "
        "AND open_time < :end GROUP BY coin "
        "HAVING count(*) <= extract(epoch FROM max(open_time) - min(open_time)) / 900 ORDER BY coin"
    )
    facts = {"market": market, "coins": list(coins), "start": start, "end": end}
    return list(connection.execute(query, facts).scalars())
