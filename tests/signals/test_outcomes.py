"""What would have become of a plan: nothing after `as_of` counts, and what is not known is not a loss."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.candidate_rows import START
from xfg_pipeline.signals.candles import Candles, no_candles
from xfg_pipeline.signals.events import UNRESOLVED as OPEN_EVENT
from xfg_pipeline.signals.events import UP
from xfg_pipeline.signals.manifest import Event
from xfg_pipeline.signals.outcomes import OUTCOME_CANDLES, OUTCOMES, Outcomes, event_of, follow
from xfg_pipeline.signals.slots import SLOT_SECONDS, moment, seconds

Bar = tuple[float, float, float, float]
QUIET: Bar = (100.0, 101.0, 99.0, 100.0)
LATE = START + timedelta(days=30)


def bars(*rows: Bar, start: datetime = START, interval: int = SLOT_SECONDS, skip: int | None = None) -> Candles:
    """Candles from the slot on; `skip` is left out."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    times = seconds(start) + np.arange(len(table), dtype=np.int64) * interval
    keep = np.arange(len(table)) != (-1 if skip is None else skip)
    open_, high, low, close = table[keep].T
    return Candles("X", times[keep], open_, high, low, close, np.ones(keep.sum()), interval)


def became(
    candles: Candles, as_of: datetime = LATE, *, short: bool = False, finer: object = None
) -> tuple[str, float, int, int]:
    """A plan at START from 100, stop 5 away, target 10 away: outcome, R, candles, candles until resolved (0: not)."""
    side = -1 if short else 1
    found = follow(
        np.array([seconds(START)]),
        np.array([side], dtype=np.int8),
        np.array([100.0]),
        np.array([100.0 - 5 * side]),
        np.array([100.0 + 10 * side]),
        candles,
        as_of,
        finer=finer,  # type: ignore[arg-type]
    )
    resolved = int(found.resolved_at[0])
    after = (resolved - seconds(START)) // SLOT_SECONDS if resolved else 0
    assert found.resolved[0] == (resolved > 0)
    return OUTCOMES[found.outcome[0]], float(found.r_multiple[0]), int(found.candles[0]), after


def test_the_target_first_is_a_gain_of_the_ratio() -> None:
    assert became(bars(QUIET, QUIET, (100, 110, 99, 109))) == ("target", 2.0, 3, 3)
    assert became(bars(QUIET, (100, 101, 90, 91)), short=True) == ("target", 2.0, 2, 2)


def test_the_stop_first_is_a_loss_of_one() -> None:
    assert became(bars(QUIET, (100, 101, 95, 96), (96, 120, 95, 119))) == ("stop", -1.0, 2, 2)
    assert became(bars((100, 105, 99, 104)), short=True) == ("stop", -1.0, 1, 1)


def test_a_price_exactly_at_a_level_touches_it_and_a_tick_short_of_it_does_not() -> None:
    assert became(bars((100, 109.99, 95.01, 100)))[0] == "unresolved"
    assert became(bars((100, 109.99, 95.0, 100)))[0] == "stop"
    assert became(bars((100, 110.0, 95.01, 100)))[0] == "target"


def test_a_gap_through_the_stop_costs_more_than_one_and_through_the_target_gains_no_more() -> None:
    assert became(bars(QUIET, (92, 93, 91, 92)))[:2] == ("stop", -1.6)
    assert became(bars(QUIET, (108, 109, 107, 108)), short=True)[:2] == ("stop", -1.6)
    assert became(bars(QUIET, (115, 116, 90, 91)))[:2] == ("target", 2.0)
    assert became(bars(QUIET, (94, 115, 93, 100)))[:2] == ("stop", pytest.approx(-1.2))


def test_neither_within_a_day_is_a_timeout_at_the_last_close() -> None:
    day = [QUIET] * (OUTCOME_CANDLES - 1)
    assert became(bars(*day, (100, 104, 99, 102.5), (100, 120, 99, 100))) == ("timeout", 0.5, 96, 96)
    assert became(bars(*day, (100, 104, 99, 102.5)), short=True) == ("timeout", -0.5, 96, 96)
    assert became(bars(*day))[0] == "unresolved"
    assert became(bars(*day, (100, 110, 99, 100)))[0] == "target"


def test_both_in_one_candle_cannot_be_told() -> None:
    outcome, gained, looked, resolved = became(bars(QUIET, (100, 111, 94, 100), QUIET))
    assert (outcome, looked, resolved) == ("ambiguous", 2, 2)
    assert np.isnan(gained)


def minutes(*rows: Bar, skip: int | None = None) -> Candles:
    return bars(*rows, start=START + timedelta(minutes=15), interval=60, skip=skip)


@pytest.mark.parametrize(
    ("inside", "expected", "gained"),
    [
        (minutes(QUIET, (100, 111, 99, 105), (105, 106, 94, 95)), "target", 2.0),
        (minutes(QUIET, (100, 101, 94, 99), (99, 111, 98, 110)), "stop", -1.0),
        (minutes(QUIET, (93, 94, 92, 94), (99, 111, 98, 110)), "stop", -1.4),
        (minutes(QUIET, (100, 111, 94, 99), (99, 111, 98, 110)), "ambiguous", np.nan),
        (minutes(QUIET, QUIET, (100, 111, 99, 105), skip=1), "ambiguous", np.nan),
        (minutes(QUIET, QUIET), "ambiguous", np.nan),
        (no_candles("X", 60), "ambiguous", np.nan),
        (None, "ambiguous", np.nan),
    ],
)
def test_finer_candles_decide_as_far_as_they_are_whole(inside: Candles | None, expected: str, gained: float) -> None:
    asked: list[tuple[datetime, datetime]] = []

    def finer(start: datetime, end: datetime) -> Candles | None:
        asked.append((start, end))
        return inside

    outcome, made, _, resolved = became(bars(QUIET, (100, 111, 94, 100)), finer=finer)
    assert outcome == expected
    assert made == pytest.approx(gained, nan_ok=True)
    assert resolved == 2
    assert asked == [(START + timedelta(minutes=15), START + timedelta(minutes=30))]


def test_finer_candles_are_asked_once_for_all_plans_of_a_candle_and_never_without_need() -> None:
    asked: list[datetime] = []

    def finer(start: datetime, end: datetime) -> Candles | None:
        del end
        asked.append(start)
        return None

    slots = seconds(START) + np.array([0, 0, SLOT_SECONDS])
    levels = (np.full(3, 100.0), np.full(3, 95.0), np.full(3, 110.0))
    candles = bars(QUIET, (100, 111, 94, 100))
    follow(slots, np.ones(3, dtype=np.int8), *levels, candles, LATE, finer=finer)
    assert asked == [START + timedelta(minutes=15)]
    follow(slots, np.ones(3, dtype=np.int8), *levels, bars(QUIET, (100, 111, 96, 100)), LATE, finer=finer)
    assert len(asked) == 1


def test_what_has_not_closed_yet_is_unresolved_and_no_loss() -> None:
    candles = bars(QUIET, (100, 101, 90, 91))
    at_close = START + timedelta(minutes=30)
    assert became(candles, at_close)[0] == "stop"
    outcome, gained, looked, resolved = became(candles, at_close - timedelta(seconds=1))
    assert (outcome, looked, resolved) == ("unresolved", 1, 0)
    assert np.isnan(gained)
    assert became(no_candles("X"))[0] == "unresolved"


def test_a_missing_candle_hides_all_that_comes_after_it() -> None:
    rows = (QUIET, QUIET, (100, 110, 99, 109))
    assert became(bars(*rows, skip=1)) == ("unresolved", pytest.approx(np.nan, nan_ok=True), 1, 0)
    assert became(bars(*rows, skip=0))[0] == "unresolved"
    assert became(bars((100, 110, 99, 109), QUIET, skip=1))[0] == "target"


def test_without_a_plan_there_is_no_outcome() -> None:
    nothing = np.array([np.nan])
    slots, none = np.array([seconds(START)]), np.zeros(1, dtype=np.int8)
    found = follow(slots, none, nothing, nothing, nothing, bars(QUIET), LATE)
    assert OUTCOMES[found.outcome[0]] == ""
    assert found.candles[0] == 0
    assert not found.resolved[0]


def one_by_one(slot: int, side: int, entry: float, stop: float, target: float, candles: Candles) -> tuple[str, int]:
    """The same rule, told candle by candle."""
    by_time = {at: row for row, at in enumerate(candles.open_time.tolist())}
    for step in range(OUTCOME_CANDLES):
        row = by_time.get(slot + step * SLOT_SECONDS)
        if row is None:
            return "unresolved", 0
        ends = slot + (step + 1) * SLOT_SECONDS
        open_, high, low = candles.open[row], candles.high[row], candles.low[row]
        best, worst = (high, low) if side > 0 else (low, high)
        if side * (open_ - stop) <= 0:
            return "stop", ends
        if side * (open_ - target) >= 0:
            return "target", ends
        won, lost = side * (best - target) >= 0, side * (worst - stop) <= 0
        if won or lost:
            return "ambiguous" if won and lost else "target" if won else "stop", ends
    return "timeout", slot + OUTCOME_CANDLES * SLOT_SECONDS


def walk(seed: int, size: int = 400, hole: bool = True) -> Candles:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, size)))
    open_ = np.concatenate([[100.0], close[:-1]]) * (1 + rng.normal(0, 0.0005, size))
    high = np.maximum(open_, close) * (1 + rng.exponential(0.003, size))
    low = np.minimum(open_, close) * (1 - rng.exponential(0.003, size))
    there = np.ones(size, dtype=bool)
    there[size // 2] = not hole
    times = seconds(START) + np.arange(size) * SLOT_SECONDS
    return Candles("X", *(column[there] for column in (times, open_, high, low, close, np.ones(size))))


def plans_on(candles: Candles, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    size = len(candles)
    side = rng.integers(-1, 2, size).astype(np.int8)
    away = candles.close * rng.uniform(0.002, 0.02, size)
    reach = candles.close * rng.uniform(0.004, 0.06, size)
    return candles.close_time, side, candles.close, candles.close - side * away, candles.close + side * reach


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_all_plans_at_once_end_as_each_does_candle_by_candle(seed: int) -> None:
    candles = walk(seed)
    legs = plans_on(candles, seed)
    found = follow(*legs, candles, LATE)
    slots, side, entry, stop, target = (column.tolist() for column in legs)
    for row, own in enumerate(zip(slots, side, entry, stop, target, strict=True)):
        expected = one_by_one(*own, candles) if side[row] else ("", 0)
        assert (OUTCOMES[found.outcome[row]], int(found.resolved_at[row])) == expected


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 399))
def test_truncating_the_future_changes_nothing_that_was_known(seed: int, cut: int) -> None:
    candles = walk(seed, hole=False)
    legs = plans_on(candles, seed)
    as_of = moment(candles.close_time[cut])
    whole = follow(*legs, candles, LATE)
    then = follow(*legs, candles, as_of)
    truncated = follow(*legs, candles.at(slice(0, cut + 1)), LATE)
    same(then, truncated)
    known = then.resolved
    assert (known == (whole.resolved & (whole.resolved_at <= seconds(as_of)))).all()
    for name in ("outcome", "resolved_at", "r_multiple", "candles"):
        np.testing.assert_array_equal(getattr(then, name)[known], getattr(whole, name)[known])


def same(one: Outcomes, other: Outcomes) -> None:
    for name in ("outcome", "resolved_at", "r_multiple", "candles"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_event_of_a_slot_is_seen_only_once_it_has_closed() -> None:
    event = Event(kind="first_touch", horizon_candles=2, barrier=2.0, unit="atr")
    candles = bars(QUIET, (100, 103, 99.5, 102), QUIET)
    slots, atr = np.array([seconds(START) + SLOT_SECONDS]), np.array([1.0])
    assert event_of(event, slots, atr, candles, START + timedelta(minutes=30)).tolist() == [UP]
    assert event_of(event, slots, atr, candles, START + timedelta(minutes=29)).tolist() == [OPEN_EVENT]
