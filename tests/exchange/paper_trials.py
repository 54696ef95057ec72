"""A paper account on a real database, whose candles a test lays down."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from tests.exchange.paper_bars import BTC, NINE
from xfg_pipeline.exchange.paper import PaperAccount
from xfg_pipeline.signals.candles import Candles, no_candles
from xfg_pipeline.signals.outcomes import FinerCandles
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.paper import StoredPaperBooks
from xfg_pipeline.trading.account_records import AccountName

TABLES = ("paper_accounts", "paper_orders", "paper_executions", "paper_closings")


@dataclass
class Trial:
    """The account, what it trades on, and what time it is."""

    database: Database
    candles: dict[str, Candles] = field(default_factory=dict)
    minutes: FinerCandles | None = None
    rate: Decimal | None = None
    name: AccountName = "paper_simulated"
    now: datetime = NINE

    @property
    def account(self) -> PaperAccount:
        """Made anew at every look, as by another process."""
        return PaperAccount(
            self.name,
            StoredPaperBooks(self.database, self.name),
            candles=self._between,
            instruments={"BTC": BTC, "SOL": BTC}.get,
            now=lambda: self.now,
            minutes=self._minutes_of,
            funding=self._rate_of,
        )

    def lay(self, candles: Candles) -> None:
        """Candles of a coin, in the place of those before."""
        self.candles[candles.coin] = candles

    def stored(self) -> dict[str, list[dict[str, object]]]:
        """Every row of the books, but for how far candles were applied."""
        with self.database.read() as connection:
            return {
                table: [
                    dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1, 2")).mappings()
                ]
                for table in TABLES
            }

    def clear(self) -> None:
        """Empty books."""
        with self.database.begin() as connection:
            connection.execute(sa.text(f"TRUNCATE {', '.join(TABLES)}"))

    def _between(self, coin: str, start: datetime, end: datetime) -> Candles:
        return self.candles.get(coin, no_candles(coin)).opened_between(start, end)

    def _minutes_of(self, coin: str) -> FinerCandles:
        assert coin in self.candles
        return self.minutes or none_kept

    def _rate_of(self, coin: str, at: datetime) -> Decimal | None:
        assert coin in self.candles
        assert at.hour % 8 == 0
        return self.rate


def none_kept(start: datetime, end: datetime) -> Candles | None:
    """The minutes of a market that keeps none."""
    assert start < end
