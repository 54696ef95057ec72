"""A recorded market: a folder of candles, played at its own time or fast. What was not recorded is not made up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Lock

import numpy as np

from xfg_pipeline.exchange.market import Instrument, MarketMalformed, MarketName, MarketUnavailable
from xfg_pipeline.exchange.replay_files import read_recording
from xfg_pipeline.exchange.replay_names import HOW_NAMED, Recording, recording
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.slots import moment

# Features look three days back: before that a recording played fast has no signals.
WARM_UP = timedelta(days=3)
# The market that is traded: its own recording goes before that of another.
PREFERRED = "bybit"
FINEST_DECIMALS = 12


@dataclass(frozen=True)
class _Read:
    stamp: tuple[int, int]
    candles: Candles


class ReplayMarket:
    """A provider over files named with coin and interval (see `replay_files` for names and columns).

    Each 15-minute file is a coin; a 1-minute file beside it answers `finer_candles`; other files are ignored. Of two
    files for the same coin and interval the one named `bybit_…` is played, and any other pair is refused by name.
    Files are read when they are first asked for, and again when they have changed. With speed 1 recorded times are
    the real times; otherwise the market starts three days into the recording at `started_at`.
    """

    def __init__(self, folder: Path, speed: Decimal | float = 1, *, started_at: datetime | None = None) -> None:
        """Raises ValueError for a speed that is not above zero, or another than 1 without `started_at`."""
        if not 0 < speed < float("inf"):
            raise ValueError("market.replay.speed is above zero")
        if speed != 1 and (started_at is None or started_at.tzinfo is None):
            raise ValueError("a recording that is played at another speed needs the time at which it began to play")
        self._folder = folder
        self._speed = float(speed)
        self._started_at = started_at
        self._lock = Lock()
        self._listed: tuple[int, dict[tuple[str, int], list[Recording]]] | None = None
        self._kept: dict[Path, _Read] = {}

    @property
    def name(self) -> MarketName:
        """replay"""
        return "replay"

    @property
    def parallel(self) -> int:
        """One: what takes time is reading a file, and that is done once."""
        return 1

    def time(self, now: datetime) -> datetime:
        """`now` at speed 1; otherwise the played time, which stands still when the recording is over.

        Raises as `candles` does, for any of the recordings.
        """
        if self._speed == 1 or self._started_at is None:
            return now
        spans = [self._candles(coin, 15) for coin in self.coins()]
        begins = [int(one.open_time[0]) for one in spans if len(one)]
        if not begins:
            raise MarketUnavailable(f"{self._folder} holds no 15-minute candles to play: {HOW_NAMED}")
        over = moment(max(int(one.close_time[-1]) for one in spans if len(one)))
        begin = min(moment(min(begins)) + WARM_UP, over)
        played = max(now - self._started_at, timedelta(0)).total_seconds() * self._speed
        left = (over - begin).total_seconds()
        return begin + timedelta(seconds=min(played, left))

    def coins(self) -> tuple[str, ...]:
        """The coins of which 15-minute candles are there, by name. Raises MarketUnavailable without the folder."""
        return tuple(sorted(coin for coin, minutes in self._recordings() if minutes == 15))

    def candles(self, coin: str, start: datetime, end: datetime, as_of: datetime) -> Candles:
        """Recorded 15-minute candles with start <= open time < end that had closed by `as_of`.

        Raises MarketUnavailable (no folder, a file that cannot be opened) and MarketMalformed (no file for the coin,
        two of them, or one that is broken).
        """
        return self._candles(coin, 15).opened_between(start, end).closed_by(as_of)

    def finer_candles(self, coin: str, start: datetime, end: datetime, as_of: datetime) -> Candles | None:
        """Recorded one-minute candles of the same stretch; None where the folder has none of the coin."""
        if (coin, 1) not in self._recordings():
            return None
        return self._candles(coin, 1).opened_between(start, end).closed_by(as_of)

    def instruments(self, coins: tuple[str, ...]) -> dict[str, Instrument]:
        """Instruments as far as candles tell: the tick is the finest decimal of any recorded price.

        The rest is assumed, and the same for every coin: quantities in steps of 0.001 up to 1,000,000, 5 USDT notional
        at least, leverage up to 100. A coin without a recorded candle is left out.
        """
        there = self.coins()
        recorded = {coin: self._candles(coin, 15) for coin in coins if coin in there}
        return {coin: _instrument(candles) for coin, candles in recorded.items() if len(candles)}

    def positioning(self, coin: str, start: datetime, end: datetime) -> None:
        """None: funding, open interest and the long/short ratio are not in candles."""
        del coin, start, end

    def _recordings(self) -> dict[tuple[str, int], list[Recording]]:
        try:
            changed = self._folder.stat().st_mtime_ns
            with self._lock:
                if self._listed is None or self._listed[0] != changed:
                    found: dict[tuple[str, int], list[Recording]] = {}
                    for path in sorted(self._folder.iterdir()):
                        if (one := recording(path)) and path.is_file():
                            found.setdefault((one.coin, one.minutes), []).append(one)
                    self._listed = (changed, found)
                return self._listed[1]
        except OSError as closed:
            why = closed.strerror or type(closed).__name__
            raise MarketUnavailable(f"market.replay.folder {self._folder} cannot be read: {why}") from None

    def _candles(self, coin: str, minutes: int) -> Candles:
        file = _the_one(coin, minutes, self._recordings(), self._folder)
        try:
            about = file.path.stat()
        except OSError as closed:
            why = closed.strerror or type(closed).__name__
            raise MarketUnavailable(f"{file.path} cannot be opened: {why}", coin=coin) from None
        stamp = (about.st_mtime_ns, about.st_size)
        with self._lock:
            kept = self._kept.get(file.path)
            if kept is None or kept.stamp != stamp:
                kept = self._kept[file.path] = _Read(stamp, read_recording(file))
            return kept.candles


def _the_one(coin: str, minutes: int, recordings: dict[tuple[str, int], list[Recording]], folder: Path) -> Recording:
    files = recordings.get((coin, minutes), [])
    if not files:
        there = ", ".join(sorted(named for named, interval in recordings if interval == 15)) or "nothing that is one"
        raise MarketMalformed(f"{folder} has no recording of {coin} (it has {there}): {HOW_NAMED}", coin=coin)
    own = [file for file in files if file.source == PREFERRED] if len(files) > 1 else files
    if len(own) != 1:
        names = " and ".join(file.path.name for file in files)
        raise MarketMalformed(
            f"{folder} has {names}, each with {minutes}-minute candles of {coin}: keep one", coin=coin
        )
    return own[0]


def _instrument(candles: Candles) -> Instrument:
    return Instrument(
        coin=candles.coin,
        symbol=f"{candles.coin}USDT",
        tick_size=_tick(candles),
        qty_step=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        max_qty=Decimal(1_000_000),
        min_notional=Decimal(5),
        max_leverage=Decimal(100),
    )


def _tick(candles: Candles) -> Decimal:
    prices = np.concatenate([candles.open, candles.high, candles.low, candles.close])
    for decimals in range(FINEST_DECIMALS):
        if (np.round(prices, decimals) == prices).all():
            return Decimal(1).scaleb(-decimals)
    return Decimal(1).scaleb(-FINEST_DECIMALS)
