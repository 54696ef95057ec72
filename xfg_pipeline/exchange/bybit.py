"""Bybit as a market: its public data on linear USDT perpetuals. No key is needed, and none is taken."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from xfg_pipeline.clock import Clock, SystemClock
from xfg_pipeline.exchange.market import Instrument, MarketError, MarketMalformed, MarketName, Positioning
from xfg_pipeline.exchange.pace import Deadline
from xfg_pipeline.signals.candles import Candles

if TYPE_CHECKING:
    from xfg_pipeline.exchange.bybit_session import Backoff

_COIN = re.compile(r"[A-Z0-9]{1,20}")
# What each page beyond the first adds to the time that a call may take: eight threads share the pace.
SECONDS_A_PAGE = 2.0


class BybitMarket:
    """A provider of market data (see `exchange/market.py`), for up to `parallel` threads.

    `timeout` is what one read may take, `deadline` what a call of one page may take with all its attempts, each in
    seconds; a call of n pages has 2 (n - 1) s more. The names of coins are resolved by the operating system, in its
    own time. Coins are base assets: BTC is BTCUSDT, 1000PEPE is 1000PEPEUSDT.
    """

    def __init__(
        self,
        *,
        testnet: bool = False,
        demo: bool = False,
        base_url: str | None = None,
        timeout: float = 5.0,
        deadline: float = 30.0,
        clock: Clock | None = None,
        backoff: "Backoff | None" = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises ValueError for a base_url that is no plain http(s) address. Nothing is asked yet."""
        from xfg_pipeline.exchange.bybit_session import Backoff, BybitSession

        self._is_testnet = testnet
        self._deadline = deadline
        self._monotonic = monotonic
        self._session = BybitSession(
            clock or SystemClock(),
            testnet=testnet,
            demo=demo,
            base_url=None if base_url is None else plain_address(base_url),
            timeout=timeout,
            backoff=backoff or Backoff(),
            monotonic=monotonic,
            sleep=sleep,
        )

    @property
    def name(self) -> MarketName:
        """bybit; its testnet has prices of its own, and another name."""
        return "bybit_testnet" if self._is_testnet else "bybit"

    @property
    def parallel(self) -> int:
        """Eight: pybit's session was measured to stand it, and its pool holds ten connections."""
        return 8

    def time(self, now: datetime) -> datetime:
        """The real time."""
        return now

    def candles(self, coin: str, start: datetime, end: datetime, as_of: datetime) -> Candles:
        """15-minute candles with start <= open time < end that had closed by `as_of`, and by Bybit's own clock."""
        return self._candles(coin, 15, start, end, as_of)

    def finer_candles(self, coin: str, start: datetime, end: datetime, as_of: datetime) -> Candles:
        """One-minute candles of the same stretch."""
        return self._candles(coin, 1, start, end, as_of)

    def instruments(self, coins: tuple[str, ...]) -> dict[str, Instrument]:
        """The instruments of coins; a coin without a USDT perpetual that trades now is left out."""
        from xfg_pipeline.exchange.bybit_instruments import read_instruments

        return read_instruments(self._session, {_symbol(coin): coin for coin in coins}, self._until())

    def positioning(self, coin: str, start: datetime, end: datetime) -> Positioning:
        """Rows on the 15-minute grid with start <= time < end; see `bybit_positioning` for what was known when."""
        from xfg_pipeline.exchange.bybit_positioning import pages, read_positioning

        with _about(coin):
            until = self._until(pages(start, end))
            return read_positioning(self._session, coin, _symbol(coin), start, end, until)

    def clock_skew(self, now: datetime) -> timedelta:
        """How far Bybit's clock is ahead of `now`, the caller's time at the call, taking the way there as half of both.

        Exact to half the time that the question took.
        """
        from xfg_pipeline.exchange.bybit_clock import clock_skew

        return clock_skew(self._session, now, self._until(), self._monotonic)

    def _candles(self, coin: str, minutes: int, start: datetime, end: datetime, as_of: datetime) -> Candles:
        from xfg_pipeline.exchange.bybit_candles import PAGE, open_times, read_candles

        with _about(coin):
            wanted = open_times(start, end, as_of, 60 * minutes)
            until = self._until(-(-len(wanted) // PAGE))
            return read_candles(self._session, coin, _symbol(coin), minutes, wanted, until)

    def _until(self, pages: int = 1) -> Deadline:
        return Deadline(self._deadline + SECONDS_A_PAGE * max(pages - 1, 0), self._monotonic)


def plain_address(url: str) -> str:
    """The URL of a host without a path, as pybit wants it. Raises ValueError; the message does not repeat the URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("bybit.base_url starts with https:// and names a host, such as https://api.bybit.nl")
    if parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"):
        raise ValueError("bybit.base_url is a host alone: no name, password or path in it")
    return f"{parts.scheme}://{parts.netloc}"


def _symbol(coin: str) -> str:
    # pybit puts parameters into the address as they are.
    if not _COIN.fullmatch(coin):
        raise MarketMalformed(
            f"{coin[:40]!r} is no coin: capital letters and digits, such as BTC or 1000PEPE", coin=coin
        )
    return f"{coin}USDT"


@contextmanager
def _about(coin: str) -> Iterator[None]:
    try:
        yield
    except MarketError as error:
        error.coin = coin
        raise
