"""Closed candles from Bybit: asked for in pages that cannot overlap, each checked to be what was asked for."""

from datetime import datetime

import numpy as np

from xfg_pipeline.exchange.bybit_records import KlineRow, Klines, read
from xfg_pipeline.exchange.bybit_session import BybitSession
from xfg_pipeline.exchange.market import MarketMalformed
from xfg_pipeline.exchange.pace import Deadline
from xfg_pipeline.signals.candles import BadCandles, Candles, no_candles
from xfg_pipeline.signals.slots import first_on_grid, moment, seconds

PAGE = 1000


def open_times(start: datetime, end: datetime, as_of: datetime, step: int) -> range:
    """The open times on the grid from start to end (not included) whose candles had closed by `as_of`."""
    first = first_on_grid(start, step)
    newest_closed = seconds(as_of) // step * step - step
    return range(first, min(first_on_grid(end, step), newest_closed + step), step)


def read_candles(
    session: BybitSession, coin: str, symbol: str, minutes: int, wanted: range, deadline: Deadline
) -> Candles:
    """The candles that open at the wanted times, as far as Bybit has them.

    Raises MarketUnavailable, and MarketMalformed for a row that was not asked for, is there twice with other numbers,
    or that no market can have made.
    """
    step = 60 * minutes
    parts: list[Candles] = []
    for at in range(0, len(wanted), PAGE):
        left = wanted[at : at + PAGE]
        while left:
            oldest, part = _page(session, coin, symbol, minutes, left, deadline)
            parts.append(part)
            # Newest first: a page that ends before its oldest candle was cut short, or nothing is older.
            left = range(0) if oldest is None else range(left.start, oldest, step)
    found = [part for part in parts if len(part)]
    if not found:
        return no_candles(coin, step)
    order = np.argsort(np.concatenate([part.open_time for part in found]))
    return Candles(
        coin,
        np.concatenate([part.open_time for part in found])[order],
        np.concatenate([part.open for part in found])[order],
        np.concatenate([part.high for part in found])[order],
        np.concatenate([part.low for part in found])[order],
        np.concatenate([part.close for part in found])[order],
        np.concatenate([part.volume for part in found])[order],
        step,
    )


def _page(
    session: BybitSession, coin: str, symbol: str, minutes: int, asked: range, deadline: Deadline
) -> tuple[int | None, Candles]:
    """The oldest open time of a page (None when it is empty), and its candles that had closed when Bybit answered."""
    answer = session.get(
        "get_kline",
        deadline,
        category="linear",
        symbol=symbol,
        interval=minutes,
        start=asked[0] * 1000,
        end=asked[-1] * 1000,
        limit=PAGE,
    )
    page = read(Klines, answer.result, f"Bybit's candles of {coin}")
    if page.symbol != symbol:
        raise MarketMalformed(f"Bybit gave candles of {page.symbol[:40]!r} for {symbol}")
    rows = {int(row[0]): row for row in page.rows}
    for row in page.rows:
        opened, beside = divmod(int(row[0]), 1000)
        if beside or opened not in asked:
            raise MarketMalformed(
                f"{coin}: Bybit gave a candle of {_told(row)}, asked for those from {moment(asked[0]):%Y-%m-%d %H:%M} "
                f"to {moment(asked[-1]):%Y-%m-%d %H:%M} UTC every {minutes} minutes"
            )
        if row != rows[int(row[0])]:
            raise MarketMalformed(f"{coin}: Bybit gave two different candles of {_told(row)}")
    step = 60 * minutes
    closed = [row for at, row in sorted(rows.items()) if at // 1000 + step <= answer.time]
    return min(rows) // 1000 if rows else None, _candles(coin, step, closed)


def _candles(coin: str, step: int, rows: list[KlineRow]) -> Candles:
    if not rows:
        return no_candles(coin, step)
    opened = np.array([int(row[0]) // 1000 for row in rows], dtype=np.int64)
    # Each text becomes the nearest double, so that the exchange's decimals come back when it is printed.
    numbers = np.array([row[1:6] for row in rows], dtype=np.float64).T
    try:
        return Candles(coin, opened, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], step)
    except BadCandles as bad:
        raise MarketMalformed(f"Bybit's answer is not possible: {bad}") from None


def _told(row: KlineRow) -> str:
    milliseconds = int(row[0])
    if milliseconds >= 10**13:
        return f"{milliseconds} ms"
    return f"{moment(milliseconds // 1000):%Y-%m-%d %H:%M:%S} UTC"
