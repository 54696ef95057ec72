"""Signals and rejected candidates: what was decided for each coin and slot. What was decided live stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.signals.features import NO_CANDLE, REASONS
from xfg_pipeline.storage import columns
from xfg_pipeline.storage.columns import copy_columns
from xfg_pipeline.storage.predictions import MODES
from xfg_pipeline.storage.slot_keys import drop_same, times_of
from xfg_pipeline.storage.tables import signals

PLAN = ("entry_low", "entry_high", "stop_loss", "take_profit", "risk_reward")


@dataclass(frozen=True, eq=False)
class CandidateRows:
    """Decisions about one coin at n slots. Texts are indexes into their words; NaN is null.

    `numbers` has float64[n] for gate_value, gate_threshold, confidence, volume_ratio, atr and the plan (PLAN).
    """

    coin: str
    slots: Times
    live: NDArray[np.bool_]
    gate: tuple[NDArray[Any], Sequence[str | None]]
    detail: tuple[NDArray[Any], Sequence[str | None]]
    direction: tuple[NDArray[Any], Sequence[str | None]]
    signal_type: tuple[NDArray[Any], Sequence[str | None]]
    numbers: Mapping[str, Floats]


_SETTLED = """
SELECT place::int4, slot FROM signal_candidates
    JOIN unnest(%(coins)s::text[]) WITH ORDINALITY AS asked (coin, place) USING (coin)
WHERE market = %(market)s AND coin = ANY(%(coins)s) AND slot >= %(start)s AND slot < %(end)s
  -- Without its candle nothing was decided: that slot is looked at again.
  AND detail IS DISTINCT FROM %(no_candle)s AND (mode = 'live' OR %(any)s)
ORDER BY 1, 2
"""


def settled_slots(
    connection: Connection,
    market: str,
    coins: Sequence[str],
    span: tuple[datetime, datetime],
    *,
    live_only: bool,
) -> dict[str, Times]:
    """Slots from span's start to before its end whose decisions stay as they are."""
    facts = {"market": market, "start": span[0], "end": span[1], "any": not live_only}
    facts["no_candle"] = REASONS[NO_CANDLE]
    return times_of(connection, _SETTLED, facts, coins)


def replace_candidates(connection: Connection, market: str, several: Sequence[CandidateRows], now: datetime) -> int:
    """Write decisions in the place of those of the same coins and slots; how many there are now of them.

    What became of the old ones goes with them: the new plan may be another.
    """
    again = [(one.coin, one.slots) for one in several]
    drop_same(connection, "signal_candidates", market, again)
    drop_same(connection, "signal_outcomes", market, again)
    return copy_columns(
        connection, "signal_candidates", *(_columns(one, market, now) for one in several if one.slots.size)
    )


def _columns(one: CandidateRows, market: str, now: datetime) -> dict[str, columns.Column]:
    size = one.slots.size
    return {
        "market": columns.same(market, size),
        "coin": columns.same(one.coin, size),
        "slot": columns.times(one.slots),
        "mode": columns.texts(one.live.astype(np.int64), MODES),
        "made_at": columns.moments(now, size),
        **{name: columns.texts(*getattr(one, name)) for name in ("gate", "detail", "direction", "signal_type")},
        **{name: columns.doubles(values) for name, values in one.numbers.items()},
    }


_KEY = ("market", "coin", "slot")


def replace_signals(
    connection: Connection,
    market: str,
    decided: Sequence[tuple[str, Times]],
    rows: Sequence[Mapping[str, Any]],
) -> int:
    """Write the signals of the coins and slots that were `decided`; one that is no longer made is removed.

    A signal keeps its id when it is made again. What was executed stays whatever is decided later.
    """
    made = {(row["coin"], int(row["slot"].timestamp())) for row in rows}
    wanted = {coin: set(slots.tolist()) for coin, slots in decided if slots.size}
    if not wanted:
        return 0
    there = connection.execute(
        sa.select(signals.c.id, signals.c.coin, signals.c.slot).where(
            signals.c.market == market,
            signals.c.coin.in_(wanted),
            signals.c.slot >= _moment(min(map(min, wanted.values()))),
            signals.c.slot <= _moment(max(map(max, wanted.values()))),
            signals.c.status != "executed",
        )
    ).all()
    keys = {one.id: (one.coin, int(one.slot.timestamp())) for one in there}
    gone = [id_ for id_, key in keys.items() if key[1] in wanted[key[0]] and key not in made]
    if gone:
        connection.execute(sa.delete(signals).where(signals.c.id.in_(gone)))
    if rows:
        statement = insert(signals)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in _KEY}
        upsert = statement.on_conflict_do_update(
            index_elements=_KEY, set_=changed, where=signals.c.status != "executed"
        )
        connection.execute(upsert, [{"market": market, **row} for row in rows])
    return len(rows)


def expire(connection: Connection, market: str, now: datetime) -> int:
    """Mark what has expired; how many there were."""
    query = sa.text(
        "UPDATE signals SET status = 'expired' WHERE market = :market AND status IN ('ready', 'paused') "
        "AND expires_at <= :now"
    )
    return connection.execute(query, {"market": market, "now": now}).rowcount


@dataclass(frozen=True)
class Published:
    """A signal as later ones must know it. `outcome` is what was written of it; `resolved_at` with it."""

    coin: str
    slot: datetime
    expires_at: datetime
    paused: bool
    executed_at: datetime | None
    direction: str
    entry: float
    stop: float
    target: float
    outcome: str | None
    resolved_at: datetime | None


_PUBLISHED = """
SELECT made.coin, made.slot, made.expires_at, made.position_multiplier = 0 AS paused,
       CASE WHEN made.status = 'executed' THEN made.executed_at END AS executed_at, made.direction,
       (CASE WHEN made.direction = 'LONG' THEN made.entry_high ELSE made.entry_low END)::float8 AS entry,
       made.stop_loss::float8 AS stop, made.take_profit::float8 AS target, became.outcome, became.resolved_at
FROM signals AS made LEFT JOIN signal_outcomes AS became USING (market, coin, slot)
"""


def published_between(connection: Connection, market: str, start: datetime, end: datetime) -> list[Published]:
    """Signals with start <= slot < end, and those before that were open or held then, whatever they are now."""
    query = sa.text(
        _PUBLISHED + "WHERE made.market = :market AND made.slot < :end AND (made.slot >= :start OR "
        "made.expires_at > :start OR (made.status = 'executed' AND coalesce(became.resolved_at, 'infinity') > :start)) "
        "ORDER BY made.slot, made.coin"
    )
    rows = connection.execute(query, {"market": market, "start": start, "end": end})
    return [Published(*row) for row in rows]


def last_resolved(
    connection: Connection, market: str, coins: Sequence[str], before: datetime, count: int
) -> list[Published]:
    """The last `count` signals of each coin from before a slot whose outcome is known or may become so."""
    query = sa.text(
        "SELECT past.* FROM unnest(CAST(:coins AS text[])) AS coin, LATERAL (" + _PUBLISHED + "WHERE made.market = "
        ":market AND made.coin = coin.coin AND made.slot < :before AND coalesce(became.outcome, 'unresolved') <> "
        "'ambiguous' ORDER BY made.slot DESC LIMIT :count) AS past ORDER BY slot"
    )
    facts = {"market": market, "coins": list(coins), "before": before, "count": count}
    return [Published(*row) for row in connection.execute(query, facts)]


def _moment(at: Any) -> Any:
    return sa.func.to_timestamp(int(at))
