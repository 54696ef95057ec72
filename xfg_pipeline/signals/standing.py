"""What stood before the slots that are judged: earlier signals, positions held, and how past signals ended."""

from bisect import insort
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from xfg_pipeline.signals.outcomes import STOP, TARGET, TIMEOUT, Outcomes
from xfg_pipeline.signals.slots import DAY_SECONDS, moment, seconds
from xfg_pipeline.signals.tiers import WINDOW, Tier, tier_of


@dataclass(frozen=True)
class EarlierSignal:
    """A signal that stands. It may lie in the range that is judged, where its slot is not judged anew."""

    coin: str
    slot: datetime
    expires_at: datetime
    paused: bool


@dataclass(frozen=True)
class Holding:
    """An executed signal: held from its execution until it was closed, None while it is not."""

    coin: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Resolved:
    """How a published signal ended: `win` where the target came first. It is known from `resolved_at` on."""

    coin: str
    slot: datetime
    resolved_at: datetime
    win: bool


@dataclass(frozen=True)
class Standing:
    """All that a decision about later slots depends on; what came after a slot has no effect on it.

    `signals`: those of the first slot's UTC day, and any that may still be open then. `resolved`: of each coin those
    of the last 20 signals whose outcome was known, more do no harm. `are_out`: the signals have been shown, also those
    of later slots, and a day holds no more of them than it may; else each counts from its own slot on.
    """

    signals: tuple[EarlierSignal, ...] = ()
    holdings: tuple[Holding, ...] = ()
    resolved: tuple[Resolved, ...] = ()
    are_out: bool = False


class Book:
    """The standing as it grows while slots are judged in order."""

    def __init__(self, standing: Standing) -> None:
        self._waiting = sorted(standing.signals, key=lambda one: one.slot, reverse=True)
        self._holdings: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
        self._open: dict[str, tuple[int, int]] = {}
        self._count: Counter[tuple[int, bool]] = Counter()
        self._are_out = standing.are_out
        if standing.are_out:
            self._count.update((seconds(one.slot) // DAY_SECONDS, one.paused) for one in standing.signals)
        self._ended: dict[str, list[tuple[int, int, bool]]] = defaultdict(list)
        for held in standing.holdings:
            until = None if held.until is None else seconds(held.until)
            self._holdings[held.coin].append((seconds(held.since), until))
        for one in sorted(standing.resolved, key=lambda ended: ended.slot):
            self._ended[one.coin].append((seconds(one.slot), seconds(one.resolved_at), one.win))

    def come_to(self, slot: int) -> None:
        """Take in the earlier signals up to a slot."""
        while self._waiting and seconds(self._waiting[-1].slot) <= slot:
            earlier = self._waiting.pop()
            self._open_until(earlier.coin, seconds(earlier.slot), seconds(earlier.expires_at))
            if not self._are_out:
                self._count[seconds(earlier.slot) // DAY_SECONDS, earlier.paused] += 1

    def publish(self, coin: str, slot: int, expires_at: int, *, paused: bool) -> None:
        """Add a signal."""
        self._open_until(coin, slot, expires_at)
        self._count[slot // DAY_SECONDS, paused] += 1

    def will_end(self, coin: str, slot: int, outcomes: Outcomes, row: int) -> None:
        """How a signal that was added ends; it counts from when that was known. An ambiguous end is not known."""
        if outcomes.outcome[row] in (TARGET, STOP, TIMEOUT):
            win = bool(outcomes.outcome[row] == TARGET)
            insort(self._ended[coin], (slot, int(outcomes.resolved_at[row]), win))

    def open_signal(self, coin: str, slot: int) -> str | None:
        """What is open of a coin at a slot, in words; None when nothing is."""
        for since, until in self._holdings[coin]:
            if since <= slot and (until is None or until > slot):
                return f"a signal of {coin} was executed at {moment(since):%Y-%m-%d %H:%M} UTC and is not closed"
        made, expires_at = self._open.get(coin, (0, 0))
        if expires_at > slot:
            return f"the signal of {coin} of {moment(made):%H:%M} UTC is open until {moment(expires_at):%H:%M}"
        return None

    def _open_until(self, coin: str, slot: int, expires_at: int) -> None:
        if expires_at >= self._open.get(coin, (0, 0))[1]:
            self._open[coin] = (slot, expires_at)

    def of_day(self, slot: int, *, paused: bool) -> int:
        """How many signals there are of a slot's UTC day so far: the paused ones, or the others."""
        return self._count[slot // DAY_SECONDS, paused]

    def tier(self, coin: str, slot: int) -> Tier:
        """The tier of a coin from what was known at a slot: of its signals with a known end, the last 20."""
        wins: list[bool] = []
        for _, resolved_at, win in reversed(self._ended[coin]):
            if resolved_at <= slot:
                wins.append(win)
            if len(wins) == WINDOW:
                break
        return tier_of(wins[::-1])
