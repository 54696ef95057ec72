"""How others stand on Bybit: settled funding, open interest and the long/short ratio, when each was known.

Bybit stamps open interest and the ratio at the start of their 15 minutes; a row at t takes those stamped t - 15 min,
whichever way the exchange means its stamp. A funding rate holds from the time of its settlement until the next, but
no longer than a day: a coin that is no longer settled has no rate.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import numpy as np

from xfg_pipeline.exchange.bybit_records import AccountRatioPage, FundingPage, OpenInterestPage, read
from xfg_pipeline.exchange.bybit_session import BybitSession
from xfg_pipeline.exchange.market import MarketMalformed, Positioning
from xfg_pipeline.exchange.pace import Deadline
from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.signals.slots import DAY_SECONDS, SLOT_SECONDS, first_on_grid, moment, seconds

FUNDING_CARRIED = DAY_SECONDS
# No contract is settled more often than once an hour, so a page of 200 hours holds all of its settlements.
SHORTEST_FUNDING = 3600
FUNDING_PAGE = 200
OPEN_INTEREST_PAGE = 200
RATIO_PAGE = 500

Series = dict[int, float]
Ask = Callable[[int, int], Iterable[tuple[str, str, float]]]


def pages(start: datetime, end: datetime) -> int:
    """How many questions a stretch takes."""
    slots = max(seconds(end) - seconds(start), 0) // SLOT_SECONDS + 1
    hours = slots // 4 + FUNDING_CARRIED // SHORTEST_FUNDING + 1
    return -(-slots // OPEN_INTEREST_PAGE) - (-slots // RATIO_PAGE) - (-hours // FUNDING_PAGE)


def read_positioning(
    session: BybitSession, coin: str, symbol: str, start: datetime, end: datetime, deadline: Deadline
) -> Positioning:
    """A row for each time on the 15-minute grid with start <= time < end; what Bybit has no value for is NaN.

    Raises MarketUnavailable and MarketMalformed.
    """
    first = first_on_grid(start)
    times = np.arange(first, seconds(end), SLOT_SECONDS, dtype=np.int64)
    if times.size == 0:
        nothing = np.empty(0, dtype=np.float64)
        return Positioning(coin, times, nothing, nothing, nothing)
    last = int(times[-1])

    def open_interest(begin: int, stop: int) -> Iterable[tuple[str, str, float]]:
        answer = session.get(
            "get_open_interest",
            deadline,
            category="linear",
            symbol=symbol,
            intervalTime="15min",
            startTime=begin * 1000,
            endTime=stop * 1000,
            limit=OPEN_INTEREST_PAGE,
        )
        page = read(OpenInterestPage, answer.result, f"Bybit's open interest of {coin}")
        return [(page.symbol, row.timestamp, float(row.open_interest)) for row in page.rows]

    def ratio(begin: int, stop: int) -> Iterable[tuple[str, str, float]]:
        answer = session.get(
            "get_long_short_ratio",
            deadline,
            category="linear",
            symbol=symbol,
            period="15min",
            startTime=begin * 1000,
            endTime=stop * 1000,
            limit=RATIO_PAGE,
        )
        page = read(AccountRatioPage, answer.result, f"Bybit's long/short ratio of {coin}")
        return [
            (row.symbol, row.timestamp, _over(float(row.buy_ratio), float(row.sell_ratio), coin)) for row in page.rows
        ]

    def funding(begin: int, stop: int) -> Iterable[tuple[str, str, float]]:
        answer = session.get(
            "get_funding_rate_history",
            deadline,
            category="linear",
            symbol=symbol,
            startTime=begin * 1000,
            endTime=stop * 1000,
            limit=FUNDING_PAGE,
        )
        page = read(FundingPage, answer.result, f"Bybit's funding of {coin}")
        return [(row.symbol, row.funding_rate_timestamp, float(row.funding_rate)) for row in page.rows]

    before = (first - SLOT_SECONDS, last - SLOT_SECONDS)
    interest = _series(open_interest, symbol, *before, SLOT_SECONDS, OPEN_INTEREST_PAGE)
    ratios = _series(ratio, symbol, *before, SLOT_SECONDS, RATIO_PAGE)
    rates = _series(funding, symbol, first - FUNDING_CARRIED, last, SHORTEST_FUNDING, FUNDING_PAGE)
    for name, values, least in (("open interest", interest, 0.0), ("funding rate", rates, -1.0)):
        if any(not np.isfinite(value) or value < least for value in values.values()):
            raise MarketMalformed(f"Bybit's {name} of {coin} has a value that cannot be")
    return Positioning(
        coin,
        times,
        funding_rate=_held(rates, times),
        open_interest=_stamped(interest, times),
        long_short_ratio=_stamped(ratios, times),
    )


def _series(ask: Ask, symbol: str, first: int, last: int, step: int, limit: int) -> Series:
    """Values by time in seconds, from first to last (included), in pages that cannot hold more rows than the limit."""
    found: Series = {}
    for begin in range(first, last + 1, step * limit):
        stop = min(begin + step * (limit - 1), last)
        for of, stamp, value in ask(begin, stop):
            at = int(stamp) // 1000
            if of != symbol:
                raise MarketMalformed(f"Bybit gave rows of {of[:40]!r} for {symbol}")
            if not begin <= at <= stop:
                raise MarketMalformed(
                    f"{symbol}: Bybit gave a row of {stamp} ms, asked for those from {moment(begin):%Y-%m-%d %H:%M} "
                    f"to {moment(stop):%Y-%m-%d %H:%M} UTC"
                )
            if found.setdefault(at, value) != value and not np.isnan(value):
                raise MarketMalformed(f"{symbol}: Bybit gave two different values of {moment(at):%Y-%m-%d %H:%M} UTC")
    return found


def _over(long: float, short: float, coin: str) -> float:
    """Accounts long over accounts short; NaN where nobody is short."""
    if not (0 <= long <= 1 and 0 <= short <= 1):
        raise MarketMalformed(f"Bybit's long/short ratio of {coin} has a share that is not between 0 and 1")
    return long / short if short else float("nan")


def _stamped(series: Series, times: Times) -> Floats:
    return np.array([series.get(at - SLOT_SECONDS, np.nan) for at in times.tolist()], dtype=np.float64)


def _held(series: Series, times: Times) -> Floats:
    settled = np.array(sorted(series), dtype=np.int64)
    if settled.size == 0:
        return np.full(times.size, np.nan)
    rates = np.array([series[at] for at in settled.tolist()], dtype=np.float64)
    at = np.searchsorted(settled, times, side="right") - 1
    known = (at >= 0) & (times - settled[at] < FUNDING_CARRIED)
    return np.where(known, rates[at], np.nan)
