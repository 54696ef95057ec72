"""What became of each plan and of each predicted event; open ones are looked at again until they close."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.storage import columns
from xfg_pipeline.storage.columns import copy_columns, read_columns
from xfg_pipeline.storage.slot_keys import drop_same, of_coins

_OPEN = """
SELECT place::int4, made.slot,
       CASE made.direction WHEN 'LONG' THEN 1 WHEN 'SHORT' THEN -1 ELSE 0 END,
       coalesce(CASE WHEN made.direction = 'LONG' THEN made.entry_high ELSE made.entry_low END, 'NaN'),
       coalesce(made.stop_loss, 'NaN'), coalesce(made.take_profit, 'NaN'), coalesce(made.atr, 'NaN'),
       became.slot IS NOT NULL AND (became.outcome IS NOT DISTINCT FROM 'unresolved') = (made.stop_loss IS NOT NULL),
       coalesce(became.event_closed, false), coalesce(array_position(%(ensembles)s::text[], ensemble_hash), 0)
FROM signal_candidates AS made JOIN unnest(%(coins)s::text[]) WITH ORDINALITY AS asked (coin, place) USING (coin)
     LEFT JOIN signal_outcomes AS became USING (market, coin, slot)
     LEFT JOIN predictions USING (market, coin, slot)
WHERE made.market = %(market)s AND made.coin = ANY(%(coins)s) AND made.slot >= %(start)s AND made.slot < %(end)s
  AND (%(all)s OR became.slot IS NULL OR became.outcome = 'unresolved' OR NOT became.event_closed)
ORDER BY 1, 2
"""
_PRICES = ("entry", "stop", "target", "atr")


@dataclass(frozen=True, eq=False)
class PlanRows:
    """Plans of one coin at n slots: direction +1, -1, or 0 for none; prices float64[n], NaN where there is no plan.

    `ensemble` int64[n]: which of the ensembles that were asked about predicted it, -1 where none did.
    `kept_open` bool[n]: a row says already that the plan is open (or that there is none); `event_closed` bool[n]: and
    that its event is decided.
    """

    coin: str
    slots: Times
    direction: NDArray[np.int8]
    entry: Floats
    stop: Floats
    target: Floats
    atr: Floats
    ensemble: NDArray[np.int64]
    kept_open: NDArray[np.bool_]
    event_closed: NDArray[np.bool_]


def plans_to_follow(
    connection: Connection,
    market: str,
    coins: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    ensembles: Sequence[str],
    again: bool,
) -> list[PlanRows]:
    """Candidates with start <= slot < end whose outcome or event is open; all of them when `again`."""
    facts = {"market": market, "coins": list(coins), "start": start, "end": end, "all": again}
    facts["ensembles"] = list(ensembles)
    kinds = {"coin": "integer", "slot": "time", "direction": "integer"} | dict.fromkeys(_PRICES, "double")
    kinds |= {"kept_open": "boolean", "event_closed": "boolean", "ensemble": "integer"}
    rows = read_columns(connection, _OPEN, facts, kinds)
    found = []
    for coin, own in of_coins(rows["coin"], coins):
        if own.stop > own.start:
            entry, stop, target, atr = (rows[name][own] for name in _PRICES)
            direction = np.where(np.isnan(stop), 0, rows["direction"][own]).astype(np.int8)
            ensemble = rows["ensemble"][own].astype(np.int64) - 1
            written = rows["kept_open"][own], rows["event_closed"][own]
            found.append(PlanRows(coin, rows["slot"][own], direction, entry, stop, target, atr, ensemble, *written))
    return found


@dataclass(frozen=True, eq=False)
class OutcomeRows:
    """What became of one coin's plans and events at n slots.

    `outcome` and `event` are indexes into words; `resolved_at` int64[n], 0 while open; `r_multiple` float64[n], NaN
    while unknown; `candles` int64[n]; `event_closed` bool[n].
    """

    coin: str
    slots: Times
    outcome: tuple[NDArray[Any], Sequence[str | None]]
    resolved_at: Times
    r_multiple: Floats
    candles: Times
    event: tuple[NDArray[Any], Sequence[str | None]]
    event_closed: NDArray[np.bool_]


def replace_outcomes(connection: Connection, market: str, several: Sequence[OutcomeRows], now: datetime) -> int:
    """Write outcomes in the place of those of the same coins and slots; how many there are now of them."""
    drop_same(connection, "signal_outcomes", market, [(one.coin, one.slots) for one in several])
    return copy_columns(
        connection, "signal_outcomes", *(_columns(one, market, now) for one in several if one.slots.size)
    )


def _columns(one: OutcomeRows, market: str, now: datetime) -> dict[str, columns.Column]:
    size = one.slots.size
    resolved = one.resolved_at > 0
    return {
        "market": columns.same(market, size),
        "coin": columns.same(one.coin, size),
        "slot": columns.times(one.slots),
        "outcome": columns.texts(*one.outcome),
        "resolved_at": columns.times(one.resolved_at, resolved),
        "r_multiple": columns.doubles(one.r_multiple),
        "candles": columns.integers(one.candles, resolved),
        "event": columns.texts(*one.event),
        "event_closed": columns.booleans(one.event_closed),
        "evaluated_at": columns.moments(now, size),
    }
