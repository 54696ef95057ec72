"""Which slots have been decided on."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from xfg_pipeline.signals.features import NO_CANDLE, REASONS

# Without its candle nothing was decided: such a row is provisional.
_DECIDED = "detail IS DISTINCT FROM :no_candle"
_FACTS = {"no_candle": REASONS[NO_CANDLE]}


def first_undecided(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> datetime | None:
    """The first slot with start <= slot < end at which a coin has its candle and was not decided on with it."""
    query = sa.text(
        "SELECT min(open_time) + interval '15 minutes' FROM candles WHERE market = :market AND coin = ANY(:coins) "
        "AND open_time >= CAST(:start AS timestamptz) - interval '15 minutes' "
        "AND open_time < CAST(:end AS timestamptz) - interval '15 minutes' "
        "AND NOT EXISTS (SELECT FROM signal_candidates AS made WHERE made.market = candles.market "
        "AND made.coin = candles.coin AND made.slot = candles.open_time + interval '15 minutes' "
        f"AND {_DECIDED})"
    )
    facts = {"market": market, "coins": list(coins), "start": start, "end": end, **_FACTS}
    found: datetime | None = connection.execute(query, facts).scalar_one()
    return found


def last_decided(connection: Connection, market: str, coins: Sequence[str], before: datetime) -> datetime | None:
    """The newest slot before a moment at which one of the coins was decided on; None when there is none."""
    query = sa.text(
        "SELECT max(slot) FROM signal_candidates WHERE market = :market AND coin = ANY(:coins) AND slot < :before "
        f"AND {_DECIDED}"
    )
    facts = {"market": market, "coins": list(coins), "before": before, **_FACTS}
    found: datetime | None = connection.execute(query, facts).scalar_one()
    return found


def first_provisional(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, before: datetime
) -> datetime | None:
    """The first slot with start <= slot < before that one of the coins came to without its candle; None without any."""
    query = sa.text(
        "SELECT min(slot) FROM signal_candidates WHERE market = :market AND coin = ANY(:coins) AND slot >= :start "
        "AND slot < :before AND detail = :no_candle"
    )
    facts = {"market": market, "coins": list(coins), "start": start, "before": before, **_FACTS}
    found: datetime | None = connection.execute(query, facts).scalar_one()
    return found


def left_behind(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, before: datetime
) -> list[tuple[str, int, datetime, datetime]]:
    """Of each coin: slots with start <= slot < before that have a candle and no decision by it, though one before has.

    How many, the first and the last.
    """
    query = sa.text(
        "SELECT coin, count(*), min(slot), max(slot) FROM unnest(CAST(:coins AS text[])) AS coin, LATERAL (SELECT "
        f"min(slot) AS began FROM signal_candidates AS made WHERE market = :market AND made.coin = coin.coin AND "
        f"{_DECIDED}) AS own, LATERAL (SELECT open_time + interval '15 minutes' AS slot FROM candles "
        "WHERE market = :market AND candles.coin = coin.coin "
        "AND open_time >= greatest(CAST(:start AS timestamptz), began) - interval '15 minutes' "
        "AND open_time < CAST(:before AS timestamptz) - interval '15 minutes') AS there "
        "WHERE began IS NOT NULL AND NOT EXISTS (SELECT FROM signal_candidates AS made WHERE made.market = :market "
        f"AND made.coin = coin.coin AND made.slot = there.slot AND {_DECIDED}) GROUP BY coin ORDER BY coin"
    )
    facts = {"market": market, "coins": list(coins), "start": start, "before": before, **_FACTS}
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query, facts)]


def late_slots(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, before: datetime
) -> list[tuple[str, int, datetime]]:
    """Of each coin: slots with start <= slot <= before that nothing decided on with a candle; how many, the first."""
    query = sa.text(
        "SELECT coin, count(*), min(slot) FROM unnest(CAST(:coins AS text[])) AS coin, "
        "generate_series(CAST(:start AS timestamptz), CAST(:before AS timestamptz), interval '15 minutes') AS slot "
        "WHERE NOT EXISTS (SELECT FROM signal_candidates AS made WHERE made.market = :market "
        f"AND made.coin = coin.coin AND made.slot = slot.slot AND {_DECIDED}) GROUP BY coin ORDER BY coin"
    )
    facts = {"market": market, "coins": list(coins), "start": start, "before": before, **_FACTS}
    return [(row[0], row[1], row[2]) for row in connection.execute(query, facts)]
