"""Candles of the coins with their features, read and computed once for the assets of a run that share them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.features import FeatureRows, compute, needed_from
from xfg_pipeline.storage.candles import read_candles
from xfg_pipeline.storage.database import Database, without_hurry


@dataclass(frozen=True, eq=False)
class CoinRows:
    """The candles of a coin from three days before a range on, and the features of the range's slots."""

    candles: Candles
    features: FeatureRows


class FeatureBook:
    """Features of the coins of one market."""

    def __init__(self, database: Database, market: str, coins: tuple[str, ...]) -> None:
        self._database = database
        self._market = market
        self._coins = coins
        self._newest: tuple[tuple[datetime, datetime], Mapping[str, CoinRows]] | None = None

    def rows(self, span: tuple[datetime, datetime]) -> Mapping[str, CoinRows]:
        """Of each coin, for slots from span's start to before its end. The newest answer is kept."""
        if self._newest is None or self._newest[0] != span:
            # The old one goes before the new one is made: two months at once are one too many.
            self._newest = None
            self._newest = (span, self._read(*span))
        return self._newest[1]

    def forget(self) -> None:
        """Candles have changed."""
        self._newest = None

    def _read(self, start: datetime, end: datetime) -> Mapping[str, CoinRows]:
        with self._database.read() as connection:
            without_hurry(connection)
            kept = read_candles(connection, self._market, self._coins, needed_from(start), end)
        return {coin: CoinRows(candles, compute(candles, start, end)) for coin, candles in kept.items()}
