"""Volatility of each coin against its own normal, by slot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy import Connection

from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.storage import columns
from xfg_pipeline.storage.tables import market_regime


@dataclass(frozen=True, eq=False)
class CoinRegime:
    """Of one coin at n slots; float64[n] is NaN where not known."""

    coin: str
    slots: Times
    volatility: Floats
    baseline: Floats
    days: NDArray[np.int64]
    ratio: Floats


def drop_regime(connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime) -> None:
    """Drop the rows of start <= slot < end."""
    there = market_regime.c
    connection.execute(
        sa.delete(market_regime).where(
            there.market == market, there.coin.in_(coins), there.slot >= start, there.slot < end
        )
    )


def write_regime(connection: Connection, market: str, several: Sequence[CoinRegime], now: datetime) -> int:
    """Write rows of slots that have none; how many there are."""
    return columns.copy_columns(
        connection,
        "market_regime",
        *(
            {
                "market": columns.same(market, one.slots.size),
                "coin": columns.same(one.coin, one.slots.size),
                "slot": columns.times(one.slots),
                "volatility": columns.doubles(one.volatility),
                "baseline": columns.doubles(one.baseline),
                "baseline_days": columns.integers(one.days),
                "ratio": columns.doubles(one.ratio),
                "made_at": columns.moments(now, one.slots.size),
            }
            for one in several
            if one.slots.size
        ),
    )


_RATIOS = """
SELECT slot, coin, ratio FROM market_regime
WHERE market = :market AND coin = ANY(:coins) AND slot > :start AND slot <= :end ORDER BY slot
"""


def ratios_between(
    connection: Connection, market: str, coins: Sequence[str], start: datetime, end: datetime
) -> list[tuple[datetime, str, Decimal | None]]:
    """Slot, coin and ratio (rounded to 9 digits; None where not known) with start < slot <= end, by slot."""
    facts = {"market": market, "coins": list(coins), "start": start, "end": end}
    return [
        (row.slot, row.coin, None if row.ratio is None else Decimal(repr(round(row.ratio, 9))))
        for row in connection.execute(sa.text(_RATIOS), facts)
    ]
