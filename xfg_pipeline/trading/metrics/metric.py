"""A number with its sample, or the reason why there is none; and the whole set that a snapshot holds."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from xfg_pipeline.trading.metrics.events import ClosedTrade

HISTORY = 50
"""Trades whose end is kept, for tests of whether a fall is luck."""


@dataclass(frozen=True)
class Metric:
    """`value` is None where it is not known, then `reason` says why ("" otherwise). `n` is the sample it is of.

    `sufficient`: the sample is as large as the definition asks for.
    """

    value: Decimal | None
    n: int
    sufficient: bool
    reason: str = ""


@dataclass(frozen=True)
class TypeRecord:
    """The last up to 20 trades of one signal type."""

    n: int
    wins: int


@dataclass(frozen=True)
class Metrics:
    """All metrics of one account at a moment, each from events with at <= `at` alone.

    Shares are fractions (0.65), money in the quote currency. `values` has the names of METRICS; see docs/metrics.md.
    `last`: the last up to 20 closed trades, oldest first; `wins`: of the last up to HISTORY, whether each won.
    `forecasts`: the last up to `ece_window` closed trades that have a confidence, of the newest ensemble alone, oldest
    first.
    """

    at: datetime
    values: dict[str, Metric]
    last: tuple[ClosedTrade, ...] = ()
    forecasts: tuple[tuple[float, bool], ...] = ()
    types: dict[str, TypeRecord] = field(default_factory=dict)
    wins: tuple[bool, ...] = ()

    def __getitem__(self, name: str) -> Metric:
        return self.values[name]


METRICS = (
    "win_rate_last_20",
    "daily_pnl",
    "weekly_pnl",
    "monthly_pnl",
    "pnl_24h",
    "daily_pnl_share",
    "weekly_pnl_share",
    "monthly_pnl_share",
    "pnl_24h_share",
    "sharpe_ratio",
    "sharpe_per_trade",
    "max_drawdown",
    "ece",
    "brier",
    "log_loss",
    "profit_factor",
    "expectancy_r",
    "consecutive_losses",
    "total_trades",
    "equity",
)
"""Names of values, and of columns of performance_snapshots. consecutive_losses and total_trades are whole numbers."""
