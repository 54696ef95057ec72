"""Trades and what they come to, as a person asks for them: of one account, as of a moment, each with its sample."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from xfg_pipeline.resources.event_calibration import SETTLES, WINDOW
from xfg_pipeline.resources.following import Followed, counted_usage, use_of
from xfg_pipeline.resources.signal_book import MOST_ROWS, Mode, span, utc_day
from xfg_pipeline.signals.calibration import (
    ReliabilityBin,
    brier_score,
    calibration_error,
    log_loss,
    reliability,
    wilson_interval,
)
from xfg_pipeline.storage import account_views
from xfg_pipeline.storage import performance_views as views
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.performance_views import TradeSums, WantedTrades
from xfg_pipeline.storage.signal_views import Page
from xfg_pipeline.trading.light.facts import Thresholds

if TYPE_CHECKING:
    from xfg_pipeline.resources.pipeline import Pipeline

USAGE_DAYS = 30
RECONCILED_DAYS = 30


@dataclass(frozen=True)
class Calibration:
    """How far stated probabilities held: `of` trades (won) or events (came). Scores are None below `needed`."""

    of: str
    n: int
    needed: int
    ece: float | None
    brier: float | None
    log_loss: float | None
    came: int
    interval: tuple[float, float] | None
    bins: tuple[ReliabilityBin, ...]
    ensemble: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For programs; empty bins are left out."""
        return {**asdict(self), "bins": [_bin(one) for one in self.bins if one.n]}


@dataclass(frozen=True)
class AccountState:
    """What is known of the account: `equity` and `positions` as last read, `sync` by kind of record."""

    equity: dict[str, Any] | None
    positions: list[dict[str, Any]]
    sync: list[dict[str, Any]]
    refused_records: int

    @property
    def key(self) -> dict[str, Any] | None:
        """What the API key may do, as last read; None where there is none."""
        state = next((row for row in self.sync if row["kind"] == "state"), None)
        found = None if state is None else state["facts"].get("key")
        return dict(found) if found else None


@dataclass(frozen=True)
class PerformanceBook:
    """Reading trades, metrics and the account. `now` is the market's own time; whoever asks passes the moment."""

    database: Database
    account: str
    market: str
    mode: Mode
    thresholds: Thresholds
    now: Callable[[], datetime]

    def about(self, as_of: datetime) -> dict[str, Any]:
        """What every answer says of itself."""
        return {"as_of": as_of, "account": self.account, "market": self.market, "mode": self.mode}

    def wanted(self, first: date, last: date, **filters: Any) -> WantedTrades:
        """Trades that ended on UTC days, both included. Raises RangeRefused."""
        return WantedTrades(self.account, *span(first, last), **filters)

    def trades(self, wanted: WantedTrades, *, limit: int = MOST_ROWS, offset: int = 0) -> Page:
        """Trades, the newest exit first."""
        with self.database.read() as connection:
            return views.trades_page(connection, wanted, limit=min(limit, MOST_ROWS), offset=offset)

    def sums(self, wanted: WantedTrades) -> TradeSums:
        """What they come to, all pages together."""
        with self.database.read() as connection:
            return views.trade_sums(connection, wanted)

    def snapshot(self, as_of: datetime) -> dict[str, Any] | None:
        """The newest snapshot: a live one before a backfilled one; None before the first."""
        with self.database.read() as connection:
            return views.newest_snapshot(connection, self.account, as_of)

    def history(self, first: date, last: date, *, limit: int = MOST_ROWS, offset: int = 0) -> Page:
        """Snapshots of UTC days, both included, newest first. Raises RangeRefused."""
        start, end = span(first, last)
        with self.database.read() as connection:
            return views.snapshots_page(
                connection, self.account, start, end, limit=min(limit, MOST_ROWS), offset=offset
            )

    def by_type(self, as_of: datetime) -> list[dict[str, Any]]:
        """Performance by signal type and period, of the newest snapshot."""
        with self.database.read() as connection:
            return views.type_rows(connection, self.account, as_of)

    def by_coin(self, as_of: datetime) -> list[dict[str, Any]]:
        """The same by coin, with its tier."""
        with self.database.read() as connection:
            return views.coin_rows(connection, self.account, as_of)

    def reconciliations(self, limit: int = RECONCILED_DAYS) -> list[dict[str, Any]]:
        """Our P&L against the exchange's by day, newest first."""
        with self.database.read() as connection:
            return account_views.reconciliation_rows(connection, self.account, limit)

    def usage(self, as_of: datetime, days: int = USAGE_DAYS) -> list[Followed]:
        """What was made of the signals of the last UTC days; every word is there.

        Of live signals. In practice, where the past before the first start is made up too, of backfilled ones as well.
        """
        last = utc_day(as_of)
        return counted_usage(self._followed(last - timedelta(days=days - 1), last), as_of)

    def followed(self, as_of: datetime, first: date, last: date) -> list[dict[str, Any]]:
        """What was made of each signal of UTC days, both included, newest first. Raises RangeRefused."""
        return [use_of(row, as_of) for row in reversed(self._followed(first, last))]

    def _followed(self, first: date, last: date) -> list[dict[str, Any]]:
        modes = ("live", "backfill") if self.mode == "practice" else ("live",)
        with self.database.read() as connection:
            return views.followed_signals(connection, self.market, self.account, *span(first, last), modes)

    def calibration_of_trades(self, as_of: datetime) -> Calibration:
        """Over the last trades of the newest ensemble: the one that the light is decided by."""
        rules = self.thresholds
        with self.database.read() as connection:
            ensemble, pairs = views.forecasts_of_trades(connection, self.account, as_of, rules.ece_window)
        stated = np.array([probability for probability, _ in pairs], dtype=np.float64)
        came = np.array([won for _, won in pairs], dtype=np.bool_)
        return _calibration("trades", stated, came, rules.ece_min_n, ensemble)

    def calibration_of_events(self, as_of: datetime) -> Calibration:
        """Over all predicted slots of 30 days whose event is decided, taken or not; as the snapshots count them."""
        end = (as_of - SETTLES).replace(minute=0, second=0, microsecond=0)
        with self.database.read() as connection:
            stated, came = views.forecasts_of_events(connection, self.market, end - WINDOW, end)
        return _calibration("events", np.clip(stated, 0.0, 1.0), came, self.thresholds.ece_min_n, None)

    def account_state(self) -> AccountState:
        """Equity, positions and how far the account's records were read."""
        with self.database.read() as connection:
            return AccountState(
                equity=account_views.newest_equity(connection, self.account),
                positions=account_views.positions(connection, self.account),
                sync=account_views.sync_rows(connection, self.account),
                refused_records=account_views.refused_records(connection, self.account),
            )


def _calibration(of: str, stated: Any, came: Any, needed: int, ensemble: str | None) -> Calibration:
    n, hits = int(stated.size), int(came.sum())
    enough = n >= needed
    return Calibration(
        of=of,
        n=n,
        needed=needed,
        ece=calibration_error(stated, came) if enough else None,
        brier=brier_score(stated, came) if enough else None,
        log_loss=log_loss(stated, came) if enough else None,
        came=hits,
        interval=wilson_interval(hits, n),
        bins=reliability(stated, came),
        ensemble=ensemble,
    )


def _bin(one: ReliabilityBin) -> dict[str, Any]:
    hits = round((one.share or 0) * one.n)
    return {**asdict(one), "interval": wilson_interval(hits, one.n)}


def performance_book_of(pipeline: "Pipeline") -> PerformanceBook:
    """The book of a pipeline's own account."""
    settings = pipeline.settings
    return PerformanceBook(
        database=pipeline.database,
        account=settings.account_name,
        market=settings.market_name,
        mode=settings.trading_mode,
        thresholds=settings.thresholds(),
        now=pipeline.market_now,
    )
