"""From the market into Postgres: what is missing is fetched, what is kept is looked at again, nothing is guessed."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

import numpy as np

from xfg_pipeline.clock import Clock
from xfg_pipeline.exchange.market import Market, MarketError, MarketUnavailable, Positioning
from xfg_pipeline.faults import point
from xfg_pipeline.signals.candles import Candles, Times
from xfg_pipeline.signals.slots import SLOT, SLOT_SECONDS, first_on_grid, moment, seconds, slot_at
from xfg_pipeline.storage import candles as kept
from xfg_pipeline.storage import market_facts
from xfg_pipeline.storage.candles import Written
from xfg_pipeline.storage.database import Database, lock, without_hurry

# Bybit's largest page: one request a chunk.
CHUNK = 1000 * SLOT
CHUNKS_A_TRANSACTION = 20
# An exchange may correct its newest candles: they are read once more.
LOOK_AGAIN = 2 * SLOT
INSTRUMENTS_LAST = timedelta(hours=6)
# So many coins without an answer are not about a coin.
GIVE_UP_AFTER = 3

log = logging.getLogger(__name__)
Read = TypeVar("Read")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Stretch:
    """Open times of one coin, from start (included) to end (not)."""

    coin: str
    start: datetime
    end: datetime

    @property
    def candles(self) -> int:
        """How many candles it can hold."""
        return (seconds(self.end) - seconds(self.start)) // SLOT_SECONDS


@dataclass
class Fetched:
    """What a fetch came to. `problems` names the coins that could not be read, and why."""

    asked: int = 0
    written: Written = field(default_factory=Written)
    problems: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class MarketFeed:
    """Candles, instruments and positioning of the coins, from one market into one database."""

    def __init__(self, database: Database, market: Market, coins: tuple[str, ...], clock: Clock) -> None:
        self._database = database
        self._market = market
        self._coins = coins
        self._clock = clock

    def fetch_candles(
        self, start: datetime, end: datetime, as_of: datetime, progress: Callable[[str], None] = log.info
    ) -> Fetched:
        """Fetch what is missing of candles that open from start to end and had closed by `as_of`, and keep it.

        Every few chunks are a transaction of their own: a fetch that is killed goes on where it was. Raises
        MarketUnavailable or MarketMalformed when not a single coin could be read.
        """
        end = min(end, slot_at(as_of))
        with self._database.read() as connection:
            without_hurry(connection)
            there = kept.open_times(connection, self._market.name, self._coins, start, end)
        wanted = [one for coin in self._coins for one in _wanted(coin, there[coin], start, end, as_of)]
        fetched = Fetched(asked=sum(one.candles for one in wanted))
        done = new = revised = 0
        failures: list[MarketError] = []
        for batch in _batches(self._read_all(wanted, as_of, fetched, failures), CHUNKS_A_TRANSACTION):
            with self._database.begin() as connection:
                without_hurry(connection)
                lock(connection, "candles", self._market.name)
                written = kept.write_candles(
                    connection, self._market.name, [found for _, found in batch if len(found)], self._clock.now()
                )
                point("candles.before_commit")
            point("candles.after_commit")
            new, revised = new + written.new, revised + written.revised
            done += sum(stretch.candles for stretch, _ in batch)
            if fetched.asked > 1000 * len(self._coins):
                progress(f"candles: {done:,} of {fetched.asked:,} asked for, {batch[-1][0].coin} to {batch[-1][0].end}")
        fetched.written = Written(new, revised)
        if len(fetched.problems) == len(self._coins):
            raise failures[0]
        return fetched

    def fetch_facts(self, start: datetime, end: datetime, as_of: datetime) -> list[str]:
        """Fetch instruments (when they are old) and positioning (what is missing). What could not be read is told.

        Neither stops a slot: a size is computed by the instruments kept before, and types that need positioning are
        not stated without it.
        """
        # A row at a slot is what was known by it: the one of the newest slot is there when its candle is.
        return [*self._fetch_instruments(), *self._fetch_positioning(start, min(end, slot_at(as_of) + SLOT))]

    def _read_all(
        self, wanted: Sequence[Stretch], as_of: datetime, fetched: Fetched, failures: list[MarketError]
    ) -> Iterator[tuple[Stretch, Candles]]:
        def read(one: Stretch) -> Candles:
            return self._market.candles(one.coin, one.start, one.end, as_of)

        for stretch, found in _asked(read, wanted, self._market.parallel):
            if isinstance(found, MarketError):
                failures.append(found)
                fetched.problems.setdefault(stretch.coin, str(found))
            else:
                yield stretch, found

    def _fetch_instruments(self) -> list[str]:
        now = self._clock.now()
        with self._database.read() as connection:
            known = market_facts.read_instruments(connection, self._market.name, self._coins)
        if len(known) == len(self._coins) and all(
            now - one["recorded_at"] < INSTRUMENTS_LAST for one in known.values()
        ):
            return []
        try:
            found = self._market.instruments(self._coins)
        except MarketError as error:
            return [f"instruments: {error}"]
        with self._database.begin() as connection:
            market_facts.write_instruments(connection, self._market.name, [asdict(one) for one in found.values()], now)
        return [f"{coin}: not traded on {self._market.name}" for coin in self._coins if coin not in found]

    def _fetch_positioning(self, start: datetime, end: datetime) -> list[str]:
        with self._database.read() as connection:
            there = market_facts.positioning_times(connection, self._market.name, self._coins, start, end)
        wanted = [one for coin in self._coins for one in _wanted(coin, there[coin], start, end, end)]
        problems: dict[str, str] = {}
        read_now: list[market_facts.PositioningOf] = []

        def read(one: Stretch) -> Positioning | None:
            return self._market.positioning(one.coin, one.start, one.end)

        for stretch, found in _asked(read, wanted, self._market.parallel):
            if isinstance(found, MarketError):
                problems.setdefault(stretch.coin, f"positioning of {stretch.coin}: {found}")
            elif found is not None and found.time.size:
                values = {name: getattr(found, name) for name in market_facts.POSITIONS}
                read_now.append(market_facts.PositioningOf(stretch.coin, found.time, values))
        for batch in _batches(iter(read_now), CHUNKS_A_TRANSACTION):
            with self._database.begin() as connection:
                without_hurry(connection)
                lock(connection, "positioning", self._market.name)
                market_facts.write_positioning(connection, self._market.name, batch)
        return list(problems.values())


def _wanted(coin: str, there: Times, start: datetime, end: datetime, as_of: datetime) -> list[Stretch]:
    """The stretches to ask for, in chunks: what is missing, and the newest closed candles once more."""
    grid = np.arange(first_on_grid(start), seconds(end), SLOT_SECONDS, dtype=np.int64)
    ask = ~np.isin(grid, there)
    ask |= grid >= seconds(slot_at(as_of) - LOOK_AGAIN)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ask, [False]]).astype(np.int8)))
    found = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        begin, stop = moment(grid[first]), moment(grid[last - 1]) + SLOT
        while begin < stop:
            found.append(Stretch(coin, begin, min(begin + CHUNK, stop)))
            begin += CHUNK
    return found


def _asked(
    read: Callable[[Stretch], Read], wanted: Sequence[Stretch], parallel: int
) -> Iterator[tuple[Stretch, Read | MarketError]]:
    """Each stretch with its answer or its failure, in order; a few are read ahead of what has been taken.

    When coin after coin has no answer the others are not asked: they wait for the same.
    """
    silent: set[str] = set()

    def answer(one: Stretch) -> Read | MarketError:
        if len(silent) >= GIVE_UP_AFTER:
            return MarketUnavailable(f"not asked: the market did not answer for {', '.join(sorted(silent))}")
        try:
            return read(one)
        except MarketError as error:
            if isinstance(error, MarketUnavailable):
                silent.add(one.coin)
            return error

    with ThreadPoolExecutor(max_workers=parallel) as pool:
        left = iter(wanted)
        ahead = deque((one, pool.submit(answer, one)) for one in islice(left, 2 * parallel))
        while ahead:
            stretch, found = ahead.popleft()
            wait([found])
            ahead.extend((following, pool.submit(answer, following)) for following in islice(left, 1))
            yield stretch, found.result()


def _batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while batch := list(islice(items, size)):
        yield batch
