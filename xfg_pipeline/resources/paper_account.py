"""The paper account of a market: its books and candles in Postgres, its minutes from the market itself."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from xfg_pipeline.exchange.market import Instrument, Market
from xfg_pipeline.exchange.paper import PaperAccount
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.outcomes import FinerCandles
from xfg_pipeline.storage.candles import read_candles
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.market_facts import read_instruments, read_positioning
from xfg_pipeline.storage.paper import StoredPaperBooks
from xfg_pipeline.trading.account_records import AccountName

_RATE_IS_FRESH = timedelta(hours=1)


def open_paper_account(
    database: Database, name: AccountName, market: Market, now: Callable[[], datetime]
) -> PaperAccount:
    """The account `name` on a market. Nothing is read yet; `PaperAccount.open` gives it its equity, once."""

    def candles(coin: str, start: datetime, end: datetime) -> Candles:
        with database.read() as connection:
            return read_candles(connection, market.name, (coin,), start, end)[coin]

    def minutes(coin: str) -> FinerCandles:
        # They are asked for whole candles that have closed: their end is the moment as of which they are known.
        return lambda start, end: market.finer_candles(coin, start, end, end)

    def rate(coin: str, at: datetime) -> Decimal | None:
        with database.read() as connection:
            found = read_positioning(connection, market.name, (coin,), at, at + _RATE_IS_FRESH)[coin]
        rates = found.values["funding_rate"]
        known = rates[rates == rates]  # noqa: PLR0124  (NaN is not itself)
        return Decimal(repr(float(known[0]))) if known.size else None

    return PaperAccount(
        name,
        StoredPaperBooks(database, name),
        candles=candles,
        instruments=lambda coin: stored_instruments(database, market.name, (coin,)).get(coin),
        now=now,
        minutes=minutes,
        funding=rate,
    )


def stored_instruments(database: Database, market: str, coins: tuple[str, ...]) -> dict[str, Instrument]:
    """The kept instruments of coins; one that is not known is left out."""
    with database.read() as connection:
        known = read_instruments(connection, market, coins)
    names = ("symbol", "tick_size", "qty_step", "min_qty", "max_qty", "min_notional", "max_leverage")
    return {coin: Instrument(coin=coin, **{name: row[name] for name in names}) for coin, row in known.items()}
