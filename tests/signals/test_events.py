"""Which class of an event came true, compared with a candle-by-candle reading of its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfg_pipeline.signals.candles import Candles, Floats, no_candles
from xfg_pipeline.signals.events import AMBIGUOUS, DOWN, FLAT, UNRESOLVED, UP, realised, rows_of
from xfg_pipeline.signals.manifest import Event

START = 1_735_689_600
TOUCH = Event(kind="first_touch", horizon_candles=4, barrier=2.0, unit="atr")


def _candles(bars: list[tuple[float, float, float, float]], missing: tuple[int, ...] = ()) -> Candles:
    kept = [i for i in range(len(bars)) if i not in missing]
    open_, high, low, close = (np.array([bars[i][k] for i in kept], dtype=np.float64) for k in range(4))
    times = START + 900 * np.array(kept, dtype=np.int64)
    return Candles("BTC", times, open_, high, low, close, np.ones(len(kept)))


def _one(event: Event, bars: list[tuple[float, float, float, float]], atr: float = 1.0) -> int:
    candles = _candles(bars)
    return int(realised(event, candles, np.array([atr]), np.array([0]))[0])


HERE = (100.0, 100.5, 99.5, 100.0)
QUIET = (100.0, 101.0, 99.0, 100.0)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([QUIET, (100.0, 102.0, 100.0, 101.0)], UP),
        ([QUIET, (100.0, 100.0, 98.0, 99.0)], DOWN),
        ([(100.0, 101.99, 98.01, 100.0)] * 4, FLAT),
        ([QUIET] * 4 + [(100.0, 110.0, 100.0, 110.0)], FLAT),
        ([QUIET] * 3, UNRESOLVED),
        ([], UNRESOLVED),
        ([(100.0, 102.0, 98.0, 100.0)], AMBIGUOUS),
        ([(102.5, 103.0, 97.0, 100.0)], UP),
        ([(97.5, 103.0, 97.0, 100.0)], DOWN),
    ],
    ids=[
        "exactly at the upper barrier",
        "exactly at the lower barrier",
        "just inside to the end",
        "a touch after the horizon",
        "horizon not over",
        "nothing later",
        "both in one candle",
        "opened above",
        "opened below",
    ],
)
def test_the_first_barrier_touched_within_the_horizon_is_the_class(
    later: list[tuple[float, float, float, float]], expected: int
) -> None:
    assert _one(TOUCH, [HERE, *later]) == expected


def test_a_barrier_may_be_a_fraction_of_the_close() -> None:
    event = TOUCH.model_copy(update={"barrier": 0.05, "unit": "fraction"})
    assert _one(event, [HERE, (100.0, 105.0, 100.0, 104.0)], atr=float("nan")) == UP
    assert _one(event, [HERE, (100.0, 104.9, 100.0, 104.0)], atr=float("nan")) == UNRESOLVED


@pytest.mark.parametrize("atr", [float("nan"), 0.0, float("inf")])
def test_a_slot_without_a_usable_atr_is_unresolved(atr: float) -> None:
    assert _one(TOUCH, [HERE, (100.0, 150.0, 50.0, 100.0), *[QUIET] * 3], atr=atr) == UNRESOLVED


@pytest.mark.parametrize(("last", "expected"), [(102.0, FLAT), (102.1, UP), (98.0, FLAT), (97.9, DOWN)])
def test_a_change_of_the_close_counts_only_beyond_the_barrier(last: float, expected: int) -> None:
    event = TOUCH.model_copy(update={"kind": "close_change"})
    assert _one(event, [HERE, *[(100.0, 120.0, 80.0, 100.0)] * 3, (100.0, 120.0, 80.0, last)]) == expected


def test_a_touch_before_a_missing_candle_is_known_and_one_after_it_is_not() -> None:
    up = (100.0, 102.0, 100.0, 101.0)
    rows, atr = np.array([0]), np.array([1.0])
    assert realised(TOUCH, _candles([HERE, up, QUIET, QUIET, QUIET], (2,)), atr, rows)[0] == UP
    assert realised(TOUCH, _candles([HERE, QUIET, QUIET, up, QUIET], (2,)), atr, rows)[0] == UNRESOLVED


def test_slots_without_a_candle_have_no_row_and_no_class() -> None:
    candles = _candles([HERE, QUIET, QUIET], (1,))
    slots = START + 900 * np.arange(5, dtype=np.int64)
    assert rows_of(candles, slots).tolist() == [-1, 0, -1, 1, -1]
    assert realised(TOUCH, candles, np.ones(5), rows_of(candles, slots)).tolist() == [UNRESOLVED] * 5
    assert rows_of(no_candles("BTC"), slots).tolist() == [-1] * 5
    assert realised(TOUCH, no_candles("BTC"), np.ones(5), np.full(5, -1)).tolist() == [UNRESOLVED] * 5


def test_as_many_values_of_atr_as_slots_are_needed() -> None:
    with pytest.raises(ValueError, match="1 values of ATR for 2 slots"):
        realised(TOUCH, _candles([HERE, QUIET]), np.ones(1), np.array([0, 1]))


def _walk(seed: int, size: int) -> tuple[Candles, Floats]:
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.01, size))), 1)
    open_ = np.where(rng.random(size) < 0.8, np.concatenate([[100.0], close[:-1]]), close + rng.normal(0, 2, size))
    high = np.maximum(open_, close) + np.abs(rng.normal(0, 0.5, size))
    low = np.minimum(open_, close) - np.abs(rng.normal(0, 0.5, size))
    times = START + 900 * np.cumsum(1 + (rng.random(size) < 0.05))  # some are missing
    return Candles("BTC", times, open_, high, low, close, np.ones(size)), np.abs(rng.normal(0.8, 0.3, size))


def _read_aloud(event: Event, candles: Candles, atr: float, row: int) -> int:
    """The definition, one candle at a time."""
    close = candles.close[row]
    barrier = event.barrier * (atr if event.unit == "atr" else close)
    for step in range(1, event.horizon_candles + 1):
        later = row + step
        if later >= len(candles) or candles.open_time[later] != candles.open_time[row] + 900 * step:
            return UNRESOLVED
        if event.kind == "close_change":
            continue
        up, down = candles.high[later] >= close + barrier, candles.low[later] <= close - barrier
        if candles.open[later] >= close + barrier:
            return UP
        if candles.open[later] <= close - barrier:
            return DOWN
        if up and down:
            return AMBIGUOUS
        if up or down:
            return UP if up else DOWN
    if event.kind == "close_change":
        change = candles.close[row + event.horizon_candles]
        return UP if change > close + barrier else DOWN if change < close - barrier else FLAT
    return FLAT


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["first_touch", "close_change"]),
    horizon=st.integers(1, 12),
    barrier=st.sampled_from([(1.0, "atr"), (2.0, "atr"), (0.015, "fraction")]),
)
def test_all_slots_at_once_are_as_each_read_aloud(
    seed: int, kind: str, horizon: int, barrier: tuple[float, str]
) -> None:
    event = Event(kind=kind, horizon_candles=horizon, barrier=barrier[0], unit=barrier[1])
    candles, atr = _walk(seed, 60)
    rows = np.arange(60, dtype=np.int64)
    expected = [_read_aloud(event, candles, float(atr[row]), row) for row in rows]
    assert realised(event, candles, atr, rows).tolist() == expected


@given(seed=st.integers(0, 2**32 - 1), row=st.integers(0, 40))
def test_nothing_later_than_the_horizon_is_looked_at(seed: int, row: int) -> None:
    candles, atr = _walk(seed, 60)
    cut = candles.at(slice(0, row + TOUCH.horizon_candles + 1))
    rows = np.array([row])
    assert realised(TOUCH, candles, atr[rows], rows) == realised(TOUCH, cut, atr[rows], rows)
