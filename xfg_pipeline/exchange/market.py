"""What a market is to the pipeline: closed candles, instruments, positioning, and its two ways to fail."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from xfg_pipeline.signals.candles import Candles, Floats, Times

MarketName = Literal["simulated", "bybit", "bybit_testnet", "replay"]


class MarketError(Exception):
    """The market could not be read. `coin` is None when it is not about one coin."""

    def __init__(self, message: str, *, coin: str | None = None) -> None:
        super().__init__(message)
        self.coin = coin


class MarketUnavailable(MarketError):
    """No answer in time, refused, or told to wait: the same call may succeed later. Nothing is known."""


class MarketMalformed(MarketError):
    """An answer that cannot be meant: nothing of it was used. Retrying is of no use until somebody has looked."""


@dataclass(frozen=True)
class Instrument:
    """How a coin is traded. Prices are multiples of `tick_size`, quantities of `qty_step`; quote currency USDT."""

    coin: str
    symbol: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal
    max_leverage: Decimal


@dataclass(frozen=True, eq=False)
class Positioning:
    """How others stand in a coin: rows by time (seconds UTC, ascending, unique); NaN where a value is not known.

    A row's values are those that the exchange had published by its time. `funding_rate` is the last settled rate (a
    fraction of notional, longs pay when positive), `open_interest` is in the base asset, `long_short_ratio` is
    accounts long over accounts short.
    """

    coin: str
    time: Times
    funding_rate: Floats
    open_interest: Floats
    long_short_ratio: Floats


class Market(Protocol):
    """A provider. Every call raises MarketUnavailable or MarketMalformed, and nothing else, when it cannot answer."""

    @property
    def name(self) -> MarketName:
        """Stands in every row that was made from it: rows of two markets are never mixed."""

    @property
    def parallel(self) -> int:
        """How many coins may be asked for at once, from as many threads."""

    def time(self, now: datetime) -> datetime:
        """The market's own time: `now`, but for a recording that is played fast."""

    def candles(self, coin: str, start: datetime, end: datetime, as_of: datetime) -> Candles:
        """15-minute candles with start <= open time < end that had closed by `as_of`."""

    def finer_candles(self, coin: str, start: datetime, end: datetime, as_of: datetime) -> Candles | None:
        """One-minute candles of the same stretch, to tell what came first; None where the market keeps none."""

    def instruments(self, coins: tuple[str, ...]) -> dict[str, Instrument]:
        """The instruments of coins; a coin that is not traded is left out."""

    def positioning(self, coin: str, start: datetime, end: datetime) -> Positioning | None:
        """Rows with start <= time < end; None where the market has no such data."""
