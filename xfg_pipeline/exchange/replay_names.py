"""What the name of a recorded file says: coin, interval, and where it was recorded."""

import re
from dataclasses import dataclass
from pathlib import Path

from xfg_pipeline.exchange.market import MarketMalformed

INTERVALS = (15, 1)
HOW_NAMED = "name files with coin and interval, such as BTC_USDT-15m.feather or bybit_BTCUSDT_15m.csv"
# BTC_USDT-15m.feather, BTCUSDT-1m.csv, bybit_BTCUSDT_15m.parquet, BTC_USDT_USDT-15m-futures.feather.
_NAME = re.compile(
    r"(?:(?P<source>[a-z]+)_)??(?P<coin>[a-z0-9]{1,20}?)[_-]?usdt(?:[_-]usdt)?[_-](?P<minutes>\d{1,4})m(?:-futures)?"
    r"\.(?:csv|parquet|feather)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Recording:
    """A file, and what its name says of it."""

    path: Path
    coin: str
    minutes: int
    source: str

    @property
    def is_csv(self) -> bool:
        """Whether it is text."""
        return self.path.suffix.lower() == ".csv"

    def row(self, number: int) -> str:
        """What a person calls the row with this number, which counts from 0."""
        return f"line {number + 2}" if self.is_csv else f"row {number + 1}"

    def malformed(self, what: str, remedy: str) -> MarketMalformed:
        """The error for something in this file."""
        return MarketMalformed(f"{self.path} {what}. Nothing of it is used; {remedy}", coin=self.coin)


def recording(path: Path) -> Recording | None:
    """What a file's name says; None when it is not the name of candles that are used here."""
    named = _NAME.fullmatch(path.name)
    if named is None or int(named["minutes"]) not in INTERVALS:
        return None
    return Recording(path, named["coin"].upper(), int(named["minutes"]), (named["source"] or "").lower())
